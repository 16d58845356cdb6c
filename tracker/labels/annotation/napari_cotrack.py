"""The long CSV of napari-cotrack: `anchors/labels.csv`, `corrections/round_*/labels.csv` and `tracks.csv` (its README).

Columns `frame,bodypart,x,y,vis`; frames from 0, pixels as napari counts them, 0 being the centre of the first pixel.
`vis` goes from 0 (hidden) to 1 and may be missing, which means 1; a line without x and y labels nothing.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from tracker.labels.conventions import OURS
from tracker.labels.formats import Format, VideoFacts, register
from tracker.labels.keys import ReadTrack, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, read_text, to_float, to_frame

CONVENTION = replace(OURS, fixed=True)
COLUMNS = ("frame", "bodypart", "x", "y")
SHOWN = 0.5  # what a visibility must exceed


def read_napari_cotrack(path: Path, video: VideoFacts) -> TrackFile:
    """Read one file; body parts become tracks in the order in which they appear.

    Raises:
        InputError: not such a file, or a bad line, named by its number.
    """
    lines = csv.reader(read_text(path).split("\n"))
    try:
        names = [name.strip() for name in next(lines)]
        columns = {name: number for number, name in enumerate(names)}
        if len(columns) < len(names):
            raise bad_line(path, 1, "two columns have the same name")
        missing = [name for name in COLUMNS if name not in columns]
        if missing:
            raise bad_line(path, 1, f"there is no column {missing[0]}")
        found: dict[str, ReadTrack] = {}
        for cells in lines:
            if cells:
                _take(path, lines.line_num, cells, columns, found)
    except csv.Error as error:
        raise bad_line(path, lines.line_num, f"this is no line of a CSV file ({error})") from error
    tracks = tracks_from_keys(path, video, CONVENTION, list(found.values()))
    tracks.visibility[:] = tracks.confidence  # vis is the one, the reader of keys knows but the other
    tracks.confidence[:] = np.nan
    return tracks


def _take(path: Path, line: int, cells: list[str], columns: dict[str, int], found: dict[str, ReadTrack]) -> None:
    if len(cells) != len(columns):
        raise bad_line(path, line, f"{len(cells)} cells instead of {len(columns)}")
    frame, name, x, y = (cells[columns[column]].strip() for column in COLUMNS)
    shown = cells[columns["vis"]].strip() if "vis" in columns else ""
    if x.lower() in ("", "nan") and y.lower() in ("", "nan"):
        return
    visibility = to_float(shown, path, line) if shown else 1.0
    if not 0 <= visibility <= 1:
        raise bad_line(path, line, f"vis {shown} is not between 0 and 1")
    track = found.setdefault(name, ReadTrack(name))
    track.add(to_frame(frame, path, line), to_float(x, path, line), to_float(y, path, line), line)
    track.confidence.append(visibility)
    track.visible.append(visibility > SHOWN)


register(
    Format(
        name="napari-cotrack",
        title="napari-cotrack",
        suffix=".csv",
        audience="annotation",
        convention=CONVENTION,
        carries="visible and hidden points, visibility, names",
        loses="nothing of what it holds",
        read=read_napari_cotrack,
        untested="The layout follows the program's README; no file of the program was compared.",
    )
)
