"""The long CSV: one line per labelled cell, to be opened in a spreadsheet or with pandas.

Columns `frame,track,name,x,y,state,visibility,confidence,source,approved,pts`; UTF-8, commas, points as decimal signs
whatever the locale. Frames count from 0 in presentation order (or from `start_frame`), tracks from 0 in the file's
order; x and y are pixels of the displayed frame with (0, 0) = the centre of the top-left pixel. `state` is visible,
occluded or out_of_view; unlabelled cells have no line, and x and y are empty where nobody vouches for a position.
What is not known is left empty. `pts` counts units of the video's time base.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import OURS
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State

COLUMNS = ("frame", "track", "name", "x", "y", "state", "visibility", "confidence", "source", "approved", "pts")
CELLS_AT_ONCE = 4_000  # lines that are in memory as texts
_REQUIRED = ("frame", "track", "x", "y", "state")
_STATES = {state.name.lower(): state for state in State if state != State.UNLABELLED}
_SOURCES = {source.name.lower(): source for source in Source}


def write_long_csv(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the labelled cells, frame by frame. Raises InputError where the path cannot be written."""
    labelled, located = tracks.state != State.UNLABELLED, tracks.located
    first = OURS.first_number(options)
    heads = [f"{row},{_quoted(name)}" for row, name in enumerate(tracks.names)]
    states = [state.name.lower() for state in State]
    tails = [f"{source.name.lower()},{approved}" for source in Source for approved in (0, 1)]
    step = max(1, CELLS_AT_ONCE // max(1, tracks.n_tracks))
    with atomic_output(path) as part, part.open("w", encoding="utf-8", newline="") as handle:
        handle.write(",".join(COLUMNS) + "\n")
        for start in range(0, tracks.n_frames, step):
            frames, tracks_here = np.nonzero(labelled[:, start : start + step].T)
            at = tracks_here, frames + start
            xy = np.where(located[at][:, None], tracks.xy[at], np.float32(np.nan))
            columns = (
                (at[1] + first).tolist(),
                map(heads.__getitem__, tracks_here.tolist()),
                _texts(xy[:, 0]),
                _texts(xy[:, 1]),
                map(states.__getitem__, tracks.state[at].tolist()),
                _texts(tracks.visibility[at]),
                _texts(tracks.confidence[at]),
                map(tails.__getitem__, (tracks.source[at] * 2 + tracks.approved[at]).tolist()),
                tracks.pts[at[1]].tolist(),
            )
            handle.write("".join(map("%d,%s,%s,%s,%s,%s,%s,%s,%d\n".__mod__, zip(*columns, strict=True))))
            options.report(min(start + step, tracks.n_frames), tracks.n_frames)
    kept = int(labelled.any(axis=1).sum())
    return Written(kept, tracks.n_tracks - kept, int(labelled.sum()))


def _quoted(text: str) -> str:
    """A field as the csv module writes it."""
    field = io.StringIO()
    csv.writer(field, lineterminator="").writerow([text])
    return field.getvalue()


def _texts(values: NDArray[np.float32]) -> list[str]:
    """The shortest decimals that read back as the same float32, "" for NaN."""
    return ["" if text == "nan" else text for text in map(str, values)]


def read_long_csv(path: Path, video: VideoFacts) -> TrackFile:
    """Read cells; frames count from 0 unless a person chose another number.

    Only the first five columns of data have to be there, in any order.

    A track's query point is its first visible cell. Tracks that have no line come back unlabelled where a later track
    has one.

    Raises:
        InputError: not such a file, or a bad line, named by its number.
    """
    blocks = list(_blocks(path, video))
    n_tracks = 1 + max((int(block["track"].max()) for block in blocks), default=-1)
    n_cells = sum(len(block["track"]) for block in blocks)
    if n_tracks > max(1000, 2 * n_cells):
        raise InputError(f"{path}: track {n_tracks - 1} is numbered far beyond the {n_cells} cells of the file")
    _check_once(path, blocks, len(video.pts))
    tracks = video.empty(n_tracks)
    names = list(tracks.names)
    for block in blocks:
        at = block["track"], block["frame"]
        tracks.xy[at] = np.stack([block["x"], block["y"]], axis=1)
        for field in ("state", "visibility", "confidence", "source", "approved"):
            getattr(tracks, field)[at] = block[field]
        for track, name in dict(zip(block["track"].tolist(), block["name"], strict=True)).items():
            names[track] = name or names[track]
    tracks.names = names
    tracks.query_from_first_visible()
    return tracks


Block = dict[str, Any]  # columns of some lines: arrays, but for the names, and the numbers of the lines


def _check_once(path: Path, blocks: Sequence[Block], n_frames: int) -> None:
    """Raise InputError at the first cell that was given before."""
    if not blocks:
        return
    keys = np.concatenate([block["track"] * n_frames + block["frame"] for block in blocks])
    first = np.unique(keys, return_index=True)[1]
    if len(first) < len(keys):
        again = np.ones(len(keys), np.bool_)
        again[first] = False
        line = np.concatenate([block["line"] for block in blocks])[again].min()
        raise InputError(f"{path}: line {line}: this cell was given before")


def _blocks(path: Path, video: VideoFacts) -> Iterator[Block]:
    first = OURS.first_number(video)
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = csv.reader(handle)
            header = next(lines, [])
            missing = [name for name in _REQUIRED if name not in header]
            if missing:
                raise InputError(f"{path}: line 1: there is no column {missing[0]}")
            while True:
                before = lines.line_num
                batch = list(islice(lines, CELLS_AT_ONCE))
                if not batch:
                    return
                numbers = _numbers(batch, before, lines.line_num)
                if not all(batch):  # blank lines
                    numbers, batch = numbers[[bool(line) for line in batch]], [line for line in batch if line]
                if batch:
                    yield _block(path, header, batch, numbers, len(video.pts), first)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: this is not a UTF-8 text file with comma-separated columns") from error


def _numbers(batch: list[list[str]], before: int, after: int) -> NDArray[np.int64]:
    """The number of the last line of each row; a quoted name may go over several."""
    if after - before == len(batch):
        return np.arange(before + 1, after + 1)
    return before + np.cumsum([1 + sum(text.count("\n") for text in row) for row in batch])


def _block(
    path: Path, header: list[str], batch: list[list[str]], numbers: NDArray[np.int64], n_frames: int, first: int
) -> Block:
    """Whole columns at once; where something is wrong, line by line, to say which."""
    try:
        columns = dict(zip(header, zip(*batch, strict=True), strict=True))
        return _columns(columns, n_frames, first) | {"line": numbers}
    except (ValueError, KeyError, OverflowError):
        parsed = []
        for number, line in zip(numbers.tolist(), batch, strict=True):
            try:
                parsed.append(_parse(dict(zip(header, line, strict=False)), n_frames, first))
            except (ValueError, KeyError) as error:
                raise InputError(f"{path}: line {number}: {_reason(error)}") from error
        block: Block = {name: np.array([cell[name] for cell in parsed]) for name in parsed[0] if name != "name"}
        return block | {"name": [cell["name"] for cell in parsed], "line": numbers}


def _columns(columns: dict[str, tuple[str, ...]], n_frames: int, first: int) -> Block:
    """Raises ValueError or KeyError where anything is wrong with any line."""
    count = len(columns["frame"])
    empty = ("",) * count
    frame = np.fromiter(map(int, columns["frame"]), np.int64, count) - first
    track = np.fromiter(map(int, columns["track"]), np.int64, count)
    x, y = _floats(columns["x"]), _floats(columns["y"])
    if (frame < 0).any() or (frame >= n_frames).any() or (track < 0).any() or (np.isnan(x) != np.isnan(y)).any():
        raise ValueError
    sources = columns.get("source", empty)
    return {
        "frame": frame,
        "track": track,
        "name": columns.get("name", empty),
        "x": x,
        "y": y,
        "state": np.array([_STATES[text] for text in columns["state"]], np.uint8),
        "visibility": _floats(columns.get("visibility", empty)),
        "confidence": _floats(columns.get("confidence", empty)),
        "source": np.array([_SOURCES[text or "imported"] for text in sources], np.uint8),
        "approved": np.array([text == "1" for text in columns.get("approved", empty)]),
    }


def _floats(texts: tuple[str, ...]) -> NDArray[np.float64]:
    given = [text or "nan" for text in texts] if "" in texts else texts
    values = np.fromiter(map(float, given), np.float64, len(texts))
    if np.isinf(values).any():
        raise ValueError
    return values


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
