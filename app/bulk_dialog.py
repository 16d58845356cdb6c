"""Accepting everything on which the teachers agree: up to which doubt, and how many spans to look at first."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
)

from app.curation.counts import STEP, STEPS, Counts, count_all
from app.panels.wording import number
from app.workers.jobs import Job, run_job
from app.workers.protocol import Progress
from tracker.labels.label_set import LabelSet

if TYPE_CHECKING:
    from app.window import MainWindow

SAMPLE, MOST = 200, 2000
AT_FIRST = 1.0  # pixels


class BulkDialog(QDialog):
    """Tells what a threshold would accept. Nothing is accepted here: a sample is looked at first.

    Signals:
        check_wanted: threshold in pixels, and spans to be looked at.
        take_back_wanted: what was accepted earlier should be open again.
    """

    check_wanted = Signal(float, int)
    take_back_wanted = Signal()

    def __init__(self, window: "MainWindow", label_set: LabelSet) -> None:
        super().__init__(window)
        self.setWindowTitle(self.tr("Accept what the teachers agree on"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._counts: Counts | None = None
        self._accepted = label_set.bulk_threshold()
        self.threshold = QDoubleSpinBox(minimum=STEP, maximum=STEP * STEPS, decimals=1, singleStep=0.5)
        self.threshold.setSuffix(self.tr(" px"))
        self.threshold.setValue(self._accepted or AT_FIRST)
        self.sample = QSpinBox(minimum=1, maximum=MOST, value=SAMPLE)
        self.sample.setSuffix(self.tr(" spans"))
        self.tells = QLabel(wordWrap=True)
        self._lay_out()
        self.threshold.valueChanged.connect(self._show)
        self._job: Job | None = run_job(
            lambda job: count_all(label_set, job.report),
            self.tr("Counting"),
            self,
            on_result=self._counted,
            on_error=self.tells.setText,
            on_progress=self._progress,
        )

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow(self.tr("Accept all in doubt by at most"), self.threshold)
        form.addRow("", self.tells)
        form.addRow(self.tr("after a look at"), self.sample)
        self.threshold.setAccessibleName(self.tr("Doubt up to which labels are accepted, in pixels"))
        self.sample.setAccessibleName(self.tr("Spans to look at first"))
        why = QLabel(
            self.tr(
                "Spans are drawn by chance from all that would be accepted. You say of each whether it is right; how "
                "many of the others are wrong is estimated from that, and only then you accept, or do not."
            ),
            wordWrap=True,
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.begin_button = buttons.addButton(self.tr("Begin the check"), QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self.begin_button.setDefault(True)
        self.begin_button.setEnabled(False)
        self.take_back_button = QPushButton(self.tr("Take back"))
        if self._accepted is not None:
            buttons.addButton(self.take_back_button, QDialogButtonBox.ButtonRole.ResetRole)
            self.take_back_button.setAutoDefault(False)
            self.take_back_button.setToolTip(
                self.tr("What was accepted up to {:g} px is open again.").format(self._accepted)
            )
        self.take_back_button.clicked.connect(self._take_back)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(why)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.setMinimumWidth(520)
        self.tells.setText(self.tr("Counting…"))
        self.threshold.setFocus()
        self.threshold.selectAll()

    def _progress(self, so_far: Progress) -> None:
        self.tells.setText(self.tr("Counting: {} of {} videos").format(so_far.done, so_far.total))

    def _counted(self, counts: Counts) -> None:
        self._job, self._counts = None, counts
        self._show()

    def _show(self) -> None:
        if self._counts is None:
            return
        cells, tracks, videos = self._counts.at(self.threshold.value())
        text = self.tr("{0} positions of {1} tracks in {2} videos")
        self.tells.setText(text.format(number(cells), number(tracks), number(videos)))
        if not self._counts.cells[-1]:
            self.tells.setText(self.tr("Nothing is left that several teachers have labelled and nobody decided on."))
        self.begin_button.setEnabled(cells > 0)
        self.begin_button.setDefault(True)  # a button that is disabled gives it away

    def _take_back(self) -> None:
        self.take_back_wanted.emit()
        self.reject()

    def done(self, result: int) -> None:
        """The counting ends with the dialog."""
        if self._job is not None:
            self._job.stop()
            self._job = None
        super().done(result)

    def accept(self) -> None:
        """Begin, if there is something to look at."""
        if self.begin_button.isEnabled():
            threshold, count = round(self.threshold.value(), 1), self.sample.value()
            super().accept()
            self.check_wanted.emit(threshold, count)
