"""The expected errors that ship: fitted where the truth is known, and judged on clips they were not fitted on.

Every clip is tracked from one click per track, and once more after a correction of each track that went wrong. What the
signals say is then held against how far off each visible position is. Clips are few and unlike each other, so a figure
counts only for a clip that the model has not seen. Made clips do not help: trackers learn on such, and are surer there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.effort import EffortSettings
from tracker.evaluation.effort_clip import ClipFrames, EffortClip, Hand
from tracker.evaluation.effort_queue import queue_share
from tracker.evaluation.effort_strategies import Clicks, Footage, RunResult, gaps_around
from tracker.evaluation.labelled import LabelledVideo
from tracker.inference.bridge import BridgeRun, Gap
from tracker.inference.error_model import Examples, TrackerErrors
from tracker.inference.session import Tracker
from tracker.inference.signals import SIGNALS, measure_signals
from tracker.labels.table import Cells, Source, State

BAD = 4.0  # pixels at 256x256
RIGHT = 2.0  # pixels at 256x256
# Signals that some trackers or imports lack; each is also hidden on purpose, as often as this.
OFTEN_UNKNOWN = ("uncertainty", "disagreement", "patch_change")
HIDDEN_SHARE = 0.15
BORDERS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, np.inf)  # of the calibration table, pixels

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MeasuredClip:
    """The visible frames of a clip, in no order.

    Attributes:
        first: after the first run, from one click per track.
        corrected: after one click more on the worst frame of each track that was wrong, with what lies between the
            clicks bridged.
    """

    first: Examples
    corrected: Examples


def measure_clip(video: LabelledVideo, tracker: Tracker, settings: EffortSettings) -> MeasuredClip:
    """Track a clip, correct every wrong track once, and hold signals against errors.

    Raises:
        InputError: a frame cannot be decoded.
    """
    cut = video.first_frames(settings.frames)
    with cut.open() as opened:
        clip = EffortClip.of(cut, ClipFrames(cut.name, opened, cut.visible.shape[1]))
        hand = Hand(clip, settings.noise, 2, settings.seed)
        clicks = [{frame: hand.click(row, frame, 0)} for row, frame in enumerate(clip.first_frames.tolist())]
        footage = Footage(clip, tracker)
        run = footage.first_run(clicks)
        first = _examples(clip, run, clicks, tracker)
        worst = clip.errors(run.tracks)
        new = {int(row): int(worst[row].argmax()) for row in np.flatnonzero((worst > settings.tolerance).any(axis=1))}
        for row, frame in new.items():
            clicks[row][frame] = hand.click(row, frame, 1)
        corrected = _bridged(footage, run, clicks, new)
        return MeasuredClip(first, _examples(clip, corrected, clicks, tracker, list(new)))


def _bridged(footage: Footage, run: RunResult, clicks: Sequence[Clicks], new: Mapping[int, int]) -> RunResult:
    """The run with the gaps around new clicks (row: frame) solved anew."""
    result = RunResult(*(getattr(run, field.name).copy() for field in fields(RunResult)))
    gaps: list[Gap] = []
    for row, frame in new.items():
        for left, right, start, end in gaps_around(clicks[row], frame, run.tracks.shape[1]):
            gaps.append(Gap(row, left, right, start, end))
            for field in fields(RunResult):
                getattr(result, field.name)[row, start:end] = np.nan
        result.tracks[row, frame] = clicks[row][frame]
    if gaps:
        for bridged in BridgeRun(footage.clip.frames, footage.tracker, gaps, cache=footage.cache):
            result.take(bridged.prediction)
    return result


def _examples(
    clip: EffortClip, run: RunResult, clicks: Sequence[Clicks], tracker: Tracker, rows: Sequence[int] | None = None
) -> Examples:
    """The visible frames of all tracks, or of some rows."""
    size = (clip.frames.width, clip.frames.height)
    anchors = np.zeros(clip.judged.shape, bool)
    for row, one in enumerate(clicks):
        anchors[row, list(one)] = True
    signals = measure_signals(cells_of(run, anchors, size, tracker.visible_above), size)
    known = clip.judged.T & signals.judged & ~signals.certain
    if rows is not None:
        known &= np.isin(np.arange(len(clicks)), rows)
    error = clip.errors(run.tracks).T[known].astype(np.float32)
    return Examples(signals.values[:, known].T, error, np.ones(len(error), np.float32))


def cells_of(run: RunResult, anchors: NDArray[np.bool_], size: tuple[int, int], visible_above: float) -> Cells:
    """What a run says of N tracks over T frames, as a document holds it; `anchors` (N, T): the clicks."""
    points, frames = anchors.shape
    cells = Cells.empty(frames, points)
    cells.xy[:] = run.tracks.swapaxes(0, 1)
    for name in ("visibility", "confidence", "disagreement", "patch_change"):
        getattr(cells, name)[:] = getattr(run, name).T
    known = ~np.isnan(cells.xy).any(axis=-1)
    inside = ((cells.xy >= -0.5) & (cells.xy < np.array(size) - 0.5)).all(axis=-1)
    seen = np.nan_to_num(cells.visibility * cells.confidence) >= visible_above
    cells.state[known] = np.where(seen, State.VISIBLE, np.where(inside, State.OCCLUDED, State.OUT_OF_VIEW))[known]
    cells.source[known] = Source.MODEL
    cells.source[anchors.T], cells.state[anchors.T] = Source.ANCHOR, State.VISIBLE
    return cells


def fit_prior(clips: Mapping[str, MeasuredClip]) -> TrackerErrors:
    """What these clips teach of the tracker that they were measured with.

    A clip counts as the square root of its frames: neighbouring frames say much the same, and a long clip of one kind
    should not drown the others.

    Raises:
        ValueError: there is no example.
    """
    parts = [_weighed(part) for clip in clips.values() for part in (clip.first, clip.corrected)]
    if not parts:
        raise ValueError("there is no clip to learn from")
    examples = Examples.joined(parts)
    model = TrackerErrors.learned(Examples.joined([examples, *(_hidden(examples, name) for name in OFTEN_UNKNOWN)]))
    return model.calibrated(examples)


def _weighed(clip: Examples) -> Examples:
    return replace(clip, weight=np.full_like(clip.error, 1 / np.sqrt(max(1, len(clip.error)))))


def _hidden(examples: Examples, name: str) -> Examples:
    """The same without one signal; what is known of uncertainty on the way goes with the uncertainty."""
    names = (name, "past_uncertainty") if name == "uncertainty" else (name,)
    return replace(examples.without(*names), weight=examples.weight * np.float32(HIDDEN_SHARE))


def leave_one_out(clips: Mapping[str, MeasuredClip]) -> dict[str, Floats]:
    """For each clip the expected errors after the first run by a model of all other clips, pixels at 256x256.

    Raises:
        ValueError: there are not two clips.
    """
    return {
        name: fit_prior({other: clip for other, clip in clips.items() if other != name}).errors(held.first.signals)
        for name, held in clips.items()
    }


def without_neighbours(clips: Mapping[str, MeasuredClip]) -> dict[str, MeasuredClip]:
    """The same clips as if few tracks had been clicked on: up to six have no neighbours to be held against, and every
    other signal of a track is its own."""
    return {
        name: MeasuredClip(clip.first.without("neighbours"), clip.corrected.without("neighbours"))
        for name, clip in clips.items()
    }


def prior_report(clips: Mapping[str, MeasuredClip], expected: Mapping[str, Floats]) -> dict[str, Any]:
    """How good expected errors are after the first run.

    Returns:
        A plain dict for JSON. "queue": for each clip and for all in one queue how many frames there are, how many are
        bad, the share of the bad ones in the first tenth by expected error, by raw confidence and at best, and the
        median of what is expected where less than 2 px is wrong. "calibration": for each range of expected errors its
        frames, the mean that was expected, the median and the mean error, and the share of bad ones.
    """
    firsts = {name: clip.first for name, clip in clips.items()}
    doubt = {name: clip.signals[:, SIGNALS.index("uncertainty")] for name, clip in firsts.items()}
    rows = [_queue_row(name, clip.error, expected[name], doubt[name]) for name, clip in firsts.items()]
    error = np.concatenate([clip.error for clip in firsts.values()])
    said = np.concatenate([expected[name] for name in firsts])
    rows.append(_queue_row("all", error, said, np.concatenate(list(doubt.values()))))
    return {"queue": rows, "calibration": _calibration(error, said)}


def _calibration(error: Floats, said: Floats) -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = []
    for low, high in pairwise(BORDERS):
        among = (said >= low) & (said < high)
        if among.any():
            found = error[among]
            table.append(
                {
                    "from": low,
                    "to": high if np.isfinite(high) else None,
                    "frames": int(among.sum()),
                    "expected": float(said[among].mean()),
                    "median": float(np.median(found)),
                    "mean": float(found.mean()),
                    "bad": float((found > BAD).mean()),
                }
            )
    return table


def _queue_row(name: str, error: Floats, expected: Floats, doubt: Floats) -> dict[str, Any]:
    bad = error > BAD
    row: dict[str, Any] = {"clip": name, "frames": len(bad), "bad": int(bad.sum())}
    for order, values in (("expected_error", expected), ("confidence", doubt), ("best", bad)):
        row[order] = _found_first(np.nan_to_num(values.astype(np.float64), nan=np.inf), bad)
    right = error < RIGHT
    row["when_right"] = float(np.median(expected[right])) if right.any() else None
    return row


def _found_first(order: NDArray[np.float64], bad: NDArray[np.bool_]) -> float | None:
    """The share of the bad ones among the first `SHARE` of all, the greatest first; None where nothing is bad."""
    return queue_share(order, bad, np.ones_like(bad)) if bad.any() else None
