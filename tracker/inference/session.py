"""What every tracker looks like from outside: it opens sessions, and a session turns frames into predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FrameKey = Callable[[int], bytes]
ShouldStop = Callable[[], bool]


class Cancelled(Exception):
    """Tracking stopped because `should_stop` said so. The session is as it was before the call."""


@dataclass(frozen=True)
class Prediction:
    """Tracks of N points over T consecutive frames, as a tracker gave them.

    Attributes:
        first_frame: index of the first of the T frames.
        ids: (N,) int64, the caller's numbers of the points.
        tracks: (T, N, 2) float32, x and y in pixels of the displayed frame, (0, 0) = centre of the top-left pixel.
            NaN where the tracker says nothing (before the query frame).
        visibility: (T, N) float32, raw probability in 0..1 that the point is seen.
        confidence: (T, N) float32, raw probability in 0..1 that the position is right.
        disagreement: (T, N) float32 pixels between two predictions of the same cell (of two windows, of first guess and
            refinement, or there and back again), NaN where there was but one; None for NaN everywhere.
        patch_change: (T, N) float32, one less the correlation of the picture here with the picture at the point's
            query, NaN where nobody looked; None for NaN everywhere.
    """

    first_frame: int
    ids: NDArray[np.int64]
    tracks: NDArray[np.float32]
    visibility: NDArray[np.float32]
    confidence: NDArray[np.float32]
    disagreement: NDArray[np.float32] | None = None
    patch_change: NDArray[np.float32] | None = None

    @property
    def end_frame(self) -> int:
        """One past the last frame."""
        return self.first_frame + len(self.tracks)


class TrackingSession(Protocol):
    """One pass over a video, in the session's own time: frame 0 is the first frame it is given.

    A session gives overlapping frames again in a later prediction where it has seen more; the newer value wins.
    """

    @property
    def frames_seen(self) -> int:
        """How many frames `step` has been given."""

    @property
    def earliest_query(self) -> int:
        """The oldest frame at which a point added now can start."""

    def add_points(self, queries: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
        """Follow N more points. `queries` (N, 3) float32 are t, x, y in frames and pixels; t may lie ahead.

        Raises:
            ValueError: a t is older than `earliest_query`, or an id is already followed.
        """

    def remove_points(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        """Stop following these points; unknown ids are ignored."""

    def step(self, frames: NDArray[np.uint8]) -> Prediction | None:
        """Take the next S frames, (S, H, W, 3) uint8 RGB, and give what became known; None while a window fills."""

    def finish(self) -> Prediction | None:
        """Track the tail that fills no whole window. The session takes no frames afterwards."""

    def snapshot(self) -> Any:
        """All that the session knows, to come back to with `restore`."""

    def restore(self, snapshot: Any) -> None:
        """Go back to an earlier `snapshot` of this session."""


class Tracker(Protocol):
    """A tracker that is ready to run: its weights, if it has any, are loaded on its device."""

    @property
    def name(self) -> str:
        """What a run records as its tracker."""

    @property
    def device(self) -> str:
        """Where it runs: "cpu" or "cuda"."""

    @property
    def visible_above(self) -> float:
        """Visibility times confidence from which on its points are meant to count as visible."""

    @property
    def step_frames(self) -> int:
        """How many new frames `step` is best given at a time."""

    def session(
        self, width: int, height: int, *, cache: Any = None, frame_key: FrameKey | None = None
    ) -> TrackingSession:
        """A new session on frames of this size in pixels.

        Args:
            cache: holds features of the same frames across sessions.
            frame_key: names a frame of the session's time; no other frame of any video may have the same name. Without
                it features are found again by the content of a frame.
        """
