"""The track list: every track in a table that can be sorted and filtered."""

from collections.abc import Iterable
from functools import partial

from PySide6.QtCore import QEvent, QItemSelection, QItemSelectionModel, QModelIndex, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.item_views import wash_selection
from app.panels.subscriptions import Subscriptions
from app.panels.track_model import AT_PLAYHEAD, CHIP, Column, TrackModel
from app.theme import SPACE_L, SPACE_M, SPACE_S
from tracker.labels.table import TrackInfo

ROW_HEIGHT = 26
ICON_COLUMN = 24
LEAST_NAME = 92
COUNT_BUDGET = 0.008  # seconds of counting at a time


class TrackTableView(QTableView):
    """A table with wide names, whose Delete key asks for the deletion of the selected tracks.

    Signals:
        delete_pressed: with nothing.
    """

    delete_pressed = Signal()

    def fit_names(self) -> None:
        """The names take the room that the other columns leave, but never too little to be read."""
        header = self.horizontalHeader()
        others = sum(header.sectionSize(k) for k in range(header.count()) if k != Column.NAME)
        header.resizeSection(Column.NAME, max(LEAST_NAME, self.viewport().width() - others))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the names what is left."""
        super().resizeEvent(event)
        self.fit_names()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete is asked for; everything else is the table's."""
        if event.key() == Qt.Key.Key_Delete:
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)


