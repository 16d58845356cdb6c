"""How soon a review queue finds what is wrong: the share of all wrong frames among the first that it shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.effort_clip import EffortClip
from tracker.evaluation.effort_strategies import RunResult
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Tracker
from tracker.inference.signals import measure_signals, pixel_scale
from tracker.inference.suspicion import ErrorModel
from tracker.labels import Cells, Source, State

SHARE = 0.1  # of the frames of all tracks, which are looked at first
RUN = 0  # the number of the first run
ORDERS = ("expected_error", "confidence", "random", "best")  # "best" knows the truth

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class QueueCells:
    """The frames of N tracks after a first run.

    Attributes:
        bad: (N, T) bool: further from the truth than is tolerated.
        judged: (N, T) bool: the truth is known, and the track was not clicked on there.
        expected_error: (N, T) what the error is expected to be, in pixels at 256x256.
        confidence: (N, T) 1 less visibility times confidence.
    """

    bad: Bools
    judged: Bools
    expected_error: NDArray[np.float64]
    confidence: NDArray[np.float64]


def queue_share(error_px: NDArray[np.floating], bad: Bools, judged: Bools, share: float = SHARE) -> float:
    """The share of all bad frames among the first `share` of the judged ones, the highest `error_px` first.

    Args:
        error_px: (N, T) whatever orders the queue; NaN comes last. Of equal ones that do not all fit, as many are taken
            as fit, and counted as their mean.
        bad, judged: (N, T) bool.

    Returns:
        0..1; NaN where no judged frame is bad.
    """
    order = np.nan_to_num(error_px[judged].astype(np.float64), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    wrong = bad[judged]
    if not wrong.any():
        return float("nan")
    places = int(np.ceil(share * len(order)))
    last = np.partition(order, len(order) - places)[len(order) - places]
    above, tied = order > last, order == last
    found = wrong[above].sum() + wrong[tied].mean() * (places - above.sum())
    return float(found / wrong.sum())


def queue_cells(clip: EffortClip, run: RunResult, bad: Bools, tracker: Tracker) -> QueueCells:
    """What is known of a first run, and where it is bad (N, T)."""
    judged = clip.judged.copy()
    judged[np.arange(len(judged)), clip.first_frames] = False
    size = (clip.frames.width, clip.frames.height)
    cells = _as_cells(clip, run, size, tracker.visible_above)
    signals = measure_signals(cells, size, [RUN] if tracker.name == LucasKanade.name else [])
    expected = ErrorModel.shipped().predict(signals).T.astype(np.float64) / pixel_scale(size)
    certainty = np.nan_to_num(run.visibility * run.confidence).astype(np.float64)
    return QueueCells(bad, judged, expected, 1 - certainty)


def _as_cells(clip: EffortClip, run: RunResult, size: tuple[int, int], visible_above: float) -> Cells:
    """As a document holds them: anchors where the tracks were clicked on."""
    frames, points = run.tracks.shape[1], len(run.tracks)
    cells = Cells.empty(frames, points)
    cells.xy[:] = run.tracks.swapaxes(0, 1)
    for name in ("visibility", "confidence", "disagreement", "patch_change"):
        getattr(cells, name)[:] = getattr(run, name).T
    known = ~np.isnan(cells.xy).any(axis=-1)
    inside = ((cells.xy >= -0.5) & (cells.xy < np.array(size) - 0.5)).all(axis=-1)
    seen = np.nan_to_num(cells.visibility * cells.confidence) >= visible_above
    cells.state[known] = np.where(seen, State.VISIBLE, np.where(inside, State.OCCLUDED, State.OUT_OF_VIEW))[known]
    cells.source[known], cells.run_id[known] = Source.MODEL, RUN
    clicked = (clip.first_frames, np.arange(points))
    cells.source[clicked], cells.state[clicked] = Source.ANCHOR, State.VISIBLE
    return cells


def queue_rows(cells: Mapping[str, QueueCells], seed: int) -> list[dict[str, str | int | float | None]]:
    """For each clip, and for the frames of all clips in one queue: how many are judged, how many of them bad, and what
    share of the bad ones each of `ORDERS` finds in the first tenth. None where nothing is bad.
    """
    rows = []
    random = np.random.default_rng(seed)
    for name, one in [*cells.items(), ("all", _joined(list(cells.values())))]:
        orders = {
            "expected_error": one.expected_error,
            "confidence": one.confidence,
            "random": random.random(one.bad.shape),
            "best": one.bad.astype(np.float64),
        }
        shares = {order: queue_share(score, one.bad, one.judged) for order, score in orders.items()}
        known = {order: share if np.isfinite(share) else None for order, share in shares.items()}
        rows.append({"clip": name, "frames": int(one.judged.sum()), "bad": int((one.bad & one.judged).sum()), **known})
    return rows


def _joined(cells: Sequence[QueueCells]) -> QueueCells:
    """The frames of all, in a row."""
    parts = [np.concatenate([getattr(one, field.name).ravel() for one in cells]) for field in fields(QueueCells)]
    return QueueCells(*parts)
