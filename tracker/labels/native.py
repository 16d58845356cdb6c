"""The native track file (`.npz`): everything a track table says of a video, in plain arrays without pickled objects."""

import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tracker.files import READING_ARRAYS, InputError, atomic_output
from tracker.labels.table import Cells, Source, State, TrackInfo, TrackTable, colour_for

FORMAT_VERSION = 1

# Name in the file: its dtype (or kind), and its shape in letters N (tracks), T (frames) or numbers.
_LAYOUT: dict[str, tuple[np.dtype[Any] | str, tuple[str | int, ...]]] = {
    "xy": (np.dtype(np.float32), ("N", "T", 2)),
    "state": (np.dtype(np.uint8), ("N", "T")),
    "visibility": (np.dtype(np.float32), ("N", "T")),
    "confidence": (np.dtype(np.float32), ("N", "T")),
    "source": (np.dtype(np.uint8), ("N", "T")),
    "approved": (np.dtype(np.bool_), ("N", "T")),
    "query_points": (np.dtype(np.float32), ("N", 3)),
    "names": ("U", ("N",)),
    "pts": (np.dtype(np.int64), ("T",)),
    "time_base": (np.dtype(np.int64), (2,)),
    "size_wh": (np.dtype(np.int64), (2,)),
}

# What files of the same version may lack.
_OPTIONAL: dict[str, tuple[np.dtype[Any] | str, tuple[str | int, ...]]] = {
    "groups": ("U", ("N",)),
    "disagreement": (np.dtype(np.float16), ("N", "T")),
}


