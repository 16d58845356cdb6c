"""Which tracks, frames and cells an export takes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.native import TrackFile
from tracker.labels.table import CELL_FIELDS, Source


@dataclass(frozen=True)
class Selection:
    """What is taken; all conditions hold together.

    Attributes:
        start, end: the frames, end exclusive, None for the last. Frames keep their numbers.
        rows: numbers of tracks; None: all.
        groups: names of groups, "" for tracks without one; None: all.
        approved: only cells that a person approved or placed.
        min_length: only tracks with at least so many labelled cells, after everything else.
        max_error: only cells expected to be at most so many pixels off; what a person approved or placed stays, a cell
            of which nothing is known goes.
    """

    start: int = 0
    end: int | None = None
    rows: tuple[int, ...] | None = None
    groups: frozenset[str] | None = None
    approved: bool = False
    min_length: int = 0
    max_error: float | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return replace(self, start=0) == Selection() and self.start <= 0


def select(tracks: TrackFile, chosen: Selection, errors: NDArray[np.floating] | None = None) -> TrackFile:
    """A copy with only the chosen tracks that have a labelled cell; other cells of theirs are unlabelled.

    Args:
        errors: (N, T) expected errors in pixels, NaN where unknown; only for `max_error`.

    Raises:
        InputError: an empty range, no such group, or errors are asked for and nobody worked them out.
    """
    end = tracks.n_frames if chosen.end is None else min(chosen.end, tracks.n_frames)
    if not 0 <= chosen.start < end:
        raise InputError(
            f"frames {chosen.start} to {end - 1}: there are no such frames, 0 to {tracks.n_frames - 1} are"
        )
    kept = tracks.state > 0
    kept[:, : chosen.start] = kept[:, end:] = False
    vouched = tracks.approved | (tracks.source == Source.ANCHOR)
    if chosen.approved:
        kept &= vouched
    if chosen.max_error is not None:
        if errors is None:
            raise InputError("expected errors are not known here; they are worked out in the window")
        kept &= vouched | (errors <= chosen.max_error)
    rows = _rows(tracks, chosen)
    rows = rows[kept[rows].sum(axis=1) >= max(chosen.min_length, 1)]
    return take_rows(tracks, rows, kept[rows])


def _rows(tracks: TrackFile, chosen: Selection) -> NDArray[np.intp]:
    rows = np.arange(tracks.n_tracks) if chosen.rows is None else np.array(chosen.rows, np.intp)
    if chosen.groups is None:
        return rows
    unknown = chosen.groups - set(tracks.groups)
    if unknown:
        known = ", ".join(sorted(filter(None, set(tracks.groups)))) or "none"
        raise InputError(f"{sorted(unknown)[0]}: there is no such group, the groups are: {known}")
    return np.array([row for row in rows.tolist() if tracks.groups[row] in chosen.groups], np.intp)


def take_rows(tracks: TrackFile, rows: NDArray[np.intp], kept: NDArray[np.bool_] | None = None) -> TrackFile:
    """Tracks by their numbers, in that order, as a copy; cells outside `kept` (K, T) are unlabelled."""
    kept = np.ones((len(rows), tracks.n_frames), np.bool_) if kept is None else kept
    taken = TrackFile.empty(len(rows), tracks.pts, tracks.time_base, tracks.size_wh)
    if tracks.disagreement is not None:
        taken.disagreement = np.full(kept.shape, np.nan, np.float16)
    for name in _cell_arrays(tracks):
        getattr(taken, name)[kept] = getattr(tracks, name)[rows][kept]
    taken.names = [tracks.names[row] for row in rows.tolist()]
    taken.groups = [tracks.groups[row] for row in rows.tolist()]
    taken.query_from_first_visible()
    query = tracks.query_points[rows]
    # A query point outside what is taken would start the track where it has no cell.
    times = np.nan_to_num(query[:, 0], nan=-1).astype(np.int64)
    inside = (times >= 0) & (times < tracks.n_frames)
    inside[inside] = kept[np.flatnonzero(inside), times[inside]]
    taken.query_points[inside] = query[inside]
    return taken


def crop(tracks: TrackFile, start: int, end: int) -> TrackFile:
    """The same tracks over frames start to end (exclusive) only, counted from 0 anew."""
    cells = {name: getattr(tracks, name)[:, start:end].copy() for name in _cell_arrays(tracks)}
    cut = replace(tracks, **cells, pts=tracks.pts[start:end], query_points=tracks.query_points - (start, 0, 0))
    cut.query_points = cut.query_points.astype(np.float32)
    return cut


def _cell_arrays(tracks: TrackFile) -> list[str]:
    return [name for name, *_ in CELL_FIELDS if getattr(tracks, name, None) is not None]
