"""Buttons with icons that follow the palette."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QIcon, QPalette
from PySide6.QtWidgets import QToolButton, QWidget

from app.theme import icon

SIZE = 30  # of a square button, in logical pixels; never below 24


def live_icon(icon_name: str, palette: QPalette) -> QIcon:
    """An icon in the colours of a palette; those of what is enabled also where its widget is disabled just now."""
    colours = QPalette(palette)
    colours.setCurrentColorGroup(QPalette.ColorGroup.Active)
    return icon(icon_name, colours)


class IconButton(QToolButton):
    """A flat button with an icon of a font, drawn anew in the colours of each palette.

    Args:
        icon_name: of qtawesome.
        name: what it does, for screen readers.
        key: shown in the tool tip beside the name.
        clicked: called by a click.
        text: shown beside the icon.
    """

    def __init__(
        self,
        icon_name: str,
        name: str,
        key: str = "",
        clicked: Callable[[], object] | None = None,
        text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icon_name = icon_name
        self.setAutoRaise(not text)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys with the picture
        self.setIconSize(QSize(18, 18))
        if text:
            self.setText(text)
            self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            self.setMinimumHeight(SIZE)
        else:
            self.setFixedSize(SIZE, SIZE)
        self.describe(name, key)
        self.set_icon(icon_name)
        if clicked is not None:
            self.clicked.connect(lambda _checked=False: clicked())

    def describe(self, name: str, key: str = "") -> None:
        """Another name and key."""
        self.setAccessibleName(name)
        self.setToolTip(f"{name} ({key})" if key else name)

    def set_icon(self, icon_name: str) -> None:
        """Another icon."""
        self._icon_name = icon_name
        self.setIcon(live_icon(icon_name, self.palette()))

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.set_icon(self._icon_name)
