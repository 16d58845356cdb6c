"""The clean-up: which filters, what they would take away, and then taking it away."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.document.changes import Change
from app.document.clean_up import FILTERS, CleanUp, FilterName, Filters, Found, Snapshot, copying, find_cells, plan
from app.panels.subscriptions import Subscriptions
from app.panels.wording import number
from app.theme import SPACE_L, SPACE_M, SPACE_S
from app.workers.jobs import Job, run_job

if TYPE_CHECKING:
    from app.window import MainWindow

QUIET_MS = 80  # after a change
ASIDE = QPoint(16, 48)  # from the window's lower right corner, so that the picture is in view


class CleanUpDialog(QDialog):
    """Filters with numbers and live counts. It stays open beside the work and follows the document.

    Attributes:
        found: what the filters found last; None until they have, and while something else was asked for since.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window, self._document = window, window.document
        self._snapshot: Snapshot | None = None
        self._copying: Iterator[Snapshot | None] | None = None
        self.found: Found | None = None
        self._job: Job | None = None
        self._again = False
        self._checks: dict[FilterName, QCheckBox] = {}
        self._counts: dict[FilterName, QLabel] = {}
        self.setWindowTitle(self.tr("Clean up tracks"))
        self._make_fields()
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._look)
        self._subscriptions = Subscriptions(self)
        self._subscriptions.add(window.view.changed, self._view_changed)
        if self._document is not None:
            self._subscriptions.add(self._document.changed, self._document_changed)
            self._subscriptions.add(self._document.expected_error.changed, self._document_changed)
        self.finished.connect(self._end)
        self._later()

    # -- building

    def _make_fields(self) -> None:
        tr, window = self.tr, self._window
        self.shorter, self.keep = _whole(1, 100_000, 10, tr(" frames")), _whole(1, 1000, 3, tr(" tracks"))
        self.error = _pixels(0.1, 1000, window.view.error_threshold)
        self.jump, self.edge = _pixels(0.5, 10_000, 40), _pixels(0, 1000, 4)
        self.duplicate, self.crowd = _pixels(0.1, 1000, 2), _pixels(4, 10_000, 64)
        self.jump_what = _choice(tr("clear both sides"), tr("clear all that follows"))
        self.jump_what.setToolTip(
            tr("Both sides: the positions before and after the jump. All that follows: up to the next anchor.")
        )
        self.edge_what = _choice(tr("anywhere there"), tr("only if stuck there"))
        self.edge_what.setToolTip(tr("Stuck: hardly moving across the edge for three frames or more"))
        self.protected_check = QCheckBox(tr("Anchors, approved positions and locked tracks too"))
        self.whole_radio = QRadioButton(tr("Delete whole tracks"))
        self.spans_radio = QRadioButton(tr("Clear only those positions"))
        self.spans_radio.setToolTip(tr("Short tracks, duplicates and crowds are deleted either way"))
        self.spans_radio.setChecked(True)
        both = QButtonGroup(self)
        for radio in (self.whole_radio, self.spans_radio):
            both.addButton(radio)
        self.total_label, self.note_label = QLabel(), QLabel()
        for name, title, number_box, extra in self._rows():
            check = self._checks[name] = QCheckBox(title)
            self._counts[name] = QLabel()
            number_box.setAccessibleName(title)
            for box in (number_box, extra):
                if box is not None:
                    box.setEnabled(False)
                    check.toggled.connect(box.setEnabled)
                    if box is not number_box:
                        box.setAccessibleName(tr("{}: what goes").format(title))
            check.toggled.connect(self._later)

    def _rows(self) -> tuple[tuple[FilterName, str, QSpinBox | QDoubleSpinBox, QWidget | None], ...]:
        tr = self.tr
        return (
            ("short", tr("Seen on fewer than"), self.shorter, None),
            ("error", tr("Expected error over"), self.error, None),
            ("jump", tr("Jumps from frame to frame over"), self.jump, self.jump_what),
            ("edge", tr("Closer to the picture's edge than"), self.edge, self.edge_what),
            ("duplicate", tr("Always closer to another track than"), self.duplicate, None),
            ("crowd", tr("Crowded on this frame: squares of"), self.crowd, self.keep),
        )

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(SPACE_M)
        grid.setVerticalSpacing(SPACE_S)
        widest = self.fontMetrics().horizontalAdvance(self._counted(9999, 99999))
        for row, (name, _, number_box, extra) in enumerate(self._rows()):
            grid.addWidget(self._checks[name], row, 0)
            grid.addWidget(number_box, row, 1)
            if extra is not None:
                grid.addWidget(extra, row, 2)
            grid.addWidget(self._counts[name], row, 3)
            self._counts[name].setMinimumWidth(widest)
        self.keep.setPrefix(self.tr("keep "))
        grid.setColumnStretch(3, 1)
        then = QHBoxLayout()
        then.setSpacing(SPACE_L)
        for radio in (self.spans_radio, self.whole_radio):
            then.addWidget(radio)
        then.addStretch(1)
        for label in (self.total_label, self.note_label):
            label.setWordWrap(True)
        self.note_label.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self.note_label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.apply_button = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.apply_button.setText(self.tr("Clean up"))
        self.select_button = buttons.addButton(self.tr("Select them"), QDialogButtonBox.ButtonRole.ActionRole)
        # Else Enter would be one of these while there is nothing to clean up.
        for other in (self.select_button, buttons.button(QDialogButtonBox.StandardButton.Cancel)):
            other.setAutoDefault(False)
        self.select_button.setToolTip(self.tr("Select the tracks that are concerned, and change nothing"))
        self.select_button.clicked.connect(self.select)
        buttons.accepted.connect(self.apply)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACE_M)
        column.addLayout(grid)
        column.addSpacing(SPACE_S)
        column.addLayout(then)
        column.addWidget(self.protected_check)
        column.addSpacing(SPACE_S)
        for widget in (self.total_label, self.note_label, buttons):
            column.addWidget(widget)
        for number_box in (self.shorter, self.keep, self.error, self.jump, self.edge, self.duplicate, self.crowd):
            number_box.valueChanged.connect(self._later)
        for choice in (self.jump_what, self.edge_what):
            choice.currentIndexChanged.connect(self._later)
        self.protected_check.toggled.connect(self._later)
        self.spans_radio.toggled.connect(self._show)

    # -- what was chosen

    def check(self, name: FilterName) -> QCheckBox:
        """The box that turns a filter on."""
        return self._checks[name]

    def count_text(self, name: FilterName) -> str:
        """What is said of a filter."""
        return self._counts[name].text()

    @property
    def filters(self) -> Filters:
        """What was chosen."""

        def if_on(name: FilterName, box: QDoubleSpinBox) -> float | None:
            return box.value() if self._checks[name].isChecked() else None

        return Filters(
            shorter_than=self.shorter.value() if self._checks["short"].isChecked() else None,
            error_over=if_on("error", self.error),
            jump_over=if_on("jump", self.jump),
            jump_ends=self.jump_what.currentIndex() == 1,
            edge_within=if_on("edge", self.edge),
            edge_stuck=self.edge_what.currentIndex() == 1,
            duplicates_within=if_on("duplicate", self.duplicate),
            crowd_cell=if_on("crowd", self.crowd),
            crowd_keep=self.keep.value(),
            crowd_frame=self._window.view.playhead,
            protected=self.protected_check.isChecked(),
        )

    def select(self) -> None:
        """Select the tracks that are concerned."""
        if self.found is not None:
            self._window.view.select(self.found.concerned)

    def apply(self) -> None:
        """Take away what was found, as one step, and close."""
        document, found = self._document, self.found
        if document is None or document is not self._window.document or found is None:
            return
        cleaned = plan(found, self.whole_radio.isChecked())
        self._subscriptions.release()
        document.clean_up(cleaned.deleted, cleaned.cleared)
        text = self.tr("Cleaned up: {0} positions went, {1}. Ctrl+Z takes it back.")
        self._window.show_message(text.format(number(cleaned.positions), self._where(cleaned)))
        self.accept()

    # -- looking

    def _view_changed(self, name: str) -> None:
        if name == "playhead" and self._checks["crowd"].isChecked():
            self._later()

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("tracks", "cells", "all"):
            self._snapshot = self._copying = None
            self._later()

    def _later(self, *_: object) -> None:
        """Look once things are quiet; nothing may be taken away until then."""
        self.found = None
        self._again = True
        self._allow(False)
        self._timer.start(QUIET_MS)

    def _look(self) -> None:
        document = self._document
        if document is None or document is not self._window.document or self._job is not None or not self._again:
            return
        if self._snapshot is None:
            self._copying = copying(document) if self._copying is None else self._copying
            self._snapshot = next(self._copying)
        if self._snapshot is None:
            self._timer.start(0)  # the next part, after what else there is to do
            return
        self._again, self._copying = False, None
        snapshot, filters = self._snapshot, self.filters

        def find(job: Job) -> Found:
            return find_cells(snapshot, filters, job.report)

        self._job = run_job(
            find, self.tr("Looking for what to clean up"), self, on_result=self._take, on_error=self._failed
        )

    def _take(self, found: Found) -> None:
        self._job = None
        if self._again:
            self._look()  # something else was asked for meanwhile
            return
        self.found = found
        self._show()

    def _failed(self, message: str) -> None:
        self._job = None
        self.total_label.setText(message)

    # -- showing

    def _allow(self, allowed: bool) -> None:
        for button in (self.apply_button, self.select_button):
            button.setEnabled(allowed)

    def _show(self) -> None:
        """Bring the counts up to date."""
        found = self.found
        if found is None:
            return
        for name in FILTERS:
            text = self._counted(*found.count(name)) if name in found.tracks else ""
            self._counts[name].setText(text)
            self._counts[name].setAccessibleName(text)
        cleaned = plan(found, self.whole_radio.isChecked())
        anything = bool(cleaned.deleted or cleaned.cleared)
        self.total_label.setText(self._total(cleaned))
        self.note_label.setText(" ".join(self._notes(found, cleaned.kept)))
        self.apply_button.setEnabled(anything)
        self.select_button.setEnabled(bool(found.concerned))

    def _total(self, cleaned: CleanUp) -> str:
        if not any(check.isChecked() for check in self._checks.values()):
            return self.tr("Tick what is to go.")
        if not cleaned.deleted and not cleaned.cleared:
            return self.tr("Nothing would go.")
        text = self.tr("In all {0} positions would go: {1}.")
        return text.format(number(cleaned.positions), self._where(cleaned))

    def _where(self, cleaned: CleanUp) -> str:
        """Which tracks and parts of tracks."""
        deleted, cleared = len(cleaned.deleted), len(cleaned.cleared)
        tracks = [self.tr("{} whole tracks").format(number(deleted))] if deleted > 1 else []
        tracks += [self.tr("1 whole track")] if deleted == 1 else []
        tracks += [self.tr("parts of {} tracks").format(number(cleared))] if cleared > 1 else []
        tracks += [self.tr("parts of 1 track")] if cleared == 1 else []
        return self.tr(" and ").join(tracks)

    def _notes(self, found: Found, kept: int) -> list[str]:
        notes = []
        if found.unknown:
            text = self.tr("{} positions have no expected error yet, and stay.")
            notes.append(text.format(number(found.unknown)))
        if kept:
            text = self.tr("{} tracks stay, because something in them is locked, approved or placed by you.")
            notes.append(text.format(number(kept)))
        return notes

    def _counted(self, tracks: int, positions: int) -> str:
        if not tracks:
            return self.tr("none")
        one = self.tr("{0} positions of 1 track")
        return (one if tracks == 1 else self.tr("{0} positions of {1} tracks")).format(
            number(positions), number(tracks)
        )

    def _end(self) -> None:
        """The dialog is closed."""
        self.finished.disconnect(self._end)
        self._timer.stop()
        self._subscriptions.release()
        if self._job is not None:
            self._job.stop()
            self._job = None
        self.deleteLater()


def open_clean_up(window: "MainWindow") -> CleanUpDialog:
    """Show the dialog beside the picture; the one that is open already, if there is one."""
    for dialog in window.findChildren(CleanUpDialog):
        dialog.raise_()
        return dialog
    dialog = CleanUpDialog(window)
    dialog.adjustSize()
    dialog.move(window.geometry().bottomRight() - dialog.rect().bottomRight() - ASIDE)
    dialog.show()
    return dialog


def _whole(least: int, most: int, value: int, suffix: str) -> QSpinBox:
    box = QSpinBox(minimum=least, maximum=most, value=value, suffix=suffix)
    box.setKeyboardTracking(False)
    return box


def _pixels(least: float, most: float, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox(minimum=least, maximum=most, value=value, suffix=" px", decimals=1)
    box.setKeyboardTracking(False)
    return box


def _choice(*texts: str) -> QComboBox:
    box = QComboBox()
    box.addItems(texts)
    return box
