"""Pictures of the open project's tracks: which kind, of which tracks and frames, and the writing in the background."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
)

from app.document.project import Document
from app.exporting import name_of
from app.render_fields import LockFields, OverlayFields, SheetFields
from app.rendering.contact_sheet import SheetOptions, write_contact_sheet
from app.rendering.output import SUFFIXES, Output, OutputCodec, codec_of
from app.rendering.overlay import Look
from app.rendering.render import Rendered, render_overlay, render_stabilised
from app.rendering.stabilised import Lock
from app.workers.jobs import Job, run_job
from app.workers.protocol import Progress
from tracker.files import InputError
from tracker.labels import TrackFile
from tracker.video import ViewTransform, open_source

if TYPE_CHECKING:
    from app.window import MainWindow

_ENDING = re.compile(r"(\.#+|\.%\d*d)?\.(mp4|mov|png)$", re.IGNORECASE)
OVERLAY, ALONE, STABILISED, SHEET = "overlay", "alone", "stabilised", "sheet"


@dataclass(frozen=True)
class _Request:
    """All that the writing needs, taken while the window stands still."""

    tracks: TrackFile
    video: str
    view: ViewTransform | None
    output: Output
    how: Look | Lock | SheetOptions
    scale: float


class RenderDialog(QDialog):
    """Asks what pictures to make; `accept` writes them."""

    def __init__(self, window: "MainWindow", document: Document) -> None:
        super().__init__(window)
        self._window, self._document = window, document
        self._job: Job | None = None
        self._offered = ""
        video = document.video
        assert video is not None, "rendering is disabled while nothing is open"
        self._video = video
        self.setWindowTitle(self.tr("Render pictures"))
        self._make_parts()
        self._lay_out()
        self.what.currentIndexChanged.connect(self._what_changed)
        self.codec.currentIndexChanged.connect(self._codec_changed)
        self._what_changed()

    # -- building

    def _make_parts(self) -> None:
        view, first = self._window.view, self._video.first_frame_number
        self.what, self.codec, self.tracks, self.frames = QComboBox(), QComboBox(), QComboBox(), QComboBox()
        for key, title in (
            (OVERLAY, self.tr("The video with the tracks drawn in")),
            (ALONE, self.tr("The tracks alone, on transparent ground")),
            (STABILISED, self.tr("The video, holding tracks still")),
            (SHEET, self.tr("A contact sheet of what surrounds the tracks")),
        ):
            self.what.addItem(title, key)
        self._fill_tracks()
        self.frames.addItem(self.tr("All {}").format(self._video.frame_count), (0, self._video.frame_count))
        if view.loop_range is not None:
            start, end = view.loop_range
            text = self.tr("In–out range, {} to {}").format(start + first, end - 1 + first)
            self.frames.addItem(text, (start, end))
            self.frames.setCurrentIndex(1)
        self.first_number = QSpinBox(minimum=-1_000_000, maximum=10_000_000, value=first)
        self.first_number.setToolTip(self.tr("The number of the video's first frame, in file names and on pictures"))
        self.overlay = OverlayFields(view.trail_length)
        self.lock = LockFields(view.playhead, first, len(self.tracks.currentData()))
        self.sheet = SheetFields()
        self.sound = QCheckBox(self.tr("Keep the sound"))
        self.sound.setChecked(True)
        self.path = QLineEdit()
        self.path.setMinimumWidth(380)
        self._tell = QLabel(wordWrap=True)
        self._bar = QProgressBar()
        self._bar.hide()
        for name, widget in (
            (self.tr("What"), self.what),
            (self.tr("Kind of file"), self.codec),
            (self.tr("Tracks"), self.tracks),
            (self.tr("Frames"), self.frames),
            (self.tr("Number of the first frame"), self.first_number),
            (self.tr("Write to"), self.path),
        ):
            widget.setAccessibleName(name)

    def _fill_tracks(self) -> None:
        view, ids = self._window.view, self._document.table.ids.tolist()
        selected = tuple(row for row, i in enumerate(ids) if i in view.selection)
        shown = tuple(row for row, i in enumerate(ids) if i not in view.hidden)
        shown = selected if view.hide_others else shown
        self.tracks.addItem(self.tr("All {}").format(len(ids)), tuple(range(len(ids))))
        if len(shown) < len(ids):
            self.tracks.addItem(self.tr("The {} shown").format(len(shown)), shown)
        if selected:
            self.tracks.addItem(self.tr("The {} selected").format(len(selected)), selected)
            self.tracks.setCurrentIndex(self.tracks.count() - 1)

    def _lay_out(self) -> None:
        self._pages = QStackedWidget()
        for page in (self.overlay, self.lock, self.sheet):
            self._pages.addWidget(page)
        browse = QPushButton(self.tr("Browse…"), autoDefault=False)
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.addWidget(self.path)
        place.addWidget(browse)
        self._form = QFormLayout()
        self._form.addRow(self.tr("What"), self.what)
        self._form.addRow(self.tr("Kind of file"), self.codec)
        self._form.addRow(self.tr("Tracks"), self.tracks)
        self._form.addRow(self.tr("Frames"), self.frames)
        self._form.addRow(self.tr("First frame's number"), self.first_number)
        self._form.addRow(self._pages)
        self._form.addRow("", self.sound)
        self._form.addRow(self.tr("Write to"), place)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self._write = buttons.addButton(self.tr("Render"), QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self._write.setDefault(True)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(self._form)
        layout.addWidget(self._tell)
        layout.addWidget(self._bar)
        layout.addWidget(buttons)
        self._align()

    def _align(self) -> None:
        """One column of labels, on whatever page."""
        forms = (self._form, *(page.layout() for page in (self.overlay, self.lock, self.sheet)))
        labels = [
            label
            for form in forms
            if isinstance(form, QFormLayout)
            for row in range(form.rowCount())
            if (item := form.itemAt(row, QFormLayout.ItemRole.LabelRole)) is not None
            and isinstance(label := item.widget(), QLabel)
        ]
        width = max(label.sizeHint().width() for label in labels)
        for label in labels:
            label.setMinimumWidth(width)

    # -- what was chosen

    def _what_changed(self) -> None:
        what = self.what.currentData()
        self._pages.setCurrentIndex({STABILISED: 1, SHEET: 2}.get(what, 0))
        alpha = what == ALONE
        kinds: list[tuple[str, OutputCodec]] = [
            (self.tr("H.264 movie (.mp4), plays everywhere"), "h264"),
            (self.tr("ProRes 4444 movie (.mov)") if alpha else self.tr("ProRes 422 HQ movie (.mov)"), "prores"),
            (self.tr("PNG pictures, numbered"), "png"),
        ]
        if what == SHEET:
            kinds = [(self.tr("PNG picture"), "png")]
        self.codec.blockSignals(True)
        before = self.codec.currentData()
        self.codec.clear()
        for title, codec in kinds[1:] if alpha else kinds:
            self.codec.addItem(title, codec)
        self.codec.setCurrentIndex(max(0, self.codec.findData(before)))
        self.codec.blockSignals(False)
        self._codec_changed()

    def _codec_changed(self) -> None:
        """Offer a name that says what is written; of a name that a person gave only the ending follows."""
        what, codec = self.what.currentData(), self.codec.currentData()
        suffix = next(suffix for suffix, kind in SUFFIXES.items() if kind == codec)
        if what != SHEET and codec == "png":
            suffix = ".####.png"
        if self.path.text() in ("", self._offered):
            ending = {OVERLAY: "tracks", ALONE: "overlay", STABILISED: "stabilised", SHEET: "sheet"}[what]
            project = self._document.path
            stem = name_of(Path(self._video.path)) if project is None else project.stem
            name = f"{stem}-{ending}{suffix}"
            self._offered = str(Path(self._window.settings.last_folder) / name)
            self.path.setText(self._offered)
        else:
            self.path.setText(_ENDING.sub("", self.path.text()) + suffix)
        self.sound.setVisible(what != SHEET and codec != "png")
        self._tell.setText("")

    def _browse(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Render to"), self.path.text())
        if name:
            self.path.setText(name)

    def _request(self) -> _Request:
        what, path = self.what.currentData(), Path(self.path.text())
        rows, (start, end), first = self.tracks.currentData(), self.frames.currentData(), self.first_number.value()
        if not rows:
            raise InputError(self.tr("there are no tracks to draw"))
        codec = self.codec.currentData()
        for given in (Path(self._video.path), self._document.path):
            if given is not None and path.exists() and given.exists() and path.samefile(given):
                raise InputError(self.tr("{}: the pictures would replace what they are made of").format(path))
        if what != SHEET:
            codec_of(path, codec)
        how: Look | Lock | SheetOptions
        if what == STABILISED:
            how = self.lock.lock(rows, codec == "png")
        elif what == SHEET:
            how = self.sheet.options(rows, (start, end), first)
        else:
            how = self.overlay.look(first, rows, [track.colour for track in self._document.table.tracks])
        alpha = what == ALONE or (what == STABILISED and codec == "png")
        output = Output(path, codec, alpha, self.sound.isChecked(), start, end, first)
        video, size = self._video, (self._video.width, self._video.height)
        tracks = TrackFile.from_table(self._document.table, video.pts, video.time_base, size)
        scale = self.overlay.scale.currentData() if isinstance(how, Look) else 1.0
        return _Request(tracks, video.path, video.view, output, how, scale)

    # -- writing

    def accept(self) -> None:
        """Write in the background, then close; the dialog stays open where it failed or was cancelled."""
        try:
            request = self._request()
        except InputError as error:
            self._window.files.show_error(str(error))
            return
        if request.output.path.is_file() and not self._may_replace(request.output.path):
            return
        self._set_busy(True)
        self._job = run_job(
            lambda job: _write(request, job),
            self.tr("Rendering"),
            self,
            on_result=self._written,
            on_error=self._failed,
            on_progress=self._progressed,
        )

    def _may_replace(self, path: Path) -> bool:
        text = self.tr("{} is there already. Replace it?").format(path.name)
        yes = QMessageBox.StandardButton.Yes
        return QMessageBox.question(self, self.tr("Render pictures"), text) == yes

    def _set_busy(self, busy: bool) -> None:
        self._bar.setRange(0, 0)
        self._bar.setVisible(busy)
        for place in range(self._form.count()):
            item = self._form.itemAt(place)
            if item is not None and (widget := item.widget()) is not None:
                widget.setEnabled(not busy)
        self.path.setEnabled(not busy)
        self._write.setEnabled(not busy)
        if not busy:
            self._job = None

    def _progressed(self, progress: Progress) -> None:
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)

    def reject(self) -> None:
        """Cancel what is being written; with nothing going on, close."""
        if self._job is None:
            super().reject()
            return
        self._job.stop()
        self._set_busy(False)
        self._tell.setText(self.tr("Cancelled: nothing was written."))

    def done(self, result: int) -> None:
        """Close once the writing thread has ended: it belongs to the dialog, which goes then."""
        if self._job is not None:
            self._job.stop()
        super().done(result)

    def _written(self, text: str) -> None:
        self._set_busy(False)
        self._window.settings.last_folder = str(Path(self.path.text()).parent)
        self._window.show_message(text)
        super().accept()

    def _failed(self, message: str) -> None:
        self._set_busy(False)
        self._window.files.show_error(message)


def _write(request: _Request, job: Job) -> str:
    """Write, in the job's thread; gives what to tell."""
    how, output = request.how, request.output
    with open_source(request.video, threads="auto", view=request.view) as source:
        if isinstance(how, SheetOptions):
            sheet = write_contact_sheet(output.path, source, request.tracks, how, job.report)
            return f"{output.path} written: {sheet.width} × {sheet.height} pixels."
        if isinstance(how, Lock):
            rendered, _ = render_stabilised(source, request.tracks, how, output, job.report)
        else:
            rendered = render_overlay(source, request.tracks, how, output, job.report, request.scale)
    return _told(rendered)


def _told(rendered: Rendered) -> str:
    held = f" {rendered.held} of them held without a solve." if rendered.held else ""
    missing = f" {rendered.missing} were missing and are marked." if rendered.missing else ""
    return f"{rendered.output} written: {rendered.frames} frames.{held}{missing}"
