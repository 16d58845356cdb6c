"""Draw a loop around tracks to select them."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF

from app import theme
from app.canvas.tool import Pointer, Tool

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

STEP = 2.0  # pixels between two points of the loop
CLICK = 4.0  # a loop smaller than this is a click


class LassoTool(Tool):
    """What is inside the loop is selected; Shift adds to the selection. A click selects as ever."""

    def __init__(self, canvas: "CanvasView") -> None:
        super().__init__(canvas)
        self._loop: list[QPointF] = []

    def press(self, pointer: Pointer) -> None:
        """Begin a loop."""
        if self.canvas.document is not None and self.canvas.frame >= 0:
            self._loop = [pointer.view]

    def move(self, pointer: Pointer) -> None:
        """Draw on."""
        if self._loop and QLineF(self._loop[-1], pointer.view).length() >= STEP:
            self._loop.append(pointer.view)
            self._repaint()

    def release(self, pointer: Pointer) -> None:
        """Select what is inside."""
        if not self._loop:
            return
        loop = [*self._loop, pointer.view]
        self.cancel()
        canvas, view = self.canvas, self.canvas.view
        extend = pointer.holds(Qt.KeyboardModifier.ShiftModifier)
        box = QPolygonF(loop).boundingRect()
        if max(box.width(), box.height()) < CLICK:
            track = canvas.hit(pointer.view)
            if track is not None or not extend:
                view.select([] if track is None else [track], extend)
            return
        found = canvas.picker.in_loop(np.array([point.toTuple() for point in loop]))
        view.select([*view.selection, *found] if extend else found)

    def cancel(self) -> bool:
        """Drop the loop."""
        was = bool(self._loop)
        self._repaint()
        self._loop = []
        return was

    def finish(self) -> None:
        """A loop that is not closed selects nothing."""
        self.cancel()

    def paint(self, painter: QPainter) -> None:
        """The loop so far, closed by a dashed line."""
        if len(self._loop) < 2:
            return
        accent = self.canvas.palette().color(QPalette.ColorRole.Accent)
        wash = QColor(accent)
        wash.setAlpha(45)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(wash)
        painter.drawPolygon(QPolygonF(self._loop))
        for colour, width in ((QColor(*theme.OUTLINE, 170), 3.0), (accent, 1.5)):
            painter.setPen(QPen(colour, width))
            painter.drawPolyline(QPolygonF(self._loop))
        painter.setPen(QPen(accent, 1.2, Qt.PenStyle.DashLine))
        painter.drawLine(QLineF(self._loop[-1], self._loop[0]))

    def cursor(self, pointer: Pointer) -> Qt.CursorShape:
        """A crosshair."""
        return Qt.CursorShape.CrossCursor

    def _repaint(self) -> None:
        if self._loop:
            self.canvas.update_area(QPolygonF(self._loop).boundingRect().adjusted(-4, -4, 4, 4))
