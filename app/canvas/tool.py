"""What all tools of the canvas share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

if TYPE_CHECKING:
    from app.canvas.view import CanvasView


@dataclass(frozen=True)
class Pointer:
    """Where the pointer is, on screen and in the picture.

    Attributes:
        view: logical pixels of the viewport.
        x, y: pixels of the picture.
        modifiers: the keys held.
        right: whether it is the right button that is meant.
    """

    view: QPointF
    x: float
    y: float
    modifiers: Qt.KeyboardModifier
    right: bool = False

    def holds(self, modifier: Qt.KeyboardModifier) -> bool:
        """Whether this key is held."""
        return bool(self.modifiers & modifier)


class Tool:
    """A small state machine fed with the left button's presses, the pointer's moves and the releases.

    Attributes:
        takes_right: whether the right button is the tool's as well; else it asks for a menu.
        picks_tracks: whether the track under the pointer is what a click would mean.
        sized: whether the wheel with Shift or Alt changes the size of the brush.
    """

    takes_right = False
    picks_tracks = True
    sized = False

    def __init__(self, canvas: "CanvasView") -> None:
        self.canvas = canvas

    def press(self, pointer: Pointer) -> None:
        """The button went down."""

    def move(self, pointer: Pointer) -> None:
        """The pointer moved, with the button held or not."""

    def release(self, pointer: Pointer) -> None:
        """The button came up."""

    def double_click(self, pointer: Pointer) -> None:
        """The left button went down a second time."""

    def wants(self, key: int) -> bool:
        """Whether this key now means something to the tool, before it means anything to the window."""
        return False

    def key(self, key: int) -> None:
        """A wanted key went down."""

    def cancel(self) -> bool:
        """Take back what is being done. Gives whether there was anything."""
        return False

    def finish(self) -> None:
        """The tool is put away: end what is being done, and keep it."""

    def leave_frame(self) -> None:
        """Another frame is about to be shown; `canvas.frame` is still the old one."""

    def paint(self, painter: QPainter) -> None:
        """Draw what the tool shows above all else, in pixels of the viewport."""

    def cursor(self, pointer: Pointer) -> Qt.CursorShape:
        """The cursor for this place."""
        return Qt.CursorShape.ArrowCursor
