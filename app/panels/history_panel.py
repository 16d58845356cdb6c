"""The history panel: the undo steps, and how far they are done."""

from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.item_views import wash_selection
from app.panels.subscriptions import Subscriptions

ROW_HEIGHT = 24
NO_INDEX = QModelIndex()


class HistoryModel(QAbstractListModel):
    """Row 0 is the state before the first step; row k that after step k.

    Attributes:
        position: the row that the document stands at; those below it were undone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.position = 0
        self._steps: list[str] = []

    def show(self, steps: list[str], position: int) -> None:
        """Show these steps."""
        if steps != self._steps:
            self.beginResetModel()
            self._steps, self.position = steps, position
            self.endResetModel()
        elif position != self.position:
            self.position = position
            self.dataChanged.emit(self.index(0), self.index(len(steps)))

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = NO_INDEX) -> int:
        """One more than there are steps."""
        return 0 if parent.isValid() else len(self._steps) + 1

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The name of a step; what was undone is dimmed and slanted."""
        row, undone = index.row(), index.row() > self.position
        text = self._steps[row - 1] if row else self.tr("Start")
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("{0} (undone)").format(text) if undone else text
        return undone if role == Qt.ItemDataRole.UserRole else None


class HistoryPanel(QWidget):
    """All undo steps; a click asks to go to one.

    Signals:
        go_to: how many steps are to be done.
    """

    go_to = Signal(int)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document: Document | None = None
        self._subscriptions = Subscriptions(self)
        self.model = HistoryModel()
        self.list_view = QListView()
        self.list_view.setModel(self.model)
        self.list_view.setItemDelegate(_StepDelegate(self.list_view))
        self.list_view.setUniformItemSizes(True)
        self.list_view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)  # long names are shortened
        self.list_view.setFrameShape(QListView.Shape.NoFrame)
        self.list_view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list_view.setAccessibleName(self.tr("History"))
        wash_selection(self.list_view)
        self.list_view.clicked.connect(self._chosen)
        self.list_view.activated.connect(self._chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list_view)
        self.set_document(document)

    def sizeHint(self) -> QSize:
        """A dozen steps."""
        return QSize(240, 12 * ROW_HEIGHT)

    def set_document(self, document: Document | None) -> None:
        """Show the history of another document, or none."""
        self.release()
        self._document = document
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
        self._refresh()

    def release(self) -> None:
        """Stop listening to the document."""
        self._subscriptions.release()

    def _document_changed(self, change: Change) -> None:
        if change.kind != "runs":
            self._refresh()

    def _refresh(self) -> None:
        if self._document is None:
            self.model.show([], 0)
        else:
            self.model.show(self._document.history_steps(), self._document.history_position)
        index = self.model.index(self.model.position)
        if self.list_view.currentIndex() != index:
            selection = self.list_view.selectionModel()
            selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.list_view.scrollTo(index)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The current step stays in view."""
        super().resizeEvent(event)
        self.list_view.scrollTo(self.list_view.currentIndex())

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            wash_selection(self.list_view)

    def _chosen(self, index: QModelIndex) -> None:
        if index.row() != self.model.position:
            self.go_to.emit(index.row())


class _StepDelegate(QStyledItemDelegate):
    """Rows of even height, as wide as there is room; steps that were undone are dim and slanted."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        if index.data(Qt.ItemDataRole.UserRole):
            faint = option.palette.color(QPalette.ColorRole.PlaceholderText)
            option.palette.setColor(QPalette.ColorRole.Text, faint)
            option.font.setItalic(True)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        size = super().sizeHint(option, index)
        return QSize(0, max(ROW_HEIGHT, size.height()))
