"""Tracks between anchors anew: both ends held where there are two, running out where there is one.

Between two anchors the path is found forward and backward, and both are made one (`bridge_solve`). Everything that was
seen before is known again by its frame's number: a correction decodes and encodes nothing.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.inference.bridge_flow import Bools, Floats, Spans
from tracker.inference.bridge_remarks import remarks_on
from tracker.inference.bridge_solve import Evidence, solve
from tracker.inference.bridge_window import Window
from tracker.inference.gaps import Bridged, Gap
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Cancelled, Prediction, ShouldStop, Tracker
from tracker.inference.supply import OnRead
from tracker.video import FrameSource

MOST_CELLS = 20_000  # points x frames that are solved together
MOST_OTHERS = 3  # further anchors that are looked at
MOST_WASTE = 1.5  # of the cells that gaps have, how many those have that are solved together for them


class View(Protocol):
    """The video as a tracker sees it."""

    def to_work(self, points: Floats) -> Floats:
        """(..., 2) pixels of the video -> those of the pictures in work."""

    def to_video(self, points: Floats) -> Floats:
        """(..., 2) the other way round."""

    def evidence(self, spans: Spans) -> Evidence:
        """What can be asked of N gaps."""

    def run_out(self, spans: Spans) -> Iterator[Window]:
        """From the first anchors on, window after window."""


class BridgeRun:
    """Iterate over it, once, to solve gaps; each gap between two anchors comes as a whole, others window by window.

    Attributes:
        frames_done, frames_total: progress, in frames that are given.
        frames_read: how many had to be decoded, and encoded, since they were not in the cache.
    """

    def __init__(
        self,
        source: FrameSource,
        tracker: Tracker,
        gaps: Sequence[Gap],
        *,
        cache: Any = None,
        on_progress: Callable[[int, int], object] | None = None,
        on_read: Callable[[int], object] | None = None,
    ) -> None:
        """
        Args:
            source: belongs to the thread that iterates.
            cache: features of frames; the tracker's own where None.
            on_progress: called with `frames_done` and `frames_total` after every piece.
            on_read: called with `frames_read` after every frame that was not in the cache.

        Raises:
            InputError: an anchor lies outside the video or the picture, two on one frame, or a gap is not between them.
        """
        for gap in gaps:
            _check(gap, source)
        self._source, self._tracker, self._cache = source, bridging_tracker(tracker), cache
        self._gaps = list(gaps)
        self._on_progress, self._on_read = on_progress, on_read
        self._cancelled = threading.Event()
        self.frames_done = self.frames_read = 0
        self.frames_total = sum(gap.end - gap.start for gap in gaps)

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop within one window. Any thread. Of a gap between two anchors that is not solved nothing is given."""
        self._cancelled.set()

    def __iter__(self) -> Iterator[Bridged]:
        """Do it.

        Raises:
            InputError: a frame cannot be decoded; what was solved before is given before.
        """
        try:
            view = _open_view(self._source, self._tracker, self._cache, self._cancelled.is_set, self._read)
            for batch in batches([gap for gap in self._gaps if gap.left and gap.right]):
                yield self._solve(view, batch)
            for backward in (False, True):
                ends = [gap for gap in self._gaps if (gap.left is None) == backward and not (gap.left and gap.right)]
                for batch in unique_ids(ends):
                    yield from self._run_out(view, batch, backward)
        except Cancelled:
            self.frames_total = self.frames_done

    def _solve(self, view: View, gaps: list[Gap]) -> Bridged:
        """Gaps between two anchors."""
        anchors = np.array([(gap.left, gap.right) for gap in gaps], np.float64)  # (N, 2, 3)
        times = np.rint(anchors[..., 0]).astype(np.int64)
        low = int(times.min())
        places = view.to_work(anchors[..., 1:])
        frames = range(low, int(times.max()) + 1)
        bounds = (times[:, 0] - low, times[:, 1] - low, places[:, 0], places[:, 1])
        known = known_of(gaps, frames)
        spans = Spans(frames, *bounds, False, looks_of(gaps, view), None if known is None else view.to_work(known))
        solved = solve(view.evidence(spans), spans)
        path, forward, backward = (view.to_video(one) for one in (solved.path, solved.forward, solved.backward))
        path = _as_known(path, solved.kept, known)
        path[solved.cut] = np.nan
        apart = np.where(solved.cut | solved.beyond, np.nan, np.linalg.norm(forward - backward, axis=-1))
        asked = [(gap.start - low, gap.end - low) for gap in gaps]
        visibility, confidence = (np.where(solved.cut, 0, one) for one in (solved.visibility, solved.confidence))
        prediction = _prediction(low, gaps, asked, path, visibility, confidence, apart)
        self._count(sum(gap.end - gap.start for gap in gaps))
        return Bridged(prediction, tuple(remarks_on(gaps, asked, solved, apart)))

    def _run_out(self, view: View, gaps: list[Gap], backward: bool) -> Iterator[Bridged]:
        """Gaps with one anchor, all in one direction."""
        sign = -1 if backward else 1
        anchors = np.array([gap.right if backward else gap.left for gap in gaps], np.float64)
        moments = sign * np.rint(anchors[:, 0]).astype(np.int64)
        low = int(moments.min())
        bounds = np.array([(1 - gap.end, 1 - gap.start) if backward else (gap.start, gap.end) for gap in gaps]) - low
        frames = [sign * moment for moment in range(low, low + int(bounds.max()))]
        counted = 0
        first, places = moments - low, view.to_work(anchors[:, 1:])
        known = known_of(gaps, frames)
        in_work = None if known is None else view.to_work(known)
        spans = Spans(frames, first, bounds[:, 1] - 1, places, places, True, looks_of(gaps, view), in_work)
        for window in view.run_out(spans):
            length = len(window.path)
            here = None if known is None else known[window.first : window.first + length]
            path = _as_known(view.to_video(window.path), window.kept, here)
            asked = [tuple(np.clip(bound - window.first, 0, length).tolist()) for bound in bounds]
            prediction = _prediction(window.first, gaps, asked, path, window.visibility, window.confidence)
            reached = np.clip(window.first + length, bounds[:, 0], bounds[:, 1]) - bounds[:, 0]
            self._count(int(reached.sum()) - counted)
            counted = int(reached.sum())
            yield Bridged(_mirrored(prediction, frames) if backward else _moved(prediction, low))

    def _read(self) -> None:
        self.frames_read += 1
        if self._on_read is not None:
            self._on_read(self.frames_read)

    def _count(self, frames: int) -> None:
        self.frames_done = min(self.frames_total, self.frames_done + frames)
        if self._on_progress is not None:
            self._on_progress(self.frames_done, self.frames_total)


