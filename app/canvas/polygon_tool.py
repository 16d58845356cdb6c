"""Click the corners of an area to put it into the mask, or to take it out."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app import theme
from app.canvas.mask_edits import with_polygon
from app.canvas.mask_tools import MaskTool
from app.canvas.tool import Pointer

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

CLOSES_WITHIN = 9.0  # pixels on screen around the first corner
CORNER = 3.0
MARGIN = 14.0  # pixels around the shape that its corners and pens reach


class PolygonTool(MaskTool):
    """Double-click, Enter or a click on the first corner closes; Backspace takes the last corner back, Esc all.

    With Shift held at the first corner, the area is taken away.
    """

    def __init__(self, canvas: "CanvasView") -> None:
        super().__init__(canvas)
        self._corners: list[tuple[float, float]] = []
        self._takes_away = False
        self._drawn = QRectF()

    def press(self, pointer: Pointer) -> None:
        """Set a corner, or close on the first one."""
        canvas = self.canvas
        if canvas.document is None or canvas.frame < 0:
            return
        if not self._corners:
            if self.target() is None:
                return
            self._takes_away = pointer.holds(Qt.KeyboardModifier.ShiftModifier)
        elif len(self._corners) > 2 and self._over_first(pointer):
            self._close()
            return
        width, height = canvas.picture_size
        corner = (min(max(pointer.x, -0.5), width - 0.5), min(max(pointer.y, -0.5), height - 0.5))
        self._corners.append(corner)
        self._repaint(pointer)

    def move(self, pointer: Pointer) -> None:
        """Take the open side along."""
        if self._corners:
            self._repaint(pointer)

    def double_click(self, pointer: Pointer) -> None:
        """Close: the first of the two clicks has set the last corner."""
        self._close()

    def wants(self, key: int) -> bool:
        """Enter and Backspace, while corners are set."""
        return bool(self._corners) and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Backspace)

    def key(self, key: int) -> None:
        """Close, or take the last corner back."""
        if key == Qt.Key.Key_Backspace:
            self._corners.pop()
            self._repaint(self.canvas.pointer)
        else:
            self._close()

    def cancel(self) -> bool:
        """Drop all corners."""
        was = bool(self._corners)
        self._corners = []
        self._repaint(None)
        return was

    def finish(self) -> None:
        """What was not closed is dropped: nobody has said that it is an area."""
        self.cancel()

    def _close(self) -> None:
        canvas, corners, self._corners = self.canvas, self._corners, []
        self._repaint(None)
        if len(corners) < 3:
            if corners:
                canvas.hint.emit(canvas.tr("An area needs three corners at least."))
            return
        target = self.target()
        if target is None:
            return
        before = self.held(target)
        after = with_polygon(before, np.array(corners), not self._takes_away)
        if not np.array_equal(before, after):
            label = canvas.tr("Take a polygon out of mask") if self._takes_away else canvas.tr("Add a polygon to mask")
            self.keep(target, canvas.frame, after, label)

    def _over_first(self, pointer: Pointer) -> bool:
        first = self.canvas.mapping().to_view(*self._corners[0])
        return QLineF(first, pointer.view).length() <= CLOSES_WITHIN

    # -- drawing

    def paint(self, painter: QPainter) -> None:
        """The corners, the sides between them, and the side that follows the pointer."""
        if not self._corners:
            self._drawn = QRectF()
            return
        pointer = self.canvas.pointer
        places = self._places(pointer)
        self._drawn = _around(places)
        target = self.target()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill = QColor(*(target.colour if target is not None else theme.HALO), 0 if self._takes_away else 70)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPolygon(QPolygonF(places))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(*theme.OUTLINE, 200), 3.5), (QColor(*theme.HALO), 1.5)):
            pen = QPen(colour, width)
            if self._takes_away:
                pen.setDashPattern([6.0 / width, 6.0 / width])
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(places))
        closes = pointer is not None and len(self._corners) > 2 and self._over_first(pointer)
        painter.setPen(QPen(QColor(*theme.OUTLINE), 1.2))
        painter.setBrush(QColor(*theme.HALO))
        for k, place in enumerate(places[: len(self._corners)]):
            side = CORNER * (2 if k == 0 and closes else 1)
            painter.drawRect(QRectF(place.x() - side, place.y() - side, 2 * side, 2 * side))

    def _places(self, pointer: Pointer | None) -> list[QPointF]:
        mapping = self.canvas.mapping()
        places = [mapping.to_view(*corner) for corner in self._corners]
        return places if pointer is None else [*places, pointer.view]

    def _repaint(self, pointer: Pointer | None) -> None:
        area = _around(self._places(pointer)).united(self._drawn)
        if not area.isEmpty():
            self.canvas.update_area(area)


def _around(places: list[QPointF]) -> QRectF:
    if not places:
        return QRectF()
    return QPolygonF(places).boundingRect().adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
