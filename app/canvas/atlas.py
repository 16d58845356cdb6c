"""The marks of the overlay, drawn once for every shape and colour and then only copied."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap, QPolygonF

from app import theme
from app.canvas.appearance import Shape

CELL = 18  # logical pixels of one mark with its outline; even, so that a mark is centred on a pixel corner
RADIUS = 4.5
RING_RADIUS = 5.0
FILL_WIDTH = 2.2
OUTLINE_WIDTH = 1.3
SHAPES = tuple(shape for shape in Shape if shape is not Shape.NONE)


def draw_mark(painter: QPainter, shape: Shape, centre: QPointF, colour: QColor) -> None:
    """Draw one mark with its dark outline around `centre`."""
    outline = QColor(*theme.OUTLINE, 215)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if shape in (Shape.DISC, Shape.DIAMOND):
        painter.setPen(QPen(outline, OUTLINE_WIDTH))
        painter.setBrush(colour)
        _trace(painter, shape, centre, RADIUS + OUTLINE_WIDTH / 2)
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour_now, width in ((outline, FILL_WIDTH + 1.6 * OUTLINE_WIDTH), (colour, FILL_WIDTH)):
        painter.setPen(QPen(colour_now, width, c=Qt.PenCapStyle.FlatCap, j=Qt.PenJoinStyle.MiterJoin))
        _trace(painter, shape, centre, RING_RADIUS)


def _trace(painter: QPainter, shape: Shape, centre: QPointF, radius: float) -> None:
    x, y = centre.x(), centre.y()
    box = QRectF(x - radius, y - radius, 2 * radius, 2 * radius)
    if shape in (Shape.DISC, Shape.RING):
        painter.drawEllipse(box)
    elif shape is Shape.BROKEN_RING:
        for start in (30, 150, 270):
            painter.drawArc(box, (start - 40) * 16, 80 * 16)
    else:
        reach = radius * 1.2
        corners = [QPointF(x, y - reach), QPointF(x + reach, y), QPointF(x, y + reach), QPointF(x - reach, y)]
        painter.drawPolygon(QPolygonF(corners))


class Atlas:
    """One pixmap with a row per shape and a column per colour.

    Attributes:
        pixmap: at `ratio` device pixels per logical pixel; its own device pixel ratio stays 1, because fragments are
            addressed in its pixels.
        cell: side of one mark in pixels of the pixmap.
    """

    def __init__(self, colours: NDArray[np.uint8], ratio: float) -> None:
        self.key = (colours.tobytes(), ratio)
        self.ratio = ratio
        self.cell = 2 * round(CELL * ratio / 2)
        self.pixmap = QPixmap(self.cell * max(1, len(colours)), self.cell * len(SHAPES))
        self.pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(self.pixmap)
        for column, colour in enumerate(colours.tolist()):
            for shape in SHAPES:
                painter.resetTransform()
                painter.translate((column + 0.5) * self.cell, (int(shape) + 0.5) * self.cell)
                painter.scale(ratio, ratio)
                draw_mark(painter, shape, QPointF(0, 0), QColor(*colour))
        painter.end()
