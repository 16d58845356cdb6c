"""Import of tracks from another program's file: what it is, where its tracks would lie, and one step of undo."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
)

from app.document.project import Document
from app.export_dialog import NORMALISATION_TEXTS
from app.exporting import plate_of, read_import
from app.panels.wording import number
from app.plate_fields import PlateFields
from app.theme import SPACE_M, SPACE_S
from app.workers.jobs import Job, run_job
from app.workers.process import in_process
from tracker.labels import Format, TrackFile, VideoFacts, find_format, formats

if TYPE_CHECKING:
    from app.window import MainWindow

QUIET_MS = 150
BYTES_IN_A_THREAD = 1 << 20  # a parser of more would keep Python's lock for so long that the window stood still


@dataclass(frozen=True)
class _Found:
    """What a file turned out to be, and its tracks."""

    entry: Format
    tracks: TrackFile


class ImportDialog(QDialog):
    """Reads the file whenever something changes, shows what is in it, and takes it in as one step."""

    def __init__(self, window: "MainWindow", document: Document, path: Path | None = None) -> None:
        super().__init__(window)
        self._window, self._document = window, document
        self._job: Job | None = None
        self._unheard: list[Job] = []  # cancelled, and perhaps still at work
        self._found: _Found | None = None
        video = document.video
        assert video is not None, "importing is disabled while nothing is open"
        self._video = video
        self.setWindowTitle(self.tr("Import tracks"))
        self.plate = PlateFields(plate_of(video, Path(video.path)), (video.width, video.height))
        self._make_parts()
        self._lay_out()
        self._timer = QTimer(self, singleShot=True, interval=QUIET_MS)
        self._timer.timeout.connect(self._look)
        self._path.textChanged.connect(self._later)
        for box in (self._format, self._normalise):
            box.currentIndexChanged.connect(self._later)
        self._record.textChanged.connect(self._later)
        self.plate.changed.connect(self._later)
        self._path.setText("" if path is None else str(path))
        self._show_nothing(self.tr("Choose the file that another program wrote."))
        self.resize(620, 380)
        self._path.setFocus()

    # -- building

    def _make_parts(self) -> None:
        self._path = QLineEdit()
        self._path.setAccessibleName(self.tr("File"))
        self._format = QComboBox()
        self._format.setAccessibleName(self.tr("Format"))
        self._format.addItem(self.tr("Whatever the file turns out to be"), "")
        for entry in sorted((e for e in formats() if e.readable and not e.missing), key=lambda e: e.title.lower()):
            self._format.addItem(entry.title, entry.name)
        self._normalise, self._record = QComboBox(), QLineEdit()
        self._normalise.setAccessibleName(self.tr("Numbers"))
        for way, text in NORMALISATION_TEXTS.items():
            self._normalise.addItem(self.tr(text), way)
        self._record.setPlaceholderText(self.tr("name or number; may be left out where there is one"))
        self._record.setAccessibleName(self.tr("Video in the file"))
        self._tells = QLabel(wordWrap=True)
        self._tells.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._tells.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._tells.setMinimumHeight(4 * self._tells.fontMetrics().lineSpacing())
        self._tells.setAccessibleName(self.tr("What is in the file"))
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._import = self._buttons.addButton(self.tr("Import"), QDialogButtonBox.ButtonRole.AcceptRole)
        self._import.setDefault(True)
        # Else Enter would cancel: Import cannot be pressed yet when the dialog opens.
        self._buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)

    def _lay_out(self) -> None:
        browse, folder = (
            QPushButton(self.tr("File…"), autoDefault=False),
            QPushButton(self.tr("Folder…"), autoDefault=False),
        )
        browse.clicked.connect(self.ask_file)
        folder.clicked.connect(self.ask_folder)
        place = QHBoxLayout()
        place.addWidget(self._path, 1)
        place.addWidget(browse)
        place.addWidget(folder)
        place.setSpacing(SPACE_S)
        self.plate.form.insertRow(0, self.tr("File"), place)
        self.plate.form.insertRow(1, self.tr("Format"), self._format)
        self.plate.form.addRow(self.tr("Numbers"), self._normalise)
        self.plate.form.addRow(self.tr("Video in the file"), self._record)
        for row in (self._normalise, self._record):
            self.plate.form.setRowVisible(row, False)
        box = QFrame()
        box.setFrameShape(QFrame.Shape.StyledPanel)
        box.setAutoFillBackground(True)
        box.setBackgroundRole(box.backgroundRole().Base)
        QVBoxLayout(box).addWidget(self._tells)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACE_M)
        layout.addWidget(self.plate)
        layout.addWidget(box, 1)
        layout.addWidget(self._buttons)

    def ask_file(self) -> None:
        """Ask for the file."""
        suffixes = sorted({s for e in formats() if e.readable for s in (e.suffix, *e.suffixes) if s})
        known = " ".join(f"*{suffix}" for suffix in suffixes)
        name, _ = QFileDialog.getOpenFileName(
            self,
            self.tr("Import tracks from"),
            self._path.text() or self._window.settings.last_folder,
            self.tr("Tracks ({});;All files (*)").format(known),
        )
        if name:
            self._path.setText(name)

    def ask_folder(self) -> None:
        """Ask for a folder, which some formats are."""
        start = self._path.text() or self._window.settings.last_folder
        name = QFileDialog.getExistingDirectory(self, self.tr("Import tracks from the folder"), start)
        if name:
            self._path.setText(name)

    # -- looking

    def _later(self) -> None:
        if self._job is not None:
            self._job.cancel()  # what it finds is not what is asked any more
        self._import.setEnabled(False)
        self._timer.start()

    def _facts(self) -> VideoFacts:
        video = self._video
        return VideoFacts(
            video.pts,
            video.time_base,
            (video.width, video.height),
            self.plate.plate,
            self.plate.start_frame,
            self._normalise.currentData(),
            self._record.text().strip() or None,
        )

    def _look(self) -> None:
        """Read the file in the background; the newest wish wins."""
        if self._job is not None:
            # One that parses a large file ends in its own time, unheard.
            self._job.cancel()
            self._unheard.append(self._job)
            self._job = None
        text = self._path.text().strip()
        if not text:
            self._show_nothing(self.tr("Choose the file that another program wrote."))
            return
        path, name = Path(text), self._format.currentData()
        entry = next((e for e in formats() if e.name == name), None)
        if entry is not None:
            self.plate.set_convention(entry.convention)
        self._show_rows(entry, path.suffix.lower())
        try:
            facts = self._facts()
        except ValueError as error:
            self._show_nothing(str(error))
            return
        if not path.exists():
            self._show_nothing(self.tr("{}: there is no such file or folder.").format(path.name))
            return
        self._tells.setText(self.tr("Reading {}…").format(path.name))
        self._job = run_job(
            lambda job: _read(path, name, facts, job),
            self.tr("Reading"),
            self,
            on_result=self._show_found,
            on_error=self._show_nothing,
        )

    def _show_rows(self, entry: Format | None, suffix: str) -> None:
        """Fields that only some formats have, of the chosen one or of those that the file may be of."""
        possible = [entry] if entry is not None else [e for e in formats() if suffix in (e.suffix, *e.suffixes)]
        self.plate.form.setRowVisible(self._normalise, any(e.normalised for e in possible))
        self.plate.form.setRowVisible(self._record, any(e.records for e in possible))

    def _show_nothing(self, reason: str) -> None:
        self._job = self._found = None
        self._tells.setText(reason)
        self._import.setEnabled(False)

    def _show_found(self, found: _Found) -> None:
        self._job, self._found = None, found
        if not self._format.currentData():
            self.plate.set_convention(found.entry.convention)
        tracks = found.tracks
        located = np.isfinite(tracks.xy).all(axis=2)
        frames = np.flatnonzero((tracks.state > 0).any(axis=0))
        first = found.entry.convention.first_number(self._facts())
        shown = self._video.first_frame_number
        lines = [
            self.tr("{}: {} tracks, {} positions.").format(
                found.entry.title, tracks.n_tracks, number(int(located.sum()))
            ),
            self.tr("Frames {} to {} in the file become frames {} to {} here.").format(
                frames[0] + first, frames[-1] + first, frames[0] + shown, frames[-1] + shown
            ),
        ]
        if found.entry.untested:
            lines.append(found.entry.untested)
        self._tells.setText("\n".join(lines))
        self._import.setEnabled(True)

    # -- taking it in

    def accept(self) -> None:
        """Take the tracks in as one step of undo, and select them."""
        if self._found is None:
            return
        path = Path(self._path.text())
        ids = self._document.import_tracks(self._found.tracks, self.tr("Import {}").format(path.name))
        self._window.settings.last_folder = str(path.parent)
        self._window.view.select(ids)
        text = self.tr("{} tracks imported from {}. Undo takes them back.").format(len(ids), path.name)
        self._window.show_message(text)
        super().accept()

    def done(self, result: int) -> None:
        """Close once the threads have ended: they belong to the dialog, which goes then."""
        self._timer.stop()
        for job in (*self._unheard, *([self._job] if self._job is not None else [])):
            job.stop()
        super().done(result)


def _read(path: Path, name: str, facts: VideoFacts, job: Job) -> _Found:
    arguments = path, name, facts
    large = path.is_dir() or path.stat().st_size > BYTES_IN_A_THREAD
    found, tracks = in_process(read_import, arguments, job) if large else read_import(*arguments, job.report)
    return _Found(find_format(found), tracks)
