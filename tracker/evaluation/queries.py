"""From ground-truth tracks to the points that a tracker is asked for (TAP-Vid, section 3: "query first", "strided")."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.metrics import QueryMode

STRIDE = 5  # frames between the queries of a track in the strided mode


@dataclass(frozen=True)
class SampledQueries:
    """M queries, and the track that each of them is to give.

    Attributes:
        query_points: (M, 3) t, y, x; y before x, as in the benchmark.
        target_points: (M, T, 2) x, y.
        occluded: (M, T) bool.
        trackgroup: (M,) which of the given tracks each is from.
    """

    query_points: NDArray[np.float64]
    target_points: NDArray[Any]
    occluded: NDArray[np.bool_]
    trackgroup: NDArray[np.int64]


def sample_queries(
    occluded: NDArray[np.bool_], points: NDArray[Any], mode: QueryMode, stride: int = STRIDE
) -> SampledQueries:
    """Choose queries of N tracks over T frames.

    Args:
        occluded: (N, T) bool; what is not labelled counts as occluded here.
        points: (N, T, 2) x, y, in any unit.
        mode: "first" takes the first visible frame of each track that has one. "strided" takes every visible point on
            frames 0, stride, 2 stride ..., ordered by frame and then by track.

    Raises:
        ValueError: an unknown mode.
    """
    visible = ~occluded
    if mode == "first":
        rows = np.flatnonzero(visible.any(axis=1))
        times = visible[rows].argmax(axis=1) if len(rows) else rows
    elif mode == "strided":
        moments, rows = np.nonzero(visible[:, ::stride].T)
        times = moments * stride
    else:
        raise ValueError(f"query mode {mode!r} is neither first nor strided")
    places = points[rows, times].astype(np.float64)
    return SampledQueries(
        np.column_stack([times.astype(np.float64), places[:, ::-1]]), points[rows], occluded[rows], rows
    )
