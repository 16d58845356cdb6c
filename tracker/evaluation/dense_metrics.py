"""Metrics for rendered video, where the truth is known for hidden points too.

As CoTracker reports on Dynamic Replica and PointOdyssey (Karaev et al., "CoTracker: It is Better to Track Together",
2023, section 4), and the re-detection metric AJ_RD of TAPNext++.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tracker.evaluation.metrics import THRESHOLDS

SURVIVAL_DISTANCE = 50  # pixels at the 256-like scale beyond which a visible point is lost for good
HIDDEN_FOR = (1, 4, 16, 64, 256)  # least frames that a point was hidden before it is seen again
SCALED_SIDE = 255  # the distance of the outermost pixel centres after scaling

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def dense_track_metrics(
    gt_tracks: ArrayLike, pred_tracks: ArrayLike, gt_visible: ArrayLike, height_width: tuple[int, int]
) -> dict[str, float]:
    """Scores of a batch of N tracks over T frames, in percent; frames after the first visible one count.

    Args:
        gt_tracks, pred_tracks: (B, T, N, 2) x, y in pixels, (0, 0) = centre of the top-left pixel.
        gt_visible: (B, T, N) bool.
        height_width: of the frames.

    Returns:
        `accuracy_vis_k`, `accuracy_occ_k` and `accuracy_k`: the share of positions nearer than k pixels (frames scaled
        to 256x256) among visible, hidden and all points, 0 where there is none; the means over k without the suffix;
        `survival`: the share of tracks and frames up to which a visible point was never more than 50 pixels off.
    """
    visible = np.asarray(gt_visible, bool)
    distance = _scaled_distance(gt_tracks, pred_tracks, height_width)
    counted = _after_first_visible(visible)
    groups = {"accuracy_occ": counted & ~visible, "accuracy_vis": counted & visible, "accuracy": counted}
    scores: dict[str, float] = {}
    for name, chosen in groups.items():
        parts = [100 * _mean(distance < k, chosen) for k in THRESHOLDS]
        scores |= {f"{name}_{k}": part for k, part in zip(THRESHOLDS, parts, strict=True)}
        scores[name] = float(np.mean(parts))
    failed = visible & ~(distance <= SURVIVAL_DISTANCE)
    alive = ~np.logical_or.accumulate(failed, axis=1)
    scores["survival"] = 100 * float(np.float32(alive.mean())) if alive.size else float("nan")
    return scores


def redetection_metrics(
    gt_tracks: ArrayLike,
    pred_tracks: ArrayLike,
    gt_visible: ArrayLike,
    pred_visible: ArrayLike,
) -> dict[str, float]:
    """AJ_RD: how well points are followed from the frame on which they are seen again.

    Arguments as in `dense_track_metrics`, but the pixels are not scaled.

    Of each track those reappearances count that follow a longer absence than all before.

    Returns:
        Fractions of 1, NaN without such a reappearance: `AJ_RD_Dk_dmind`, the mean Jaccard from reappearances after at
        least d hidden frames with the threshold k (inclusive), `AJ_RD_dmind` their mean over k, and `AJ_RD` over d.
    """
    visible, called = np.asarray(gt_visible, bool), np.asarray(pred_visible, bool)
    distance = _distance(np.asarray(gt_tracks, np.float32), np.asarray(pred_tracks, np.float32))
    durations: list[int] = []
    jaccards: list[list[float]] = []
    for batch in range(visible.shape[0]):
        for track in range(visible.shape[2]):
            at = batch, slice(None), track
            for frame, duration in _reappearances(visible[at]):
                durations.append(duration)
                jaccards.append(_jaccards(distance[at][frame:], visible[at][frame:], called[at][frame:]))
    lengths = np.array(durations)
    table = np.array(jaccards, np.float64).reshape(-1, len(THRESHOLDS))
    scores: dict[str, float] = {}
    for least in HIDDEN_FOR:
        means = [_nan_mean(column) for column in table[lengths >= least].T]
        scores |= {f"AJ_RD_D{k}_dmin{least}": mean for k, mean in zip(THRESHOLDS, means, strict=True)}
        scores[f"AJ_RD_dmin{least}"] = _nan_mean(means)
    scores["AJ_RD"] = _nan_mean([scores[f"AJ_RD_dmin{least}"] for least in HIDDEN_FOR])
    return scores


def _scaled_distance(gt_tracks: ArrayLike, pred_tracks: ArrayLike, height_width: tuple[int, int]) -> Floats:
    """(B, T, N), in float32 as published."""
    height, width = height_width
    unit = np.array([(width - 1) / SCALED_SIDE, (height - 1) / SCALED_SIDE], np.float32)
    return _distance(np.asarray(gt_tracks, np.float32) / unit, np.asarray(pred_tracks, np.float32) / unit)


def _distance(truth: NDArray[np.float32], guess: NDArray[np.float32]) -> Floats:
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.sqrt(np.sum(np.square(guess - truth), axis=-1)))


def _after_first_visible(visible: Flags) -> Flags:
    """(B, T, N); for a track that is never visible, after frame 0."""
    moments = np.arange(visible.shape[1])[:, None]
    return np.asarray(moments > visible.argmax(axis=1)[:, None])


def _mean(flags: Flags, chosen: Flags) -> float:
    """As published: in float32, and 0 where nothing is chosen."""
    total = np.float32((flags & chosen).sum())
    return float(total / (np.float32(1e-6) + np.float32(chosen.sum())))


def _reappearances(visible: Flags) -> list[tuple[int, int]]:
    """(frame, frames hidden before it) of one track, each after a longer absence than all before."""
    found: list[tuple[int, int]] = []
    hidden, longest = 0, 0
    for frame, seen in enumerate(visible.tolist()):
        if not seen:
            hidden += 1
            continue
        if hidden > longest:
            longest = hidden
            found.append((frame, hidden))
        hidden = 0
    return found


def _jaccards(distance: Floats, visible: Flags, called: Flags) -> list[float]:
    """For each threshold; NaN where nothing is visible in either."""
    result = []
    for k in THRESHOLDS:
        within = visible & (distance <= k)
        whole = int(visible.sum() + (called & ~within).sum())
        result.append(int((called & within).sum()) / whole if whole else float("nan"))
    return result


def _nan_mean(values: Any) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
