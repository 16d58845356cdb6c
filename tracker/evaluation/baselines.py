"""Trackers that set the scale: what a number is worth shows beside what costs nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.inference.session import FrameKey, Prediction


class DoesNotMove:
    """Every point stays where its query put it and is always visible."""

    name = "does-not-move"
    device = "cpu"
    step_frames = 8
    visible_above = 0.5

    def session(
        self, width: int, height: int, *, cache: Any = None, frame_key: FrameKey | None = None
    ) -> "DoesNotMoveSession":
        """A new session; it looks at no picture."""
        return DoesNotMoveSession()


class DoesNotMoveSession:
    """See `TrackingSession`."""

    earliest_query = 0

    def __init__(self) -> None:
        self.frames_seen = 0
        self._queries: dict[int, tuple[float, float, float]] = {}

    def add_points(self, queries: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
        """Follow these points too."""
        self._queries.update(zip(ids.tolist(), map(tuple, queries.tolist()), strict=True))

    def remove_points(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        """Stop following these points."""
        for known in np.asarray(ids).tolist():
            self._queries.pop(known, None)

    def step(self, frames: NDArray[np.uint8]) -> Prediction | None:
        """The query's position on every frame from its own on."""
        first, count = self.frames_seen, len(frames)
        self.frames_seen += count
        rows = np.array(list(self._queries.values()), np.float32).reshape(-1, 3)
        started = np.arange(first, first + count)[:, None] >= rows[:, 0]
        tracks = np.where(started[..., None], rows[:, 1:], np.float32(np.nan))
        ids = np.array(list(self._queries), np.int64)
        return Prediction(first, ids, tracks, started.astype(np.float32), started.astype(np.float32))

    def finish(self) -> Prediction | None:
        """Nothing is left."""
        return None

    def snapshot(self) -> tuple[int, dict[int, tuple[float, float, float]]]:
        """All that the session knows."""
        return self.frames_seen, dict(self._queries)

    def restore(self, snapshot: tuple[int, dict[int, tuple[float, float, float]]]) -> None:
        """Go back to an earlier `snapshot`."""
        self.frames_seen, self._queries = snapshot[0], dict(snapshot[1])
