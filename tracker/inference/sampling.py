"""Where to put points: grids, inside masks, SIFT keypoints, Shi-Tomasi corners, at random.

All functions give (K, 2) float32 x, y in pixels, (0, 0) = the centre of the top-left pixel. Masks are (H, W), non-zero
inside, of the size of the frame; every point lies on a pixel inside. `spacing` is the least distance between two points
in pixels, 0 for none.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

METHODS = ("grid", "sift", "corners", "random")

GRID_WIDTH, GRID_HEIGHT = 512, 384  # the model's own picture, in which its grids are defined
GRID_MARGIN = GRID_WIDTH / 64
CORNER_QUALITY = 0.01  # of the strongest corner
RANDOM_TRIES = 30  # candidates per point wanted, where points must keep a distance

Points = NDArray[np.float32]
Mask = NDArray[np.generic]


def grid_points(width: int, height: int, n: int, mask: Mask | None = None) -> Points:
    """The n × n grid of CoTracker over a frame of this size: row by row, 1/64 of the width inside the border.

    Raises:
        ValueError: n is below 1, or no point lies inside the mask.
    """
    if n < 1:
        raise ValueError(f"a grid needs at least 1 × 1 points, not {n}")
    xs, ys = (
        np.linspace(GRID_MARGIN, side - GRID_MARGIN, n) if n > 1 else np.array([side / 2])
        for side in (GRID_WIDTH, GRID_HEIGHT)
    )
    x, y = np.meshgrid(xs * (width - 1) / (GRID_WIDTH - 1), ys * (height - 1) / (GRID_HEIGHT - 1))
    return _inside(_points(x, y), width, height, mask)


def sample_points(
    image: NDArray[np.uint8], method: str, count: int, *, spacing: float = 0, mask: Mask | None = None, seed: int = 0
) -> Points:
    """Up to `count` points on an RGB frame (H, W, 3) uint8; fewer where there is no more to find or no more room.

    Args:
        method: "grid" spreads them evenly, "sift" takes the strongest keypoints (Lowe 2004), "corners" those of Shi and
            Tomasi 1994, "random" draws them evenly with `seed`.

    Raises:
        ValueError: the mask is empty or of another size, `count` is below 1, nothing was found, or no such method.
    """
    return choose_points(find_points(image, method, mask), count, spacing=spacing, seed=seed)


@dataclass(frozen=True)
class Found:
    """Where a frame offers places for points: the slow half of sampling.

    Attributes:
        area: (H, W) bool, where points may lie.
        points: (K, 2) float32 keypoints or corners inside, the strongest first; None for "grid" and "random".
    """

    method: str
    area: NDArray[np.bool_]
    points: Points | None = None


def find_points(image: NDArray[np.uint8], method: str, mask: Mask | None = None) -> Found:
    """Look for places on an RGB frame (H, W, 3) uint8, to choose from with `choose_points`.

    Raises:
        ValueError: the mask is empty or of another size, nothing was found, or there is no such method.
    """
    if method not in METHODS:
        raise ValueError(f"there is no sampling method {method!r}; there are {', '.join(METHODS)}")
    area = _area(image.shape[1], image.shape[0], mask)
    if method in ("grid", "random"):
        return Found(method, area)
    grey: NDArray[np.uint8] = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    allowed = area.astype(np.uint8) * 255
    points = _sift(grey, allowed) if method == "sift" else _corners(grey, allowed)
    # A detector looks at the pixel where a blob or corner is largest; its refined place may be on the next one.
    points = _on_area(points, area)
    if len(points) == 0:
        raise ValueError(f"no {'SIFT keypoints' if method == 'sift' else 'corners'} found: there is no texture here")
    return Found(method, area, points)


def choose_points(found: Found, count: int, *, spacing: float = 0, seed: int = 0) -> Points:
    """Up to `count` of the places that were found: the quick half of sampling.

    Raises:
        ValueError: `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"the number of points must be at least 1, not {count}")
    if found.method == "grid":
        return _even_grid(found.area, count, spacing)
    if found.points is None:
        return _random(found.area, count, spacing, seed)
    return _thin(found.points, count, spacing)


def _points(x: NDArray[Any], y: NDArray[Any]) -> Points:
    return np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)


def _spaced(width: int, height: int, spacing: float) -> Points:
    counts = (int((side - 1) // spacing) + 1 for side in (width, height))
    xs, ys = (spacing * (np.arange(n) - (n - 1) / 2) for n in counts)
    return _points(*np.meshgrid(xs + (width - 1) / 2, ys + (height - 1) / 2))


def _pixels(points: Points) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the pixel that each point lies in (half to even, as in CoTracker)."""
    columns, rows = np.rint(points).astype(np.intp).T
    return rows, columns


def _on_area(points: Points, area: NDArray[np.bool_]) -> Points:
    """Those that lie on a pixel of the area."""
    rows, columns = _pixels(points)
    rows, columns = np.clip(rows, 0, area.shape[0] - 1), np.clip(columns, 0, area.shape[1] - 1)
    return points[area[rows, columns]]


def _area(width: int, height: int, mask: Mask | None) -> NDArray[np.bool_]:
    if mask is None:
        return np.ones((height, width), bool)
    if mask.shape != (height, width):
        raise ValueError(f"the mask has shape {mask.shape}, but the frame is {width} × {height} pixels")
    area = mask.astype(bool)
    if not area.any():
        raise ValueError("the mask is empty")
    return area


def _inside(points: Points, width: int, height: int, mask: Mask | None) -> Points:
    if mask is None:
        return points
    kept = points[_area(width, height, mask)[_pixels(points)]]
    if len(kept) == 0:
        raise ValueError("no point of the grid lies inside the mask: take a finer grid")
    return kept


def _even_grid(area: NDArray[np.bool_], count: int, spacing: float) -> Points:
    """The first of ever coarser square grids that has at most `count` points inside the area."""
    height, width = area.shape
    step = max(spacing, 0.8 * (np.count_nonzero(area) / count) ** 0.5)
    while True:
        points = _spaced(width, height, step)
        points = points[area[_pixels(points)]]
        if len(points) == 0:  # every point of the grid falls beside a small area
            return _random(area, count, spacing, seed=0)
        if len(points) <= count:
            return points
        step *= 1.02


def _random(area: NDArray[np.bool_], count: int, spacing: float, seed: int) -> Points:
    """Evenly over the pixels of the area."""
    random = np.random.default_rng(seed)
    pixels = np.flatnonzero(area)
    drawn = random.choice(pixels, count * (RANDOM_TRIES if spacing > 0 else 1))
    rows, columns = np.unravel_index(drawn, area.shape)
    points = _points(columns, rows) + random.uniform(-0.5, 0.5, (len(drawn), 2)).astype(np.float32)
    limits = np.array([area.shape[1] - 1, area.shape[0] - 1], np.float32)
    return _thin(_on_area(np.clip(points, 0, limits), area), count, spacing)


def _sift(grey: NDArray[np.uint8], allowed: NDArray[np.uint8]) -> Points:
    """Keypoints, the strongest first."""
    keypoints = cv2.SIFT.create().detect(grey, allowed)
    keypoints = sorted(keypoints, key=lambda k: (-k.response, k.pt))
    # One place may hold several keypoints of different orientation.
    return np.array(list(dict.fromkeys(k.pt for k in keypoints)), np.float32).reshape(-1, 2)


def _corners(grey: NDArray[np.uint8], allowed: NDArray[np.uint8]) -> Points:
    """Corners, the strongest first."""
    found = cv2.goodFeaturesToTrack(grey, 0, CORNER_QUALITY, 1, mask=allowed)
    return np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2).astype(np.float32)


def _thin(points: Points, count: int, spacing: float) -> Points:
    """The first `count` points that keep `spacing` from all that were taken before them."""
    if spacing <= 0:
        return points[:count]
    taken: list[int] = []
    cells: dict[tuple[int, int], list[int]] = {}
    for i, (x, y) in enumerate(points.tolist()):
        column, row = int(x // spacing), int(y // spacing)
        near = [j for dx in (-1, 0, 1) for dy in (-1, 0, 1) for j in cells.get((column + dx, row + dy), ())]
        if near and (np.square(points[near] - points[i]).sum(axis=1) < spacing**2).any():
            continue
        cells.setdefault((column, row), []).append(i)
        taken.append(i)
        if len(taken) == count:
            break
    return points[taken]
