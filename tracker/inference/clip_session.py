"""A session of networks that track every point for itself through a whole clip: TAPIR, LocoTrack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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


class NetworkSpace:
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


def asking(should_stop: ShouldStop | None) -> Callable[[], None]:
    """What raises Cancelled as soon as `should_stop` says so."""

    def ask() -> None:
        if should_stop is not None and should_stop():
            raise Cancelled

    return ask


def to_prediction(first: int, ids: Ids, values: Values) -> Prediction:
    """Of `values` from the frame `first` on."""
    tracks, visibility, confidence = (np.ascontiguousarray(values[..., part]) for part in (slice(2), 2, 3))
    return Prediction(first, ids, tracks, visibility, confidence)


def nothing_known(count: int, points: int) -> Values:
    """NaN for so many frames and points."""
    return np.full((count, points, 4), np.nan, np.float32)


@dataclass(frozen=True)
class Asked:
    """Points that nothing is known of but their queries. Nothing in it is ever changed in place."""

    ids: Ids  # (N,)
    queries: Queries  # (N, 3) frames and pixels of the video

    @property
    def frames(self) -> NDArray[np.int64]:
        """(N,) the frames that they start at."""
        return self.queries[:, 0].astype(np.int64)

    def select(self, rows: NDArray[np.bool_]) -> "Asked":
        """Those of a mask."""
        return Asked(self.ids[rows], self.queries[rows])

    def join(self, ids: Ids, queries: Queries) -> "Asked":
        """With more points after them."""
        return Asked(np.concatenate([self.ids, ids]), np.concatenate([self.queries, queries]))


NOBODY = Asked(np.zeros(0, np.int64), np.zeros((0, 3), np.float32))


@dataclass(frozen=True)
class _ClipState:
    images: tuple[Image, ...] = ()  # at the network's resolution
    points: Asked = NOBODY
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
        self._space = NetworkSpace(network, width, height)
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
            values = nothing_known(len(images), len(points.ids))
            if inside.any():
                values[:, inside] = self._track(images, points.select(inside), should_stop)
            prediction = to_prediction(0, points.ids, values)
        self._state = replace(self._state, finished=True, images=())
        return prediction

    def snapshot(self) -> _ClipState:
        """All that the session knows. Costs nothing but the memory it keeps alive."""
        return self._state

    def restore(self, snapshot: _ClipState) -> None:
        """Go back to an earlier `snapshot` of this session."""
        self._state = snapshot

    def _track(self, images: tuple[Image, ...], points: Asked, should_stop: ShouldStop | None) -> Values:
        ask, space = asking(should_stop), self._space

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
