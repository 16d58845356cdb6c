"""DeepLabCut's predictions as HDF5, the file that its own functions read.

A pandas table under the key `df_with_missing` with the columns of `tracker.labels.annotation.deeplabcut`. pandas
writes it, in its "fixed" form: the other keeps all names in one attribute, which holds those of some hundred tracks.
Files are read without pandas, because it would run whatever a pickle in the file says.
"""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.labels.annotation.deeplabcut import CONVENTION, LEVELS, Table, columns_of, tracks_of_table, values_of
from tracker.labels.annotation.hdf5 import array_of, open_hdf5, plain, texts_of
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, import_extra, register
from tracker.labels.keys import keys_of
from tracker.labels.native import TrackFile

KEY = "df_with_missing"
_COORDS = ("x", "y", "likelihood")


def write_deeplabcut_h5(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write a row of predictions for every frame.

    Raises:
        InputError: no track has a visible point, or the path cannot be written.
    """
    import_extra("tables", "deeplabcut-h5", path)
    pandas = import_extra("pandas", "deeplabcut-h5", path)
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: there is no visible point to write")
    columns = columns_of(keys, _COORDS)
    names = pandas.MultiIndex.from_arrays(list(columns.header.values()), names=list(columns.header))
    table = pandas.DataFrame(values_of(keys, tracks.n_frames, len(_COORDS)), columns=names)
    options.report(0, len(keys))
    with atomic_output(path) as part:
        table.to_hdf(part, key=KEY, mode="w")
    options.report(len(keys), len(keys))
    kept = len(keys)
    cells = sum(len(track.frames) for track in keys)
    return Written(kept, tracks.n_tracks - kept, cells, names=columns.names)


def read_deeplabcut_h5(path: Path, video: VideoFacts) -> TrackFile:
    """Read predictions or labels, in either form that pandas has.

    Raises:
        InputError: not such a file, or as `tracker.labels.annotation.deeplabcut.tracks_of_table`.
    """
    with open_hdf5(path, "a DeepLabCut file") as file:
        group = file.get(KEY) if KEY in file else next(iter(file.values()), None)
        kind = "" if group is None else plain(group.attrs.get("pandas_type", b""))
        if kind == "frame":
            columns, table = _fixed(path, group)
        elif kind == "frame_table":
            columns, table = _appendable(path, group)
        else:
            raise InputError(f"{path}: there is no table of DeepLabCut in this file")
    levels = LEVELS if len(columns) == len(LEVELS) else (LEVELS[0], *LEVELS[2:])
    if len(columns) != len(levels):
        raise InputError(f"{path}: the columns have {len(columns)} levels of names, DeepLabCut's have 3 or 4")
    return tracks_of_table(path, video, dict(zip(levels, columns, strict=True)), table)


def _fixed(path: Path, group: Any) -> tuple[list[list[str]], Table]:
    levels = int(group.attrs["axis0_nlevels"])
    if int(group.attrs["nblocks"]) != 1:
        raise InputError(f"{path}: the table holds something else than numbers")
    columns = [_names(path, group, f"block0_items_level{n}", f"block0_items_label{n}") for n in range(levels)]
    values = array_of(path, group, "block0_values").astype(np.float64)
    if plain(group.attrs["axis1_variety"]) == "multi":
        parts = [
            _names(path, group, f"axis1_level{n}", f"axis1_label{n}") for n in range(int(group.attrs["axis1_nlevels"]))
        ]
        index = ["/".join(entry) for entry in zip(*parts, strict=True)]
    else:
        index = texts_of(path, group, "axis1")
    return columns, Table(index, _shaped(path, values, index, columns), [])


def _names(path: Path, group: Any, level: str, label: str) -> list[str]:
    names = texts_of(path, group, level)
    return [names[number] for number in array_of(path, group, label).tolist()]


def _appendable(path: Path, group: Any) -> tuple[list[list[str]], Table]:
    rows = array_of(path, group, "table")
    numbers = [name for name in rows.dtype.names or () if name.startswith("values_block_")]
    if len(numbers) != 1:
        raise InputError(f"{path}: the table holds something else than numbers")
    columns = [list(level) for level in zip(*_pickled_names(group["table"].attrs[f"{numbers[0]}_kind"]), strict=True)]
    index = [plain(name) for name in rows["index"].tolist()]
    return columns, Table(index, _shaped(path, rows[numbers[0]].astype(np.float64), index, columns), [])


class _OnlyText(pickle.Unpickler):
    """Lists, tuples and texts need no function by name; whatever names one is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise ValueError(f"{module}.{name} is named in a pickle")


def _pickled_names(data: Any) -> list[tuple[str, ...]]:
    try:
        found = _OnlyText(io.BytesIO(bytes(data))).load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise ValueError("the names of the columns are damaged") from error
    return [tuple(str(name) for name in entry) for entry in found]


def _shaped(path: Path, values: NDArray[Any], index: list[str], columns: list[list[str]]) -> NDArray[Any]:
    wanted = (len(index), len(columns[0]) if columns else 0)
    if values.shape != wanted:
        raise InputError(f"{path}: the table has shape {values.shape}, its names are for {wanted}")
    return values


register(
    Format(
        name="deeplabcut-h5",
        title="DeepLabCut predictions, H5",
        suffix=".h5",
        audience="annotation",
        convention=CONVENTION,
        carries="visible points, confidence as likelihood, groups as individuals, names as body parts",
        loses="hidden and unlabelled frames are empty alike, sources, approval, timestamps",
        write=write_deeplabcut_h5,
        read=read_deeplabcut_h5,
        hidden=("gap", "linear"),
        extra=("deeplabcut", "tables"),
    )
)
