"""Two trackers on the same videos: is the student better than the one it was made from?"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tracker.evaluation.comparison import MEASURES, Comparison, Judged, VideoPair
from tracker.evaluation.effort import EffortSettings, annotate
from tracker.evaluation.effort_clip import ClipFrames, EffortClip
from tracker.evaluation.effort_strategies import STRATEGIES, Clicks, Floats, Footage, Strategy
from tracker.evaluation.evaluate import VideoScore, evaluate_tracker
from tracker.evaluation.labelled import LabelledVideo
from tracker.files import InputError
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Cancelled, Tracker

__all__ = ["Comparison", "EffortCap", "Judged", "VideoPair", "compare_trackers", "expected_corrections"]

Progress = Callable[[str, int, int], object]  # what, done, to do
ShouldStop = Callable[[], bool]


@dataclass(frozen=True)
class EffortCap:
    """How much of each video the simulated annotator works on: all of it would take longer than everything else.

    Attributes:
        tracks: at most so many, drawn once for both trackers.
        frames: from the first labelled frame of those on.
        clicks: the most on one track; a track that is not right then counts with as many corrections.
        seed: of the draw and of the unsteady hand.
    """

    tracks: int = 16
    frames: int = 96
    clicks: int = 8
    seed: int = 0

    def describe(self, strategy: str) -> str:
        """For the report."""
        return (
            f"Corrections per track are simulated ({strategy}, as in bench effort) on at most {self.tracks} tracks and "
            f"{self.frames} frames of each video, and end after {self.clicks - 1} corrections of a track."
        )


def compare_trackers(
    base: Tracker,
    student: Tracker,
    videos: Iterable[LabelledVideo],
    *,
    dataset: str = "",
    names: tuple[str, str] | None = None,
    effort: EffortCap | None = EffortCap(),
    frames: int | None = None,
    skipped: Sequence[str] = (),
    notes: Sequence[str] = (),
    seed: int = 0,
    progress: Progress = lambda what, done, of: None,
    should_stop: ShouldStop = lambda: False,
) -> Comparison:
    """Score both trackers on every video, one video after the other.

    Args:
        videos: with ground truth that neither tracker has learned from. One that cannot be read is left out and named.
        dataset: what the report calls the videos.
        names: what it calls the two; their own names where None.
        effort: how much of each video to simulate corrections on; None leaves them out.
        frames: only the first so many of each video.
        skipped: a sentence for each video that had to be left out before, or while `videos` were gone through.
        notes: of the truth, for the report.
        seed: of the bootstrap.
        progress: told what is being done, and how far it is.
        should_stop: asked again and again.

    Raises:
        InputError: no video could be scored.
        Cancelled: `should_stop` said so.
    """
    called = names or (base.name, student.name)
    strategy = effort_strategy((base, student))
    parts = {"base": (called[0], base), "student": (called[1], student)}
    work = _Work(parts, effort, strategy, progress, should_stop)
    left_out: list[str] = []
    rows: list[VideoPair] = []
    for video in videos:
        try:
            rows.append(work.pair(video if frames is None else video.first_frames(frames)))
        except InputError as error:
            left_out.append(str(error))
    left_out[:0] = skipped
    if not rows:
        reason = f", the first because {left_out[0]}" if left_out else ""
        raise InputError(f"{dataset or 'the videos'}: no video to compare on{reason}")
    told = effort.describe(strategy) if effort is not None else ""
    return Comparison(*called, dataset, tuple(rows), told, tuple(left_out), tuple(notes), seed)


@dataclass(frozen=True)
class _Work:
    """Both trackers by their part, each with what it is called, and what is to be done with them."""

    trackers: Mapping[str, tuple[str, Tracker]]
    effort: EffortCap | None
    strategy: str
    progress: Progress
    should_stop: ShouldStop

    def pair(self, video: LabelledVideo) -> VideoPair:
        figures: dict[str, dict[str, float]] = {}
        for role, (name, tracker) in self.trackers.items():
            score = self._score(name, tracker, video)
            figures[role] = {one.name: score.metrics[one.name] for one in MEASURES if one.name in score.metrics}
        if self.effort is not None:
            for role, (name, tracker) in self.trackers.items():
                told = f"{name}: {video.name}, corrections"
                on_round = partial(self._advance, told)
                found = expected_corrections(tracker, video, self.effort, self.strategy, on_round)
                figures[role]["corrections"] = found
        return VideoPair(video.name, score.frames, score.queries, figures["base"], figures["student"])

    def _score(self, name: str, tracker: Tracker, video: LabelledVideo) -> VideoScore:
        told = f"{name}: {video.name}"
        report = evaluate_tracker(tracker, _OneVideo(video), progress=lambda _, *done: self._advance(told, *done))
        return report.rows[0]

    def _advance(self, what: str, done: int, of: int) -> None:
        self.progress(what, done, of)
        if self.should_stop():
            raise Cancelled


class _OneVideo:
    """A data set of it."""

    def __init__(self, video: LabelledVideo) -> None:
        self.name, self.skipped, self._video = video.name, list[str](), video

    def videos(self, names: frozenset[str] = frozenset()) -> Iterator[LabelledVideo]:
        """See `EvaluationDataset`."""
        yield self._video


def effort_strategy(trackers: Iterable[Tracker]) -> str:
    """The one of `STRATEGIES` by which all of them can be corrected: the window's own bridges where they can be."""
    return "bridge" if all(isinstance(one, LucasKanade | CoTrackerTracker) for one in trackers) else "nearest"


