"""The bar below the picture while a spot check goes on: which span it is, what the answers say, and what to do."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from app.theme import SPACE_M, SPACE_S


class CheckBar(QWidget):
    """Shown only while there is a check. It knows nothing of it but what it is given.

    Signals:
        action_requested: the id of an action that the window should do.
    """

    action_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.label, self.estimate_label = QElidingLabel(), QElidingLabel()
        texts_column = QVBoxLayout()
        texts_column.setSpacing(0)
        for label in (self.label, self.estimate_label):
            label.setTextFormat(Qt.TextFormat.PlainText)
            texts_column.addWidget(label)
        font = self.estimate_label.font()
        font.setBold(True)
        self.estimate_label.setFont(font)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        row.setSpacing(SPACE_S)
        row.addLayout(texts_column, 1)
        texts = (
            ("check.right", self.tr("Right"), "1"),
            ("check.wrong", self.tr("Wrong"), "2"),
            ("check.back", self.tr("Back"), "3"),
            ("check.stop", self.tr("Stop here"), "Shift+Esc"),
            ("check.go_on", self.tr("Go on"), ""),
            ("check.accept", self.tr("Accept"), "Ctrl+Shift+Return"),
            ("check.drop", self.tr("Do not accept"), ""),
        )
        self.buttons = {action: self._button(row, text, key, action) for action, text, key in texts}
        self.hide()

    def show_span(self, text: str, estimate: str) -> None:
        """A span is to be judged; what the answers say so far."""
        self._show(text, estimate, {"check.right", "check.wrong", "check.back", "check.stop"})

    def show_end(self, text: str, estimate: str, accept: str, *, may_go_on: bool, may_accept: bool) -> None:
        """The answers are there: what is to be made of them."""
        self.buttons["check.accept"].setText(accept)
        shown = {"check.accept", "check.drop"} | ({"check.go_on"} if may_go_on else set())
        self._show(text, estimate, shown if may_accept else shown - {"check.accept"})

    def _show(self, text: str, estimate: str, shown: set[str]) -> None:
        for action, button in self.buttons.items():
            button.setVisible(action in shown)
        for label, said in ((self.label, text), (self.estimate_label, estimate)):
            label.setText(said)
            label.setToolTip(said)
            label.setAccessibleName(said)
        self.show()

    def _button(self, row: QHBoxLayout, text: str, key: str, action: str) -> QPushButton:
        button = QPushButton(f"{text}  {key}" if len(key) == 1 else text)
        button.setAccessibleName(text)
        button.setToolTip(f"{text} ({key})" if key else text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.action_requested.emit(action))
        row.addWidget(button)
        return button
