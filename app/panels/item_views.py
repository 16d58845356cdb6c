"""The look that lists and tables share."""

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QAbstractItemView, QApplication

WASH = 0.28  # how much of the accent a selected row takes


def wash_selection(view: QAbstractItemView) -> None:
    """Selected rows get a wash of the accent colour, as in the timeline, so that chips and icons keep their colours."""
    palette, role = QPalette(QApplication.palette()), QPalette.ColorRole
    base, accent = palette.color(role.Base), palette.color(role.Highlight)
    mixed = [round(b + WASH * (a - b)) for a, b in zip(accent.getRgb()[:3], base.getRgb()[:3], strict=True)]
    palette.setColor(role.Highlight, QColor(*mixed))
    palette.setColor(role.HighlightedText, palette.color(role.Text))
    view.setPalette(palette)
