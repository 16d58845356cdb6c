"""What a person sees when something of ours broke: a sentence, and a report to copy."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox

from app.log import log_path


class FaultDialog(QObject):
    """One dialog for uncaught exceptions of all threads; further ones only go to the log while it is open."""

    _reported = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._open = False
        self._reported.connect(self._show)

    def report(self, text: str) -> None:
        """Show the traceback `text`. Any thread."""
        self._reported.emit(text)

    def _show(self, text: str) -> None:
        if self._open:
            return
        self._open = True
        box = QMessageBox(QMessageBox.Icon.Critical, "Trackwright", self.tr("Something went wrong inside Trackwright."))
        box.setInformativeText(
            self.tr("Your work is in the project file. If it happens again, please report it; the log is {}.").format(
                log_path()
            )
        )
        box.setDetailedText(text)
        copy = box.addButton(self.tr("Copy report"), QMessageBox.ButtonRole.ActionRole)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(text))
        box.addButton(QMessageBox.StandardButton.Close)
        box.exec()
        self._open = False
