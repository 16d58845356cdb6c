"""What all tools of the canvas share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt

if TYPE_CHECKING:
    from app.canvas.view import CanvasView


@dataclass(frozen=True)
class Pointer:
    """Where the pointer is, on screen and in the picture.

    Attributes:
        view: logical pixels of the viewport.
        x, y: pixels of the picture.
        modifiers: the keys held.
    """

    view: QPointF
    x: float
    y: float
    modifiers: Qt.KeyboardModifier

    def holds(self, modifier: Qt.KeyboardModifier) -> bool:
        """Whether this key is held."""
        return bool(self.modifiers & modifier)


class Tool:
    """A small state machine fed with the left button's presses, the pointer's moves and the releases."""

    def __init__(self, canvas: "CanvasView") -> None:
        self.canvas = canvas

    def press(self, pointer: Pointer) -> None:
        """The left button went down."""

    def move(self, pointer: Pointer) -> None:
        """The pointer moved, with the left button held or not."""

    def release(self, pointer: Pointer) -> None:
        """The left button came up."""

    def double_click(self, pointer: Pointer) -> None:
        """The left button went down a second time."""

    def cancel(self) -> bool:
        """Take back what is being done. Gives whether there was anything."""
        return False

    def finish(self) -> None:
        """The tool is put away: end what is being done, and keep it."""

    def cursor(self, pointer: Pointer) -> Qt.CursorShape:
        """The cursor for this place."""
        return Qt.CursorShape.ArrowCursor