def bridging_tracker(tracker: Tracker) -> Tracker:
    """Who solves gaps where this one tracks: itself, or Lucas-Kanade where it cannot hold a path at anchors."""
    if isinstance(tracker, LucasKanade):
        return tracker
    from tracker.inference.cotracker import CoTrackerTracker

    return tracker if isinstance(tracker, CoTrackerTracker) else LucasKanade()


def batches(gaps: Sequence[Gap]) -> list[list[Gap]]:
    """Gaps between two anchors that are worth solving together: over much the same frames, no track twice."""
    found: list[tuple[int, int, int, list[Gap]]] = []  # first frame, last frame, cells of the gaps, gaps
    for gap in sorted(gaps, key=lambda gap: (gap.start, gap.end)):
        cells = gap.end - gap.start + 2
        for i, (low, high, own, members) in enumerate(found):
            low, high, own = min(low, gap.start), max(high, gap.end), own + cells
            whole = (high - low + 2) * (len(members) + 1)
            if whole <= min(MOST_CELLS, MOST_WASTE * own) and all(gap.id != other.id for other in members):
                found[i] = (low, high, own, [*members, gap])
                break
        else:
            found.append((gap.start, gap.end, cells, [gap]))
    return [members for *_, members in found]


def looks_of(gaps: Sequence[Gap], view: View) -> tuple[NDArray[np.int64], Floats]:
    """`Spans.looks` of gaps that have the same ends. Who has fewer anchors shows the first one again."""
    ends = [[anchor for anchor in (gap.left, gap.right) if anchor is not None] for gap in gaps]
    shown = [[*own, *gap.others[:MOST_OTHERS]] for own, gap in zip(ends, gaps, strict=True)]
    most = max(map(len, shown))
    rows = np.array([[*own, *own[:1] * (most - len(own))] for own in shown], np.float64).transpose(1, 0, 2)
    return np.rint(rows[..., 0]).astype(np.int64), view.to_work(rows[..., 1:])


