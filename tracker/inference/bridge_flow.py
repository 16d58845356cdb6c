"""What the motion of the picture says of a point between two anchors: paths from both ends, and the cost of steps.

Sparse optical flow as in `tracker.models.guess`: two windows, each there and back (Kalal, Mikolajczyk and Matas,
"Forward-Backward Error", ICPR 2010), here with the miss kept, since it says how much a step is worth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.models.guess import FLOW, MAX_RETURN, WINDOWS

Grey = NDArray[np.uint8]
Greys = Callable[[int], Grey]  # number of a frame: its picture
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STEADY = 0.05  # pixels, the standard deviation of a step that comes back exactly
LOST = 4.0  # pixels, that of a step which flow cannot measure
JUMP = 1.0  # pixels, from which on a step that flow does not confirm costs notably
LOST_COST = 2.0  # of a step that flow cannot measure, where a jump by `LOST` costs 0.7 more


@dataclass(frozen=True)
class Spans:
    """N gaps over T frames that lie one after another.

    Attributes:
        frames: their numbers in the video.
        first, last: (N,) indices of the anchors among them.
        begin, finish: (N, 2) the anchors, in pixels of the pictures.
        open: there are no anchors at the last ends; `last` is where to stop, and `finish` the first anchors.
        looks: (M, N) numbers of frames and (M, N, 2) places on them that show what the points look like: first the
            first anchors, then the last ones, if there are any, then others.
        known: (T, N, 2) where the points were thought to be until now; NaN where nobody said.
    """

    frames: Sequence[int]
    first: Ints
    last: Ints
    begin: Floats
    finish: Floats
    open: bool
    looks: tuple[Ints, Floats]
    known: Floats | None = None

    @property
    def inside(self) -> Bools:
        """(T, N) between the anchors, or on one."""
        times = np.arange(len(self.frames))[:, None]
        return np.asarray((times >= self.first) & (times <= self.last))

    def reversed(self) -> "Spans":
        """The same with time running back."""
        top = len(self.frames) - 1
        first, last = top - self.last, top - self.first
        return Spans(self.frames[::-1], first, last, self.finish, self.begin, self.open, self.looks)


def measure_steps(earlier: Grey, later: Grey, points: Floats) -> tuple[Floats, Floats]:
    """Where points (N, 2) of one picture are on another, by the window whose way back misses least.

    Returns:
        (N, 2) positions, and (N,) pixels that the way back misses by; inf, and the old position, where flow cannot say.
    """
    height, width = earlier.shape
    result, least = points.copy(), np.full(len(points), np.inf)
    rows = np.flatnonzero(((points >= 0) & (points <= (width - 1, height - 1))).all(axis=1))
    if not len(rows):
        return result, least
    begun = np.ascontiguousarray(points[rows, None], np.float32)
    for side in WINDOWS:
        options = {"winSize": (side, side), **FLOW}
        moved, found, _ = cv2.calcOpticalFlowPyrLK(earlier, later, begun, begun.copy(), **options)
        back, returned, _ = cv2.calcOpticalFlowPyrLK(later, earlier, moved, moved.copy(), **options)
        miss = np.linalg.norm(np.asarray(back)[:, 0] - begun[:, 0], axis=1)
        good = (found[:, 0] > 0) & (returned[:, 0] > 0) & (miss < np.minimum(least[rows], MAX_RETURN))
        result[rows[good]], least[rows[good]] = np.asarray(moved)[good, 0], miss[good]
    return result, least


def step_variance(miss: Floats) -> Floats:
    """Pixels squared, of a step whose way back misses by so much."""
    return np.where(np.isinf(miss), LOST**2, STEADY**2 + np.where(np.isinf(miss), 0, miss) ** 2)


def follow(greys: Greys, spans: Spans, ask: Callable[[], None]) -> tuple[Floats, Floats]:
    """Follow every point from its first anchor on to its last one.

    Args:
        ask: called before every frame; may raise to stop.

    Returns:
        (T, N, 2) paths, which stand still outside their spans and where flow is lost, and (T - 1, N) misses of steps.
    """
    length, count = len(spans.frames), len(spans.first)
    path = np.repeat(spans.begin[None], length, axis=0)
    misses = np.full((max(0, length - 1), count), np.inf)
    for t in range(1, length):
        ask()
        path[t] = path[t - 1]
        rows = np.flatnonzero((spans.first < t) & (t <= spans.last))
        if len(rows):
            pictures = greys(spans.frames[t - 1]), greys(spans.frames[t])
            path[t, rows], misses[t - 1, rows] = measure_steps(*pictures, path[t - 1, rows])
    return path, misses


@dataclass(frozen=True)
class Motion:
    """Measured motion of K candidates of N points: to the next frame, and from the next one back."""

    ahead: Floats  # (T - 1, N, K, 2) where the candidates of a frame are on the next
    ahead_miss: Floats  # (T - 1, N, K)
    back: Floats  # (T - 1, N, K, 2) where the candidates of the next frame are on this one
    back_miss: Floats  # (T - 1, N, K)


def measure_motion(greys: Greys, spans: Spans, places: Floats, ask: Callable[[], None]) -> Motion:
    """The flow at candidates (T, N, K, 2), within the spans; `ask` as in `follow`."""
    shape = (len(places) - 1, *places.shape[1:])
    motion = Motion(places[:-1].copy(), np.full(shape[:-1], np.inf), places[1:].copy(), np.full(shape[:-1], np.inf))
    for t in range(shape[0]):
        ask()
        rows = np.flatnonzero((spans.first <= t) & (t < spans.last))
        if not len(rows):
            continue
        earlier, later = greys(spans.frames[t]), greys(spans.frames[t + 1])
        for pictures, at, moved, misses in (
            ((earlier, later), places[t], motion.ahead[t], motion.ahead_miss[t]),
            ((later, earlier), places[t + 1], motion.back[t], motion.back_miss[t]),
        ):
            distinct, where = np.unique(at[rows].reshape(-1, 2), axis=0, return_inverse=True)
            found, miss = measure_steps(*pictures, distinct)
            moved[rows] = found[where.reshape(-1)].reshape(len(rows), -1, 2)
            misses[rows] = miss[where.reshape(-1)].reshape(len(rows), -1)
    return motion


def step_costs(places: Floats, motion: Motion) -> Floats:
    """(T - 1, N, K, K) what a step from one candidate (T, N, K, 2) to one of the next frame costs.

    The better of flow forward from the one and back from the other counts; where neither is known, a short step is
    cheaper than a long one.
    """
    here, there = places[:-1, :, :, None], places[1:, :, None]
    off_ahead = np.linalg.norm(there - motion.ahead[:, :, :, None], axis=-1)
    off_back = np.linalg.norm(here - motion.back[:, :, None], axis=-1)
    moved = LOST_COST + np.log1p((np.linalg.norm(there - here, axis=-1) / LOST) ** 2)
    ahead = np.where(np.isinf(motion.ahead_miss)[..., None], moved, np.log1p((off_ahead / JUMP) ** 2))
    back = np.where(np.isinf(motion.back_miss)[:, :, None], moved, np.log1p((off_back / JUMP) ** 2))
    return np.asarray(np.minimum(ahead, back))


def steps_of(path: Ints, places: Floats, motion: Motion, zones: Sequence[Bools]) -> tuple[Floats, Floats]:
    """What was measured along a chosen path (T, N) of candidates: (T - 1, N, 2) steps and (T - 1, N) variances.

    A step that neither direction confirms is one that nothing is known of. In each of the `zones` (T - 1, N), where a
    path is led to an anchor, all steps share the doubt in them, so that what is missing is spread and no jerk.
    """
    taken = np.take_along_axis(places, path[:, :, None, None], axis=2)[:, :, 0]
    here, there = path[:-1, :, None], path[1:, :, None]
    ahead = np.take_along_axis(motion.ahead, here[..., None], axis=2)[:, :, 0] - taken[:-1]
    back = taken[1:] - np.take_along_axis(motion.back, there[..., None], axis=2)[:, :, 0]
    ahead_miss = np.take_along_axis(motion.ahead_miss, here, axis=2)[:, :, 0]
    back_miss = np.take_along_axis(motion.back_miss, there, axis=2)[:, :, 0]
    step = taken[1:] - taken[:-1]
    use_ahead = ahead_miss <= back_miss
    steps, miss = np.where(use_ahead[..., None], ahead, back), np.minimum(ahead_miss, back_miss)
    off = np.linalg.norm(steps - step, axis=-1)
    unknown = np.isinf(miss) | (off > LOST)
    doubt = np.where(unknown, 0, off**2 / 4)
    for zone in zones:
        doubt = np.where(zone, (doubt * zone).sum(axis=0) / zone.sum(axis=0).clip(1), doubt)
    variance = np.where(unknown, LOST**2, step_variance(miss) + doubt)
    return np.where(unknown[..., None], step, steps), variance
