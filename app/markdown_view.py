"""Markdown with room to breathe: model cards and reports."""

from PySide6.QtGui import QTextCursor, QTextFrameFormat, QTextTable
from PySide6.QtWidgets import QTextBrowser, QWidget

from app.theme import SPACE_L, SPACE_M, SPACE_S


class MarkdownView(QTextBrowser):
    """Shows a text; links open outside."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        """
        Args:
            name: what it is, for screen readers.
        """
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setOpenExternalLinks(True)

    def show_markdown(self, text: str) -> None:
        """Show this one."""
        self.setMarkdown(text)
        self._give_room()

    def _give_room(self) -> None:
        """Space around headings, and quiet lines in tables: what Qt makes of Markdown has neither."""
        document = self.document()
        document.setDocumentMargin(SPACE_M)
        cursor, block = QTextCursor(document), document.begin()
        while block.isValid():
            cursor.setPosition(block.position())
            if cursor.currentTable() is None:
                room = block.blockFormat()
                room.setTopMargin(SPACE_L if block.position() and room.headingLevel() else SPACE_S)
                room.setBottomMargin(SPACE_S)
                cursor.setBlockFormat(room)
            block = block.next()
        for frame in document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                lines = frame.format().toTableFormat()
                lines.setBorderBrush(self.palette().mid())
                lines.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
                lines.setBorderCollapse(True)
                lines.setCellPadding(SPACE_S)
                frame.setFormat(lines)
