"""DeepLabCut's tables as CSV: predictions over a whole video, and labels to train on.

Layout from DeepLabCut's documents (https://deeplabcut.github.io/DeepLabCut), tried with pandas and sleap-io: header
rows scorer, individuals (only with several animals), bodyparts and coords, one column per number. Predictions have x,
y, likelihood and one row per frame, from 0. Labels lie in `labeled-data/VIDEO/CollectedData_SCORER.csv` beside the
pictures they belong to; they have x and y, and rows that name the picture, whose number is that of the frame. An empty
cell is a point that was not found or not labelled. (0, 0) is the centre of the top-left pixel.

A group is an individual; where others are in a group, tracks without one belong to "single", as DeepLabCut calls the
points that exist once.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.annotation.bodies import skeleton_of
from tracker.labels.conventions import OURS
from tracker.labels.formats import ExportOptions, Format, Frames, VideoFacts, Write, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.pictures import encode_picture
from tracker.labels.table import Source
from tracker.labels.text import bad_line, read_text, to_float, write_text

SCORER, SINGLE = "Trackwright", "single"
CONVENTION = replace(OURS, fixed=True)
LEVELS = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")
_PICTURE = re.compile(r"(\d+)\.(?:png|jpe?g|bmp|tiff?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """What stands above the numbers.

    Attributes:
        header: rows of names by level, each with one entry per column; "individuals" only with groups.
        names: the tracks' names to those in the file, where they had to change.
    """

    header: dict[str, list[str]]
    names: dict[str, str]


@dataclass(frozen=True)
class Table:
    """The numbers of a table that was read.

    Attributes:
        index: R names of rows: a frame's number or a picture's path.
        values: (R, C) float64, NaN where there is none.
        lines: the lines they stand on, or empty.
    """

    index: list[str]
    values: NDArray[np.float64]
    lines: list[int]


def columns_of(keys: Sequence[TrackKeys], coords: Sequence[str]) -> Columns:
    """The columns of these tracks, those of each side by side, in their order."""
    skeleton = skeleton_of(keys, SINGLE)
    every = [(SCORER, skeleton.bodies[body], skeleton.nodes[node]) for body, node in skeleton.places]
    rows = list(zip(*((*place, coord) for place in every for coord in coords), strict=True)) or [()] * len(LEVELS)
    header = {level: list(row) for level, row in zip(LEVELS, rows, strict=True)}
    if not any(track.group for track in keys):
        del header["individuals"]
    return Columns(header, skeleton.names)


def values_of(keys: Sequence[TrackKeys], n_frames: int, coords: int) -> NDArray[np.float64]:
    """(T, tracks * coords) float64 numbers under those columns, NaN where there is none."""
    values = np.full((n_frames, len(keys), coords), np.nan)
    for column, track in enumerate(keys):
        values[track.frames, column, :2] = track.xy
        if coords > 2:
            values[track.frames, column, 2] = track.confidence
    return values.reshape(n_frames, -1)


def write_deeplabcut(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write a row of predictions for every frame. Raises InputError where the path cannot be written."""
    keys = keys_of(tracks, options.hidden or "gap")
    columns = columns_of(keys, _COORDS)
    values = values_of(keys, tracks.n_frames, len(_COORDS))
    rows = ([str(frame)] for frame in range(tracks.n_frames))
    write_text(path, _reported(_lines(columns, 1, rows, values), tracks.n_frames, options))
    return _written(tracks, keys, columns.names)


def _reported(lines: Iterator[str], total: int, options: ExportOptions) -> Iterator[str]:
    for done, line in enumerate(lines):
        if done % 100 == 0:
            options.report(min(done, total), total)
        yield line


def _lines(columns: Columns, n_index: int, index: Iterator[list[str]], values: NDArray[np.float64]) -> Iterator[str]:
    for level, entries in columns.header.items():
        yield _csv([level, *[""] * (n_index - 1), *entries])
    for row, numbers in zip(index, values, strict=True):
        texts = ["" if number != number else f"{number:.6f}" for number in numbers.tolist()]
        yield ",".join([_csv(row)[:-1], *texts]) + "\n"


