"""Cells in the database: blocks of 64 frames × all tracks, uncompressed, one blob per cell field.

A block holds the tracks that the table had when it was last written, so that adding or deleting a track rewrites none.
What it lacks is unlabelled; what it holds of deleted tracks is ignored, and is right again when the deletion is undone,
since ids are never used twice and an undo brings back the very cells a track had.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing

import numpy as np

from app.document.edits import FIELD_NAMES, Touched
from tracker.labels.table import CELL_FIELDS, TrackTable

BLOCK_FRAMES = 64
_PUT = "INSERT OR REPLACE INTO block (block, kind, data) VALUES (?, ?, ?)"
_IDS = np.dtype("<i8")
_DTYPES = {name: np.dtype(dtype).newbyteorder("<") for name, dtype, *_ in CELL_FIELDS}
_TAILS = {name: tail for name, _, tail, _ in CELL_FIELDS}
_LATER = {"disagreement", "patch_change"}  # fields that blocks of the first version do not have: all of it is unknown


class Blocks:
    """The blocks of one database. Remembers which tracks each holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        rows = connection.execute("SELECT block, data FROM block WHERE kind = 'ids'")
        one: dict[bytes, bytes] = {}  # most blocks hold the same
        self._layouts = {block: one.setdefault(ids, ids) for block, ids in rows}
        self._written: dict[int, bytes] = {}  # those of the transaction that goes on

    def load(self, table: TrackTable) -> None:
        """Put all blocks into a table that has the tracks, unlabelled.

        Raises:
            ValueError, KeyError: the blocks are damaged.
        """
        found: dict[str, bytes] = {}
        query = "SELECT block, kind, data FROM block ORDER BY block, kind = 'ids'"
        with closing(self._connection.execute(query)) as rows:
            for block, kind, data in rows:
                found[kind] = data
                if kind == "ids":
                    self._fill(table, block, found)
                    found = {}

    def _fill(self, table: TrackTable, block: int, found: dict[str, bytes]) -> None:
        ids = np.frombuffer(found["ids"], dtype=_IDS)
        here = np.array([k for k, i in enumerate(ids.tolist()) if i in table], dtype=np.intp)
        columns = table.columns(ids[here])
        start, end = _span(table, block)
        for name in FIELD_NAMES:
            if name in _LATER and name not in found:
                continue
            data = np.frombuffer(found[name], dtype=_DTYPES[name]).reshape(end - start, len(ids), *_TAILS[name])
            table.rows(name)[start:end, columns] = data[:, here]
        table.revision += 1

    def write(self, table: TrackTable, touched: Iterable[Touched]) -> None:
        """Bring the blocks up to the table, in the transaction that goes on; then call `commit` or `roll_back`."""
        ids = table.ids.astype(_IDS).tobytes()
        for block, (start, end, names) in self._wanted(table, touched).items():
            if self._layouts.get(block) == ids:
                self._update(table, block, start, end, names)
            else:
                self._replace(table, block, ids)

    def _wanted(self, table: TrackTable, touched: Iterable[Touched]) -> dict[int, tuple[int, int, set[str]]]:
        """By block the frames and the fields to write: each block once, however many tracks were touched apart."""
        wanted: dict[int, tuple[int, int, set[str]]] = {}
        for each in touched:
            if each.start >= each.end or not any(i in table for i in each.ids):
                continue
            held: dict[bytes | None, bool] = {}
            for block in range(each.start // BLOCK_FRAMES, (each.end - 1) // BLOCK_FRAMES + 1):
                layout = self._layouts.get(block)
                if each.tracks and layout not in held:
                    held[layout] = layout is not None and bool(np.isin(each.ids, np.frombuffer(layout, _IDS)).all())
                if each.tracks and held[layout]:
                    continue  # tracks that come back with the cells that still lie here
                first, last = _span(table, block)
                start, end, names = wanted.get(block, (last, first, set()))
                start, end = min(start, max(first, each.start)), max(end, min(last, each.end))
                wanted[block] = start, end, names.union(each.fields)
        return wanted

    def commit(self) -> None:
        """The transaction was committed."""
        self._layouts |= self._written
        self._written = {}

    def roll_back(self) -> None:
        """The transaction was rolled back."""
        self._written = {}

    def _replace(self, table: TrackTable, block: int, ids: bytes) -> None:
        self._connection.execute(_PUT, (block, "ids", ids))
        for name in FIELD_NAMES:
            self._put(table, block, name)
        self._written[block] = ids

    def _put(self, table: TrackTable, block: int, name: str) -> None:
        start, end = _span(table, block)
        data = np.ascontiguousarray(table.rows(name)[start:end], dtype=_DTYPES[name])
        self._connection.execute(_PUT, (block, name, data.data.cast("B") if data.size else b""))

    def _update(self, table: TrackTable, block: int, start: int, end: int, names: Iterable[str]) -> None:
        """Write only the frames that changed into the blobs: 27 times faster than whole blobs at 2,000 tracks."""
        first = block * BLOCK_FRAMES
        for name in names:
            data = np.ascontiguousarray(table.rows(name)[start:end], dtype=_DTYPES[name])
            query = "SELECT id FROM block WHERE block = ? AND kind = ?"
            row = self._connection.execute(query, (block, name)).fetchone()
            if row is None and name in _LATER:
                self._put(table, block, name)
                continue
            with self._connection.blobopen("block", "data", row[0]) as blob:
                blob.seek((start - first) * (data.nbytes // (end - start)))
                blob.write(data.data.cast("B"))


def _span(table: TrackTable, block: int) -> tuple[int, int]:
    """The frames of a block, the last one shorter."""
    return block * BLOCK_FRAMES, min((block + 1) * BLOCK_FRAMES, table.n_frames)
