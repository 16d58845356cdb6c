"""The lines between tracks that belong together."""

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app import theme
from app.canvas.appearance import Appearance
from app.canvas.overlay_item import EVERYWHERE
from app.document.groups import GroupInfo
from app.document.project import Document
from tracker.labels.table import State

if TYPE_CHECKING:
    from app.canvas.view import CanvasView


class SkeletonItem(pg.GraphicsObject):
    """Paints the edges of the document's groups between drawn points; dashed where an end is occluded."""

    def __init__(self, canvas: "CanvasView", document: Document, appearance: Appearance) -> None:
        super().__init__()
        self._canvas = canvas
        self._document = document
        self._appearance = appearance
        self._groups: tuple[int, list[GroupInfo]] | None = None  # track revision, those with a skeleton

    def forget(self) -> None:
        """Colours or skeletons of groups are other now."""
        self._groups = None

    def boundingRect(self) -> QRectF:
        """Everywhere."""
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels of the viewport."""
        frame, table = self._canvas.frame, self._appearance.table
        if self._groups is None or self._groups[0] != table.track_revision:  # the document looks at every track
            self._groups = table.track_revision, [group for group in self._document.groups if group.edges]
        groups = self._groups[1]
        if not groups or not 0 <= frame < table.n_frames:
            return
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        places = self._canvas.mapping().points(table.rows("xy")[frame])
        drawn = self._appearance.drawn(frame)
        hidden = table.rows("state")[frame] == State.OCCLUDED
        for group in groups:
            ends = table.columns([i for edge in group.edges for i in edge]).reshape(-1, 2)
            ends = ends[drawn[ends].all(axis=1)]
            unsure = hidden[ends].any(axis=1)
            colour = QColor(*group.colour)
            _draw(painter, places[ends[~unsure]], colour, Qt.PenStyle.SolidLine)
            _draw(painter, places[ends[unsure]], colour, Qt.PenStyle.DashLine)


def _draw(painter: QPainter, ends: NDArray[np.float64], colour: QColor, style: Qt.PenStyle) -> None:
    """Lines (n, 2, 2) on a dark outline."""
    lines = [QLineF(*line) for line in ends.reshape(-1, 4).tolist()]
    if lines:
        painter.setPen(QPen(QColor(*theme.OUTLINE, 170), 3.2))
        painter.drawLines(lines)
        painter.setPen(QPen(colour, 1.6, style))
        painter.drawLines(lines)
