"""A solve kept up to date piece by piece: only frames that changed are fitted again, some thousand cells at a time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.panels.solve_settings import SolveReport
from tracker.inference.solves import Solve, SolveKind, solve_motion, track_errors
from tracker.labels.table import State, TrackTable

CELLS_AT_ONCE = 100_000  # that one job fits: under a second
LEAST_FRAMES = 64


@dataclass(frozen=True)
class Piece:
    """What one job gets, all its own: N tracks on the reference frame, and then on the frames to be fitted."""

    start: int
    xy: NDArray[np.float32]
    usable: NDArray[np.bool_]
    kind: SolveKind
    robust: bool

    def fit(self, progress: Callable[[int, int], object] | None = None) -> Solve:
        """The solve of these frames; its first frame is the reference."""
        return solve_motion(self.xy, self.usable, 0, self.kind, self.robust, progress=progress)


@dataclass(frozen=True)
class _Tracks:
    """Of the tracks on one block of frames: (N,) how many residuals, their sum, the largest and its frame."""

    count: NDArray[np.int64]
    total: NDArray[np.float64]
    largest: NDArray[np.float32]
    worst: NDArray[np.intp]


class SolveBlocks:
    """The solve of some tracks of a table, and which blocks of frames are out of date.

    Attributes:
        ids: the tracks, all of them in the table.
        dirty: numbers of the blocks that are out of date.
        n_frames: T.
        key: what was asked for: the tracks, the reference frame, the kind, and whether robust.
    """

    def __init__(self, table: TrackTable, ids: tuple[int, ...], reference: int, kind: SolveKind, robust: bool) -> None:
        self._table = table
        self.ids = ids
        self.key = (ids, reference, kind, robust)
        self._reference, self._kind, self._robust = reference, kind, robust
        n_frames = self.n_frames = table.n_frames
        self._frames = max(LEAST_FRAMES, CELLS_AT_ONCE // max(1, len(ids)))
        self.dirty = set(range(-(-n_frames // self._frames))) if ids else set()
        self._matrices = np.full((n_frames, 3, 3), np.nan)
        self._mean = np.full(n_frames, np.nan, np.float32)
        self._max = np.full(n_frames, np.nan, np.float32)
        self._carrying = np.zeros(n_frames, np.int32)
        self._usable = np.zeros(n_frames, np.int32)
        self._known = np.zeros(n_frames, bool)
        self._tracks: dict[int, _Tracks] = {}

    def changed(self, start: int, end: int) -> None:
        """Positions of these tracks on frames start to end (exclusive) are other now."""
        if start <= self._reference < end:
            start, end = 0, self._table.n_frames
        if self.ids and start < end:
            self._known[start:end] = False
            self.dirty.update(range(start // self._frames, (end - 1) // self._frames + 1))

    def next_block(self, frame: int) -> int | None:
        """The block that is to be fitted next: that of a frame, or the nearest to it; None where all are."""
        here = frame // self._frames
        return min(self.dirty, key=lambda block: (abs(block - here), block), default=None)

    def piece(self, block: int) -> Piece:
        """What fitting a block needs. It counts as done from now on, so that later changes make it dirty again."""
        self.dirty.discard(block)
        start = block * self._frames
        return self._piece(start, min(self._table.n_frames, start + self._frames))

    def take(self, block: int, piece: Piece, solve: Solve) -> None:
        """Keep what came of a block, unless it is out of date again."""
        if block in self.dirty:
            return
        start = piece.start
        self._keep(piece, solve)
        residuals = solve.residuals[:, 1:]
        mean, largest, worst = track_errors(residuals)
        count = np.isfinite(residuals).sum(axis=1)
        total = np.where(count > 0, np.nan_to_num(mean).astype(np.float64) * count, 0.0)
        self._tracks[block] = _Tracks(count, total, largest, np.where(worst < 0, -1, worst + start))

    def matrix(self, frame: int) -> NDArray[np.float64] | None:
        """(3, 3) from a frame to the reference frame, fitted at once where it is out of date; None where not solved."""
        if not self.ids or not 0 <= frame < self._table.n_frames:
            return None
        if not self._known[frame]:
            piece = self._piece(frame, frame + 1)
            self._keep(piece, piece.fit())
        found = self._matrices[frame]
        return found.copy() if np.isfinite(found[0, 0]) else None

    def report(self) -> SolveReport:
        """All that is known so far."""
        shape = len(self.ids)
        count, total = np.zeros(shape, np.int64), np.zeros(shape)
        largest, worst = np.full(shape, np.nan, np.float32), np.full(shape, -1, np.intp)
        for block in sorted(self._tracks):
            one = self._tracks[block]
            count, total = count + one.count, total + one.total
            larger = np.isfinite(one.largest) & ~(one.largest <= largest)
            largest, worst = np.where(larger, one.largest, largest), np.where(larger, one.worst, worst)
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
        return SolveReport(
            self.ids,
            self._kind,
            self._reference,
            self._mean.copy(),
            self._max.copy(),
            self._carrying.copy(),
            self._usable.copy(),
            self._known.copy(),
            mean,
            largest,
            worst,
        )

    def _piece(self, start: int, end: int) -> Piece:
        columns = self._table.columns(self.ids)
        xy, state = self._table.rows("xy"), self._table.rows("state")
        places = np.concatenate([xy[self._reference : self._reference + 1, columns], xy[start:end, columns]])
        states = np.concatenate([state[self._reference : self._reference + 1, columns], state[start:end, columns]])
        usable = (states == State.VISIBLE) & np.isfinite(places).all(axis=2)
        return Piece(start, places.swapaxes(0, 1), usable.T, self._kind, self._robust)

    def _keep(self, piece: Piece, solve: Solve) -> None:
        rows = slice(piece.start, piece.start + len(solve.matrices) - 1)
        mean, largest = solve.frame_errors()
        self._matrices[rows] = solve.matrices[1:]
        self._mean[rows], self._max[rows] = mean[1:], largest[1:]
        self._carrying[rows] = solve.inliers[:, 1:].sum(axis=0)
        self._usable[rows] = (piece.usable[:, 1:] & piece.usable[:, :1]).sum(axis=0)
        self._known[rows] = True
