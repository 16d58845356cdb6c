"""Takes: copies of what tracks were, to compare two runs and to choose one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.document.edits import compact
from tracker.labels.table import Cells, TrackTable


@dataclass(frozen=True, eq=False)
class Take:
    """The cells that tracks had.

    Attributes:
        id: stable number, never reused.
        ids: K tracks.
        start: the first of the F frames of `cells`; on all others the tracks were unlabelled.
        cells: (F, K), read-only.
    """

    id: int
    name: str
    ids: tuple[int, ...]
    start: int
    cells: Cells

    @property
    def end(self) -> int:
        """One past the last frame."""
        return self.start + self.cells.shape[0]

    def read(self, ids: list[int], start: int, end: int) -> Cells:
        """What some tracks were on frames start to end (exclusive), as (F, K) cells; unlabelled where it has none."""
        found = Cells.empty(end - start, len(ids))
        low, high = max(start, self.start), min(end, self.end)
        columns_of = {track_id: column for column, track_id in enumerate(self.ids)}
        places = [(k, columns_of[i]) for k, i in enumerate(ids) if i in columns_of]
        if low < high and places:
            targets, columns = (list(each) for each in zip(*places, strict=True))
            for name, array in self.cells.arrays().items():
                getattr(found, name)[low - start : high - start, targets] = array[
                    low - self.start : high - self.start, columns
                ]
        return found


def taken(take_id: int, name: str, ids: list[int], start: int, cells: Cells) -> Take:
    """A take of these (F, K) cells, cropped to the frames on which anything is labelled."""
    labelled = np.flatnonzero((cells.state != 0).any(axis=1))
    first, last = (int(labelled[0]), int(labelled[-1]) + 1) if len(labelled) else (0, 0)
    kept = Cells(**{key: compact(array[first:last]) for key, array in cells.arrays().items()})
    return Take(take_id, name, tuple(ids), start + first, kept)


def difference(take: Take, table: TrackTable, ids: list[int], start: int, end: int) -> NDArray[np.float32]:
    """(F, K) pixels between a take and the tracks now, NaN where one of both has no position."""
    then = take.read(ids, start, end).xy
    now = table.read(ids, start, end).xy
    apart = now - then
    return np.hypot(apart[..., 0], apart[..., 1])
