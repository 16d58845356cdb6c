"""Sessions of networks that track every point for itself through a whole clip, or frame by frame: TAPIR, LocoTrack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.inference.memory import WorkSize
from tracker.inference.resolution import WorkingResolution, check_queries
from tracker.inference.session import Cancelled, Prediction, ShouldStop
from tracker.models.cotracker3 import CoTracker3
from tracker.models.tapir import CausalState, QueryFeatures, Tapir, join_states
from tracker.models.tapnet import ClipFeatures, ClipNetwork, Guess, to_output

Image = NDArray[np.uint8]
Queries = NDArray[np.float32]
Ids = NDArray[np.int64]
Values = NDArray[np.float32]  # (T, N, 4): x and y in pixels of the video, visibility, confidence


class _Work(WorkSize):
    """It asks nothing of a model but where it is."""

    def __init__(self, network: ClipNetwork) -> None:
        self._network = network
        super().__init__(cast(CoTracker3, network))

    @property
    def device(self) -> torch.device:
        """Where the network is now."""
        return next(self._network.parameters()).device


class _Space:
    """Between a video and one network: its resolution and the device that it is on."""

    def __init__(self, network: ClipNetwork, width: int, height: int) -> None:
        self.network, self.work = network, _Work(network)
        self._resolution = WorkingResolution(width, height, network.config.resolution, area=True)

    def resized(self, frames: Image) -> tuple[Image, ...]:
        """Each of (S, H, W, 3) at the network's resolution: bilinear, half-pixel centres, no anti-aliasing.

        Raises:
            ValueError: the frames are not of the size of the video.
        """
        space = self._resolution
        if frames.ndim != 4 or frames.shape[1:] != (space.height, space.width, 3):
            raise ValueError(
                f"frames of shape {frames.shape}, but the session is for (S, height, width, 3) = "
                f"(S, {space.height}, {space.width}, 3)"
            )
        height, width = space.resolution
        return tuple(
            np.array(cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8) for frame in frames
        )

    def encode(self, images: Sequence[Image], ask: Callable[[], None]) -> ClipFeatures:
        """The features of resized frames."""
        video = torch.from_numpy(np.stack(images)).to(self.work.device).permute(0, 3, 1, 2)[None]
        return self.network.encode(video, self.work.frames_at_once, ask)

    def to_network(self, queries: Queries) -> Tensor:
        """(N, 3) t, x, y of the video -> (1, N, 3) whole frames and pixels of resized frames."""
        rows = torch.from_numpy(queries)
        placed = torch.cat([rows[:, :1].trunc(), self._resolution.to_model(rows[:, 1:])], dim=1)
        return placed[None].to(self.work.device)

    def to_values(self, guess: Guess) -> Values:
        """What the network found in resized frames, in the video."""
        size = self._resolution.resolution
        output = to_output(guess, size, size)
        parts = (self._resolution.to_video(output.tracks), output.visibility[..., None], output.confidence[..., None])
        return np.array(torch.cat(parts, dim=-1)[0].cpu().numpy(), np.float32)


def _asking(should_stop: ShouldStop | None) -> Callable[[], None]:
    def ask() -> None:
        if should_stop is not None and should_stop():
            raise Cancelled

    return ask


def _to_prediction(first: int, ids: Ids, values: Values) -> Prediction:
    tracks, visibility, confidence = (np.ascontiguousarray(values[..., part]) for part in (slice(2), 2, 3))
    return Prediction(first, ids, tracks, visibility, confidence)


def _nothing_known(count: int, points: int) -> Values:
    return np.full((count, points, 4), np.nan, np.float32)


@dataclass(frozen=True)
class _Asked:
    """Points that nothing is known of but their queries. Nothing in it is ever changed in place."""

    ids: Ids  # (N,)
    queries: Queries  # (N, 3) frames and pixels of the video

    @property
    def frames(self) -> NDArray[np.int64]:
        """(N,) the frames that they start at."""
        return self.queries[:, 0].astype(np.int64)

    def select(self, rows: NDArray[np.bool_]) -> "_Asked":
        return _Asked(self.ids[rows], self.queries[rows])

    def join(self, ids: Ids, queries: Queries) -> "_Asked":
        return _Asked(np.concatenate([self.ids, ids]), np.concatenate([self.queries, queries]))


NOBODY = _Asked(np.zeros(0, np.int64), np.zeros((0, 3), np.float32))


# -- the whole clip at once


@dataclass(frozen=True)
class _ClipState:
    images: tuple[Image, ...] = ()  # at the network's resolution
    points: _Asked = NOBODY
    finished: bool = False


class ClipSession:
    """Takes frames, and gives everything in `finish`; see `TrackingSession`.

    At its query frame a point gets the query's position and visibility 1; its confidence is the network's. Frames
    before that are given as NaN. Frames are kept at the network's resolution, 200 kB each at 256x256; while it tracks
    some 3 MB each.

    Args:
        network: in eval mode. Its weights must be trained ones for the tracks to mean anything.
        width, height: of the frames, in pixels.
    """

    def __init__(self, network: ClipNetwork, width: int, height: int) -> None:
        self._space = _Space(network, width, height)
        self._state = _ClipState()

    @property
    def frames_seen(self) -> int:
        """How many frames `step` has been given."""
        return len(self._state.images)

    @property
    def earliest_query(self) -> int:
        """Any frame will do."""
        return 0

    def add_points(self, queries: Queries, ids: Ids) -> None:
        """See `TrackingSession`. A fraction of t is cut off."""
        points = self._state.points
        queries = check_queries(queries, ids, points.ids.tolist(), 0)
        self._state = replace(self._state, points=points.join(np.asarray(ids, np.int64).reshape(-1), queries))

    def remove_points(self, ids: Sequence[int] | Ids) -> None:
        """See `TrackingSession`."""
        points = self._state.points
        gone = np.isin(points.ids, np.asarray(ids, np.int64).reshape(-1))
        self._state = replace(self._state, points=points.select(~gone))

    def step(self, frames: Image) -> Prediction | None:
        """Keep the next frames; nothing is known before the end.

        Raises:
            ValueError: the frames are not of the session's size, or the session is finished.
        """
        if self._state.finished:
            raise ValueError("the session is finished and takes no more frames")
        self._state = replace(self._state, images=self._state.images + self._space.resized(frames))
        return None

    def finish(self, *, should_stop: ShouldStop | None = None) -> Prediction | None:
        """Track everything. Points whose query lies behind the last frame come back as NaN.

        Raises:
            Cancelled: `should_stop`, which is asked for every few frames encoded and before every iteration, said so.
                The session is as it was before the call.
        """
        images, points = self._state.images, self._state.points
        prediction = None
        if not self._state.finished and images and len(points.ids):
            inside = points.frames < len(images)
            values = _nothing_known(len(images), len(points.ids))
            if inside.any():
                values[:, inside] = self._track(images, points.select(inside), should_stop)
            prediction = _to_prediction(0, points.ids, values)
        self._state = replace(self._state, finished=True, images=())
        return prediction

    def snapshot(self) -> _ClipState:
        """All that the session knows. Costs nothing but the memory it keeps alive."""
        return self._state

    def restore(self, snapshot: _ClipState) -> None:
        """Go back to an earlier `snapshot` of this session."""
        self._state = snapshot

    def _track(self, images: tuple[Image, ...], points: _Asked, should_stop: ShouldStop | None) -> Values:
        ask, space = _asking(should_stop), self._space

        def work() -> Values:
            ask()
            features, queries = space.encode(images, ask), space.to_network(points.queries)
            stages = space.network.track(features, queries, max_tokens=space.work.max_tokens, before_iteration=ask)
            return space.to_values(space.network.settle(stages))

        with torch.inference_mode():
            values = space.work.attempt(work)
        frames = points.frames
        values[np.arange(len(images))[:, None] < frames] = np.nan
        values[frames, np.arange(len(frames)), :3] = np.column_stack([points.queries[:, 1:], np.ones(len(frames))])
        return values


# -- frame by frame


@dataclass(frozen=True)
class _Followed:
    """Points that have started, with what the network keeps of them. Nothing in it is ever changed in place."""

    asked: _Asked
    described: QueryFeatures
    state: CausalState
    last: NDArray[np.float32]  # (N, 4) values on the last frame seen

    def select(self, rows: NDArray[np.bool_]) -> "_Followed":
        kept = torch.from_numpy(np.flatnonzero(rows)).to(self.state.narrow.device)
        described = tuple(grid[:, kept] for grid in self.described)
        return _Followed(self.asked.select(rows), described, self.state.select(kept), self.last[rows])

    def join(self, other: "_Followed") -> "_Followed":
        return _Followed(
            self.asked.join(other.asked.ids, other.asked.queries),
            tuple(torch.cat(pair, dim=1) for pair in zip(self.described, other.described, strict=True)),
            join_states([self.state, other.state]),
            np.concatenate([self.last, other.last]),
        )

    def to(self, device: torch.device) -> "_Followed":
        described = tuple(grid.to(device) for grid in self.described)
        return replace(self, described=described, state=CausalState(*(part.to(device) for part in self.state)))


@dataclass(frozen=True)
class _CausalState:
    followed: _Followed | None = None
    waiting: _Asked = NOBODY  # their frames have not come yet, or one of them is the last frame seen
    image: Image | None = None  # the last frame seen, at the network's resolution
    seen: int = 0
    finished: bool = False

    @property
    def ids(self) -> Ids:
        """All points, those that are followed first."""
        known = NOBODY.ids if self.followed is None else self.followed.asked.ids
        return np.concatenate([known, self.waiting.ids])


class CausalSession:
    """Follows points through frames as they come, with a causal TAPIR; see `TrackingSession`.

    A point starts at its query frame, with nothing of the frames before. There it gets the query's position and
    visibility 1; its confidence is the network's. Memory grows with the number of points (1 MB each in the published
    network), not of frames, and every frame takes as long.

    Args:
        network: a causal one in eval mode. Its weights must be trained ones for the tracks to mean anything.
        width, height: of the frames, in pixels.

    Raises:
        ValueError: the network is not causal.
    """

    def __init__(self, network: Tapir, width: int, height: int) -> None:
        if not network.config.causal:
            raise ValueError("only a causal network can track frame by frame")
        self._network, self._space = network, _Space(network, width, height)
        self._state = _CausalState()

    @property
    def frames_seen(self) -> int:
        """How many frames `step` has been given."""
        return self._state.seen

    @property
    def earliest_query(self) -> int:
        """The last frame seen: all that a new point needs."""
        return max(0, self._state.seen - 1)

    def add_points(self, queries: Queries, ids: Ids) -> None:
        """See `TrackingSession`. A fraction of t is cut off."""
        state = self._state
        queries = check_queries(queries, ids, state.ids.tolist(), self.earliest_query)
        self._state = replace(state, waiting=state.waiting.join(np.asarray(ids, np.int64).reshape(-1), queries))

    def remove_points(self, ids: Sequence[int] | Ids) -> None:
        """See `TrackingSession`."""
        state, gone = self._state, np.asarray(ids, np.int64).reshape(-1)
        followed = state.followed and state.followed.select(~np.isin(state.followed.asked.ids, gone))
        waiting = state.waiting.select(~np.isin(state.waiting.ids, gone))
        self._state = replace(state, followed=followed, waiting=waiting)

    def step(self, frames: Image, *, should_stop: ShouldStop | None = None) -> Prediction | None:
        """Track through the next S frames, (S, H, W, 3) uint8 RGB. None where there are no frames or points.

        The frame before is given again where points were added on it.

        Raises:
            Cancelled: `should_stop`, which is asked before every iteration, said so. The session is as before the call.
            ValueError: the frames are not of the session's size, or the session is finished.
        """
        if self._state.finished:
            raise ValueError("the session is finished and takes no more frames")
        images = self._space.resized(frames)
        if not images:
            return None
        self._state, prediction = self._advance(self._state, images, _asking(should_stop))
        return prediction

    def finish(self, *, should_stop: ShouldStop | None = None) -> Prediction | None:
        """Give the last frame again if points were added on it. The session takes no frames afterwards.

        Raises:
            Cancelled: as in `step`.
        """
        state, prediction = self._state, None
        if not state.finished and (state.waiting.frames < state.seen).any():
            state, prediction = self._advance(state, (), _asking(should_stop))
        self._state = replace(state, finished=True, image=None)
        return prediction

    def snapshot(self) -> _CausalState:
        """All that the session knows. Costs nothing but the memory it keeps alive."""
        return self._state

    def restore(self, snapshot: _CausalState) -> None:
        """Go back to an earlier `snapshot` of this session, exactly."""
        self._state = snapshot

    def _advance(
        self, state: _CausalState, images: tuple[Image, ...], ask: Callable[[], None]
    ) -> tuple[_CausalState, Prediction | None]:
        """The state after the next frames, and what became known."""
        ids, end = state.ids, state.seen + len(images)
        followed, waiting = state.followed, state.waiting
        late = waiting.frames < state.seen
        first = state.seen - int(late.any())
        values = _nothing_known(end - first, len(ids))
        if late.any() and state.image is not None:
            # These start on the last frame; the others have been there.
            started, found = self._follow(None, waiting.select(late), (state.image,), ask)
            if followed is not None:
                values[0, : len(followed.last)] = followed.last
            values[0, np.isin(ids, started.asked.ids)] = found[0]
            followed = started if followed is None else followed.to(self._space.work.device).join(started)
            waiting = waiting.select(~late)
        starts = {int(frame) for frame in waiting.frames if frame < end}
        for begin, stop in pairwise(sorted({state.seen, end} | starts)):
            new = waiting.frames == begin
            if followed is None and not new.any():
                continue
            piece = images[begin - state.seen : stop - state.seen]
            followed, found = self._follow(followed, waiting.select(new), piece, ask)
            waiting = waiting.select(~new)
            columns = [ids.tolist().index(known) for known in followed.asked.ids.tolist()]
            values[begin - first : stop - first, columns] = found
        prediction = _to_prediction(first, ids, values) if len(ids) else None
        return _CausalState(followed, waiting, images[-1] if images else state.image, end), prediction

    def _follow(
        self, followed: _Followed | None, new: _Asked, images: tuple[Image, ...], ask: Callable[[], None]
    ) -> tuple[_Followed, Values]:
        """Track through `images`, on the first of which the `new` points start; they come last."""
        network, space = self._network, self._space

        def work() -> tuple[_Followed, Values]:
            features = space.encode(images, ask)
            points = self._begin(new, features)
            if followed is not None:
                points = followed.to(space.work.device).join(points)
            stages, state = network.step_stages(
                features, points.described, points.state, space.work.max_tokens, before_iteration=ask
            )
            return replace(points, state=state), space.to_values(stages[-1])

        with torch.inference_mode():
            points, values = space.work.attempt(work)
        if len(new.ids):
            values[0, -len(new.ids) :, :3] = np.column_stack([new.queries[:, 1:], np.ones(len(new.ids))])
        return replace(points, last=values[-1]), values

    def _begin(self, new: _Asked, features: ClipFeatures) -> _Followed:
        """Points that start on the first of the encoded frames, before they are tracked."""
        queries = self._space.to_network(new.queries * np.array([0, 1, 1], np.float32))
        described = self._network.describe(features, queries)
        state = self._network.new_state(1, len(new.ids))
        return _Followed(new, described, state, np.zeros((len(new.ids), 4), np.float32))
