"""The look that lists and tables share."""

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QAbstractItemView, QApplication

WASH = 0.28  # how much of the accent a selected row takes


def wash_selection(view: QAbstractItemView) -> None:
    """Selected rows get a wash of the accent colour, as in the timeline, so that chips and icons keep their colours."""
    palette, role = QPalette(QApplication.palette()), QPalette.ColorRole
    base, accent = palette.color(role.Base), palette.color(role.Highlight)
    pairs = ((base.red(), accent.red()), (base.green(), accent.green()), (base.blue(), accent.blue()))
    palette.setColor(role.Highlight, QColor(*(round(under + WASH * (over - under)) for under, over in pairs)))
    palette.setColor(role.HighlightedText, palette.color(role.Text))
    view.setPalette(palette)
