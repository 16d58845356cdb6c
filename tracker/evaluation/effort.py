"""How much of a person's work a tracker saves: a simulated annotator corrects tracks until they are right.

He clicks on each track where it is first seen, then again and again on the worst frame that is further from the truth
than he tolerates, until there is none or he has no click left. He sees the truth where the point is visible and
labelled, and nowhere else. Every strategy meets the same clips, the same tracker and the same unsteady hand.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.evaluation.effort_clip import ClipFrames, EffortClip, Hand
from tracker.evaluation.effort_queue import QueueCells, queue_cells, queue_rows
from tracker.evaluation.effort_report import bars, strategy_rows
from tracker.evaluation.effort_strategies import STRATEGIES, Clicks, Footage, Strategy
from tracker.evaluation.labelled import LabelledVideo
from tracker.evaluation.speed import Watch, describe_machine
from tracker.files import InputError
from tracker.inference.session import Tracker

DONE_WITHIN = (1, 3, 5)  # corrections

Progress = Callable[[str], None]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class EffortSettings:
    """What the annotator is like. Pixels are those of frames brought to 256x256."""

    tolerance: float = 4.0
    noise: float = 0.5  # standard deviation of a click in x and in y
    clicks: int = 20  # the most on one track
    frames: int = 200  # only the first so many of each clip
    seed: int = 0


@dataclass
class Effort:
    """What one strategy cost on one clip; adds up.

    Attributes:
        done: tracks that became right everywhere; `done_within` those with at most so many corrections.
        right: frames that were within the tolerance, summed over corrections; `disturbed`: those of them that the
            correction moved out of it.
        seconds: on the clock, for all corrections, and `cpu_seconds` of the processors; `first_seconds` on the clock
            for the paths after one click on each track.
    """

    tracks: int
    clicks: int
    done: int
    done_within: NDArray[np.int64]
    right: int
    disturbed: int
    seconds: float
    cpu_seconds: float
    first_seconds: float

    def __add__(self, other: "Effort") -> "Effort":
        return Effort(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def figures(self) -> dict[str, float | int | None]:
        """The numbers of a row. Shares are of 1; None where there is nothing to divide by."""
        corrections = self.clicks - self.tracks
        within = {f"done_{count}": float(self.done_within[i]) / self.tracks for i, count in enumerate(DONE_WITHIN)}
        return {
            "tracks": self.tracks,
            "clicks": self.clicks / self.tracks,
            "corrections": corrections / self.tracks,
            **within,
            "done": self.done / self.tracks,
            "disturbed": self.disturbed / self.right if self.right else None,
            "disturbed_frames": self.disturbed / corrections if corrections else None,
            "seconds": self.seconds / corrections if corrections else None,
            "cpu_seconds": self.cpu_seconds / corrections if corrections else None,
            "first_seconds": self.first_seconds,
        }


def annotate(clip: EffortClip, strategy: Strategy, settings: EffortSettings) -> Effort:
    """Work on all tracks of a clip until each is right or has had its clicks; those left are corrected together."""
    hand = Hand(clip, settings.noise, settings.clicks, settings.seed)
    device = torch.device("cpu")
    first, later = Watch(device), Watch(device)
    clicks: list[dict[int, tuple[float, float]]] = [
        {frame: hand.click(row, frame, 0)} for row, frame in enumerate(clip.first_frames.tolist())
    ]
    counts = np.ones(len(clicks), np.int64)
    with first:
        tracks = strategy.first(clicks)
    wrong, right, disturbed = _judge(clip, tracks, clicks, settings.tolerance), 0, 0
    while len(rows := np.flatnonzero((wrong > 0).any(axis=1) & (counts < settings.clicks))):
        new = {int(row): int(wrong[row].argmax()) for row in rows}
        for row, frame in new.items():
            clicks[row][frame] = hand.click(row, frame, int(counts[row]))
        counts[rows] += 1
        with later:
            tracks = strategy.corrected(tracks, clicks, new)
        was_right = clip.judged[rows] & (wrong[rows] == 0)
        wrong = _judge(clip, tracks, clicks, settings.tolerance)
        right += int(was_right.sum())
        disturbed += int((was_right & (wrong[rows] > 0)).sum())
    finished = ~(wrong > 0).any(axis=1)
    within = np.array([(finished & (counts - 1 <= count)).sum() for count in DONE_WITHIN])
    seconds = (later.seconds, later.cpu_seconds, first.seconds)
    return Effort(len(clicks), int(counts.sum()), int(finished.sum()), within, right, disturbed, *seconds)


def _judge(clip: EffortClip, tracks: NDArray[np.float32], clicks: Sequence[Clicks], tolerance: float) -> NDArray[Any]:
    """(N, T) errors beyond the tolerance, else 0. Where the annotator clicked, the path is where he clicked."""
    held = tracks.copy()
    for row, one in enumerate(clicks):
        for frame, place in one.items():
            held[row, frame] = place
    errors = clip.errors(held)
    return np.where(errors > tolerance, errors, 0.0)


def measure_effort(
    videos: Iterable[LabelledVideo],
    tracker: Tracker,
    strategies: Sequence[str] = tuple(STRATEGIES),
    settings: EffortSettings | None = None,
    progress: Progress = lambda what: None,
) -> dict[str, Any]:
    """Let the annotator work on every clip with every strategy. One clip is in memory at a time.

    Args:
        strategies: names of `STRATEGIES`.
        progress: told what is being measured.

    Returns:
        A plain dict for JSON: "machine", "settings", "rows" (figures of each strategy on each clip, over all tracks,
        and the mean of the clips), "queue" (`queue_rows`) and "bars".

    Raises:
        InputError: a strategy is not known, a video cannot be decoded, or there is no track in all of them.
    """
    settings = settings or EffortSettings()
    if unknown := [name for name in strategies if name not in STRATEGIES]:
        raise InputError(f"{unknown[0]}: there is no such strategy; there are {', '.join(STRATEGIES)}")
    efforts: dict[str, dict[str, Effort]] = {name: {} for name in strategies}
    cells: dict[str, QueueCells] = {}
    for video in videos:
        cut = video.first_frames(settings.frames)
        with cut.open() as opened:
            clip = EffortClip.of(cut, ClipFrames(video.name, opened, cut.visible.shape[1]))
            if len(clip.tracks) == 0:
                continue
            footage = Footage(clip, tracker)
            for name in strategies:
                progress(f"{video.name}, {name}, {len(clip.tracks)} tracks over {clip.judged.shape[1]} frames")
                efforts[name][video.name] = annotate(clip, STRATEGIES[name](footage), settings)
            progress(f"{video.name}, the queue")
            cells[video.name] = _first_run_cells(footage, settings)
    if not cells:
        raise InputError("there is no visible, labelled point in these clips")
    rows = [row for name, by_clip in efforts.items() for row in strategy_rows(name, by_clip)]
    queue = queue_rows(cells, settings.seed)
    return {
        "machine": describe_machine(tracker.device),
        "settings": {"tracker": tracker.name, **vars(settings)},
        "rows": rows,
        "queue": queue,
        "bars": bars(rows, queue),
    }


def _first_run_cells(footage: Footage, settings: EffortSettings) -> QueueCells:
    """What the first run looks like to the review queue, and where it is wrong."""
    clip = footage.clip
    hand = Hand(clip, settings.noise, settings.clicks, settings.seed)
    clicks = [{frame: hand.click(row, frame, 0)} for row, frame in enumerate(clip.first_frames.tolist())]
    run = footage.first_run(clicks)
    bad = _judge(clip, run.tracks, clicks, settings.tolerance) > 0
    return queue_cells(clip, run, bad, footage.tracker)
