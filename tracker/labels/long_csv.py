"""The long CSV: one line per labelled cell, to be opened in a spreadsheet or with pandas.

Columns `frame,track,name,x,y,state,visibility,confidence,source,approved,pts`; UTF-8, commas, points as decimal signs
whatever the locale. Frames count from 0 in presentation order (or from `start_frame`), tracks from 0 in the file's
order; x and y are pixels of the displayed frame with (0, 0) = the centre of the top-left pixel. `state` is visible,
occluded or out_of_view; unlabelled cells have no line, and x and y are empty where nobody vouches for a position.
What is not known is left empty. `pts` counts units of the video's time base.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import OURS
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State

COLUMNS = ("frame", "track", "name", "x", "y", "state", "visibility", "confidence", "source", "approved", "pts")
_REQUIRED = ("frame", "track", "x", "y", "state")
_STATES = {state.name.lower(): state for state in State if state != State.UNLABELLED}
_SOURCES = {source.name.lower(): source for source in Source}


def write_long_csv(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the labelled cells, frame by frame. Raises InputError where the path cannot be written."""
    labelled, located = tracks.state != State.UNLABELLED, tracks.located
    with atomic_output(path) as part, part.open("w", encoding="utf-8", newline="") as handle:
        lines = csv.writer(handle, lineterminator="\n")
        lines.writerow(COLUMNS)
        for frame in range(tracks.n_frames):
            for n in np.flatnonzero(labelled[:, frame]).tolist():
                lines.writerow(_line(tracks, n, frame, OURS.first_number(options), bool(located[n, frame])))
    kept = int(labelled.any(axis=1).sum())
    return Written(kept, tracks.n_tracks - kept, int(labelled.sum()))


def _line(tracks: TrackFile, n: int, frame: int, start_frame: int, located: bool) -> tuple[Any, ...]:
    x, y = tracks.xy[n, frame] if located else (np.float32(np.nan), np.float32(np.nan))
    return (
        frame + start_frame,
        n,
        tracks.names[n],
        _number(x),
        _number(y),
        State(tracks.state[n, frame]).name.lower(),
        _number(tracks.visibility[n, frame]),
        _number(tracks.confidence[n, frame]),
        Source(tracks.source[n, frame]).name.lower(),
        int(tracks.approved[n, frame]),
        int(tracks.pts[frame]),
    )


def _number(value: np.float32) -> str:
    """The shortest decimal that reads back as the same float32, "" for NaN."""
    return "" if np.isnan(value) else str(value)


def read_long_csv(path: Path, video: VideoFacts) -> TrackFile:
    """Read cells; frames count from 0 unless a person chose another number.

    Only the first five columns of data have to be there, in any order.

    A track's query point is its first visible cell. Tracks that have no line come back unlabelled where a later track
    has one.

    Raises:
        InputError: not such a file, or a bad line, named by its number.
    """
    cells = list(_cells(path, video))
    n_tracks = 1 + max((cell["track"] for cell in cells), default=-1)
    if n_tracks > max(1000, 2 * len(cells)):
        raise InputError(f"{path}: track {n_tracks - 1} is numbered far beyond the {len(cells)} cells of the file")
    tracks = video.empty(n_tracks)
    names = list(tracks.names)
    for cell in cells:
        at = cell["track"], cell["frame"]
        tracks.xy[at] = cell["x"], cell["y"]
        tracks.state[at] = cell["state"]
        tracks.visibility[at], tracks.confidence[at] = cell["visibility"], cell["confidence"]
        tracks.source[at] = cell["source"]
        tracks.approved[at] = cell["approved"]
        names[at[0]] = cell["name"] or names[at[0]]
    tracks.names = names
    tracks.query_from_first_visible()
    return tracks


def _cells(path: Path, video: VideoFacts) -> Iterator[dict[str, Any]]:
    seen: set[tuple[int, int]] = set()
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = csv.DictReader(handle)
            missing = [name for name in _REQUIRED if name not in (lines.fieldnames or ())]
            if missing:
                raise InputError(f"{path}: line 1: there is no column {missing[0]}")
            for line in lines:
                try:
                    cell = _parse(line, len(video.pts), OURS.first_number(video))
                except (ValueError, KeyError, TypeError) as error:
                    raise InputError(f"{path}: line {lines.line_num}: {_reason(error)}") from error
                if (cell["track"], cell["frame"]) in seen:
                    raise InputError(f"{path}: line {lines.line_num}: this cell was given before")
                seen.add((cell["track"], cell["frame"]))
                yield cell
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: this is not a UTF-8 text file with comma-separated columns") from error


def _reason(error: Exception) -> str:
    return f"{error.args[0]!r} is not known" if isinstance(error, KeyError) else str(error)


def _parse(line: dict[str, str], n_frames: int, first: int) -> dict[str, Any]:
    number, track = int(line["frame"]), int(line["track"])
    frame = number - first
    if not 0 <= frame < n_frames:
        raise ValueError(f"frame {number} is outside the video's {first} to {first + n_frames - 1}")
    if track < 0:
        raise ValueError(f"track {track} is negative")
    x, y = _float(line["x"]), _float(line["y"])
    if np.isnan(x) != np.isnan(y):
        raise ValueError("only one of x and y is given")
    return {
        "frame": frame,
        "track": track,
        "name": line.get("name") or "",
        "x": x,
        "y": y,
        "state": _STATES[line["state"]],
        "visibility": _float(line.get("visibility")),
        "confidence": _float(line.get("confidence")),
        "source": _SOURCES[line["source"]] if line.get("source") else Source.IMPORTED,
        "approved": (line.get("approved") or "0") == "1",
    }


def _float(text: str | None) -> float:
    value = float(text) if text else np.nan
    if np.isinf(value):
        raise ValueError(f"{text} is not a finite number")
    return value


register(
    Format(
        name="long-csv",
        title="Long CSV, a line per labelled cell",
        suffix=".csv",
        audience="labels",
        convention=OURS,
        carries="all states, visibility, confidence, source, approval, names",
        keeps=frozenset(
            {"xy", "state", "visibility", "confidence", "source", "approved", "names", "pts", "time_base", "size_wh"}
        ),
        loses="positions that a tracker itself disowns, query points (the first visible cell when read back), groups",
        write=write_long_csv,
        read=read_long_csv,
    )
)
