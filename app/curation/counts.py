"""What accepting everything up to a threshold would accept, for every threshold at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.doubt import doubt
from tracker.labels.label_set import LabelSet, Trust, trust_of
from tracker.labels.native import TrackFile

STEP = 0.1  # of doubt, between two thresholds
STEPS = 640


@dataclass(frozen=True)
class Counts:
    """How many there are at each threshold `k * STEP`: (STEPS + 1,) int64 each."""

    cells: NDArray[np.int64]
    tracks: NDArray[np.int64]
    videos: NDArray[np.int64]

    def at(self, threshold: float) -> tuple[int, int, int]:
        """Cells, tracks and videos that a threshold accepts something of."""
        k = min(STEPS, max(0, round(threshold / STEP)))
        return int(self.cells[k]), int(self.tracks[k]), int(self.videos[k])


def count_all(label_set: LabelSet, report: Callable[[int, int], object] = lambda done, total: None) -> Counts:
    """Count what nobody has decided on, over all open videos; labels that cannot be read count nothing.

    Raises:
        InputError: the decisions cannot be read.
    """
    verdicts, names = label_set.verdicts(), label_set.names()
    cells, tracks, videos = (np.zeros(STEPS + 2, np.int64) for _ in range(3))
    for done, name in enumerate(names):
        if verdicts.get(name, "open") == "open":
            try:
                first = _first_accepted(label_set.read_current(name))
            except InputError:
                first = np.zeros((0, 0), np.int64)
            cells += np.bincount(first.ravel(), minlength=STEPS + 2)
            if first.size:
                of_tracks = first.min(axis=1)
                tracks += np.bincount(of_tracks, minlength=STEPS + 2)
                videos[of_tracks.min()] += 1
        report(done + 1, len(names))
    return Counts(*(np.cumsum(each)[: STEPS + 1] for each in (cells, tracks, videos)))


def _first_accepted(tracks: TrackFile) -> NDArray[np.int64]:
    """(N, T) the place of the first threshold that accepts each cell; STEPS + 1 for none."""
    first = np.full(tracks.state.shape, STEPS + 1, np.int64)
    values = doubt(tracks)
    thresholds = (np.arange(STEPS + 1) * STEP).round(1).astype(values.dtype)  # in the precision of `trust_of`
    may = (trust_of(tracks) == Trust.UNDECIDED) & np.isfinite(values)
    first[may] = np.searchsorted(thresholds, values[may], side="left")
    return first
