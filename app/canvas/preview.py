"""What a solve does to the view: the picture stands still, an insert lies on it, or the view follows tracks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from app.canvas.chips import Chips
from app.canvas.insert_item import InsertItem
from app.canvas.mapping import Mapping, as_transform, as_warp
from app.canvas.view_lock import ViewLock
from app.document.changes import Change
from app.document.project import Document

if TYPE_CHECKING:
    from app.canvas.frame_item import FrameItem
    from app.canvas.view import CanvasView

Motion = Callable[[int], NDArray[np.float64] | None]


class Preview(QObject):
    """Brings camera, frame, insert and notes of a canvas up to date with each shown frame.

    Attributes:
        insert: the item that paints the insert.
        chips: the notes in the corner.
        quad: (4, 2) corners of the insert on the reference frame: top-left, top-right, bottom-right, bottom-left; None
            for no insert.
        opacity: of the insert, 0..1.
    """

    def __init__(self, canvas: "CanvasView", frame_item: "FrameItem") -> None:
        super().__init__(canvas)
        self._canvas, self._frame_item = canvas, frame_item
        self._motion: Motion | None = None
        self._matrix: NDArray[np.float64] | None = None  # of the shown frame
        self._end: Callable[[], None] = lambda: None
        self._lock = ViewLock(canvas)
        self.quad: NDArray[np.float64] | None = None
        self.opacity = 1.0
        self.insert = InsertItem(self)
        self.chips = Chips(canvas.viewport)
        self.chips.unlock_requested.connect(lambda: setattr(canvas.view, "lock", ()))

    def set_document(self, document: Document | None) -> None:
        """Nothing is locked or solved as another document comes."""
        self._end()
        self._end = (lambda: None) if document is None else document.changed.subscribe(self._document_changed)
        self._motion, self.quad = None, None
        self._lock.restart()
        self.refresh()

    def set_motion(self, motion: Motion | None) -> None:
        """Ask this for the matrix (3, 3) from a frame to the reference frame, None where there is none."""
        self._motion = motion
        self.refresh()

    def mapping(self) -> Mapping:
        """Where picture pixels lie in the viewport now."""
        return self._canvas.mapping()

    def from_reference(self) -> NDArray[np.float64] | None:
        """(3, 3) from the reference frame to the shown one; None where that is not solved."""
        return None if self._matrix is None else np.linalg.inv(self._matrix).astype(np.float64)

    def refresh(self) -> None:
        """The shown frame, its tracks, or the solve are other now."""
        canvas = self._canvas
        wanted = self._motion is not None and canvas.frame >= 0 and (canvas.view.stabilise or self.quad is not None)
        self._matrix = self._motion(canvas.frame) if self._motion is not None and wanted else None
        still = self._matrix if canvas.view.stabilise else None
        warp = None if still is None else as_warp(still)
        if warp != canvas.camera.warp:
            canvas.camera.warp = warp
            self._frame_item.set_warp(None if still is None else as_transform(still))
            canvas.overlay_changed()
        self.follow()
        self.insert.update()

    def follow(self) -> None:
        """Bring the locked view to the tracks, unless one is being dragged: it would run away from the pointer."""
        if not self._canvas.dragging:
            self._lock.follow()
        self._say()

    def view_changed(self, name: str) -> None:
        """A value of the view state is other now."""
        if name == "lock":
            self._lock.restart()
        if name in ("lock", "stabilise"):
            self.refresh()

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("tracks", "all"):
            document, view = self._canvas.document, self._canvas.view
            if document is not None and any(i not in document.table for i in view.lock):
                view.lock = tuple(i for i in view.lock if i in document.table)
        shown = change.kind == "cells" and change.start <= self._canvas.frame < change.end
        if shown or change.kind in ("tracks", "groups", "all"):
            self.follow()  # whoever solves says by itself when that is done again

    # -- words

    def _say(self) -> None:
        self.chips.show_texts(self._lock_text(), self._solve_text())

    def _lock_text(self) -> str:
        canvas, document = self._canvas, self._canvas.document
        if not canvas.view.lock or document is None or canvas.frame < 0:
            return ""
        text = self.tr("Locked to {} · Shift+L").format(_named(document, canvas.view.lock))
        return self.tr("{}: not seen on this frame, held").format(text) if self._lock.holding else text

    def _solve_text(self) -> str:
        wanted = self._canvas.view.stabilise or self.quad is not None
        if self._canvas.frame < 0 or not wanted or self._matrix is not None:
            return ""
        return self.tr("No solve on this frame")


def _named(document: Document, ids: tuple[int, ...]) -> str:
    """The track, the group whose tracks they all are, or how many."""
    tracks = [document.table.track(i) for i in ids if i in document.table]
    if len(tracks) == 1:
        return tracks[0].name
    groups = {track.group for track in tracks}
    whole = sum(track.group in groups for track in document.table.tracks)
    if len(groups) == 1 and "" not in groups and whole == len(tracks):
        return groups.pop()
    return f"{len(tracks)} tracks"
