"""CoTracker3 over a whole clip at once. Keeps the features of all its frames in memory: 6.3 MB each at full size."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.inference.feature_cache import FeatureCache
from tracker.inference.features import FrameEncoder, HeldFrame
from tracker.inference.memory import WorkSize
from tracker.inference.resolution import WorkingResolution, check_queries, support_grid
from tracker.inference.session import Cancelled, FrameKey, Prediction, ShouldStop
from tracker.models.cotracker3 import CoTracker3
from tracker.models.estimate import join_windows

Queries = NDArray[np.float32]
Raw = tuple[Tensor, Tensor, Tensor]  # tracks (T, M, 2) in working pixels, visibility and confidence (T, M)


def track_offline(
    model: CoTracker3,
    video: NDArray[np.uint8] | Iterable[NDArray[np.uint8]],
    queries: Queries,
    *,
    iters: int | None = None,
    support_grid: int = 6,
    backward: bool = False,
    cache: FeatureCache | None = None,
    resolution: tuple[int, int] | None = None,
    should_stop: ShouldStop | None = None,
) -> Prediction:
    """Track points through a clip, as the published offline predictor does, with raw probabilities.

    At its query frame a point gets the query's position and visibility 1; its confidence is the model's. An online
    network runs over overlapping windows.

    Args:
        model: in eval mode.
        video: T frames (H, W, 3) uint8 RGB, as an array or one after the other.
        queries: (N, 3) t, x, y in frames and pixels.
        iters: refinement iterations; the configuration's where None.
        support_grid: side of a grid of further points at frame 0, which help the others; 0 for none.
        backward: track on the reversed clip too, and take the frames before each query from there.
        cache: features of frames, shared with sessions.
        resolution: (height, width) to work in; the configuration's where None.
        should_stop: asked before every iteration.

    Raises:
        ValueError: no frames, frames of different sizes, or a query that is not in the clip.
        Cancelled: `should_stop` said so.
    """
    clip: OfflineClip | None = None
    for frame in video:
        if clip is None:
            clip = OfflineClip(model, frame.shape[1], frame.shape[0], cache=cache, resolution=resolution)
        clip.add(frame, should_stop)
    if clip is None:
        raise ValueError("the video has no frames")
    queries = check_queries(queries, np.arange(len(np.reshape(queries, (-1, 3)))), (), 0)
    return clip.track(queries, iters=iters, support=support_grid, backward=backward, should_stop=should_stop)


class OfflineClip:
    """The encoded frames of a clip, to track points in. `frame_key` is as in `Tracker.session`."""

    def __init__(
        self,
        model: CoTracker3,
        width: int,
        height: int,
        *,
        cache: FeatureCache | None = None,
        frame_key: FrameKey | None = None,
        resolution: tuple[int, int] | None = None,
    ) -> None:
        self._model, self._frame_key = model, frame_key
        self._space = WorkingResolution.of(model.config, width, height, resolution)
        self._encoder = FrameEncoder(model, self._space.resolution, cache)
        self._work = WorkSize(model)
        self.frames: tuple[HeldFrame, ...] = ()

    def add(self, frame: NDArray[np.uint8], should_stop: ShouldStop | None = None) -> None:
        """Encode one more frame. Raises ValueError where its size differs, Cancelled where `should_stop` says so."""
        if frame.shape != (self._space.height, self._space.width, 3):
            raise ValueError(f"a frame of shape {frame.shape} in a clip of {self._space.width}x{self._space.height}")
        if should_stop is not None and should_stop():
            raise Cancelled
        held = self._encoder.hold(frame, self._frame_key(len(self.frames)) if self._frame_key else None)
        with torch.inference_mode():
            self._work.attempt(lambda: self._encoder.encode([held], 1))
        self.frames = (*self.frames, held)

    def track(
        self,
        queries: Queries,
        *,
        iters: int | None = None,
        support: int = 6,
        backward: bool = False,
        should_stop: ShouldStop | None = None,
    ) -> Prediction:
        """Points are numbered from 0. Arguments and errors as in `track_offline`."""
        length, times = len(self.frames), queries[:, 0].astype(np.int64)
        if len(times) and times.max() >= length:
            raise ValueError(f"a query at frame {times.max()}, but the clip has {length} frames")
        ahead = self.track_raw(queries, iters, support, should_stop)
        if not backward:
            return self.to_prediction(queries, ahead)
        mirrored = queries.copy()
        mirrored[:, 0] = length - 1 - times
        back = self.track_raw(mirrored, iters, support, should_stop, reverse=True)
        return self.to_prediction(queries, ahead, back)

    def to_prediction(self, queries: Queries, ahead: Raw, back: Raw | None = None) -> Prediction:
        """The answer for the queries from `track_raw`, in video pixels; `back` is that of the reversed clip."""
        values = self._in_video(ahead)
        times, count = queries[:, 0].astype(np.int64), len(queries)
        if back is not None:
            earlier = np.arange(len(self.frames))[:, None] < np.pad(times, (0, values[1].shape[1] - count))
            values = [
                np.where(earlier.reshape(*earlier.shape, *[1] * (value.ndim - 2)), reverse[::-1], value)
                for value, reverse in zip(values, self._in_video(back), strict=True)
            ]
        tracks, visibility, confidence = (value[:, :count].copy() for value in values)
        tracks[times, np.arange(count)] = queries[:, 1:]
        visibility[times, np.arange(count)] = 1
        return Prediction(0, np.arange(count, dtype=np.int64), tracks, visibility, confidence)

    def track_raw(
        self,
        queries: Queries,
        iters: int | None = None,
        support: int = 6,
        should_stop: ShouldStop | None = None,
        reverse: bool = False,
    ) -> Raw:
        """The network's own answer, support points last: tracks (T, M, 2) in working pixels, probabilities (T, M)."""
        rows = torch.from_numpy(np.ascontiguousarray(queries, np.float32))
        places, times = self._space.to_model(rows[:, 1:]), rows[:, 0].long()
        if support:
            grid = support_grid(support, self._space.resolution)
            # On frame 0 of the clip, which is the last one of the reversed clip.
            moment = len(self.frames) - 1 if reverse else 0
            places, times = torch.cat([places, grid]), torch.cat([times, times.new_full((len(grid),), moment)])

        def ask() -> None:
            if should_stop is not None and should_stop():
                raise Cancelled

        def work() -> Raw:
            device = self._work.device
            stack = torch.stack([held.features.to(device) for held in self.frames if held.features is not None])
            history = self._model.track(
                (stack.flip(0) if reverse else stack)[None],
                times[None].to(device),
                places[None].to(device) / self._model.config.stride,
                iters,
                greys=self._greys(reverse),
                max_tokens=self._work.max_tokens,
                before_iteration=ask,
            )
            whole = join_windows([(start, iterations[-1]) for start, iterations in history], len(stack))
            tracks, visibility, confidence = self._model.report(whole)
            return tracks[0], visibility[0].sigmoid(), confidence[0].sigmoid()

        with torch.inference_mode():
            return self._work.attempt(work)

    def _greys(self, reverse: bool) -> NDArray[np.uint8] | None:
        if not self._model.config.flow:
            return None
        greys = [held.grey for held in self.frames]
        return np.stack(greys[::-1] if reverse else greys)[None]

    def _in_video(self, values: Raw) -> list[NDArray[np.float32]]:
        tracks, visibility, confidence = values
        return [value.cpu().numpy() for value in (self._space.to_video(tracks), visibility, confidence)]


