"""The solve panel: which tracks tell how the picture moves, what is shown of it, and how well it fits."""

import math
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.item_views import wash_selection
from app.panels.quiet_fields import QuietBox
from app.panels.residual_strip import ResidualStrip
from app.panels.solve_settings import SolveReport, SolveSettings
from app.panels.solve_table import SolveModel, SolveTable
from app.panels.subscriptions import Subscriptions
from app.panels.wording import number
from app.theme import SPACE_L, SPACE_M, SPACE_S
from tracker.inference.solves import LEAST


class SolvePanel(QWidget):
    """Asks what to solve and shows how well it went. It works nothing out: the window gives it reports.

    Signals:
        settings_changed: something else is to be solved or shown (`settings`).
        go_requested: frame, and id of a track that is to be selected or None.
        picture_requested: a picture for the insert is wanted.
    """

    settings_changed = Signal()
    go_requested = Signal(int, object)
    picture_requested = Signal()

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._settings = SolveSettings()
        self._report: SolveReport | None = None
        self._subscriptions = Subscriptions(self)
        self.source_box, self.kind_box, self.insert_box = QuietBox(), QuietBox(), QuietBox()
        self.chosen_button = QPushButton(self.tr("Use selection"))
        self.reference_box = QSpinBox()
        self.reference_button = QPushButton(self.tr("Use this frame"))
        self.robust_check = QCheckBox(self.tr("Leave outliers out"))
        self.stabilise_check = QCheckBox(self.tr("Stabilise preview"))
        self.opacity_slider, self.opacity_label = QSlider(Qt.Orientation.Horizontal), QLabel()
        self.frame_label, self.empty_label, self.problem_label = QLabel(), QLabel(), QLabel()
        self._caption = QLabel(self.tr("Residuals by track, in px"))
        self.strip = ResidualStrip()
        self.model = SolveModel()
        self.table = SolveTable(self.model)
        self._set_up()
        self._lay_out()
        self._connect()
        self.set_document(document)

    def sizeHint(self) -> QSize:
        """Room for the table."""
        return QSize(280, 460)

    # -- what the window says

    @property
    def settings(self) -> SolveSettings:
        """What was chosen."""
        return self._settings

    def set_document(self, document: Document | None) -> None:
        """Solve in another document, or in none: what was chosen of the old one is forgotten."""
        self.release()
        self._document, self._report = document, None
        kept = self._settings
        self._settings = SolveSettings(kind=kept.kind, robust=kept.robust, opacity=kept.opacity)
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self.set_problem("")
        self._show_settings()
        self.set_report(None)

    def release(self) -> None:
        """Stop listening to document and view."""
        self._subscriptions.release()

    def choose(self, **changes: Any) -> None:
        """Other settings, by name."""
        wanted = replace(self._settings, **changes)
        if wanted != self._settings:
            self._settings = wanted
            self._show_settings()
            self.settings_changed.emit()

    def use_selection(self) -> None:
        """Solve the tracks that are selected now."""
        self.choose(source="chosen", chosen=self._view.selection)

    def set_report(self, report: SolveReport | None) -> None:
        """How well it fits; None where nothing is solved."""
        self._report = report
        self.model.show(self._document, report)
        self._pages.setCurrentIndex(int(report is None))
        self.empty_label.setText(self._empty_text())
        if report is not None:
            self.strip.show_report(report, self._number_of(0))
        self._show_frame()
        self._show_notes()

    @property
    def report(self) -> SolveReport | None:
        """What is shown."""
        return self._report

    def set_problem(self, text: str) -> None:
        """A sentence on why something is not shown; "" for none."""
        self.problem_label.setText(text)
        self.problem_label.setVisible(bool(text))

    # -- building

    def _set_up(self) -> None:
        tr = self.tr
        for kind, text in (
            (None, tr("As many tracks allow")),
            ("translation", tr("1 point: translation")),
            ("similarity", tr("2 points: similarity")),
            ("affine", tr("3 points: affine")),
            ("homography", tr("4 or more: homography")),
        ):
            self.kind_box.addItem(text, kind)
        for insert, text in (("none", tr("Nothing")), ("checker", tr("Checker")), ("picture", tr("Picture…"))):
            self.insert_box.addItem(text, insert)
        self.robust_check.setToolTip(tr("Tracks that do not move as most others do carry no weight on that frame"))
        self.stabilise_check.setToolTip(tr("Show each frame so that the picture of the reference frame stands still"))
        self.reference_box.setRange(0, 0)
        self.reference_box.setKeyboardTracking(False)
        self.opacity_slider.setRange(0, 100)
        for widget, name in (
            (self.source_box, tr("Tracks to solve")),
            (self.chosen_button, tr("Solve the selected tracks")),
            (self.kind_box, tr("Kind of motion")),
            (self.reference_box, tr("Reference frame")),
            (self.reference_button, tr("Make the shown frame the reference frame")),
            (self.insert_box, tr("Insert over the plate")),
            (self.opacity_slider, tr("Opacity of the insert")),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(widget.toolTip() or name)
        for check in (self.robust_check, self.stabilise_check):
            check.setAccessibleName(check.text())
        for label in (self.frame_label, self.empty_label, self.problem_label):
            label.setWordWrap(True)
        self.frame_label.setMinimumHeight(2 * self.fontMetrics().lineSpacing())
        self.frame_label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.empty_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_label.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE_M)
        form.setVerticalSpacing(SPACE_S)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow(self.tr("Tracks"), _row(self.source_box, self.chosen_button))
        form.addRow(self.tr("Motion"), self.kind_box)
        form.addRow("", self.robust_check)
        form.addRow(self.tr("Reference"), _row(self.reference_box, self.reference_button))
        form.addRow(self.tr("Insert"), _row(self.insert_box, self.opacity_slider, self.opacity_label))
        form.addRow("", self.stabilise_check)
        found = QWidget()
        inner = QVBoxLayout(found)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(SPACE_S)
        for widget in (self.frame_label, self.strip, self._caption):
            inner.addWidget(widget)
        inner.addWidget(self.table, 1)
        self._pages = QStackedWidget()
        self._pages.addWidget(found)
        self._pages.addWidget(self.empty_label)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        column.setSpacing(SPACE_M)
        column.addLayout(form)
        column.addWidget(self.problem_label)
        column.addWidget(self._pages, 1)
        self.opacity_label.setMinimumWidth(self.fontMetrics().horizontalAdvance("100 %"))
        self.opacity_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _connect(self) -> None:
        self.source_box.activated.connect(self._source_chosen)
        self.chosen_button.clicked.connect(self.use_selection)
        self.kind_box.activated.connect(lambda _: self.choose(kind=self.kind_box.currentData()))
        self.robust_check.toggled.connect(lambda on: self.choose(robust=on))
        self.reference_box.valueChanged.connect(lambda number: self.choose(reference=number - self._number_of(0)))
        self.reference_button.clicked.connect(lambda: self.choose(reference=self._view.playhead))
        self.stabilise_check.toggled.connect(lambda on: setattr(self._view, "stabilise", on))
        self.insert_box.activated.connect(self._insert_chosen)
        self.opacity_slider.valueChanged.connect(lambda percent: self.choose(opacity=percent / 100))
        self.strip.frame_chosen.connect(lambda frame: self.go_requested.emit(frame, None))
        self.table.chosen.connect(self._track_chosen)

    # -- what a person does

    def _source_chosen(self, _row: int) -> None:
        source, group = self.source_box.currentData()
        self.choose(source=source, group=group)

    def _insert_chosen(self, _row: int) -> None:
        insert = self.insert_box.currentData()
        if insert == "picture":
            self._show_settings()  # until there is one
            self.picture_requested.emit()
        else:
            self.choose(insert=insert)

    def _track_chosen(self, track_id: int, frame: int) -> None:
        self.go_requested.emit(self._view.playhead if frame < 0 else frame, track_id)

    # -- what is shown

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.strip.dress()
            wash_selection(self.table)

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("tracks", "groups", "all"):
            self._show_settings()

    def _view_changed(self, name: str) -> None:
        if name == "playhead":
            self._show_frame()
        elif name == "selection":
            self.chosen_button.setEnabled(bool(self._view.selection))
        elif name == "stabilise":
            with QSignalBlocker(self.stabilise_check):
                self.stabilise_check.setChecked(self._view.stabilise)

    def _show_settings(self) -> None:
        """Bring every control up to date."""
        settings, document, view = self._settings, self._document, self._view
        for blocked in (self.robust_check, self.stabilise_check, self.reference_box, self.opacity_slider):
            blocked.blockSignals(True)
        self._fill_sources()
        self.kind_box.setCurrentIndex(self.kind_box.findData(settings.kind))
        self.robust_check.setChecked(settings.robust)
        self.stabilise_check.setChecked(view.stabilise)
        last = 0 if document is None else document.table.n_frames - 1
        self.reference_box.setRange(self._number_of(0), self._number_of(last))
        self.reference_box.setValue(self._number_of(settings.reference))
        self.insert_box.setCurrentIndex(self.insert_box.findData(settings.insert))
        self.insert_box.setToolTip(settings.picture or self.tr("Insert over the plate"))
        self.opacity_slider.setValue(round(settings.opacity * 100))
        self.opacity_label.setText(f"{round(settings.opacity * 100)} %")
        self.chosen_button.setEnabled(bool(view.selection))
        for blocked in (self.robust_check, self.stabilise_check, self.reference_box, self.opacity_slider):
            blocked.blockSignals(False)
        self.opacity_slider.setEnabled(settings.insert != "none")
        self.opacity_label.setEnabled(settings.insert != "none")
        for widget in (self.source_box, self.kind_box, self.reference_button, self.insert_box, self.reference_box):
            widget.setEnabled(document is not None)

    def _fill_sources(self) -> None:
        chosen = len(self._settings.chosen)
        rows: list[tuple[str, tuple[str, str]]] = [
            (self.tr("Chosen ({})").format(chosen), ("chosen", "")),
            (self.tr("All visible"), ("visible", "")),
        ]
        if self._document is not None:
            rows += [
                (self.tr("Group: {}").format(group.name), ("group", group.name)) for group in self._document.groups
            ]
        with QSignalBlocker(self.source_box):
            self.source_box.clear()
            for text, data in rows:
                self.source_box.addItem(text, data)
            wanted = (self._settings.source, self._settings.group if self._settings.source == "group" else "")
            self.source_box.setCurrentIndex(next((k for k, row in enumerate(rows) if row[1] == wanted), 0))

    def _show_notes(self) -> None:
        kind = None if self._report is None else self._report.kind
        self.kind_box.setToolTip(
            self.tr("Kind of motion") if kind is None else self.tr("Kind of motion; now solved: {}").format(kind)
        )

    def _show_frame(self) -> None:
        self.strip.show_playhead(self._view.playhead)
        text = self._frame_text()
        self.frame_label.setText(text)
        self.frame_label.setAccessibleName(text)

    def _number_of(self, frame: int) -> int:
        return frame if self._document is None else self._document.number_of(frame)

    def _frame_text(self) -> str:
        report, frame = self._report, self._view.playhead
        shown = self._number_of(frame)
        if report is None or frame >= len(report.known):
            return ""
        if not report.known[frame]:
            return self.tr("Frame {}: being solved …").format(shown)
        usable, carrying, needed = int(report.usable[frame]), int(report.carrying[frame]), LEAST[report.kind]
        if not math.isfinite(report.frame_mean[frame]):
            if usable < needed:
                text = self.tr(
                    "Frame {0} is not solved: {1} of the {2} tracks it takes are seen here and on frame {3}."
                )
                return text.format(shown, usable, needed, self._number_of(report.reference))
            text = self.tr("Frame {0} is not solved: its {1} tracks lie on one line or in one place.")
            return text.format(shown, usable)
        if frame == report.reference:
            return self.tr("Frame {0} is the reference frame; {1} tracks are seen on it.").format(shown, usable)
        if usable == carrying == needed:
            text = self.tr("Frame {0}, {1} by {2} tracks, the fewest that carry it: with one more, errors would show.")
            return text.format(shown, report.kind, usable)
        text = self.tr("Frame {0}, {1}: {2} px in the mean, {3} px at most, {4} of {5} tracks").format(
            shown,
            report.kind,
            number(report.frame_mean[frame], 2),
            number(report.frame_max[frame], 2),
            carrying,
            usable,
        )
        left_out = usable - carrying
        return text + (self.tr("; {} left out as outliers").format(left_out) if left_out else "") + "."

    def _empty_text(self) -> str:
        if self._document is None:
            return self.tr("Open a video to begin.")
        if not self._document.table.n_tracks:
            return self.tr("No points yet.\nPress N and click in the picture.")
        if self._settings.source == "chosen":
            return self.tr("Select tracks in the picture or the list, then press “Use selection”.")
        if self._settings.source == "group":
            return self.tr("This group has no tracks.")
        return self.tr("No track is visible: all are hidden.")


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side; the first takes the room that is left."""
    row = QHBoxLayout()
    row.setSpacing(SPACE_S)
    for widget in widgets:
        row.addWidget(widget, int(widget is widgets[0]))
    return row
