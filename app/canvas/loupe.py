"""A magnifying glass beside the pointer, for placing points to a fraction of a pixel."""

from collections.abc import Callable

from PySide6.QtCore import QLineF, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app import theme
from app.canvas.mapping import Mapping

SIDE = 184
MAGNIFICATION = 8.0  # screen pixels per picture pixel, unless the view itself is closer
BESIDE = 24  # pixels between pointer and glass
CROSS_GAP = 5.0


class Loupe(QWidget):
    """Shows the picture and its points around one place, much larger."""

    def __init__(self, parent: QWidget, paint_points: Callable[[QPainter, Mapping, QRectF], object]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFixedSize(SIDE, SIDE)
        self.hide()
        self._paint_points = paint_points
        self._image = QImage()
        self._mapping = Mapping(MAGNIFICATION, 0.0, 0.0)

    def look_at(self, image: QImage, x: float, y: float, at: QPoint, scale: float) -> None:
        """Magnify around image position (x, y), beside `at` of the parent; `scale` is that of the view."""
        self._image = image
        magnified = max(MAGNIFICATION, 2 * scale)
        self._mapping = Mapping(magnified, SIDE / 2 - x * magnified, SIDE / 2 - y * magnified)
        parent = self.parentWidget()
        assert parent is not None
        area = parent.rect()
        left = at.x() + BESIDE if at.x() + BESIDE + SIDE <= area.right() else at.x() - BESIDE - SIDE
        top = at.y() - BESIDE - SIDE if at.y() - BESIDE - SIDE >= area.top() else at.y() + BESIDE
        self.move(left, top)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The magnified picture in a disc, with a crosshair that leaves its centre free."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        glass = QRectF(self.rect()).adjusted(3, 3, -3, -3)
        disc = QPainterPath()
        disc.addEllipse(glass)
        painter.fillPath(disc, QColor(*theme.OUTLINE))
        painter.setClipPath(disc)
        painter.save()
        painter.translate(self._mapping.offset_x, self._mapping.offset_y)
        painter.scale(self._mapping.scale, self._mapping.scale)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(QRectF(-0.5, -0.5, self._image.width(), self._image.height()), self._image)
        painter.restore()
        self._paint_points(painter, self._mapping, QRectF(self.rect()))
        self._paint_cross(painter)
        painter.setClipping(False)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(*theme.OUTLINE), 5.0), (QColor(*theme.HALO), 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(glass)
        painter.end()

    def _paint_cross(self, painter: QPainter) -> None:
        centre = SIDE / 2
        for colour, width in ((QColor(*theme.OUTLINE, 160), 3.0), (QColor(*theme.HALO, 220), 1.0)):
            painter.setPen(QPen(colour, width))
            for direction in (QPointF(1, 0), QPointF(-1, 0), QPointF(0, 1), QPointF(0, -1)):
                start = QPointF(centre, centre) + direction * CROSS_GAP
                painter.drawLine(QLineF(start, QPointF(centre, centre) + direction * (SIDE * 0.3)))
