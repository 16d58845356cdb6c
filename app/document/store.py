"""The project file: an SQLite database in which each edit, undo and redo is one transaction.

The history keeps everything for as long as the project lives. A correction adds a few hundred bytes, a stroke of a mask
hardly more; a run adds some 19 bytes for each cell that it wrote where nothing was, 38 where it replaced others, beside
the 27 bytes that every cell takes in its block.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Self

import numpy as np

from app.document.blocks import Blocks
from app.document.contents import Contents, next_id_key, read_contents, video_rows
from app.document.corrections import Correction, write_corrections
from app.document.database import (
    check_file,
    check_is_project,
    connect,
    prepare,
    put_meta,
    reading,
    release,
    remove_project,
    remove_side_files,
    sentences,
    transaction,
)
from app.document.edits import Touched
from app.document.history import Step
from app.document.migrations import MIGRATIONS, migrate
from app.document.runs import RunInfo
from app.document.scene import Scene
from app.document.scene_edits import AnyTouched, Edit
from app.document.scene_rows import write_rows
from app.document.serial import pack_edit, unpack_edit
from app.document.video_ref import VideoRef
from tracker.files import InputError, atomic_output
from tracker.labels.table import Source, TrackTable


class Store:
    """An open project file; a `Keeper`. One process at a time owns it; others may read it meanwhile."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._blocks = Blocks(connection)
        self._next_ids: dict[str, int] = {}
        self._corrections: list[Correction] = []

    # -- opening and closing

    @classmethod
    def create(cls, path: Path, n_frames: int) -> Self:
        """A new project file over so many frames.

        Raises:
            InputError: something lies there already, or it cannot be written.
        """
        if path.exists():
            raise InputError(f"{path}: there is already a file of this name")
        store = cls._opened(path, "rwc")
        with store._transaction():
            put_meta(store._connection, "n_frames", n_frames)
        return store

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a project file for writing.

        Raises:
            InputError: it is missing, not a project, of a newer version, damaged, not writable, or open elsewhere.
        """
        check_file(path)
        return cls._opened(path, "rw")

    @classmethod
    def _opened(cls, path: Path, mode: str) -> Self:
        with reading(path):
            connection = connect(path, mode)
            try:
                if mode == "rw":
                    check_is_project(connection, path)
                prepare(connection, path)
                return cls(path, connection)
            except BaseException:
                connection.close()
                raise

    def load(self) -> Contents:
        """All that the file holds. Raises InputError where it is damaged."""
        with reading(self.path):
            return read_contents(self._connection, self._blocks, self.path)

    def close(self) -> None:
        """Let go of the file; nothing but the one file stays."""
        try:
            with sentences(self.path):
                release(self._connection)
        finally:
            self._connection.close()

    def delete(self) -> None:
        """Close and remove the file."""
        self._connection.close()
        remove_project(self.path)

    def copy_to(self, path: Path) -> None:
        """Write a whole, compact copy that nobody owns; what lay there stays until the copy is complete.

        Raises:
            InputError: it cannot be written.
        """
        with atomic_output(path) as part, sentences(path):
            self._connection.execute("VACUUM INTO ?", (str(part),))
            copy = connect(part, "rw")
            try:
                release(copy)
            finally:
                copy.close()
            # A log left behind by a crash belongs to the file that is replaced, not to this one.
            remove_side_files(path)

    # -- keeping

    def record(
        self, index: int, step: Step, first: int, edits: Sequence[Edit], touched: Sequence[AnyTouched], scene: Scene
    ) -> None:
        """See `Keeper`."""
        blobs = [(index, first + k, pack_edit(edit)) for k, edit in enumerate(edits)]
        with self._transaction():
            connection = self._connection
            connection.execute("DELETE FROM piece WHERE step = ? AND piece >= ?", (index, first))
            self._forget(index + 1)
            connection.execute("DELETE FROM step WHERE step = ?", (index,))
            connection.execute("INSERT INTO step VALUES (?, ?, ?)", (index, step.label, step.run))
            connection.executemany("INSERT INTO piece (step, piece, edit) VALUES (?, ?, ?)", blobs)
            self._write(index + 1, touched, scene)

    def move(self, position: int, touched: Sequence[AnyTouched], scene: Scene) -> None:
        """See `Keeper`."""
        with self._transaction():
            self._write(position, touched, scene)

    def forget(self, index: int) -> None:
        """See `Keeper`."""
        with self._transaction():
            self._forget(index)

    def _forget(self, index: int) -> None:
        self._connection.execute("DELETE FROM piece WHERE step >= ?", (index,))
        self._connection.execute("DELETE FROM step WHERE step >= ?", (index,))

    def _write(self, position: int, touched: Sequence[AnyTouched], scene: Scene) -> None:
        put_meta(self._connection, "position", position)
        for kind, next_id in self._next_ids.items():
            put_meta(self._connection, next_id_key(kind), next_id)
        corrections, self._corrections = self._corrections, []
        write_corrections(self._connection, corrections)
        table, of_tracks = scene.table, [each for each in touched if isinstance(each, Touched)]
        self._write_tracks(table, [i for each in of_tracks if each.tracks for i in each.ids])
        self._blocks.write(table, of_tracks)
        for each in of_tracks:
            if each.anchors:
                self._write_anchors(table, each)
        write_rows(self._connection, scene, touched)

    def _write_tracks(self, table: TrackTable, ids: Sequence[int]) -> None:
        gone = [(i,) for i in ids if i not in table]
        self._connection.executemany("DELETE FROM track WHERE id = ?", gone)
        self._connection.executemany("DELETE FROM anchor WHERE track = ?", gone)
        tracks = [table.track(i) for i in ids if i in table]
        self._connection.executemany(
            "INSERT OR REPLACE INTO track VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(t.id, t.name, t.group, t.locked, *t.query_point, *t.colour, t.end) for t in tracks],
        )

    def _write_anchors(self, table: TrackTable, touched: Touched) -> None:
        ids, start, end = [i for i in touched.ids if i in table], touched.start, touched.end
        delete = "DELETE FROM anchor WHERE track = ? AND frame >= ? AND frame < ?"
        self._connection.executemany(delete, [(i, start, end) for i in ids])
        cells = table.read(ids, start, end)
        rows = [
            (ids[k], start + f, *(None if np.isnan(v) else float(v) for v in cells.xy[f, k]), int(cells.state[f, k]))
            for f, k in np.argwhere(cells.source == Source.ANCHOR).tolist()
        ]
        self._connection.executemany("INSERT INTO anchor VALUES (?, ?, ?, ?, ?)", rows)

    def edits(self, index: int, backwards: bool = False) -> Iterator[Edit]:
        """See `Keeper`."""
        query = f"SELECT edit FROM piece WHERE step = ? ORDER BY piece {'DESC' if backwards else 'ASC'}"
        with reading(self.path), closing(self._connection.execute(query, (index,))) as rows:
            for (blob,) in rows:
                yield unpack_edit(blob)

    def put_next_id(self, kind: str, next_id: int) -> None:
        """See `Keeper`."""
        self._next_ids[kind] = next_id

    def put_corrections(self, corrections: Sequence[Correction]) -> None:
        """See `Keeper`."""
        self._corrections = list(corrections)

    def put_run(self, run_id: int, info: RunInfo) -> None:
        """See `Keeper`."""
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (run_id, json.dumps(asdict(info))))

    def put_video(self, video: VideoRef) -> None:
        """See `Keeper`; the path is also kept as seen from the project's folder."""
        with self._transaction():
            for key, value in video_rows(video.beside(self.path)).items():
                put_meta(self._connection, key, value)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with sentences(self.path), transaction(self._connection):
                yield
        except BaseException:
            self._blocks.roll_back()
            raise
        self._blocks.commit()


def read_project(path: Path) -> Contents:
    """The contents of a project file, also one that is open elsewhere or cannot be written.

    Raises:
        InputError: it is missing, not a project, of a newer version, or damaged.
    """
    check_file(path)
    with reading(path):
        connection = connect(path, "ro")
        try:
            version = check_is_project(connection, path)
            if version < len(MIGRATIONS):
                connection = _brought_up(connection)
            connection.execute("BEGIN")
            return read_contents(connection, Blocks(connection), path)
        finally:
            connection.close()


def _brought_up(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A copy in memory, of the newest version, of a database that is closed: an older project may not be writable."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.backup(copy)
        with transaction(copy):
            migrate(copy)
    except BaseException:
        copy.close()
        raise
    finally:
        connection.close()
    return copy
