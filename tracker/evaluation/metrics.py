"""The metrics of TAP-Vid (Doersch et al., "TAP-Vid: A Benchmark for Tracking Any Point in a Video", 2022, section 3).

Positions are pixels of the whole frame brought to 256x256, whatever its shape; thresholds are 1 to 16 of them.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

THRESHOLDS = (1, 2, 4, 8, 16)
METRIC_SIDE = 256  # pixels of the square in which distances are measured

QueryMode = Literal["first", "strided"]
Flags = NDArray[np.bool_]


def tapvid_metrics(
    query_points: ArrayLike,
    gt_occluded: ArrayLike,
    gt_tracks: ArrayLike,
    pred_occluded: ArrayLike,
    pred_tracks: ArrayLike,
    query_mode: QueryMode,
    *,
    trackwise: bool = False,
    labelled: ArrayLike | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Scores of N tracks over T frames in B videos.

    Args:
        query_points: (B, N, 3) t, y, x; only t is used, rounded half to even.
        gt_occluded, pred_occluded: (B, N, T) bool.
        gt_tracks, pred_tracks: (B, N, T, 2) x, y in pixels at 256x256. A predicted NaN is within no threshold.
        query_mode: "first" counts the frames after the query, "strided" all but the query's own.
        trackwise: one score for each track instead of each video.
        labelled: (B, N, T) bool, whether the truth is known at all; what is not labelled counts for nothing. All of it
            is where None, as in the published metric.

    Returns:
        Fractions of 1, shape (B,) or trackwise (B, N); NaN where nothing counts: `occlusion_accuracy` (OA),
        `pts_within_k` and `jaccard_k` for each threshold k, and their means `average_pts_within_thresh` (δavg) and
        `average_jaccard` (AJ).

    Raises:
        ValueError: an unknown query mode, or arrays that do not fit together.
    """
    truth, guess = np.asarray(gt_tracks, np.float64), np.asarray(pred_tracks, np.float64)
    hidden, called_hidden = np.asarray(gt_occluded, bool), np.asarray(pred_occluded, bool)
    queries = np.asarray(query_points, np.float64)
    if queries.shape != (*hidden.shape[:2], 3) or hidden.ndim != 3:
        raise ValueError(f"queries of shape {queries.shape} for {hidden.shape} (videos, tracks, frames)")
    if called_hidden.shape != hidden.shape or truth.shape != (*hidden.shape, 2) or guess.shape != truth.shape:
        raise ValueError(f"shapes {truth.shape}, {guess.shape} and {called_hidden.shape} do not fit {hidden.shape}")
    counted = _counted_frames(queries[..., 0], hidden.shape[2], query_mode)
    if labelled is not None:
        counted &= np.asarray(labelled, bool)
    return score(squared_distance(truth, guess), THRESHOLDS, hidden, called_hidden, counted, 2 if trackwise else (1, 2))


def score(
    squared: NDArray[np.float64],
    thresholds: Any,
    hidden: Flags,
    called_hidden: Flags,
    counted: Flags | NDArray[np.float64],
    axes: int | tuple[int, ...],
) -> dict[str, NDArray[np.float64]]:
    """The scores of `tapvid_metrics` from squared distances, summed over `axes`.

    Args:
        thresholds: five, each a number or an array that fits `squared`; strictly below is within.
        counted: what counts, or with what weight.
    """

    def total(flags: Any) -> NDArray[np.float64]:
        return np.asarray(np.sum(flags * counted, axis=axes, dtype=np.float64))

    visible, called_visible = ~hidden, ~called_hidden
    scores = {"occlusion_accuracy": _ratio(total(hidden == called_hidden), total(np.ones_like(hidden)))}
    positives = total(visible)
    for name, threshold in zip(THRESHOLDS, thresholds, strict=True):
        within = squared < np.square(threshold)
        right = total(visible & within)
        true_positives = total(visible & called_visible & within)
        false_positives = total(called_visible & ~(visible & within))
        scores[f"pts_within_{name}"] = _ratio(right, positives)
        scores[f"jaccard_{name}"] = _ratio(true_positives, positives + false_positives)
    for mean, part in (("average_jaccard", "jaccard"), ("average_pts_within_thresh", "pts_within")):
        scores[mean] = np.mean([scores[f"{part}_{name}"] for name in THRESHOLDS], axis=0)
    return scores


def squared_distance(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., D), (..., D) -> (...), not finite where a position is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.sum(np.square(guess - truth), axis=-1))


def _counted_frames(query_times: NDArray[np.float64], length: int, query_mode: str) -> Flags:
    moments, starts = np.arange(length), np.round(query_times)[..., None]
    if query_mode == "first":
        return np.asarray(moments > starts)
    if query_mode == "strided":
        return np.asarray(moments != starts)
    raise ValueError(f"query mode {query_mode!r} is neither first nor strided")


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where `whole` is 0."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole != 0)
