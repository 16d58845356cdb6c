"""A checker or a picture laid over the plate, as the solve carries it: the test of a corner pin."""

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter, QPolygonF, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.canvas.mapping import as_transform
from app.canvas.overlay_item import EVERYWHERE

if TYPE_CHECKING:
    from app.canvas.preview import Preview


class InsertItem(pg.GraphicsObject):
    """Paints an insert over the shown frame; nothing where the frame is not solved."""

    def __init__(self, preview: "Preview") -> None:
        super().__init__()
        self._preview = preview
        self._pixels: NDArray[np.uint8] | None = None  # keeps the memory alive that the image looks at
        self._image = QImage()

    def set_picture(self, pixels: NDArray[np.uint8] | None) -> None:
        """Show (H, W, 4) uint8 blue, green, red, alpha; None for nothing."""
        self._pixels = None if pixels is None else np.ascontiguousarray(pixels)
        if self._pixels is None:
            self._image = QImage()
        else:
            height, width = self._pixels.shape[:2]
            self._image = QImage(self._pixels.data, width, height, width * 4, QImage.Format.Format_ARGB32)
        self.update()

    def boundingRect(self) -> QRectF:
        """Everywhere."""
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels of the viewport."""
        transform = self.transform_now()
        if transform is None:
            return
        painter.setTransform(transform)
        painter.setOpacity(self._preview.opacity)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QPointF(0, 0), self._image)

    def transform_now(self) -> QTransform | None:
        """From pixels of the insert, counted from their corners, to the viewport; None where nothing is shown."""
        quad, back = self._preview.quad, self._preview.from_reference()
        if self._image.isNull() or quad is None or back is None:
            return None
        width, height = float(self._image.width()), float(self._image.height())
        corners = QPolygonF([QPointF(0, 0), QPointF(width, 0), QPointF(width, height), QPointF(0, height)])
        target = QPolygonF([QPointF(x, y) for x, y in quad.tolist()])
        onto: object = QTransform.quadToQuad(corners, target)  # None where there is no such transform
        if not isinstance(onto, QTransform):
            return None
        return onto * as_transform(back) * self._preview.mapping().transform()


def checker(squares: int = 8, side: int = 64) -> NDArray[np.uint8]:
    """A checker board as (H, W, 4) uint8 blue, green, red, alpha.

    The top-left square is marked, so that a turned or mirrored insert shows.
    """
    rows, columns = np.mgrid[0 : squares * side, 0 : squares * side] // side
    board = np.where((rows + columns) % 2 == 0, 235, 30).astype(np.uint8)
    pixels = np.dstack([board, board, board, np.full_like(board, 255)])
    pixels[:side, :side, :3] = (0, 94, 213)  # Okabe and Ito's vermilion
    border = max(1, side // 16)
    for edge in (np.s_[:border], np.s_[-border:], np.s_[:, :border], np.s_[:, -border:]):
        pixels[edge][..., :3] = (0, 159, 230)
    return pixels
