"""The look that lists and tables share."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex
from PySide6.QtGui import QColor, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

WASH = 0.28  # how much of the accent a selected row takes


def wash_selection(view: QAbstractItemView) -> None:
    """Selected rows get a wash of the accent colour, as in the timeline, so that chips and icons keep their colours."""
    palette, role = QPalette(QApplication.palette()), QPalette.ColorRole
    base, accent = palette.color(role.Base), palette.color(role.Highlight)
    pairs = ((base.red(), accent.red()), (base.green(), accent.green()), (base.blue(), accent.blue()))
    palette.setColor(role.Highlight, QColor(*(round(under + WASH * (over - under)) for under, over in pairs)))
    palette.setColor(role.HighlightedText, palette.color(role.Text))
    view.setPalette(palette)


class CheckDelegate(QStyledItemDelegate):
    """Check boxes with an outline: the style's own is darker than dark rows, so that an empty box is not seen there."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """As every delegate, and the outline over it."""
        super().paint(painter, option, index)
        whole = QStyleOptionViewItem(option)
        self.initStyleOption(whole, index)
        box = QApplication.style().subElementRect(QStyle.SubElement.SE_ItemViewItemCheckIndicator, whole)
        painter.setPen(option.palette.color(QPalette.ColorRole.PlaceholderText))
        painter.drawRoundedRect(box.adjusted(0, 0, -1, -1), 2, 2)
