"""Which stretches of which tracks are probably wrong, how wrong, and why: what a person should look at first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.inference.error_model import ErrorModel, Examples, Judgement
from tracker.inference.signals import SIGNALS, Signals, measure_signals, pixel_scale
from tracker.labels.stretches import stretches
from tracker.labels.table import Cells, State

__all__ = [
    "REASONS",
    "SIGNALS",
    "ErrorModel",
    "Examples",
    "Judgement",
    "Signals",
    "Suspect",
    "find_suspects",
    "measure_signals",
    "usual_threshold",
]

REASONS: dict[str, str] = {
    "uncertainty": "low confidence",
    "past_uncertainty": "unsure before",
    "disagreement": "disagreement",
    "jump": "jump",
    "neighbours": "leaves neighbours",
    "patch_change": "looks different",
    "gap": "far from anchor",
    "flicker": "flickers",
}
MERGED_GAP = 4  # frames of relief that do not end a span
MOST_REASONS = 3
TOLERANCE = 2.0  # pixels of a picture of 256 × 256: half of what counts as lost
CLEAR = 0.1  # of the logarithm: a reason makes the expected error a tenth greater than it usually does


@dataclass(frozen=True)
class Suspect:
    """A stretch of one track to look at.

    Attributes:
        start, end: frames (end exclusive).
        worst: the frame with the greatest expected error.
        error_px: that error, in pixels of the video.
        reasons: names of `REASONS`, the weightiest first.
    """

    track_id: int
    start: int
    end: int
    worst: int
    error_px: float
    reasons: tuple[str, ...]


def usual_threshold(size: tuple[int, int]) -> float:
    """The expected error, in pixels of a picture of this (width, height), from which on cells are worth a look, rounded
    to a half. At larger sizes right tracks are off by more pixels too."""
    return max(0.5, round(2 * TOLERANCE * pixel_scale(size)) / 2)


def find_suspects(
    errors: NDArray[np.float32],
    signals: Signals,
    cells: Cells,
    ids: Sequence[int],
    threshold_px: float,
    *,
    model: ErrorModel,
    first_frame: int = 0,
) -> list[Suspect]:
    """The stretches whose expected error is above a threshold, worst first.

    Args:
        errors: (F, K) pixels of the video, from `model.predict(signals)`.
        cells: of the same tracks and frames. Approved, anchored and unlabelled ones, and those out of view, are in no
            suspect, and end one.
        ids: (K,) the tracks.
        first_frame: number of the first of the F frames.
    """
    open_to_doubt = (cells.state != State.UNLABELLED) & signals.judged & ~signals.certain
    above = open_to_doubt & (np.nan_to_num(errors, nan=0.0) > threshold_px)
    spans = stretches(_bridged(above, open_to_doubt).T)
    worst = [start + int(np.nanargmax(errors[start:end, column])) for column, start, end in spans]
    columns = [column for column, _, _ in spans]
    excess = model.excess(signals.values[:, worst, columns].T, signals.lucas_kanade[worst, columns])
    reasons = _reasons(excess)
    found = [
        Suspect(
            int(ids[column]), start + first_frame, end + first_frame, at + first_frame, float(errors[at, column]), why
        )
        for (column, start, end), at, why in zip(spans, worst, reasons, strict=True)
    ]
    return sorted(found, key=lambda suspect: (-suspect.error_px, suspect.track_id, suspect.start))


def _bridged(above: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(F, K) `above` with short gaps filled where all of the gap is allowed."""
    frames = np.arange(len(above))[:, None]
    before = np.maximum.accumulate(np.where(above, frames, -1), axis=0)
    after = np.minimum.accumulate(np.where(above, frames, 2 * len(above))[::-1], axis=0)[::-1]
    closed = np.maximum.accumulate(np.where(allowed, -1, frames), axis=0)  # the last cell that ends a span
    next_closed = np.minimum.accumulate(np.where(allowed, 2 * len(above), frames)[::-1], axis=0)[::-1]
    short = (before >= 0) & (after < len(above)) & (after - before - 1 <= MERGED_GAP)
    return above | (short & (closed < before) & (next_closed > after))


def _reasons(excess: NDArray[np.float64]) -> list[tuple[str, ...]]:
    """For each of n cells what raises its expected error most above the usual, by how much each signal (n, S) does; at
    least one where any signal is known."""
    excess = np.nan_to_num(excess, nan=-np.inf)
    order = np.argsort(-excess, axis=1, kind="stable")[:, :MOST_REASONS]
    raised = np.take_along_axis(excess, order, axis=1)
    told = raised > CLEAR
    told[:, 0] = raised[:, 0] > -np.inf
    names = np.array(SIGNALS)
    return [tuple(names[row[shown]].tolist()) for row, shown in zip(order, told, strict=True)]