class TrackList(QWidget):
    """All tracks with their state at the playhead; its selection is that of the view.

    Signals:
        action_requested: the id of an action that the window should do.
    """

    action_requested = Signal(str)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._syncing = False
        self._subscriptions = Subscriptions(self)
        self.model = TrackModel()
        self.filter_box = QLineEdit()
        self.table_view = TrackTableView()
        self.empty_label = QLabel()
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.timeout.connect(self._count)
        self._lay_out()
        self._set_up_table()
        self.set_document(document)

    def sizeHint(self) -> QSize:
        """Room for the names and the values."""
        return QSize(420, 400)

    def set_document(self, document: Document | None) -> None:
        """Show another document, or nothing."""
        self.release()
        self._document = document
        self.model.set_playhead(self._frame())
        self.model.set_document(document)
        self.model.set_hidden(self._view.hidden)
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self._rows_changed()
        self._show_selection()

    def release(self) -> None:
        """Stop listening to document and view."""
        self._subscriptions.release()
        self._counting.stop()

    # -- building

    def _lay_out(self) -> None:
        self.filter_box.setPlaceholderText(self.tr("Filter by name or group"))
        self.filter_box.setAccessibleName(self.tr("Filter tracks"))
        self.filter_box.setClearButtonEnabled(True)
        self.filter_box.textChanged.connect(self._filter)
        self.empty_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_label.setWordWrap(True)
        self.empty_label.setEnabled(False)  # quiet text
        self.empty_label.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        self._pages = QStackedLayout()
        self._pages.addWidget(self.table_view)
        self._pages.addWidget(self.empty_label)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_S, SPACE_S, SPACE_S, 0)
        column.setSpacing(SPACE_S)
        column.addWidget(self.filter_box)
        column.addLayout(self._pages)

    def _set_up_table(self) -> None:
        table = self.table_view
        table.setModel(self.model)
        table.setAccessibleName(self.tr("Tracks"))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.setFrameShape(QTableView.Shape.NoFrame)
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._show_menu)
        table.clicked.connect(self._clicked)
        table.delete_pressed.connect(lambda: self.action_requested.emit("edit.delete"))
        table.selectionModel().selectionChanged.connect(self._table_selected)
        rows = table.verticalHeader()
        rows.setVisible(False)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(ROW_HEIGHT)
        self._set_up_columns(table.horizontalHeader())
        self.model.refresh_icons(self.palette())
        wash_selection(table)

    def _set_up_columns(self, header: QHeaderView) -> None:
        """Widths fit the texts that can stand there; the name takes what is left."""
        metrics = QFontMetrics(self.font())
        # With that of the table it would ask for the flags of every cell at each paint: 200 ms for 5,000 rows.
        header.setSelectionModel(QItemSelectionModel(self.model, header))
        header.setAccessibleName(self.tr("Sort tracks by"))
        header.setHighlightSections(False)
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.sortIndicatorChanged.connect(self.model.sort)
        header.setMinimumSectionSize(ICON_COLUMN)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, widest in (
            (Column.CONFIDENCE, self.tr("Conf.")),
            (Column.COVERAGE, "100"),
            (Column.ANCHORS, "000"),
            (Column.GROUP, "background"),
        ):
            chip = CHIP + SPACE_M if column == Column.GROUP else 0
            header.resizeSection(column, metrics.horizontalAdvance(widest) + SPACE_M + chip)
        for column in (Column.STATE, Column.EYE, Column.LOCK):
            header.resizeSection(column, ICON_COLUMN)
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)

    # -- what has changed

    def _frame(self) -> int:
        """The playhead, held inside the document: the two change one after the other."""
        last = 0 if self._document is None else self._document.table.n_frames - 1
        return max(0, min(last, self._view.playhead))

    def _document_changed(self, change: Change) -> None:
        if change.kind == "cells":
            self.model.cells_changed(change.start, change.end)
            self._counting.start(0)
            if change.start <= self._view.playhead < change.end:
                self._refresh_visible()
        elif change.kind == "all":
            self.model.set_document(self._document)
            self._rows_changed()
            self._show_selection()
        elif change.kind == "tracks":
            self.model.cells_changed(change.start, change.end)
            if self.model.tracks_changed():
                self._show_selection()
            self._rows_changed()
        elif change.kind == "groups":
            self.model.groups_changed()

    def _view_changed(self, name: str) -> None:
        if name == "playhead":
            self.model.set_playhead(self._frame())
            self._refresh_visible()
        elif name == "selection":
            self._show_selection()
        elif name == "hidden":
            self.model.set_hidden(self._view.hidden)

    def _refresh_visible(self, left: Column = AT_PLAYHEAD[0], right: Column = AT_PLAYHEAD[-1]) -> None:
        """Draw the rows in view again, only the columns that follow the playhead."""
        first = self.table_view.rowAt(0)
        last = self.table_view.rowAt(self.table_view.viewport().height() - 1)
        if first >= 0:
            self.model.refresh(first, last if last >= 0 else self.model.rowCount() - 1, left, right)

    def _rows_changed(self) -> None:
        empty = self.model.rowCount() == 0
        filtered = bool(self.model.table.n_tracks)
        self.empty_label.setText(
            self.tr("No track has “{0}” in its name or group.").format(self.filter_box.text())
            if filtered
            else self.tr("No points yet.\nPress N and click in the picture.")
        )
        self._pages.setCurrentIndex(int(empty))
        self.filter_box.setEnabled(filtered)
        grouped = any(track.group for track in self.model.table.tracks)
        self.table_view.setColumnHidden(Column.GROUP, not grouped)
        self.table_view.fit_names()
        self._counting.start(0)

    def _filter(self, text: str) -> None:
        self.model.set_filter(text)
        self._rows_changed()
        self._show_selection()

    def _count(self) -> None:
        if not self.model.count(COUNT_BUDGET):
            self._counting.start(0)
        self._refresh_visible(Column.COVERAGE, Column.ANCHORS)

    def changeEvent(self, event: QEvent) -> None:
        """Take the icons in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.model.refresh_icons(self.palette())
            wash_selection(self.table_view)

    # -- selection, both ways

    def _show_selection(self) -> None:
        if self._syncing:
            return
        rows = sorted(row for i in self._view.selection if (row := self.model.row_of(i)) is not None)
        chosen = QItemSelection()
        for first, last in _stretches(rows):
            chosen.select(self.model.index(first, 0), self.model.index(last, len(Column) - 1))
        self._syncing = True
        selection = self.table_view.selectionModel()
        selection.select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        primary = self._view.primary
        row = None if primary is None else self.model.row_of(primary)
        if row is not None:
            index = self.model.index(row, max(0, selection.currentIndex().column()))
            selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
            self.table_view.scrollTo(index)
        self._syncing = False

    def _table_selected(self, new: QItemSelection, gone: QItemSelection) -> None:
        """Keep the order in which tracks were selected, so that the primary one stays the last."""
        if self._syncing:
            return
        ranges = self.table_view.selectionModel().selection().toList()
        rows = {row for part in ranges for row in range(part.top(), part.bottom() + 1)}
        chosen = {self.model.track_at(row).id: row for row in sorted(rows)}
        kept = [i for i in self._view.selection if i in chosen]
        added = list(chosen.keys() - set(kept))
        current = self.table_view.currentIndex().row()
        added.sort(key=lambda i: (chosen[i] == current, chosen[i]))
        self._syncing = True
        self._view.select([*kept, *added])
        self._syncing = False

    # -- what a person does

    def _clicked(self, index: QModelIndex) -> None:
        track = self.model.track_at(index.row())
        if index.column() == Column.LOCK and self._document is not None:
            self._document.set_locked([track.id], not track.locked)
        elif index.column() == Column.EYE:
            alone = bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.AltModifier)
            self._view.hidden = self._all_but(track.id) if alone else self._view.hidden ^ {track.id}

    def _all_but(self, track_id: int) -> frozenset[int]:
        """All other tracks; none where they are all hidden already, so that a second click shows them again."""
        others = frozenset(self.model.table.ids.tolist()) - {track_id}
        return frozenset() if others and others <= self._view.hidden else others

    def _show_menu(self, position: QPoint) -> None:
        index = self.table_view.indexAt(position)
        if index.isValid():
            self.make_menu(index).popup(self.table_view.viewport().mapToGlobal(position))

    def make_menu(self, index: QModelIndex) -> QMenu:
        """What can be done with the selected tracks; it deletes itself when it closes."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        name, track = self.model.index(index.row(), Column.NAME), self.model.track_at(index.row())
        menu.addAction(self.tr("Rename"), lambda: self.table_view.edit(name))
        for entry in self._entries(track):
            if entry is None:
                menu.addSeparator()
            else:
                text, action_id, enabled = entry
                menu.addAction(text, partial(self.action_requested.emit, action_id)).setEnabled(enabled)
        return menu

    def _entries(self, track: TrackInfo) -> list[tuple[str, str, bool] | None]:
        """Text, action and whether it can be done; None for a line. The window does the actions."""
        hidden, several = track.id in self._view.hidden, len(self._view.selection) > 1
        return [
            (self.tr("Set group…"), "group.set", True),
            (self.tr("Rename group…"), "group.rename", bool(track.group)),
            (self.tr("Unlock") if track.locked else self.tr("Lock"), "tracks.lock", True),
            (self.tr("Show") if hidden else self.tr("Hide"), "tracks.hide", True),
            (self.tr("Show only these"), "tracks.solo", True),
            None,
            (self.tr("Track forward"), "run.forward", True),
            (self.tr("Track backward"), "run.backward", True),
            (self.tr("Re-track up to the next anchor"), "run.retrack", True),
            None,
            (self.tr("End here"), "tracks.end", True),
            (self.tr("Split here"), "tracks.split", True),
            (self.tr("Merge into one"), "tracks.merge", several),
            (self.tr("Interpolate the chosen range"), "tracks.interpolate", True),
            (self.tr("Copy motion of the last selected"), "tracks.copy_motion", several),
            None,
            (self.tr("Delete"), "edit.delete", True),
        ]


def _stretches(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending rows as (first, last) of those that follow each other."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1] = (found[-1][0], row)
        else:
            found.append((row, row))
    return found
