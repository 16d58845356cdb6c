"""Click to select, drag a selected point to correct it, drag on empty space for a box."""

from dataclasses import dataclass
from enum import Enum, auto

from PySide6.QtCore import QLineF, QRectF, Qt

from app.canvas.tool import Pointer, Tool

DRAG_FROM = 4.0  # pixels; a trembling click moves nothing


class _Mode(Enum):
    PRESSED = auto()
    MOVING = auto()
    BOXING = auto()
    REFUSED = auto()


@dataclass
class _Act:
    """What goes on between press and release."""

    pressed: Pointer
    frame: int
    track: int | None
    was_selected: bool
    start: tuple[float, float]
    mode: _Mode = _Mode.PRESSED
    gesture: int = 0


class SelectTool(Tool):
    """A drag moves a point only when it was selected before, and only from `DRAG_FROM` on."""

    _act: _Act | None = None

    def press(self, pointer: Pointer) -> None:
        """Select what is there; the rest is decided by what follows."""
        canvas = self.canvas
        if canvas.document is None:
            return
        if pointer.holds(Qt.KeyboardModifier.ControlModifier):
            canvas.placing.place_selected(pointer.x, pointer.y)
            return
        track = canvas.hit(pointer.view)
        was_selected = track is not None and track in canvas.view.selection
        start = canvas.position(track) if track is not None else None
        self._act = _Act(pointer, canvas.frame, track, was_selected, start or (pointer.x, pointer.y))
        if track is None:
            return
        if pointer.holds(Qt.KeyboardModifier.ShiftModifier):
            canvas.view.select([track], extend=True)
            self._act = None
        elif not was_selected:
            canvas.view.select([track])

    def move(self, pointer: Pointer) -> None:
        """Begin a drag or a box after the dead zone, then follow the pointer."""
        act = self._act
        if act is None:
            return
        if act.mode is _Mode.PRESSED and QLineF(act.pressed.view, pointer.view).length() >= DRAG_FROM:
            self._begin(act)
        if act.mode is _Mode.MOVING:
            self._move_point(act, pointer)
        elif act.mode is _Mode.BOXING:
            self.canvas.set_band(QRectF(act.pressed.view, pointer.view).normalized())

    def release(self, pointer: Pointer) -> None:
        """End the drag, take what is in the box, or treat it as a click."""
        act, self._act = self._act, None
        if act is None:
            return
        if act.mode is _Mode.MOVING:
            self.canvas.placing.end()
        elif act.mode is _Mode.BOXING:
            self._select_box(act, pointer)
        elif act.mode is _Mode.PRESSED:
            self._click(act)

    def double_click(self, pointer: Pointer) -> None:
        """Go close to a point, or show the whole picture."""
        track = self.canvas.hit(pointer.view)
        if track is None:
            self.canvas.fit()
        else:
            self.canvas.zoom_to(track)

    def cancel(self) -> bool:
        """Put a dragged point back, drop a box."""
        act, self._act = self._act, None
        if act is None:
            return False
        self.canvas.set_band(None)
        if act.mode is _Mode.MOVING:
            self.canvas.placing.drop()
        return True

    def finish(self) -> None:
        """Keep where a dragged point is, drop a box."""
        act, self._act = self._act, None
        self.canvas.set_band(None)
        if act is not None and act.mode is _Mode.MOVING:
            self.canvas.placing.end()

    def cursor(self, pointer: Pointer) -> Qt.CursorShape:
        """A hand over a point that can be dragged, a pointing finger over one that can be selected."""
        if self._act is not None and self._act.mode is _Mode.MOVING:
            return Qt.CursorShape.BlankCursor  # the pixel below must be seen
        track = self.canvas.hit(pointer.view)
        if track is None:
            return Qt.CursorShape.ArrowCursor
        selected = track in self.canvas.view.selection
        return Qt.CursorShape.SizeAllCursor if selected else Qt.CursorShape.PointingHandCursor

    def _begin(self, act: _Act) -> None:
        canvas = self.canvas
        if act.track is None:
            act.mode = _Mode.BOXING
        elif act.was_selected:
            act.mode = _Mode.MOVING
            act.gesture = canvas.new_gesture()
        else:
            act.mode = _Mode.REFUSED
            canvas.hint.emit(canvas.tr("Now it is selected: drag it again to move it."))

    def _move_point(self, act: _Act, pointer: Pointer) -> None:
        """Keep the point as far from the pointer as it was when it was taken."""
        x = act.start[0] + pointer.x - act.pressed.x
        y = act.start[1] + pointer.y - act.pressed.y
        assert act.track is not None
        if not self.canvas.placing.place(act.track, act.frame, x, y, act.gesture):
            act.mode = _Mode.REFUSED

    def _select_box(self, act: _Act, pointer: Pointer) -> None:
        canvas = self.canvas
        found = canvas.picker.in_box(QRectF(act.pressed.view, pointer.view).normalized())
        canvas.set_band(None)
        extend = pointer.holds(Qt.KeyboardModifier.ShiftModifier)
        canvas.view.select([*canvas.view.selection, *found] if extend else found)

    def _click(self, act: _Act) -> None:
        extend = act.pressed.holds(Qt.KeyboardModifier.ShiftModifier)
        if act.track is not None:
            self.canvas.view.select([act.track])
        elif not extend:
            self.canvas.view.select([])
