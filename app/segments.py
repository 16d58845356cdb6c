"""What a run has to solve: for each track the stretches that start at an anchor, and how predictions fall into them.

A tracker knows points, not tracks. A track with several anchors is tracked as several points, one from each anchor on,
and each of them counts only up to the next anchor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.document.project import Document
from tracker.inference.session import Prediction

PER_CELL = ("visibility", "confidence", "disagreement", "patch_change")


@dataclass(frozen=True)
class Segment:
    """One point to follow: from `anchor` on, writing only frames `start` to `end` (exclusive) of track `track_id`."""

    track_id: int
    anchor: int
    x: float
    y: float
    start: int
    end: int

    @property
    def query(self) -> tuple[float, float, float]:
        """Frame, x, y."""
        return float(self.anchor), self.x, self.y


def segments_forward(document: Document, ids: Sequence[int], start: int, end: int) -> list[Segment]:
    """From every anchor before `end` to the next one, or to `end`; only frames from `start` on are written."""
    found = []
    for track_id in ids:
        anchors = document.anchors(track_id)
        for anchor, following in zip(anchors, [*anchors[1:], end], strict=True):
            low, high = max(anchor, start), min(following, end)
            if low < high:
                found.append(_segment(document, track_id, anchor, low, high))
    return [segment for segment in found if segment is not None]


def segments_backward(
    document: Document, ids: Sequence[int], start: int, end: int, *, only_before_first: bool = False
) -> list[Segment]:
    """From every anchor back to the one before, or to `start`; `only_before_first`: only to the first."""
    found = []
    for track_id in ids:
        anchors = document.anchors(track_id)
        for previous, anchor in zip([start - 1, *anchors[:-1]], anchors, strict=True):
            low, high = max(previous + 1, start), min(anchor + 1, end)
            if low < high and not (only_before_first and previous >= start):
                found.append(_segment(document, track_id, anchor, low, high))
    return [segment for segment in found if segment is not None]


def _segment(document: Document, track_id: int, anchor: int, start: int, end: int) -> Segment | None:
    """The segment, or None where the person said that the point cannot be seen at the anchor."""
    cells = document.table.read([track_id], anchor, anchor + 1)
    x, y = cells.xy[0, 0].tolist()
    if not np.isfinite([x, y]).all():
        return None
    return Segment(track_id, anchor, x, y, start, end)


def queries(segments: Sequence[Segment]) -> NDArray[np.float32]:
    """(N, 3) float32 frame, x, y."""
    return np.array([segment.query for segment in segments], dtype=np.float32).reshape(-1, 3)


def merge(prediction: Prediction, segments: dict[int, Segment]) -> Prediction:
    """Predictions of points, as predictions of tracks: each track once, NaN outside of its segments.

    `segments` are found by the ids that the points have in `prediction`; others are left out.
    """
    columns = [(column, segments[int(i)]) for column, i in enumerate(prediction.ids) if int(i) in segments]
    ids = list(dict.fromkeys(segment.track_id for _, segment in columns))
    place = {track_id: k for k, track_id in enumerate(ids)}
    shape = (len(prediction.tracks), len(ids))
    tracks = np.full((*shape, 2), np.nan, dtype=np.float32)
    names = [name for name in PER_CELL if getattr(prediction, name) is not None]
    values = {name: np.full(shape, np.nan, dtype=np.float32) for name in names}
    for column, segment in columns:
        low = max(segment.start - prediction.first_frame, 0)
        high = min(segment.end - prediction.first_frame, shape[0])
        if low < high:
            k = place[segment.track_id]
            tracks[low:high, k] = prediction.tracks[low:high, column]
            for name, array in values.items():
                array[low:high, k] = getattr(prediction, name)[low:high, column]
    return Prediction(prediction.first_frame, np.array(ids, dtype=np.int64), tracks, **values)
