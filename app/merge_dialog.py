"""Joining what several people made of copies of one label set, and showing where they do not agree."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListWidget,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from app.curation.workspace import title_of
from app.panels.wording import number
from app.workers.jobs import Job, run_job
from app.workers.protocol import Progress
from tracker.files import InputError
from tracker.labels.label_set import LabelSet
from tracker.labels.merge_sets import Conflict, MergeReport, merge_sets

if TYPE_CHECKING:
    from app.window import MainWindow

CONFLICT_ROLE = Qt.ItemDataRole.UserRole


class MergeDialog(QDialog):
    """Takes copies and a folder for what comes of them; stays open as the list of conflicts, which it goes to."""

    def __init__(self, window: "MainWindow", copies: Sequence[Path] = ()) -> None:
        super().__init__(window)
        self._window = window
        self._job: Job | None = None
        self._merged: Path | None = None
        self.setWindowTitle(self.tr("Merge label sets"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.copies, self.out = QListWidget(), QLineEdit()
        self.tells, self._bar = QLabel(wordWrap=True), QProgressBar()
        self.conflicts = QTableWidget(0, 4)
        self._lay_out()
        for folder in copies:
            self.add_copy(folder)
        self._enable()

    # -- building

    def _lay_out(self) -> None:
        for name, widget in (
            (self.tr("Copies of the label set"), self.copies),
            (self.tr("Folder for the joined label set"), self.out),
            (self.tr("Conflicts"), self.conflicts),
        ):
            widget.setAccessibleName(name)
        self.copies.setFixedHeight(96)
        self.out.textChanged.connect(self._enable)
        add, away = QPushButton(self.tr("Add…")), QPushButton(self.tr("Take out"))
        browse = QPushButton(self.tr("Browse…"))
        add.clicked.connect(self._ask_copy)
        away.clicked.connect(self._take_out)
        browse.clicked.connect(self._ask_out)
        side = QVBoxLayout()
        side.addWidget(add)
        side.addWidget(away)
        side.addStretch()
        whose, place = QHBoxLayout(), QHBoxLayout()
        whose.addWidget(self.copies, 1, Qt.AlignmentFlag.AlignTop)
        whose.addLayout(side)
        place.addWidget(self.out, 1)
        place.addWidget(browse)
        form = QFormLayout()
        form.addRow(self.tr("Copies"), whose)
        form.addRow(self.tr("Join them in"), place)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.merge_button = buttons.addButton(self.tr("Merge"), QDialogButtonBox.ButtonRole.ApplyRole)
        self.open_button = buttons.addButton(self.tr("Open what came of it"), QDialogButtonBox.ButtonRole.ActionRole)
        for button in (add, away, browse, self.open_button, buttons.button(QDialogButtonBox.StandardButton.Close)):
            button.setAutoDefault(False)
        self.merge_button.setDefault(True)
        self.merge_button.clicked.connect(self.merge)
        self.open_button.clicked.connect(self._open)
        buttons.rejected.connect(self.reject)
        self._set_up_table()
        self._bar.hide()
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.tells)
        layout.addWidget(self._bar)
        layout.addWidget(self.conflicts, 1)
        layout.addWidget(buttons)
        self.resize(640, 240)

    def _set_up_table(self) -> None:
        table = self.conflicts
        table.setHorizontalHeaderLabels(
            [self.tr("Video"), self.tr("Track"), self.tr("Frames"), self.tr("Who says what")]
        )
        table.horizontalHeader().setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        table.verticalHeader().hide()
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setTabKeyNavigation(False)
        table.itemActivated.connect(self._go)
        table.hide()

    # -- what is merged

    def add_copy(self, folder: Path) -> None:
        """One person's copy; its folder's name is theirs. A message where it is no label set."""
        try:
            LabelSet.open(folder)
        except InputError as error:
            self.tells.setText(str(error))
            return
        self.tells.clear()
        if not self.copies.findItems(str(folder), Qt.MatchFlag.MatchExactly):
            self.copies.addItem(str(folder))
        if not self.out.text():
            self.out.setText(str(folder.with_name(f"{folder.name}-merged")))
        self._enable()

    def _ask_copy(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, self.tr("A copy of the label set"), self._window.settings.last_folder
        )
        if folder:
            self._window.settings.last_folder = str(Path(folder).parent)
            self.add_copy(Path(folder))

    def _take_out(self) -> None:
        self.copies.takeItem(self.copies.currentRow())
        self._enable()

    def _ask_out(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, self.tr("An empty folder for the joined label set"), self._window.settings.last_folder
        )
        if folder:
            self.out.setText(folder)

    def _enable(self) -> None:
        ready = self.copies.count() > 1 and bool(self.out.text().strip()) and self._job is None
        self.merge_button.setEnabled(ready)
        self.open_button.setEnabled(self._merged is not None)

    def merge(self) -> None:
        """Do it in the background, and list the conflicts."""
        copies = [LabelSet(Path(self.copies.item(k).text())) for k in range(self.copies.count())]
        out = Path(self.out.text().strip()).absolute()
        self._window.curating.flush()
        self._bar.setRange(0, 0)
        self._bar.show()
        self.tells.clear()

        def done(report: MergeReport) -> None:
            self._end_job()
            self._merged = out
            self._list(report)

        def failed(message: str) -> None:
            self._end_job()
            self.tells.setText(message)

        self._job = run_job(
            lambda job: merge_sets(copies, out, job.report),
            self.tr("Merging"),
            self,
            on_result=done,
            on_error=failed,
            on_progress=self._progress,
        )
        self._enable()

    def _progress(self, so_far: Progress) -> None:
        self._bar.setRange(0, so_far.total)
        self._bar.setValue(so_far.done)

    def _end_job(self) -> None:
        self._job = None
        self._bar.hide()
        self._enable()

    # -- what came of it

    def _list(self, report: MergeReport) -> None:
        count = len(report.conflicts)
        said = self.tr("{0} positions in {1} videos hold by a person's word. ")
        text = said.format(number(report.cells), number(report.videos))
        if count:
            told = self.tr("People do not agree about {0}: that is undecided. Enter, or a double click, goes there.")
            text += told.format(self.tr("1 place") if count == 1 else self.tr("{0} places").format(number(count)))
        else:
            text += self.tr("Nobody contradicts anybody.")
        self.tells.setText(text)
        self.conflicts.setRowCount(count)
        for row, conflict in enumerate(report.conflicts):
            for column, cell in enumerate(_cells(conflict)):
                item = QTableWidgetItem(cell)
                item.setData(CONFLICT_ROLE, conflict)
                self.conflicts.setItem(row, column, item)
        self.conflicts.resizeColumnsToContents()
        self.conflicts.setVisible(bool(count))
        for button in (self.merge_button, self.open_button):  # Enter belongs to the list now
            button.setAutoDefault(False)
            button.setDefault(False)
        if count:
            self.resize(max(self.width(), 820), max(self.height(), 520))
            self.conflicts.setCurrentCell(0, 0)
            self.conflicts.setFocus()
        self._enable()

    def _open(self) -> None:
        if self._merged is not None:
            self._window.curating.open_set(self._merged)

    def _go(self, item: QTableWidgetItem) -> None:
        conflict, curating, merged = item.data(CONFLICT_ROLE), self._window.curating, self._merged
        if merged is None:
            return

        def there() -> None:
            curating.show_span(conflict.video, conflict.track, *conflict.frames)

        workspace = curating.workspace
        if workspace is not None and workspace.label_set.folder == merged:
            there()
        else:
            curating.open_set(merged, there)

    def done(self, result: int) -> None:
        """A merge that goes on ends with the dialog; what it has written stays incomplete."""
        if self._job is not None:
            self._job.stop()
            self._job = None
        super().done(result)


def _cells(conflict: Conflict) -> tuple[str, str, str, str]:
    start, end = conflict.frames
    frames = f"{start}–{end - 1}" if conflict.track else ""
    said = "; ".join(f"{who}: {what}" for who, what in conflict.said.items())
    return title_of(conflict.video), conflict.track, frames, said
