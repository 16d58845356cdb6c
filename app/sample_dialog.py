"""Asks how many points to sample, and where, and shows them on the picture before they are placed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QSpinBox, QVBoxLayout

from app.document.changes import Change
from app.document.mattes import sampling_area
from app.panels.subscriptions import Subscriptions
from app.workers.jobs import Job, run_job
from tracker.inference.sampling import Found, choose_points, find_points

if TYPE_CHECKING:
    from app.window import MainWindow

METHODS = (
    ("grid", "Grid", "evenly spaced over the picture"),
    ("corners", "Corners", "where the picture has texture in two directions (Shi-Tomasi)"),
    ("sift", "SIFT", "distinctive blobs at many sizes"),
    ("random", "Random", "anywhere, with a minimum spacing"),
)
QUIET_MS = 40  # after so long without a change the points are looked for


@dataclass(frozen=True)
class SampleRequest:
    """How to sample: `method` of `METHODS`, at most `count` points, at least `spacing` pixels apart.

    Attributes:
        mask: the id of the mask inside which to sample, None for the whole picture.
    """

    method: str
    count: int
    spacing: int
    mask: int | None = None


class SampleDialog(QDialog):
    """A method, a count, a spacing and a place; the points that would come are shown on the canvas meanwhile.

    It follows the shown frame and the masks, so it need not be modal. Garbage mattes are always left out.

    Attributes:
        frame: of the points that are proposed.
        points: (K, 2) float32 pixels that are proposed, none where there is no place for points.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window, self._document = window, window.document
        self.frame = -1
        self.points = np.zeros((0, 2), np.float32)
        self._found: tuple[tuple[object, ...], Found | str] | None = None  # key, and places or what is wrong
        self._masks_revision = 0
        self._job: Job | None = None
        self.setWindowTitle(self.tr("Sample points on this frame"))
        self._build()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MS)
        self._timer.timeout.connect(self._look)
        self._subscriptions = Subscriptions(self)
        self._subscriptions.add(window.view.changed, self._view_changed)
        if self._document is not None:
            self._subscriptions.add(self._document.changed, self._document_changed)
        self._shown = (window.playback.frame_shown, window.playback.frame_missing)
        for signal in self._shown:
            signal.connect(self._later)
        self.finished.connect(self._end)
        self._list_masks(window.view.mask)
        self._later()

    # -- building

    def _build(self) -> None:
        self._method, self._where = QComboBox(), QComboBox()
        self._note, self._tell = QLabel(), QLabel(wordWrap=True)
        self._note.setEnabled(False)
        for key, title, _ in METHODS:
            self._method.addItem(title, key)
        self._method.currentIndexChanged.connect(lambda i: self._note.setText(METHODS[i][2]))
        self._method.setCurrentIndex(1)
        self._count = QSpinBox(minimum=1, maximum=100_000, value=50)
        self._spacing = QSpinBox(minimum=1, maximum=1000, value=12, suffix=" px")
        self._tell.setMinimumHeight(2 * self._tell.fontMetrics().lineSpacing())
        form = QFormLayout()
        form.addRow(self.tr("Method"), self._method)
        form.addRow("", self._note)
        form.addRow(self.tr("Where"), self._where)
        form.addRow(self.tr("At most"), self._count)
        form.addRow(self.tr("Apart by at least"), self._spacing)
        form.addRow(self.tr("Found"), self._tell)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._place_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._place_button.setText(self.tr("Place points"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(buttons)
        for box in (self._method, self._where):
            box.currentIndexChanged.connect(self._later)
        for number in (self._count, self._spacing):
            number.valueChanged.connect(self._later)

    def _list_masks(self, chosen: int | None) -> None:
        """The places to choose from; mattes are none."""
        self._where.blockSignals(True)
        self._where.clear()
        self._where.addItem(self.tr("The whole picture"), None)
        infos = [] if self._document is None else [i for i in self._document.masks.infos if not i.matte]
        for info in infos:
            self._where.addItem(self.tr("Inside {}").format(info.name), info.id)
        self._where.setCurrentIndex(max(0, self._where.findData(chosen)) if chosen is not None else 0)
        self._where.blockSignals(False)

    # -- what was chosen

    @property
    def request(self) -> SampleRequest:
        """What was chosen."""
        method, mask = str(self._method.currentData()), self._where.currentData()
        return SampleRequest(method, self._count.value(), self._spacing.value(), mask)

    def place(self) -> list[int]:
        """Add tracks at the proposed points, in one step, and select them; gives their ids."""
        document, window = self._document, self._window
        if document is None or document is not window.document or not len(self.points):
            return []
        frames = np.full((len(self.points), 1), self.frame, dtype=np.float32)
        ids = document.add_tracks(np.hstack([frames, self.points]))
        window.view.select(ids)
        window.show_message(self.tr("{} points placed.").format(len(ids)))
        return ids

    # -- looking for points

    def _view_changed(self, name: str) -> None:
        if name == "mask" and self._window.view.mask is not None:
            self._list_masks(self._window.view.mask)
            self._later()

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("masks", "all"):
            self._masks_revision += 1
            self._list_masks(self._where.currentData())
            self._later()

    def _later(self, *_: object) -> None:
        """Look once things are quiet; what is proposed until then may not be placed."""
        self._place_button.setEnabled(False)
        self._timer.start()

    def _look(self) -> None:
        """Propose points for what is chosen: at once where the places are known, else they are looked for first."""
        canvas, document, request = self._window.canvas, self._document, self.request
        picture = canvas.picture
        if canvas.is_missing:
            self._show(np.zeros((0, 2), np.float32), self.tr("This frame is missing."))
        if document is None or document is not self._window.document or picture is None:
            return
        self.frame = canvas.frame
        key = (canvas.frame, id(picture), request.method, request.mask, self._masks_revision)
        if self._found is not None and self._found[0] == key:
            self._propose(self._found[1], request)
        elif self._job is None:
            area = sampling_area(document, canvas.frame, request.mask)
            self._find(key, picture, request.method, area)

    def _find(
        self, key: tuple[object, ...], picture: NDArray[np.uint8], method: str, area: NDArray[np.bool_] | None
    ) -> None:
        def find(_job: Job) -> Found | str:
            try:
                return find_points(np.ascontiguousarray(picture[..., 2::-1]), method, area)
            except ValueError as error:
                return str(error)

        def found(value: Found | str) -> None:
            self._job = None
            self._found = key, value
            self._look()  # something else may have been chosen meanwhile

        def failed(message: str) -> None:
            self._job = None
            self._show(np.zeros((0, 2), np.float32), message)

        self._job = run_job(find, self.tr("Sampling"), self, on_result=found, on_error=failed)

    def _propose(self, found: Found | str, request: SampleRequest) -> None:
        if isinstance(found, str):
            self._show(np.zeros((0, 2), np.float32), _sentence(found))
            return
        points = choose_points(found, request.count, spacing=request.spacing)
        self._show(points, self.tr("1 point") if len(points) == 1 else self.tr("{} points").format(len(points)))

    def _show(self, points: NDArray[np.float32], text: str) -> None:
        self.points = points
        self._window.canvas.set_preview(points if len(points) else None)
        self._tell.setText(text)
        self._tell.setAccessibleName(text)
        self._place_button.setEnabled(len(points) > 0)

    def _end(self) -> None:
        """The dialog is closed: nothing is proposed any more."""
        self.finished.disconnect(self._end)
        self._timer.stop()
        self._subscriptions.release()
        for signal in self._shown:
            signal.disconnect(self._later)
        if self._job is not None:
            self._job.stop()
            self._job = None
        self._window.canvas.set_preview(None)
        self.deleteLater()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
