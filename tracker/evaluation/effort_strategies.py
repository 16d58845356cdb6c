"""Ways in which a click becomes a path, for the simulated annotator to work with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.effort_clip import EffortClip
from tracker.inference.bridge import BridgeRun
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.gaps import Gap
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.run import TrackRun
from tracker.inference.session import Prediction, Tracker

Floats = NDArray[np.float32]
Clicks = Mapping[int, tuple[float, float]]  # of one track: frame: x, y in pixels
Anchor = tuple[float, float, float]  # frame, x, y
GapSpan = tuple[Anchor | None, Anchor | None, int, int]  # as the fields of `Gap` without its id


@dataclass(frozen=True)
class RunResult:
    """What one run says of M points over T frames; NaN where it says nothing. Fields are as in `Prediction`."""

    tracks: Floats  # (M, T, 2)
    visibility: Floats  # (M, T)
    confidence: Floats  # (M, T)
    disagreement: Floats  # (M, T)
    patch_change: Floats  # (M, T)

    @classmethod
    def nothing(cls, points: int, frames: int) -> "RunResult":
        """NaN everywhere."""
        values = [np.full((points, frames, *tail), np.nan, np.float32) for tail in ((2,), (), (), (), ())]
        return cls(*values)

    def take(self, prediction: Prediction) -> None:
        """Note what a window gave; ids are rows. NaN takes nothing back."""
        said = ~np.isnan(prediction.tracks).any(axis=-1)
        for name in ("tracks", "visibility", "confidence", "disagreement", "patch_change"):
            values = getattr(prediction, name)
            if values is not None:
                times, columns = np.nonzero(said)
                getattr(self, name)[prediction.ids[columns], prediction.first_frame + times] = values[times, columns]


class Strategy(Protocol):
    """Gives paths (N, T, 2) float32 of all tracks of one clip."""

    def first(self, clicks: Sequence[Clicks]) -> Floats:
        """The paths where each track has been clicked on once."""

    def corrected(self, tracks: Floats, clicks: Sequence[Clicks], new: Mapping[int, int]) -> Floats:
        """The paths after some tracks got one click more.

        Args:
            tracks: the paths so far, which are not changed.
            clicks: of every track, the new ones among them.
            new: row: frame of the new click.
        """


class Footage:
    """A clip and a tracker: features of its frames are kept, and the first run is made once."""

    def __init__(self, clip: EffortClip, tracker: Tracker) -> None:
        self.clip, self.tracker, self.cache = clip, tracker, FeatureCache()
        self._first: RunResult | None = None

    def first_run(self, clicks: Sequence[Clicks]) -> RunResult:
        """Forward from the first click of every track."""
        if self._first is None:
            queries = np.array([(frame, *one[frame]) for one in clicks for frame in [min(one)]], np.float32)
            self._first = self.run(queries, 0, self.clip.frames.frame_count, backward=False)
        return self._first

    def run(self, queries: Floats, start: int, end: int, backward: bool) -> RunResult:
        """M points (M, 3) t, x, y over the frames [start, end)."""
        ids = np.arange(len(queries), dtype=np.int64)
        result = RunResult.nothing(len(queries), self.clip.frames.frame_count)
        for prediction in TrackRun(
            self.clip.frames, self.tracker, queries, ids, start=start, end=end, backward=backward, cache=self.cache
        ):
            result.take(prediction)
        return result


class Linear:
    """Straight lines between clicks, and no motion before the first and after the last: what CVAT does."""

    def __init__(self, footage: Footage) -> None:
        self._frames = np.arange(footage.clip.frames.frame_count)

    def first(self, clicks: Sequence[Clicks]) -> Floats:
        """See `Strategy`."""
        return np.stack([self._path(one) for one in clicks])

    def corrected(self, tracks: Floats, clicks: Sequence[Clicks], new: Mapping[int, int]) -> Floats:
        """See `Strategy`."""
        tracks = tracks.copy()
        for row in new:
            tracks[row] = self._path(clicks[row])
        return tracks

    def _path(self, clicks: Clicks) -> Floats:
        known = sorted(clicks)
        x, y = (np.interp(self._frames, known, [clicks[frame][axis] for frame in known]) for axis in (0, 1))
        return np.stack([x, y], axis=-1).astype(np.float32)


class NearestClick:
    """The tracker anew from a click, both ways, over the frames to which no other click is nearer or as near."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage

    def first(self, clicks: Sequence[Clicks]) -> Floats:
        """See `Strategy`."""
        return self._footage.first_run(clicks).tracks

    def corrected(self, tracks: Floats, clicks: Sequence[Clicks], new: Mapping[int, int]) -> Floats:
        """See `Strategy`."""
        rows = list(new)
        queries = np.array([(new[row], *clicks[row][new[row]]) for row in rows], np.float32)
        spans = [_nearest_frames(clicks[row], new[row], tracks.shape[1]) for row in rows]
        last, first = max(end for _, end in spans), min(start for start, _ in spans)
        later = self._footage.run(queries, min(new.values()), last, backward=False).tracks
        earlier = self._footage.run(queries, first, max(new.values()) + 1, backward=True).tracks
        tracks = tracks.copy()
        for k, (row, (start, end)) in enumerate(zip(rows, spans, strict=True)):
            frame = new[row]
            tracks[row, start:frame] = earlier[k, start:frame]
            tracks[row, frame:end] = later[k, frame:end]
        return tracks


