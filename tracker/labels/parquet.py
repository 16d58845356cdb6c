"""Parquet: the long CSV (`tracker.labels.long_csv`) with types, for pandas, Polars, DuckDB and the like.

One row per labelled cell, frame by frame: `frame` and `track` int32 from 0, `name`, `group`, `state` and `source` text
(dictionaries), `x`, `y`, `visibility`, `confidence` float32 (null where not known), `approved` bool, `pts` int64. The
file's metadata has, under `trackwright`, a JSON object of `format_version`, `size_wh`, `time_base`, `pts` of all
frames, `names` and `groups` of all tracks and their `query_points`. Files without it are read too, as long as they have
frame, track, x, y and state.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.conventions import OURS
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, import_extra, register
from tracker.labels.keys import FARTHEST
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State

VERSION = 1
LARGEST = 200_000_000  # rows
KEY = b"trackwright"
_REQUIRED = ("frame", "track", "x", "y", "state")
_STATES = [state.name.lower() for state in State]
_SOURCES = [source.name.lower() for source in Source]


def write_parquet(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the labelled cells. Raises InputError where pyarrow is missing or the path cannot be written."""
    arrow, parquet = import_extra("pyarrow", "parquet", path), import_extra("pyarrow.parquet", "parquet", path)
    frames, rows = np.nonzero((tracks.state != State.UNLABELLED).T)
    located = tracks.located[rows, frames]
    xy = np.where(located[:, None], tracks.xy[rows, frames], np.float32(np.nan))

    def words(codes: NDArray[Any], of: Sequence[str]) -> Any:
        return arrow.DictionaryArray.from_arrays(arrow.array(codes.astype(np.int32)), arrow.array(of, arrow.string()))

    def numbers(values: NDArray[np.float32]) -> Any:
        return arrow.array(values, mask=np.isnan(values))

    columns = {
        "frame": arrow.array((frames + OURS.first_number(options)).astype(np.int32)),
        "track": arrow.array(rows.astype(np.int32)),
        "name": words(rows, list(tracks.names)),
        "group": words(rows, list(tracks.groups)),
        "x": numbers(xy[:, 0]),
        "y": numbers(xy[:, 1]),
        "state": words(tracks.state[rows, frames], _STATES),
        "visibility": numbers(tracks.visibility[rows, frames]),
        "confidence": numbers(tracks.confidence[rows, frames]),
        "source": words(tracks.source[rows, frames], _SOURCES),
        "approved": arrow.array(tracks.approved[rows, frames]),
        "pts": arrow.array(tracks.pts[frames]),
    }
    table = arrow.table(columns).replace_schema_metadata({KEY: json.dumps(_about(tracks)).encode()})
    options.report(1, 2)  # here it can be cancelled
    with atomic_output(path) as part:
        parquet.write_table(table, part, compression="zstd")
    return Written(tracks.n_tracks, 0, len(rows))


def _about(tracks: TrackFile) -> dict[str, Any]:
    return {
        "format_version": VERSION,
        "pixels": OURS.pixels,
        "size_wh": list(tracks.size_wh),
        "time_base": list(tracks.time_base.as_integer_ratio()),
        "pts": tracks.pts.tolist(),
        "names": list(tracks.names),
        "groups": list(tracks.groups),
        "query_points": [[None if value != value else value for value in row] for row in tracks.query_points.tolist()],
    }


def read_parquet(path: Path, video: VideoFacts) -> TrackFile:
    """Read cells.

    Raises:
        InputError: pyarrow is missing, not such a file, of another video, or a bad row, named by its number from 0.
    """
    arrow, parquet = import_extra("pyarrow", "parquet", path), import_extra("pyarrow.parquet", "parquet", path)
    try:
        with path.open("rb") as handle:
            content = parquet.ParquetFile(handle)
            rows = content.metadata.num_rows
            if rows > LARGEST:  # a few bytes can say that a value is repeated for ever
                raise InputError(f"{path}: the file has {rows} rows, more than {LARGEST} are not read")
            table = content.read()
    except InputError:
        raise
    except OSError as error:
        reason = "this is a folder" if path.is_dir() else error.strerror or "this is no whole Parquet file"
        raise InputError(f"{path}: {reason}") from error
    except (arrow.ArrowException, ValueError) as error:
        raise InputError(f"{path}: this is no whole Parquet file") from error
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: there is no column {missing[0]}")
    about = _read_about(path, (table.schema.metadata or {}).get(KEY), video)
    columns = _Columns(path, arrow, table)
    frames, rows = columns.whole("frame") - OURS.first_number(video), columns.whole("track")
    return _fill(path, video, columns, frames, rows, about)


def _read_about(path: Path, text: bytes | None, video: VideoFacts) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        about = json.loads(text)
        version, frames, size = about["format_version"], len(about["pts"]), tuple(about["size_wh"])
        names, groups = [str(name) for name in about["names"]], [str(name) for name in about["groups"]]
        queries = np.array(about["query_points"], np.float32).reshape(-1, 3)
        whole = len(names) == len(groups) == len(queries)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: its metadata are damaged") from error
    if version != VERSION:
        raise InputError(f"{path}: version {str(version)[:20]} of these files is not known here, {VERSION} is")
    if (frames, size) != (len(video.pts), video.size_wh) or not whole:
        raise InputError(
            f"{path}: the tracks are of {frames} frames of {'x'.join(map(str, size))[:40]}, the video has "
            f"{len(video.pts)} of {video.size_wh[0]}x{video.size_wh[1]}"
        )
    return {"names": names, "groups": groups, "query_points": queries}


