"""Paints all points of a frame in one go."""

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.Qt.internals import PrimitiveArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap

from app.canvas.appearance import Appearance, Shape
from app.canvas.atlas import Atlas
from app.canvas.mapping import Mapping

SQUARES_FROM = 10_000  # above, points are plain squares: three times as fast, and shapes could not be told apart anyway
SQUARE_SIDE = 3.0
HOLLOW_SIDE = 1.5  # squares of points that are occluded or unsure: smaller, so that the state still shows
MARGIN = 12.0  # pixels around the view within which a mark may still reach into it
HOLLOW = (Shape.RING, Shape.BROKEN_RING, Shape.HOLLOW_DIAMOND)


class Fragments:
    """Copies of pieces of one pixmap, given to Qt as one array without a Python object per piece."""

    def __init__(self) -> None:
        self._array = PrimitiveArray(QPainter.PixmapFragment, 10)

    def draw(
        self,
        painter: QPainter,
        pixmap: QPixmap,
        centres: NDArray[np.float64],
        corner: tuple[NDArray[np.float64] | float, NDArray[np.float64] | float],
        cell: float,
        ratio: float,
    ) -> None:
        """Draw square pieces of side `cell` from `corner` (x, y) of the pixmap around view positions (n, 2)."""
        if not len(centres):
            return
        self._array.resize(len(centres))
        pieces = self._array.ndarray()
        pieces[:, :2] = np.round(centres * ratio) / ratio
        pieces[:, 2], pieces[:, 3] = corner
        pieces[:, 4:6] = cell
        pieces[:, 6:8] = 1 / ratio
        pieces[:, 8], pieces[:, 9] = 0.0, 1.0
        painter.drawPixmapFragments(*self._array.drawargs(), pixmap)  # type: ignore[call-arg]


class PointsPainter:
    """Draws the points of one frame with shapes and colours of an `Appearance`."""

    def __init__(self, appearance: Appearance) -> None:
        self._appearance = appearance
        self._atlas: Atlas | None = None
        self._fragments = Fragments()
        self._squares = PrimitiveArray(QPointF, 2)

    def paint(
        self, painter: QPainter, frame: int, xy: NDArray[np.float32], mapping: Mapping, area: QRectF, ratio: float
    ) -> None:
        """Draw points at image positions xy (N, 2) that fall into `area` of the view."""
        shapes = self._appearance.shapes(frame)
        centres = mapping.points(xy)
        with np.errstate(invalid="ignore"):
            inside = (centres[:, 0] > area.left() - MARGIN) & (centres[:, 0] < area.right() + MARGIN)
            inside &= (centres[:, 1] > area.top() - MARGIN) & (centres[:, 1] < area.bottom() + MARGIN)
        shown = np.flatnonzero(inside & (shapes != Shape.NONE))
        colours = self._appearance.colours()
        index = self._appearance.colour_index(frame)[shown]
        if len(shown) > SQUARES_FROM:
            self._paint_squares(painter, centres[shown], shapes[shown], index, colours)
            return
        key = (colours.tobytes(), ratio)
        if self._atlas is None or self._atlas.key != key:
            self._atlas = Atlas(colours, ratio)
        cell = self._atlas.cell
        # Anchors last, so that they lie on top.
        order = np.argsort(shapes[shown], kind="stable")
        corner = (index[order].astype(np.float64) * cell, shapes[shown][order].astype(np.float64) * cell)
        self._fragments.draw(painter, self._atlas.pixmap, centres[shown][order], corner, cell, ratio)

    def _paint_squares(
        self,
        painter: QPainter,
        centres: NDArray[np.float64],
        shapes: NDArray[np.uint8],
        index: NDArray[np.uint8],
        colours: NDArray[np.uint8],
    ) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        hollow = np.isin(shapes, HOLLOW)
        for side, group in ((HOLLOW_SIDE, hollow), (SQUARE_SIDE, ~hollow)):
            for k in np.unique(index[group]):
                mine = centres[group & (index == k)]
                self._squares.resize(len(mine))
                self._squares.ndarray()[:] = mine
                pen = QPen(QColor(*colours[k].tolist()), side)
                pen.setCapStyle(Qt.PenCapStyle.SquareCap)
                painter.setPen(pen)
                painter.drawPoints(*self._squares.drawargs())
