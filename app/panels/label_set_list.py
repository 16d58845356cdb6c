"""The rows of a label set: what a video looks like, how far its labels are in doubt, and what was decided on it."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QKeyEvent, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.curation.workspace import Row
from app.panels.item_views import wash_selection
from app.panels.wording import number, verdict_text
from app.theme import SPACE_M, SPACE_S, icon

NO_INDEX = QModelIndex()
PICTURE = QSize(84, 47)  # logical pixels
MARK = 16
MOST_TOLD = 50.0  # pixels; where teachers are lost the doubt grows beyond all bounds, and its size says nothing
ROW_ROLE = Qt.ItemDataRole.UserRole + 1
PICTURE_ROLE = Qt.ItemDataRole.UserRole + 2
DOUBT_ROLE = Qt.ItemDataRole.UserRole + 3
SPANS_ROLE = Qt.ItemDataRole.UserRole + 4
OPEN_ROLE = Qt.ItemDataRole.UserRole + 5

Index = QModelIndex | QPersistentModelIndex

ICONS = {"open": "mdi6.circle-outline", "accepted": "mdi6.check-circle", "rejected": "mdi6.close-circle"}
FAULT_ICON = "mdi6.alert"


class LabelSetModel(QAbstractListModel):
    """One row for each listed video, with its picture as soon as there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Row] = []
        self._current: str | None = None
        self._pictures: dict[str, QPixmap] = {}

    def show(self, rows: Sequence[Row], current: str | None) -> None:
        """Show these; `current` is the video that is open."""
        names_stay = [row.name for row in rows] == [row.name for row in self._rows]
        if names_stay:
            self._rows, self._current = list(rows), current
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows, self._current = list(rows), current
        self.endResetModel()

    def set_picture(self, name: str, picture: QImage) -> None:
        """The picture of a video is there."""
        self._pictures[name] = QPixmap.fromImage(picture)
        row = self.row_of(name)
        if row is not None:
            self.dataChanged.emit(self.index(row), self.index(row), [PICTURE_ROLE])

    def forget_pictures(self) -> None:
        """Those of another set come."""
        self._pictures.clear()

    def row_of(self, name: str | None) -> int | None:
        """Where a video stands, None where it is not listed."""
        return next((k for k, row in enumerate(self._rows) if row.name == name), None)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """As many as there are listed videos."""
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The title of the video; the roles above; a sentence for screen readers and as tool tip."""
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == ROW_ROLE:
            return row
        if role == PICTURE_ROLE:
            return self._pictures.get(row.name)
        if role == DOUBT_ROLE:
            return self._doubt(row)
        if role == SPANS_ROLE:
            return self._spans(row)
        if role == OPEN_ROLE:
            return row.name == self._current
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return self._sentence(row)
        return None

    def _doubt(self, row: Row) -> str:
        if row.fault:
            return self.tr("cannot be read")
        if row.ranked is None:
            return self.tr("not looked at yet")
        if row.verdict != "open":
            return self.tr("{0} positions").format(number(row.ranked.cells))
        share, worst = number(100 * row.ranked.share, 1), row.ranked.doubt
        if worst > MOST_TOLD:
            return self.tr("{0} % in doubt").format(share)
        return self.tr("{0} % in doubt, by {1} px").format(share, number(worst, 1))

    def _spans(self, row: Row) -> str:
        if row.ranked is None or row.verdict != "open":
            return ""
        count = row.ranked.spans
        return self.tr("1 span") if count == 1 else self.tr("{0} spans").format(number(count))

    def _sentence(self, row: Row) -> str:
        if row.fault:
            return row.fault
        parts = [row.name, verdict_text(row.verdict)]
        if row.ranked is not None:
            parts += [part for part in (self._doubt(row), self._spans(row)) if part]
        return ", ".join(parts)


class LabelSetList(QListView):
    """The rows. A double click, or Enter, opens a video; the arrow keys only move over them.

    Signals:
        chosen: the name of the video.
    """

    chosen = Signal(str)

    def __init__(self, model: LabelSetModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setItemDelegate(_RowDelegate(self))
        self.setUniformItemSizes(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Videos of the label set, what to look at first in front"))
        wash_selection(self)
        self.doubleClicked.connect(self._choose)

    def event(self, event: QEvent) -> bool:
        """With the focus here Enter is not the window's."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _is_enter(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens the video that the keys stand on."""
        if _is_enter(event):
            self._choose(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(index.data(ROW_ROLE).name)


def _is_enter(event: QKeyEvent) -> bool:
    plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
    return plain and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class _RowDelegate(QStyledItemDelegate):
    """A picture, and beside it three lines: the title, the doubt, and mark, verdict and spans."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(140, max(PICTURE.height(), 3 * option.fontMetrics.height()) + 2 * SPACE_S)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        painter.save()
        area = option.rect.adjusted(SPACE_M, SPACE_S, -SPACE_M, -SPACE_S)
        self._paint_picture(painter, QRect(area.topLeft(), QSize(PICTURE.width(), area.height())), option, index)
        line = option.fontMetrics.height()
        left, width = area.x() + PICTURE.width() + SPACE_M, area.width() - PICTURE.width() - SPACE_M
        lines = [QRect(left, area.y() + k * line, width, line) for k in range(3)]
        text = option.palette.color(QPalette.ColorRole.Text)
        faint = option.palette.color(QPalette.ColorRole.PlaceholderText)
        title = QFont(option.font)
        title.setBold(bool(index.data(OPEN_ROLE)))
        _write(painter, lines[0], index.data(Qt.ItemDataRole.DisplayRole), title, text)
        _write(painter, lines[1], index.data(DOUBT_ROLE), option.font, text)
        self._paint_verdict(painter, lines[2], option, index, faint)
        painter.restore()
        self._paint_marks(painter, option, bool(index.data(OPEN_ROLE)))

    def _paint_picture(self, painter: QPainter, area: QRect, option: QStyleOptionViewItem, index: Index) -> None:
        painter.fillRect(area, option.palette.color(QPalette.ColorRole.Dark))
        picture = index.data(PICTURE_ROLE)
        if picture is not None:
            size = picture.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(area.topLeft(), size)
            place.moveCenter(area.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, picture)

    def _paint_verdict(
        self, painter: QPainter, area: QRect, option: QStyleOptionViewItem, index: Index, faint: QColor
    ) -> None:
        row: Row = index.data(ROW_ROLE)
        mark = icon(FAULT_ICON if row.fault else ICONS[row.verdict], option.palette)
        mark.paint(painter, QRect(area.x(), area.y() + (area.height() - MARK) // 2, MARK, MARK))
        said = "" if row.fault else verdict_text(row.verdict)
        spans = index.data(SPANS_ROLE)
        text = ", ".join(part for part in (said, spans) if part)
        _write(painter, area.adjusted(MARK + SPACE_S, 0, 0, 0), text, option.font, faint)

    def _paint_marks(self, painter: QPainter, option: QStyleOptionViewItem, is_open: bool) -> None:
        painter.save()
        accent = option.palette.color(QPalette.ColorRole.Accent)
        if is_open:
            painter.fillRect(QRect(option.rect.x(), option.rect.y() + 2, 3, option.rect.height() - 4), accent)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(accent)
            painter.drawRect(option.rect.adjusted(0, 0, -1, -1))
        painter.restore()


def _write(painter: QPainter, area: QRect, text: str, font: QFont, colour: QColor) -> None:
    """One line, shortened to fit."""
    painter.setFont(font)
    painter.setPen(colour)
    shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, max(0, area.width()))
    painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
