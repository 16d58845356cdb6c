"""What an export needs to know of a document or a video beside the tracks.

Without Qt: the window and the command line share it.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.labels import (
    ExportOptions,
    Model,
    Plate,
    Provenance,
    Selection,
    TrackFile,
    VideoFacts,
    Written,
    export_tracks,
    guess_formats,
    import_tracks,
)
from tracker.labels.formats import Report
from tracker.video.names import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from app.document.project import Document

# Of what cameras and programs use; a rate that is worked out from timestamps is one of these where it is near.
USUAL_RATES = tuple(Fraction(*pair) for pair in ((24000, 1001), (30000, 1001), (60000, 1001), (48000, 1001))) + tuple(
    Fraction(rate) for rate in (12, 15, 24, 25, 30, 48, 50, 60, 100, 120)
)
MOVIE_FIRST_FRAME = 1  # as Nuke and others number the frames of a movie


class Footage(Protocol):
    """What a video source and a project's reference to one have in common."""

    @property
    def first_frame_number(self) -> int:
        """The number in the name of a sequence's first picture, else 0."""

    @property
    def fps(self) -> Fraction:
        """Average frames per second."""


def plate_of(footage: Footage, path: Path) -> Plate:
    """The plate as a receiving program will know it, as far as the files say; a person may change it.

    A sequence has the numbers of its files (1001 for a picture without one), a movie counts from 1.
    """
    is_sequence = path.suffix.lower() in PICTURE_SUFFIXES or path.is_dir()
    first = footage.first_frame_number or (Plate().first_frame if is_sequence else MOVIE_FIRST_FRAME)
    return Plate(first_frame=first, fps=nearest_rate(footage.fps), path=str(path))


def name_of(path: Path) -> str:
    """What a video or sequence is called in the names of files made from it: no suffix, and no number of a picture."""
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        return path.stem
    return re.sub(r"[._ -]*\d+$", "", path.stem) or path.stem


def nearest_rate(rate: Fraction) -> Fraction:
    """The usual rate within 0.02 % of this one, else this one."""
    return next((usual for usual in USUAL_RATES if abs(rate / usual - 1) < 2e-4), rate)


def rate_of(tracks: TrackFile) -> Fraction:
    """Frames per second by the timestamps, 24 for a single frame."""
    if tracks.n_frames < 2:
        return Fraction(24)
    span = (int(tracks.pts[-1]) - int(tracks.pts[0])) * tracks.time_base
    return nearest_rate((Fraction(tracks.n_frames - 1) / span).limit_denominator(100_000))


def variable_rate(tracks: TrackFile) -> bool:
    """Whether frames do not follow each other evenly: programs that count frames will drift from those that time."""
    steps = np.diff(tracks.pts)
    return bool(len(steps)) and float(steps.max() - steps.min()) * float(tracks.time_base) > 0.25 / float(
        rate_of(tracks)
    )


def origin_of(document: "Document") -> Provenance:
    """Where the document's tracks come from: its video, and the trackers whose predictions are among them."""
    from tracker.inference.trackers import tracker_info

    video = document.video
    assert video is not None
    # Counting is a tenth of the work of sorting: a long project has tens of millions of cells.
    runs = (np.flatnonzero(np.bincount(document.table.rows("run_id").ravel() + 1)) - 1).tolist()
    names = sorted({document.runs[run].tracker for run in runs if run in document.runs})
    models = tuple(Model(Path(name).name, tracker_info(name).licence) for name in names)
    return Provenance(video.path, video.content_hash, video.fps, models)


@dataclass(frozen=True)
class Done:
    """What came of an export: what the writer says, and whether the file was read back and compared."""

    written: Written
    checked: bool


def write_export(
    tracks: TrackFile,
    path: Path,
    name: str,
    options: ExportOptions,
    chosen: Selection,
    errors: NDArray[np.floating] | None,
    origin: Provenance | None,
    report: Report,
) -> Done:
    """`export_tracks` for a thread or a process: all that it needs comes in, little goes out."""
    done = export_tracks(tracks, path, name, replace(options, report=report), chosen, errors, origin)
    return Done(done.written, done.checked)


def read_import(path: Path, name: str, video: VideoFacts, report: Report) -> tuple[str, TrackFile]:
    """The format of a file, guessed where `name` is "", and its tracks. Raises as `import_tracks`."""
    found = name or guess_formats(path, video)[0].name
    return found, import_tracks(path, found, video)


def expected_errors(document: "Document") -> NDArray[np.float32]:
    """(N, T) expected errors in pixels, worked out anew by the model that comes with Trackwright; NaN where unknown."""
    from tracker.inference.error_model import ErrorModel
    from tracker.inference.lucas_kanade import LucasKanade
    from tracker.inference.signals import measure_signals

    video, table = document.video, document.table
    assert video is not None
    if not table.n_tracks:
        return np.zeros((0, table.n_frames), np.float32)
    cells = table.read(table.ids.tolist(), 0, table.n_frames)
    by_flow = tuple(run for run, info in document.runs.items() if info.tracker == LucasKanade.name)
    return ErrorModel.shipped().predict(measure_signals(cells, (video.width, video.height), by_flow)).T
