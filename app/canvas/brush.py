"""A stroke of the brush on a bitmap: exact, and only as large as what it touches."""

import numpy as np
from numpy.typing import NDArray

Bitmap = NDArray[np.bool_]
Area = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the picture, right and bottom exclusive

SMALLEST, LARGEST = 1.0, 2000.0
STEP = 1.2


def stepped_size(size: float, steps: float) -> float:
    """A brush so many steps larger or smaller, in whole pixels, and at least one pixel other per whole step."""
    wanted = round(size * STEP**steps)
    if abs(steps) >= 1 and wanted == round(size):
        wanted += 1 if steps > 0 else -1
    return float(min(LARGEST, max(SMALLEST, wanted)))


class Stroke:
    """Paints a path of discs into a bitmap, or wipes it away.

    A pixel is touched when its centre is within half of `size` of the path; a brush below 1.5 pixels touches single
    pixels, without gaps.

    Attributes:
        bitmap: (H, W) bool, a copy of what was there, changed as the stroke goes on.
    """

    def __init__(self, before: Bitmap, size: float, paints: bool) -> None:
        self.bitmap: Bitmap = before.copy()
        self._fine = size < 1.5
        self._radius = max(size / 2, 0.5)
        self._paints = paints
        self._last: tuple[float, float] | None = None

    def to(self, x: float, y: float) -> Area | None:
        """Go on to a position in pixels of the picture, straight. Gives what may have changed, None for nothing."""
        if self._fine:
            x, y = float(np.rint(x)), float(np.rint(y))
        start = self._last or (x, y)
        self._last = (x, y)
        area = self._reach(start, (x, y))
        if area is not None:
            left, top, right, bottom = area
            near = _distance_squared(area, start, (x, y)) <= self._radius**2 + 1e-6
            part = self.bitmap[top:bottom, left:right]
            part[near] = self._paints
        return area

    def _reach(self, a: tuple[float, float], b: tuple[float, float]) -> Area | None:
        height, width = self.bitmap.shape
        left = max(0, int(np.floor(min(a[0], b[0]) - self._radius)))
        top = max(0, int(np.floor(min(a[1], b[1]) - self._radius)))
        right = min(width, int(np.ceil(max(a[0], b[0]) + self._radius)) + 1)
        bottom = min(height, int(np.ceil(max(a[1], b[1]) + self._radius)) + 1)
        return (left, top, right, bottom) if left < right and top < bottom else None


def _distance_squared(area: Area, a: tuple[float, float], b: tuple[float, float]) -> NDArray[np.float32]:
    """(h, w) of the pixel centres of an area to the line from a to b."""
    left, top, right, bottom = area
    x = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(a[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(a[1])
    dx, dy = np.float32(b[0] - a[0]), np.float32(b[1] - a[1])
    length = dx * dx + dy * dy
    if length == 0:
        return np.asarray(x * x + y * y, dtype=np.float32)
    along = np.clip((x * dx + y * dy) / length, 0, 1)
    return np.asarray((x - along * dx) ** 2 + (y - along * dy) ** 2, dtype=np.float32)
