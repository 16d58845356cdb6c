"""Fine-tuning in a process of its own: what it is asked for, what it says, and what it does.

The window imports this too: nothing here needs Qt, and torch is imported where the work begins.
"""

import json
import logging
import os
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.workers.protocol import failure_message
from app.workers.training_record import CURVES, RUN, Ended, Stepped, TrainingRequest, Validated, read_run
from tracker.files import InputError, atomic_output
from tracker.labels.label_set import LabelSet, Trust

if TYPE_CHECKING:
    from tracker.evaluation.labelled import LabelledVideo
    from tracker.inference.trackers import TrackerInfo
    from tracker.models.cotracker3 import CoTracker3
    from tracker.training.finetune import Finetuned, FinetuneSettings
    from tracker.training.progress import Progress

ORPHAN_SECONDS = 300.0  # for a step and for saving, once the window is gone
LEAST_MINUTES = 0.25  # of a run that goes on
VALIDATION_FRAMES, VALIDATION_VIDEOS = 48, 4
MARKS = 8  # validations in the course of a run, at most
VALIDATION_SHARE = 0.1  # of the time, at most
ACCURACY, LIKENESS = "δavg", "δavg, likeness to the trackers"


@dataclass(frozen=True)
class Comparing:
    """The training is over; both trackers are being scored."""

    what: str


@dataclass(frozen=True)
class Broken:
    """The last word of a run that failed: a sentence for a person, and for the log what a programmer needs."""

    message: str
    details: str = ""


Event = Stepped | Validated | Comparing | Ended | Broken
Tell = Callable[[Event], None]