def _csv(entries: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(entries)
    return line.getvalue()


def _written(tracks: TrackFile, keys: Sequence[TrackKeys], names: dict[str, str], note: str = "") -> Written:
    cells = sum(len(track.frames) for track in keys)
    return Written(len(keys), tracks.n_tracks - len(keys), cells, note, names)


def write_deeplabcut_labels(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the folder of one video: the labels, and the picture of each labelled frame.

    Raises:
        InputError: nothing is labelled, or the path cannot be written.
    """
    keys = keys_of(tracks, "gap")
    if not keys:
        raise InputError(f"{path}: there is no visible point to label")
    columns = columns_of(keys, _COORDS[:2])
    shown = np.unique(np.concatenate([track.frames for track in keys]))
    digits = max(4, len(str(tracks.n_frames - 1)))
    pictures = [f"img{frame:0{digits}d}.png" for frame in shown.tolist()]
    values = values_of(keys, tracks.n_frames, 2)[shown]
    index = (["labeled-data", path.name, picture] for picture in pictures)
    with atomic_output(path) as part:
        part.mkdir()
        write_text(part / f"CollectedData_{SCORER}.csv", _lines(columns, 3, index, values))
        assert options.frames is not None
        for done, (picture, name) in enumerate(zip(_pictures(options.frames, shown), pictures, strict=True)):
            options.report(done, len(pictures))
            (part / name).write_bytes(encode_picture(picture, ".png"))
    return _written(tracks, keys, columns.names, _note(tracks, keys))


def _pictures(frames: Frames, shown: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """The pictures of these frames; neighbours are read in one go."""
    for stretch in np.split(shown, np.flatnonzero(np.diff(shown) > 1) + 1):
        yield from frames.frames(int(stretch[0]), int(stretch[-1]) + 1)


def _note(tracks: TrackFile, keys: Sequence[TrackKeys]) -> str:
    vouched = tracks.approved | (tracks.source == Source.ANCHOR)
    cells = sum(len(track.frames) for track in keys)
    unseen = cells - sum(int(vouched[track.row, track.frames].sum()) for track in keys)
    return f"{unseen} of {cells} positions were neither placed nor approved by a person" if unseen else ""


def _check_replaceable(path: Path) -> None:
    """Only a folder of labels that was written here may be replaced: others may be somebody's work."""
    try:
        names = {entry.name for entry in path.iterdir()}
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path}: {'this is not a folder' if path.exists() else error.strerror}") from error
    table = f"CollectedData_{SCORER}.csv"
    others = sorted(name for name in names if not re.fullmatch(rf"img\d+\.png|CollectedData_{SCORER}\.(csv|h5)", name))
    if names and (others or table not in names):
        raise InputError(f"{path}: the folder holds something else than labels written here: {[*others, *names][0]}")


def read_deeplabcut(path: Path, video: VideoFacts) -> TrackFile:
    """Read predictions or labels; a point whose columns are all empty makes no track.

    Args:
        path: the CSV file, or the folder of one video's labels.

    Raises:
        InputError: not such a table, a bad line (named by its number), or as `tracks_from_keys`.
    """
    path = _table_in(path)
    lines = csv.reader(io.StringIO(read_text(path)))
    try:
        header, n_index = _header(path, lines)
        table = _rows(path, lines, n_index, len(header["coords"]))
    except csv.Error as error:
        raise bad_line(path, lines.line_num, f"this is not CSV ({error})") from error
    return tracks_of_table(path, video, header, table)


def _table_in(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted(path.glob("CollectedData_*.csv"))
    if len(found) != 1:
        raise InputError(f"{path}: expected one CollectedData_….csv in this folder, there are {len(found)}")
    return found[0]


def _header(path: Path, lines: Iterator[list[str]]) -> tuple[dict[str, list[str]], int]:
    """The rows of names by level, without what stands over the index; and how many columns that has."""
    rows: list[list[str]] = []
    while len(rows) < len(LEVELS) and not (rows and rows[-1][:1] == ["coords"]):
        rows.append(next(lines, []))
    levels = [row[0] if row else "" for row in rows]
    if tuple(levels) not in (LEVELS, (LEVELS[0], *LEVELS[2:])):
        raise bad_line(path, 1, "this is no table of DeepLabCut, rows of scorer, bodyparts and coords come first")
    # Newer labels name folder, video and picture in three columns, older ones in one.
    n_index = 3 if rows[-1][1:3] == ["", ""] else 1
    width = len(rows[-1])
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise bad_line(path, number, f"{len(row)} columns instead of {width}")
    return {level: row[n_index:] for level, row in zip(levels, rows, strict=True)}, n_index


def _rows(path: Path, lines: Any, n_index: int, n_values: int) -> Table:
    names, values, numbers = [], [], []
    for row in lines:
        if not row:
            continue
        if len(row) != n_index + n_values:
            raise bad_line(path, lines.line_num, f"{len(row)} columns instead of {n_index + n_values}")
        try:
            found = [float(text or "nan") for text in row[n_index:]]
        except ValueError:
            found = [to_float(text, path, lines.line_num) for text in row[n_index:] if text]
        names.append("/".join(row[:n_index]))
        values.append(np.array(found))
        numbers.append(lines.line_num)
    return Table(names, np.array(values).reshape(len(names), n_values), numbers)


def tracks_of_table(path: Path, video: VideoFacts, header: dict[str, list[str]], table: Table) -> TrackFile:
    """Tracks of columns with their names by level.

    Raises:
        InputError: several scorers, a column that is no coordinate or there twice, one of x and y without the other,
            an infinite number, several videos, or as `tracks_from_keys`.
    """
    frames = _frames(path, table)
    found = []
    for (body, node), columns in _places(path, header).items():
        x, y = table.values[:, columns["x"]], table.values[:, columns["y"]]
        likelihood = table.values[:, columns["likelihood"]] if "likelihood" in columns else np.full(len(x), np.nan)
        bad = np.flatnonzero(np.isinf(x) | np.isinf(y) | np.isinf(likelihood) | (np.isnan(x) != np.isnan(y)))
        if len(bad):
            raise _fault(path, table, int(bad[0]), f"x and y of {node!r} are no position")
        at = np.flatnonzero(~np.isnan(x))
        if len(at):
            track = ReadTrack(node, group="" if body == SINGLE else body)
            track.frames = [frames[row] for row in at.tolist()]
            track.lines = [table.lines[row] for row in at.tolist()] if table.lines else []
            track.xy = list(zip(x[at].tolist(), y[at].tolist(), strict=True))
            track.confidence = likelihood[at].tolist()
            found.append(track)
    return tracks_from_keys(path, video, CONVENTION, found)


def _fault(path: Path, table: Table, row: int, reason: str) -> InputError:
    return bad_line(path, table.lines[row], reason) if table.lines else InputError(f"{path}: row {row + 1}: {reason}")


def _frames(path: Path, table: Table) -> list[int]:
    """The frame of each row: its number, or that of its picture."""
    frames, folders = [], set()
    for row, name in enumerate(table.index):
        picture = _PICTURE.search(name)
        if picture is None and not re.fullmatch(r"\d+(\.0)?", name):
            raise _fault(path, table, row, f"expected a frame's number or a picture's name, not {name[:60]!r}")
        frames.append(int(picture.group(1)) if picture else round(float(name)))
        folders.add(re.split(r"[/\\]", name)[-2:-1][0] if picture and re.search(r"[/\\]", name) else "")
        if len(folders) > 1:
            raise _fault(path, table, row, f"labels of several videos: {' and '.join(sorted(folders))}")
    return frames


def _places(path: Path, header: dict[str, list[str]]) -> dict[tuple[str, str], dict[str, int]]:
    """The columns of each (individual, body part), by coordinate."""
    scorers = sorted(set(header["scorer"]))
    if len(scorers) > 1:
        raise bad_line(path, 1, f"several scorers, {scorers[0]!r} and {scorers[1]!r}; export one")
    places: dict[tuple[str, str], dict[str, int]] = {}
    bodies = header.get("individuals", [SINGLE] * len(header["coords"]))
    for column, (body, node, coord) in enumerate(zip(bodies, header["bodyparts"], header["coords"], strict=True)):
        columns = places.setdefault((body, node), {})
        if coord not in _COORDS or coord in columns:
            wrong = "there twice" if coord in columns else "not known"
            raise bad_line(path, len(header), f"the column {coord!r} of {node!r} is {wrong}")
        columns[coord] = column
    for (_, node), columns in places.items():
        if not {"x", "y"} <= columns.keys():
            raise bad_line(path, len(header), f"{node!r} has no columns x and y")
    return places


def _register(name: str, title: str, suffix: str, write: Write, loses: str, **more: Any) -> None:
    register(
        Format(
            name=name,
            title=title,
            suffix=suffix,
            audience="annotation",
            convention=CONVENTION,
            write=write,
            read=read_deeplabcut,
            rounding=1e-6,
            loses=loses,
            **more,
        )
    )


_register(
    "deeplabcut",
    "DeepLabCut predictions, CSV",
    ".csv",
    write_deeplabcut,
    "hidden and unlabelled frames are empty alike, sources, approval, timestamps",
    carries="visible points, confidence as likelihood, groups as individuals, names as body parts",
    hidden=("gap", "linear"),
)
_register(
    "deeplabcut-labels",
    "DeepLabCut training labels",
    "",
    write_deeplabcut_labels,
    "hidden and unlabelled frames are empty alike, confidence, and who placed a point: choose approved cells only for "
    "labels that a person vouches for",
    carries="visible points, the pictures of labelled frames, groups as individuals, names as body parts",
    hidden=("gap",),
    needs_video=True,
    replaces=_check_replaceable,
    suffixes=(".csv",),
)
