"""What the canvas shows while there is no picture."""

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app import theme

ICON_SIDE = 56


class EmptyState(QWidget):
    """An icon, a sentence, and a smaller one below it, in the middle."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAutoFillBackground(True)
        self._icon, self._title, self._detail = QLabel(), QLabel(), QLabel()
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 1.6)
        self._title.setFont(font)
        column = QVBoxLayout(self)
        column.setSpacing(theme.SPACE_M)
        column.addStretch(4)
        for label in (self._icon, self._title, self._detail):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            column.addWidget(label)
        column.addStretch(5)
        self._dress()

    def set_text(self, title: str, detail: str) -> None:
        """Say what there is to do."""
        self._title.setText(title)
        self._detail.setText(detail)
        self.setAccessibleName(title)

    def changeEvent(self, event: QEvent) -> None:
        """Follow the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()

    def _dress(self) -> None:
        palette = self.palette()
        dim = palette.color(QPalette.ColorRole.PlaceholderText)
        colours = QPalette(palette)
        colours.setColor(QPalette.ColorRole.ButtonText, dim)
        self._icon.setPixmap(theme.icon("mdi6.movie-open-outline", colours).pixmap(QSize(ICON_SIDE, ICON_SIDE)))
        faded = self._detail.palette()
        if faded.color(QPalette.ColorRole.WindowText) != dim:
            faded.setColor(QPalette.ColorRole.WindowText, dim)
            self._detail.setPalette(faded)