def _nearest_frames(clicks: Clicks, frame: int, count: int) -> tuple[int, int]:
    """The frames [start, end) that are nearer to the click on `frame` than to any other."""
    before = max((other for other in clicks if other < frame), default=None)
    after = min((other for other in clicks if other > frame), default=None)
    return (
        0 if before is None else (before + frame) // 2 + 1,
        count if after is None else (frame + after + 1) // 2,
    )


class BridgedGaps:
    """The tracker forward from the first click; after a correction the gaps on both sides of it are bridged."""

    def __init__(self, footage: Footage) -> None:
        self._footage = footage

    def first(self, clicks: Sequence[Clicks]) -> Floats:
        """See `Strategy`."""
        return self._footage.first_run(clicks).tracks

    def corrected(self, tracks: Floats, clicks: Sequence[Clicks], new: Mapping[int, int]) -> Floats:
        """See `Strategy`."""
        owners: dict[int, tuple[int, GapSpan]] = {}
        for row, frame in new.items():
            for gap in gaps_around(clicks[row], frame, tracks.shape[1]):
                owners[len(owners)] = (row, gap)
        tracks = tracks.copy()
        if not owners:
            return tracks
        gaps = [_gap(number, span, clicks[row], tracks[row]) for number, (row, span) in owners.items()]
        footage = self._footage
        for bridged in BridgeRun(footage.clip.frames, footage.tracker, gaps, cache=footage.cache):
            prediction = bridged.prediction
            for column, number in enumerate(prediction.ids.tolist()):
                row, (_, _, start, end) = owners[number]
                start, end = max(start, prediction.first_frame), min(end, prediction.end_frame)
                given = slice(start - prediction.first_frame, max(start, end) - prediction.first_frame)
                tracks[row, start : max(start, end)] = prediction.tracks[given, column]
        return tracks


def _gap(number: int, span: GapSpan, clicks: Clicks, path: Floats) -> Gap:
    """The span as a bridge is asked for it: with the other clicks of its track, and the path (T, 2) so far."""
    left, right, start, end = span
    ends = {round(anchor[0]) for anchor in (left, right) if anchor is not None}
    away = {frame: max(start - frame, frame - end + 1) for frame in clicks if frame not in ends}
    others = tuple((float(frame), *clicks[frame]) for frame in sorted(away, key=lambda frame: (away[frame], frame)))
    return Gap(number, left, right, start, end, others, path[start:end].copy())


def gaps_around(clicks: Clicks, frame: int, count: int) -> list[GapSpan]:
    """What changes with a click on `frame`: left and right anchor, and frames [start, end), as `Gap` has them.

    To the clicks on both sides, and where there is none after it, out to the end of `count` frames. Nothing before the
    first click: there the track has not begun. Gaps without frames are left out.
    """
    before = max((other for other in clicks if other < frame), default=None)
    after = min((other for other in clicks if other > frame), default=None)
    here = (float(frame), *clicks[frame])
    found: list[GapSpan] = []
    if before is not None:
        found.append(((float(before), *clicks[before]), here, before + 1, frame))
    right = None if after is None else (float(after), *clicks[after])
    found.append((here, right, frame + 1, count if after is None else after))
    return [gap for gap in found if gap[2] < gap[3]]


def _flow(footage: Footage) -> Strategy:
    return BridgedGaps(Footage(footage.clip, LucasKanade()))


STRATEGIES: dict[str, Callable[[Footage], Strategy]] = {
    "linear": Linear,
    "flow": _flow,
    "nearest": NearestClick,
    "bridge": BridgedGaps,
}