def known_of(gaps: Sequence[Gap], frames: Sequence[int]) -> Floats | None:
    """`Gap.known` of gaps (T, N, 2) over frames that rise or fall; None where nothing is known of any."""
    if all(gap.known is None for gap in gaps):
        return None
    known = np.full((len(frames), len(gaps), 2), np.nan)
    for column, gap in enumerate(gaps):
        if gap.known is not None:
            rows = [i for i, frame in enumerate(frames) if gap.start <= frame < gap.end]
            known[rows, column] = gap.known[np.asarray(frames)[rows] - gap.start]
    return known


def _as_known(path: Floats, kept: Bools, known: Floats | None) -> Floats:
    """A path (T, N, 2), to the bit as it was known where it is `kept` (T, N)."""
    return path if known is None else np.where(kept[..., None], known, path)


def unique_ids(gaps: Sequence[Gap]) -> list[list[Gap]]:
    """As few lists as may be, with no track twice in one."""
    found: list[list[Gap]] = []
    for gap in gaps:
        for members in found:
            if all(gap.id != other.id for other in members):
                members.append(gap)
                break
        else:
            found.append([gap])
    return found


def _prediction(
    low: int,
    gaps: Sequence[Gap],
    asked: Sequence[tuple[int, int]],
    path: Floats,
    visibility: Floats,
    confidence: Floats,
    disagreement: Floats | None = None,
) -> Prediction:
    """Of the rows that were asked for, of each gap; NaN in the others."""
    times = np.arange(len(path))[:, None]
    bounds = np.array(asked)
    inside = (times >= bounds[:, 0]) & (times < bounds[:, 1])

    def only(values: Floats) -> NDArray[np.float32]:
        shown = inside.reshape(*inside.shape, *[1] * (values.ndim - 2))
        return np.where(shown, values, np.nan).astype(np.float32)

    ids = np.array([gap.id for gap in gaps], np.int64)
    apart = None if disagreement is None else only(disagreement)
    return Prediction(low, ids, only(path), only(visibility), only(confidence), apart)


def _moved(prediction: Prediction, low: int) -> Prediction:
    return Prediction(
        prediction.first_frame + low, prediction.ids, prediction.tracks, prediction.visibility, prediction.confidence
    )


def _mirrored(prediction: Prediction, frames: Sequence[int]) -> Prediction:
    """Of a run over frames that run back, in the order of the video."""
    last = prediction.first_frame + len(prediction.tracks) - 1
    values = (prediction.tracks[::-1], prediction.visibility[::-1], prediction.confidence[::-1])
    return Prediction(frames[last], prediction.ids, *(np.ascontiguousarray(one) for one in values))


def _open_view(source: FrameSource, tracker: Tracker, cache: Any, should_stop: ShouldStop, on_read: OnRead) -> View:
    if isinstance(tracker, LucasKanade):
        from tracker.inference.bridge_grey import GreyView

        return GreyView(source, cache, should_stop, on_read)
    from tracker.inference.bridge_network import NetworkView
    from tracker.inference.cotracker import CoTrackerTracker

    assert isinstance(tracker, CoTrackerTracker)
    return NetworkView(source, tracker, cache, should_stop, on_read)


def _check(gap: Gap, source: FrameSource) -> None:
    name, size = f"{source.name}: track {gap.id}", f"{source.width}x{source.height}"
    anchors = [anchor for anchor in (gap.left, gap.right) if anchor is not None]
    if not anchors:
        raise InputError(f"{name}: a gap needs an anchor on one side at least")
    for frame, x, y in anchors:
        if not all(map(math.isfinite, (frame, x, y))) or not 0 <= round(frame) < source.frame_count:
            raise InputError(f"{name}: an anchor on frame {frame:g}, but the frames are 0 to {source.frame_count - 1}")
        if not (-0.5 <= x <= source.width - 0.5 and -0.5 <= y <= source.height - 0.5):
            raise InputError(f"{name}: the anchor at {x:g}, {y:g} lies outside the picture of {size} pixels")
    left = -1 if gap.left is None else round(gap.left[0])
    right = source.frame_count if gap.right is None else round(gap.right[0])
    if left == right:
        raise InputError(f"{name}: there are two anchors on frame {left}")
    if not left < gap.start < gap.end <= right:
        raise InputError(f"{name}: frames {gap.start} to {gap.end} (end exclusive) do not lie between the anchors")
