"""What each teacher of a label set said of the selected tracks: its marks, and its paths over the last frames."""

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app import theme
from app.canvas.overlay_item import EVERYWHERE
from app.canvas.teacher_marks import LINE, look
from app.curation.teachers import TeacherPaths
from app.document.project import Document
from tracker.labels.stretches import stretches

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

MOST_PATHS = 8  # tracks whose paths are drawn; of more only the marks
MOST_MARKS = 100  # tracks


class TeacherItem(pg.GraphicsObject):
    """Paints the ghosts of the teachers. A frame costs its own row, and the last ones of a few tracks."""

    def __init__(self, canvas: "CanvasView", document: Document) -> None:
        super().__init__()
        self._canvas = canvas
        self._document = document
        self._paths: TeacherPaths | None = None
        self._rows: dict[int, int] = {}  # by track

    def set_paths(self, paths: TeacherPaths | None) -> None:
        """Show what these teachers said; a track keeps its ghosts under whatever name it gets later."""
        self._paths = paths
        rows = paths.rows if paths is not None else {}
        self._rows = {track.id: rows[track.name] for track in self._document.table.tracks if track.name in rows}
        self.update()

    def boundingRect(self) -> QRectF:
        """Everywhere."""
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels of the viewport."""
        view, frame, paths = self._canvas.view, self._canvas.frame, self._paths
        if paths is None or not view.show_teachers or not 0 <= frame < len(paths.xy):
            return
        rows = [self._rows[i] for i in view.selection if i in self._rows][-MOST_MARKS:]
        if not rows:
            return
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if view.show_trails and len(rows) <= MOST_PATHS:
            first = max(0, frame - view.trail_length)
            self._paint_paths(painter, paths.xy[first : frame + 1][:, :, rows])
        places = self._canvas.mapping().points(paths.xy[frame][:, rows])
        visible = paths.visible[frame][:, rows]
        for teacher, track in np.argwhere(np.isfinite(places).all(axis=2)).tolist():
            centre = QPointF(*places[teacher, track].tolist())
            look(teacher).draw(painter, centre, filled=bool(visible[teacher, track]))

    def _paint_paths(self, painter: QPainter, xy: NDArray[np.float32]) -> None:
        """(F, K, N, 2): a polyline for every stretch of known places."""
        places = self._canvas.mapping().points(xy)
        for teacher in range(places.shape[1]):
            of_tracks = places[:, teacher].swapaxes(0, 1)
            known = np.atleast_2d(np.isfinite(of_tracks).all(axis=2))
            lines = [
                QPolygonF([QPointF(x, y) for x, y in of_tracks[track, start:end].tolist()])
                for track, start, end in stretches(known)
                if end - start > 1
            ]
            pen = look(teacher).pen()
            for line in lines:
                painter.setPen(QPen(QColor(*theme.OUTLINE, 120), LINE + 1.2))
                painter.drawPolyline(line)
                painter.setPen(pen)
                painter.drawPolyline(line)
