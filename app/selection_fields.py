"""The fields in which a person says which tracks, frames and cells an export takes."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QHBoxLayout, QSpinBox, QWidget

from app.document.project import Document
from app.theme import SPACE_S
from tracker.labels import Selection

if TYPE_CHECKING:
    from app.document.view_state import ViewState

ALL, SELECTED, GROUP = "all", "selected", "group"


class SelectionFields(QWidget):
    """All tracks and frames at first.

    Signals:
        changed: a person has changed something.
    """

    changed = Signal()

    def __init__(self, document: Document, view: "ViewState", first_number: int, parent: QWidget | None = None) -> None:
        """`first_number` is what the first frame is called in the window."""
        super().__init__(parent)
        self._document, self._view = document, view
        self.tracks, self.frames = QComboBox(), QComboBox()
        self.approved = QCheckBox(self.tr("only what was approved or placed by hand"))
        self.length = QSpinBox(minimum=0, maximum=10_000_000, suffix=self.tr(" frames"))
        self.length.setSpecialValueText(self.tr("any length"))
        self.judged = QCheckBox(self.tr("at most"))
        self.error = QDoubleSpinBox(minimum=0.1, maximum=1000.0, value=3.0, decimals=1, suffix=" px")
        self.error.setEnabled(False)
        for name, widget in (
            (self.tr("Tracks"), self.tracks),
            (self.tr("Frames"), self.frames),
            (self.tr("Shortest track"), self.length),
            (self.tr("Expected error"), self.error),
        ):
            widget.setAccessibleName(name)
        self._fill(first_number)
        self._lay_out()
        self._connect()

    def _fill(self, first_number: int) -> None:
        table, view = self._document.table, self._view
        self.tracks.addItem(self.tr("All {}").format(table.n_tracks), (ALL, ""))
        if view.selection:
            self.tracks.addItem(self.tr("The {} selected").format(len(view.selection)), (SELECTED, ""))
        for group in sorted({track.group for track in table.tracks if track.group}):
            self.tracks.addItem(self.tr("Group {}").format(group), (GROUP, group))
        self.frames.addItem(self.tr("All {}").format(table.n_frames), None)
        if view.loop_range is not None:
            start, end = view.loop_range
            text = self.tr("In–out range, {} to {}").format(start + first_number, end - 1 + first_number)
            self.frames.addItem(text, (start, end))

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(SPACE_S)
        form.addRow(self.tr("Tracks"), self.tracks)
        form.addRow(self.tr("Frames"), self.frames)
        form.addRow(self.tr("Shortest track"), self.length)
        row = QHBoxLayout()
        row.addWidget(self.judged)
        row.addWidget(self.error, 1)
        form.addRow(self.tr("Expected error"), row)
        form.addRow("", self.approved)

    def _connect(self) -> None:
        self.judged.toggled.connect(self.error.setEnabled)
        for box in (self.tracks, self.frames):
            box.currentIndexChanged.connect(self.changed)
        for check in (self.approved, self.judged):
            check.toggled.connect(self.changed)
        for spin in (self.length, self.error):
            spin.valueChanged.connect(self.changed)

    @property
    def selection(self) -> Selection:
        """What was chosen."""
        kind, group = self.tracks.currentData()
        start, end = self.frames.currentData() or (0, None)
        ids = self._document.table.ids.tolist()
        rows = tuple(ids.index(i) for i in self._view.selection if i in ids) if kind == SELECTED else None
        return Selection(
            start=start,
            end=end,
            rows=rows,
            groups=frozenset({group}) if kind == GROUP else None,
            approved=self.approved.isChecked(),
            min_length=self.length.value(),
            max_error=self.error.value() if self.judged.isChecked() else None,
        )
