"""What the window's parts that act on its document share."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.document.project import Document

if TYPE_CHECKING:
    from app.window import MainWindow


class OnOpenDocument(QObject):
    """Acts on what is open in the window. Its actions are disabled while nothing is."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._view = window.view

    @property
    def _document(self) -> Document:
        document = self._window.document
        assert document is not None, "actions on documents are disabled while nothing is open"
        return document
