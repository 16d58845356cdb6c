"""The report on a student, whole."""

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from app.markdown_view import MarkdownView
from app.theme import SPACE_L, SPACE_M

WIDTH, HEIGHT = 760, 640  # logical pixels


class ReportDialog(QDialog):
    """Figures of every video, the verdict, and what the student was made of."""

    def __init__(self, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.view = MarkdownView(self.tr("Report"))
        self.view.show_markdown(text)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_M)
        layout.setSpacing(SPACE_M)
        layout.addWidget(self.view, 1)
        layout.addWidget(buttons)
        self.resize(WIDTH, HEIGHT)
