"""Fine-tuning from the window: what the panel asks for goes to a process of its own, what that says into the panel."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog

from app.document.project import Document
from app.held_dialog import HeldDialog
from app.install_dialog import InstallDialog
from app.panels.run_panel import MessageKind
from app.report_dialog import ReportDialog
from app.side_by_side import Side, SideBySide
from app.workers.finetuning import Comparing, Event, install
from app.workers.jobs import Job, run_job
from app.workers.label_survey import Candidate, survey
from app.workers.process import in_process
from app.workers.protocol import Failed, Finished, Progress
from app.workers.training import TrainingWorker
from app.workers.training_record import (
    RUN,
    WEIGHTS,
    RunRecord,
    Stepped,
    StudentReport,
    TrainingRequest,
    Validated,
    read_report,
    read_run,
)
from tracker.files import InputError
from tracker.inference.trackers import TrackerInfo, available_trackers, tracker_info
from tracker.labels.label_set import LabelSet

if TYPE_CHECKING:
    from app.window import MainWindow

PANEL = "training"  # of the docks


class Training(QObject):
    """Starts, stops and shows trainings. One goes at a time."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window, self._panel = window, window.training_panel
        self._worker: TrainingWorker | None = None
        self._jobs: dict[str, Job] = {}  # by what they do
        self._record: RunRecord | None = None  # of the run that is shown
        self._report: StudentReport | None = None
        self._failure = ""
        self.side_by_side = SideBySide(window)
        self.side_by_side.message.connect(self._panel.set_message)
        self.side_by_side.finished.connect(self._compared)
        form = self._panel.form
        form.labels_changed.connect(self._labels_changed)
        form.labels_requested.connect(self.ask_labels)
        form.base_requested.connect(self.ask_base)
        form.output_requested.connect(self.ask_output)
        form.held_requested.connect(self.ask_held)
        self._panel.run_chosen.connect(self.show_run)
        self._bases: list[TrackerInfo] = []  # files that a person chose
        self._show_runs()
        self._show_bases()

    # -- conditions

    def is_running(self) -> bool:
        """Whether a training goes on."""
        return self._worker is not None

    def can_start(self) -> bool:
        """Whether the fields are filled in."""
        return self._panel.can_start

    def can_resume(self) -> bool:
        """Whether a run is shown that did not come to its end."""
        return not self.is_running() and self._record is not None and not self._record.finished

    def can_leave(self) -> bool:
        """Whether a run is shown that is over for now."""
        return not self.is_running() and self._panel.shows_run

    def has_report(self) -> bool:
        """Whether there is one of the run that is shown."""
        return not self.is_running() and self._report is not None

    def has_student(self) -> bool:
        """Whether the run that is shown has saved a student, and ended."""
        return not self.is_running() and self._student is not None

    def can_evaluate(self) -> bool:
        """Whether student and base can be scored, and were not."""
        return self.has_student() and self._report is not None and not self._report.judgements

    def can_compare(self) -> bool:
        """Whether both can track points of the open video."""
        window = self._window
        busy = window.tracking.running or window.bridging.running or self.side_by_side.running
        return self.has_student() and window.editing.has_tracks() and not busy

    @property
    def _student(self) -> Path | None:
        record = self._record
        if record is None or record.ended is None:
            return None
        weights = record.request.output / WEIGHTS
        return weights if weights.is_file() else None

    # -- what the window says

    def set_document(self, document: Document | None) -> None:
        """Another video is open."""
        self.side_by_side.set_document(document)
        self.refresh()

    def refresh(self) -> None:
        """Bring the buttons up to date."""
        self._panel.set_can(compare=self.can_compare(), install=self.has_student(), report=self.has_report())

    def close(self) -> None:
        """Stop a training that goes on; what it did is saved."""
        for job in self._jobs.values():
            job.stop()
        self._jobs = {}
        if self._worker is not None:
            self._window.hide()  # a step may take seconds
            self._worker.close()

    # -- the fields

    def show(self) -> None:
        """Bring the panel to the front; the label set that is open is suggested."""
        form, workspace = self._panel.form, self._window.curating.workspace
        if not form.labels and workspace is not None:
            form.add_labels(workspace.label_set.folder)
        self._show_bases()
        self._window.docks.raise_(PANEL)

    def ask_labels(self) -> None:
        """Ask for the folder of a label set."""
        folder = self._ask_folder(self.tr("Choose a label set"))
        if folder is None:
            return
        try:
            LabelSet.open(folder)
        except InputError as error:
            self._panel.set_message(str(error), "error")
            return
        self._panel.set_message("", "info")
        self._panel.form.add_labels(folder)

    def ask_base(self) -> None:
        """Ask for a file with weights to go on from."""
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            self.tr("Choose the weights to go on from"),
            self._window.settings.last_folder,
            self.tr("Checkpoints (*.pth *.pt *.ckpt *.safetensors);;All files (*)"),
        )
        if not name:
            return
        info = tracker_info(name)
        self._bases.append(info)
        self._show_bases(info.name)
        if self._panel.form.base != info.name:
            self._bases.pop()
            text = self.tr("{0}: only CoTracker3 networks can be fine-tuned. {1}")
            self._panel.set_message(text.format(Path(name).name, info.description), "error")

    def ask_output(self) -> None:
        """Ask for the folder of the student."""
        folder = self._ask_folder(self.tr("Choose a folder for the student"))
        if folder is not None:
            self._panel.form.set_output(folder)

    def ask_held(self) -> None:
        """Ask by name which videos are held out."""
        form = self._panel.form
        dialog = HeldDialog([one.name for one in form.candidates], form.held, self._window)
        if dialog.exec():
            form.set_held(dialog.held)

    def new(self) -> None:
        """Show the fields, for another training."""
        self._record = self._report = None
        self._panel.set_message("", "info")
        self._show_runs()
        self._suggest_output()
        self._panel.show_form()
        self._window.refresh()

    def _ask_folder(self, title: str) -> Path | None:
        name = QFileDialog.getExistingDirectory(self._window, title, self._window.settings.last_folder)
        return Path(name) if name else None

    def _show_bases(self, chosen: str = "") -> None:
        known = {info.name: info for info in [*self._window.trackers.ready, *self._bases]}
        self._panel.form.set_bases(list(known.values()), chosen or self._panel.form.base or self._window.trackers.used)

    def _labels_changed(self) -> None:
        """What is in the label sets is looked up beside the window."""
        form = self._panel.form
        folders = form.labels
        if (job := self._jobs.pop("survey", None)) is not None:
            job.cancel()
        self._suggest_output()
        form.set_candidates([], self.tr("Looking at the labels…") if folders else "")
        if not folders:
            return

        def show(progress: Progress) -> None:
            form.set_candidates([], self.tr("Looking at the labels: {0} of {1}").format(progress.done, progress.total))

        def done(found: list[Candidate]) -> None:
            self._jobs.pop("survey", None)
            form.set_candidates(found)
            self._window.registry.refresh()

        def failed(message: str) -> None:
            self._jobs.pop("survey", None)
            form.set_candidates([], message)

        self._jobs["survey"] = run_job(
            lambda job: survey(folders, job.report),
            self.tr("Looking at the labels"),
            self,
            on_result=done,
            on_error=failed,
            on_progress=show,
        )

    def _suggest_output(self) -> None:
        """Beside the first label set, where nobody said anything else."""
        form = self._panel.form
        if not form.names_itself and not Path(form.output_field.text(), RUN).exists():
            return
        folder = Path()
        for first in form.labels[:1]:
            names = (f"{first.name}-student{'' if number == 1 else number}" for number in range(1, 1000))
            folder = next(first.parent / name for name in names if not (first.parent / name).exists())
        form.set_output(folder, by_person=False) if form.labels else form.output_field.clear()

    # -- a run

    def start(self) -> None:
        """Train as the fields say."""
        self.begin(self._panel.form.request(self._window.tracking.device))

    def resume(self) -> None:
        """Go on with the run that is shown."""
        if self._record is not None:
            self.begin(replace(self._record.request, resume=True, device=self._window.tracking.device))

    def evaluate(self) -> None:
        """Compare student and base of the run that is shown on the held videos."""
        if self._record is not None:
            self.begin(replace(self._record.request, only_report=True, device=self._window.tracking.device))

    def begin(self, request: TrainingRequest) -> None:
        """Train, go on or compare, whatever the request says."""
        goes_on = request.resume or request.only_report
        self._failure = ""
        self._panel.set_message("", "info")
        self._panel.show_run(request.output.name, self._record if goes_on else None, None)
        self._panel.set_running(True)
        worker = TrainingWorker(request, parent=self)
        worker.said.connect(self._said)
        worker.failed.connect(self._failed)
        worker.finished_run.connect(self._finished)
        worker.finished.connect(worker.deleteLater)
        self._worker = worker
        worker.start()
        self._window.refresh()

    def stop(self) -> None:
        """Stop after the step that goes on."""
        if self._worker is not None:
            self._panel.set_stopping()
            self._worker.stop()

    def show_run(self, folder: Path) -> None:
        """Show the run in a folder."""
        try:
            self._record, self._report = read_run(folder), read_report(folder)
        except InputError as error:
            self._panel.set_message(str(error), "error")
            return
        self._panel.show_run(folder.name, self._record, self._report)
        self._window.refresh()
        self.refresh()

    def _said(self, event: Event) -> None:
        if self._worker is None:
            return
        request = self._worker.request
        if isinstance(event, Comparing):
            self._panel.set_comparing(event.what)
        elif isinstance(event, Stepped | Validated):
            self._panel.add(event, request.minutes)
            if isinstance(event, Stepped):
                self._window.settings.add_training_run(request.output)

    def _failed(self, failed: Failed) -> None:
        self._failure = failed.message

    def _finished(self, finished: Finished) -> None:
        if self._worker is None:
            return
        folder = self._worker.request.output
        known = (folder / RUN).exists() and folder.resolve() in self._window.settings.training_runs
        self._worker = None
        self._panel.set_running(False)
        self._record = self._report = None
        if known:
            self.show_run(folder)
        else:
            self._panel.show_form()
        kinds: dict[str, tuple[str, MessageKind]] = {
            "failed": (self._failure, "error"),
            "cancelled": (self.tr("Stopped. Everything is saved: Resume goes on."), "info"),
        }
        self._panel.set_message(*kinds.get(finished.outcome, ("", "info")))
        text = kinds.get(finished.outcome, (self.tr("The training is done."), "info"))[0]
        self._window.show_message(text)
        self._window.refresh()
        self.refresh()

    def _show_runs(self) -> None:
        self._panel.set_runs([(folder.name, folder) for folder in self._window.settings.training_runs])

    # -- the student

    def show_report(self) -> None:
        """All of the report."""
        if self._report is not None and self._record is not None:
            ReportDialog(self._record.request.output.name, self._report.text, self._window).exec()

    def compare(self) -> None:
        """Track the points of the open video with base and student."""
        if self._record is None or self._student is None:
            return
        request = self._record.request
        base = Side(request.base, Path(request.base).name)
        self.side_by_side.start(base, Side(str(self._student), request.output.name))
        self.refresh()

    def _compared(self, line: str) -> None:
        if line:
            self._panel.set_message(line, "info")
        self.refresh()

    def ask_install(self) -> None:
        """Ask for a name, and keep the student under it."""
        if self._record is None or self._student is None:
            return
        taken = [info.name for info in available_trackers() if info.ready]
        folder = self._record.request.output
        card = "" if self._report is None else self._report.text
        dialog = InstallDialog(free_name(folder.name, taken), taken, card, self._window)
        if dialog.exec():
            self.install(dialog.name)

    def install(self, name: str) -> None:
        """Keep the student under a name, and track with it."""
        student = self._student
        if student is None:
            return
        card = "" if self._report is None else self._report.text
        self._panel.set_message(self.tr("Installing {0}…").format(name), "info")

        def done(info: TrackerInfo) -> None:
            self._jobs.pop("install", None)
            self._window.trackers.use(info.name)
            self._show_bases()
            self._panel.set_message(self.tr("{0} tracks from now on.").format(info.name), "info")
            self._window.refresh()

        def failed(message: str) -> None:
            self._jobs.pop("install", None)
            self._panel.set_message(message, "error")

        self._jobs["install"] = run_job(
            lambda job: in_process(install, (student, name, card), job),
            self.tr("Installing"),
            self,
            on_result=done,
            on_error=failed,
        )


def free_name(wanted: str, taken: list[str]) -> str:
    """A name for a tracker like the wanted one that nobody has."""
    kept = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "-" for sign in wanted)
    name = kept.lstrip("._-")[:60] or "student"
    used = {one.lower() for one in taken}
    numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, len(used) + 2))
    return next(one for one in numbered if one.lower() not in used)
