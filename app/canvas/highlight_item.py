"""What lies above the points: the selection, the point under the pointer, names and the box being drawn."""

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPalette, QPen, QPixmap
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app import theme
from app.canvas.appearance import Appearance
from app.canvas.overlay_item import EVERYWHERE
from app.canvas.points_painter import Fragments
from tracker.labels.table import State

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

HALO_CELL = 28
HALO_RADIUS = 9.5
LABEL_LIMIT = 8  # names of more selected tracks would cover the picture
GONE_WITHIN = 240  # frames that are searched back for where a track left the picture
GONE_ARM = 5.0


class HighlightItem(pg.GraphicsObject):
    """Paints halos, names and the selection box.

    Attributes:
        hovered: id of the track under the pointer.
        band: the box being drawn, in view pixels.
    """

    def __init__(self, canvas: "CanvasView", appearance: Appearance) -> None:
        super().__init__()
        self._canvas = canvas
        self._appearance = appearance
        self._fragments = Fragments()
        self._halo: tuple[float, QPixmap] | None = None
        self.hovered: int | None = None
        self.band: QRectF | None = None

    def boundingRect(self) -> QRectF:
        """Everywhere."""
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels of the viewport."""
        painter.resetTransform()
        if 0 <= self._canvas.frame < self._appearance.table.n_frames:
            selection = self._appearance.selection()
            self._paint_tracks(painter, selection, 1.0)
            if self.hovered is not None and self.hovered not in selection and self.hovered in self._appearance.table:
                self._paint_tracks(painter, [self.hovered], 0.65)
        if self.band is not None:
            self._paint_band(painter, self.band)

    def _paint_tracks(self, painter: QPainter, ids: list[int], opacity: float) -> None:
        if not ids:
            return
        table, frame = self._appearance.table, self._canvas.frame
        columns = table.columns(ids)
        drawn = self._appearance.drawn(frame)[columns]
        hidden = self._appearance.hidden()[columns]
        centres = self._canvas.mapping().points(table.rows("xy")[frame][columns])
        ratio = self._canvas.viewport.devicePixelRatioF()
        painter.setOpacity(opacity)
        halo = self._halo_pixmap(ratio)
        self._fragments.draw(painter, halo, centres[drawn], (0.0, 0.0), halo.width(), ratio)
        painter.setOpacity(1.0)
        if len(ids) > LABEL_LIMIT:
            return
        states = table.rows("state")[frame][columns]
        states[hidden] = State.UNLABELLED
        for track_id, shown, centre, state in zip(ids, drawn, centres, states, strict=True):
            name = table.track(track_id).name
            if shown:
                self._paint_label(painter, QPointF(*centre), name)
            elif state == State.OUT_OF_VIEW:
                self._paint_gone(painter, track_id, name)

    def _halo_pixmap(self, ratio: float) -> QPixmap:
        if self._halo is None or self._halo[0] != ratio:
            side = 2 * round(HALO_CELL * ratio / 2)
            pixmap = QPixmap(side, side)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.translate(side / 2, side / 2)
            painter.scale(ratio, ratio)
            for colour, width in ((QColor(*theme.OUTLINE, 170), 4.0), (QColor(*theme.HALO), 1.8)):
                painter.setPen(QPen(colour, width))
                painter.drawEllipse(QPointF(0, 0), HALO_RADIUS, HALO_RADIUS)
            painter.end()
            self._halo = ratio, pixmap
        return self._halo[1]

    def _paint_label(self, painter: QPainter, centre: QPointF, text: str) -> None:
        font = self._canvas.font()
        font.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        view = QRectF(self._canvas.viewport.rect())
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, 160)
        box = QRectF(0, 0, metrics.horizontalAdvance(text) + 10, metrics.height() + 4)
        box.moveTo(centre.x() + HALO_RADIUS + 5, centre.y() - HALO_RADIUS - box.height() + 4)
        if box.right() > view.right():
            box.moveRight(centre.x() - HALO_RADIUS - 5)
        if box.top() < view.top():
            box.moveTop(centre.y() + HALO_RADIUS)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(*theme.OUTLINE, 200))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(*theme.HALO))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_gone(self, painter: QPainter, track_id: int, name: str) -> None:
        place = self._last_seen(track_id)
        if place is None:
            return
        centre = self._canvas.mapping().to_view(*place.tolist())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        arm = GONE_ARM
        for colour, width in ((QColor(*theme.OUTLINE, 200), 4.5), (QColor(*theme.HALO), 1.8)):
            painter.setPen(QPen(colour, width, c=Qt.PenCapStyle.RoundCap))
            painter.drawLine(QLineF(centre.x() - arm, centre.y() - arm, centre.x() + arm, centre.y() + arm))
            painter.drawLine(QLineF(centre.x() - arm, centre.y() + arm, centre.x() + arm, centre.y() - arm))
        self._paint_label(painter, centre, self._canvas.tr("{} (out of view)").format(name))

    def _last_seen(self, track_id: int) -> NDArray[np.float32] | None:
        table, frame = self._appearance.table, self._canvas.frame
        column = int(table.columns([track_id])[0])
        first = max(0, frame - GONE_WITHIN)
        past = table.rows("xy")[first:frame, column]
        known = np.flatnonzero(np.isfinite(past[:, 0]))
        return past[known[-1]] if len(known) else None

    def _paint_band(self, painter: QPainter, band: QRectF) -> None:
        accent = self._canvas.palette().color(QPalette.ColorRole.Accent)
        fill = QColor(accent)
        fill.setAlpha(45)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(accent, 1))
        painter.setBrush(fill)
        painter.drawRect(band)
