"""The legend that is burnt into pictures: what colours and shapes say."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.rendering.marks import BY_HAND, LIGHT, Mark, confidence_colours, draw_mark, shade, text_width, write

SHAPES: tuple[tuple[Mark, str], ...] = (
    ("dot", "visible"),
    ("ring", "occluded"),
    ("cross", "out of view"),
    ("diamond", "placed by hand"),
)
LARGEST = 0.45  # part of the picture's width and height that the legend may take


class Place(NamedTuple):
    """Where a legend is, in pixels, and how high its letters are."""

    left: int
    top: int
    width: int
    height: int
    letters: float

    def covered(self, xy: NDArray[np.float32]) -> int:
        """How many of the positions (..., 2) it hides."""
        x, y = xy[..., 0] - self.left, xy[..., 1] - self.top
        return int(((x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)).sum())


def place_legend(size_wh: tuple[int, int], letters: float, ramp: bool, xy: NDArray[np.float32]) -> Place:
    """The corner where a legend hides the fewest positions (..., 2) of a whole movie; the upper left is not for it.

    Args:
        letters: how high they are to be; they are smaller where the picture has no room for that.
        ramp: with the colours of confidence.
    """
    box = _box(letters, ramp)
    room = min(1.0, *(LARGEST * side / wanted for side, wanted in zip(size_wh, box, strict=True)))
    width, height = (round(side * room) for side in box)
    margin = round(letters * room)
    right, low = size_wh[0] - margin - width, size_wh[1] - margin - height
    corners = ((margin, low), (right, low), (right, margin))
    places = [Place(left, top, width, height, letters * room) for left, top in corners]
    return min(places, key=lambda place: place.covered(xy))


def draw_legend(image: NDArray[np.uint8], place: Place, ramp: bool) -> None:
    """Draw the legend; `ramp`: with the colours of confidence."""
    left, top, width, height, size = place
    shade(image, left, top, width, height)
    y = top + 1.2 * size
    if ramp:
        y = _draw_ramp(image, left + 1.2 * size, y, width - 2.4 * size, size)
    for mark, word in SHAPES:
        middle = np.array([left + 2 * size, y + size / 2], np.float32)
        draw_mark(image, mark, middle, size * 0.42, BY_HAND if mark == "diamond" else (255, 213, 79))
        write(image, word, left + 3.6 * size, y + size, size)
        y += 2 * size


def _box(size: float, ramp: bool) -> tuple[float, float]:
    widest = max(text_width(word, size) for _, word in SHAPES)
    return widest + 4.8 * size, (2 * len(SHAPES) + 1.4 + (5.2 if ramp else 0)) * size


def _draw_ramp(image: NDArray[np.uint8], left: float, top: float, width: float, size: float) -> float:
    """The colours of confidence with numbers; gives where what follows begins."""
    write(image, "confidence", left, top + size, size)
    colours = confidence_colours()
    first, last = round(left), round(left + width)
    rows = slice(round(top + 1.6 * size), round(top + 2.6 * size))
    across = np.linspace(0, 255, max(1, last - first)).round().astype(int)
    image[rows, first:last, :3] = colours[across]
    image[rows, first:last, 3:] = 255
    for value, text in ((0.0, "0"), (0.5, "0.5"), (1.0, "1")):
        wide = text_width(text, size * 0.85)
        write(image, text, left + (width - wide) * value, top + 4.0 * size, size * 0.85, LIGHT)
    return top + 5.2 * size
