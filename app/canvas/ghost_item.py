"""Where a take had the tracks: hollow marks, joined to where the tracks are now."""

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app import theme
from app.canvas.appearance import Appearance
from app.canvas.overlay_item import EVERYWHERE
from app.document.project import Document
from tracker.labels.table import State

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

RADIUS = 5.5
ARM = 4.0
COLOUR = (255, 200, 255)  # no track and no ramp has it


class GhostItem(pg.GraphicsObject):
    """Paints the take of the view state: rings where a track was visible, crosses where it was occluded."""

    def __init__(self, canvas: "CanvasView", document: Document, appearance: Appearance) -> None:
        super().__init__()
        self._canvas = canvas
        self._document = document
        self._appearance = appearance

    def boundingRect(self) -> QRectF:
        """Everywhere."""
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels of the viewport."""
        wanted, frame = self._canvas.view.take, self._canvas.frame
        take = next((take for take in self._document.takes if take.id == wanted), None)
        if take is None or not 0 <= frame - take.start < take.cells.shape[0]:
            return
        row = frame - take.start
        state = take.cells.state[row]
        shown = self._shown(take.ids) & np.isin(state, (State.VISIBLE, State.OCCLUDED))
        shown &= np.isfinite(take.cells.xy[row]).all(axis=1)
        places = self._canvas.mapping().points(take.cells.xy[row])
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        lines = self._to_present(np.array(take.ids)[shown], places[shown])
        visible = state == State.VISIBLE
        crosses = [line for place in places[shown & ~visible] for line in _cross(*place.tolist())]
        rings = [QPointF(x, y) for x, y in places[shown & visible].tolist()]
        for colour, width in ((QColor(*theme.OUTLINE, 190), 3.0), (QColor(*COLOUR), 1.4)):
            painter.setPen(QPen(colour, width * 0.8, Qt.PenStyle.SolidLine if width > 2 else Qt.PenStyle.DotLine))
            painter.drawLines(lines)
            painter.setPen(QPen(colour, width))
            painter.drawLines(crosses)
            for ring in rings:
                painter.drawEllipse(ring, RADIUS, RADIUS)

    def _shown(self, ids: tuple[int, ...]) -> NDArray[np.bool_]:
        view = self._canvas.view
        shown = np.array([i not in view.hidden for i in ids], dtype=bool)
        if view.hide_others and view.selection:
            shown &= np.isin(ids, view.selection)
        return shown

    def _to_present(self, ids: NDArray[np.int64], places: NDArray[np.float64]) -> list[QLineF]:
        """Lines from the take's places to those of the tracks now, where they have one."""
        table, frame = self._appearance.table, self._canvas.frame
        here = [k for k, track_id in enumerate(ids.tolist()) if track_id in table]
        columns = table.columns(ids[here])
        now = self._canvas.mapping().points(table.rows("xy")[frame][columns])
        there = self._appearance.drawn(frame)[columns]
        ends = np.hstack([places[here], now])[there]
        return [QLineF(*line) for line in ends.tolist()]


def _cross(x: float, y: float) -> list[QLineF]:
    return [QLineF(x - ARM, y - ARM, x + ARM, y + ARM), QLineF(x - ARM, y + ARM, x + ARM, y - ARM)]
