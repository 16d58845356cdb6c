"""What is to be trained: the fields of the training panel before a run begins."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QBoxLayout,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.buttons import IconButton
from app.panels.quiet_fields import QuietBox, QuietNumber
from app.panels.wording import number, tracker_title, wrapped
from app.theme import SPACE_M, SPACE_S
from app.workers.label_survey import Candidate, draw_held
from app.workers.training_record import Stage, TrainingRequest, TrustName
from tracker.inference.trackers import TrackerInfo
from tracker.labels.label_set import Trust

NAMES_SHOWN = 4  # of the held videos
SETS_SHOWN = 3  # rows of the list
TRAINABLE = "cotracker3"  # the family of networks that can be fine-tuned


class TrainingForm(QWidget):
    """The fields. What is in label sets, and which trackers there are, it is told.

    Signals:
        labels_changed: other label sets were chosen.
        labels_requested, base_requested, output_requested, held_requested: a person wants to choose some.
        changed: anything else is another.
    """

    labels_changed = Signal()
    labels_requested = Signal()
    base_requested = Signal()
    output_requested = Signal()
    held_requested = Signal()
    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._candidates: list[Candidate] = []
        self._own_held: tuple[str, ...] | None = None  # what a person chose by name
        self._names_itself = True  # nobody gave a folder, so it follows the label set
        self.labels_list, self.labels_note = QListWidget(), QLabel(wordWrap=True)
        self.base_box, self.stage_box, self.trust_box = QuietBox(), QuietBox(), QuietBox()
        self.minutes_box = QuietNumber(1, 100_000, 30, self.tr(" min"))
        self.synthetic_box = QuietNumber(0, 95, 25, self.tr(" % of the clips"))
        self.held_box, self.held_label = QuietNumber(0, 95, 20, " %"), QLabel(wordWrap=True)
        self.output_field = QLineEdit()
        self._make_buttons()
        self._fill()
        self._lay_out()
        self._connect()
        self.labels_note.hide()
        self._show_held()

    # -- what the window says

    @property
    def labels(self) -> tuple[Path, ...]:
        """Folders of the chosen label sets."""
        rows = range(self.labels_list.count())
        return tuple(Path(self.labels_list.item(row).data(Qt.ItemDataRole.UserRole)) for row in rows)

    def add_labels(self, folder: Path) -> None:
        """Choose one more."""
        folder = folder.resolve()
        if folder in self.labels:
            return
        item = QListWidgetItem(folder.name)
        item.setData(Qt.ItemDataRole.UserRole, str(folder))
        item.setToolTip(str(folder))
        self.labels_list.addItem(item)
        self._labels_changed()

    def set_bases(self, trackers: Sequence[TrackerInfo], chosen: str = "") -> None:
        """Those that can be trained further; the chosen one is that of before where none is named."""
        before = chosen or self.base
        with QSignalBlocker(self.base_box):
            self.base_box.clear()
            for row, info in enumerate(one for one in trackers if one.family == TRAINABLE and one.weights is not None):
                self.base_box.addItem(tracker_title(info), info.name)
                self.base_box.setItemData(row, wrapped(info.description), Qt.ItemDataRole.ToolTipRole)
            self.base_box.setCurrentIndex(max(0, self.base_box.findData(before)))
        self.base_box.setPlaceholderText(self.tr("Choose weights…"))
        self.changed.emit()

    @property
    def base(self) -> str:
        """Name or file of the tracker to go on from; "" where there is none."""
        return str(self.base_box.currentData() or "")

    def set_candidates(self, candidates: Sequence[Candidate], note: str = "") -> None:
        """What is in the label sets; the note says that it is not known yet, or why not."""
        self._candidates = list(candidates)
        self.labels_note.setText(note or self._contents())
        self.labels_note.setVisible(bool(self.labels_note.text()))
        self._show_held()
        self.changed.emit()

    @property
    def candidates(self) -> list[Candidate]:
        """Videos of the label sets that can be used with what is trusted now."""
        return [one for one in self._candidates if one.usable(self.trust)]

    def set_output(self, folder: Path, by_person: bool = True) -> None:
        """Where the student goes."""
        self._names_itself = not by_person
        self.output_field.setText(str(folder))
        self.output_field.setCursorPosition(len(str(folder)))
        self.changed.emit()

    @property
    def names_itself(self) -> bool:
        """Whether nobody said where the student goes."""
        return self._names_itself

    def set_held(self, names: tuple[str, ...]) -> None:
        """Hold these back, whatever share that is."""
        self._own_held = names
        self._show_held()
        self.changed.emit()

    @property
    def held(self) -> tuple[str, ...]:
        """Names of the videos that are kept for the comparison."""
        usable = {one.name for one in self.candidates}
        if self._own_held is not None:
            return tuple(name for name in self._own_held if name in usable)
        return draw_held(self._candidates, self.trust, self.held_box.value() / 100)

    @property
    def trust(self) -> TrustName:
        """Which labels count."""
        return cast(TrustName, self.trust_box.currentData())

    def request(self, device: str) -> TrainingRequest:
        """What is asked for."""
        return TrainingRequest(
            self.labels,
            self.base,
            Path(self.output_field.text()).expanduser(),
            cast(Stage, self.stage_box.currentData()),
            self.trust,
            float(self.minutes_box.value()),
            self.synthetic_box.value() / 100,
            self.held,
            device,
        )

    def missing(self) -> str:
        """Why it cannot begin; "" where it can."""
        if not self.labels:
            return self.tr("Choose a label set.")
        if not self.base:
            return self.tr("Choose weights of a CoTracker3 to go on from.")
        if not self.output_field.text().strip():
            return self.tr("Choose a folder for the student.")
        if self._candidates and not self.candidates:
            return self._nothing()
        if self._candidates and len(self.held) >= len(self.candidates):
            return self.tr("Every video is held out: none is left to train on.")
        return ""

    # -- building

    def _make_buttons(self) -> None:
        tr = self.tr
        self.add_button = IconButton("mdi6.plus", tr("Add a label set…"), "", self.labels_requested.emit)
        self.remove_button = IconButton("mdi6.minus", tr("Remove the label set"), "", self._remove_labels)
        self.base_button = IconButton(
            "mdi6.folder-open-outline", tr("Choose a checkpoint file…"), "", self.base_requested.emit
        )
        self.held_button = IconButton(
            "mdi6.format-list-checks", tr("Choose by name…"), "", self.held_requested.emit, tr("By name…")
        )
        self.output_button = IconButton(
            "mdi6.folder-open-outline", tr("Choose the folder…"), "", self.output_requested.emit
        )

    def _fill(self) -> None:
        tr = self.tr
        for stage, text, tip in (
            (
                "corrected",
                tr("Corrected labels"),
                tr("Positions, and visibility and confidence where a person set them"),
            ),
            ("pseudo", tr("Trackers’ labels"), tr("Positions alone: visibility and confidence stay as they are")),
        ):
            self.stage_box.addItem(text, stage)
            self.stage_box.setItemData(self.stage_box.count() - 1, wrapped(tip), Qt.ItemDataRole.ToolTipRole)
        for trust, text in (
            ("person", tr("Only what a person set")),
            ("accepted", tr("Also what was accepted")),
            ("all", tr("All labels")),
        ):
            self.trust_box.addItem(text, trust)
        self.trust_box.setCurrentIndex(1)
        for widget, name in (
            (self.labels_list, tr("Label sets to train on")),
            (self.base_box, tr("The tracker to go on from")),
            (self.stage_box, tr("What the labels are")),
            (self.trust_box, tr("Which labels count")),
            (self.minutes_box, tr("How long to train")),
            (self.synthetic_box, tr("Share of synthetic clips, against forgetting")),
            (self.held_box, tr("Share of videos that are kept for the comparison and never trained on")),
            (self.output_field, tr("Folder of the student")),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(wrapped(name))
        self.labels_list.setFixedHeight(SETS_SHOWN * (self.fontMetrics().height() + SPACE_S) + SPACE_S)
        self.labels_list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        for label in (self.labels_note, self.held_label):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setEnabled(False)  # quiet text

    def _lay_out(self) -> None:
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(SPACE_M)
        form.setVerticalSpacing(SPACE_S)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        tr = self.tr
        buttons = _column(self.add_button, self.remove_button)
        form.addRow(tr("Labels"), _column(_row(self.labels_list, buttons), self.labels_note))
        form.addRow(tr("Base"), _row(self.base_box, self.base_button))
        form.addRow(tr("Learn from"), self.stage_box)
        form.addRow(tr("Trust"), self.trust_box)
        form.addRow(tr("Time"), self.minutes_box)
        form.addRow(tr("Synthetic"), self.synthetic_box)
        form.addRow(tr("Held out"), _column(_row(self.held_box, self.held_button), self.held_label))
        form.addRow(tr("Folder"), _row(self.output_field, self.output_button))

    def sizeHint(self) -> QSize:
        """Narrow."""
        return QSize(270, super().sizeHint().height())

    def _connect(self) -> None:
        self.labels_list.currentRowChanged.connect(self._enable)
        self.stage_box.activated.connect(self._stage_chosen)
        self.trust_box.currentIndexChanged.connect(self._trust_chosen)
        self.held_box.valueChanged.connect(self._share_chosen)
        self.output_field.textEdited.connect(self._output_typed)
        for box in (self.minutes_box, self.synthetic_box):
            box.valueChanged.connect(self.changed)
        self._enable()

    # -- what a person does

    def _labels_changed(self) -> None:
        self._own_held = None
        self._enable()
        self.labels_changed.emit()
        self.changed.emit()

    def _remove_labels(self) -> None:
        row = self.labels_list.currentRow()
        if row >= 0:
            self.labels_list.takeItem(row)
            self._labels_changed()

    def _stage_chosen(self) -> None:
        """What suits it is trusted, until somebody says otherwise."""
        wanted = "all" if self.stage_box.currentData() == "pseudo" else "accepted"
        self.trust_box.setCurrentIndex(self.trust_box.findData(wanted))
        self.changed.emit()

    def _trust_chosen(self) -> None:
        self.labels_note.setText(self._contents() if self._candidates else self.labels_note.text())
        self._show_held()
        self.changed.emit()

    def _share_chosen(self) -> None:
        self._own_held = None
        self._show_held()
        self.changed.emit()

    def _output_typed(self, text: str) -> None:
        self._names_itself = not text
        self.changed.emit()

    # -- what is shown

    def _enable(self) -> None:
        self.remove_button.setEnabled(self.labels_list.currentRow() >= 0)

    def _contents(self) -> str:
        """How many videos there are, and what can be done with them."""
        if not self.labels:
            return ""
        if not self._candidates:
            return self.tr("There is no video in it yet.") if len(self.labels) == 1 else self.tr("There are no videos.")
        if not self.candidates:
            return self._nothing()
        parts = [
            self.tr("{0} of {1} videos can be used").format(number(len(self.candidates)), number(len(self._candidates)))
        ]
        person = sum(one.best == Trust.PERSON for one in self._candidates)
        if person:
            parts.append(self.tr("{0} with corrections").format(number(person)))
        faulty = sum(bool(one.fault) for one in self._candidates)
        if faulty:
            parts.append(self.tr("{0} cannot be read").format(number(faulty)))
        return ", ".join(parts) + "."

    def _nothing(self) -> str:
        if all(one.best == Trust.NONE for one in self._candidates):
            return self.tr("All videos were rejected, or have no labels.")
        return {
            "person": self.tr("A person set nothing yet in any of the videos. Trust more, or correct some first."),
            "accepted": self.tr("Nothing was accepted yet. Trust all labels, or accept some first."),
            "all": self.tr("None of the videos has a label."),
        }[self.trust]

    def _show_held(self) -> None:
        held = self.held
        shown = ", ".join(held[:NAMES_SHOWN])
        if len(held) > NAMES_SHOWN:
            shown += self.tr(" and {0} more").format(number(len(held) - NAMES_SHOWN))
        nothing = self.tr("None: nothing will say whether the student is better.") if self._candidates else ""
        self.held_label.setText(shown or nothing)
        self.held_label.setVisible(bool(shown or nothing))
        self.held_label.setToolTip(wrapped(", ".join(held)) if held else "")
        self.held_button.setEnabled(bool(self.candidates))


def _row(*widgets: QWidget) -> QWidget:
    """Side by side; the first takes the room that is left. A widget: PySide crashes deleting layouts in a form's."""
    return _packed(QHBoxLayout(), widgets)


def _column(*widgets: QWidget) -> QWidget:
    """One above the other, likewise."""
    return _packed(QVBoxLayout(), widgets)


def _packed(layout: QBoxLayout, widgets: Sequence[QWidget]) -> QWidget:
    packed = QWidget()
    packed.setLayout(layout)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACE_S)
    for widget in widgets:
        layout.addWidget(widget, int(widget is widgets[0] and isinstance(layout, QHBoxLayout)))
    return packed
