"""Which line is which: a sample of each with its name, in columns below a plot."""

from typing import NamedTuple

from PySide6.QtCore import QSize
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.theme import SPACE_M, SPACE_S

SAMPLE = 22  # pixels of a line


class Entry(NamedTuple):
    """A line."""

    name: str
    pen: QPen


class LineLegend(QWidget):
    """As many columns as there is room for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries: list[Entry] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_entries([])

    def set_entries(self, entries: list[Entry]) -> None:
        """Show these lines."""
        self._entries = entries
        self._fit()
        self.update()

    @property
    def names(self) -> list[str]:
        """Those of the lines."""
        return [entry.name for entry in self._entries]

    def sizeHint(self) -> QSize:
        """Two columns wide."""
        return QSize(2 * self._column, self.height())

    @property
    def _column(self) -> int:
        names = [self.fontMetrics().horizontalAdvance(entry.name) for entry in self._entries]
        return SAMPLE + SPACE_S + SPACE_M + max(names, default=0)

    @property
    def _columns(self) -> int:
        return max(1, self.width() // self._column)

    def _fit(self) -> None:
        rows = -(-len(self._entries) // self._columns)
        self.setFixedHeight(rows * self.fontMetrics().lineSpacing())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other columns."""
        super().resizeEvent(event)
        self._fit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the samples and names."""
        painter = QPainter(self)
        width, height = self.width() // self._columns, self.fontMetrics().lineSpacing()
        for place, (name, pen) in enumerate(self._entries):
            row, column = divmod(place, self._columns)
            left, top = column * width, row * height
            painter.setPen(pen)
            painter.drawLine(left, top + height // 2, left + SAMPLE, top + height // 2)
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            painter.drawText(left + SAMPLE + SPACE_S, top + self.fontMetrics().ascent(), name)
