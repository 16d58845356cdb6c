"""Tracks burnt into a picture with OpenCV: colour says confidence, shape says state, trails fade."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.labels import Source, State, TrackFile

SHIFT = 3  # OpenCV takes coordinates in 1 / 2**SHIFT pixels
TRAIL_STEPS = 6  # shades of a fading trail
BY_HAND = (255, 255, 255)
DARK, LIGHT = (20, 20, 20), (235, 235, 235)


def confidence_colours() -> NDArray[np.uint8]:
    """(256, 3) RGB of confidence 0 to 1: cividis, which is even in lightness and safe for colour-blind eyes."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return np.ascontiguousarray(np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_CIVIDIS))[:, 0, ::-1])


class Overlay:
    """Draws the tracks of one video into its frames."""

    def __init__(self, tracks: TrackFile, trail: int = 20, size: float = 4.0, names: bool = False) -> None:
        """
        Args:
            trail: length of the trails in frames.
            size: radius of the marks in pixels.
            names: write the names beside the marks.
        """
        self._tracks, self._trail, self._size, self._names = tracks, trail, size, names
        self._ramp = confidence_colours()
        self._located = tracks.located

    def draw(self, picture: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        """Frame `index` (H, W, 3) uint8 RGB with the tracks in it, as a copy."""
        image = picture.copy()
        shown = np.flatnonzero(self._tracks.state[:, index] != State.UNLABELLED).tolist()
        colours = {n: self._colour(n, index) for n in shown}
        self._draw_trails(image, index, colours)
        for n, colour in colours.items():
            self._draw_mark(image, n, index, colour)
        return image

    def _colour(self, n: int, index: int) -> tuple[int, int, int]:
        confidence = self._tracks.confidence[n, index] * self._tracks.visibility[n, index]
        if np.isnan(confidence):
            return BY_HAND
        red, green, blue = self._ramp[round(float(np.clip(confidence, 0, 1)) * 255)].tolist()
        return red, green, blue

    def _draw_trails(self, image: NDArray[np.uint8], index: int, colours: dict[int, tuple[int, int, int]]) -> None:
        """Older pieces first, each blended once more with those before it, so that the oldest are the faintest."""
        first = max(0, index - self._trail)
        edges = np.unique(np.linspace(first, index, TRAIL_STEPS + 1).round().astype(int)).tolist()
        for step, (start, end) in enumerate(pairwise(edges), start=1):
            layer = image.copy()
            for n, colour in colours.items():
                whole = self._located[n, start : end + 1]
                points = _fixed(self._tracks.xy[n, start : end + 1])
                for piece in np.flatnonzero(whole[:-1] & whole[1:]).tolist():
                    if points[piece] != points[piece + 1]:  # a point that rests would get a blot
                        cv2.line(layer, points[piece], points[piece + 1], colour, 2, cv2.LINE_AA, SHIFT)
            alpha = step / len(edges)
            cv2.addWeighted(layer, alpha, image, 1 - alpha, 0, dst=image)

    def _draw_mark(self, image: NDArray[np.uint8], n: int, index: int, colour: tuple[int, int, int]) -> None:
        xy = self._tracks.xy[n, index]
        if not np.isfinite(xy).all():
            return
        state = self._tracks.state[n, index]
        limits = np.array([image.shape[1] - 1, image.shape[0] - 1], np.float32)
        # Out of view is marked at the border where the point is beyond.
        x, y = _fixed(np.clip(xy, 0, limits)[None])[0]
        radius = round(self._size * (1 << SHIFT))
        for width, ink in ((3, _edge(colour)), (1, colour)):
            if state == State.OUT_OF_VIEW:
                cv2.line(image, (x - radius, y - radius), (x + radius, y + radius), ink, width, cv2.LINE_AA, SHIFT)
                cv2.line(image, (x - radius, y + radius), (x + radius, y - radius), ink, width, cv2.LINE_AA, SHIFT)
            elif self._tracks.source[n, index] == Source.ANCHOR:
                corners = [(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)]
                _polygon(image, corners, ink, width, filled=width == 1 and state == State.VISIBLE)
            else:
                filled = width == 1 and state == State.VISIBLE
                cv2.circle(image, (x, y), radius, ink, cv2.FILLED if filled else width, cv2.LINE_AA, SHIFT)
        if self._names:
            self._draw_name(image, n, (x >> SHIFT, y >> SHIFT))

    def _draw_name(self, image: NDArray[np.uint8], n: int, at: tuple[int, int]) -> None:
        place = at[0] + round(self._size) + 3, at[1] - round(self._size)
        for width, ink in ((3, DARK), (1, LIGHT)):
            cv2.putText(image, self._tracks.names[n], place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, ink, width, cv2.LINE_AA)


def _edge(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """What a mark of this colour is outlined with, to be seen on any picture."""
    red, green, blue = colour
    return LIGHT if 0.299 * red + 0.587 * green + 0.114 * blue < 100 else DARK  # luma, BT.601


def _polygon(
    image: NDArray[np.uint8], corners: list[tuple[int, int]], ink: tuple[int, int, int], width: int, filled: bool
) -> None:
    points = [np.array(corners, np.int32)]
    if filled:
        cv2.fillPoly(image, points, ink, cv2.LINE_AA, SHIFT)
    else:
        cv2.polylines(image, points, True, ink, width, cv2.LINE_AA, SHIFT)


def _fixed(xy: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Positions in OpenCV's fixed-point numbers; those that are not known come out as 0, 0."""
    # Far outside the picture OpenCV's fixed-point arithmetic would overflow.
    clipped = np.clip(np.nan_to_num(xy), -(2**15), 2**15)
    return [(int(x), int(y)) for x, y in np.rint(clipped * (1 << SHIFT)).astype(np.int64)]
