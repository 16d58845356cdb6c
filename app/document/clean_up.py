"""What is not worth keeping: short tracks, positions that are probably off, jumps, edges, duplicates, crowds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.document.project import Document
from tracker.labels.table import Source, State

FilterName = Literal["short", "error", "jump", "edge", "duplicate", "crowd"]
FILTERS: tuple[FilterName, ...] = ("short", "error", "jump", "edge", "duplicate", "crowd")
CELLS_AT_ONCE = 500_000
COPIED_AT_ONCE = 200_000  # cells: some hundredths of a second
STUCK_FRAMES = 3  # in a row
STUCK_PX = 0.25  # that a stuck point moves at most from frame to frame, across the edge
SAMPLES = 8  # frames of a track on which its duplicates are looked for first
COMMON = 0.5  # of the shorter one's frames that duplicates share at least

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Filters:
    """Which filters are on: a number of pixels or frames, None for off.

    Attributes:
        shorter_than: frames on which a track is visible.
        error_over: expected error of a position, pixels. Where nobody has worked it out the position stays.
        jump_over: pixels from one frame to the next.
        jump_ends: whether all that follows a jump goes, up to the next anchor; else the positions on both sides.
        edge_within: pixels from the border of the picture, and beyond it.
        edge_stuck: only positions that stay where they are, as points do that should have left the picture.
        duplicates_within: pixels that two tracks are apart at most on all frames that they share, which are at least
            half of the shorter one's. The longer one stays.
        crowd_cell: side in pixels of squares on `crowd_frame`, of which each keeps its `crowd_keep` best tracks: the
            longest, of equals the surest.
        protected: whether anchors, approved positions and locked tracks may go too.
    """

    shorter_than: int | None = None
    error_over: float | None = None
    jump_over: float | None = None
    jump_ends: bool = False
    edge_within: float | None = None
    edge_stuck: bool = False
    duplicates_within: float | None = None
    crowd_cell: float | None = None
    crowd_keep: int = 3
    crowd_frame: int = 0
    protected: bool = False


@dataclass(frozen=True)
class Snapshot:
    """What filters look at, copied from a document, so that a thread may have it: T frames, N tracks.

    Attributes:
        xy: (T, N, 2) float32 pixels.
        placed, visible: (T, N) bool: has a position, and is seen there.
        vouched: (T, N) bool: anchors but for those that tracks start from, approved positions, locked tracks.
        starts: (T, N) bool: the anchors that tracks start from.
        anchors: (T, N) bool: all anchors.
        errors: (T, N) float32 expected error in pixels, NaN where unknown.
        sure: (N,) mean certainty.
        size: (width, height) of the picture, zeros where unknown.
    """

    ids: tuple[int, ...]
    xy: NDArray[np.float32]
    placed: Bools
    visible: Bools
    vouched: Bools
    starts: Bools
    anchors: Bools
    errors: NDArray[np.float32]
    sure: NDArray[np.float32]
    size: tuple[int, int]

    @classmethod
    def of(cls, document: Document) -> "Snapshot":
        """Everything as it is now, at once."""
        *_, snapshot = copying(document)
        assert snapshot is not None
        return snapshot


def copying(document: Document) -> Iterator[Snapshot | None]:
    """Copy a document a part at a time: None after each, the snapshot in the end. It must not change meanwhile."""
    table, video = document.table, document.video
    ids, n_frames = tuple(table.ids.tolist()), table.n_frames
    shape = (n_frames, len(ids))
    starts = np.zeros(shape, dtype=bool)
    placed, visible, vouched, anchors = (np.zeros(shape, dtype=bool) for _ in range(4))
    xy, errors = np.empty((*shape, 2), np.float32), np.empty(shape, np.float32)
    certain = np.zeros(len(ids))
    locked = np.array([track.locked for track in table.tracks], dtype=bool)
    starts[np.rint(table.query_points[:, 0]).astype(np.intp), np.arange(len(ids))] = True
    step = max(1, COPIED_AT_ONCE // max(1, len(ids)))
    for first in range(0, n_frames, step):
        rows = slice(first, min(n_frames, first + step))
        state = table.rows("state")[rows]
        xy[rows] = table.rows("xy")[rows]
        errors[rows] = document.expected_error.read(ids, rows.start, rows.stop)
        placed[rows] = np.isfinite(xy[rows]).all(axis=2) & ((state == State.VISIBLE) | (state == State.OCCLUDED))
        visible[rows] = placed[rows] & (state == State.VISIBLE)
        anchors[rows] = table.rows("source")[rows] == Source.ANCHOR
        starts[rows] &= anchors[rows]
        vouched[rows] = (anchors[rows] & ~starts[rows]) | table.rows("approved")[rows] | locked
        certainty = np.nan_to_num(table.rows("visibility")[rows] * table.rows("confidence")[rows], nan=1.0)
        certain += (certainty * placed[rows]).sum(axis=0)
        yield None
    sure = (certain / np.maximum(placed.sum(axis=0), 1)).astype(np.float32)
    size = (0, 0) if video is None else (video.width, video.height)
    yield Snapshot(ids, xy, placed, visible, vouched, starts, anchors, errors, sure, size)


@dataclass(frozen=True)
class Found:
    """What filters found in a snapshot.

    Attributes:
        ids: N tracks.
        tracks: by filter (N,) bool: the tracks that it concerns.
        cells: by filter (T, N) bool: positions; all of a track where the filter is about whole tracks.
        whole: (N,) bool: the tracks that filters on whole tracks concern.
        unknown: positions whose expected error nobody has worked out, where that was asked for.
        snapshot, filters: that were asked.
    """

    ids: tuple[int, ...]
    tracks: dict[FilterName, Bools]
    cells: dict[FilterName, Bools]
    whole: Bools
    unknown: int
    snapshot: Snapshot
    filters: Filters

    @property
    def concerned(self) -> list[int]:
        """The ids of all tracks that a filter concerns."""
        anywhere = np.zeros(len(self.ids), dtype=bool)
        for tracks in self.tracks.values():
            anywhere |= tracks
        return [self.ids[k] for k in np.flatnonzero(anywhere).tolist()]

    def count(self, name: FilterName) -> tuple[int, int]:
        """How many tracks and positions a filter concerns."""
        return int(self.tracks[name].sum()), int(self.cells[name].sum())


@dataclass(frozen=True)
class CleanUp:
    """What is to go.

    Attributes:
        deleted: ids of whole tracks.
        cleared: by track (T,) bool: the frames that become unlabelled.
        positions: how many positions go, with those of whole tracks.
        kept: how many tracks were to be deleted and stay because of what a person vouched for in them.
    """

    deleted: tuple[int, ...]
    cleared: dict[int, Bools]
    positions: int
    kept: int


def find_cells(snapshot: Snapshot, filters: Filters, progress: Callable[[int, int], object] | None = None) -> Found:
    """Look for what the filters are about.

    Args:
        progress: called with tracks done and all tracks now and then; may raise to give up.
    """
    n_frames, n_tracks = snapshot.placed.shape
    cells: dict[FilterName, Bools] = {}
    for name, wanted, look in (
        ("error", filters.error_over, _off),
        ("jump", filters.jump_over, _jumping),
        ("edge", filters.edge_within, _at_edge),
    ):
        if wanted is not None:
            found = np.zeros((n_frames, n_tracks), dtype=bool)
            for columns in _chunks(n_frames, n_tracks, progress):
                found[:, columns] = look(snapshot, filters, columns)
            cells[name] = found & snapshot.placed  # type: ignore[index]
    whole = np.zeros(n_tracks, dtype=bool)
    for name, wanted, choose in (
        ("short", filters.shorter_than, _short),
        ("duplicate", filters.duplicates_within, _duplicates),
        ("crowd", filters.crowd_cell, _crowded),
    ):
        if wanted is not None:
            tracks = choose(snapshot, filters, progress)
            if not filters.protected:
                tracks &= ~snapshot.vouched.any(axis=0)
            whole |= tracks
            cells[name] = snapshot.placed & tracks  # type: ignore[index]
    if not filters.protected:
        for name in ("error", "jump", "edge"):
            if name in cells:
                cells[name] &= ~(snapshot.vouched | snapshot.starts)
    unrated = snapshot.placed & ~snapshot.anchors & np.isnan(snapshot.errors)
    unknown = int(unrated.sum()) if filters.error_over is not None else 0
    tracks_of: dict[FilterName, Bools] = {name: np.asarray(found.any(axis=0)) for name, found in cells.items()}
    return Found(snapshot.ids, tracks_of, cells, whole, unknown, snapshot, filters)


def plan(found: Found, whole_tracks: bool) -> CleanUp:
    """What is to go: the tracks that the filters concern as a whole, or only the positions.

    Filters on whole tracks delete them either way. A track is only deleted if nothing in it is vouched for, but for
    the anchor that it starts from, unless the filters say that all may go.
    """
    anywhere = np.zeros(found.snapshot.placed.shape, dtype=bool)
    for cells in found.cells.values():
        anywhere |= cells
    concerned = found.whole | (anywhere.any(axis=0) if whole_tracks else False)
    may_go = np.ones(len(found.ids), bool) if found.filters.protected else ~found.snapshot.vouched.any(axis=0)
    deleted = concerned & may_go
    cleared = anywhere & ~deleted
    if whole_tracks:
        cleared[:] = False
    ids = found.ids
    return CleanUp(
        tuple(ids[k] for k in np.flatnonzero(deleted).tolist()),
        {ids[k]: cleared[:, k] for k in np.flatnonzero(cleared.any(axis=0)).tolist()},
        int(cleared.sum() + found.snapshot.placed[:, deleted].sum()),
        int((concerned & ~may_go).sum()),
    )


def _chunks(n_frames: int, n_tracks: int, progress: Callable[[int, int], object] | None) -> Iterator[slice]:
    step = max(1, CELLS_AT_ONCE // max(1, n_frames))
    for start in range(0, n_tracks, step):
        yield slice(start, start + step)
        if progress is not None:
            progress(min(n_tracks, start + step), n_tracks)


# -- filters on positions


def _off(snapshot: Snapshot, filters: Filters, columns: slice) -> Bools:
    assert filters.error_over is not None
    return np.nan_to_num(snapshot.errors[:, columns], nan=0.0) > filters.error_over


def _jumping(snapshot: Snapshot, filters: Filters, columns: slice) -> Bools:
    assert filters.jump_over is not None
    placed = snapshot.placed[:, columns]
    moved = np.diff(snapshot.xy[:, columns], axis=0)
    jumps = (np.hypot(moved[..., 0], moved[..., 1]) > filters.jump_over) & placed[1:] & placed[:-1]
    found = np.zeros(placed.shape, dtype=bool)
    if not filters.jump_ends:
        found[1:] |= jumps
        found[:-1] |= jumps
        return found
    after = np.zeros(placed.shape[1], dtype=bool)
    anchors = snapshot.anchors[:, columns]
    for frame in range(1, len(placed)):
        after = (after | jumps[frame - 1]) & ~anchors[frame]
        found[frame] = after
    return found


def _at_edge(snapshot: Snapshot, filters: Filters, columns: slice) -> Bools:
    assert filters.edge_within is not None
    xy, within = snapshot.xy[:, columns], filters.edge_within
    found = np.zeros(xy.shape[:2], dtype=bool)
    if 0 in snapshot.size:
        return found
    for axis, size in enumerate(snapshot.size):
        place = xy[..., axis]
        for near in (place < within - 0.5, place > size - 0.5 - within):
            found |= _stuck(near, place) if filters.edge_stuck else near
    return found


def _stuck(near: Bools, place: NDArray[np.float32]) -> Bools:
    """Those of the positions (T, N) near an edge that stay as far from it for some frames."""
    still = np.zeros(near.shape, dtype=bool)
    still[1:] = near[1:] & near[:-1] & (np.abs(np.diff(place, axis=0)) < STUCK_PX)
    length, run = np.zeros(near.shape, np.int32), np.zeros(near.shape[1], np.int32)
    for frame in range(len(near)):  # the length of the run that each position ends
        run = np.where(near[frame], np.where(still[frame], run + 1, 1), 0)
        length[frame] = run
    found = length >= STUCK_FRAMES
    for frame in range(len(near) - 2, -1, -1):  # and back over the whole run
        found[frame] |= found[frame + 1] & still[frame + 1]
    return found


# -- filters on tracks


def _short(snapshot: Snapshot, filters: Filters, progress: Callable[[int, int], object] | None) -> Bools:
    assert filters.shorter_than is not None
    return np.asarray(snapshot.visible.sum(axis=0) < filters.shorter_than)


def _order(snapshot: Snapshot) -> NDArray[np.intp]:
    """Tracks from the best to the worst: vouched for, long, sure, old."""
    length = snapshot.visible.sum(axis=0)
    return np.lexsort((np.arange(len(length)), -snapshot.sure, -length, ~snapshot.vouched.any(axis=0)))


def _duplicates(snapshot: Snapshot, filters: Filters, progress: Callable[[int, int], object] | None) -> Bools:
    assert filters.duplicates_within is not None
    visible, within = snapshot.visible, filters.duplicates_within
    places = np.where(visible[..., None], snapshot.xy, np.nan)
    length = visible.sum(axis=0)
    dropped = np.zeros(len(snapshot.ids), dtype=bool)
    order = _order(snapshot).tolist()
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    for done, kept in enumerate(order):
        if dropped[kept] or not length[kept]:
            continue
        for other in _candidates(places, visible, kept, within).tolist():
            if rank[other] > rank[kept] and not dropped[other] and length[other]:
                common = visible[:, kept] & visible[:, other]
                apart = places[common, kept] - places[common, other]
                close = np.hypot(apart[:, 0], apart[:, 1]) < within
                enough = common.sum() >= max(1, COMMON * min(length[kept], length[other]))
                dropped[other] = bool(enough and close.all())
        if progress is not None:
            progress(done + 1, len(order))
    return dropped


def _candidates(places: NDArray[np.float32], visible: Bools, track: int, within: float) -> NDArray[np.intp]:
    """Tracks that some frames do not tell apart from one: with it on all of those where both are seen."""
    frames = np.flatnonzero(visible[:, track])
    some = frames[np.unique(np.linspace(0, len(frames) - 1, SAMPLES).astype(int))]
    apart = places[some] - places[some, track][:, None]
    far = np.hypot(apart[..., 0], apart[..., 1]) >= within  # False where one is not seen
    found = ~far.any(axis=0)
    found[track] = False
    return np.flatnonzero(found)


def _crowded(snapshot: Snapshot, filters: Filters, progress: Callable[[int, int], object] | None) -> Bools:
    assert filters.crowd_cell is not None
    frame = filters.crowd_frame
    seen = snapshot.visible[frame]
    squares = np.floor((np.nan_to_num(snapshot.xy[frame]) + 0.5) / filters.crowd_cell).astype(np.int64)
    taken: dict[tuple[int, ...], int] = {}
    dropped = np.zeros(len(snapshot.ids), dtype=bool)
    for track in _order(snapshot).tolist():
        if seen[track]:
            square = tuple(squares[track].tolist())
            taken[square] = taken.get(square, 0) + 1
            dropped[track] = taken[square] > filters.crowd_keep
    return dropped
