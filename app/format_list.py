"""A list of formats to choose from, grouped by who they are for, with a field to search it."""

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from app.theme import SPACE_S
from tracker.labels import Format
from tracker.labels.formats import Audience

ENTRY = Qt.ItemDataRole.UserRole


class FormatList(QWidget):
    """Formats under headings; the arrow keys go through them from the search field too.

    Signals:
        chosen(Format): another one is current.
    """

    chosen = Signal(object)

    def __init__(self, entries: Iterable[Format], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = QLineEdit(clearButtonEnabled=True)
        self.search.setPlaceholderText(self.tr("Search formats"))
        self.search.setAccessibleName(self.tr("Search formats"))
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Formats"))
        self.list.setMinimumWidth(self.fontMetrics().averageCharWidth() * 44)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE_S)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        self._fill(list(entries))
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self.list.setFocus)
        self.list.currentItemChanged.connect(self._current_changed)

    @property
    def current(self) -> Format | None:
        """The chosen format."""
        item = self.list.currentItem()
        return None if item is None else item.data(ENTRY)

    def choose(self, name: str) -> None:
        """Make the format of this name current; the first one where there is none."""
        items = self._entries()
        found = next((item for item in items if item.data(ENTRY).name == name), items[0])
        self.list.setCurrentItem(found)
        self.list.scrollToItem(found)

    def _entries(self) -> list[QListWidgetItem]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return [item for item in items if item.data(ENTRY) is not None]

    def _fill(self, entries: list[Format]) -> None:
        headings: dict[Audience, str] = {
            "labels": self.tr("Labels to train and evaluate on"),
            "vfx": self.tr("Compositing and matchmove"),
            "annotation": self.tr("Annotation tools"),
        }
        for audience, heading in headings.items():
            mine = sorted(
                (e for e in entries if e.audience == audience), key=lambda e: (e.name != "npz", e.title.lower())
            )
            if not mine:
                continue
            top = QListWidgetItem(heading, self.list)
            top.setFlags(Qt.ItemFlag.NoItemFlags)
            font = top.font()
            font.setBold(True)
            top.setFont(font)
            for entry in mine:
                item = QListWidgetItem(f"   {entry.title}", self.list)
                item.setData(ENTRY, entry)
                item.setToolTip(entry.missing or entry.name)
                if entry.missing:
                    item.setForeground(self.palette().placeholderText())

    def _filter(self, text: str) -> None:
        """Hide what does not have all the words; a heading stays while something under it does."""
        words = text.lower().split()
        heading: QListWidgetItem | None = None
        for row in range(self.list.count()):
            item = self.list.item(row)
            entry: Format | None = item.data(ENTRY)
            if entry is None:
                heading = item
                item.setHidden(True)
                continue
            told = f"{entry.title} {entry.name} {entry.suffix}".lower()
            item.setHidden(not all(word in told for word in words))
            if not item.isHidden() and heading is not None:
                heading.setHidden(False)
        visible = [item for item in self._entries() if not item.isHidden()]
        if visible and words:
            # What begins like that is meant sooner than what has the words somewhere; of such the shortest.
            self.list.setCurrentItem(min(visible, key=lambda item: _rank(item.data(ENTRY).title.lower(), text.lower())))

    def _current_changed(self, item: QListWidgetItem | None) -> None:
        if item is not None and item.data(ENTRY) is not None:
            self.chosen.emit(item.data(ENTRY))


def _rank(title: str, text: str) -> tuple[bool, int]:
    return not title.startswith(text.strip()), len(title)
