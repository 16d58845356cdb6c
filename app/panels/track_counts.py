"""How many frames of each track are labelled and how many are anchors, kept up to date piece by piece."""

from time import perf_counter

import numpy as np

from tracker.labels.table import Source, State, TrackTable

BLOCK = 512  # frames that are counted together
NEW_COLUMNS = 32  # more new tracks than this are counted by blocks, not one by one


class TrackCounts:
    """Counts per track. A change costs the blocks that it touches, never the whole video.

    Attributes:
        ids: (N,) int64, the tracks that are counted, in column order.
        labelled, anchors: (N,) int64; behind the table until `refresh` says that it is through.
    """

    def __init__(self, table: TrackTable) -> None:
        self._table = table
        self.ids = np.zeros(0, np.int64)
        n_blocks = -(-table.n_frames // BLOCK)
        self._counts = np.zeros((2, n_blocks, 0), np.int32)  # labelled and anchors
        self._dirty = np.zeros(n_blocks, dtype=bool)
        self.labelled = np.zeros(0, np.int64)
        self.anchors = np.zeros(0, np.int64)
        self.tracks_changed()

    def cells_changed(self, start: int, end: int) -> None:
        """Cells on frames start to end (exclusive) are others now."""
        self._dirty[start // BLOCK : -(-end // BLOCK)] = True

    def tracks_changed(self) -> None:
        """Tracks came or went: what is known of the others is kept."""
        ids = self._table.ids
        counts = np.zeros((2, len(self._dirty), len(ids)), np.int32)
        known, here, there = np.intersect1d(ids, self.ids, return_indices=True)
        counts[:, :, here] = self._counts[:, :, there]
        self.ids, self._counts = ids, counts
        if len(ids) - len(known) > NEW_COLUMNS:
            self._dirty[:] = True
        else:
            for column in np.setdiff1d(np.arange(len(ids)), here):
                self._count(slice(None), slice(column, column + 1))
        self._sum()

    def refresh(self, budget: float) -> bool:
        """Count for at most about `budget` seconds; whether all is counted."""
        deadline = perf_counter() + budget
        dirty = np.flatnonzero(self._dirty)
        for block in dirty:
            self._count(slice(block, block + 1), slice(None))
            self._dirty[block] = False
            if perf_counter() > deadline:
                break
        if len(dirty):
            self._sum()
        return not self._dirty.any()

    def _count(self, blocks: slice, columns: slice) -> None:
        first, last, _ = blocks.indices(len(self._dirty))
        frames = slice(first * BLOCK, last * BLOCK)
        starts = np.arange(0, min(last * BLOCK, self._table.n_frames) - first * BLOCK, BLOCK)
        for row, (name, empty) in enumerate((("state", State.UNLABELLED), ("source", Source.ANCHOR))):
            values = self._table.rows(name)[frames, columns]
            hits = values == empty if name == "source" else values != empty
            self._counts[row, blocks, columns] = np.add.reduceat(hits, starts, axis=0, dtype=np.int32)

    def _sum(self) -> None:
        self.labelled, self.anchors = self._counts.sum(axis=1, dtype=np.int64)
