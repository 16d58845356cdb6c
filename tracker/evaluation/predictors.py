"""How a tracker is asked for the tracks of an evaluation: all points together, or each for itself amid support points.

The rules for networks are those of CoTracker3's evaluation. Together: an offline network gets a 5x5 grid of further
points on frame 0, an online one gets none. Single-point mode: each query gets an 8x8 grid of 50x50 pixels around it,
in the network's working resolution, and the 5x5 grid over the frame, all of them on frame 0 whatever the query's frame.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.evaluation.labelled import Frames
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.cotracker2 import CoTracker2Tracker
from tracker.inference.offline import OfflineClip
from tracker.inference.resolution import WorkingResolution, support_grid
from tracker.inference.session import Prediction, Tracker
from tracker.models.cotracker2 import CoTracker2
from tracker.models.cotracker3 import CoTracker3

GLOBAL_SUPPORT = 5
LOCAL_SUPPORT = 8
LOCAL_EXTENT = (50, 50)  # height and width around the query, in working pixels

Floats = NDArray[np.float32]
OnFrames = Callable[[int], object]


class PredictedTracks(NamedTuple):
    """What a tracker says of M queries on T frames; NaN where it says nothing."""

    tracks: Floats  # (M, T, 2) pixels of the frames given, (0, 0) = centre of the top-left pixel
    certainty: Floats  # (M, T) visibility times confidence


@dataclass(frozen=True)
class Clip:
    """The first `length` frames of a source, to be passed over as often as needed."""

    source: Frames
    length: int

    def chunks(self, size: int, backward: bool = False) -> Iterator[NDArray[np.uint8]]:
        """(S, H, W, 3), S up to `size`."""
        ends = (self.length - 1, -1, -1) if backward else (0, self.length, 1)
        chunk: list[NDArray[np.uint8]] = []
        for frame in self.source.frames(*ends):
            chunk.append(frame)
            if len(chunk) == size:
                yield np.stack(chunk)
                chunk = []
        if chunk:
            yield np.stack(chunk)


def predict(
    tracker: Tracker,
    clip: Clip,
    queries: Floats,
    *,
    backward: bool = False,
    single_point: bool = False,
    on_frames: OnFrames = lambda count: None,
) -> PredictedTracks:
    """Tracks of M queries (M, 3) t, x, y in frames and pixels.

    Args:
        backward: take the frames before each query from a pass over the reversed clip; else nothing is said of them.
        single_point: each query for itself; for CoTracker only, as others look at no other point anyway.
        on_frames: told how many frames have been passed over, again in every pass.

    Raises:
        InputError: a frame cannot be decoded.
    """
    model = network_of(tracker)
    if isinstance(model, CoTracker3) and model.config.kind == "offline":
        return _predict_offline(model, tracker, clip, queries, backward, single_point, on_frames)
    if not single_point or model is None:
        return _predict_streaming(tracker, clip, queries, backward, on_frames)
    config = model.config
    space = WorkingResolution(clip.source.width, clip.source.height, config.resolution, config.area_resize)
    parts = []
    for query in queries:
        rows = np.concatenate([query[None], single_point_support(query, space)])
        found = _predict_streaming(tracker, clip, rows, backward, on_frames)
        parts.append((found.tracks[0], found.certainty[0]))
    return _stack(parts, clip.length)


def network_of(tracker: Tracker) -> CoTracker3 | CoTracker2 | None:
    """The network that a tracker runs, if it runs one whose points look at each other."""
    return tracker.model if isinstance(tracker, CoTrackerTracker | CoTracker2Tracker) else None


def passes(tracker: Tracker, queries: int, backward: bool, single_point: bool) -> int:
    """How often `predict` passes over the clip's frames."""
    model = network_of(tracker)
    if model is None:
        return 1 + backward
    if model.config.kind == "offline":
        return 1
    return (1 + backward) * (queries if single_point else 1)


