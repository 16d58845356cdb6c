"""The surface that is painted on and that takes the mouse: zoom, pan, and everything else to the tool."""

from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsView

from app.canvas.tool import Pointer

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

ZOOM_PER_NOTCH = 1.2
NOTCH = 120.0
BRUSH_KEYS = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier


class Viewport(pg.GraphicsView):
    """A graphics view whose mouse events go to the canvas instead of the scene."""

    def __init__(self, canvas: "CanvasView") -> None:
        super().__init__(canvas, background=None)
        self._canvas = canvas
        self._panned_from: QPointF | None = None
        # Everything changes with every frame, and the overlay's area is without bounds.
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.FullViewportUpdate)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        # Dropped files are the window's business.
        self.setAcceptDrops(False)
        self.viewport().setAcceptDrops(False)

    def pointer(self, event: QMouseEvent) -> Pointer:
        """Where a mouse event happened."""
        x, y = self._canvas.from_view(event.position())
        right = event.button() == Qt.MouseButton.RightButton
        return Pointer(event.position(), x, y, event.modifiers(), right)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left to the tool, middle pans, right asks for a menu unless the tool takes it."""
        event.accept()
        if self._is_the_tools(event.button()):
            self._canvas.dragging = True
            self._canvas.tool.press(self.pointer(event))
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._panned_from = event.position()
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() == Qt.MouseButton.RightButton:
            track = self._canvas.hit(event.position())
            self._canvas.context_requested.emit(track, event.globalPosition().toPoint())

    def _is_the_tools(self, button: Qt.MouseButton) -> bool:
        taken = button == Qt.MouseButton.RightButton and self._canvas.tool.takes_right
        return button == Qt.MouseButton.LeftButton or taken

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan, or let the tool and the hover follow."""
        event.accept()
        if self._panned_from is not None:
            self._canvas.camera.pan(event.position() - self._panned_from)
            self._panned_from = event.position()
            return
        pointer = self.pointer(event)
        self._canvas.tool.move(pointer)
        self._canvas.hover(pointer)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End what the press began."""
        event.accept()
        if self._is_the_tools(event.button()):
            self._canvas.tool.release(self.pointer(event))
            self._canvas.dragging = False
            self._canvas.preview.follow()
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._panned_from = None
        self._canvas.hover(self.pointer(event))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Left to the tool; other buttons are pressed quickly, nothing more."""
        event.accept()
        if event.button() == Qt.MouseButton.LeftButton:
            self._canvas.tool.double_click(self.pointer(event))
        else:
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the pointer; with Shift or Alt change the size of the brush."""
        event.accept()
        # With these keys some platforms turn the wheel sideways.
        notches = (event.angleDelta().y() or event.angleDelta().x()) / NOTCH
        if event.modifiers() & BRUSH_KEYS and self._canvas.tool.sized:
            self._canvas.resize_brush(notches)
        elif event.angleDelta().y():
            self._canvas.camera.zoom(ZOOM_PER_NOTCH**notches, event.position())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """The menu key asks for the selected track; the mouse has asked already."""
        event.accept()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self._canvas.context_requested.emit(self._canvas.view.primary, event.globalPos())

    def viewportEvent(self, event: QEvent) -> bool:
        """When the pointer leaves, nothing is under it any more."""
        if event.type() == QEvent.Type.Leave:
            self._canvas.unhover()
        return bool(super().viewportEvent(event))

    def event(self, event: QEvent) -> bool:
        """Esc belongs to a drag while one goes on, and other keys to a tool that wants them, before the window."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            tool = self._canvas.tool
            if (event.key() == Qt.Key.Key_Escape and tool.cancel()) or tool.wants(event.key()):
                event.accept()
                return True
            event.ignore()
            return False
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys are the tool's or the window's business, not the scene's."""
        key = event.key()
        event.setAccepted(self._canvas.tool.wants(key))
        if event.isAccepted():
            self._canvas.tool.key(key)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """Keys are the window's business, not the scene's."""
        event.ignore()
