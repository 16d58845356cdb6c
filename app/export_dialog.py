"""Export of the open project's tracks: which format, what it loses, and the writing in the background."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QProgressDialog,
    QPushButton,
    QVBoxLayout,
)

from app.document.project import Document
from app.workers.jobs import Job, run_job
from tracker.labels import ExportOptions, Format, TrackFile, Written, export_tracks, formats
from tracker.video import open_source

if TYPE_CHECKING:
    from app.window import MainWindow

GAP_TEXTS = {
    "drop": "leave out tracks that are unlabelled somewhere",
    "split": "one record per labelled stretch",
    "mask": "mark unlabelled cells in a mask beside the labels",
}


class ExportDialog(QDialog):
    """Asks for format, way with gaps and place; `accept` writes."""

    def __init__(self, window: "MainWindow", document: Document) -> None:
        super().__init__(window)
        self._window, self._document = window, document
        self._job: Job | None = None
        self.setWindowTitle(self.tr("Export tracks"))
        self._format, self._gaps = QComboBox(), QComboBox()
        self._path = QLineEdit()
        self._path.setMinimumWidth(380)
        self._loses = QLabel(wordWrap=True)
        self._loses.setEnabled(False)
        self._loses.setMinimumHeight(self._loses.fontMetrics().lineSpacing() * 2)
        for entry in sorted(formats(), key=lambda entry: entry.name != "npz"):  # the one that loses nothing first
            self._format.addItem(entry.title, entry)
        browse = QPushButton(self.tr("Browse…"))
        browse.clicked.connect(self._browse)
        form = QFormLayout()
        form.addRow(self.tr("Format"), self._format)
        form.addRow(self.tr("It cannot carry"), self._loses)
        form.addRow(self.tr("Gaps"), self._gaps)
        form.addRow(self.tr("Write to"), self._path)
        form.addRow("", browse)
        self._tell = QLabel(self._summary())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._write = buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self._tell)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self._format.currentIndexChanged.connect(self._chosen)
        self._chosen()

    @property
    def entry(self) -> Format:
        """The chosen format."""
        return self._format.currentData()

    def _summary(self) -> str:
        table = self._document.table
        labelled = int((table.rows("state") > 0).sum())
        return self.tr("{} tracks, {} labelled positions. Coordinates nobody vouches for are never written.").format(
            table.n_tracks, labelled
        )

    def _chosen(self) -> None:
        video = self._document.video
        assert video is not None, "exporting is disabled while nothing is open"
        stem = (self._document.path or Path(video.path)).stem
        folder = Path(self._path.text()).parent if self._path.text() else Path(self._window.settings.last_folder)
        self._path.setText(str(folder / f"{stem}-tracks{self.entry.suffix}"))
        self._loses.setText(self.entry.loses or self.tr("nothing: it carries everything"))
        self._gaps.clear()
        for gaps in self.entry.gaps:
            self._gaps.addItem(self.tr(GAP_TEXTS[gaps]), gaps)
        self._gaps.setEnabled(bool(self.entry.gaps))
        if not self.entry.gaps:
            self._gaps.addItem(self.tr("kept as they are"), None)

    def _browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Export to"), self._path.text())
        if name:
            self._path.setText(name)

    def accept(self) -> None:
        """Write in the background, then close; the dialog stays open where it failed."""
        video, path, entry, gaps = self._document.video, Path(self._path.text()), self.entry, self._gaps.currentData()
        assert video is not None
        tracks = TrackFile.from_table(self._document.table, video.pts, video.time_base, (video.width, video.height))

        def write(_job: Job) -> Written:
            if not entry.needs_video:
                options = ExportOptions(name=Path(video.path).stem, gaps=gaps)
                return export_tracks(tracks, path, entry.name, options).written
            with open_source(video.path, threads="auto") as frames:
                options = ExportOptions(name=Path(video.path).stem, gaps=gaps, frames=frames)
                return export_tracks(tracks, path, entry.name, options).written

        self._busy = QProgressDialog(self.tr("Writing {}…").format(path.name), "", 0, 0, self)
        self._busy.setCancelButton(None)
        self._busy.setWindowModality(Qt.WindowModality.WindowModal)
        self._busy.setMinimumDuration(400)
        self._write.setEnabled(False)
        self._job = run_job(write, self.tr("Exporting"), self, on_result=self._written, on_error=self._failed)

    def done(self, result: int) -> None:
        """Close once the writing thread has ended: it belongs to the dialog, which goes then."""
        if self._job is not None:
            self._job.stop()
        super().done(result)

    def _written(self, written: Written) -> None:
        self._busy.reset()
        path = Path(self._path.text())
        self._window.settings.last_folder = str(path.parent)
        text = self.tr("{} written: {} tracks, {} positions.").format(path.name, written.tracks, written.cells)
        self._window.show_message(f"{text} {written.note}".strip())
        super().accept()

    def _failed(self, message: str) -> None:
        self._busy.reset()
        self._write.setEnabled(True)
        self._window.files.show_error(message)
