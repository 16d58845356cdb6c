"""Putting points where a person says they are: drags, single clicks and nudges, each with its end."""

from itertools import count
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer

from app.document.project import Document
from tracker.labels.table import Source

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

NUDGES_TOGETHER_MS = 800  # nudges that follow each other so closely are one step of undo
PREDICTED = (Source.MODEL, Source.BRIDGE, Source.INTERPOLATED)


class Placing(QObject):
    """Anchors placed on the canvas. Says, once a gesture is over, which of them contradict a prediction."""

    def __init__(self, canvas: "CanvasView") -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._gestures = count(1)
        self._nudged: tuple[int, int, int] | None = None  # track, frame, gesture
        self._corrected: dict[tuple[int, int], None] = {}  # track, frame
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(NUDGES_TOGETHER_MS)
        self._timer.timeout.connect(self.end)

    def forget(self) -> None:
        """Another document comes: what went on is over and is nobody's business any more."""
        self._timer.stop()
        self._nudged = None
        self._corrected.clear()

    def new_gesture(self) -> int:
        """A number for a drag, so that its edits become one step of undo. Nudges that went on are over."""
        if self._nudged is not None:
            self.end()
        return next(self._gestures)

    def place(self, track_id: int, frame: int, x: float, y: float, gesture: int | None = None) -> bool:
        """Put a track here, kept inside the picture; says so where the document refuses. Gives whether it was done.

        With a `gesture`, call `end` when it is over.
        """
        canvas = self._canvas
        if canvas.document is None:
            return False
        predicted = track_id in canvas.document.table and _contradicts(canvas.document, track_id, frame)
        width, height = canvas.picture_size
        x, y = min(max(x, -0.5), width - 0.5), min(max(y, -0.5), height - 0.5)
        done = canvas.document.place_anchor(track_id, frame, x, y, gesture=gesture, initiator=canvas)
        if not done:
            canvas.hint.emit(canvas.tr("This track is locked: unlock it to move it."))
        elif predicted:
            self._corrected[track_id, frame] = None
        if gesture is None:
            self._tell()
        return done

    def place_selected(self, x: float, y: float) -> None:
        """Put the selected track here on the shown frame."""
        canvas, track_id = self._canvas, self._canvas.view.primary
        if canvas.document is None or track_id is None or track_id not in canvas.document.table:
            canvas.hint.emit(canvas.tr("Select a track first, then Ctrl+click puts it there."))
        elif not canvas.in_picture(x, y):
            canvas.hint.emit(canvas.tr("Points can only be placed inside the picture."))
        else:
            self.place(track_id, canvas.frame, x, y)

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected track by picture pixels on the shown frame. Quick nudges become one step of undo."""
        canvas, track_id = self._canvas, self._canvas.view.primary
        place = canvas.position(track_id) if track_id is not None else None
        if track_id is None or place is None:
            canvas.hint.emit(canvas.tr("Select a track that has a position on this frame to nudge it."))
            return
        if self._nudged is None or self._nudged[:2] != (track_id, canvas.frame):
            self._nudged = (track_id, canvas.frame, self.new_gesture())
        self.place(track_id, canvas.frame, place[0] + dx, place[1] + dy, self._nudged[2])
        self._timer.start()

    def end(self) -> None:
        """The gesture is over and stays."""
        self._timer.stop()
        self._nudged = None
        if self._canvas.document is not None:
            self._canvas.document.end_gesture()
        self._tell()

    def drop(self) -> None:
        """The gesture is over and what it did is taken back."""
        self._corrected.clear()
        if self._canvas.document is not None:
            self._canvas.document.cancel_gesture(self._canvas)

    def _tell(self) -> None:
        corrected, self._corrected = list(self._corrected), {}
        for track_id, frame in corrected:
            self._canvas.corrected.emit(track_id, frame)


def _contradicts(document: Document, track_id: int, frame: int) -> bool:
    """Whether an anchor here would contradict predictions: the cell is one, or an anchor with predictions beside it."""
    column = document.table.columns([track_id])[0]
    around = document.table.rows("source")[max(0, frame - 1) : frame + 2, column]
    here = document.table.rows("source")[frame, column]
    return bool(here in PREDICTED or (here == Source.ANCHOR and np.isin(around, PREDICTED).any()))