def expected_corrections(
    tracker: Tracker,
    video: LabelledVideo,
    cap: EffortCap,
    strategy: str,
    on_round: Callable[[int, int], object] = lambda done, of: None,
) -> float:
    """Clicks after the first that a track needs on average, by the simulated annotator; NaN without a visible point.

    Args:
        strategy: one of `STRATEGIES`.
        on_round: told before each round of clicks how many there were, and how many there can be.

    Raises:
        InputError: a frame cannot be decoded.
    """
    cut = _cut(video, cap)
    if not (cut.visible & cut.labelled).any():
        return float("nan")
    with cut.open() as opened:
        clip = EffortClip.of(cut, ClipFrames(cut.name, opened, cut.visible.shape[1]))
        worker = _Counted(STRATEGIES[strategy](Footage(clip, tracker)), cap.clicks, on_round)
        settings = EffortSettings(clicks=cap.clicks, seed=cap.seed)
        found = annotate(clip, worker, settings)
    return (found.clicks - found.tracks) / found.tracks


def _cut(video: LabelledVideo, cap: EffortCap) -> LabelledVideo:
    """Some of the tracks, up to so many frames after the first labelled one of them; the same for every tracker."""
    seen = np.flatnonzero((video.visible & video.labelled).any(axis=1))
    if len(seen) > cap.tracks:
        seen = np.sort(np.random.default_rng(cap.seed).choice(seen, cap.tracks, replace=False))
    if len(seen) == 0:
        return video
    first = int((video.visible & video.labelled)[seen].any(axis=0).argmax())
    some = replace(video, tracks=video.tracks[seen], visible=video.visible[seen], labelled=video.labelled[seen])
    return some.first_frames(first + cap.frames)


class _Counted:
    """A strategy that tells of its rounds."""

    def __init__(self, strategy: Strategy, rounds: int, on_round: Callable[[int, int], object]) -> None:
        self._strategy, self._rounds, self._on_round, self._done = strategy, rounds, on_round, 0

    def first(self, clicks: Sequence[Clicks]) -> Floats:
        """See `Strategy`."""
        self._count()
        return self._strategy.first(clicks)

    def corrected(self, tracks: Floats, clicks: Sequence[Clicks], new: Mapping[int, int]) -> Floats:
        """See `Strategy`."""
        self._count()
        return self._strategy.corrected(tracks, clicks, new)

    def _count(self) -> None:
        self._on_round(self._done, self._rounds)
        self._done += 1
