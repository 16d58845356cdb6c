"""Which of four points is which corner of a plane."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Where the corners lie from the middle, y down: top-left, top-right, bottom-right, bottom-left.
DIRECTIONS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
THINNEST = 1e-6  # of a triangle of three of the points: its height over its longest side


def order_corners(quad: ArrayLike) -> NDArray[np.intp]:
    """Which of four points (4, 2), in pixels with y down, is which corner.

    Gives the indices (4,) of the top-left, top-right, bottom-right and bottom-left one.

    The points are taken round their middle, clockwise on screen, which leaves four ways to begin; the one is chosen
    in which the corners lie most nearly where their names say. The answer does not hang on the order of the points.

    Raises:
        ValueError: they are not four finite points, or three of them lie on one line.
    """
    points = np.asarray(quad, dtype=np.float64)
    if points.shape != (4, 2) or not np.isfinite(points).all():
        raise ValueError("a corner pin needs four points with finite positions")
    for left_out in range(4):
        if _thinness(np.delete(points, left_out, axis=0)) < THINNEST:
            raise ValueError("three of the four corners lie on one line, or two in one place: they span no plane")
    first = np.lexsort(points.T)  # so that ties are broken alike for every order
    offsets = points[first] - points.mean(axis=0)
    around = np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]), kind="stable")
    fits = [(np.roll(offsets[around], -k, axis=0) * DIRECTIONS).sum() for k in range(4)]
    return first[np.roll(around, -int(np.argmax(fits)))]


def _thinness(triangle: NDArray[np.float64]) -> float:
    """The height of a triangle (3, 2) over its longest side, 0 for one without a side."""
    sides = triangle - np.roll(triangle, 1, axis=0)
    longest = float((sides**2).sum(axis=1).max())
    twice_area = abs(sides[0, 0] * sides[1, 1] - sides[0, 1] * sides[1, 0])
    return float(twice_area) / longest if longest > 0 else 0.0
