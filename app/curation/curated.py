"""What a person made of the labels of a video: from the project into the label set."""

from pathlib import Path

from app.document.database import check_is_project, connect, get_meta, owner_lives, reading
from app.document.project import Document
from tracker.files import InputError, describe_os_error
from tracker.labels.label_set import DESCRIPTION, LABELS, PROJECTS, LabelSet
from tracker.labels.native import TrackFile, write_tracks

IMPORTED = 1  # steps of a project in which a person has done nothing


def place_in_set(project: Path | None) -> tuple[Path, str] | None:
    """The folder of the label set that a project file belongs to, and the name of its video there."""
    if project is None or project.parent.name != PROJECTS:
        return None
    folder = project.parent.parent
    inside = (folder / DESCRIPTION).is_file() and (folder / LABELS / f"{project.stem}.npz").is_file()
    return (folder, project.stem) if inside else None


def capture(document: Document) -> TrackFile | None:
    """A copy of what a project holds now; None where it has no video."""
    video = document.video
    if video is None:
        return None
    return TrackFile.from_table(document.table, video.pts, video.time_base, (video.width, video.height))


def is_touched(label_set: LabelSet, name: str, steps_done: int) -> bool:
    """Whether the set must hold what a project says: something was done in it, or was before and was taken back."""
    return steps_done != IMPORTED or label_set.curated_path(name).exists()


def write_curated(label_set: LabelSet, name: str, tracks: TrackFile) -> None:
    """Put what a person made of a video into the set. Raises InputError where it cannot be written."""
    path = label_set.curated_path(name)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise describe_os_error(path, error) from error
    write_tracks(path, tracks)


def catch_up(label_set: LabelSet) -> list[str]:
    """Write what projects hold that the set does not, because a window was killed; gives the videos.

    Projects that are open in another window are left to it, damaged ones to whoever opens them.

    Raises:
        InputError: it cannot be written.
    """
    written = []
    for project in sorted((label_set.folder / PROJECTS).glob("*.trackwright")):
        name = project.stem
        if not label_set.labels_path(name).exists() or not _is_newer(project, label_set.curated_path(name)):
            continue
        try:
            steps = _steps_done(project)
            if steps is None or not is_touched(label_set, name, steps):
                continue
            tracks = capture(Document.open(project, read_only=True))
        except InputError:
            continue
        if tracks is not None:
            write_curated(label_set, name, tracks)
            written.append(name)
    return written


def _is_newer(project: Path, curated: Path) -> bool:
    """A project is closed before what it holds is written into the set, so that the set has the later time."""
    log = Path(f"{project}-wal")
    changed = max(path.stat().st_mtime_ns for path in (project, log) if path.exists())
    return not curated.exists() or changed > curated.stat().st_mtime_ns


def _steps_done(project: Path) -> int | None:
    """How many steps of a project are done; None where a living process has it open. Raises InputError."""
    with reading(project):
        connection = connect(project, "ro")
        try:
            check_is_project(connection, project)
            return None if owner_lives(connection) else int(get_meta(connection, "position") or 0)
        finally:
            connection.close()
