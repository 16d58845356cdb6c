"""The track table: N tracks over T frames as dense arrays, the one form in which Trackwright holds tracks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray


class State(IntEnum):
    """What is known of one track on one frame."""

    UNLABELLED = 0
    VISIBLE = 1
    OCCLUDED = 2  # inside the frame, hidden
    OUT_OF_VIEW = 3


class Source(IntEnum):
    """Who wrote one cell."""

    NONE = 0
    ANCHOR = 1  # a person
    MODEL = 2
    BRIDGE = 3
    INTERPOLATED = 4
    IMPORTED = 5


# Per cell: name, dtype, trailing shape, the value of an empty cell.
CELL_FIELDS: tuple[tuple[str, type, tuple[int, ...], float], ...] = (
    ("xy", np.float32, (2,), np.nan),
    ("state", np.uint8, (), State.UNLABELLED),
    ("visibility", np.float32, (), np.nan),
    ("confidence", np.float32, (), np.nan),
    ("source", np.uint8, (), Source.NONE),
    ("run_id", np.int32, (), -1),
    ("approved", np.bool_, (), False),
    ("disagreement", np.float16, (), np.nan),
    ("patch_change", np.float16, (), np.nan),
)


@dataclass
class Cells:
    """Values of K tracks on F frames, time-major, so that one frame is one contiguous row.

    Attributes:
        xy: (F, K, 2) float32 pixels, NaN where nothing is known.
        state: (F, K) uint8, a `State`.
        visibility, confidence: (F, K) float32 raw probabilities, NaN where a person placed the point.
        source: (F, K) uint8, a `Source`.
        run_id: (F, K) int32, which run wrote it, -1 none.
        approved: (F, K) bool.
        disagreement: (F, K) float16 pixels between two predictions of the same cell: of overlapping windows of a run,
            or of the forward and the backward pass of a bridge; NaN where there was but one.
        patch_change: (F, K) float16, 0..2: one less the correlation of the picture here with the picture at the point
            that the prediction started from; NaN where nobody looked.
    """

    xy: NDArray[np.float32]
    state: NDArray[np.uint8]
    visibility: NDArray[np.float32]
    confidence: NDArray[np.float32]
    source: NDArray[np.uint8]
    run_id: NDArray[np.int32]
    approved: NDArray[np.bool_]
    disagreement: NDArray[np.float16]
    patch_change: NDArray[np.float16]

    @classmethod
    def empty(cls, n_frames: int, n_tracks: int) -> Self:
        """Unlabelled cells."""
        return cls(
            **{
                name: np.full((n_frames, n_tracks, *tail), value, dtype=dtype)
                for name, dtype, tail, value in CELL_FIELDS
            }
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def copy(self) -> Self:
        """A deep copy."""
        return type(self)(**{name: array.copy() for name, array in self.arrays().items()})

    def select(self, frames: Any, columns: Any) -> Self:
        """The cells of some frames and columns (slices or index arrays), as a copy."""
        return type(self)(**{name: array[frames][:, columns].copy() for name, array in self.arrays().items()})

    def equals(self, other: "Cells") -> bool:
        """Whether every bit agrees (NaN equals NaN)."""
        mine, theirs = self.arrays(), other.arrays()
        return all(mine[k].shape == theirs[k].shape and mine[k].tobytes() == theirs[k].tobytes() for k in mine)

    @property
    def shape(self) -> tuple[int, int]:
        """(F, K)."""
        return self.state.shape[0], self.state.shape[1]


# Okabe and Ito's palette, safe for colour-blind users, without black and with a lighter blue for dark pictures.
TRACK_COLOURS = np.array(
    [
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (64, 134, 217),
        (213, 94, 0),
        (204, 121, 167),
        (200, 200, 200),
    ],
    dtype=np.uint8,
)


@dataclass
class TrackInfo:
    """What belongs to a whole track.

    Attributes:
        id: stable number, never reused.
        query_point: (frame, x, y) where the track starts.
        colour: red, green, blue, 0..255.
        end: the frame from which on the track is over, by a person's word; None where it goes on.
    """

    id: int
    name: str
    query_point: tuple[float, float, float]
    colour: tuple[int, int, int]
    group: str = ""
    locked: bool = False
    end: int | None = None


class TrackTable:
    """N tracks over T frames.

    Cells live in time-major arrays with spare columns, so that a frame is one contiguous row and adding a track seldom
    copies. `xy`, `state`, … give (N, T[, 2]) views of them; `table.xy[:, t]` is a contiguous row. `revision` counts
    every change, `track_revision` those of whole tracks: generations for what is derived from them.
    """

    def __init__(self, n_frames: int) -> None:
        self._cells = Cells.empty(n_frames, 8)
        self._tracks: list[TrackInfo] = []
        self._columns: dict[int, int] = {}
        self.revision = 0
        self.track_revision = 0

    # -- sizes and views

    @property
    def n_tracks(self) -> int:
        """N."""
        return len(self._tracks)

    @property
    def n_frames(self) -> int:
        """T."""
        return self._cells.shape[0]

    def rows(self, name: str) -> NDArray[Any]:
        """The time-major view (T, N[, 2]) of one cell field."""
        return getattr(self._cells, name)[:, : self.n_tracks]

    @property
    def xy(self) -> NDArray[np.float32]:
        """(N, T, 2) float32 pixels, NaN where nothing is known."""
        return self.rows("xy").swapaxes(0, 1)

    @property
    def state(self) -> NDArray[np.uint8]:
        """(N, T) uint8, a `State`."""
        return self.rows("state").T

    @property
    def visibility(self) -> NDArray[np.float32]:
        """(N, T) float32, NaN where a person placed the point."""
        return self.rows("visibility").T

    @property
    def confidence(self) -> NDArray[np.float32]:
        """(N, T) float32, NaN where a person placed the point."""
        return self.rows("confidence").T

    @property
    def source(self) -> NDArray[np.uint8]:
        """(N, T) uint8, a `Source`."""
        return self.rows("source").T

    @property
    def run_id(self) -> NDArray[np.int32]:
        """(N, T) int32, -1 none."""
        return self.rows("run_id").T

    @property
    def approved(self) -> NDArray[np.bool_]:
        """(N, T) bool."""
        return self.rows("approved").T

    @property
    def disagreement(self) -> NDArray[np.float16]:
        """(N, T) float16 pixels between two predictions of a cell, NaN where there was but one."""
        return self.rows("disagreement").T

    @property
    def patch_change(self) -> NDArray[np.float16]:
        """(N, T) float16, 0..2, how unlike its start the picture around a point has become; NaN where unknown."""
        return self.rows("patch_change").T

    # -- tracks

    @property
    def tracks(self) -> Sequence[TrackInfo]:
        """What belongs to each whole track, in column order."""
        return self._tracks

    @property
    def ids(self) -> NDArray[np.int64]:
        """(N,) int64."""
        return np.array([track.id for track in self._tracks], dtype=np.int64)

    @property
    def query_points(self) -> NDArray[np.float32]:
        """(N, 3) float32: frame, x, y."""
        return np.array([track.query_point for track in self._tracks], dtype=np.float32).reshape(-1, 3)

    @property
    def colours(self) -> NDArray[np.uint8]:
        """(N, 3) uint8 red, green, blue."""
        return np.array([track.colour for track in self._tracks], dtype=np.uint8).reshape(-1, 3)

    def __contains__(self, track_id: int) -> bool:
        return track_id in self._columns

    def track(self, track_id: int) -> TrackInfo:
        """The track of this id. Raises KeyError where there is none."""
        return self._tracks[self._columns[track_id]]

    def columns(self, ids: Iterable[int]) -> NDArray[np.intp]:
        """Where these tracks stand in the arrays. Raises KeyError for an unknown id."""
        return np.array([self._columns[int(i)] for i in ids], dtype=np.intp)

    def insert(self, tracks: Sequence[TrackInfo], cells: Cells, at: Sequence[int] | None = None) -> None:
        """Add whole tracks; `cells` has shape (T, K). `at` gives their columns, ascending (default: the last).

        Raises:
            ValueError: an id is already there, or the cells do not fit.
        """
        if cells.shape != (self.n_frames, len(tracks)):
            raise ValueError(
                f"cells of shape {cells.shape} do not fit {len(tracks)} tracks over {self.n_frames} frames"
            )
        if any(track.id in self._columns for track in tracks) or len({t.id for t in tracks}) < len(tracks):
            raise ValueError("a track id is already there")
        old, new = self.n_tracks, self.n_tracks + len(tracks)
        self._reserve(new)
        places = list(range(old, new)) if at is None else list(at)
        for place, track in zip(places, tracks, strict=True):
            self._tracks.insert(place, track)
        target = np.array(places, dtype=np.intp)
        for name, array in self._cells.arrays().items():
            if places and places[0] < old:
                moved = np.setdiff1d(np.arange(places[0], new), target)
                array[:, moved] = array[:, places[0] : old].copy()
            array[:, target] = getattr(cells, name)
        self._tracks_changed()

    def remove(self, ids: Iterable[int]) -> tuple[list[TrackInfo], Cells, list[int]]:
        """Take whole tracks out; gives them back in the form in which `insert` takes them."""
        places = sorted(int(c) for c in self.columns(ids))
        taken = [self._tracks[p] for p in places]
        cells = self._cells.select(slice(None), places)
        first, left = (places[0] if places else 0), self.n_tracks - len(places)
        moved = np.setdiff1d(np.arange(first, self.n_tracks), places)
        blank = Cells.empty(1, 1)
        for name, array in self._cells.arrays().items():
            array[:, first:left] = array[:, moved]
            array[:, left : self.n_tracks] = getattr(blank, name)
        gone = set(places)
        self._tracks = [track for k, track in enumerate(self._tracks) if k not in gone]
        self._tracks_changed()
        return taken, cells, places

    def replace_track(self, track: TrackInfo) -> TrackInfo:
        """Put other properties on the track of the same id; gives the old ones."""
        column = self._columns[track.id]
        old, self._tracks[column] = self._tracks[column], track
        self._tracks_changed()
        return old

    # -- cells

    def read(self, ids: Iterable[int], start: int, end: int) -> Cells:
        """A copy of the cells of some tracks on frames start to end (exclusive)."""
        return self._cells.select(slice(start, end), self.columns(ids))

    def write(self, ids: Iterable[int], start: int, cells: Cells) -> None:
        """Put cells at frames start, start + 1, …. Raises ValueError where they reach past the table."""
        columns, end = self.columns(ids), start + cells.shape[0]
        if start < 0 or end > self.n_frames or len(columns) != cells.shape[1]:
            raise ValueError(f"cells for frames {start} to {end} do not fit {self.n_frames} frames")
        for name, array in self._cells.arrays().items():
            array[start:end, columns] = getattr(cells, name)
        self.revision += 1

    def protected(self, ids: Iterable[int], start: int, end: int) -> NDArray[np.bool_]:
        """(F, K) bool: cells no prediction may write: anchors, approved spans, locked tracks, and past their end."""
        columns = self.columns(ids)
        locked = np.array([self._tracks[c].locked for c in columns], dtype=bool)
        ends = np.array([self.n_frames if (e := self._tracks[c].end) is None else e for c in columns], dtype=np.int64)
        anchored = self._cells.source[start:end][:, columns] == Source.ANCHOR
        over = np.arange(start, end)[:, None] >= ends
        return anchored | self._cells.approved[start:end][:, columns] | locked | over

    def _reserve(self, n_tracks: int) -> None:
        capacity = self._cells.shape[1]
        if n_tracks <= capacity:
            return
        grown = Cells.empty(self.n_frames, max(n_tracks, 2 * capacity))
        for name, array in grown.arrays().items():
            array[:, : self.n_tracks] = self.rows(name)
        self._cells = grown

    def _tracks_changed(self) -> None:
        self._columns = {track.id: column for column, track in enumerate(self._tracks)}
        self.track_revision += 1
        self.revision += 1


def colour_for(track_id: int) -> tuple[int, int, int]:
    """The colour a new track gets."""
    red, green, blue = TRACK_COLOURS[track_id % len(TRACK_COLOURS)].tolist()
    return red, green, blue


def as_query_points(points: ArrayLike) -> NDArray[np.float32]:
    """Points as (K, 3) float32 frame, x, y. Raises ValueError for another shape or values that are not finite."""
    array = np.asarray(points, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != 3 or not np.isfinite(array).all():
        raise ValueError("query points must be finite rows of frame, x, y")
    return array
