"""The training panel: what is to be trained, how it goes, and what came of it."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSizePolicy,
    QStackedWidget,
    QStyle,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from app.panels.buttons import IconButton, live_icon
from app.panels.loss_plot import LossPlot
from app.panels.quiet_fields import QuietBox
from app.panels.run_panel import MESSAGE_ICONS, MessageKind
from app.panels.training_form import TrainingForm
from app.panels.training_report import TrainingReport
from app.panels.wording import duration, number
from app.theme import SPACE_M, SPACE_S
from app.workers.training_record import RunRecord, Stepped, StudentReport, Validated

FORM, RUN = range(2)


class TrainingPanel(QWidget):
    """Asks what to train and shows how it goes. It starts nothing itself.

    Signals:
        action_requested: the id of an action that the window should do.
        run_chosen: the folder of an earlier run that should be shown.

    Attributes:
        form: what is to be trained.
        plot: the losses of the run that is shown.
        report: what came of it.
    """

    action_requested = Signal(str)
    run_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._running = False
        self._record: RunRecord | None = None
        self._message_kind: MessageKind = "info"
        self.form, self.plot, self.report = TrainingForm(), LossPlot(), TrainingReport()
        self.runs_box = QuietBox()
        self.missing_label = QLabel(wordWrap=True)
        self.title_label = QElidingLabel()
        self.progress_bar, self.progress_label = QProgressBar(), QLabel(wordWrap=True)
        self.message_icon, self.message_label = QLabel(), QLabel(wordWrap=True)
        self._make_buttons()
        self._set_up()
        self._lay_out()
        self._content.ensurePolished()
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.setMinimumWidth(self._content.minimumSizeHint().width() + bar)
        self.form.changed.connect(self.refresh)
        self.report.action_requested.connect(self.action_requested)
        self.set_runs([])
        self.set_message("", "info")
        self.refresh()

    def sizeHint(self) -> QSize:
        """Narrow, and high enough for the fields."""
        return QSize(290, 460)

    # -- what the window says

    @property
    def shows_run(self) -> bool:
        """Whether a run is shown, not the fields."""
        return self._pages.currentIndex() == RUN

    @property
    def can_start(self) -> bool:
        """Whether the fields say enough, and are there to be seen."""
        return not self._running and not self.shows_run and not self.form.missing()

    def show_form(self) -> None:
        """Show the fields."""
        self._pages.setCurrentIndex(FORM)
        self.refresh()

    def show_run(self, title: str, record: RunRecord | None, report: StudentReport | None) -> None:
        """Show a run: what is known of it so far, nothing where it only begins."""
        self._record = record
        self.title_label.setText(title)
        self.plot.clear_run()
        events: list[Stepped | Validated] = [*record.curve, *record.marks] if record is not None else []
        for event in sorted(events, key=lambda event: event.step):
            self.plot.add(event)
        self.progress_label.setText(self._state_text(record))
        self.progress_label.setVisible(bool(self.progress_label.text()))
        self.report.set_report(report)
        self._pages.setCurrentIndex(RUN)
        self.refresh()

    def set_running(self, running: bool) -> None:
        """Whether a run goes on."""
        self._running = running
        self.progress_bar.setRange(0, 0)  # busy until the first figures
        if running:
            self.progress_label.setText(self.tr("Starting…"))
            self.progress_label.show()
        self.refresh()

    def set_stopping(self) -> None:
        """It has been asked to stop."""
        self.progress_bar.setRange(0, 0)
        self.progress_label.setText(self.tr("Stopping after this step, and saving…"))

    def add(self, event: Stepped | Validated, minutes: float) -> None:
        """The run that goes on has got so far; it may take so many minutes in all."""
        self.plot.add(event)
        if not isinstance(event, Stepped):
            return
        self.progress_bar.setRange(0, 1000)
        self.progress_bar.setValue(round(1000 * min(1.0, event.share)))
        left = max(0.0, 60 * minutes - event.seconds)
        parts = [
            self.tr("Step {0}").format(number(event.step)),
            self.tr("{0} of {1} min").format(duration(event.seconds), number(minutes)),
            self.tr("{0} left").format(duration(left)),
            self.tr("loss {0}").format(f"{event.losses['total']:.3g}"),
        ]
        self.progress_label.setText("  ·  ".join(parts))

    def set_comparing(self, what: str) -> None:
        """The training is over, and the two are being compared."""
        self.progress_bar.setRange(0, 0)
        text = self.tr("Comparing with the base: {0}").format(what) if what else self.tr("Comparing with the base…")
        self.progress_label.setText(text)

    def set_runs(self, runs: Sequence[tuple[str, Path]]) -> None:
        """Earlier runs by what they are called, the newest first."""
        with QSignalBlocker(self.runs_box):
            self.runs_box.clear()
            self.runs_box.addItem(self.tr("Earlier trainings…"), None)
            for title, folder in runs:
                self.runs_box.addItem(title, folder)
                self.runs_box.setItemData(self.runs_box.count() - 1, str(folder), Qt.ItemDataRole.ToolTipRole)
        self.runs_box.setVisible(bool(runs))

    def set_message(self, text: str, kind: MessageKind) -> None:
        """A sentence: "info", "hint" or "error"."""
        self._message_kind = kind
        self.message_label.setText(text)
        for part in (self.message_label, self.message_icon):
            part.setVisible(bool(text))
        self._show_message_icon()

    def set_can(self, **can: bool) -> None:
        """What the window can do with the student now, by the last part of the actions' ids."""
        self.report.enable(**can)

    def refresh(self) -> None:
        """Only what can be done now can be pressed, or is there."""
        running, record = self._running, self._record
        missing = self.form.missing()
        self.missing_label.setText(missing)
        self.missing_label.setVisible(bool(missing))
        self.start_button.setEnabled(not missing and not running)
        self.stop_button.setVisible(running)
        self.resume_button.setVisible(not running and record is not None and not record.finished)
        self.new_button.setVisible(not running)
        self.report.setVisible(not running and record is not None and record.ended is not None)
        self.progress_bar.setVisible(running)

    # -- building

    def _make_buttons(self) -> None:
        def make(icon_name: str, text: str, name: str, action: str) -> IconButton:
            button = IconButton(icon_name, name, "", lambda: self.action_requested.emit(action), text, self)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            return button

        tr = self.tr
        self.start_button = make("mdi6.play", tr("Start"), tr("Start the training"), "training.start")
        self.stop_button = make("mdi6.stop", tr("Stop"), tr("Finish the step, save, and stop"), "training.stop")
        self.resume_button = make(
            "mdi6.play-outline", tr("Resume"), tr("Go on where the training stopped"), "training.resume"
        )
        self.new_button = make("mdi6.plus", tr("New training…"), tr("Choose what to train next"), "training.new")

    def _set_up(self) -> None:
        for label in (self.missing_label, self.progress_label, self.message_label):
            label.setTextFormat(Qt.TextFormat.PlainText)
        font = self.title_label.font()
        font.setBold(True)
        self.title_label.setFont(font)
        self.missing_label.setEnabled(False)  # quiet text
        self.progress_bar.setTextVisible(False)
        self.progress_bar.setFixedHeight(8)
        self.progress_bar.setAccessibleName(self.tr("Progress of the training"))
        self.runs_box.setAccessibleName(self.tr("Earlier trainings"))
        self.runs_box.activated.connect(self._run_activated)

    def _lay_out(self) -> None:
        column = self._scrolled_column()
        column.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        column.setSpacing(SPACE_M)
        message = QHBoxLayout()
        message.setSpacing(SPACE_S)
        message.addWidget(self.message_icon, 0, Qt.AlignmentFlag.AlignTop)
        message.addWidget(self.message_label, 1)
        column.addLayout(message)  # above all: nobody scrolls to be told of a failure
        self._pages = _Pages()
        self._pages.addWidget(self._form_page())
        self._pages.addWidget(self._run_page())
        column.addWidget(self._pages)
        column.addStretch(1)

    def _form_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_M)
        for widget in (self.form, self.start_button, self.missing_label, self.runs_box):
            column.addWidget(widget)
        return page

    def _run_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_M)
        for widget in (self.title_label, self.progress_bar, self.progress_label):
            column.addWidget(widget)
        row = QHBoxLayout()
        row.setSpacing(SPACE_S)
        for button in (self.stop_button, self.resume_button, self.new_button):
            row.addWidget(button, 1)
        column.addLayout(row)
        column.addWidget(self.report)
        column.addWidget(self.plot)
        column.addWidget(self.plot.legend)
        return page

    def _scrolled_column(self) -> QVBoxLayout:
        """Where the panel is low, its parts scroll instead of covering each other."""
        self._content, scroll = QWidget(), QScrollArea()
        scroll.setWidget(self._content)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        return QVBoxLayout(self._content)

    # -- what a person does

    def _run_activated(self, row: int) -> None:
        folder = self.runs_box.itemData(row)
        with QSignalBlocker(self.runs_box):
            self.runs_box.setCurrentIndex(0)
        if folder is not None:
            self.run_chosen.emit(folder)

    # -- what is shown

    def _state_text(self, record: RunRecord | None) -> str:
        if record is None:
            return ""
        steps, took = number(record.step), duration(record.seconds)
        if record.ended is None:
            text = self.tr("Interrupted after step {0} ({1}). Resume goes on from what was saved last.")
        elif record.ended.ending == "stopped":
            text = self.tr("Stopped after step {0} ({1}). Everything is saved.")
        else:
            text = self.tr("Finished: {0} steps in {1}.")
        lines = [text.format(steps, took)]
        skipped = record.ended.skipped if record.ended is not None else {}
        lines += [self.tr("Not used: {0}: {1}").format(name, reason) for name, reason in skipped.items()]
        return "\n".join(lines)

    def _show_message_icon(self) -> None:
        self.message_icon.setPixmap(live_icon(MESSAGE_ICONS[self._message_kind], self.palette()).pixmap(QSize(16, 16)))

    def changeEvent(self, event: QEvent) -> None:
        """Take plot and icon in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._show_message_icon()
            self.plot.dress()


class _Pages(QStackedWidget):
    """As high as the page in front, so that no other one makes the panel scroll."""

    def __init__(self) -> None:
        super().__init__()
        self.currentChanged.connect(lambda _: self.updateGeometry())

    def sizeHint(self) -> QSize:
        page = self.currentWidget()
        return super().sizeHint() if page is None else page.sizeHint()

    def minimumSizeHint(self) -> QSize:
        page = self.currentWidget()
        least = super().minimumSizeHint()
        return least if page is None else QSize(least.width(), page.minimumSizeHint().height())
