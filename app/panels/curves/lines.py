"""The lines of one plot as one item, kept as a picture so that a moving playhead does not draw them again."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget


class LinesItem(pg.GraphicsObject):
    """Lines in the coordinates of the plot, drawn into a picture of the visible part whenever that changes."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[QPen, QPainterPath]] = []
        self._picture: tuple[tuple[object, ...], QPixmap] | None = None

    def set_lines(self, lines: list[tuple[QPen, NDArray[np.float64], NDArray[np.float32]]]) -> None:
        """Pen, frames and values of each line, the uppermost last; it has a gap where a value is NaN."""
        self._lines = [
            (pen, pg.functions.arrayToQPath(frames, values, connect="finite"))
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
            for pen, path in self._lines:
                own.setPen(pen)
                own.drawPath(path)
            own.end()
            self._picture = key, pixmap
        painter.resetTransform()
        painter.drawPixmap(area.topLeft(), self._picture[1])
