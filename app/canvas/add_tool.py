"""Click to start a new track."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from app.canvas.tool import Pointer, Tool

if TYPE_CHECKING:
    from app.canvas.view import CanvasView


class AddTool(Tool):
    """Each click inside the picture adds a track with an anchor there.

    The tracks added one after another are selected together, so that a run that follows takes them all.
    """

    def __init__(self, canvas: "CanvasView") -> None:
        super().__init__(canvas)
        self._added: tuple[int, ...] = ()

    def press(self, pointer: Pointer) -> None:
        """Add a track at the pointer on the shown frame."""
        canvas = self.canvas
        if canvas.document is None:
            return
        if pointer.holds(Qt.KeyboardModifier.ControlModifier) and canvas.view.primary is not None:
            canvas.placing.place_selected(pointer.x, pointer.y)
            return
        if not canvas.in_picture(pointer.x, pointer.y):
            canvas.hint.emit(canvas.tr("Points can only be placed inside the picture."))
            return
        ids = canvas.document.add_tracks([[canvas.frame, pointer.x, pointer.y]])
        self._added = (*self._added, *ids) if set(self._added) == set(canvas.view.selection) else tuple(ids)
        canvas.view.select(self._added)

    def finish(self) -> None:
        """The next points are a new lot."""
        super().finish()
        self._added = ()

    def cursor(self, pointer: Pointer) -> Qt.CursorShape:
        """A crosshair inside the picture."""
        inside = self.canvas.in_picture(pointer.x, pointer.y)
        return Qt.CursorShape.CrossCursor if inside else Qt.CursorShape.ForbiddenCursor
