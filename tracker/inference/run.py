"""One run: a tracker over a stretch of a video, forward or backward, while points come and go."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.inference.appearance import PatchChange
from tracker.inference.session import Prediction, Tracker, TrackingSession
from tracker.inference.supply import frame_keys
from tracker.video import FrameSource

Queries = NDArray[np.float32]
Ids = NDArray[np.int64]


class _Cancelled(Exception):
    """Leaves the pass from wherever it is."""


class TrackRun:
    """Iterate over it to track: gives predictions in frames of the video, ascending in each, window after window.

    Inside, a backward run is a forward one over a mirrored time axis: `moment` is the frame, negated when backward.

    A pass decodes from its earliest query on. A point that is added when its frame has passed waits for the end of the
    pass and gets one of its own, from its query to the end. Memory does not grow with the length of the video.

    Attributes:
        frames_done, frames_total: progress in decoded frames; the total grows when a further pass becomes needed.
    """

    def __init__(
        self,
        source: FrameSource,
        tracker: Tracker,
        queries: Queries,
        ids: Ids,
        *,
        start: int,
        end: int,
        backward: bool = False,
        cache: Any = None,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> None:
        """
        Args:
            queries: (N, 3) float32, frame of the video, x, y in pixels.
            ids: (N,) int64.
            start, end: frames to give (end exclusive). A forward query may lie before `start` and a backward one after
                `end`: what lies between is tracked and not given.
            cache: features of frames, handed to the tracker's sessions.
            on_progress: called with `frames_done` and `frames_total` after every window, also one that gave nothing.

        Raises:
            InputError: the range or a query does not fit the video, or there is no point.
        """
        if not 0 <= start < end <= source.frame_count:
            raise InputError(
                f"{source.name}: frames {start} to {end} (end exclusive) are not among its {source.frame_count} frames"
            )
        self._source, self._tracker, self._cache = source, tracker, cache
        self._on_progress = on_progress
        self._sign = -1 if backward else 1
        self._low, self._high = (-(end - 1), -start + 1) if backward else (start, end)
        self._lock = threading.Lock()
        self._inbox: deque[tuple[str, Queries, Ids]] = deque()
        self._over = False
        self._cancelled = threading.Event()
        self._waiting: dict[int, tuple[float, float, float]] = {}  # id: moment, x, y
        self._following: dict[int, int] = {}  # id: moment of its query
        self._change = PatchChange(source.width, source.height)  # of the pass that goes on
        self.frames_done = 0
        self.frames_total = 0
        if len(ids) == 0:
            raise InputError(f"{source.name}: there are no points to track")
        self.add_points(queries, ids)

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def add_points(self, queries: Queries, ids: Ids) -> bool:
        """Follow these points too, from the next window on; one that is already followed starts anew. Any thread.

        Returns:
            False: the run is over and does not take them.

        Raises:
            InputError: a query does not fit the video or lies behind the end of the run.
        """
        queries, ids = np.asarray(queries, np.float32).reshape(-1, 3), np.asarray(ids, np.int64).reshape(-1)
        self._check(queries, ids)
        return self._post("add", queries, ids)

    def remove_points(self, ids: Sequence[int] | Ids) -> bool:
        """Follow these points no longer, from the next window on; unknown ids are ignored. Any thread."""
        return self._post("remove", np.zeros((0, 3), np.float32), np.asarray(ids, np.int64).reshape(-1))

    def cancel(self) -> None:
        """Stop within one window. Any thread."""
        self._cancelled.set()

    def __iter__(self) -> Iterator[Prediction]:
        """Do it. Can be iterated once.

        Raises:
            InputError: a frame cannot be decoded; what is known up to it is given before.
        """
        try:
            while points := self._next_points():
                yield from self._pass(points)
        except _Cancelled:
            with self._lock:
                self._over = True
            self.frames_total = self.frames_done

    # -- what other threads ask for

    def _check(self, queries: Queries, ids: Ids) -> None:
        name, count = self._source.name, self._source.frame_count
        if len(queries) != len(ids) or not np.isfinite(queries).all():
            raise InputError(f"{name}: points must be finite rows of frame, x, y, one for each id")
        if len(np.unique(ids)) < len(ids):
            raise InputError(f"{name}: two points have the same id")
        frames = np.rint(queries[:, 0]).astype(np.int64)
        for frame in frames[(frames < 0) | (frames >= count)][:1]:
            raise InputError(f"{name}: a point starts at frame {frame}, but the frames are 0 to {count - 1}")
        for frame in frames[frames * self._sign >= self._high][:1]:
            raise InputError(f"{name}: a point starts at frame {frame}, where the frames to track are over")

    def _post(self, command: str, queries: Queries, ids: Ids) -> bool:
        with self._lock:
            if not self._over:
                self._inbox.append((command, queries, ids))
            return not self._over

    def _take_inbox(self) -> list[tuple[str, Queries, Ids]]:
        with self._lock:
            commands = list(self._inbox)
            self._inbox.clear()
            return commands

    def _next_points(self) -> dict[int, tuple[float, float, float]]:
        """The points of the next pass; none when the run is over."""
        self._follow_inbox(None, 0)
        with self._lock:
            self._stop_if_cancelled()
            if not (self._waiting or self._inbox):
                self._over = True
                return {}
        points, self._waiting = self._waiting, {}
        # Only commands that came in between: look again.
        return points or self._next_points()

    # -- one pass

    def _pass(self, points: dict[int, tuple[float, float, float]]) -> Iterator[Prediction]:
        origin = int(min(moment for moment, _, _ in points.values()))
        self.frames_total += self._high - origin
        name = frame_keys(self._source)
        session = self._tracker.session(
            self._source.width,
            self._source.height,
            cache=self._cache,
            frame_key=lambda moment: name(self._sign * (origin + moment)),
        )
        self._change = PatchChange(self._source.width, self._source.height)
        self._start(session, points, origin)
        step, finish = self._stoppable(session.step), self._stoppable(session.finish)
        damage: InputError | None = None
        try:
            for frames in self._chunks(origin):
                self._follow_inbox(session, origin)
                if not self._following:
                    break
                self._change.see(frames)
                prediction = self._change.fill(step(frames))
                self._change.forget(session.earliest_query)
                self._count(len(frames))
                yield from self._in_video(prediction, origin)
                self._stop_if_cancelled()
        except InputError as error:
            damage = error
        self._follow_inbox(session, origin)
        self._stop_if_cancelled()
        yield from self._in_video(self._change.fill(finish()), origin)
        self._following.clear()
        self.frames_total = max(self.frames_done, self.frames_total - (self._high - origin - session.frames_seen))
        if damage is not None:
            raise damage

    def _chunks(self, origin: int) -> Iterator[NDArray[np.uint8]]:
        """The frames from `origin` to the end as (S, H, W, 3); before a damaged frame those that came before it."""
        chunk: list[NDArray[np.uint8]] = []
        sign = self._sign
        frames = self._source.frames(sign * origin, sign * self._high, sign)
        while True:
            self._stop_if_cancelled()
            try:
                frame = next(frames, None)
            except InputError:
                if chunk:
                    yield np.stack(chunk)
                raise
            if frame is not None:
                chunk.append(frame)
            if chunk and (frame is None or len(chunk) == self._tracker.step_frames):
                yield np.stack(chunk)
                chunk = []
            if frame is None:
                return

    def _count(self, frames: int) -> None:
        self.frames_done += frames
        if self._on_progress is not None:
            self._on_progress(self.frames_done, self.frames_total)

    def _stop_if_cancelled(self) -> bool:
        if self.cancelled:
            raise _Cancelled
        return False

    def _stoppable(self, call: Callable[..., Prediction | None]) -> Callable[..., Prediction | None]:
        """A session's step or finish; where it asks `should_stop` inside a window, that ends it at once."""
        if "should_stop" in signature(call).parameters:
            return partial(call, should_stop=self._stop_if_cancelled)
        return call

    def _start(self, session: TrackingSession, points: dict[int, tuple[float, float, float]], origin: int) -> None:
        rows = np.array(list(points.values()), np.float64)
        rows[:, 0] -= origin
        queries, ids = rows.astype(np.float32), np.array(list(points), np.int64)
        session.add_points(queries, ids)
        self._change.add_points(queries, ids)
        self._following.update({i: int(moment) for i, (moment, _, _) in points.items()})

    def _follow_inbox(self, session: TrackingSession | None, origin: int) -> None:
        """Obey what other threads asked for; points whose frame has passed wait for the next pass."""
        for command, queries, ids in self._take_inbox():
            known = [int(i) for i in ids if int(i) in self._following]
            if session is not None and known:
                session.remove_points(known)
            for i in ids.tolist():
                self._following.pop(i, None)
                self._waiting.pop(i, None)
            if command == "remove":
                continue
            moments = self._sign * np.rint(queries[:, 0].astype(np.float64))
            points = {
                i: (float(moment), float(x), float(y))
                for i, moment, (_, x, y) in zip(ids.tolist(), moments, queries, strict=True)
            }
            if session is not None:
                reachable = origin + session.earliest_query
                joining = {i: point for i, point in points.items() if point[0] >= reachable}
                if joining:
                    self._start(session, joining, origin)
                points = {i: point for i, point in points.items() if i not in joining}
            self._waiting.update(points)

    def _in_video(self, prediction: Prediction | None, origin: int) -> Iterator[Prediction]:
        """The prediction in frames of the video: only the asked ones, and nothing before a point's query."""
        if prediction is None or len(prediction.ids) == 0:
            return
        moments = origin + prediction.first_frame + np.arange(len(prediction.tracks))
        starts = np.array([self._following.get(int(i), self._high) for i in prediction.ids])
        rows = np.flatnonzero((moments >= self._low) & (moments < self._high))[:: self._sign]
        # Missing frames were tracked on the picture before them: nobody knows anything there.
        known = (starts <= moments[rows, None]) & ~np.isin(self._sign * moments[rows], self._source.missing)[:, None]
        if not known.any():
            return

        def kept(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
            return None if values is None else np.where(known, values[rows], np.float32(np.nan))

        yield Prediction(
            first_frame=int(self._sign * moments[rows[0]]),
            ids=prediction.ids,
            tracks=np.where(known[..., None], prediction.tracks[rows], np.float32(np.nan)),
            visibility=np.where(known, prediction.visibility[rows], np.float32(0)),
            confidence=np.where(known, prediction.confidence[rows], np.float32(0)),
            disagreement=kept(prediction.disagreement),
            patch_change=kept(prediction.patch_change),
        )
