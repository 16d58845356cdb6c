"""The picture itself, without a copy, and the grid between its pixels when they are large."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

NEAREST_FROM = 4.0  # screen pixels per picture pixel from which pixels are shown as squares
GRID_FROM = 12.0  # … and from which lines are drawn between them
EVERYWHERE = QRectF(-1e7, -1e7, 2e7, 2e7)
NOT_QUITE_ONE = 1 + 1e-6  # a scale of exactly 1 makes Qt put pictures at whole pixels


class FrameItem(pg.GraphicsObject):
    """Paints one frame so that pixel (0, 0) has its centre at (0, 0)."""

    def __init__(self) -> None:
        super().__init__()
        self._array: NDArray[np.uint8] | None = None  # keeps the memory alive that the image looks at
        self._image = QImage()
        self._warp: QTransform | None = None

    def set_warp(self, warp: QTransform | None) -> None:
        """Paint the frame as this carries its pixels; None for as it is."""
        if warp != self._warp:
            self.prepareGeometryChange()
            self._warp = warp

    def set_image(self, array: NDArray[np.uint8]) -> None:
        """Show (H, W, 4) uint8 blue, green, red, unused. Raises ValueError for anything else."""
        if array.ndim != 3 or array.shape[2] != 4 or array.dtype != np.uint8 or 0 in array.shape:
            raise ValueError(f"a frame must be (H, W, 4) uint8, not {array.shape} {array.dtype}")
        array = np.ascontiguousarray(array)  # no copy of an array as decoders give it
        height, width = array.shape[:2]
        if (width, height) != self.size:
            self.prepareGeometryChange()
        self._array = array
        self._image = QImage(array.data, width, height, array.strides[0], QImage.Format.Format_RGB32)
        self.update()

    @property
    def array(self) -> NDArray[np.uint8] | None:
        """The array that was given, None before the first."""
        return self._array

    @property
    def image(self) -> QImage:
        """The frame as a view of the array that was given."""
        return self._image

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, zeros before the first frame."""
        return self._image.width(), self._image.height()

    def boundingRect(self) -> QRectF:
        """The area of all pixels, from −0.5 to W − 0.5; while the frame is warped, anything."""
        return self._pixels() if self._warp is None else EVERYWHERE

    def _pixels(self) -> QRectF:
        width, height = self.size
        return QRectF(-0.5, -0.5, width, height)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the frame, smoothly unless its pixels are large."""
        if self._image.isNull():
            return
        scale = painter.worldTransform().m11()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < NEAREST_FROM)
        if self._warp is not None:
            painter.setWorldTransform(self._warp * painter.worldTransform())
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        elif scale == 1:
            painter.scale(NOT_QUITE_ONE, NOT_QUITE_ONE)
        painter.drawImage(self._pixels(), self._image)
        if scale >= GRID_FROM and self._warp is None:
            view = self.viewRect()
            self._draw_grid(painter, view.intersected(self._pixels()), scale)

    def _draw_grid(self, painter: QPainter, area: QRectF, scale: float) -> None:
        strength = min(1.0, (scale - GRID_FROM) / GRID_FROM + 0.4)
        columns = np.arange(np.ceil(area.left() - 0.5), np.floor(area.right() - 0.5) + 1) + 0.5
        rows = np.arange(np.ceil(area.top() - 0.5), np.floor(area.bottom() - 0.5) + 1) + 0.5
        lines = [QLineF(x, area.top(), x, area.bottom()) for x in columns.tolist()]
        lines += [QLineF(area.left(), y, area.right(), y) for y in rows.tolist()]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        pen = QPen(QColor(128, 128, 128, int(110 * strength)), 0)
        painter.setPen(pen)
        painter.drawLines(lines)
