"""The masks of a document as rows: shown or not, colour and name, garbage matte or not."""

from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QLineF, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPalette, QPen, QPixmap

from app import theme
from app.document.masks import MaskInfo
from app.document.project import Document
from app.panels.buttons import live_icon

CHIP = 14
NO_INDEX = QModelIndex()


class Column(IntEnum):
    """What stands where."""

    EYE = 0
    NAME = 1
    MATTE = 2


class MaskModel(QAbstractTableModel):
    """Row k is the k-th mask of the document. Names and mattes can be edited; the eye is the view's business.

    Signals:
        hidden_changed: the ids of the masks that are not to be drawn, as a frozenset.
    """

    hidden_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._document: Document | None = None
        self._infos: list[MaskInfo] = []
        self._eyes: tuple[QIcon, QIcon] | None = None  # shown, hidden
        self.hidden: frozenset[int] = frozenset()

    # -- content

    def set_document(self, document: Document | None) -> None:
        """Show the masks of another document, all of them drawn."""
        self._document = document
        self.hidden = frozenset()
        self.refresh()

    def refresh(self) -> None:
        """Bring the rows up to date."""
        infos = [] if self._document is None else list(self._document.masks.infos)
        if [info.id for info in infos] != [info.id for info in self._infos]:
            self.beginResetModel()
            self._infos = infos
            self.endResetModel()
        elif infos != self._infos:
            self._infos = infos
            self.dataChanged.emit(self.index(0, 0), self.index(len(infos) - 1, Column.MATTE))

    def refresh_icons(self, palette: QPalette) -> None:
        """Draw the eyes in the colours of a palette."""
        self._eyes = live_icon("mdi6.eye-outline", palette), live_icon("mdi6.eye-off-outline", palette)
        if self._infos:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._infos) - 1, 0))

    def info(self, row: int) -> MaskInfo:
        """The mask of a row."""
        return self._infos[row]

    def row_of(self, mask_id: int | None) -> int | None:
        """The row of a mask, None where there is none."""
        return next((row for row, info in enumerate(self._infos) if info.id == mask_id), None)

    def toggle(self, row: int) -> None:
        """Draw the mask of a row, or do not."""
        self.hidden = self.hidden ^ {self._infos[row].id}
        self.dataChanged.emit(self.index(row, Column.EYE), self.index(row, Column.EYE))
        self.hidden_changed.emit(self.hidden)

    # -- Qt's questions

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = NO_INDEX) -> int:
        """One for each mask."""
        return 0 if parent.isValid() else len(self._infos)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = NO_INDEX) -> int:
        """Eye, name, matte."""
        return 0 if parent.isValid() else len(Column)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The titles of the columns; the eye has none."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return ("", self.tr("Mask"), self.tr("Garbage matte"))[section]
        return None

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        """Names can be written, mattes checked."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == Column.NAME:
            return flags | Qt.ItemFlag.ItemIsEditable
        return flags | Qt.ItemFlag.ItemIsUserCheckable if index.column() == Column.MATTE else flags

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Chip and name, eye, check mark."""
        info, column = self._infos[index.row()], index.column()
        if column == Column.NAME:
            if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
                return info.name
            return chip(info) if role == Qt.ItemDataRole.DecorationRole else None
        if column == Column.MATTE:
            return self._matte_data(info, role)
        return self._eye_data(info, role)

    def _matte_data(self, info: MaskInfo, role: int) -> Any:
        if role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if info.matte else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.tr("Garbage matte: points are never sampled inside, and tracks that enter can be ended")
        return self.tr("Garbage matte") if role == Qt.ItemDataRole.AccessibleTextRole else None

    def _eye_data(self, info: MaskInfo, role: int) -> Any:
        hidden = info.id in self.hidden
        if role == Qt.ItemDataRole.DecorationRole and self._eyes is not None:
            return self._eyes[hidden]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self.tr("Hidden") if hidden else self.tr("Shown")
        return self.tr("Show or hide this mask") if role == Qt.ItemDataRole.ToolTipRole else None

    def setData(
        self, index: QModelIndex | QPersistentModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Another name, or matte or not, as a step of the document."""
        if self._document is None:
            return False
        mask_id = self._infos[index.row()].id
        if role == Qt.ItemDataRole.EditRole and str(value).strip():
            self._document.set_mask(mask_id, name=str(value).strip())
            return True
        if role == Qt.ItemDataRole.CheckStateRole:
            self._document.set_mask(mask_id, matte=Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        return False


def chip(info: MaskInfo) -> QIcon:
    """A patch of the mask's colour; hatched where it is a matte, so that colour is not the only sign."""
    pixmap = QPixmap(CHIP, CHIP)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = QColor(*info.colour)
    painter.setPen(QPen(QColor(*theme.OUTLINE, 150), 1))
    faint = QColor(colour)
    faint.setAlpha(90)
    painter.setBrush(faint if info.matte else colour)
    painter.drawRoundedRect(1, 1, CHIP - 2, CHIP - 2, 3, 3)
    if info.matte:
        painter.setPen(QPen(colour, 1.8))
        painter.drawLines([QLineF(3, CHIP - 6, CHIP - 6, 3), QLineF(5, CHIP - 3, CHIP - 3, 5)])
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # else the style would tint it
    return icon
