"""The frame ruler: numbers, in and out points, the frames in memory and those missing, and the playhead."""

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.panels.timeline.state import TimelineState

RULER_HEIGHT = 36
CACHED_HEIGHT = 3
RANGE_TOP = 19  # the numbers stand above, the ticks below
FLAG_HEIGHT = 17


class Ruler(QWidget):
    """Draws the time axis of the timeline."""

    def __init__(self, state: TimelineState, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self.setFixedHeight(RULER_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Frame ruler"))

    def sizeHint(self) -> QSize:
        """Wide enough for a few numbers."""
        return QSize(300, RULER_HEIGHT)

    def flag_rect(self, frame: int) -> QRect:
        """Where the number of the playhead stands, held inside the ruler."""
        width = QFontMetrics(self.font()).horizontalAdvance(str(self._state.number_of(frame))) + 12
        x = round(self._state.scale.centre_of(frame)) - width // 2
        return QRect(max(0, min(self.width() - width, x)), 1, width, FLAG_HEIGHT)

    def update_playhead(self, frame: int) -> None:
        """Draw again what the playhead covers at a frame."""
        x = round(self._state.scale.centre_of(frame))
        self.update(
            self.flag_rect(frame)
            .adjusted(-2, -2, 2, 2)
            .united(QRect(x - 8, 0, 16, self.height()))
            .adjusted(-80, 0, 80, 0)
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the exposed part."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), self.palette().color(QPalette.ColorRole.Window))
        self._draw_range(painter)
        self._draw_missing(painter)
        self._draw_ticks(painter, event.rect())
        self._draw_cached(painter)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        if self._state.document is not None:
            self._draw_playhead(painter)

    def _draw_range(self, painter: QPainter) -> None:
        if self._state.view.loop_range is None:
            return
        start, end = self._state.view.loop_range
        left, right = self._state.scale.x_of(start), self._state.scale.x_of(end)
        accent = self.palette().color(QPalette.ColorRole.Accent)
        bottom = self.height() - CACHED_HEIGHT - 1
        fill = QColor(accent)
        fill.setAlpha(70)
        painter.fillRect(QRectF(left, RANGE_TOP, right - left, bottom - RANGE_TOP), fill)
        for x, inward in ((left, 1), (right, -1)):
            painter.fillRect(QRectF(x - (inward < 0) * 2, RANGE_TOP, 2, bottom - RANGE_TOP), accent)
            for y in (RANGE_TOP, bottom - 2):
                painter.fillRect(QRectF(min(x, x + inward * 6), y, 6, 2), accent)

    def _draw_ticks(self, painter: QPainter, exposed: QRect) -> None:
        scale = self._state.scale
        step = scale.tick_step()
        minor = scale.minor_step(step)
        origin = self._state.number_of(0)
        first = ((scale.frame_at(exposed.left()) + origin) // step - 1) * step  # a number, as those below
        last = min(scale.frame_at(exposed.right()) + step, scale.frame_count - 1) + origin
        text, faint = (
            self.palette().color(role) for role in (QPalette.ColorRole.Text, QPalette.ColorRole.PlaceholderText)
        )
        bottom = self.height() - CACHED_HEIGHT - 1
        for number in range(first, last + 1, minor):
            if number < origin:
                continue
            x = round(scale.centre_of(number - origin))
            major = number % step == 0
            painter.setPen(text if major else faint)
            painter.drawLine(x, bottom - (8 if major else 4), x, bottom - 1)
            if major:
                self._draw_number(painter, number - origin, x)

    def _draw_number(self, painter: QPainter, frame: int, x: int) -> None:
        """A number over its tick, the first one beside it; not where the playhead's own number stands."""
        text = str(self._state.number_of(frame))
        width = QFontMetrics(self.font()).horizontalAdvance(text)
        area = QRect(x - width // 2 if frame else max(x - width // 2, 2), 2, width + 1, 15)
        if not area.adjusted(-4, 0, 4, 0).intersects(self.flag_rect(self._state.view.playhead)):
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)

    def _draw_missing(self, painter: QPainter) -> None:
        bottom = self.height() - CACHED_HEIGHT - 1
        hatching = QBrush(self.palette().color(QPalette.ColorRole.PlaceholderText), Qt.BrushStyle.BDiagPattern)
        for start, end in self._state.missing:
            left, right = self._state.scale.x_of(start), self._state.scale.x_of(end)
            if right > 0 and left < self.width():
                area = QRectF(left, RANGE_TOP, max(2.0, right - left), bottom - RANGE_TOP)
                painter.fillRect(area.intersected(QRectF(self.rect())), hatching)

    def _draw_cached(self, painter: QPainter) -> None:
        colour = QColor(self.palette().color(QPalette.ColorRole.Text))
        colour.setAlpha(110)
        for start, end in self._state.cached:
            left, right = self._state.scale.x_of(start), self._state.scale.x_of(end)
            if right > 0 and left < self.width():
                area = QRectF(left, self.height() - CACHED_HEIGHT - 1, max(1.0, right - left), CACHED_HEIGHT)
                painter.fillRect(area, colour)

    def _draw_playhead(self, painter: QPainter) -> None:
        frame = self._state.view.playhead
        x = round(self._state.scale.centre_of(frame))
        role = QPalette.ColorRole
        accent, flag = self.palette().color(role.Accent), self.flag_rect(frame)
        painter.fillRect(QRect(x, flag.bottom(), 1, self.height() - flag.bottom()), accent)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(accent)
        painter.drawRoundedRect(flag, 3, 3)
        if flag.left() <= x <= flag.right():
            y = flag.bottom()
            painter.drawPolygon([QPointF(x - 4, y), QPointF(x + 5, y), QPointF(x + 0.5, y + 6)])
        painter.setPen(self.palette().color(role.HighlightedText))
        painter.drawText(flag, Qt.AlignmentFlag.AlignCenter, str(self._state.number_of(frame)))