def single_point_support(query: Floats, space: WorkingResolution) -> Floats:
    """(64 + 25, 3) support points t, x, y for one query t, x, y: around it, and over the frame; all on frame 0."""
    x, y = space.to_model(torch.from_numpy(query[1:].astype(np.float32))).tolist()
    grids = [
        support_grid(LOCAL_SUPPORT, LOCAL_EXTENT, (y, x)),
        support_grid(GLOBAL_SUPPORT, space.resolution),
    ]
    return _on_first_frame(space.to_video(torch.cat(grids)).numpy())


def _on_first_frame(places: Floats) -> Floats:
    return np.column_stack([np.zeros(len(places)), places]).astype(np.float32)


def _predict_streaming(
    tracker: Tracker, clip: Clip, queries: Floats, backward: bool, on_frames: OnFrames
) -> PredictedTracks:
    found = _pass(tracker, clip, queries, False, on_frames)
    if not backward or not (queries[:, 0] > 0).any():
        return found
    mirrored = queries.copy()
    mirrored[:, 0] = clip.length - 1 - mirrored[:, 0]
    reverse = _pass(tracker, clip, mirrored, True, on_frames)
    earlier = np.arange(clip.length) < queries[:, :1]
    return PredictedTracks(
        np.where(earlier[..., None], reverse.tracks[:, ::-1], found.tracks),
        np.where(earlier, reverse.certainty[:, ::-1], found.certainty),
    )


def _pass(tracker: Tracker, clip: Clip, queries: Floats, backward: bool, on_frames: OnFrames) -> PredictedTracks:
    """One session over the clip, its frame 0 being the first one passed."""
    tracks = np.full((clip.length, len(queries), 2), np.nan, np.float32)
    certainty = np.full((clip.length, len(queries)), np.nan, np.float32)

    def take(prediction: Prediction | None) -> None:
        if prediction is not None:
            rows = np.ix_(np.arange(prediction.first_frame, prediction.end_frame), prediction.ids)
            tracks[rows] = prediction.tracks
            certainty[rows] = prediction.visibility * prediction.confidence

    session = tracker.session(clip.source.width, clip.source.height)
    session.add_points(queries, np.arange(len(queries), dtype=np.int64))
    for frames in clip.chunks(tracker.step_frames, backward):
        take(session.step(frames))
        on_frames(len(frames))
    take(session.finish())
    return PredictedTracks(tracks.swapaxes(0, 1), certainty.T)


def _predict_offline(
    model: CoTracker3,
    tracker: Tracker,
    clip: Clip,
    queries: Floats,
    backward: bool,
    single_point: bool,
    on_frames: OnFrames,
) -> PredictedTracks:
    """The clip is encoded once, whatever is asked of it."""
    held = OfflineClip(model, clip.source.width, clip.source.height)
    for frames in clip.chunks(tracker.step_frames):
        for frame in frames:
            held.add(frame)
        on_frames(len(frames))
    space = WorkingResolution.of(model.config, clip.source.width, clip.source.height)
    everywhere = _on_first_frame(space.to_video(support_grid(GLOBAL_SUPPORT, space.resolution)).numpy())
    groups = [(query[None], single_point_support(query, space)) for query in queries]
    if not single_point:
        groups = [(queries, everywhere)]
    parts: list[tuple[Floats, Floats]] = []
    for asked, support in groups:
        found = held.track(np.concatenate([asked, support]), support=0, backward=backward)
        certainty = found.visibility * found.confidence
        parts.extend((found.tracks[:, row], certainty[:, row]) for row in range(len(asked)))
    return _stack(parts, clip.length)


def _stack(parts: list[tuple[Floats, Floats]], length: int) -> PredictedTracks:
    if not parts:
        return PredictedTracks(np.zeros((0, length, 2), np.float32), np.zeros((0, length), np.float32))
    tracks, certainty = zip(*parts, strict=True)
    return PredictedTracks(np.stack(tracks), np.stack(certainty))