@dataclass
class TrackFile:
    """N tracks over the T frames of one video, as a file holds them.

    Attributes:
        xy: (N, T, 2) float32 pixels of the displayed frame, (0, 0) = centre of the top-left pixel; NaN where nothing
            is known.
        state: (N, T) uint8, a `State`.
        visibility, confidence: (N, T) float32 raw probabilities, NaN where a person placed the point.
        source: (N, T) uint8, a `Source`.
        approved: (N, T) bool, a person reviewed the cell.
        query_points: (N, 3) float32 frame, x, y where each track starts.
        names: N names.
        pts: (T,) int64 presentation timestamps in units of `time_base` seconds; frame t is the t-th shown.
        time_base: seconds per timestamp unit.
        size_wh: width and height of the displayed frame in pixels.
        groups: N names of groups, "" for none; files without them have none.
        disagreement: (N, T) float16 pixels between several predictions of a cell, NaN where there was but one; None
            where nothing is known of it.
    """

    xy: NDArray[np.float32]
    state: NDArray[np.uint8]
    visibility: NDArray[np.float32]
    confidence: NDArray[np.float32]
    source: NDArray[np.uint8]
    approved: NDArray[np.bool_]
    query_points: NDArray[np.float32]
    names: Sequence[str]
    pts: NDArray[np.int64]
    time_base: Fraction
    size_wh: tuple[int, int]
    groups: Sequence[str] = ()
    disagreement: NDArray[np.float16] | None = None

    def __post_init__(self) -> None:
        if not len(self.groups):
            self.groups = [""] * self.n_tracks

    @property
    def n_tracks(self) -> int:
        """N."""
        return self.state.shape[0]

    @property
    def n_frames(self) -> int:
        """T."""
        return self.state.shape[1]

    @property
    def located(self) -> NDArray[np.bool_]:
        """(N, T) bool: the cell is labelled and somebody vouches for its position.

        A tracker that gives a position a confidence of exactly 0 does not: it has lost the point and repeats the last
        place where it saw it.
        """
        return (self.state != State.UNLABELLED) & np.isfinite(self.xy).all(axis=2) & (self.confidence != 0)

    @classmethod
    def empty(cls, n_tracks: int, pts: NDArray[np.int64], time_base: Fraction, size_wh: tuple[int, int]) -> Self:
        """Unlabelled tracks named "1", "2", …; their query points are NaN until the caller sets them."""
        shape = (n_tracks, len(pts))
        return cls(
            xy=np.full((*shape, 2), np.nan, np.float32),
            state=np.zeros(shape, np.uint8),
            visibility=np.full(shape, np.nan, np.float32),
            confidence=np.full(shape, np.nan, np.float32),
            source=np.zeros(shape, np.uint8),
            approved=np.zeros(shape, np.bool_),
            query_points=np.full((n_tracks, 3), np.nan, np.float32),
            names=[str(n + 1) for n in range(n_tracks)],
            pts=np.asarray(pts, np.int64),
            time_base=time_base,
            size_wh=size_wh,
        )

    @classmethod
    def from_table(
        cls, table: TrackTable, pts: NDArray[np.int64], time_base: Fraction, size_wh: tuple[int, int]
    ) -> Self:
        """A copy of the table's tracks, in its order. Raises ValueError where `pts` has not one entry per frame."""
        if len(pts) != table.n_frames:
            raise ValueError(f"{len(pts)} timestamps do not fit {table.n_frames} frames")
        cells = {
            name: np.array(getattr(table, name), order="C")
            for name in ("xy", "state", "visibility", "confidence", "source", "approved", "disagreement")
        }
        if not np.isfinite(cells["disagreement"]).any():
            del cells["disagreement"]
        return cls(
            **cells,
            query_points=table.query_points,
            names=[track.name for track in table.tracks],
            pts=np.asarray(pts, np.int64),
            time_base=time_base,
            size_wh=size_wh,
            groups=[track.group for track in table.tracks],
        )

    def to_table(self) -> TrackTable:
        """A table of these tracks with ids 1 to N; no cell belongs to a run."""
        table = TrackTable(self.n_frames)
        cells = Cells.empty(self.n_frames, self.n_tracks)
        for name in ("xy", "state", "visibility", "confidence", "source", "approved"):
            getattr(cells, name)[:] = getattr(self, name).swapaxes(0, 1)
        if self.disagreement is not None:
            cells.disagreement[:] = self.disagreement.T
        tracks = [
            TrackInfo(id=i, name=name, query_point=(float(t), float(x), float(y)), colour=colour_for(i), group=group)
            for i, (name, group, (t, x, y)) in enumerate(
                zip(self.names, self.groups, self.query_points, strict=True), start=1
            )
        ]
        table.insert(tracks, cells)
        return table

    def query_from_first_visible(self) -> None:
        """Put each query point on the track's first visible cell, else on its first cell with a position.

        For formats that keep no query points (TAP-Vid's `first` mode has the same rule). A track without any position
        keeps a NaN query point.
        """
        for n, located in enumerate(self.located):
            seen = located & (self.state[n] == State.VISIBLE)
            frames = np.flatnonzero(seen if seen.any() else located)
            if len(frames):
                self.query_points[n] = (frames[0], *self.xy[n, frames[0]])


def write_tracks(
    path: str | PathLike[str],
    tracks: TrackFile,
    further: Mapping[str, NDArray[Any]] | None = None,
    *,
    compressed: bool = False,
) -> None:
    """Write the native track file; what was at `path` is replaced only by a whole file.

    The same tracks make the same bytes, whenever they are written.

    Args:
        further: arrays beside those of the format, which readers of tracks pass over.
        compressed: take less room and more time.

    Raises:
        InputError: the path cannot be written.
        ValueError: the arrays do not fit together.
    """
    arrays: dict[str, Any] = {
        "xy": tracks.xy,
        "state": tracks.state,
        "visibility": tracks.visibility,
        "confidence": tracks.confidence,
        "source": tracks.source,
        "approved": tracks.approved,
        "query_points": tracks.query_points,
        "names": np.array(tracks.names, dtype=np.str_).reshape(-1),
        "pts": tracks.pts,
        "time_base": np.array(tracks.time_base.as_integer_ratio(), np.int64),
        "size_wh": np.array(tracks.size_wh, np.int64),
    }
    if any(tracks.groups):
        arrays["groups"] = np.array(tracks.groups, dtype=np.str_).reshape(-1)
    if tracks.disagreement is not None:
        arrays["disagreement"] = tracks.disagreement
    fault = _fault(arrays)
    if fault:
        raise ValueError(fault)
    arrays = {**(further or {}), **arrays}
    with atomic_output(path) as part, part.open("wb") as handle:
        write = np.savez_compressed if compressed else np.savez
        write(handle, **arrays, format_version=np.array(FORMAT_VERSION, np.int64))


