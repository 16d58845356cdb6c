"""The bar under the picture: where the playhead is, playing, and how tracks are drawn."""

from fractions import Fraction

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QSpinBox, QWidget

from app.document.project import Document
from app.document.view_state import ColourBy, ViewState
from app.panels.buttons import SIZE, IconButton
from app.panels.subscriptions import Subscriptions
from app.panels.wording import number, timecode
from app.theme import SPACE_M, SPACE_S


class FrameField(QSpinBox):
    """The number of the shown frame; a typed one counts when it is entered, not with each digit."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.setMinimumHeight(26)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus | Qt.FocusPolicy.TabFocus)
        self.editingFinished.connect(self.clearFocus)  # the keys belong to the picture again


class Transport(QWidget):
    """Buttons and fields for time and drawing.

    Signals:
        action_requested: the id of an action that the window should do.
    """

    action_requested = Signal(str)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._subscriptions = Subscriptions(self)
        self.frame_field = FrameField()
        self.total_label, self.time_label, self.speed_label = QLabel(), QLabel(), QLabel()
        self.colour_box = QComboBox()
        self._make_buttons()
        self._set_up_fields()
        self._lay_out()
        self.set_document(document)
        self.set_playing(False)
        self.set_speed(0.0)

    def set_document(self, document: Document | None) -> None:
        """Go through another document's frames, or none."""
        self.release()
        self._document = document
        count = 0 if document is None else document.table.n_frames
        first, last = self._number_of(0), self._number_of(max(0, count - 1))
        with QSignalBlocker(self.frame_field):
            self.frame_field.setRange(first, last)
        digits = self.fontMetrics().horizontalAdvance("0" * max(4, len(str(last)), len(str(first))))
        self.frame_field.setFixedWidth(digits + 2 * SPACE_M + SPACE_S)
        self.total_label.setText("/ " + (str(last) if first else number(last)))
        self.total_label.setToolTip(self.tr("Number of the last frame; frames count from {}").format(first))
        sample = self.fontMetrics().horizontalAdvance(timecode(0, Fraction(25)) + "0")
        self.time_label.setMinimumWidth(sample if self._rate() else 0)
        self.setEnabled(document is not None)
        self._subscriptions.add(self._view.changed, self._view_changed)
        for name in ("playhead", "loop", "show_trails", "colour_by"):
            self._view_changed(name)

    def release(self) -> None:
        """Stop listening to the view."""
        self._subscriptions.release()

    def set_playing(self, playing: bool) -> None:
        """Whether the video plays now."""
        self.play_button.set_icon("mdi6.pause" if playing else "mdi6.play")
        self.play_button.describe(self.tr("Pause") if playing else self.tr("Play"), self.tr("Space"))

    def set_speed(self, speed: float) -> None:
        """How fast it plays, as a multiple of its own pace; negative backwards, 0 for a stop."""
        self.speed_label.setText("" if speed in (0.0, 1.0) else self.tr("{0}×").format(f"{speed:g}".replace("-", "−")))

    # -- building

    def _button(self, icon_name: str, name: str, key: str, action: str) -> IconButton:
        return IconButton(icon_name, name, key, lambda: self.action_requested.emit(action), parent=self)

    def _make_buttons(self) -> None:
        self.first_button = self._button("mdi6.skip-backward", self.tr("First frame"), self.tr("Home"), "step.first")
        self.previous_button = self._button("mdi6.step-backward", self.tr("Previous frame"), "← A", "step.previous")
        self.play_button = self._button("mdi6.play", self.tr("Play"), self.tr("Space"), "play.toggle")
        self.next_button = self._button("mdi6.step-forward", self.tr("Next frame"), "→ D", "step.next")
        self.last_button = self._button("mdi6.skip-forward", self.tr("Last frame"), self.tr("End"), "step.last")
        self.loop_button = self._button("mdi6.repeat", self.tr("Loop"), "\\", "loop.toggle")
        self.trails_button = self._button("mdi6.chart-timeline-variant", self.tr("Trails"), "T", "view.trails")
        for button in (self.previous_button, self.next_button):
            button.setAutoRepeat(True)
        for button in (self.loop_button, self.trails_button):
            button.setCheckable(True)
            # The view decides whether it is on; a click only asks.
            button.clicked.connect(self._show_switches)

    def _set_up_fields(self) -> None:
        self.frame_field.setAccessibleName(self.tr("Frame"))
        self.frame_field.setToolTip(self.tr("Frame at the playhead: type a number to go there (Ctrl+G)"))
        self.frame_field.valueChanged.connect(self._go_to)
        self.time_label.setAccessibleName(self.tr("Time code"))
        self.time_label.setToolTip(self.tr("hours:minutes:seconds:frames"))
        self.speed_label.setAccessibleName(self.tr("Playing speed"))
        self.speed_label.setMinimumWidth(self.fontMetrics().horizontalAdvance("−8×0"))
        modes: tuple[tuple[ColourBy, str], ...] = (
            ("confidence", self.tr("Confidence")),
            ("error", self.tr("Expected error")),
            ("track", self.tr("Track")),
            ("source", self.tr("Source")),
        )
        for mode, text in modes:
            self.colour_box.addItem(text, mode)
        self.colour_box.setMinimumHeight(26)
        self.colour_box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.colour_box.setAccessibleName(self.tr("Colour points by"))
        self.colour_box.setToolTip(self.tr("What the colour of a point tells (C)"))
        self.colour_box.activated.connect(self._choose_colour)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_M, SPACE_S, SPACE_M, SPACE_S)
        row.setSpacing(2)
        for part in (self.frame_field, self.total_label, self.time_label):
            row.addWidget(part)
            row.addSpacing(SPACE_S)
        row.addStretch(1)
        row.addSpacing(self.speed_label.minimumWidth())  # keeps the play button in the middle of its group
        for button in (self.first_button, self.previous_button, self.play_button, self.next_button, self.last_button):
            row.addWidget(button)
        row.addWidget(_rule())
        row.addWidget(self.loop_button)
        row.addWidget(self.speed_label)
        row.addStretch(1)
        caption = QLabel(self.tr("Colour by"))
        caption.setBuddy(self.colour_box)
        row.addWidget(caption)
        row.addSpacing(SPACE_S)
        row.addWidget(self.colour_box)
        row.addSpacing(SPACE_S)
        row.addWidget(self.trails_button)

    def sizeHint(self) -> QSize:
        """One row."""
        return QSize(super().sizeHint().width(), SIZE + 2 * SPACE_S)

    # -- what has changed

    def _rate(self) -> Fraction | None:
        return self._document.video.fps if self._document is not None and self._document.video is not None else None

    def _view_changed(self, name: str) -> None:
        if name == "playhead":
            if not (self.frame_field.hasFocus() and self.frame_field.lineEdit().isModified()):
                with QSignalBlocker(self.frame_field):
                    self.frame_field.setValue(self._number_of(self._view.playhead))
            self.time_label.setText(timecode(self._view.playhead, self._rate()))
        elif name == "colour_by":
            self.colour_box.setCurrentIndex(self.colour_box.findData(self._view.colour_by))
        elif name in ("loop", "show_trails"):
            self._show_switches()

    def _show_switches(self) -> None:
        self.loop_button.setChecked(self._view.loop)
        self.trails_button.setChecked(self._view.show_trails)

    def _number_of(self, frame: int) -> int:
        return frame if self._document is None else self._document.number_of(frame)

    def _go_to(self, number: int) -> None:
        self._view.playhead = number - self._number_of(0)

    def _choose_colour(self, row: int) -> None:
        self._view.colour_by = self.colour_box.itemData(row)


def _rule() -> QFrame:
    """An upright line between two groups."""
    rule = QFrame()
    rule.setFrameShape(QFrame.Shape.VLine)
    rule.setFrameShadow(QFrame.Shadow.Plain)
    rule.setForegroundRole(rule.palette().ColorRole.Mid)
    rule.setFixedSize(2 * SPACE_M, SIZE - 2 * SPACE_S)
    return rule
