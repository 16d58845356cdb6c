"""Under which name a student is kept, and what its card says."""

from collections.abc import Collection

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.markdown_view import MarkdownView
from app.theme import SPACE_L, SPACE_M
from tracker.inference.trackers import NAME


class InstallDialog(QDialog):
    """Asks for a name; one that is taken, or none, cannot be accepted."""

    def __init__(self, suggested: str, taken: Collection[str], card: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Use from now on"))
        self._taken = {name.lower() for name in taken}
        self.name_field, self.fault_label = QLineEdit(), QLabel()
        self.card = MarkdownView(self.tr("Model card"))
        self.name_field.setAccessibleName(self.tr("Name of the tracker"))
        self.fault_label.setTextFormat(Qt.TextFormat.PlainText)
        self.fault_label.setWordWrap(True)
        self.card.show_markdown(card)
        form = QFormLayout()
        form.addRow(self.tr("Name"), self.name_field)
        form.addRow("", self.fault_label)
        ok, cancel = QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel
        buttons = QDialogButtonBox(ok | cancel)
        self.ok_button = buttons.button(ok)
        self.ok_button.setText(self.tr("Use it"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        caption = QLabel(self.tr("Its card, which is kept beside it:"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_M)
        layout.addLayout(form)
        layout.addWidget(caption)
        layout.addWidget(self.card, 1)
        layout.addWidget(buttons)
        self.resize(640, 560)
        self.name_field.textChanged.connect(self._check)
        self.name_field.setText(suggested)
        self.name_field.selectAll()
        self._check()

    @property
    def name(self) -> str:
        """What was typed."""
        return self.name_field.text().strip()

    def _check(self) -> None:
        fault = ""
        if not NAME.fullmatch(self.name):
            fault = self.tr("A name is made of letters, digits, dots, hyphens and underscores.")
        elif self.name.lower() in self._taken:
            fault = self.tr("There is a tracker of this name already.")
        self.fault_label.setText(fault)
        self.fault_label.setVisible(bool(fault))
        self.ok_button.setEnabled(not fault)
