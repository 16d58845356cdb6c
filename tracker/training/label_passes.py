"""A teacher's passes over one shot: from the queries to both ends, and back from where it last saw each point."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.inference.run import TrackRun
from tracker.inference.session import Prediction, Tracker
from tracker.video import FrameSource

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Said:
    """What a tracker said of N points on the S frames of a shot.

    Attributes:
        xy: (N, S, 2) float32 pixels, NaN where it said nothing.
        visibility, confidence: (N, S) float32 raw probabilities, NaN where it said nothing.
        visible: (N, S) bool, their product reaches what the tracker counts as visible, and the point is in the frame.
    """

    xy: NDArray[np.float32]
    visibility: NDArray[np.float32]
    confidence: NDArray[np.float32]
    visible: Flags


def track_shot(source: FrameSource, tracker: Tracker, queries: NDArray[np.float32], shot: tuple[int, int]) -> Said:
    """Follow points forward and backward to both ends of a shot, (first frame, end); no frame outside is looked at.

    Args:
        queries: (N, 3) float32 frame, x, y in pixels, in the shot.

    Raises:
        InputError: a frame cannot be decoded.
    """
    times = np.arange(*shot)
    start = np.rint(queries[:, 0]).astype(np.int64)
    passes = _Passes(source, tracker, shot, len(queries))
    passes.follow(queries, np.arange(len(queries)), times >= start[:, None], backward=False)
    passes.follow(queries, np.flatnonzero(start > shot[0]), times < start[:, None], backward=True)
    here = np.arange(len(queries)), start - shot[0]
    passes.xy[here] = queries[:, 1:]
    return passes.said()


def round_trip(
    source: FrameSource, tracker: Tracker, out: Said, queries: NDArray[np.float32], shot: tuple[int, int]
) -> Said:
    """The ways back to the queries from the last frame on which a pass forward, or backward, saw each point.

    Args:
        out: what `track_shot` gave for the same queries.

    Raises:
        InputError: a frame cannot be decoded.
    """
    local = np.arange(shot[1] - shot[0])
    query = (np.rint(queries[:, 0]).astype(np.int64) - shot[0])[:, None]
    seen = out.visible | (local == query)
    last = np.where(seen & (local >= query), local, -1).max(axis=1)[:, None]
    first = np.where(seen & (local <= query), local, len(local)).min(axis=1)[:, None]
    passes = _Passes(source, tracker, shot, len(queries))
    rows = np.arange(len(queries))
    for ends, between, backward in (
        (last, (local >= query) & (local <= last), True),
        (first, (local <= query) & (local >= first), False),
    ):
        start = ends[:, 0]
        turning = np.column_stack([start + shot[0], out.xy[rows, start]]).astype(np.float32)
        passes.follow(turning, np.flatnonzero(start != query[:, 0]), between, backward=backward)
    return passes.said()


class _Passes:
    """Collects what a tracker says, pass by pass."""

    def __init__(self, source: FrameSource, tracker: Tracker, shot: tuple[int, int], n_points: int) -> None:
        self._source, self._tracker, self._shot = source, tracker, shot
        shape = n_points, shot[1] - shot[0]
        self.xy = np.full((*shape, 2), np.nan, np.float32)
        self.visibility = np.full(shape, np.nan, np.float32)
        self.confidence = np.full(shape, np.nan, np.float32)

    def follow(self, queries: NDArray[np.float32], rows: NDArray[np.intp], wanted: Flags, *, backward: bool) -> None:
        """One pass for some of the points; of what it gives only the wanted cells, (N, S), are kept."""
        if len(rows) == 0:
            return
        # Only so far as a point is wanted.
        used = np.flatnonzero(wanted[rows].any(axis=0))
        start, end = self._shot[0] + int(used[0]), self._shot[0] + int(used[-1]) + 1
        ids = np.asarray(rows, np.int64)
        run = TrackRun(self._source, self._tracker, queries[rows], ids, start=start, end=end, backward=backward)
        for prediction in run:
            self._take(prediction, wanted)

    def _take(self, prediction: Prediction, wanted: Flags) -> None:
        """Later predictions win."""
        rows, first = prediction.ids, prediction.first_frame - self._shot[0]
        times = slice(first, first + len(prediction.tracks))
        known = np.isfinite(prediction.tracks).all(axis=2).T & wanted[rows, times]
        for cells, values in (
            (self.xy, prediction.tracks),
            (self.visibility, prediction.visibility),
            (self.confidence, prediction.confidence),
        ):
            window = cells[rows, times]
            window[known] = values.swapaxes(0, 1)[known]
            cells[rows, times] = window

    def said(self) -> Said:
        """All that was collected."""
        sure = self.visibility * self.confidence >= self._tracker.visible_above
        return Said(self.xy, self.visibility, self.confidence, sure & in_frame(self.xy, self._source))


def in_frame(xy: NDArray[np.float32], source: FrameSource) -> Flags:
    """Which of the points (…, 2) lie on the picture: pixel centres are whole numbers, so it begins at -0.5."""
    return np.asarray(((xy >= -0.5) & (xy <= np.array([source.width, source.height]) - 0.5)).all(axis=-1))
