"""What a person sees when an action failed: a sentence, and for a fault of ours a report to copy."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox

from app.log import log_path
from tracker.files import InputError


class FaultDialog(QObject):
    """One dialog for uncaught exceptions of all threads; further ones only go to the log while it is open."""

    _reported = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self._open = False
        self._reported.connect(self._show)

    def report(self, error: BaseException, text: str) -> None:
        """Show an error with its traceback `text`. Any thread."""
        self._reported.emit(error, text)

    def _show(self, error: BaseException, text: str) -> None:
        if self._open:
            return
        self._open = True
        box = self._refusal(error) if isinstance(error, InputError) else self._fault(text)
        box.exec()
        self._open = False

    def _refusal(self, error: InputError) -> QMessageBox:
        """The disk is full, a folder became read-only, …: the document is as it was before the action."""
        box = QMessageBox(QMessageBox.Icon.Warning, "Trackwright", self.tr("This was not done: {}").format(error))
        box.setInformativeText(self.tr("Everything before it is kept."))
        return box

    def _fault(self, text: str) -> QMessageBox:
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
        return box
