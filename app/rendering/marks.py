"""Marks and lettering on pictures, with OpenCV: shape says state, and an outline makes them seen on any ground.

Every function draws into RGB, or into RGBA whose colours are multiplied by alpha: OpenCV's blending at the edges of
what it draws is then right for both.
"""

import unicodedata
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.labels import Source, State

Colour = tuple[int, int, int]
Mark = Literal["dot", "ring", "cross", "diamond", "open diamond"]

SHIFT = 3  # OpenCV takes coordinates in 1 / 2**SHIFT pixels
BY_HAND: Colour = (255, 255, 255)
DARK: Colour = (20, 20, 20)
LIGHT: Colour = (235, 235, 235)
FONT = cv2.FONT_HERSHEY_SIMPLEX
CAPITAL = 21  # pixels that a capital letter is high at scale 1
LEAST_LETTERS = 7  # pixels: capitals that are lower cannot be read


def confidence_colours() -> NDArray[np.uint8]:
    """(256, 3) RGB of confidence 0 to 1: cividis, which is even in lightness and safe for colour-blind eyes."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_CIVIDIS))[:, 0, ::-1])


def confidence_colour(ramp: NDArray[np.uint8], confidence: float) -> Colour:
    """The colour of a cell; white where a person placed it, who has no confidence."""
    if np.isnan(confidence):
        return BY_HAND
    red, green, blue = ramp[round(float(np.clip(confidence, 0, 1)) * 255)].tolist()
    return red, green, blue


def mark_of(state: int, source: int) -> Mark:
    """A dot is visible, a ring occluded, a cross out of view; a diamond is an anchor, open where it is occluded."""
    if state == State.OUT_OF_VIEW:
        return "cross"
    if source == Source.ANCHOR:
        return "diamond" if state == State.VISIBLE else "open diamond"
    return "dot" if state == State.VISIBLE else "ring"


def draw_mark(image: NDArray[np.uint8], mark: Mark, xy: NDArray[np.float32], radius: float, colour: Colour) -> None:
    """Draw a mark at a position (2,) in pixels, (0, 0) in the centre of the first one."""
    x, y = fixed(np.asarray(xy, np.float32)).tolist()
    r = round(radius * (1 << SHIFT))
    line = max(1, round(radius / 5))
    for width, tone in ((line + 2 * max(1, int(radius / 10)), edge_of(colour)), (line, colour)):
        ink = (*tone, 255)
        filled = width == line
        if mark == "cross":
            cv2.line(image, (x - r, y - r), (x + r, y + r), ink, width, cv2.LINE_AA, SHIFT)
            cv2.line(image, (x - r, y + r), (x + r, y - r), ink, width, cv2.LINE_AA, SHIFT)
        elif mark in ("dot", "ring"):
            fill = cv2.FILLED if filled and mark == "dot" else width
            cv2.circle(image, (x, y), r, ink, fill, cv2.LINE_AA, SHIFT)
        else:
            corners = [np.array([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], np.int32)]
            if filled and mark == "diamond":
                cv2.fillPoly(image, corners, ink, cv2.LINE_AA, SHIFT)
            else:
                cv2.polylines(image, corners, True, ink, width, cv2.LINE_AA, SHIFT)


def edge_of(colour: Colour) -> Colour:
    """What a mark of this colour is outlined with, to be seen on any picture."""
    red, green, blue = colour
    return LIGHT if 0.299 * red + 0.587 * green + 0.114 * blue < 100 else DARK  # luma, BT.601


def fixed(xy: NDArray[np.float32]) -> NDArray[np.int32]:
    """Positions (..., 2) in OpenCV's fixed-point numbers; those that are not known come out as 0, 0."""
    # Far outside the picture OpenCV's fixed-point arithmetic would overflow.
    clipped = np.clip(np.nan_to_num(xy), -(2**15), 2**15)
    return np.rint(clipped * (1 << SHIFT)).astype(np.int32)


def shade(image: NDArray[np.uint8], left: int, top: int, width: int, height: int, strength: float = 0.62) -> None:
    """Darken a rectangle, so that what is written there can be read."""
    part = image[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    if part.size:
        ink = np.array((*DARK, 255)[: image.shape[2]], np.float32)
        part[:] = np.rint(part * (1 - strength) + ink * strength).astype(np.uint8)


def text_height(picture_height: int) -> float:
    """How high capitals are in a picture of this height."""
    return max(LEAST_LETTERS, picture_height / 54)


def text_width(text: str, height: float) -> int:
    """How wide a text is, in pixels."""
    (width, _), _ = cv2.getTextSize(_plain(text), FONT, height / CAPITAL, _pen(height))
    return int(width)


def write(
    image: NDArray[np.uint8], text: str, left: float, baseline: float, height: float, colour: Colour = LIGHT
) -> None:
    """Write a text with an outline; letters that the font lacks lose their accents or become question marks."""
    place, scale, pen = (round(left), round(baseline)), height / CAPITAL, _pen(height)
    for width, tone in ((pen + 2 * max(1, round(height / 10)), edge_of(colour)), (pen, colour)):
        cv2.putText(image, _plain(text), place, FONT, scale, (*tone, 255), width, cv2.LINE_AA)


def _pen(height: float) -> int:
    return max(1, round(height / 9))


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "replace").decode() if not text.isascii() else text
