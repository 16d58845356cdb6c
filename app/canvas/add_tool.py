"""Click to start a new track."""

from PySide6.QtCore import Qt

from app.canvas.tool import Pointer, Tool


class AddTool(Tool):
    """Each click inside the picture adds a track with an anchor there, and selects it."""

    def press(self, pointer: Pointer) -> None:
        """Add a track at the pointer on the shown frame."""
        canvas = self.canvas
        if canvas.document is None:
            return
        if pointer.holds(Qt.KeyboardModifier.ControlModifier) and canvas.view.primary is not None:
            canvas.place_selected(pointer.x, pointer.y)
            return
        if not canvas.in_picture(pointer.x, pointer.y):
            canvas.hint.emit(canvas.tr("Points can only be placed inside the picture."))
            return
        ids = canvas.document.add_tracks([[canvas.frame, pointer.x, pointer.y]])
        canvas.view.select(ids)

    def cursor(self, pointer: Pointer) -> Qt.CursorShape:
        """A crosshair inside the picture."""
        inside = self.canvas.in_picture(pointer.x, pointer.y)
        return Qt.CursorShape.CrossCursor if inside else Qt.CursorShape.ForbiddenCursor
