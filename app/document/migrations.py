"""The numbered versions of the project file. A change of the schema appends a migration; none is ever edited."""

import sqlite3
from collections.abc import Sequence

APPLICATION_ID = 0x54725772  # "TrWr": tells a project from any other SQLite file

Migration = tuple[str, ...]

# MIGRATIONS[v] are the statements that lead from version v to v + 1; a new file starts empty at version 0.
MIGRATIONS: tuple[Migration, ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        """CREATE TABLE track (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL, "group" TEXT NOT NULL, locked INTEGER NOT NULL,
            frame REAL NOT NULL, x REAL NOT NULL, y REAL NOT NULL,
            red INTEGER NOT NULL, green INTEGER NOT NULL, blue INTEGER NOT NULL)""",
        # kind "ids" holds the int64 ids of the tracks of that block, the others one cell field of 64 frames × those.
        """CREATE TABLE block (
            id INTEGER PRIMARY KEY, block INTEGER NOT NULL, kind TEXT NOT NULL, data BLOB NOT NULL,
            UNIQUE (block, kind))""",
        # For people and other tools; the blocks hold the same.
        """CREATE TABLE anchor (
            track INTEGER NOT NULL, frame INTEGER NOT NULL, x REAL, y REAL, state INTEGER NOT NULL,
            PRIMARY KEY (track, frame)) WITHOUT ROWID""",
        "CREATE TABLE run (id INTEGER PRIMARY KEY, info TEXT NOT NULL)",
        "CREATE TABLE step (step INTEGER PRIMARY KEY, label TEXT NOT NULL, run INTEGER)",
        """CREATE TABLE piece (
            id INTEGER PRIMARY KEY, step INTEGER NOT NULL, piece INTEGER NOT NULL, edit BLOB NOT NULL,
            UNIQUE (step, piece))""",
    ),
    (
        'ALTER TABLE track ADD COLUMN "end" INTEGER',
        """CREATE TABLE mask (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL,
            red INTEGER NOT NULL, green INTEGER NOT NULL, blue INTEGER NOT NULL, matte INTEGER NOT NULL)""",
        # bits: the box of a frame's bitmap row by row, eight pixels a byte, deflated; an empty bitmap has no box.
        """CREATE TABLE mask_frame (
            mask INTEGER NOT NULL, frame INTEGER NOT NULL, x INTEGER NOT NULL, y INTEGER NOT NULL,
            width INTEGER NOT NULL, height INTEGER NOT NULL, bits BLOB NOT NULL, PRIMARY KEY (mask, frame))""",
        # edges: pairs of track ids as JSON.
        """CREATE TABLE track_group (
            name TEXT PRIMARY KEY, red INTEGER NOT NULL, green INTEGER NOT NULL, blue INTEGER NOT NULL,
            edges TEXT NOT NULL) WITHOUT ROWID""",
        "CREATE TABLE take (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
        # A person's anchors over predictions, for fitting the expected error; undo leaves them.
        """CREATE TABLE correction (
            id INTEGER PRIMARY KEY, track INTEGER NOT NULL, frame INTEGER NOT NULL, error_px REAL NOT NULL,
            visibility REAL, confidence REAL, disagreement REAL, patch_change REAL, expected_error REAL,
            time REAL NOT NULL)""",
    ),
)


class NewerVersionError(ValueError):
    """The file was written by a later version of this program."""


def check_version(connection: sqlite3.Connection, newest: int = len(MIGRATIONS)) -> int:
    """The version of an open database. Raises NewerVersionError where it is above `newest`."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > newest:
        raise NewerVersionError(f"version {version} is newer than {newest}")
    return int(version)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Bring an open database to the newest version, in the transaction that the caller opened; gives that version.

    Raises:
        NewerVersionError: it is newer than that.
        sqlite3.Error: a migration failed; the caller rolls back and the file is as it was.
    """
    version = check_version(connection, len(migrations))
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    if version < len(migrations):
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    return len(migrations)
