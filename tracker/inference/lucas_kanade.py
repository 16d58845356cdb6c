"""The classical tracker: pyramidal Lucas-Kanade with a forward-backward check. Needs no weights and no torch.

Method: Lucas and Kanade 1981 in the pyramidal form of Bouguet 2001 (OpenCV's `calcOpticalFlowPyrLK`), the
forward-backward check of Kalal, Mikolajczyk and Matas, "Forward-Backward Error", ICPR 2010, and the comparison of the
patch with the one at the query of Shi and Tomasi, "Good Features to Track", CVPR 1994.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.inference.appearance import PATCH, correlation, is_inside, patches
from tracker.inference.session import FrameKey, Prediction

# Chosen by measurement on board_a, static_juggle, flies_pair_60s, badja_camel and badja_dog, among sides 15 to 31, 1 to
# 5 levels, returns 0.5 to 2 and matches 0.3 to 0.7: a mean average Jaccard within 0.01 of the best, and less drift than
# that. More levels lose still points beside things that move, fewer lose points that move over 20 pixels a frame.
WINDOW = 25  # pixels, the side of the square that is matched on every pyramid level
LEVELS = 2  # halvings of the picture above the full one
MAX_RETURN = 1.5  # pixels; a point that comes back further away than this from where it was is lost
MIN_MATCH = 0.4  # correlation with the patch at the query below which a point is lost
CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)

Float = NDArray[np.float32]
Grey = NDArray[np.uint8]


@dataclass
class _Points:
    """The points of a session as parallel arrays."""

    ids: NDArray[np.int64]  # (N,)
    start: NDArray[np.int64]  # (N,) query frame
    xy: Float  # (N, 2) last known position
    lost: NDArray[np.bool_]  # (N,)
    patch: Float  # (N, PATCH * PATCH) grey levels at the query
    visibility: Float  # (N,)
    confidence: Float  # (N,)
    miss: Float  # (N,) how far tracking back missed; NaN where nothing was tracked
    change: Float  # (N,) one less the correlation with the patch at the query; NaN where nobody looked

    def join(self, other: "_Points") -> "_Points":
        return _Points(*(np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)))

    def select(self, rows: NDArray[np.bool_]) -> "_Points":
        return _Points(*(getattr(self, f.name)[rows] for f in fields(self)))

    def copy(self) -> "_Points":
        return _Points(*(getattr(self, f.name).copy() for f in fields(self)))


def _new_points(ids: NDArray[np.int64], start: NDArray[np.int64], xy: Float) -> _Points:
    n = len(ids)
    zeros, unknown = np.zeros(n, np.float32), np.full(n, np.nan, np.float32)
    patch = np.zeros((n, PATCH * PATCH), np.float32)
    return _Points(ids, start, xy, np.zeros(n, bool), patch, zeros, zeros.copy(), unknown, unknown.copy())


@dataclass(frozen=True)
class _Snapshot:
    points: _Points
    grey: Grey | None
    frames_seen: int
    repeat_last: bool
    finished: bool


class LucasKanadeSession:
    """Follows points from frame to frame; the `TrackingSession` of `LucasKanade`.

    What the two numbers mean, both 0 for a point that is lost:

    * visibility: how much the patch around the point still looks like the patch at the query. 1 is alike up to
      brightness and contrast, 0.5 is a zero-mean normalised correlation of `MIN_MATCH`, below which the point is lost.
    * confidence: how well the last step can be undone. 1 is a point that tracked back lands where it was, 0.5 one that
      lands `MAX_RETURN` pixels away, beyond which the point is lost.

    As `disagreement` it gives how many pixels away a point that is tracked back lands, NaN where nothing was tracked,
    as `patch_change` how much the patch changed since the query. A lost point has that too, at the position that it
    keeps: what was merely covered for a while looks like itself again.

    A point is lost when either check fails, when there is nothing to match, or when it leaves the frame. It then keeps
    its last position (outside the frame if it was seen to leave) until it is added anew: motion is never invented.
    """

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._grey: Grey | None = None
        self._frames_seen = 0
        self._repeat_last = False  # a point started at the last frame seen: the next prediction gives that frame again
        self._finished = False
        none = np.zeros(0, np.int64)
        self._points = _new_points(none, none, np.zeros((0, 2), np.float32))

    @property
    def frames_seen(self) -> int:
        """How many frames `step` has been given."""
        return self._frames_seen

    @property
    def earliest_query(self) -> int:
        """The last frame seen: all that a new point needs."""
        return max(0, self._frames_seen - 1)

    def add_points(self, queries: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
        """Follow N more points. `queries` (N, 3) float32 are t, x, y in frames and pixels; t may lie ahead.

        Raises:
            ValueError: a t is older than `earliest_query`, an id is already followed, or a number is not finite.
        """
        queries = np.asarray(queries, np.float32).reshape(-1, 3)
        ids = np.asarray(ids, np.int64).reshape(-1)
        if len(queries) != len(ids) or not np.isfinite(queries).all():
            raise ValueError("queries must be finite rows of t, x, y, one for each id")
        start = np.rint(queries[:, 0]).astype(np.int64)
        if len(ids) and start.min() < self.earliest_query:
            raise ValueError(f"frame {start.min()} has passed: a point can start at {self.earliest_query} or later")
        if len(np.unique(ids)) < len(ids) or np.isin(ids, self._points.ids).any():
            raise ValueError("a point of this id is already followed")
        added = _new_points(ids.copy(), start, queries[:, 1:].copy())
        if self._grey is not None:
            self._begin(added, self._grey, self._frames_seen - 1)
            self._repeat_last |= bool((start == self._frames_seen - 1).any())
        self._points = self._points.join(added)

    def remove_points(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        """Stop following these points; unknown ids are ignored."""
        self._points = self._points.select(~np.isin(self._points.ids, np.asarray(ids, np.int64)))

    def step(self, frames: NDArray[np.uint8]) -> Prediction | None:
        """Take the next S frames, (S, H, W, 3) uint8 RGB, and give the points on them; None for no frames.

        Raises:
            ValueError: the frames are not of the session's size, or the session is finished.
        """
        if self._finished or frames.shape[1:] != (self._height, self._width, 3):
            raise ValueError(f"a session for {self._width}×{self._height} RGB frames cannot take {frames.shape}")
        first, rows = self._frames_seen, []
        if self._repeat_last and len(frames):
            first, self._repeat_last = first - 1, False
            rows.append(self._row(first))
        for frame in frames:
            self._advance(grey_picture(frame))
            rows.append(self._row(self._frames_seen - 1))
        return self._prediction(first, rows) if rows else None

    def finish(self) -> Prediction | None:
        """Give the last frame again if a point was added on it. The session takes no frames afterwards."""
        self._finished = True
        if not self._repeat_last:
            return None
        self._repeat_last = False
        return self._prediction(self._frames_seen - 1, [self._row(self._frames_seen - 1)])

    def snapshot(self) -> Any:
        """All that the session knows, to come back to with `restore`. One grey frame and the points."""
        return _Snapshot(self._points.copy(), self._grey, self._frames_seen, self._repeat_last, self._finished)

    def restore(self, snapshot: Any) -> None:
        """Go back to an earlier `snapshot` of this session."""
        self._points, self._grey = snapshot.points.copy(), snapshot.grey
        self._frames_seen, self._repeat_last = snapshot.frames_seen, snapshot.repeat_last
        self._finished = snapshot.finished

    def _advance(self, grey: Grey) -> None:
        points, frame = self._points, self._frames_seen
        points.miss[:] = points.change[:] = np.nan
        live = np.flatnonzero((points.start < frame) & ~points.lost)
        if len(live) and self._grey is not None:
            xy, distance = _follow(self._grey, grey, points.xy[live])
            match = correlation(patches(grey, xy), points.patch[live])
            inside = is_inside(xy, self._width, self._height)
            good = inside & (distance <= MAX_RETURN) & (match >= MIN_MATCH)
            # A point that leaves keeps the place where it left, which says that it is out of view and not hidden.
            moved = good | (~inside & (distance <= MAX_RETURN))
            points.xy[live[moved]] = xy[moved]
            points.lost[live] = ~good
            points.visibility[live] = np.where(good, 0.5 + 0.5 * (match - MIN_MATCH) / (1 - MIN_MATCH), 0)
            points.confidence[live] = np.where(good, 1 - 0.5 * distance / MAX_RETURN, 0)
            points.miss[live] = np.where(np.isfinite(distance), distance, np.nan)
            points.change[live] = np.where(inside, 1 - match, np.nan)
        self._look_at_lost(points, grey, np.flatnonzero((points.start < frame) & points.lost & np.isnan(points.change)))
        self._begin(points, grey, frame)
        self._grey = grey
        self._frames_seen += 1

    def _look_at_lost(self, points: _Points, grey: Grey, lost: NDArray[np.intp]) -> None:
        lost = lost[is_inside(points.xy[lost], self._width, self._height)]
        if len(lost):
            points.change[lost] = 1 - correlation(patches(grey, points.xy[lost]), points.patch[lost])

    def _begin(self, points: _Points, grey: Grey, frame: int) -> None:
        """Start the points whose query is at this frame."""
        new = np.flatnonzero(points.start == frame)
        if len(new) == 0:
            return
        inside = is_inside(points.xy[new], self._width, self._height)
        points.patch[new] = patches(grey, points.xy[new])
        points.lost[new] = ~inside
        points.visibility[new] = points.confidence[new] = inside
        points.miss[new] = np.nan
        points.change[new] = np.where(inside, 0, np.nan)

    def _row(self, frame: int) -> tuple[Float, ...]:
        points = self._points
        known = points.start <= frame
        xy, miss, change = (
            np.where(known.reshape(-1, *[1] * (part.ndim - 1)), part, np.nan)
            for part in (points.xy, points.miss, points.change)
        )
        return xy, points.visibility * known, points.confidence * known, miss, change

    def _prediction(self, first: int, rows: list[tuple[Float, ...]]) -> Prediction:
        values = [np.stack(part).astype(np.float32) for part in zip(*rows, strict=True)]
        return Prediction(first, self._points.ids.copy(), *values)


class LucasKanade:
    """The classical tracker, ready to run. Results do not depend on the machine's number of cores."""

    name = "lucas-kanade"
    device = "cpu"
    step_frames = 4
    # Both numbers are at least 0.5 while a point is held, and 0 when it is lost.
    visible_above = 0.25

    def session(
        self, width: int, height: int, *, cache: Any = None, frame_key: FrameKey | None = None
    ) -> LucasKanadeSession:
        """A new session on frames of this size in pixels. It has no features, so there is nothing to cache."""
        return LucasKanadeSession(width, height)


def grey_picture(frame: NDArray[np.uint8]) -> Grey:
    """(H, W, 3) RGB -> (H, W): what the tracker sees of a frame."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def _follow(previous: Grey, current: Grey, xy: Float) -> tuple[Float, Float]:
    """New positions (N, 2) of points (N, 2), and how far tracking them back misses, in pixels; inf: not found."""
    options: Any = {"winSize": (WINDOW, WINDOW), "maxLevel": LEVELS, "criteria": CRITERIA}
    moved, found, _ = cv2.calcOpticalFlowPyrLK(previous, current, xy[:, None], xy[:, None].copy(), **options)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(current, previous, moved, moved.copy(), **options)
    distance: Float = np.linalg.norm(np.asarray(back, np.float32)[:, 0] - xy, axis=1)
    distance[(found[:, 0] == 0) | (returned[:, 0] == 0)] = np.inf
    return np.asarray(moved, np.float32)[:, 0], distance
