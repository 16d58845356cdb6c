"""The column left of the lanes: colour and name of each track, and whether it is locked or hidden."""

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QIcon, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QWidget

from app.panels.buttons import live_icon
from app.panels.timeline.state import LANE_HEIGHT, TimelineState
from app.theme import SPACE_M, SPACE_S

NAMES_WIDTH = 150
CHIP = 10


class LaneNames(QWidget):
    """Draws the heads of the lanes."""

    def __init__(self, state: TimelineState, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._lock, self._eye = QIcon(), QIcon()
        self.setFixedWidth(NAMES_WIDTH)
        self.setAccessibleName(self.tr("Track names"))
        self._refresh_icon()

    def sizeHint(self) -> QSize:
        """A few lanes high."""
        return QSize(NAMES_WIDTH, 4 * LANE_HEIGHT)

    def changeEvent(self, event: QEvent) -> None:
        """Take the icon in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._refresh_icon()

    def _refresh_icon(self) -> None:
        self._lock = live_icon("mdi6.lock", self.palette())
        self._eye = live_icon("mdi6.eye-off-outline", self.palette())
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the exposed heads."""
        painter = QPainter(self)
        painter.fillRect(event.rect(), self.palette().color(QPalette.ColorRole.Window))
        selected = set(self._state.view.selection)
        for lane in self._state.lanes(self.height()):
            area = QRect(0, self._state.lane_y(lane), self.width(), LANE_HEIGHT)
            if area.intersects(event.rect()):
                track = self._state.table.tracks[lane]
                self._draw_head(painter, area, lane, track.id in selected)
        painter.setPen(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawLine(self.width() - 1, 0, self.width() - 1, self.height())

    def _draw_head(self, painter: QPainter, area: QRect, lane: int, selected: bool) -> None:
        track, role = self._state.table.tracks[lane], QPalette.ColorRole
        if selected:
            wash = QColor(self.palette().color(role.Highlight))
            wash.setAlpha(60)
            painter.fillRect(area, wash)
            painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), self.palette().color(role.Highlight))
        chip = QRect(area.left() + SPACE_M, area.center().y() - CHIP // 2 + 1, CHIP, CHIP)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self.palette().color(role.Dark))
        painter.setBrush(QColor(*track.colour))
        painter.drawRoundedRect(chip, 2, 2)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        hidden = track.id in self._state.view.hidden
        icons = [icon for icon, shown in ((self._lock, track.locked), (self._eye, hidden)) if shown]
        text = area.adjusted(SPACE_M + CHIP + SPACE_M, 0, -SPACE_M - (16 + SPACE_S) * len(icons), 0)
        painter.setPen(self.palette().color(role.PlaceholderText if hidden else role.WindowText))
        shown = QFontMetrics(self.font()).elidedText(track.name, Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        for place, icon in enumerate(icons, 1):
            icon.paint(painter, QRect(area.right() - (16 + SPACE_S) * place, area.center().y() - 7, 15, 15))
