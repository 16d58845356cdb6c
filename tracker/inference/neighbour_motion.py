"""Does a point move as the points around it do? Local affine motions, fitted robustly for all cells at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 8  # asked, of which LEAST must be there
LEAST = 6  # twice as many as an affine map follows whatever they do
FRAMES_AT_ONCE = 32
REWEIGHTINGS = 2
TOUCH = 2.0  # pixels: a spread of the neighbours below this tells nothing of turning and scaling
STIFFNESS = 0.01  # how much of the neighbours' spread speaks for all moving alike
TOLERANCE = 0.25  # pixels of noise

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Neighbours:
    """Whom to ask about each cell.

    Attributes:
        source: (F, K) the frame from which on the motions are compared; the cell's own frame for no comparison.
        rows: (R, n) columns of the neighbours, nearest first in no order; one's own for nobody.
        choice: (F, K) the row of `rows` for each cell.
    """

    source: Indices
    rows: Indices
    choice: Indices


def choose_neighbours(xy: Floats, usable: NDArray[np.bool_], source: Indices, reach: float) -> Neighbours:
    """The nearest usable tracks on the source frame of each cell.

    Args:
        xy: (F, K, 2) positions.
        usable: (F, K) whether a cell may speak for others.
        source: (F, K) frames to compare with.
        reach: how far away they may be there, in the unit of `xy`.
    """
    frames, tracks = usable.shape
    count = min(NEIGHBOURS, tracks - 1)
    pairs, choice = np.unique(source * tracks + np.arange(tracks), return_inverse=True)
    rows = np.empty((len(pairs), count), np.intp)
    first, columns = np.divmod(pairs, tracks)
    borders = np.flatnonzero(np.diff(first)) + 1
    for part in np.split(np.arange(len(pairs)), borders):
        if len(part):
            rows[part] = _nearest(xy[first[part[0]]], usable[first[part[0]]], columns[part], count, reach)
    return Neighbours(source, rows, choice.reshape(frames, tracks))


def _nearest(places: Floats, usable: NDArray[np.bool_], columns: Indices, count: int, reach: float) -> Indices:
    """(len(columns), count) the nearest usable columns; one's own where there are too few."""
    step = places[columns, None] - places[None]
    distance = np.einsum("kni,kni->kn", step, step)
    distance[:, ~usable] = np.inf
    distance[~(distance <= reach**2)] = np.inf  # NaN too
    distance[np.arange(len(columns)), columns] = np.inf
    found = np.argpartition(distance, count - 1, axis=1)[:, :count]
    reached = np.isfinite(np.take_along_axis(distance, found, axis=1))
    return np.where(reached, found, columns[:, None])


def motion_residuals(xy: Floats, usable: NDArray[np.bool_], neighbours: Neighbours) -> Floats:
    """How far each point is from where its neighbours say that it should be, beyond what they differ among themselves.

    From the source frame to the frame of the cell the neighbours' motion is described by an affine map, fitted by least
    squares with Cauchy weights and drawn to a mere shift where the neighbours lie close together. Neighbours on
    different things fit no such map: their own mean distance from it, with the same weights, is taken off.

    Args:
        xy: (F, K, 2) float32 positions.
        usable: (F, K) whether a cell may speak for others.

    Returns:
        (F, K) float32 in the unit of `xy`; NaN where fewer than 6 neighbours are known on both frames.
    """
    frames, tracks = usable.shape
    result = np.full((frames, tracks), np.nan, np.float32)
    x, y = np.ascontiguousarray(xy[..., 0]), np.ascontiguousarray(xy[..., 1])
    own = np.arange(tracks)
    for start in range(0, frames, FRAMES_AT_ONCE):
        part = slice(start, min(frames, start + FRAMES_AT_ONCE))
        source, moment = neighbours.source[part], np.arange(part.start, part.stop)[:, None]
        others = np.moveaxis(neighbours.rows[neighbours.choice[part]], -1, 0)  # (n, f, K)
        known = usable[source, others] & usable[moment, others] & (others != own)
        at_x, at_y = x[source, others] - x[source, own], y[source, others] - y[source, own]
        to_x, to_y = x[moment, others] - x[part] - at_x, y[moment, others] - y[part] - at_y
        known &= np.isfinite(at_x + to_x + at_y + to_y)
        for array in (at_x, at_y, to_x, to_y):
            array[~known] = 0
        residual = _intercept(at_x, at_y, to_x, to_y, known.astype(np.float32))
        told = (known.sum(0) >= LEAST) & (source != moment)
        result[part] = np.where(told & np.isfinite(x[part]), residual, np.nan)
    return result


def _intercept(at_x: Floats, at_y: Floats, to_x: Floats, to_y: Floats, known: Floats) -> Floats:
    """(f, K) the length of b in (to_x, to_y) = A (at_x, at_y) + b over the first axis, `known` being weights, less the
    spread about that fit, never below 0."""
    weight = known
    for last in (*(False,) * REWEIGHTINGS, True):
        total = weight.sum(0) + np.float32(1e-6)
        mean_x, mean_y = (weight * at_x).sum(0) / total, (weight * at_y).sum(0) / total
        mean_u, mean_v = (weight * to_x).sum(0) / total, (weight * to_y).sum(0) / total
        dx, dy = at_x - mean_x, at_y - mean_y
        wx, wy = weight * dx, weight * dy
        xx, xy, yy = (wx * dx).sum(0), (wx * dy).sum(0), (wy * dy).sum(0)
        stiff = STIFFNESS * (xx + yy) / 2 + total * TOUCH**2
        xx, yy = xx + stiff, yy + stiff
        scale = xx * yy - xy * xy
        ux, uy, vx, vy = ((a * b).sum(0) for a, b in ((wx, to_x), (wy, to_x), (wx, to_y), (wy, to_y)))
        a, b = (ux * yy - uy * xy) / scale, (uy * xx - ux * xy) / scale
        c, d = (vx * yy - vy * xy) / scale, (vy * xx - vx * xy) / scale
        shift_u, shift_v = mean_u - a * mean_x - b * mean_y, mean_v - c * mean_x - d * mean_y
        miss = np.hypot(to_x - a * at_x - b * at_y - shift_u, to_y - c * at_x - d * at_y - shift_v)
        spread = (weight * miss).sum(0) / total
        if not last:
            weight = known / (1 + (miss / (spread + np.float32(TOLERANCE))) ** 2)
    return np.maximum(0, np.hypot(shift_u, shift_v) - spread)
