"""The rows of the review queue: whose stretch it is, which frames, how far off, and why."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.document.project import Document
from app.panels.item_views import wash_selection
from app.panels.wording import number
from app.theme import SPACE_M, SPACE_S
from tracker.inference.suspicion import REASONS, Suspect

NO_INDEX = QModelIndex()
CHIP = 10  # pixels
CHIP_ROLE = Qt.ItemDataRole.UserRole + 1
FRAMES_ROLE = Qt.ItemDataRole.UserRole + 2
ERROR_ROLE = Qt.ItemDataRole.UserRole + 3
REASONS_ROLE = Qt.ItemDataRole.UserRole + 4

Index = QModelIndex | QPersistentModelIndex


class ReviewModel(QAbstractListModel):
    """One row for each suspect, as the queue has them."""

    def __init__(self) -> None:
        super().__init__()
        self._document: Document | None = None
        self._suspects: list[Suspect] = []

    def show(self, document: Document | None, suspects: Sequence[Suspect]) -> None:
        """Show these; those whose track is gone are named by their number."""
        if document is not self._document or list(suspects) != self._suspects:
            self.beginResetModel()
            self._document, self._suspects = document, list(suspects)
            self.endResetModel()

    def refresh(self) -> None:
        """Names or colours of tracks have changed."""
        if self._suspects:
            self.dataChanged.emit(self.index(0), self.index(len(self._suspects) - 1))

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        """As many as there are suspects."""
        return 0 if parent.isValid() else len(self._suspects)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The name of the track; the roles above; a sentence for screen readers and as tool tip."""
        suspect = self._suspects[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._name(suspect)
        if role == CHIP_ROLE:
            track = self._track(suspect)
            return track.colour if track is not None else None
        if role == FRAMES_ROLE:
            return self._frames(suspect)
        if role == ERROR_ROLE:
            return self.tr("{0} px").format(number(suspect.error_px, 1))
        if role == REASONS_ROLE:
            return ", ".join(REASONS[reason] for reason in suspect.reasons)
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return self._sentence(suspect)
        return None

    def _track(self, suspect: Suspect) -> Any:
        if self._document is None or suspect.track_id not in self._document.table:
            return None
        return self._document.table.track(suspect.track_id)

    def _name(self, suspect: Suspect) -> str:
        track = self._track(suspect)
        return track.name if track is not None else self.tr("Track {0}").format(suspect.track_id)

    def _frames(self, suspect: Suspect) -> str:
        first, last = self._number_of(suspect.start), self._number_of(suspect.end - 1)
        return str(first) if first == last else f"{first}–{last}"

    def _number_of(self, frame: int) -> int:
        return frame if self._document is None else self._document.number_of(frame)

    def _sentence(self, suspect: Suspect) -> str:
        text = self.tr("{0}, frames {1}, probably {2} px off on frame {3}: {4}")
        reasons = ", ".join(REASONS[reason] for reason in suspect.reasons)
        error, worst = number(suspect.error_px, 1), self._number_of(suspect.worst)
        return text.format(self._name(suspect), self._frames(suspect), error, worst, reasons)


class ReviewList(QListView):
    """The rows. A click, or Enter, chooses one; the arrow keys only move over them.

    Signals:
        chosen: the row.
    """

    chosen = Signal(int)

    def __init__(self, model: ReviewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setItemDelegate(_RowDelegate(self))
        self.setUniformItemSizes(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Spans to review, worst first"))
        wash_selection(self)
        self.clicked.connect(lambda index: self.chosen.emit(index.row()))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses the row that the keys stand on."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)


class _RowDelegate(QStyledItemDelegate):
    """Two lines: chip, name and error; frames and reasons."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(100, 2 * option.fontMetrics.height() + 3 * SPACE_S)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        painter.save()
        area = option.rect.adjusted(SPACE_M, SPACE_S, -SPACE_M, -SPACE_S)
        line = option.fontMetrics.height()
        first = QRect(area.x(), area.y(), area.width(), line)
        second = QRect(area.x(), area.y() + line + SPACE_S, area.width(), line)
        text = option.palette.color(QPalette.ColorRole.Text)
        strong = QFont(option.font)
        strong.setBold(True)
        left = self._paint_chip(painter, first, index.data(CHIP_ROLE))
        right = _write(painter, first, index.data(ERROR_ROLE), strong, text, at_right=True)
        name = QRect(left, first.y(), right - SPACE_M - left, line)
        _write(painter, name, index.data(Qt.ItemDataRole.DisplayRole), option.font, text)
        frames = index.data(FRAMES_ROLE)
        _write(painter, second.adjusted(left - first.x(), 0, 0, 0), frames, option.font, text)
        after = left + QFontMetrics(option.font).horizontalAdvance(frames) + SPACE_M
        faint = option.palette.color(QPalette.ColorRole.PlaceholderText)
        rest = QRect(after, second.y(), second.right() - after + 1, line)
        _write(painter, rest, index.data(REASONS_ROLE), option.font, faint)
        painter.restore()
        if option.state & QStyle.StateFlag.State_HasFocus:
            self._paint_focus(painter, option)

    def _paint_chip(self, painter: QPainter, line: QRect, rgb: tuple[int, int, int] | None) -> int:
        """The colour of the track; gives where the text begins."""
        if rgb is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(*rgb))
            painter.drawRoundedRect(QRectF(line.x(), line.center().y() - CHIP / 2 + 1, CHIP, CHIP), 2, 2)
        return line.x() + CHIP + SPACE_M

    def _paint_focus(self, painter: QPainter, option: QStyleOptionViewItem) -> None:
        painter.save()
        painter.setPen(option.palette.color(QPalette.ColorRole.Accent))
        painter.drawRect(option.rect.adjusted(0, 0, -1, -1))
        painter.restore()


def _write(painter: QPainter, area: QRect, text: str, font: QFont, colour: QColor, at_right: bool = False) -> int:
    """Write one line, shortened to fit; gives the x where it begins."""
    painter.setFont(font)
    painter.setPen(colour)
    metrics = QFontMetrics(font)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0, area.width()))
    side = Qt.AlignmentFlag.AlignRight if at_right else Qt.AlignmentFlag.AlignLeft
    painter.drawText(area, side | Qt.AlignmentFlag.AlignVCenter, shown)
    return area.right() - metrics.horizontalAdvance(shown) if at_right else area.x()
