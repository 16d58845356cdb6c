"""The residuals of each track, as a table."""

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.document.project import Document
from app.panels.item_views import wash_selection
from app.panels.solve_settings import SolveReport
from app.panels.wording import number

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()
CHIP = 10  # pixels
ROOM = 14  # in a cell beside its text
NAME, MEAN, LARGEST, WORST = range(4)


class SolveModel(QAbstractTableModel):
    """One row for each track of a solve, in the order that was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._document: Document | None = None
        self._rows: list[tuple[int, float, float, int]] = []  # id, mean, largest, its frame
        self._sorted = (LARGEST, Qt.SortOrder.DescendingOrder)

    def show(self, document: Document | None, report: SolveReport | None) -> None:
        """Show these tracks; those that are gone from the document are left out."""
        rows: list[tuple[int, float, float, int]] = []
        if document is not None and report is not None:
            columns = (report.track_mean.tolist(), report.track_max.tolist(), report.track_worst.tolist())
            rows = [row for row in zip(report.ids, *columns, strict=True) if row[0] in document.table]
        rows = self._in_order(rows)
        if document is self._document and [row[0] for row in rows] == [row[0] for row in self._rows]:
            self._rows = rows
            if rows:
                self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, WORST))
            return
        self.beginResetModel()
        self._document, self._rows = document, rows
        self.endResetModel()

    def track(self, row: int) -> tuple[int, int]:
        """The id of a row's track, and its worst frame, -1 for none."""
        return self._rows[row][0], self._rows[row][3]

    def row_of(self, track_id: int) -> int:
        """The row of a track, -1 for none."""
        return next((k for k, row in enumerate(self._rows) if row[0] == track_id), -1)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows; what is not known stands last."""
        self._sorted = (column, order)
        self.layoutAboutToBeChanged.emit()
        old = [row[0] for row in self._rows]
        self._rows = self._in_order(self._rows)
        places = {row[0]: k for k, row in enumerate(self._rows)}
        for index in self.persistentIndexList():
            self.changePersistentIndex(index, self.index(places[old[index.row()]], index.column()))
        self.layoutChanged.emit()

    def _in_order(self, rows: list[tuple[int, float, float, int]]) -> list[tuple[int, float, float, int]]:
        column, order = self._sorted
        falling = order == Qt.SortOrder.DescendingOrder
        if column == NAME:
            return sorted(rows, key=lambda row: row[0], reverse=falling)
        known = sorted((row for row in rows if row[3] >= 0), key=lambda row: row[column], reverse=falling)
        return known + [row for row in rows if row[3] < 0]

    # -- Qt's questions

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """As many as there are tracks."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        """Name, mean, largest and its frame."""
        return 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What the columns are."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (self.tr("Track"), self.tr("Mean"), self.tr("Max"), self.tr("Frame"))[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return (
                self.tr("A click goes to the track's worst frame"),
                self.tr("Mean residual over all frames, in pixels on the reference frame"),
                self.tr("Largest residual, in pixels on the reference frame"),
                self.tr("Frame of the largest residual"),
            )[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Texts, the track's colour, and a sentence for screen readers."""
        track_id, mean, largest, worst = self._rows[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole and column != NAME:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if self._document is None or track_id not in self._document.table:
            return None
        track = self._document.table.track(track_id)
        at = str(self._document.number_of(worst)) if worst >= 0 else "–"
        texts = (track.name, _pixels(mean), _pixels(largest), at)
        if role == Qt.ItemDataRole.DisplayRole:
            return texts[column]
        if role == Qt.ItemDataRole.DecorationRole and column == NAME:
            chip = QPixmap(CHIP, CHIP)
            chip.fill(QColor(*track.colour))
            return chip
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            if worst < 0:
                return self.tr("{0}: not seen together with the reference frame").format(track.name)
            return self.tr("{0}: {1} px off in the mean, {2} px at most, on frame {3}").format(*texts)
        return None


def _pixels(value: float) -> str:
    return number(value, 2) if math.isfinite(value) else "–"


class SolveTable(QTableView):
    """The rows. A click, or Enter, chooses one.

    Signals:
        chosen: the id of the track, and its worst frame, -1 for none.
    """

    chosen = Signal(int, int)

    def __init__(self, model: SolveModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._solve_model = model
        self.setModel(model)
        self.setAccessibleName(self.tr("Residuals by track"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(40)
        # Not as wide as their contents: Qt would ask every row for its size, again and again.
        for column, widest in ((MEAN, "000.00"), (LARGEST, "0000.00"), (WORST, "000000")):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, self.fontMetrics().horizontalAdvance(widest) + ROOM)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)
        self.sortByColumn(LARGEST, Qt.SortOrder.DescendingOrder)
        wash_selection(self)
        self.clicked.connect(lambda index: self.chosen.emit(*model.track(index.row())))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses the row that the keys stand on."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(*self._solve_model.track(self.currentIndex().row()))
        else:
            super().keyPressEvent(event)
