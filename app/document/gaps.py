"""Gaps: the cells that re-tracking around a frame has to write, and the known positions on both sides of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.labels.table import Source, State, TrackTable


@dataclass(frozen=True)
class GapSpan:
    """Cells of one track between two known positions, or beside one.

    Attributes:
        left, right: the frames of the known positions: anchors, or visible cells that were approved. At least one is
            there; None where nothing is known on that side.
        start, end: the frames to write, end exclusive, strictly between the two.
    """

    track_id: int
    left: int | None
    right: int | None
    start: int
    end: int


def find_gaps(table: TrackTable, ids: Iterable[int], frame: int) -> list[GapSpan]:
    """The gaps around `frame`: one where a prediction or nothing is there, one on each side of an anchor.

    Anchors and approved cells end a gap. From a single known position it goes forward to the end of the track, but
    back only over cells that are labelled already: nothing is invented before a query point. Locked tracks have none.
    """
    found = []
    for track_id in ids:
        if track_id in table and not table.track(track_id).locked:
            column = _Column(table, track_id)
            found += column.gaps(frame) if 0 <= frame < column.end else []
    return found


class _Column:
    """What one track's cells are to a gap; all arrays (T,)."""

    def __init__(self, table: TrackTable, track_id: int) -> None:
        track, column = table.track(track_id), table.columns([track_id])[0]
        state = table.rows("state")[:, column]
        anchored = table.rows("source")[:, column] == Source.ANCHOR
        approved = table.rows("approved")[:, column] & ~anchored
        placed: NDArray[np.bool_] = np.isfinite(table.rows("xy")[:, column]).all(axis=1)
        self.track_id = track_id
        self.end = table.n_frames if track.end is None else track.end
        self.labelled = state != State.UNLABELLED
        self.fixed = anchored | approved
        self.known = placed & (anchored | (approved & (state == State.VISIBLE)))
        self.hidden = approved & (state == State.OCCLUDED)  # ends a gap, yet the known position lies behind it

    def gaps(self, frame: int) -> list[GapSpan]:
        """The gaps around `frame`, from left to right."""
        if self.fixed[frame]:
            spans = [
                self._span(self._stop(frame, -1), frame),
                self._span(frame, self._stop(frame, 1)),
            ]
            return [span for span in spans if span is not None]
        around = self._span(self._stop(frame, -1), self._stop(frame, 1))
        return [around] if around is not None and around.start <= frame < around.end else []

    def _stop(self, frame: int, step: int) -> int:
        """The next frame on one side that ends a gap; one past the track's frames where none does."""
        ahead = self.fixed[frame + 1 : self.end] if step > 0 else self.fixed[:frame][::-1]
        fixed = np.flatnonzero(ahead)
        if len(fixed):
            return frame + step * (1 + int(fixed[0]))
        return self.end if step > 0 else -1

    def _known_from(self, stop: int, step: int) -> int | None:
        """The known position at which a gap that ends at `stop` can hold, None for none."""
        while 0 <= stop < self.end and self.hidden[stop]:
            stop += step
        return stop if 0 <= stop < self.end and self.known[stop] else None

    def _span(self, low: int, high: int) -> GapSpan | None:
        """The gap between two stops, None where there is nothing to write or nothing to write it from."""
        left, right = self._known_from(low, -1), self._known_from(high, 1)
        start = low + 1
        if left is None and right is not None:
            blank = np.flatnonzero(~self.labelled[start:high])
            start += int(blank[-1]) + 1 if len(blank) else 0
        if (left is None and right is None) or start >= high:
            return None
        return GapSpan(self.track_id, left, right, start, high)
