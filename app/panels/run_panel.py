"""The run panel: which tracker, over which frames, and how far it is."""

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from app.document.changes import Change
from app.document.project import Document
from app.document.runs import RunInfo
from app.document.view_state import ViewState
from app.panels.buttons import IconButton, live_icon
from app.panels.subscriptions import Subscriptions
from app.panels.wording import duration, number, tracker_title, wrapped
from app.theme import SPACE_M, SPACE_S
from tracker.inference.trackers import LUCAS_KANADE, TrackerInfo

MessageKind = Literal["info", "hint", "error"]
MESSAGE_ICONS = {
    "info": "mdi6.information-outline",
    "hint": "mdi6.lightbulb-outline",
    "error": "mdi6.alert-circle-outline",
}


class _Box(QComboBox):
    """A choice that the wheel does not change, since it scrolls the panel, and that leaves the keys to the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave it to the panel."""
        event.ignore()


class RunPanel(QWidget):
    """Starts and stops the tracker.

    Signals:
        action_requested: the id of an action that the window should do.
        tracker_chosen: the name or checkpoint file of the tracker that a person wants.
        device_chosen: "auto", "cpu" or "cuda".

    Attributes:
        uses_range: whether a run should keep to the in and out points.
    """

    action_requested = Signal(str)
    tracker_chosen = Signal(str)
    device_chosen = Signal(str)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._running = False
        self._message_kind: MessageKind = "info"
        self._subscriptions = Subscriptions(self)
        self.tracker_box, self.note_label = _Box(), QLabel()
        self.device_box, self.range_box = _Box(), _Box()
        self.progress_bar, self.progress_label = QProgressBar(), QLabel()
        self.message_icon, self.message_label, self.last_label = QLabel(), QLabel(), QLabel()
        self._make_buttons()
        self._set_up_fields()
        self._lay_out()
        self._content.ensurePolished()
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.setMinimumWidth(self._content.minimumSizeHint().width() + bar)
        self.set_trackers([LUCAS_KANADE], LUCAS_KANADE)
        self.set_running(False)
        self.set_message("", "info")
        self.set_document(document)

    def sizeHint(self) -> QSize:
        """Narrow and not very high."""
        return QSize(270, 330)

    @property
    def uses_range(self) -> bool:
        """Whether a run should keep to the in and out points."""
        return self._view.loop_range is not None and bool(self.range_box.currentData())

    def set_document(self, document: Document | None) -> None:
        """Track in another document, or in none."""
        self.release()
        self._document = document
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self._show_range()
        self._show_last_run()
        self._enable()

    def release(self) -> None:
        """Stop listening to document and view."""
        self._subscriptions.release()

    def set_trackers(self, trackers: Sequence[TrackerInfo], used: TrackerInfo) -> None:
        """Those that can be chosen, and the one that runs, which is among them."""
        self.tracker_box.clear()
        for row, info in enumerate(trackers):
            self.tracker_box.addItem(tracker_title(info), info)
            self.tracker_box.setItemData(row, wrapped(info.description), Qt.ItemDataRole.ToolTipRole)
        self.tracker_box.setCurrentIndex([info.name for info in trackers].index(used.name))
        self.tracker_box.setToolTip(wrapped(used.description))
        self.note_label.setText(self.tr("Experimental: check what it finds."))
        self.note_label.setVisible(used.experimental)
        self._show_tracker_icons()

    def set_device(self, device: str) -> None:
        """Show "auto", "cpu" or "cuda" as the wanted device."""
        self.device_box.setCurrentIndex(max(0, self.device_box.findData(device)))

    def set_running(self, running: bool) -> None:
        """Whether a run goes on."""
        self._running = running
        self.progress_bar.setRange(0, 0)  # busy until the first figures
        for part in (self.progress_bar, self.progress_label):
            part.setVisible(running)
        self.progress_label.setText(self.tr("Starting…"))
        self._enable()

    def set_progress(self, done: int, total: int, eta_s: float, fps: float) -> None:
        """Frames done of all, seconds to go (NaN where unknown), frames per second; of 0 frames: so many were read."""
        self.progress_bar.setRange(0, total)
        if not total:
            self.progress_label.setText(self.tr("Reading the video: {0} frames").format(number(done)))
            return
        self.progress_bar.setValue(done)
        parts = [self.tr("{0} of {1} frames").format(number(done), number(total))]
        if fps > 0:
            parts.append(self.tr("{0} frames/s").format(number(fps, 1 if fps < 10 else 0)))
        if eta_s == eta_s and 0 <= eta_s < float("inf"):
            parts.append(self.tr("{0} left").format(duration(eta_s)))
        self.progress_label.setText("  ·  ".join(parts))

    def set_message(self, text: str, kind: MessageKind) -> None:
        """A sentence about the run: "info", "hint" or "error"."""
        self._message_kind = kind
        self.message_label.setText(text)
        for part in (self.message_label, self.message_icon):
            part.setVisible(bool(text))
        self._show_message_icon()

    # -- building

    def _make_buttons(self) -> None:
        def make(icon_name: str, text: str, name: str, key: str, action: str) -> IconButton:
            button = IconButton(icon_name, name, key, lambda: self.action_requested.emit(action), text, self)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            return button

        tr = self.tr
        self.backward_button = make(
            "mdi6.arrow-left", tr("Backward"), tr("Track backward from the query points"), "B", "run.backward"
        )
        self.both_button = make(
            "mdi6.arrow-left-right", tr("Both"), tr("Track backward and forward"), "Ctrl+F", "run.both"
        )
        self.forward_button = make(
            "mdi6.arrow-right", tr("Forward"), tr("Track forward from the query points"), "F", "run.forward"
        )
        self.retrack_button = make(
            "mdi6.refresh",
            tr("Re-track"),
            tr("Re-track the selection from the anchor at or before the playhead up to the next one"),
            "R",
            "run.retrack",
        )
        self.stop_button = make("mdi6.stop", tr("Stop"), tr("Stop the run; what is tracked stays"), "Esc", "run.stop")
        self.choose_button = IconButton(
            "mdi6.folder-open-outline",
            tr("Choose a checkpoint file with neural weights"),
            "",
            lambda: self.action_requested.emit("tracker.choose"),
            tr("Choose checkpoint…"),
            self,
        )
        self.choose_button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.about_button = IconButton(
            "mdi6.information-outline",
            tr("About this tracker"),
            "",
            lambda: self.action_requested.emit("tracker.about"),
            parent=self,
        )

    def _set_up_fields(self) -> None:
        self.tracker_box.setAccessibleName(self.tr("Tracker"))
        self.tracker_box.activated.connect(lambda row: self.tracker_chosen.emit(self.tracker_box.itemData(row).name))
        for label in (self.note_label, self.progress_label, self.message_label, self.last_label):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        for device, text in (
            ("auto", self.tr("Automatic")),
            ("cpu", self.tr("Processor (CPU)")),
            ("cuda", self.tr("Graphics card (CUDA)")),
        ):
            self.device_box.addItem(text, device)
        self.device_box.setAccessibleName(self.tr("Device"))
        self.device_box.setToolTip(self.tr("Where neural trackers run"))
        self.device_box.activated.connect(lambda row: self.device_chosen.emit(self.device_box.itemData(row)))
        self.range_box.addItem(self.tr("Whole video"), False)
        self.range_box.addItem("", True)
        self.range_box.setAccessibleName(self.tr("Frames to track"))
        for box in (self.tracker_box, self.device_box, self.range_box):
            box.setMinimumHeight(26)
            box.setMinimumContentsLength(8)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.progress_bar.setTextVisible(False)
        self.progress_bar.setFixedHeight(8)
        self.progress_bar.setAccessibleName(self.tr("Progress of the run"))

    def _lay_out(self) -> None:
        column = self._scrolled_column()
        column.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        column.setSpacing(SPACE_M)
        column.addWidget(self.tracker_box)
        column.addWidget(self.note_label)
        more = QHBoxLayout()
        more.setSpacing(SPACE_S)
        more.addWidget(self.choose_button, 1)
        more.addWidget(self.about_button)
        column.addLayout(more)
        form = QGridLayout()
        form.setSpacing(SPACE_S)
        form.setColumnStretch(1, 1)
        for line, (text, box) in enumerate(((self.tr("Device"), self.device_box), (self.tr("Frames"), self.range_box))):
            caption = QLabel(text)
            caption.setBuddy(box)
            form.addWidget(caption, line, 0)
            form.addWidget(box, line, 1)
        column.addLayout(form)
        for buttons in (
            (self.backward_button, self.both_button, self.forward_button),
            (self.retrack_button, self.stop_button),
        ):
            row = QHBoxLayout()
            row.setSpacing(SPACE_S)
            for button in buttons:
                row.addWidget(button, 1)
            column.addLayout(row)
        column.addWidget(self.progress_bar)
        column.addWidget(self.progress_label)
        message = QHBoxLayout()
        message.setSpacing(SPACE_S)
        message.addWidget(self.message_icon, 0, Qt.AlignmentFlag.AlignTop)
        message.addWidget(self.message_label, 1)
        column.addLayout(message)
        column.addWidget(self.last_label)
        column.addStretch(1)

    def _scrolled_column(self) -> QVBoxLayout:
        """Where the panel is low, its parts scroll instead of covering each other."""
        self._content, scroll = QWidget(), QScrollArea()
        scroll.setWidget(self._content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        return QVBoxLayout(self._content)

    # -- what has changed

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("runs", "all"):
            self._show_last_run()
        if change.kind in ("tracks", "all"):
            self._enable()

    def _view_changed(self, name: str) -> None:
        if name == "loop_range":
            self._show_range()
        elif name == "selection":
            self._enable()

    def _enable(self) -> None:
        """Only what can be done now can be pressed."""
        ready = self._document is not None and self._document.table.n_tracks > 0 and not self._running
        for button in (self.backward_button, self.both_button, self.forward_button):
            button.setEnabled(ready)
        self.retrack_button.setEnabled(ready and bool(self._view.selection))
        self.stop_button.setEnabled(self._running)
        for part in (self.tracker_box, self.device_box, self.range_box, self.choose_button):
            part.setEnabled(not self._running)

    def _show_range(self) -> None:
        """Name the in and out points; without them there is only the whole video."""
        limits = self._view.loop_range
        text = self.tr("In to out: {0} – {1}").format(*(limits[0], limits[1] - 1) if limits else ("", ""))
        self.range_box.setItemText(1, text if limits else self.tr("In to out (set with I and O)"))
        model = self.range_box.model()
        assert isinstance(model, QStandardItemModel)
        model.item(1).setEnabled(limits is not None)
        if limits is None:
            self.range_box.setCurrentIndex(0)

    def _show_last_run(self) -> None:
        runs = {} if self._document is None else self._document.runs
        done = [info for _, info in sorted(runs.items()) if info.outcome]
        self.last_label.setText(self._outcome_text(done[-1]) if done else "")
        self.last_label.setVisible(bool(done))

    def _outcome_text(self, info: RunInfo) -> str:
        outcome = {
            "done": self.tr("done"),
            "cancelled": self.tr("stopped"),
            "failed": self.tr("failed"),
            "interrupted": self.tr("interrupted"),
        }.get(info.outcome, info.outcome)
        return self.tr("Last run: {0} on {1}, {2}").format(info.tracker, info.device, outcome)

    def _show_message_icon(self) -> None:
        self.message_icon.setPixmap(live_icon(MESSAGE_ICONS[self._message_kind], self.palette()).pixmap(QSize(16, 16)))

    def _show_tracker_icons(self) -> None:
        for row in range(self.tracker_box.count()):
            experimental = self.tracker_box.itemData(row).experimental
            name = "mdi6.flask-outline" if experimental else "mdi6.vector-polyline"
            self.tracker_box.setItemIcon(row, live_icon(name, self.palette()))

    def changeEvent(self, event: QEvent) -> None:
        """Take the icon in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show_message_icon()
            self._show_tracker_icons()
