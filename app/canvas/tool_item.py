"""What the tool in hand draws, and points that are only proposed: above everything else."""

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPalette, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app import theme
from app.canvas.overlay_item import EVERYWHERE

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

ARM = 4.0  # of the crosses that propose points, in pixels of the view


class ToolItem(pg.GraphicsObject):
    """Paints the proposed points and then the canvas's tool.

    Attributes:
        proposed: (K, 2) float32 picture positions, None for none.
    """

    def __init__(self, canvas: "CanvasView") -> None:
        super().__init__()
        self._canvas = canvas
        self.proposed: NDArray[np.float32] | None = None

    def boundingRect(self) -> QRectF:
        """Everywhere."""
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels of the viewport."""
        if self._canvas.frame < 0:
            return
        painter.resetTransform()
        if self.proposed is not None:
            self._paint_proposed(painter, self.proposed)
        self._canvas.tool.paint(painter)

    def _paint_proposed(self, painter: QPainter, points: NDArray[np.float32]) -> None:
        places = self._canvas.mapping().points(points)
        view = self._canvas.viewport.rect()
        inside = ((places > -ARM) & (places < [view.width() + ARM, view.height() + ARM])).all(axis=1)
        lines = []
        for x, y in places[inside].tolist():
            lines += [QLineF(x - ARM, y, x + ARM, y), QLineF(x, y - ARM, x, y + ARM)]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        accent = self._canvas.palette().color(QPalette.ColorRole.Accent).lighter(130)
        for colour, width in ((QColor(*theme.OUTLINE, 220), 4.0), (accent, 1.8)):
            painter.setPen(QPen(colour, width, c=Qt.PenCapStyle.SquareCap))
            painter.drawLines(lines)
