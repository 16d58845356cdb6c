"""Positions that are worked out of others: between known ones, and along another track."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracker.labels.table import Cells, Source, State

Method = Literal["linear", "cubic"]


def between(frames: NDArray[np.intp], known: NDArray[np.intp], xy: NDArray[np.floating], method: Method) -> NDArray:
    """(F, 2) positions on `frames`, all of which lie between the first and the last of the (K,) ascending `known` ones.

    "linear" joins the (K, 2) positions by straight lines, "cubic" by Hermite curves whose velocity at each position is
    that of the parabola through it and its two neighbours (Bessel's tangents); straight at both ends.
    """
    places = np.clip(np.searchsorted(known, frames, side="right") - 1, 0, len(known) - 2)
    times, xy = known.astype(np.float64), xy.astype(np.float64)
    length = (times[places + 1] - times[places])[:, None]
    s = (frames - times[places])[:, None] / length
    first, second = xy[places], xy[places + 1]
    if method == "linear":
        return first + s * (second - first)
    steps = np.diff(times)[:, None]
    slopes = np.diff(xy, axis=0) / steps
    inner = (slopes[:-1] * steps[1:] + slopes[1:] * steps[:-1]) / (steps[:-1] + steps[1:])
    velocity = np.concatenate([slopes[:1], inner, slopes[-1:]])
    return (
        (1 + 2 * s) * (1 - s) ** 2 * first
        + s * (1 - s) ** 2 * length * velocity[places]
        + s**2 * (3 - 2 * s) * second
        + s**2 * (s - 1) * length * velocity[places + 1]
    )


def placed(cells: Cells) -> NDArray[np.bool_]:
    """(F, K) whether a cell is labelled, in view and has a position."""
    seen = (cells.state == State.VISIBLE) | (cells.state == State.OCCLUDED)
    where: NDArray[np.bool_] = seen & np.isfinite(cells.xy).all(axis=2)
    return where


def put_interpolated(cells: Cells, rows: NDArray[np.intp], column: int, xy: NDArray[np.floating]) -> None:
    """Write visible cells at (R, 2) positions that no tracker and no person gave."""
    empty = Cells.empty(1, 1)
    for name, array in cells.arrays().items():
        array[rows, column] = getattr(empty, name)[0, 0]
    cells.xy[rows, column] = xy
    cells.state[rows, column] = State.VISIBLE
    cells.source[rows, column] = Source.INTERPOLATED
