"""The bar below the picture while a take is there to compare with: which one is the ghost, and which one stays."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget
from superqt import QElidingLabel

from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.subscriptions import Subscriptions
from app.theme import SPACE_M, SPACE_S


class CompareBar(QWidget):
    """Shown only while there is a take.

    Signals:
        action_requested: the id of an action that the window should do.
    """

    action_requested = Signal(str)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._subscriptions = Subscriptions(self)
        self._label = QElidingLabel()
        self._label.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        row.setSpacing(SPACE_S)
        row.addWidget(self._label, 1)
        self.buttons = {
            action: self._button(row, text, tip, action)
            for action, text, tip in (
                ("take.show", self.tr("Ghost"), self.tr("Show the kept version beside the tracks")),
                ("take.swap", self.tr("Swap"), self.tr("Take the kept version, and keep this one")),
                ("take.drop", self.tr("Keep these tracks"), self.tr("End the comparison: forget the kept version")),
            )
        }
        self.buttons["take.show"].setCheckable(True)
        self.set_document(document)

    def set_document(self, document: Document | None) -> None:
        """Compare in another document, or in none."""
        self.release()
        self._document = document
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self._refresh()

    def release(self) -> None:
        """Stop listening to document and view."""
        self._subscriptions.release()

    def _button(self, row: QHBoxLayout, text: str, tip: str, action: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self.action_requested.emit(action))
        row.addWidget(button)
        return button

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("takes", "all"):
            self._refresh()

    def _view_changed(self, name: str) -> None:
        if name == "take":
            self._refresh()

    def _refresh(self) -> None:
        takes = self._document.takes if self._document is not None else ()
        self.setVisible(bool(takes))
        if not takes:
            return
        shown = next((take for take in takes if take.id == self._view.take), takes[-1])
        text = self.tr("Comparing with the kept version: {}").format(shown.name)
        self._label.setText(text)
        self._label.setAccessibleName(text)
        self._label.setToolTip(text)
        self.buttons["take.show"].setChecked(self._view.take is not None)
