"""Which mark and line is which teacher's."""

from collections.abc import Sequence

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app import theme
from app.canvas.teacher_marks import LINE, look
from app.document.view_state import ViewState

SAMPLE = 46  # logical pixels of a line with its mark


class TeacherLegend(QWidget):
    """One row below the canvas, shown only while the ghosts of teachers are."""

    def __init__(self, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._names: tuple[str, ...] = ()
        self.setFixedHeight(26)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Teachers"))
        unsubscribe = view.changed.subscribe(self._view_changed)
        self.destroyed.connect(lambda: unsubscribe())
        self._show()

    def set_names(self, names: Sequence[str]) -> None:
        """The teachers, in the order of their ghosts; none where nothing is known of them."""
        self._names = tuple(names)
        self._show()

    @property
    def names(self) -> tuple[str, ...]:
        """The teachers that are shown."""
        return self._names

    def _view_changed(self, name: str) -> None:
        if name == "show_teachers":
            self._show()

    def _show(self) -> None:
        self.setVisible(bool(self._names) and self._view.show_teachers)
        self.setAccessibleDescription(", ".join(self._names))
        self.setToolTip(self.tr("Teachers: {}").format(", ".join(self._names)))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """As many as there is room for."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        x, middle = float(theme.SPACE_M), self.height() / 2
        for place, name in enumerate(self._names):
            width = SAMPLE + theme.SPACE_M + painter.fontMetrics().horizontalAdvance(name) + theme.SPACE_L
            if x + width > self.width() and place:
                break
            mine = look(place)
            line = QLineF(x, middle, x + SAMPLE, middle)
            painter.setPen(QPen(QColor(*theme.OUTLINE, 120), LINE + 1.2))
            painter.drawLine(line)
            painter.setPen(mine.pen())
            painter.drawLine(line)
            mine.draw(painter, QPointF(x + SAMPLE / 2, middle), filled=True)
            painter.setPen(text)
            left = x + SAMPLE + theme.SPACE_M
            painter.drawText(QRectF(left, 0, width, self.height()), Qt.AlignmentFlag.AlignVCenter, name)
            x += width
        hint = self.tr("hollow: called hidden")
        if x + painter.fontMetrics().horizontalAdvance(hint) <= self.width():
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(QRectF(x, 0, self.width() - x, self.height()), Qt.AlignmentFlag.AlignVCenter, hint)
        painter.end()
