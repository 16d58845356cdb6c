"""Opening a label set, and a video of it: its video is found, checked, and its labels become a project."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.curation.curated import catch_up
from app.document.project import Document
from app.document.video_ref import VideoRef
from tracker.files import InputError, describe_os_error
from tracker.labels.label_file import LabelFile
from tracker.labels.label_set import LabelSet, Verdict
from tracker.video import content_hash, open_source


@dataclass(frozen=True)
class OpenedSet:
    """A label set as it was found, and why nobody can work in it, "" where people can."""

    label_set: LabelSet
    names: list[str]
    verdicts: dict[str, Verdict]
    refusal: str


@dataclass(frozen=True)
class Prepared:
    """The project of a video, or why there is none: the path where its video is `missing`, or a `changed` one lies."""

    project: Path | None = None
    missing: str = ""
    changed: str = ""


def open_set(folder: Path) -> OpenedSet:
    """The label set in a folder; what a killed window left in projects is brought into it.

    Raises:
        InputError: there is none, or one that cannot be read.
    """
    label_set = LabelSet.open(folder)
    refusal = _refusal(folder)
    if not refusal:
        try:
            catch_up(label_set)
        except InputError as error:
            refusal = str(error)
    return OpenedSet(label_set, label_set.names(), label_set.verdicts(), refusal)


def _refusal(folder: Path) -> str:
    """Why nothing can be written into a folder, "" where it can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return str(describe_os_error(folder, error))


def candidates(video: str, folder: Path, places: Iterable[Path]) -> list[Path]:
    """Where the video of a label file may lie now, the likeliest first.

    Args:
        video: its path, as the label file has it.
        folder: of the label set: labels are often carried about together with their videos.
        places: folders in which other videos of the set were found.
    """
    path = Path(video)
    named = [path] if path.is_absolute() else [Path.cwd() / path, folder / path, folder.parent / path]
    near = [place / path.name for place in (*places, folder, folder.parent)]
    return [found for found in dict.fromkeys([*named, *near]) if found.exists()]


def prepare(label_set: LabelSet, name: str, places: Sequence[Path], chosen: Path | None = None) -> Prepared:
    """See that a video of a set has its project, made of its labels where there is none yet.

    Args:
        places: as for `candidates`.
        chosen: where a person says that the video is.

    Raises:
        InputError: the labels or the video cannot be read, or the project cannot be written.
    """
    project = label_set.project_path(name)
    if project.exists():
        return Prepared(project)
    labels = label_set.read(name)
    found = [chosen] if chosen is not None else candidates(labels.origin.video, label_set.folder, places)
    for path in found:
        source = open_source(path, "bgra")
        with source:
            video = VideoRef.of(source, content_hash(source))
        if not labels.origin.content_hash or video.content_hash == labels.origin.content_hash:
            _make_project(label_set, name, labels, video)
            return Prepared(project)
    return Prepared(changed=str(found[0])) if found else Prepared(missing=labels.origin.video)


def _make_project(label_set: LabelSet, name: str, labels: LabelFile, video: VideoRef) -> None:
    """What holds now, imported as one step. A merged set has curated tracks, but no project."""
    path = label_set.project_path(name)
    is_curated = label_set.curated_path(name).exists()
    tracks = label_set.read_current(name) if is_curated else labels.tracks
    if (tracks.n_frames, tracks.size_wh) != (video.frame_count, (video.width, video.height)):
        raise InputError(
            f"{label_set.labels_path(name)}: labels of {tracks.n_frames} frames of {_size(tracks.size_wh)} do not fit "
            f"{video.path} with {video.frame_count} of {_size((video.width, video.height))}"
        )
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise describe_os_error(path, error) from error
    document = Document(video.frame_count, video)
    document.import_tracks(tracks, "Import curated labels" if is_curated else "Import labels")
    document.save_as(path)
    document.close()


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