class _Columns:
    """The columns of a table as arrays. Each raises InputError where a column is of another kind."""

    def __init__(self, path: Path, arrow: Any, table: Any) -> None:
        self._path, self._arrow, self._table = path, arrow, table

    def _cast(self, name: str, kind: Any) -> Any:
        try:
            return self._table.column(name).cast(kind).combine_chunks()
        except self._arrow.ArrowException as error:
            raise InputError(f"{self._path}: the column {name} is not of {kind}") from error

    def has(self, name: str) -> bool:
        return name in self._table.column_names

    def whole(self, name: str) -> NDArray[np.int64]:
        column = self._cast(name, self._arrow.int64())
        if column.null_count:
            raise InputError(f"{self._path}: the column {name} has an empty cell")
        return np.asarray(column.to_numpy(zero_copy_only=False))

    def numbers(self, name: str) -> NDArray[np.float32]:
        column = self._cast(name, self._arrow.float32())
        return np.asarray(column.to_numpy(zero_copy_only=False), np.float32)

    def flags(self, name: str) -> NDArray[np.bool_]:
        return np.asarray(self._cast(name, self._arrow.bool_()).fill_null(False).to_numpy(zero_copy_only=False))

    def texts(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """A number per row, and the texts that the numbers stand for."""
        column = self._cast(name, self._arrow.string()).fill_null("").dictionary_encode()
        codes = np.asarray(column.indices.to_numpy(zero_copy_only=False), np.int64)
        try:
            return codes, column.dictionary.to_pylist()
        except UnicodeDecodeError as error:
            raise InputError(f"{self._path}: the column {name} holds text that is no UTF-8") from error

    def words(self, name: str, known: list[str]) -> NDArray[np.uint8]:
        """The places of the words among the known ones."""
        codes, texts = self.texts(name)
        for text in texts:
            if text not in known:
                raise InputError(f"{self._path}: {text[:40]!r} in the column {name} is not known")
        return np.array([known.index(text) for text in texts], np.uint8)[codes]


def _fill(
    path: Path,
    video: VideoFacts,
    columns: _Columns,
    frames: NDArray[np.int64],
    rows: NDArray[np.int64],
    about: dict[str, Any],
) -> TrackFile:
    names = about.get("names")
    n_tracks = len(names) if names is not None else 1 + int(rows.max(initial=-1))
    if names is None and n_tracks > max(1000, 2 * len(rows)):
        raise InputError(f"{path}: track {n_tracks - 1} is numbered far beyond the {len(rows)} rows of the file")
    xy = np.stack([columns.numbers("x"), columns.numbers("y")], axis=1)
    first, last = OURS.first_number(video), OURS.first_number(video) + len(video.pts) - 1
    _refuse(path, (frames < 0) | (frames >= len(video.pts)), f"its frame is outside the video's {first} to {last}")
    _refuse(path, (rows < 0) | (rows >= n_tracks), f"its track is outside 0 to {n_tracks - 1}")
    _refuse(path, (np.isnan(xy[:, 0]) != np.isnan(xy[:, 1])), "only one of x and y is given")
    _refuse(path, np.asarray((np.abs(xy) >= FARTHEST).any(axis=1)), "x, y cannot be a position in a picture")
    _, once = np.unique(rows * len(video.pts) + frames, return_index=True)
    again = np.ones(len(rows), np.bool_)
    again[once] = False
    _refuse(path, again, "this cell was given before")
    tracks = video.empty(n_tracks)
    tracks.xy[rows, frames] = xy
    tracks.state[rows, frames] = columns.words("state", _STATES)
    for name in ("visibility", "confidence"):
        if columns.has(name):
            getattr(tracks, name)[rows, frames] = columns.numbers(name)
    tracks.source[rows, frames] = columns.words("source", _SOURCES) if columns.has("source") else Source.IMPORTED
    if columns.has("approved"):
        tracks.approved[rows, frames] = columns.flags("approved")
    tracks.names = about.get("names") or _of_rows(columns, "name", rows, list(tracks.names))
    tracks.groups = about.get("groups") or _of_rows(columns, "group", rows, list(tracks.groups))
    tracks.query_from_first_visible()
    if "query_points" in about:
        tracks.query_points[:] = about["query_points"]
    return tracks


def _refuse(path: Path, wrong: NDArray[np.bool_], reason: str) -> None:
    if wrong.any():
        raise InputError(f"{path}: row {int(np.flatnonzero(wrong)[0])}: {reason}")


def _of_rows(columns: _Columns, name: str, rows: NDArray[np.int64], default: list[str]) -> list[str]:
    """One text per track: that of its first row."""
    if not columns.has(name) or not len(rows):
        return default
    codes, texts = columns.texts(name)
    tracks, first = np.unique(rows, return_index=True)
    for track, row in zip(tracks.tolist(), first.tolist(), strict=True):
        default[track] = texts[codes[row]] or default[track]
    return default


register(
    Format(
        name="parquet",
        title="Parquet, a row per labelled cell",
        suffix=".parquet",
        audience="labels",
        convention=OURS,
        carries="all states, visibility, confidence, source, approval, query points, names, groups",
        loses="positions that a tracker itself disowns",
        keeps=frozenset(TrackFile.__dataclass_fields__),
        write=write_parquet,
        read=read_parquet,
        extra=("parquet", "pyarrow"),
    )
)
