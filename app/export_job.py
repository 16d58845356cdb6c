"""What an export is asked to do, and the doing of it: in a thread of its own, with nothing of the live document."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.exporting import Done, variable_rate, write_export
from app.workers.jobs import Job
from app.workers.process import in_process
from tracker.files import InputError
from tracker.labels import (
    ExportOptions,
    Format,
    Provenance,
    Selection,
    TrackFile,
    first_key,
)
from tracker.labels.exchange import chosen_tracks
from tracker.video import ViewTransform, open_source

# Text of more cells than this would keep Python's lock for so long at a time that the window stood still.
CELLS_IN_A_THREAD = 20_000


@dataclass(frozen=True)
class Request:
    """All that an export needs, taken while the window stands still."""

    tracks: TrackFile
    entry: Format
    path: Path
    options: ExportOptions
    chosen: Selection
    errors: NDArray[np.floating] | None
    origin: Provenance
    video: str
    view: ViewTransform | None


def preview_of(request: Request) -> tuple[str, str]:
    """The first key in words, and how much would be written or why nothing can be."""
    try:
        taken = chosen_tracks(
            request.tracks, request.path, request.entry, request.options, request.chosen, request.errors
        )
    except InputError as error:
        return "", str(error).removeprefix(f"{request.path}: ").capitalize()
    labelled = int((taken.state > 0).sum())
    counts = f"{taken.n_tracks} of {request.tracks.n_tracks} tracks, {labelled} labelled positions."
    if variable_rate(request.tracks):
        counts += (
            " The video's frames do not follow each other evenly: a program that plays at a fixed rate will drift."
        )
    return first_key(taken, request.entry, request.options), counts


def export(request: Request, job: Job, path: Path | None = None) -> Done:
    """Write what is asked for, or the same to another `path` without a manifest."""
    origin = request.origin if path is None else None
    rest = request.entry.name, request.options, request.chosen, request.errors, origin
    arguments = request.tracks, path or request.path, *rest
    if request.entry.needs_video:
        with open_source(request.video, threads="auto", view=request.view) as frames:
            options = replace(request.options, frames=frames)
            return write_export(*arguments[:3], options, *arguments[4:], job.report)
    if request.tracks.state.size > CELLS_IN_A_THREAD:
        return in_process(write_export, arguments, job)
    return write_export(*arguments, job.report)


def text_of(request: Request, job: Job) -> str:
    """The text that the program takes from its clipboard: of the one file that an export makes."""
    with tempfile.TemporaryDirectory(prefix="trackwright-") as folder:
        path = Path(folder) / request.path.name
        export(request, job, path)
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        if len(files) != 1:
            raise InputError(f"one track is pasted at a time, these are {len(files)}: select one, or export to files")
        return files[0].read_text(encoding="utf-8")  # \n alone: Qt puts the system's line ends on the clipboard
