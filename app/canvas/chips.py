"""Small notes in the corner of the picture: what the view is locked to, and that a frame is not solved."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from app import theme

STYLE = "border: none; border-radius: 4px; padding: 4px 8px; background: rgba({0}, {0}, {0}, 215); color: {1};"
GROUND, TEXT, WARNING = 16, "#ffffff", "#f0e442"  # readable on any picture; white or yellow on near black is above 13:1


class Chips(QWidget):
    """Notes at the top left of a viewport.

    Attributes:
        lock: a button that says what the view is locked to; a click lets go.
        note: a sentence about the shown frame.

    Signals:
        unlock_requested: the lock was clicked.
    """

    unlock_requested = Signal()

    def __init__(self, viewport: QWidget) -> None:
        super().__init__(viewport)
        self.lock, self.note = QToolButton(), QLabel()
        self.lock.setStyleSheet(f"QToolButton {{ {STYLE.format(GROUND, TEXT)} }}")
        self.lock.setCursor(Qt.CursorShape.PointingHandCursor)
        self.lock.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its key is the window's
        self.lock.setToolTip(self.tr("Let go of the view (Shift+L)"))
        self.lock.clicked.connect(self.unlock_requested)
        self.note.setStyleSheet(f"QLabel {{ {STYLE.format(GROUND, WARNING)} }}")
        self.note.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_M, theme.SPACE_M, theme.SPACE_M, theme.SPACE_M)
        row.setSpacing(theme.SPACE_M)
        row.addWidget(self.lock)
        row.addWidget(self.note)
        self.hide()
        viewport.installEventFilter(self)
        self._viewport = viewport

    def show_texts(self, lock: str, note: str) -> None:
        """What the chips say; an empty one is not shown."""
        if (lock, note) == (self.lock.text(), self.note.text()):
            return
        for chip, text in ((self.lock, lock), (self.note, note)):
            chip.setText(text)
            chip.setAccessibleName(text)
            chip.setVisible(bool(text))
        self.setVisible(bool(lock or note))
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay inside the viewport."""
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return False

    def _fit(self) -> None:
        self.resize(self.sizeHint().boundedTo(self._viewport.size()))
