"""How far off each position is thought to be. Worked out from the tracks, so neither kept nor undone."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from app.document.changes import Callbacks, Change
from tracker.labels.table import TrackTable

Calibrate = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class ExpectedErrors:
    """Expected errors in pixels of the cells of a table; NaN where nobody has worked them out.

    What is written is what the model that comes with the program says; what is read is that after the project's own
    corrections have had their say.

    Attributes:
        changed: called with a `Change` of kind "cells" after values have come or mean something else.
    """

    def __init__(self, table: TrackTable) -> None:
        self.changed: Callbacks[Change] = Callbacks()
        self._table = table
        self._columns: dict[int, NDArray[np.float16]] = {}  # by track: (T,)
        self._calibrate: Calibrate | None = None

    def calibrate(self, calibrate: "Calibrate | None") -> None:
        """Read values through this function of pixels from now on; None for as they are."""
        self._calibrate = calibrate
        if self._columns:
            self.changed(Change("cells", tuple(self._columns), 0, self._table.n_frames))

    def read(self, ids: Iterable[int], start: int, end: int) -> NDArray[np.float32]:
        """(F, K) float32 pixels of these tracks on frames start to end (exclusive)."""
        values = self.uncalibrated(ids, start, end)
        return values if self._calibrate is None else self._calibrate(values)

    def uncalibrated(self, ids: Iterable[int], start: int, end: int) -> NDArray[np.float32]:
        """The same as it was written."""
        wanted = list(ids)
        values = np.full((end - start, len(wanted)), np.nan, dtype=np.float32)
        for k, track_id in enumerate(wanted):
            if track_id in self._columns:
                values[:, k] = self._columns[track_id][start:end]
        return values

    def write(self, ids: Iterable[int], start: int, values: NDArray[np.floating]) -> None:
        """Put (F, K) pixels of these tracks at frames `start` and on; tracks that are gone are left out."""
        known = [(k, track_id) for k, track_id in enumerate(ids) if track_id in self._table]
        end = start + len(values)
        for k, track_id in known:
            if track_id not in self._columns:
                self._columns[track_id] = np.full(self._table.n_frames, np.nan, dtype=np.float16)
            self._columns[track_id][start:end] = np.minimum(values[:, k], np.finfo(np.float16).max)
        for track_id in [i for i in self._columns if i not in self._table]:
            del self._columns[track_id]
        if known:
            self.changed(Change("cells", tuple(track_id for _, track_id in known), start, end))
