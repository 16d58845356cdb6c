"""The metrics of TAPVid-3D (Koppula et al., "TAPVid-3D: A Benchmark for Tracking Any Point in 3D", 2024, section 4)."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracker.evaluation.metrics import THRESHOLDS, score, squared_distance

Scaling = Literal["median", "mean", "none", "per_trajectory", "median_on_queries", "reproduce_2d", "local_neighborhood"]
FIXED_THRESHOLDS = (0.01, 0.04, 0.16, 0.64, 2.56)  # metres
NEIGHBOURHOOD = 0.05  # metres

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def tapvid3d_metrics(
    gt_occluded: ArrayLike,
    gt_tracks: ArrayLike,
    pred_occluded: ArrayLike,
    pred_tracks: ArrayLike,
    intrinsics: ArrayLike,
    *,
    scaling: Scaling = "median",
    fixed: bool = False,
    query_points: ArrayLike | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Scores of N tracks over T frames of one video, over all frames.

    Args:
        gt_occluded, pred_occluded: (N, T) bool.
        gt_tracks, pred_tracks: (N, T, 3) metres in the camera's frame.
        intrinsics: (fx, fy, cx, cy) of a picture whose shorter side is 256 pixels.
        scaling: how the prediction's unknown scale is found. "median" and "mean": from the distances of points visible
            in both truth and prediction; "none": as it is; "per_trajectory": from the depth at each track's query;
            "median_on_queries": from the distances of points visible in both at their queries; "reproduce_2d": from
            the depth of each point; "local_neighborhood": as per_trajectory, and each track is scored with the points
            that are near it on the same frame.
        fixed: thresholds in metres, else in pixels at the point's depth.
        query_points: (N, 3) t, y, x, where the scaling looks at queries.

    Returns:
        Names as `tapvid_metrics`, whose `average_pts_within_thresh` is called APD here. Shape (1,), with
        "local_neighborhood" (N,).

    Raises:
        ValueError: an unknown scaling, or one that needs queries and has none.
    """
    truth, guess = np.asarray(gt_tracks, np.float64), np.asarray(pred_tracks, np.float64)
    hidden, called_hidden = np.asarray(gt_occluded, bool), np.asarray(pred_occluded, bool)
    if scaling not in get_args(Scaling):
        raise ValueError(f"scaling {scaling!r} is none of {', '.join(get_args(Scaling))}")
    times = _query_times(query_points, scaling)
    guess = guess * _scale(truth, guess, ~hidden & ~called_hidden, scaling, times)
    fx, fy = np.asarray(intrinsics, np.float64)[:2]
    thresholds: list[Any] = list(FIXED_THRESHOLDS)
    if not fixed:
        thresholds = [k * truth[..., 2] / np.sqrt(fx * fy) for k in THRESHOLDS]
    squared = squared_distance(truth, guess)
    if scaling == "local_neighborhood":
        return _score_neighbourhoods(truth, squared, thresholds, hidden, called_hidden)
    scores = score(squared, thresholds, hidden, called_hidden, np.ones_like(hidden), (0, 1))
    return {name: np.atleast_1d(value) for name, value in scores.items()}


def _query_times(query_points: ArrayLike | None, scaling: Scaling) -> NDArray[np.int64] | None:
    if scaling not in ("per_trajectory", "median_on_queries", "local_neighborhood"):
        return None
    if query_points is None:
        raise ValueError(f"the scaling {scaling} needs the query points")
    return np.round(np.asarray(query_points, np.float64)[:, 0]).astype(np.int64)


def _scale(
    truth: Floats, guess: Floats, both: Flags, scaling: Scaling, times: NDArray[np.int64] | None
) -> Floats | float:
    """What to multiply the prediction (N, T, 3) with."""
    if scaling == "none":
        return 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        if scaling == "reproduce_2d":
            return np.asarray(truth[..., 2:] / guess[..., 2:])
        if times is None:
            return _typical_ratio(truth[both], guess[both], np.median if scaling == "median" else np.mean)
        at = np.arange(len(truth)), times
        if scaling == "median_on_queries":
            return _typical_ratio(truth[at][both[at]], guess[at][both[at]], np.median)
        return np.asarray((truth[at][:, 2] / guess[at][:, 2])[:, None, None])


def _typical_ratio(truth: Floats, guess: Floats, middle: Callable[[Floats], Any]) -> float:
    """Of distances from the camera; NaN where there is no point, so that nothing is within a threshold."""
    return float(middle(_norm(truth)) / middle(_norm(guess))) if len(truth) else float("nan")


def _norm(points: Floats) -> Floats:
    return np.asarray(np.linalg.norm(points, axis=-1))


def _score_neighbourhoods(
    truth: Floats, squared: Floats, thresholds: list[Any], hidden: Flags, called_hidden: Flags
) -> dict[str, NDArray[np.float64]]:
    """One track after the other, each with all (track, frame) points near it on the same frame.

    The published weight of a neighbourhood is the same for all its points, and so cancels in every score, unless it is
    0 for a track that is never visible.
    """
    each = []
    for track, track_hidden in zip(truth, hidden, strict=True):
        near = (_norm(truth - track) < NEIGHBOURHOOD) & ~track_hidden.all()
        each.append(score(squared, thresholds, hidden, called_hidden, near, (0, 1)))
    names = score(squared[:0], [0.0] * len(THRESHOLDS), hidden[:0], called_hidden[:0], hidden[:0], (0, 1))
    return {name: np.array([scores[name] for scores in each], np.float64) for name in names}
