"""How a plane, or the whole picture, moves: one transform per frame, fitted to tracks.

Positions are pixels with (0, 0) in the centre of the top-left one, as everywhere; OpenCV's warps count the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.inference.solve_fit import LEAST, SolveKind, fit_all, transfer_errors

OUTLIER_PX = 3.0  # on the reference frame: a track that is farther off does not carry a robust solve
CELLS_AT_ONCE = 20_000  # some hundredths of a second, after which it can be given up
SEARCHES = 2000  # of RANSAC, at most
CERTAINTY = 0.999

__all__ = ["LEAST", "Solve", "SolveKind", "map_points", "solve_motion", "track_errors"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Solve:
    """What `solve_motion` found for N tracks over T frames.

    Attributes:
        kind: what the transforms may do.
        reference: the frame whose picture stands still.
        matrices: (T, 3, 3) float64, a position on frame t to that on the reference frame; NaN where it is not solved.
            The homogeneous coordinate is positive at the tracks, and the last element is 1 or -1.
        residuals: (N, T) float32 pixels on the reference frame between where a track is carried and where it is there;
            NaN where the track is not usable on both frames, or the frame is not solved.
        inliers: (N, T) bool: the tracks that carry each frame's transform.
    """

    kind: SolveKind
    reference: int
    matrices: Floats
    residuals: NDArray[np.float32]
    inliers: Bools

    @property
    def solved(self) -> Bools:
        """(T,) bool: the frames with a transform."""
        return np.isfinite(self.matrices[:, 0, 0])

    def matrix(self, frame: int) -> Floats | None:
        """(3, 3) of a frame; None where it is not solved or outside of the video."""
        if not 0 <= frame < len(self.matrices) or not np.isfinite(self.matrices[frame, 0, 0]):
            return None
        return self.matrices[frame]

    def frame_errors(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(T,) mean and (T,) largest residual of the tracks that carry each frame, in pixels; NaN where not solved."""
        return _mean_and_max(np.where(self.inliers, self.residuals, np.nan), axis=0)

    def track_errors(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
        """The residuals of each track over all frames; see `track_errors`."""
        return track_errors(self.residuals)


def track_errors(
    residuals: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
    """(N,) mean and (N,) largest of residuals (N, T) over the frames where each track has one, and the frame of that.

    NaN and frame -1 where there is none. Frames on which a track was left out as an outlier count as well.
    """
    mean, largest = _mean_and_max(residuals, axis=1)
    worst = np.argmax(np.nan_to_num(residuals, nan=-1.0), axis=1) if residuals.shape[1] else np.zeros(len(mean), int)
    return mean, largest, np.where(np.isnan(largest), -1, worst)


def solve_motion(
    xy: NDArray[np.float32],
    usable: Bools,
    reference: int,
    kind: SolveKind,
    robust: bool = True,
    smooth: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Solve:
    """Fit, for each frame, the transform that carries the tracks to where they are on the reference frame.

    A track takes part on the frames where it is usable if it is usable on the reference frame too; nothing is chained
    over other frames. A frame with fewer tracks than the kind needs (translation 1, similarity 2, affine 3,
    homography 4), or with tracks in a position that does not determine it (all on one line), is not solved. Just as
    many tracks as are needed are met exactly; more are fitted by least squares of the distance on the reference frame.

    Robust: where least squares leaves a track more than `OUTLIER_PX` off, a consensus is looked for (RANSAC; for a
    translation the median), and least squares is done over that. Where no consensus is larger than what any tracks
    make by themselves nobody can tell who is wrong, and all stay in: the residuals show it. The same input gives the
    same answer.

    Args:
        xy: (N, T, 2) positions in pixels.
        usable: (N, T): where they may be relied on.
        smooth: average each transform, element by element, over so many solved frames' neighbours on both sides.
            Takes jitter away, at the price of larger residuals where the motion is not even.
        progress: called with the frames done and all frames now and then; may raise to give up.

    Raises:
        ValueError: the arrays do not fit, there is no such frame or kind, or `smooth` is negative.
    """
    _check(xy, usable, reference, kind, smooth)
    n_frames = xy.shape[1]
    valid = usable & np.isfinite(xy).all(axis=2)
    columns = np.flatnonzero(valid[:, reference])
    target = xy[columns, reference].astype(np.float64)
    matrices = np.full((n_frames, 3, 3), np.nan)
    carrying = np.zeros((n_frames, len(columns)), dtype=bool)
    step = max(1, CELLS_AT_ONCE // max(1, len(columns)))
    for start in range(0, n_frames, step):
        rows = slice(start, min(n_frames, start + step))
        there = valid[columns, rows].T
        source = np.where(there[..., None], xy[columns, rows].swapaxes(0, 1), 0.0).astype(np.float64)
        matrices[rows], carrying[rows] = _fit(source, target, there, kind, robust)
        if progress is not None:
            progress(rows.stop, n_frames)
    if smooth:
        matrices = _smoothed(matrices, smooth)
    residuals = np.full(valid.shape, np.nan, dtype=np.float32)
    for start in range(0, n_frames, step):
        rows = slice(start, min(n_frames, start + step))
        errors = transfer_errors(matrices[rows], xy[columns, rows].swapaxes(0, 1).astype(np.float64), target)
        residuals[columns, rows] = np.where(valid[columns, rows], errors.T, np.nan)
    inliers = np.zeros(valid.shape, dtype=bool)
    inliers[columns] = carrying.T
    return Solve(kind, reference, matrices, residuals, inliers)


def map_points(matrix: Floats, xy: NDArray[np.floating]) -> Floats:
    """(..., 2) float64 positions carried by a matrix (3, 3); NaN where they lie on or behind its horizon."""
    points = np.asarray(xy, dtype=np.float64)
    carried = points @ matrix[:2, :2].T + matrix[:2, 2]
    depth = points @ matrix[2, :2] + matrix[2, 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((depth > 0)[..., None], carried / depth[..., None], np.nan)


def _check(xy: NDArray[np.float32], usable: Bools, reference: int, kind: SolveKind, smooth: int) -> None:
    if xy.ndim != 3 or xy.shape[2] != 2 or usable.shape != xy.shape[:2]:
        raise ValueError(f"positions of shape {xy.shape} and marks of shape {usable.shape} do not fit")
    if not 0 <= reference < xy.shape[1]:
        raise ValueError(f"there is no frame {reference} to refer to")
    if kind not in get_args(SolveKind):
        raise ValueError(f"there is no solve of the kind {kind}")
    if smooth < 0:
        raise ValueError("the frames to smooth over must not be negative")


def _fit(source: Floats, target: Floats, there: Bools, kind: SolveKind, robust: bool) -> tuple[Floats, Bools]:
    """(F, 3, 3) transforms of frames with positions (F, K, 2), and which tracks (F, K) carry them."""
    matrices, carrying = fit_all(source, target, there, kind), there.copy()
    if robust:
        errors = np.where(there, transfer_errors(matrices, source, target), 0.0)
        doubtful = ~(errors <= OUTLIER_PX).all(axis=1) & (there.sum(axis=1) > LEAST[kind])
        for frame in np.flatnonzero(doubtful).tolist():
            here = np.flatnonzero(there[frame])
            agreeing = here[_consensus(source[frame, here], target[here], kind)]
            if len(agreeing) > LEAST[kind]:
                carrying[frame] = False
                carrying[frame, agreeing] = True
        if doubtful.any():
            matrices[doubtful] = fit_all(source[doubtful], target, carrying[doubtful], kind)
    carrying[~np.isfinite(matrices[:, 0, 0])] = False
    return matrices, carrying


def _consensus(source: Floats, target: Floats, kind: SolveKind) -> Bools:
    """Which of K tracks agree on one transform."""
    if kind == "translation":
        moved = target - source
        off = moved - np.median(moved, axis=0)
        return np.hypot(off[:, 0], off[:, 1]) <= OUTLIER_PX
    options: dict[str, Any] = {"ransacReprojThreshold": OUTLIER_PX, "maxIters": SEARCHES, "confidence": CERTAINTY}
    mask: Any
    if kind == "homography":
        _, mask = cv2.findHomography(source, target, method=cv2.RANSAC, **options)
    elif kind == "similarity":
        _, mask = cv2.estimateAffinePartial2D(source, target, method=cv2.RANSAC, refineIters=0, **options)
    else:
        _, mask = cv2.estimateAffine2D(source, target, method=cv2.RANSAC, refineIters=0, **options)
    return np.zeros(len(source), dtype=bool) if mask is None else mask[:, 0] > 0


def _smoothed(matrices: Floats, smooth: int) -> Floats:
    """The mean of the solved ones among 2 * smooth + 1 neighbours; what is not solved stays so."""
    solved = np.isfinite(matrices[:, 0, 0])
    sums = np.cumsum(np.where(solved[:, None, None], matrices, 0.0), axis=0)
    counts = np.cumsum(solved)
    sums, counts = np.concatenate([np.zeros((1, 3, 3)), sums]), np.concatenate([[0], counts])
    low = np.maximum(np.arange(len(matrices)) - smooth, 0)
    high = np.minimum(np.arange(len(matrices)) + smooth + 1, len(matrices))
    found = np.full_like(matrices, np.nan)
    number = (counts[high] - counts[low])[solved]
    found[solved] = (sums[high] - sums[low])[solved] / number[:, None, None]
    return found


def _mean_and_max(values: NDArray[np.float32], axis: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    largest = np.where(known, values, -np.inf).max(axis=axis, initial=-np.inf)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean.astype(np.float32), np.where(count > 0, largest, np.nan).astype(np.float32)
