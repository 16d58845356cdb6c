"""The review panel: what is probably wrong, worst first, and how much of it is left."""

import math

from PySide6.QtCore import QEvent, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSlider,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from app.document.changes import Change
from app.document.project import Document
from app.document.review import ReviewQueue
from app.document.view_state import ViewState
from app.panels.buttons import IconButton
from app.panels.item_views import wash_selection
from app.panels.review_list import ReviewList, ReviewModel
from app.panels.subscriptions import Subscriptions
from app.panels.wording import duration, number
from app.theme import SPACE_L, SPACE_M, SPACE_S
from tracker.inference.suspicion import Suspect

LEAST_ERROR, MOST_ERROR = 0.5, 128.0  # pixels, of the slider
SLIDER_STEPS = 160
LEAST_WIDTH = 200


class ReviewPanel(QWidget):
    """The queue as a list, the threshold, and the keys to walk it.

    It works nothing out: the window gives it suspects (`show_suspects`), and hears from it where to go.

    Attributes:
        queue: may be walked from outside too; the panel follows it.

    Signals:
        go_requested: id of a track, first frame, end (exclusive) and worst frame of the span to be looked at.
        action_requested: the id of an action that the window should do.
        loop_changed: whether the span under review is to be played round and round.
    """

    go_requested = Signal(int, int, int, int)
    action_requested = Signal(str)
    loop_changed = Signal(bool)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._state = "unknown"
        self._shown_threshold = view.error_threshold  # that the shown suspects are above
        self._subscriptions = Subscriptions(self)
        self.queue = ReviewQueue()
        self.model = ReviewModel()
        self.list_view = ReviewList(self.model)
        self.list_view.chosen.connect(self._row_chosen)
        self.empty_label = QLabel()
        self.threshold_slider = QSlider(Qt.Orientation.Horizontal)
        self.threshold_box = QDoubleSpinBox()
        self.left_label = QLabel()
        self.progress_bar = QProgressBar()
        self.loop_box = QCheckBox(self.tr("Play the span in a loop"))
        self.previous_button = self._button("mdi6.chevron-left", self.tr("Previous"), "Q", "review.previous")
        self.next_button = self._button("mdi6.chevron-right", self.tr("Next"), "E", "review.next")
        self.approve_button = self._button("mdi6.check", self.tr("Approve and go on"), "V", "mark.approve")
        self.setMinimumWidth(LEAST_WIDTH)
        self._set_up_threshold()
        self._lay_out()
        self.set_document(document)

    def sizeHint(self) -> QSize:
        """Half a dozen spans."""
        return QSize(300, 500)

    def set_document(self, document: Document | None) -> None:
        """Show the queue of another document: empty until it is given."""
        self.release()
        self._document, self._state = document, "unknown"
        self.queue.clear()
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self._subscriptions.add(self.queue.changed, lambda _: self._show())
        self._show_threshold()
        self._show()

    def release(self) -> None:
        """Stop listening to document, view and queue."""
        self._subscriptions.release()

    # -- what the window says

    def show_suspects(self, suspects: list[Suspect]) -> None:
        """The spans above the threshold, worst first, as they have been worked out."""
        self._state = "known"
        threshold, self._shown_threshold = self._shown_threshold, self._view.error_threshold
        self.queue.show(suspects, settles=threshold == self._view.error_threshold)

    def show_busy(self) -> None:
        """They are being worked out; those that are shown stay."""
        self._state = "busy" if self._state != "known" else self._state
        self._show()

    def set_loop(self, on: bool) -> None:
        """Whether spans are played round and round, as it was kept."""
        self.loop_box.setChecked(on)

    def go_next(self) -> bool:
        """Ask to go to the next span; False where there is none."""
        return self._go(self.queue.next())

    def go_previous(self) -> bool:
        """Ask to go to the one before; False where there is none."""
        return self._go(self.queue.previous())

    def go_on(self) -> bool:
        """The current span was approved or put right: ask to go to the one that follows; False where none is left."""
        return self._go(self.queue.decide())

    def _go(self, suspect: Suspect | None) -> bool:
        if suspect is not None:
            self.go_requested.emit(suspect.track_id, suspect.start, suspect.end, suspect.worst)
        return suspect is not None

    # -- building

    def _button(self, icon_name: str, text: str, key: str, action: str) -> IconButton:
        return IconButton(icon_name, text, key, lambda: self.action_requested.emit(action), text)

    def _set_up_threshold(self) -> None:
        self.threshold_slider.setRange(0, SLIDER_STEPS)
        self.threshold_slider.setPageStep(SLIDER_STEPS // 8)
        self.threshold_slider.setAccessibleName(self.tr("Expected error from which on spans are reviewed"))
        self.threshold_slider.valueChanged.connect(self._slider_moved)
        self.threshold_box.setRange(LEAST_ERROR, MOST_ERROR)
        self.threshold_box.setDecimals(1)
        self.threshold_box.setSingleStep(0.5)
        self.threshold_box.setSuffix(self.tr(" px"))
        self.threshold_box.setKeyboardTracking(False)
        self.threshold_box.setAccessibleName(self.tr("Expected error in pixels from which on spans are reviewed"))
        self.threshold_box.valueChanged.connect(self._box_changed)

    def _lay_out(self) -> None:
        question = QLabel(self.tr("What is thought to be off by more than"))
        question.setWordWrap(True)
        question.setBuddy(self.threshold_box)
        self.empty_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_label.setWordWrap(True)
        self.empty_label.setContentsMargins(SPACE_L, SPACE_L, SPACE_L, SPACE_L)
        self.left_label.setWordWrap(True)
        self.progress_bar.setTextVisible(False)
        self.progress_bar.setFixedHeight(6)
        self.progress_bar.setAccessibleName(self.tr("Spans reviewed"))
        self.loop_box.toggled.connect(self.loop_changed)
        self._pages = QStackedLayout()
        self._pages.addWidget(self.list_view)
        self._pages.addWidget(self.empty_label)
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_M, SPACE_M, SPACE_M, SPACE_M)
        column.setSpacing(SPACE_M)
        column.addWidget(question)
        column.addLayout(_row(self.threshold_slider, self.threshold_box))
        column.addLayout(self._pages, 1)
        column.addWidget(self.left_label)
        column.addWidget(self.progress_bar)
        column.addLayout(_row(self.previous_button, self.next_button, self.approve_button))
        column.addWidget(self.loop_box)
        self.setTabOrder(self.threshold_slider, self.threshold_box)
        self.setTabOrder(self.threshold_box, self.list_view)

    # -- what has changed

    def _document_changed(self, change: Change) -> None:
        if change.kind in ("tracks", "all"):
            self.model.refresh()
            self._show()

    def _view_changed(self, name: str) -> None:
        if name == "error_threshold":
            self._show_threshold()
            self._show()

    def _show(self) -> None:
        """Bring rows, place and counts up to date."""
        queue = self.queue
        self.model.show(self._document, queue.suspects)
        index = self.model.index(-1 if queue.position is None else queue.position)
        if index.isValid():
            self.list_view.setCurrentIndex(index)
            self.list_view.scrollTo(index)
        else:
            self.list_view.clearSelection()
        self._pages.setCurrentIndex(int(queue.left == 0))
        self.empty_label.setText(self._empty_text())
        self.left_label.setText(self._left_text())
        self.left_label.setVisible(queue.left > 0)
        total = queue.decided + queue.left
        self.progress_bar.setRange(0, max(1, total))
        self.progress_bar.setValue(queue.decided)
        self.progress_bar.setVisible(total > 0)
        at = queue.position
        self.previous_button.setEnabled(at is not None and at > 0)
        self.next_button.setEnabled(queue.left > 0 and (at is None or at < queue.left - 1))
        self.approve_button.setEnabled(at is not None)

    def _empty_text(self) -> str:
        if self._document is None:
            return self.tr("Open a video to begin.")
        if not self._document.table.n_tracks:
            return self.tr("No points yet.\nPress N and click in the picture.")
        if self._state == "busy":
            return self.tr("Looking for what may be wrong …")
        if self._state == "unknown":
            return self.tr("What may be wrong is listed here when points have been tracked.")
        return self.tr("Nothing left above {0} px").format(f"{self._view.error_threshold:g}")

    def _left_text(self) -> str:
        left, seconds = self.queue.left, self.queue.time_left
        spans = self.tr("1 span left") if left == 1 else self.tr("{0} spans left").format(number(left))
        if seconds is None:
            return spans
        about = duration(seconds) if seconds < 60 else self.tr("{0} min").format(number(math.ceil(seconds / 60)))
        return self.tr("{0}, about {1}").format(spans, about)

    def _show_threshold(self) -> None:
        threshold = self._view.error_threshold
        with QSignalBlocker(self.threshold_slider), QSignalBlocker(self.threshold_box):
            if _error_at(self.threshold_slider.value()) != threshold:
                self.threshold_slider.setValue(_slider_step(threshold))
            self.threshold_box.setValue(threshold)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where it is narrow the buttons to both sides are icons alone; their names stay in tool tips."""
        super().resizeEvent(event)
        self._fit_buttons()

    def _fit_buttons(self) -> None:
        sides = (self.previous_button, self.next_button)
        for style in (Qt.ToolButtonStyle.ToolButtonTextBesideIcon, Qt.ToolButtonStyle.ToolButtonIconOnly):
            for button in sides:
                button.setToolButtonStyle(style)
            needed = sum(button.sizeHint().width() for button in (*sides, self.approve_button))
            if needed + 2 * (SPACE_M + SPACE_S) <= self.width():
                return

    def changeEvent(self, event: QEvent) -> None:
        """Take the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            wash_selection(self.list_view)

    # -- what a person does

    def _row_chosen(self, row: int) -> None:
        self._go(self.queue.go(row))

    def _slider_moved(self, step: int) -> None:
        self._view.error_threshold = _error_at(step)

    def _box_changed(self, value: float) -> None:
        self._view.error_threshold = value


def _error_at(step: int) -> float:
    """The threshold at a step of the slider, on which equal steps are equal ratios."""
    return round(LEAST_ERROR * (MOST_ERROR / LEAST_ERROR) ** (step / SLIDER_STEPS), 1)


def _slider_step(error: float) -> int:
    """Where a threshold stands on the slider."""
    share = math.log(max(error, LEAST_ERROR) / LEAST_ERROR) / math.log(MOST_ERROR / LEAST_ERROR)
    return min(SLIDER_STEPS, round(SLIDER_STEPS * share))


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets side by side; the first takes the room that is left."""
    row = QHBoxLayout()
    row.setSpacing(SPACE_S)
    for widget in widgets:
        row.addWidget(widget, 0 if len(widgets) > 2 else int(widget is widgets[0]))
    if len(widgets) > 2:
        row.addStretch(1)
    return row
