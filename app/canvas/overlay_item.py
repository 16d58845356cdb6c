"""Trails and points: the bulk of the overlay, one item however many tracks there are."""

from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import QRectF, QTimer
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.canvas.appearance import Appearance
from app.canvas.mapping import Mapping
from app.canvas.points_painter import PointsPainter
from app.canvas.trails import TrailLayer

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

EVERYWHERE = QRectF(-1e7, -1e7, 2e7, 2e7)  # the overlay is always in sight
QUIET_MS = 120  # after so long without painting, quick trails are drawn finely


class OverlayItem(pg.GraphicsObject):
    """Paints the trails and the points of the canvas's frame."""

    def __init__(self, canvas: "CanvasView", appearance: Appearance) -> None:
        super().__init__()
        self._canvas = canvas
        self._table = appearance.table
        self._points = PointsPainter(appearance)
        self.trails = TrailLayer(appearance.table, canvas.view, appearance)
        self._quiet = QTimer(self)
        self._quiet.setSingleShot(True)
        self._quiet.setInterval(QUIET_MS)
        self._quiet.timeout.connect(self._refine)

    def boundingRect(self) -> QRectF:
        """Everywhere."""
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels of the viewport."""
        canvas = self._canvas
        if not 0 <= canvas.frame < self._table.n_frames or not self._table.n_tracks:
            return
        painter.resetTransform()
        if canvas.view.show_trails:
            self._paint_trails(painter)
        self.paint_points(painter, canvas.mapping(), QRectF(canvas.viewport.rect()))

    def paint_points(self, painter: QPainter, mapping: Mapping, area: QRectF) -> None:
        """Draw only the points, where `mapping` puts them (the loupe has its own)."""
        frame = self._canvas.frame
        if 0 <= frame < self._table.n_frames and self._table.n_tracks:
            xy = self._table.rows("xy")[frame]
            self._points.paint(painter, frame, xy, mapping, area, self._canvas.viewport.devicePixelRatioF())

    def _paint_trails(self, painter: QPainter) -> None:
        rect = self._canvas.viewport.rect()
        size = (rect.width(), rect.height())
        if not self.trails.update(self._canvas.frame, self._canvas.mapping(), size):
            return
        buffer = self.trails.buffer
        height, width = buffer.shape[:2]
        image = QImage(buffer.data, width, height, buffer.strides[0], QImage.Format.Format_ARGB32_Premultiplied)
        painter.drawImage(0, 0, image)
        if self.trails.coarse:
            self._quiet.start()

    def _refine(self) -> None:
        rect = self._canvas.viewport.rect()
        if self._canvas.view.show_trails and 0 <= self._canvas.frame < self._table.n_frames:
            self.trails.update(self._canvas.frame, self._canvas.mapping(), (rect.width(), rect.height()), fine=True)
            self.update()
