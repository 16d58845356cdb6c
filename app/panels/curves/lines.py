"""The lines of one plot as one item, kept as a picture so that a moving playhead does not draw them again."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap, QPolygonF, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

DOT = 3  # pixels; a single value among gaps


class LinesItem(pg.GraphicsObject):
    """Lines in the coordinates of the plot, drawn into a picture of the visible part whenever that changes."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[QPen, QPainterPath, QPolygonF]] = []
        self._picture: tuple[tuple[object, ...], QPixmap] | None = None

    def set_lines(self, lines: list[tuple[QPen, NDArray[np.float64], NDArray[np.float32]]]) -> None:
        """Pen, frames and values of each line, the uppermost last; it has a gap where a value is NaN."""
        self._lines = [
            (pen, pg.functions.arrayToQPath(frames, values, connect="finite"), _lone_points(frames, values))
            for pen, frames, values in lines
            if np.isfinite(values).any()
        ]
        self._picture = None
        self.update()

    def viewTransformChanged(self) -> None:
        """Another part of the plot is in view."""
        self.prepareGeometryChange()
        super().viewTransformChanged()

    def boundingRect(self) -> QRectF:
        """All that is in view."""
        return QRectF(self.viewRect())

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the picture, made anew where zoom, place or lines are others."""
        transform, ratio = painter.transform(), painter.device().devicePixelRatioF()
        area = transform.mapRect(self.boundingRect()).toAlignedRect()
        key = transform.m11(), transform.m22(), transform.dx(), transform.dy(), area.getRect(), ratio
        if self._picture is None or self._picture[0] != key:
            pixmap = QPixmap(area.size() * ratio)
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(QColor(0, 0, 0, 0))
            own = QPainter(pixmap)
            own.setTransform(transform * QTransform.fromTranslate(-area.left(), -area.top()))
            for pen, path, points in self._lines:
                own.setPen(pen)
                own.drawPath(path)
                if not points.isEmpty():
                    own.setPen(pg.mkPen(pen.color(), width=DOT))
                    own.drawPoints(points)
            own.end()
            self._picture = key, pixmap
        painter.resetTransform()
        painter.drawPixmap(area.topLeft(), self._picture[1])


def _lone_points(frames: NDArray[np.float64], values: NDArray[np.float32]) -> QPolygonF:
    """Values that no line shows, because what is beside them is a gap."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    change = np.flatnonzero(known[1:] != known[:-1])
    starts, ends = change[0::2], change[1::2] - 1
    lone = starts[(frames[starts] == frames[ends]) & (values[starts] == values[ends])]
    return QPolygonF([QPointF(x, y) for x, y in zip(frames[lone].tolist(), values[lone].tolist(), strict=True)])
