"""Edits of tracks as values: what, before and after. Applying and reverting one are exact to the bit.

An edit is only ever applied to the scene it was made on, or reverted from the one it led to, as the history does. So a
rectangle of cells may hold cells that did not change: they are the same on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tracker.labels.table import CELL_FIELDS, Cells, Source, TrackInfo, TrackTable

if TYPE_CHECKING:
    from app.document.scene import Scene

FIELD_NAMES = tuple(name for name, *_ in CELL_FIELDS)
Values = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Touched:
    """What of a table may differ after an edit went either way.

    Attributes:
        ids: the tracks.
        start, end: frames, end exclusive; the cells of `fields` there.
        tracks: whether tracks came, went or have other properties.
        anchors: whether anchors came, went or moved.
    """

    ids: tuple[int, ...]
    start: int = 0
    end: int = 0
    fields: tuple[str, ...] = ()
    tracks: bool = False
    anchors: bool = False


@dataclass(frozen=True)
class Patch:
    """Other values in a rectangle of cells.

    Attributes:
        ids: K tracks.
        start: the first of F frames.
        before, after: (F, K, …) arrays of the fields that changed; uniform ones take the memory of one value.
        anchors: whether anchors are among the cells that changed.
    """

    ids: tuple[int, ...]
    start: int
    before: Values
    after: Values
    anchors: bool

    @property
    def end(self) -> int:
        """One past the last frame."""
        return self.start + len(next(iter(self.before.values())))

    @property
    def touched(self) -> Touched:
        """What differs after this."""
        return Touched(self.ids, self.start, self.end, tuple(self.before), anchors=self.anchors)

    def apply(self, scene: "Scene") -> None:
        """Do it."""
        put(scene.table, self.ids, self.start, self.after)

    def revert(self, scene: "Scene") -> None:
        """Undo it."""
        put(scene.table, self.ids, self.start, self.before)


@dataclass(frozen=True)
class Presence:
    """Tracks that come, or go with the cells they have.

    Tracks stand in the table in the order of their ids, which are never reused; so the ids say where tracks belong.

    Attributes:
        tracks: in ascending order of id.
        start: the first of the F frames of `cells`; all others are empty.
        cells: (F, K, …) arrays of all fields.
        added: whether applying adds the tracks, or takes them away.
    """

    tracks: tuple[TrackInfo, ...]
    start: int
    cells: Values
    added: bool

    @property
    def touched(self) -> Touched:
        """What differs after this."""
        ids = tuple(track.id for track in self.tracks)
        end = self.start + len(self.cells["state"])
        return Touched(ids, self.start, end, FIELD_NAMES, tracks=True, anchors=True)

    def apply(self, scene: "Scene") -> None:
        """Do it."""
        self._set(scene.table, self.added)

    def revert(self, scene: "Scene") -> None:
        """Undo it."""
        self._set(scene.table, not self.added)

    def _set(self, table: TrackTable, present: bool) -> None:
        ids = [track.id for track in self.tracks]
        if not present:
            table.remove(ids)
            return
        places = np.searchsorted(table.ids, ids) + np.arange(len(ids))
        tracks = [replace(track) for track in self.tracks]
        at_the_end = not len(places) or places[0] == table.n_tracks
        table.insert(tracks, blank_cells(table.n_frames, len(ids)), None if at_the_end else places.tolist())
        put(table, ids, self.start, self.cells)


@dataclass(frozen=True)
class Properties:
    """Other properties of whole tracks; `before` and `after` name the same ids."""

    before: tuple[TrackInfo, ...]
    after: tuple[TrackInfo, ...]

    @property
    def touched(self) -> Touched:
        """What differs after this."""
        return Touched(tuple(track.id for track in self.after), tracks=True)

    def apply(self, scene: "Scene") -> None:
        """Do it."""
        for track in self.after:
            scene.table.replace_track(replace(track))

    def revert(self, scene: "Scene") -> None:
        """Undo it."""
        for track in self.before:
            scene.table.replace_track(replace(track))


def make_patch(ids: Sequence[int], start: int, before: Cells, after: Cells) -> Patch | None:
    """The patch that leads from `before` to `after`, cropped to what changed; None where no bit did.

    Args:
        ids: the K tracks of the cells.
        start: the first of their F frames.
    """
    changed = {}
    for name, old in before.arrays().items():
        different = bits(old) != bits(getattr(after, name))
        changed[name] = different.any(axis=2) if different.ndim == 3 else different
    anywhere = np.logical_or.reduce(list(changed.values()))
    rows, columns = np.flatnonzero(anywhere.any(axis=1)), np.flatnonzero(anywhere.any(axis=0))
    if not len(rows):
        return None
    frames = slice(int(rows[0]), int(rows[-1]) + 1)
    fields = [name for name, mask in changed.items() if mask.any()]
    of_a_person = (before.source == Source.ANCHOR) | (after.source == Source.ANCHOR)
    return Patch(
        ids=tuple(int(ids[c]) for c in columns.tolist()),
        start=start + frames.start,
        before={name: compact(getattr(before, name)[frames][:, columns]) for name in fields},
        after={name: compact(getattr(after, name)[frames][:, columns]) for name in fields},
        anchors=bool((anywhere & of_a_person).any()),
    )


def change_properties(table: TrackTable, ids: Sequence[int], **values: object) -> Properties | None:
    """The edit that gives tracks other properties, by name; None where they have them."""
    before = [replace(table.track(i)) for i in ids]
    after = [replace(track, **values) for track in before]  # type: ignore[arg-type]
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    if not pairs:
        return None
    olds, news = zip(*pairs, strict=True)
    return Properties(olds, news)


def removal(table: TrackTable, ids: Sequence[int]) -> Presence:
    """The edit that takes these tracks away."""
    ordered = sorted(ids)
    start, end = _span(table, ordered)
    values = {name: compact(array) for name, array in table.read(ordered, start, end).arrays().items()}
    return Presence(tuple(replace(table.track(i)) for i in ordered), start, values, added=False)


def _span(table: TrackTable, ids: Sequence[int]) -> tuple[int, int]:
    """The frames outside of which these tracks have nothing, looked for from both ends; (0, 0) for none at all."""
    chunk, n_frames = 1024, table.n_frames
    starts = range(0, n_frames, chunk)
    first = next((s + rows[0] for s in starts if len(rows := _filled(table, ids, s, s + chunk))), None)
    if first is None:
        return 0, 0
    last = next(s + rows[-1] for s in reversed(starts) if len(rows := _filled(table, ids, s, s + chunk)))
    return int(first), int(last) + 1


def _filled(table: TrackTable, ids: Sequence[int], start: int, end: int) -> NDArray[np.intp]:
    """The rows from `start` on in which a cell of these tracks is not as an empty one."""
    cells, empty = table.read(ids, start, end), Cells.empty(1, 1)
    filled = np.zeros(len(cells.state), dtype=bool)
    for name, array in cells.arrays().items():
        filled |= (bits(array) != bits(getattr(empty, name))).reshape(len(filled), -1).any(axis=1)
    return np.flatnonzero(filled)


def joined(first: Patch, second: Patch, table: TrackTable) -> Patch | None:
    """One patch for two that followed each other, the table being as they left it; None where they cancel out."""
    ids = sorted({*first.ids, *second.ids})
    start, end = min(first.start, second.start), max(first.end, second.end)
    after = table.read(ids, start, end)
    before = after.copy()
    for patch in (second, first):
        columns = np.searchsorted(ids, patch.ids)
        for name, values in patch.before.items():
            getattr(before, name)[patch.start - start : patch.end - start, columns] = values
    return make_patch(ids, start, before, after)


def put(table: TrackTable, ids: Sequence[int], start: int, values: Values) -> None:
    """Write (F, K, …) values of some fields at frame `start` and on."""
    columns = table.columns(ids)
    consecutive = len(columns) and columns[-1] - columns[0] == len(columns) - 1 and (np.diff(columns) == 1).all()
    where: Any = slice(int(columns[0]), int(columns[-1]) + 1) if consecutive else columns
    for name, array in values.items():
        table.rows(name)[start : start + len(array), where] = array
    table.revision += 1


def blank_cells(n_frames: int, n_tracks: int) -> Cells:
    """Unlabelled cells, read-only, in the memory of one."""
    one = Cells.empty(1, 1)
    shape = (n_frames, n_tracks)
    return Cells(
        **{name: np.broadcast_to(array[0, 0], (*shape, *array.shape[2:])) for name, array in one.arrays().items()}
    )


def bits(array: NDArray[Any]) -> NDArray[Any]:
    """The array as unsigned integers, so that NaN equals NaN and -0 differs from 0."""
    return array.view(f"u{array.dtype.itemsize}")


def compact(array: NDArray[Any]) -> NDArray[Any]:
    """The same values, read-only; where all frames and tracks agree to the bit, in the memory of one."""
    if array.size:
        one = np.array(array[0, 0])
        same = bits(one.reshape(1, 1, *one.shape))
        if (bits(array[-1:]) == same).all() and (bits(array) == same).all():  # most that differ do so in the last frame
            return np.broadcast_to(one, array.shape)
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
