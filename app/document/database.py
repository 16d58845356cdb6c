"""A project file as an SQLite database: opening it safely, owning it, and its faults in one sentence."""

import json
import os
import socket
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from app.document.migrations import APPLICATION_ID, NewerVersionError, check_version, migrate
from tracker.files import InputError

_REASONS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "no permission to write here",
    "SQLITE_PERM": "no permission to write here",
    "SQLITE_CANTOPEN": "the file or its folder cannot be opened for writing",
    "SQLITE_BUSY": "another program is writing to this project",
    "SQLITE_LOCKED": "another program is writing to this project",
    "SQLITE_NOTADB": "this is not a Trackwright project",
    "SQLITE_CORRUPT": "the project file is damaged",
    "SQLITE_IOERR": "the disk reports an error",
}
SIDE_FILES = ("-wal", "-shm", "-journal")


def fault(path: Path, error: sqlite3.Error) -> InputError:
    """The sentence for an error that SQLite reports."""
    name = getattr(error, "sqlite_errorname", None) or ""
    reason = next((reason for code, reason in _REASONS.items() if name.startswith(code)), None)
    return InputError(f"{path}: {reason or f'the project file cannot be used ({error})'}")


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """Faults of the database as one sentence each."""
    try:
        yield
    except sqlite3.Error as error:
        raise fault(path, error) from error
    except NewerVersionError as error:
        raise InputError(f"{path}: a newer version of Trackwright made this project") from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """The same around reading, where also what a database holds may be nonsense."""
    try:
        with sentences(path):
            yield
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise InputError(f"{path}: the project file is damaged") from error


def check_file(path: Path) -> None:
    """Raises InputError where no file is."""
    if not path.is_file():
        raise InputError(f"{path}: {'this is a folder' if path.is_dir() else 'there is no such file'}")


def remove_side_files(path: Path) -> None:
    """Remove what SQLite keeps beside a database."""
    for suffix in SIDE_FILES:
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def remove_project(path: Path) -> None:
    """Remove a project that nobody has open."""
    remove_side_files(path)
    path.unlink(missing_ok=True)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """A connection in autocommit; `mode` as in SQLite's URIs: "ro", "rw" or "rwc"."""
    uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=2.0)


def check_is_project(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a project file.

    Raises:
        InputError: the database is not one of ours.
        NewerVersionError: a newer version made it.
    """
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    if found != APPLICATION_ID:
        raise InputError(f"{path}: this is not a Trackwright project")
    return check_version(connection)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have rolled back already
            connection.execute("ROLLBACK")
        raise


def set_journal(connection: sqlite3.Connection) -> str:
    """Write-ahead log where it works, else (network shares) a rollback journal; each commit reaches the disk.

    Gives the mode: "wal" or "truncate".
    """
    connection.execute("PRAGMA synchronous = FULL")
    try:
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode == "wal":
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # opens the log
            return "wal"
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_READONLY")):
            raise
    (mode,) = connection.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
    return str(mode)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make a fresh or existing database the newest version, and this process its owner.

    Raises:
        InputError: it is open already, here or in another living process.
        NewerVersionError: a newer version made it.
        sqlite3.Error: it cannot be written.
    """
    set_journal(connection)
    with transaction(connection):
        migrate(connection)
        if owner_lives(connection):
            raise InputError(f"{path}: the project is already open in another window")
        put_meta(connection, "owner", json.dumps(_identity(os.getpid())))


def release(connection: sqlite3.Connection) -> None:
    """Give ownership back and leave one plain file, which also read-only folders and other tools can open."""
    connection.execute("DELETE FROM meta WHERE key = 'owner'")
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:  # somebody reads it
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def owner_lives(connection: sqlite3.Connection) -> bool:
    """Whether a process of this machine that still lives has the project open.

    An owner on another machine cannot be asked; it does not count, else a crash there would lock the file for ever.
    """
    text = get_meta(connection, "owner")
    if text is None:
        return False
    owner = json.loads(text)
    return owner["host"] == socket.gethostname() and _identity(owner["pid"]) == owner


def _identity(pid: int) -> dict[str, Any] | None:
    """What tells a process from a later one of the same number; None where none lives."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return {"pid": pid, "created": process.create_time(), "host": socket.gethostname()}
    except psutil.NoSuchProcess:
        return None


def get_meta(connection: sqlite3.Connection, key: str) -> Any:
    """A value of the project, None where there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def put_meta(connection: sqlite3.Connection, key: str, value: object) -> None:
    """Set a value of the project."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
