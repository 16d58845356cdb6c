"""Untitled projects: real project files in the user's data folder, so that a crash loses nothing of them either."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.document.database import check_is_project, connect, owner_lives, reading, remove_project
from app.document.store import Store
from tracker.files import InputError, describe_os_error, user_data_folder

SUFFIX = ".trackwright"


@dataclass(frozen=True)
class UnsavedProject:
    """An untitled project that a crash, or closing without saving, has left.

    Attributes:
        path: for `Document.open`, which opens it untitled again, or `discard_unsaved`.
        video: path of its video, "" where there is none.
        steps: how many steps its history has.
        modified: when it was last changed, in UTC.
    """

    path: Path
    video: str
    steps: int
    modified: datetime


def unsaved_folder() -> Path:
    """Where untitled projects lie."""
    return user_data_folder() / "unsaved"


def is_unsaved(path: Path) -> bool:
    """Whether a project lies among the untitled ones."""
    return path.parent.resolve() == unsaved_folder().resolve()


def create_unsaved(n_frames: int) -> Store:
    """A new untitled project file. Raises InputError where it cannot be written."""
    folder = unsaved_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise describe_os_error(folder, error) from error
    return Store.create(folder / f"{uuid.uuid4().hex}{SUFFIX}", n_frames)


def unsaved_projects() -> list[UnsavedProject]:
    """The untitled projects that no living process has open, the last changed first; empty ones are removed."""
    found = []
    for path in unsaved_folder().glob(f"*{SUFFIX}"):
        try:
            project = _look(path)
        except InputError:
            continue  # being made, or damaged: nothing that can be offered
        if project is not None and project.steps:
            found.append(project)
        elif project is not None:
            remove_project(path)
    return sorted(found, key=lambda project: project.modified, reverse=True)


def discard_unsaved(project: UnsavedProject) -> None:
    """Remove an untitled project for good. Raises InputError where it is open."""
    refuse_if_open(project.path)
    remove_project(project.path)


def refuse_if_open(path: Path) -> None:
    """Raises InputError where a living process has this project open; any other file, or none, is fine."""
    if not path.is_file():
        return
    try:
        free = _look(path) is not None
    except InputError:
        return
    if not free:
        raise InputError(f"{path}: the project is already open in another window")


def _look(path: Path) -> UnsavedProject | None:
    """What a project is, None where somebody has it open. Raises InputError where it is no project."""
    with reading(path):
        connection = connect(path, "rw")  # a log that a crash left needs writing to be read
        try:
            check_is_project(connection, path)
            if owner_lives(connection):
                return None
            (steps,) = connection.execute("SELECT count(*) FROM step").fetchone()
            row = connection.execute("SELECT value ->> 'path' FROM meta WHERE key = 'video'").fetchone()
        finally:
            connection.close()
    changed = max(p.stat().st_mtime for p in (path, Path(f"{path}-wal")) if p.exists())
    return UnsavedProject(path, row[0] if row else "", steps, datetime.fromtimestamp(changed, UTC))
