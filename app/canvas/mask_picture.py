"""A mask as it is seen on screen: a wash of its colour, a crisp outline, hatches where it is a garbage matte."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from app import theme
from app.canvas.brush import Area, Bitmap
from app.canvas.mapping import Mapping

WASH = 0.4  # opacity inside
WASH_OF_OTHERS = 0.22  # … of masks that are not worked on
HATCH = 0.7  # … of the lines of a matte
HATCH_EVERY, HATCH_WIDTH = 9, 3  # logical pixels
DASH = 5  # logical pixels, of the outline of a mask that is only held
PAD = 3  # device pixels that an outline may reach beyond the pixel that it belongs to

NOTHING, INSIDE, HATCHED, LINE, DARK = range(5)


@dataclass(frozen=True)
class Style:
    """How one mask is drawn.

    Attributes:
        colour: red, green, blue, 0..255.
        matte: hatched.
        held: painted on an earlier frame: its outline is dashed.
        active: the one that is worked on: stronger.
    """

    colour: tuple[int, int, int]
    matte: bool
    held: bool
    active: bool


class MaskPicture:
    """The visible part of a bitmap, drawn once for a place on screen.

    Attributes:
        left, top: where `pixels` lie in device pixels of the viewport.
        pixels: (h, w) uint32 premultiplied ARGB.
    """

    def __init__(
        self, bitmap: Bitmap, style: Style, mapping: Mapping, size: tuple[int, int], ratio: float, whole: bool = False
    ) -> None:
        """
        Args:
            size: (width, height) of the viewport in device pixels; `ratio` of them make a logical pixel.
            whole: keep room for all of the picture, because more will be painted.
        """
        self._mapping, self._ratio, self._size = mapping, ratio, size
        self._style = style
        height, width = bitmap.shape
        area = (0, 0, width, height) if whole else _bounds(bitmap)
        self.left, self.top, right, bottom = self._on_screen(area)
        self.pixels = np.zeros((max(0, bottom - self.top), max(0, right - self.left)), np.uint32)
        self._draw(bitmap, self.left, self.top, right, bottom)

    def redraw(self, bitmap: Bitmap, area: Area) -> Area:
        """An area of the bitmap is other now. Gives what is other on screen, in device pixels of the viewport."""
        left, top, right, bottom = self._on_screen(area)
        left, top = max(left, self.left), max(top, self.top)
        right, bottom = min(right, self.left + self.pixels.shape[1]), min(bottom, self.top + self.pixels.shape[0])
        self._draw(bitmap, left, top, right, bottom)
        return left, top, right, bottom

    def _on_screen(self, area: Area) -> Area:
        """The device pixels that show an area of the picture, with its outline, cut to the viewport."""
        left, top, right, bottom = area
        scale, ratio = self._mapping.scale, self._ratio
        x0 = (self._mapping.offset_x + (left - 0.5) * scale) * ratio
        y0 = (self._mapping.offset_y + (top - 0.5) * scale) * ratio
        x1, y1 = x0 + (right - left) * scale * ratio, y0 + (bottom - top) * scale * ratio
        width, height = self._size
        return (
            int(max(0, np.floor(x0) - PAD)),
            int(max(0, np.floor(y0) - PAD)),
            int(min(width, np.ceil(x1) + PAD)),
            int(min(height, np.ceil(y1) + PAD)),
        )

    def _draw(self, bitmap: Bitmap, left: int, top: int, right: int, bottom: int) -> None:
        if left >= right or top >= bottom:
            return
        # A margin, so that the outline is the same as if all were drawn at once.
        columns = self._sampled(np.arange(left - PAD, right + PAD), self._mapping.offset_x)
        rows = self._sampled(np.arange(top - PAD, bottom + PAD), self._mapping.offset_y)
        inside = _sample(bitmap, rows, columns)
        codes = self._codes(inside, left - PAD, top - PAD)[PAD:-PAD, PAD:-PAD]
        target = self.pixels[top - self.top : bottom - self.top, left - self.left : right - self.left]
        np.take(_shades(self._style), codes, out=target, mode="clip")  # without a check of each code

    def _sampled(self, device: NDArray[np.int64], offset: float) -> NDArray[np.int64]:
        """Which pixel of the picture the middle of a device pixel shows, along one axis."""
        return np.rint(((device + 0.5) / self._ratio - offset) / self._mapping.scale).astype(np.int64)

    def _codes(self, inside: NDArray[np.uint8], left: int, top: int) -> NDArray[np.uint8]:
        thin = np.ones((3, 3), np.uint8)
        wide = np.ones((5, 5), np.uint8)
        border = {"borderType": cv2.BORDER_CONSTANT, "borderValue": 0}
        core = cv2.erode(inside, wide if self._style.active or self._ratio > 1 else thin, **border)  # type: ignore[call-overload]
        dark = cv2.dilate(inside, thin, **border)  # type: ignore[call-overload]
        dark -= inside
        line = inside - core
        codes = inside  # INSIDE is 1
        if self._style.matte:
            codes = codes + (inside & self._slanted(inside.shape, left, top, 1, HATCH_EVERY, HATCH_WIDTH))
        if self._style.held:
            dashes = self._slanted(inside.shape, left, top, 2, 2 * DASH, DASH)
            line &= dashes
            dark &= dashes
        # The higher code wins, and only what is outside is dark.
        return np.maximum(np.maximum(codes, line * np.uint8(LINE)), dark * np.uint8(DARK))

    def _slanted(
        self, shape: tuple[int, ...], left: int, top: int, slope: int, period: int, width: int
    ) -> NDArray[np.uint8]:
        """(h, w) uint8 1 on stripes of `width` every `period` logical pixels, else 0; they move with the picture."""
        height, across = shape
        offset = left * slope + top - round((self._mapping.offset_x * slope + self._mapping.offset_y) * self._ratio)
        steps = (np.arange(height + slope * across) + offset) % max(2, round(period * self._ratio))
        on = (steps < width * self._ratio).astype(np.uint8)
        # Each line is the one above, moved on: no need to work them all out.
        return as_strided(on, shape=(height, across), strides=(1, slope), writeable=False)


def _sample(bitmap: Bitmap, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(h, w) uint8 0 or 1 at ascending rows and columns; those beyond the bitmap are outside."""
    height, width = bitmap.shape
    top, bottom = np.searchsorted(rows, [0, height])
    left, right = np.searchsorted(columns, [0, width])
    out = np.zeros((len(rows), len(columns)), np.uint8)
    if top < bottom and left < right:
        lines = bitmap.view(np.uint8)[rows[top:bottom]]
        out[top:bottom, left:right] = np.take(lines, columns[left:right], axis=1)
    return out


def _bounds(bitmap: Bitmap) -> Area:
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _shades(style: Style) -> NDArray[np.uint32]:
    """(5,) uint32 premultiplied ARGB of each code."""
    wash = WASH if style.active else WASH_OF_OTHERS
    return np.array(
        [
            0,
            _premultiplied(style.colour, wash),
            _premultiplied(style.colour, HATCH if style.active else HATCH * 0.75),
            _premultiplied(style.colour, 1.0),
            _premultiplied(theme.OUTLINE, 0.75),
        ],
        dtype=np.uint32,
    )


def _premultiplied(colour: tuple[int, int, int], opacity: float) -> int:
    red, green, blue = (round(channel * opacity) for channel in colour)
    return round(255 * opacity) << 24 | red << 16 | green << 8 | blue