def read_tracks(path: str | PathLike[str]) -> TrackFile:
    """Read a native track file; it is checked whole, and nothing in it is ever executed.

    Raises:
        InputError: no such file, not a native track file, a later version, or arrays that do not fit together.
    """
    path = Path(path)
    arrays = load_arrays(path, (*_LAYOUT, *_OPTIONAL, "format_version"))
    version = arrays.pop("format_version", None)
    if version is None or version.shape != () or version.dtype.kind not in "iu":
        raise InputError(f"{path}: this is not a Trackwright track file, it has no format_version")
    if int(version) != FORMAT_VERSION:
        raise InputError(f"{path}: track file version {int(version)} is not known here, {FORMAT_VERSION} is")
    fault = _fault(arrays)
    if fault:
        raise InputError(f"{path}: {fault}")
    numerator, denominator = arrays.pop("time_base").tolist()
    width, height = arrays.pop("size_wh").tolist()
    names = arrays.pop("names").tolist()
    groups = arrays.pop("groups").tolist() if "groups" in arrays else ()
    return TrackFile(
        **arrays, names=names, time_base=Fraction(numerator, denominator), size_wh=(width, height), groups=groups
    )


def load_arrays(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Those of the named arrays that an .npz file holds. Raises InputError where it is none, or a damaged one."""
    try:
        with path.open("rb") as handle:
            if not zipfile.is_zipfile(handle):
                raise InputError(f"{path}: this is not an .npz file")
            handle.seek(0)
            with READING_ARRAYS, np.load(handle, allow_pickle=False) as archive:
                return {name: archive[name] for name in names if name in archive.files}
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, MemoryError) as error:
        raise InputError(f"{path}: the track file is damaged or holds something else than plain arrays") from error


def _fault(arrays: dict[str, NDArray[Any]]) -> str:
    """What is wrong with these arrays as a track file; empty where nothing is."""
    missing = [name for name in _LAYOUT if name not in arrays]
    if missing:
        return f"the track file has no {missing[0]}"
    state = arrays["state"]
    sizes = {"N": state.shape[0], "T": state.shape[1]} if state.ndim == 2 else {"N": -1, "T": -1}
    present = _LAYOUT | {name: layout for name, layout in _OPTIONAL.items() if name in arrays}
    for name, (dtype, letters) in present.items():
        array = arrays[name]
        kind_ok = array.dtype.kind == dtype if isinstance(dtype, str) else array.dtype == dtype
        if not kind_ok:
            return f"{name} is of type {array.dtype}, expected {'text' if dtype == 'U' else dtype}"
        shape = tuple(letter if isinstance(letter, int) else sizes[letter] for letter in letters)
        if array.shape != shape:
            return (
                f"{name} has shape {array.shape}, expected ({', '.join(map(str, letters))}) as in state {state.shape}"
            )
    return _value_fault(arrays)


def _value_fault(arrays: dict[str, NDArray[Any]]) -> str:
    if (arrays["state"] > max(State)).any():
        return f"state holds {int(arrays['state'].max())}, it goes from 0 to {int(max(State))}"
    if (arrays["source"] > max(Source)).any():
        return f"source holds {int(arrays['source'].max())}, it goes from 0 to {int(max(Source))}"
    if np.isinf(arrays["xy"]).any():
        return "xy holds an infinite coordinate"
    if (arrays["time_base"] <= 0).any():
        return "time_base is not a positive fraction"
    if (arrays["size_wh"] <= 0).any():
        return "size_wh is not a positive size"
    if (np.diff(arrays["pts"]) <= 0).any():
        return "pts do not ascend"
    return ""