@dataclass(frozen=True)
class _State:
    frames: tuple[HeldFrame, ...] = ()
    queries: tuple[tuple[int, tuple[float, ...]], ...] = ()  # (id, (t, x, y))
    finished: bool = False


class OfflineSession:
    """A whole clip behind the interface of a session: takes frames, and gives everything in `finish`.

    Frames before a point's query are given as NaN. Memory grows with the clip.
    """

    def __init__(
        self,
        model: CoTracker3,
        width: int,
        height: int,
        *,
        cache: FeatureCache | None = None,
        frame_key: FrameKey | None = None,
    ) -> None:
        self._clip = OfflineClip(model, width, height, cache=cache, frame_key=frame_key)
        self._state = _State()

    @property
    def frames_seen(self) -> int:
        """How many frames `step` has been given."""
        return len(self._state.frames)

    @property
    def earliest_query(self) -> int:
        """Any frame will do."""
        return 0

    def add_points(self, queries: Queries, ids: NDArray[np.int64]) -> None:
        """See `TrackingSession`."""
        queries = check_queries(queries, ids, [known for known, _ in self._state.queries], 0)
        rows = tuple(zip(np.asarray(ids).reshape(-1).tolist(), map(tuple, queries.tolist()), strict=True))
        self._state = replace(self._state, queries=self._state.queries + rows)

    def remove_points(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        """See `TrackingSession`."""
        gone = set(np.asarray(ids).reshape(-1).tolist())
        self._state = replace(self._state, queries=tuple(row for row in self._state.queries if row[0] not in gone))

    def step(self, frames: NDArray[np.uint8], *, should_stop: ShouldStop | None = None) -> Prediction | None:
        """Encode the next frames; nothing is known before the end.

        Raises:
            Cancelled, ValueError: as in `track_offline`; the session is as it was before the call.
        """
        if self._state.finished:
            raise ValueError("the session is finished and takes no more frames")
        self._clip.frames = self._state.frames
        for frame in frames:
            self._clip.add(frame, should_stop)
        self._state = replace(self._state, frames=self._clip.frames)
        return None

    def finish(self, *, should_stop: ShouldStop | None = None) -> Prediction | None:
        """Track everything. Points whose query lies behind the last frame come back as NaN."""
        state = self._state
        if state.finished or not state.frames or not state.queries:
            self._state = replace(state, finished=True, frames=())
            return None
        ids = np.array([known for known, _ in state.queries], np.int64)
        queries = np.array([row for _, row in state.queries], np.float32)
        self._clip.frames = state.frames
        inside = queries[:, 0] < len(state.frames)
        found = self._clip.track(queries[inside], should_stop=should_stop)
        shape = (len(state.frames), len(ids))
        tracks, visibility, confidence = (
            np.full((*shape, *value.shape[2:]), np.nan, np.float32)
            for value in (found.tracks, found.visibility, found.confidence)
        )
        known = np.arange(len(state.frames))[:, None] >= queries[inside, 0].astype(np.int64)
        tracks[:, inside] = np.where(known[..., None], found.tracks, np.nan)
        visibility[:, inside] = np.where(known, found.visibility, np.nan)
        confidence[:, inside] = np.where(known, found.confidence, np.nan)
        self._state = replace(state, finished=True, frames=())
        return Prediction(0, ids, tracks, visibility, confidence)

    def snapshot(self) -> _State:
        """All that the session knows."""
        return self._state

    def restore(self, snapshot: _State) -> None:
        """Go back to an earlier `snapshot` of this session."""
        self._state = snapshot
