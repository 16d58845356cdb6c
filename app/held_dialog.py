"""Choosing by name which videos a training must not see."""

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.item_views import CheckDelegate, wash_selection
from app.panels.wording import number
from app.theme import SPACE_L, SPACE_M


class HeldDialog(QDialog):
    """A list with a box for each video; what is ticked is held out."""

    def __init__(self, names: Sequence[str], held: Collection[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Videos held out"))
        intro = QLabel(self.tr("What is ticked is never trained on. Base and student are compared on it."))
        intro.setWordWrap(True)
        self.search_field, self.list = QLineEdit(), QListWidget()
        self.search_field.setPlaceholderText(self.tr("Search"))
        self.search_field.setClearButtonEnabled(True)
        self.search_field.setAccessibleName(self.tr("Search for videos by name"))
        self.search_field.textChanged.connect(self._search)
        self.list.setAccessibleName(self.tr("Videos"))
        self.list.setItemDelegate(CheckDelegate(self.list))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        wash_selection(self.list)
        for name in names:
            item = QListWidgetItem(name)
            item.setCheckState(Qt.CheckState.Checked if name in held else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.count_label = QLabel()
        self.list.itemChanged.connect(self._count)
        ok, cancel = QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.Cancel
        buttons = QDialogButtonBox(ok | cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_M)
        for widget in (intro, self.search_field, self.list, self.count_label, buttons):
            layout.addWidget(widget)
        self.resize(380, 420)
        self._count()

    @property
    def held(self) -> tuple[str, ...]:
        """Those that are ticked."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return tuple(item.text() for item in items if item.checkState() == Qt.CheckState.Checked)

    def _search(self, text: str) -> None:
        for row in range(self.list.count()):
            item = self.list.item(row)
            item.setHidden(text.casefold() not in item.text().casefold())

    def _count(self) -> None:
        text = self.tr("{0} of {1} held out").format(number(len(self.held)), number(self.list.count()))
        self.count_label.setText(text)
