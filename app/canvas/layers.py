"""What is painted over the picture for one document, from the masks up to the selection."""

from typing import TYPE_CHECKING, Any

from app.canvas.appearance import Appearance
from app.canvas.ghost_item import GhostItem
from app.canvas.highlight_item import HighlightItem
from app.canvas.mask_item import MaskItem
from app.canvas.overlay_item import OverlayItem
from app.canvas.skeleton_item import SkeletonItem
from app.canvas.teacher_item import TeacherItem
from app.document.changes import Change
from app.document.project import Document

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

WATCHED = frozenset(
    {
        "selection",
        "colour_by",
        "threshold",
        "error_threshold",
        "trail_length",
        "show_trails",
        "hide_others",
        "hidden",
        "mask",
        "take",
        "show_teachers",
    }
)


class Layers:
    """The items of one document in the view box of a canvas; `remove` takes them away.

    Attributes:
        appearance: shapes and colours of the points.
        overlay, highlight, masks, teachers: the items that others speak to.
    """

    def __init__(self, canvas: "CanvasView", document: Document, box: Any) -> None:
        self._canvas = canvas
        self._box = box
        self.appearance = Appearance(document.table, canvas.view, document.expected_error)
        self.masks = MaskItem(canvas, document)
        self.overlay = OverlayItem(canvas, self.appearance)
        self.highlight = HighlightItem(canvas, self.appearance)
        self._skeleton = SkeletonItem(canvas, document, self.appearance)
        ghost = GhostItem(canvas, document, self.appearance)
        self.teachers = TeacherItem(canvas, document)
        self._items: list[Any] = [self.masks, self._skeleton, ghost, self.teachers, self.overlay, self.highlight]
        for z, item in enumerate(self._items, start=1):
            item.setZValue(z)
            box.addItem(item, ignoreBounds=True)
        self._ends = (
            document.changed.subscribe(self._document_changed),
            document.expected_error.changed.subscribe(self._errors_changed),
        )

    def remove(self) -> None:
        """Take all items away and hear nothing more."""
        for end in self._ends:
            end()
        for item in self._items:
            self._box.removeItem(item)

    def update(self) -> None:
        """Paint everything anew."""
        for item in self._items:
            item.update()

    def _document_changed(self, change: Change) -> None:
        frame = self._canvas.frame
        if change.kind in ("runs", "history"):
            return
        if change.kind == "masks":
            self.masks.masks_changed(change.ids)
            return
        if change.kind == "cells" and not self._shows(change):
            return
        if change.kind == "all":
            self.masks.masks_changed(None)
        if change.kind in ("groups", "all"):
            self._skeleton.forget()
        if change.kind not in ("groups", "takes"):
            self.overlay.trails.invalidate()
        if frame >= 0:
            self._canvas.overlay_changed()

    def _errors_changed(self, change: Change) -> None:
        self.appearance.forget_errors()
        if self._canvas.view.colour_by == "error" and self._shows(change):
            self.overlay.trails.invalidate()
            self._canvas.overlay_changed()

    def _shows(self, change: Change) -> bool:
        frame = self._canvas.frame
        return change.start <= frame and change.end > frame - self._canvas.view.trail_length