def serve(pipe: Connection, request: TrainingRequest) -> None:
    """The process's work. It ends early when "stop" comes through the pipe, and when nobody is at its other end."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl+C is the parent's business
    threading.Thread(target=_listen, args=(pipe, stop), daemon=True).start()
    _leave_a_core()

    def tell(event: Event) -> None:
        try:
            pipe.send(event)
        except OSError:  # nobody is there any more
            stop.set()

    try:
        tell(Finetuning(request, tell, stop.is_set).run())
    except Exception as error:  # whatever it is, the window must hear of it
        details = "" if isinstance(error, InputError) else traceback.format_exc()
        logging.disable()  # the window logs it
        tell(Broken(failure_message(error, "Training"), details))


def _listen(pipe: Connection, stop: threading.Event) -> None:
    """Waits for the word to stop, and for the end of the parent."""
    try:
        while True:
            pipe.recv()
            stop.set()
    except (EOFError, OSError):
        stop.set()
    time.sleep(ORPHAN_SECONDS)
    os._exit(1)  # what was saved last is whole


def install(weights: Path, name: str, card: str, report: object) -> "TrackerInfo":
    """Keep a student under a name, as `tracker.inference.trackers.install_tracker` does; for `in_process`."""
    from tracker.inference.trackers import install_tracker

    return install_tracker(weights, name, card)


def _leave_a_core() -> None:
    """The window is to stay smooth."""
    import torch

    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
    if hasattr(os, "nice"):
        os.nice(10)


class Finetuning:
    """Trains, writes down how that went, and compares student and base."""

    def __init__(self, request: TrainingRequest, tell: Tell, should_stop: Callable[[], bool]) -> None:
        self._request, self._tell, self._should_stop = request, tell, should_stop
        self._before = 0.0  # seconds, of the parts of the run until now
        self._begun = False

    def run(self) -> Ended:
        """Do it.

        Raises:
            InputError: it cannot be done, in a sentence.
        """
        request = self._request
        if request.only_report:
            record = read_run(request.output)
            if record.ended is None:
                raise InputError(f"{request.output}: did not end in order; go on with it first")
            result = _read_result(request)
            self._report(result, compare=True)
            return record.ended
        saved = request.resume and self._has_state()
        result = self._train(saved)
        stopped = result.summary.reason == "stopped"
        ended = Ended("stopped" if stopped else "finished", result.summary.step, result.summary.seconds, result.skipped)
        self._write(ended)
        self._report(result, compare=False)  # so that there is one, whatever happens now
        if not stopped:
            self._report(result, compare=True)
        return ended

    # -- training

    def _has_state(self) -> bool:
        """Whether the run that is to go on has saved anything; one that was killed early begins once more."""
        from tracker.training.state import STATE

        record = read_run(self._request.output)
        saved = (self._request.output / STATE).is_file()
        self._before = record.seconds if saved else 0.0
        return saved

    def _train(self, resume: bool) -> "Finetuned":
        from tracker.training.distributed import joined_group
        from tracker.training.finetune import finetune
        from tracker.training.loop import Hooks

        request = self._request
        minutes = max(LEAST_MINUTES, request.minutes - self._before / 60) if self._before else request.minutes
        with tempfile.TemporaryDirectory() as folder, joined_group(request.device) as group:
            config = Path(folder) / "window.toml"
            every = 1 if group.device.type == "cpu" else 5  # steps
            config.write_text(f"[train]\nlog_every = {every}\nvalidate_every = {every}\n", encoding="utf-8")
            settings = replace(_settings(request), minutes=None if request.steps else minutes, config=config)
            validator = Validator(request, minutes * 60, self._note_figures, self._should_stop)

            def report(progress: "Progress") -> None:
                validator.step = progress.step
                self._note_progress(progress)

            hooks = Hooks(report, validator, self._should_stop)
            return finetune(
                settings, request.labels, request.base, request.output, resume=resume, hooks=hooks, group=group
            )

    def _note_progress(self, progress: "Progress") -> None:
        event = Stepped(progress.step, progress.share, self._before + progress.seconds, dict(progress.losses))
        if not self._begun:
            self._begun = True
            self._write(None)
        _append(self._request.output / CURVES, asdict(event))
        self._tell(event)

    def _note_figures(self, event: Validated) -> None:
        _append(self._request.output / CURVES, asdict(event))
        self._tell(event)

    def _write(self, ended: Ended | None) -> None:
        with atomic_output(self._request.output / RUN) as part:
            request = replace(self._request, resume=False, only_report=False)
            content = {"request": request.as_json(), "ended": None if ended is None else asdict(ended)}
            part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    # -- comparing

    def _report(self, result: "Finetuned", compare: bool) -> None:
        """Write the report. One with the comparison takes the place of the one without, unless somebody stops it."""
        from app.finetune_report import write_report
        from tracker.inference.session import Cancelled

        request = self._request

        def tell(what: str) -> None:
            self._tell(Comparing(what))

        labels = request.labels if compare else None
        try:
            write_report(
                *(_settings(request), result, request.output, labels, request.device, tell),
                should_stop=self._should_stop,
            )
        except Cancelled:
            return


def _settings(request: TrainingRequest) -> "FinetuneSettings":
    from tracker.training.finetune import FinetuneSettings

    return FinetuneSettings(
        stage=request.stage,
        trust=request.trust,
        steps=request.steps,
        synthetic_share=request.synthetic_share,
        held=request.held,
        held_share=0.0,
    )


def _read_result(request: TrainingRequest) -> "Finetuned":
    """What came of a training, by its report.

    Raises:
        InputError: there is no report, or the base is not there any more.
    """
    from app.finetune_report import JSON
    from tracker.training.finetune import Finetuned, read_base
    from tracker.training.progress import Summary
    from tracker.training.state import WEIGHTS

    path = request.output / JSON
    try:
        made = json.loads(path.read_text(encoding="utf-8"))["training"]
        return Finetuned(
            Summary(**made["summary"]),
            request.output / WEIGHTS,
            read_base(request.base),
            made["facts"],
            tuple(made["used"]),
            tuple(made["held"]),
            made["skipped"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: there is no report on a fine-tuning, or a damaged one") from error


class Validator:
    """Scores the network on held videos now and then: seldom enough to leave the time to the training."""

    def __init__(
        self,
        request: TrainingRequest,
        seconds: float,
        note: Callable[[Validated], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self.step = 0
        self._request, self._note, self._should_stop = request, note, should_stop
        self._every = seconds / MARKS
        self._name = ""
        self._videos: Sequence[LabelledVideo] | None = None
        self._next = time.monotonic() + self._every

    def __call__(self, network: "CoTracker3") -> dict[str, float]:
        """Figures by name, in percent; none where it is not time for them."""
        if not self._request.held or time.monotonic() < self._next or self._should_stop():
            return {}
        began = time.monotonic()
        figures = self._figures(network)
        took = time.monotonic() - began
        self._next = time.monotonic() + max(self._every, took / VALIDATION_SHARE)
        if figures:
            self._note(Validated(self.step, figures))
        return figures

    def _figures(self, network: "CoTracker3") -> dict[str, float]:
        from tracker.evaluation.evaluate import evaluate_tracker
        from tracker.inference.cotracker import CoTrackerTracker

        if self._videos is None:
            self._name, videos = held_videos(self._request)
            self._videos = [video.first_frames(VALIDATION_FRAMES) for video in videos[:VALIDATION_VIDEOS]]
        if not self._videos:
            return {}
        tracker = CoTrackerTracker(network, None, allow_untrained=True)
        try:
            report = evaluate_tracker(tracker, _Videos(self._videos))
        except InputError:  # none of them can be scored
            self._videos = ()
            return {}
        scores = [row.metrics["average_pts_within_thresh"] for row in report.rows]
        return {self._name: 100 * sum(scores) / len(scores)}


class _Videos:
    """A data set of some videos."""

    def __init__(self, videos: Sequence["LabelledVideo"]) -> None:
        self.name, self.skipped, self._videos = "held videos", list[str](), videos

    def videos(self, names: frozenset[str] = frozenset()) -> Iterator["LabelledVideo"]:
        """See `EvaluationDataset`."""
        yield from self._videos


def held_videos(request: TrainingRequest) -> tuple[str, list["LabelledVideo"]]:
    """What a score on the held videos is called, and the videos with what is best known of them.

    Truth is what people placed or accepted. Where they did nothing of this in any of them, and labels of trackers are
    what is trained on, it is those, and the score is no accuracy.
    """
    from tracker.evaluation.label_truth import labelled_videos

    found: dict[str, list[LabelledVideo]] = {}
    for name, trust in ((ACCURACY, None), (LIKENESS, Trust.UNDECIDED)):
        found[name] = []
        for folder in request.labels:
            labels = LabelSet.open(folder)
            names = set(labels.names()) & set(request.held)
            found[name] += labelled_videos(labels, names, trust=trust).videos if names else []
        if found[name] or request.trust != "all":
            return name, found[name]
    return LIKENESS, found[LIKENESS]


def _append(path: Path, values: Mapping[str, Any]) -> None:
    """Raises InputError where it cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(values) + "\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
