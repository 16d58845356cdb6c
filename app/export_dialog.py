"""Export of the open project's tracks: which format, which tracks, what its first key will be, and the writing."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.document.project import Document
from app.export_job import Request, export, preview_of, text_of
from app.exporting import Done, name_of, origin_of, plate_of
from app.format_list import FormatList
from app.panels.wording import number
from app.plate_fields import PlateFields
from app.selection_fields import SelectionFields
from app.theme import SPACE_M, SPACE_S
from app.workers.jobs import Job, run_job
from app.workers.protocol import Finished, Progress
from tracker.labels import (
    ExportOptions,
    Format,
    TrackFile,
    formats,
)

if TYPE_CHECKING:
    from app.window import MainWindow

GAP_TEXTS = {
    "drop": "leave out tracks that are unlabelled somewhere",
    "split": "one record per labelled stretch",
    "mask": "mark unlabelled cells in a mask beside the labels",
}
HIDDEN_TEXTS = {
    "gap": "leave them out: a gap, no key",
    "flag": "keep the estimated position, switched off",
    "linear": "fill gaps with straight lines",
}
NORMALISATION_TEXTS = {
    "W": "x / W: as TAP-Vid's own files are made",
    "W-1": "x / (W − 1): for CoTracker's loader",
    "raster": "(x + 0.5) / W: as the benchmark's pixels are",
}
QUIET_MS = 120  # after so long without a change the preview is worked out


class ExportDialog(QDialog):
    """Asks for the format and what to write; shows the first key as the receiving program will; `accept` writes."""

    def __init__(self, window: "MainWindow", document: Document) -> None:
        super().__init__(window)
        self._window, self._document = window, document
        self._job: Job | None = None
        self._look: Job | None = None
        self._confirmed = ""  # a path that may be replaced
        self._snapshot: tuple[int, TrackFile] | None = None  # the table's revision, and its tracks
        video = document.video
        assert video is not None, "exporting is disabled while nothing is open"
        self._video = video
        self.setWindowTitle(self.tr("Export tracks"))
        self.formats = FormatList(entry for entry in formats() if entry.write is not None)
        self.plate = PlateFields(plate_of(video, Path(video.path)), (video.width, video.height))
        self.selection = SelectionFields(document, window.view, video.first_frame_number)
        self._make_parts()
        self._lay_out()
        self._timer = QTimer(self, singleShot=True, interval=QUIET_MS)
        self._timer.timeout.connect(self._preview)
        self.formats.chosen.connect(self._chosen)
        self.plate.changed.connect(self._later)
        self.selection.changed.connect(self._later)
        for box in (self._gaps, self._hidden, self._normalise):
            box.currentIndexChanged.connect(self._later)
        self._reference.valueChanged.connect(self._later)
        self.formats.choose(window.settings.export_format)
        self.resize(920, 620)

    # -- building

    def _make_parts(self) -> None:
        self._title = QLabel(wordWrap=True)
        font = self._title.font()
        font.setPointSizeF(font.pointSizeF() * 1.25)
        font.setBold(True)
        self._title.setFont(font)
        self._tells = QLabel(wordWrap=True, textFormat=Qt.TextFormat.RichText)
        self._tells.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._first = QLabel(wordWrap=True)
        self._first.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._first.setAccessibleName(self.tr("First key"))
        self._counts = QLabel(wordWrap=True)
        self._gaps, self._hidden = QComboBox(), QComboBox()
        self._gaps.setAccessibleName(self.tr("Unlabelled frames"))
        self._hidden.setAccessibleName(self.tr("Hidden frames"))
        self._normalise, self._jpeg = QComboBox(), QCheckBox(self.tr("as JPEG: much smaller, not exact"))
        self._normalise.setAccessibleName(self.tr("Numbers"))
        for way, text in NORMALISATION_TEXTS.items():
            self._normalise.addItem(self.tr(text), way)
        first = self._video.first_frame_number
        self._reference = QSpinBox(minimum=first - 1, maximum=first + self._video.frame_count - 1, value=first - 1)
        self._reference.setSpecialValueText(self.tr("the first on which all four are seen"))
        self._reference.setAccessibleName(self.tr("Reference frame"))
        self._path = QLineEdit()
        self._path.setAccessibleName(self.tr("Write to"))
        self._bar = QProgressBar()
        self._bar.setTextVisible(True)
        self._bar.hide()
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._copy = self._buttons.addButton(self.tr("Copy to the clipboard"), QDialogButtonBox.ButtonRole.ActionRole)
        self._write = self._buttons.addButton(self.tr("Export"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._write.setDefault(True)
        self._copy.setAutoDefault(False)
        self._buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._copy.clicked.connect(self.copy)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        columns = QHBoxLayout()
        columns.setSpacing(SPACE_M * 2)
        columns.addWidget(self.formats)
        right = QVBoxLayout()
        right.setSpacing(SPACE_M)
        right.addWidget(self._title)
        right.addWidget(self._tells)
        right.addWidget(self._first_key_box())
        fields = QHBoxLayout()
        fields.setSpacing(SPACE_M * 3)
        fields.addWidget(_section(self.tr("The plate"), self.plate), 1)
        fields.addWidget(_section(self.tr("What is written"), self.selection), 1)
        right.addLayout(fields)
        right.addLayout(self._ways())
        right.addStretch(1)
        columns.addLayout(right, 1)
        layout.addLayout(columns, 1)
        layout.addWidget(self._bar)
        layout.addWidget(self._buttons)

    def _first_key_box(self) -> QFrame:
        box = QFrame()
        box.setFrameShape(QFrame.Shape.StyledPanel)
        box.setAutoFillBackground(True)
        box.setBackgroundRole(box.backgroundRole().Base)
        column = QVBoxLayout(box)
        column.setSpacing(SPACE_S)
        font = self._first.font()
        font.setPointSizeF(font.pointSizeF() * 1.15)
        self._first.setFont(font)
        self._first.setMinimumHeight(2 * self._first.fontMetrics().lineSpacing())
        self._first.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._first)
        column.addWidget(self._counts)
        return box

    def _ways(self) -> QFormLayout:
        browse = QPushButton(self.tr("Browse…"), autoDefault=False)
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.addWidget(self._path, 1)
        place.addWidget(browse)
        self._ways_form = form = QFormLayout()
        form.setVerticalSpacing(SPACE_S)
        form.addRow(self.tr("Where the point is hidden"), self._hidden)
        form.addRow(self.tr("Where nothing is labelled"), self._gaps)
        form.addRow(self.tr("Numbers"), self._normalise)
        form.addRow(self.tr("Pictures"), self._jpeg)
        form.addRow(self.tr("Reference frame"), self._reference)
        form.addRow(self.tr("Write to"), place)
        return form

    # -- choosing

    @property
    def entry(self) -> Format:
        """The chosen format."""
        entry = self.formats.current
        assert entry is not None
        return entry

    def _chosen(self, entry: Format) -> None:
        self._title.setText(entry.title)
        self._tells.setText(_told(entry))
        self.plate.set_convention(entry.convention)
        _offer(self._gaps, [(self.tr(GAP_TEXTS[way]), way) for way in entry.gaps])
        _offer(self._hidden, [(self.tr(HIDDEN_TEXTS[way]), way) for way in entry.hidden])
        project = self._document.path
        stem = name_of(Path(self._video.path)) if project is None else project.stem
        folder = Path(self._path.text()).parent if self._path.text() else Path(self._window.settings.last_folder)
        self._path.setText(str(folder / f"{stem}-{entry.name}{entry.suffix}"))
        self._copy.setVisible(entry.pastes)
        self._ways_form.setRowVisible(self._hidden, bool(entry.hidden))
        self._ways_form.setRowVisible(self._gaps, bool(entry.gaps))
        self._ways_form.setRowVisible(self._normalise, entry.normalised)
        self._ways_form.setRowVisible(self._jpeg, entry.needs_video)
        self._ways_form.setRowVisible(self._reference, entry.corners)
        self._later()

    def _browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Export to"), self._path.text())
        if name:
            self._path.setText(name)
            self._confirmed = name

    def _tracks(self) -> TrackFile:
        """The document's tracks; a long project is copied anew only where a run has written to it meanwhile."""
        table, video = self._document.table, self._video
        if self._snapshot is None or self._snapshot[0] != table.revision:
            copied = TrackFile.from_table(table, video.pts, video.time_base, (video.width, video.height))
            self._snapshot = table.revision, copied
        return self._snapshot[1]

    def _request(self, path: Path) -> Request:
        """Raises ValueError where a field is not filled in right."""
        video = self._video
        tracks = self._tracks()
        chosen = self.selection.selection
        ids = self._document.table.ids.tolist()
        reference = self._reference.value() - video.first_frame_number
        errors = None
        if chosen.max_error is not None:
            errors = self._document.expected_error.read(ids, 0, tracks.n_frames).T
        options = ExportOptions(
            name=name_of(Path(video.path)),
            gaps=self._gaps.currentData(),
            hidden=self._hidden.currentData(),
            normalisation=self._normalise.currentData(),
            jpeg=self._jpeg.isChecked(),
            reference_frame=None if reference < 0 else reference,
            plate=self.plate.plate,
            start_frame=self.plate.start_frame,
        )
        origin = origin_of(self._document)
        return Request(tracks, self.entry, path, options, chosen, errors, origin, video.path, video.view)

    # -- looking

    def _later(self) -> None:
        if self._look is not None:
            self._look.cancel()  # what it finds is not what is asked any more
        self._timer.start()

    def _preview(self) -> None:
        """Work out in the background what would be written, and show it; the newest wish wins."""
        if self._look is not None:
            self._look.stop()
        try:
            request = self._request(Path(self._path.text()))
        except ValueError as error:
            self._show_preview(("", str(error)))
            return
        self._look = run_job(
            lambda _job: preview_of(request),
            self.tr("Looking"),
            self,
            on_result=self._show_preview,
            on_error=lambda message: self._show_preview(("", message)),
        )

    def _show_preview(self, told: tuple[str, str]) -> None:
        self._look = None
        key, counts = told
        self._first.setText(self.tr("First key there: {}").format(key) if key else self.tr("Nothing would be written."))
        self._counts.setText(counts)
        self._write.setEnabled(bool(key) and self._job is None)
        self._copy.setEnabled(bool(key) and self._job is None)

    # -- writing

    def accept(self) -> None:
        """Write in the background, then close; the dialog stays open where it failed."""
        path = Path(self._path.text())
        if not self._may_replace(path):
            return
        self._start(path, export, self._written)

    def copy(self) -> None:
        """Write beside nothing, and put the text on the clipboard."""
        self._start(Path(f"paste{self.entry.suffix}"), text_of, self._copied)

    def _start(self, path: Path, work: Callable[[Request, Job], Any], done: Callable[[Any], object]) -> None:
        try:
            request = self._request(path)
        except ValueError as error:
            self._window.files.show_error(str(error))
            return
        self._set_busy(True)
        self._bar.setFormat(self.tr("Writing {}… %p %").format(path.name))
        self._job = run_job(
            lambda job: work(request, job),
            self.tr("Exporting"),
            self,
            on_result=done,
            on_error=self._failed,
            on_progress=self._progressed,
        )
        self._job.finished_job.connect(self._ended)

    def _may_replace(self, path: Path) -> bool:
        if not path.exists() or str(path) == self._confirmed:
            return True
        text = self.tr("{} is there already. Replace it?").format(path.name)
        if QMessageBox.question(self, self.tr("Export tracks"), text) != QMessageBox.StandardButton.Yes:
            return False
        self._confirmed = str(path)
        return True

    def _set_busy(self, busy: bool) -> None:
        self._bar.setVisible(busy)
        self._bar.setRange(0, 0)
        for widget in (self.formats, self.plate, self.selection, self._gaps, self._hidden, self._path):
            widget.setEnabled(not busy)
        self._write.setEnabled(not busy)
        self._copy.setEnabled(not busy)
        if not busy:
            self._job = None

    def _progressed(self, progress: Progress) -> None:
        if progress.done >= progress.total:
            self._bar.setRange(0, 0)
            self._bar.setFormat(self.tr("Reading it back and comparing…"))
        else:
            self._bar.setRange(0, progress.total)
            self._bar.setValue(progress.done)

    def reject(self) -> None:
        """Cancel what is being written; with nothing going on, close."""
        if self._job is None:
            super().reject()
            return
        self._job.cancel()
        self._bar.setRange(0, 0)
        self._bar.setFormat(self.tr("Cancelling…"))

    def _ended(self, finished: Finished) -> None:
        """A job that was cancelled tells nothing else; it may have come to its end before it heard of it."""
        if self._job is None or not self._job.cancelled:
            return
        self._set_busy(False)
        done = finished.outcome == "done"
        self._counts.setText(
            self.tr("It was written before it could be cancelled.")
            if done
            else self.tr("Cancelled: nothing was written.")
        )

    def done(self, result: int) -> None:
        """Close once the threads have ended: they belong to the dialog, which goes then."""
        self._timer.stop()
        for job in (self._job, self._look):
            if job is not None:
                job.stop()
        super().done(result)

    def _written(self, done: Done) -> None:
        self._set_busy(False)
        path = Path(self._path.text())
        self._window.settings.last_folder = str(path.parent)
        self._window.settings.export_format = self.entry.name
        written = done.written
        checked = self.tr(" and read back") if done.checked else ""
        text = self.tr("{} written{}: {} tracks, {} positions.").format(
            path.name, checked, written.tracks, number(written.cells)
        )
        self._window.show_message(f"{text} {written.note}".strip())
        super().accept()

    def _copied(self, text: str) -> None:
        self._set_busy(False)
        QGuiApplication.clipboard().setText(text)
        self._counts.setText(self.tr("On the clipboard: paste it in the program that follows."))

    def _failed(self, message: str) -> None:
        self._set_busy(False)
        self._window.files.show_error(message)


def _section(title: str, content: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(SPACE_S)
    heading = QLabel(title)
    font = heading.font()
    font.setBold(True)
    heading.setFont(font)
    column.addWidget(heading)
    column.addWidget(content)
    column.addStretch(1)
    return holder


def _offer(box: QComboBox, ways: list[tuple[str, str]]) -> None:
    box.blockSignals(True)
    box.clear()
    for text, way in ways:
        box.addItem(text, way)
    box.blockSignals(False)


def _told(entry: Format) -> str:
    """What a format can and cannot say, as rich text."""
    lines = [
        f"<b>Pixels:</b> {entry.convention.pixels}. <b>Frames:</b> {entry.convention.frames}.",
        f"<b>Carries:</b> {entry.carries}.",
        f"<b>Cannot carry:</b> {entry.loses}." if entry.loses else "",
        f"<b>Careful:</b> {entry.untested}" if entry.untested else "",
        f"<b>{entry.missing}</b>" if entry.missing else "",
    ]
    return "<br>".join(line for line in lines if line)
