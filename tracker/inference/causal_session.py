"""A session of a causal TAPIR, frame by frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.inference.clip_session import (
    NOBODY,
    Asked,
    Ids,
    Image,
    NetworkSpace,
    Queries,
    Values,
    asking,
    nothing_known,
    to_prediction,
)
from tracker.inference.resolution import check_queries
from tracker.inference.session import Prediction, ShouldStop
from tracker.models.tapir import CausalState, QueryFeatures, Tapir, join_states
from tracker.models.tapnet import ClipFeatures


@dataclass(frozen=True)
class _Followed:
    """Points that have started, with what the network keeps of them. Nothing in it is ever changed in place."""

    asked: Asked
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
    waiting: Asked = NOBODY  # their frames have not come yet, or one of them is the last frame seen
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
        self._network, self._space = network, NetworkSpace(network, width, height)
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
        waiting = state.waiting.select(~np.isin(state.waiting.ids, gone))
        followed = state.followed
        if followed is not None:
            left = ~np.isin(followed.asked.ids, gone)
            followed = followed.select(left) if left.any() else None
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
        self._state, prediction = self._advance(self._state, images, asking(should_stop))
        return prediction

    def finish(self, *, should_stop: ShouldStop | None = None) -> Prediction | None:
        """Give the last frame again if points were added on it. The session takes no frames afterwards.

        Raises:
            Cancelled: as in `step`.
        """
        state, prediction = self._state, None
        if not state.finished and (state.waiting.frames < state.seen).any():
            state, prediction = self._advance(state, (), asking(should_stop))
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
        values = nothing_known(end - first, len(ids))
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
        prediction = to_prediction(first, ids, values) if len(ids) else None
        return _CausalState(followed, waiting, images[-1] if images else state.image, end), prediction

    def _follow(
        self, followed: _Followed | None, new: Asked, images: tuple[Image, ...], ask: Callable[[], None]
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

    def _begin(self, new: Asked, features: ClipFeatures) -> _Followed:
        """Points that start on the first of the encoded frames, before they are tracked."""
        queries = self._space.to_network(new.queries * np.array([0, 1, 1], np.float32))
        described = self._network.describe(features, queries)
        state = self._network.new_state(1, len(new.ids))
        return _Followed(new, described, state, np.zeros((len(new.ids), 4), np.float32))
