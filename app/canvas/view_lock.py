"""Keeps tracks at one place on the screen while the picture moves below them."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracker.labels.table import State

if TYPE_CHECKING:
    from app.canvas.view import CanvasView


class ViewLock:
    """Moves the camera with the tracks of `ViewState.lock`: by the mean of how far they are from where they began.

    A track begins where it was when the lock was made, or, where it comes later, where it would then have been; so
    nothing jumps when tracks come and go. Where none is seen the last place is held. Zoom and pan stay free.

    Attributes:
        holding: whether none of the tracks is seen on the shown frame, so that the view stands still.
    """

    def __init__(self, canvas: "CanvasView") -> None:
        self._canvas = canvas
        self._began: dict[int, NDArray[np.float64]] = {}  # by track: a place on the plane
        self._moved = np.zeros(2)  # pixels of the plane that the camera has followed
        self.holding = False

    def restart(self) -> None:
        """Other tracks, or none: they begin where they are now."""
        self._began.clear()
        self._moved = np.zeros(2)
        self.holding = False

    def follow(self) -> None:
        """Move the camera to where the shown frame has the tracks."""
        canvas = self._canvas
        if not canvas.view.lock or canvas.frame < 0:
            return
        canvas.camera.fitted = False  # else the next picture would be fitted again
        places = self._places()
        self.holding = not places
        known = [place - self._began[i] for i, place in places.items() if i in self._began]
        moved = np.mean(known, axis=0) if known else self._moved
        for track_id, place in places.items():
            self._began.setdefault(track_id, place - moved)
        step = moved - self._moved
        self._moved = moved
        if step.any():
            canvas.camera.shift(*step.tolist())

    def _places(self) -> dict[int, NDArray[np.float64]]:
        """Where the tracks that are seen on the shown frame are on the plane."""
        canvas, document = self._canvas, self._canvas.document
        if document is None or canvas.frame >= document.table.n_frames:
            return {}
        table = document.table
        ids = [i for i in canvas.view.lock if i in table]
        columns = table.columns(ids)
        xy = canvas.mapping().plane(table.rows("xy")[canvas.frame][columns])
        seen = (table.rows("state")[canvas.frame][columns] == State.VISIBLE) & np.isfinite(xy).all(axis=1)
        return {i: xy[k] for k, i in enumerate(ids) if seen[k]}
