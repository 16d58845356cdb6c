"""What each point of a frame looks like: which shape and which colour. Arrays only, no painting."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from app import theme
from app.canvas import error_ramp
from app.document.expected_error import ExpectedErrors
from app.document.view_state import ViewState
from tracker.labels.table import Source, State, TrackTable


class Shape(IntEnum):
    """The marks of the overlay: the shape says the state, so that colour is never the only sign."""

    DISC = 0  # visible
    RING = 1  # visible, but unsure: below the threshold, or beyond that of the expected error
    BROKEN_RING = 2  # occluded
    DIAMOND = 3  # placed by a person
    HOLLOW_DIAMOND = 4  # placed by a person, occluded
    NONE = 255  # nothing is drawn


MAX_TRACK_COLOURS = 64


class Appearance:
    """Shapes and colours of the tracks of a table as a view state wants them.

    Nothing here grows with the number of frames: it looks only at the rows it is asked for. What belongs to whole
    tracks is worked out anew only when the table's `track_revision` has moved.
    """

    def __init__(self, table: TrackTable, view: ViewState, errors: ExpectedErrors | None = None) -> None:
        self.table = table
        self._view = view
        self._expected = errors
        self._errors: tuple[tuple[int, int], NDArray[np.float32]] | None = None  # (frame, revision), values
        self._hidden: tuple[tuple[int, frozenset[int]], NDArray[np.bool_]] | None = None
        self._track_revision = -1
        self._track_index = np.zeros(0, dtype=np.uint8)
        self._track_colours = np.zeros((0, 3), dtype=np.uint8)
        self._ids = np.zeros(0, dtype=np.int64)

    @property
    def ids(self) -> NDArray[np.int64]:
        """(N,) int64 ids in column order."""
        self._refresh_tracks()
        return self._ids

    def colours(self) -> NDArray[np.uint8]:
        """(K, 3) uint8: the colours that `colour_index` points into."""
        if self._view.colour_by == "track":
            self._refresh_tracks()
            return self._track_colours
        if self._view.colour_by == "error":
            return error_ramp.colours()
        if self._view.colour_by == "source":
            return np.array([theme.SOURCE_COLOURS[source] for source in Source], dtype=np.uint8)
        return theme.confidence_ramp()

    def colour_index(self, frame: int) -> NDArray[np.uint8]:
        """(N,) uint8 rows of `colours` on one frame."""
        if self._view.colour_by == "track":
            self._refresh_tracks()
            return self._track_index
        if self._view.colour_by == "error":
            return error_ramp.levels(self.errors(frame), self._view.error_threshold)
        if self._view.colour_by == "source":
            sources: NDArray[np.uint8] = self.table.rows("source")[frame]
            return sources
        return theme.confidence_level(self.certainty(frame))

    def certainty(self, frame: int) -> NDArray[np.float32]:
        """(N,) float32 visibility times confidence; a probability that is not there (a person's point) counts as 1."""
        product: NDArray[np.float32] = np.nan_to_num(self.table.rows("visibility")[frame], nan=1.0)
        product *= np.nan_to_num(self.table.rows("confidence")[frame], nan=1.0)
        return product

    def errors(self, frame: int) -> NDArray[np.float32]:
        """(N,) float32 expected errors in pixels, NaN where nobody has worked them out."""
        key = (frame, self.table.track_revision)
        if self._errors is None or self._errors[0] != key:
            if self._expected is None:
                values = np.full(self.table.n_tracks, np.nan, np.float32)
            else:
                values = self._expected.read(self.ids.tolist(), frame, frame + 1)[0]
            self._errors = key, values
        return self._errors[1]

    def forget_errors(self) -> None:
        """Other expected errors have come."""
        self._errors = None

    def unsure(self, frame: int) -> NDArray[np.bool_]:
        """(N,) bool: beyond the threshold of what the colours tell: the expected error, else the confidence."""
        if self._view.colour_by == "error":
            beyond: NDArray[np.bool_] = self.errors(frame) > self._view.error_threshold
            return beyond
        return self.certainty(frame) < self._view.threshold

    def shapes(self, frame: int) -> NDArray[np.uint8]:
        """(N,) uint8 `Shape` on one frame."""
        state = self.table.rows("state")[frame]
        hidden = state == State.OCCLUDED
        shapes = np.where(self.unsure(frame), np.uint8(Shape.RING), np.uint8(Shape.DISC))
        shapes[hidden] = Shape.BROKEN_RING
        anchors = self.table.rows("source")[frame] == Source.ANCHOR
        shapes[anchors] = np.where(hidden[anchors], Shape.HOLLOW_DIAMOND, Shape.DIAMOND)
        shapes[~self.drawn(frame)] = Shape.NONE
        return shapes

    def drawn(self, frame: int) -> NDArray[np.bool_]:
        """(N,) bool: has a position inside the picture's world, visible or occluded, and is not hidden by the view."""
        state = self.table.rows("state")[frame]
        drawn = (state == State.VISIBLE) | (state == State.OCCLUDED)
        drawn &= np.isfinite(self.table.rows("xy")[frame]).all(axis=1)
        drawn &= ~self.hidden()
        if self._view.hide_others and self._view.selection:
            drawn &= self.selected()
        return drawn

    def hidden(self) -> NDArray[np.bool_]:
        """(N,) bool: the person does not want to see it."""
        key = (self.table.track_revision, self._view.hidden)
        if self._hidden is None or self._hidden[0] != key:
            self._hidden = key, np.isin(self.ids, list(self._view.hidden))
        return self._hidden[1]

    def selected(self) -> NDArray[np.bool_]:
        """(N,) bool."""
        mask = np.zeros(self.table.n_tracks, dtype=bool)
        mask[self.table.columns(self.selection())] = True
        return mask

    def selection(self) -> list[int]:
        """The selected ids that are still in the table, the primary one last."""
        return [track_id for track_id in self._view.selection if track_id in self.table]

    def _refresh_tracks(self) -> None:
        if self._track_revision == self.table.track_revision:
            return
        self._track_revision = self.table.track_revision
        self._ids = self.table.ids
        unique, index = np.unique(self.table.colours, axis=0, return_inverse=True)
        if len(unique) > MAX_TRACK_COLOURS:  # too many for one atlas: keep two bits of each channel
            coarse = self.table.colours & np.uint8(0xC0) | np.uint8(0x20)
            unique, index = np.unique(coarse, axis=0, return_inverse=True)
        self._track_colours = np.ascontiguousarray(unique, dtype=np.uint8)
        self._track_index = index.reshape(-1).astype(np.uint8)
