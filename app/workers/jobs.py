"""One-off work in a thread of its own: opening and indexing a video, exporting, rendering."""

import threading
import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QThread, Signal
from shiboken6 import isValid

from app.workers.protocol import Failed, Finished, Progress, Result, failure_message, progress


class JobCancelledError(Exception):
    """Raised inside a job that was cancelled, to leave it."""


class Job(QThread):
    """Runs one function and says what came of it. Made and started by `run_job`.

    The function gets the job. It calls `report(done, total)` now and then, which is where a cancelled job ends.

    Signals, in the thread of the GUI:
        progress(Progress), result(Result), failed(Failed), finished_job(Finished): the last one always comes.
    """

    progress = Signal(object)
    result = Signal(object)
    failed = Signal(object)
    finished_job = Signal(object)

    def __init__(
        self, function: Callable[["Job"], Any], name: str, generation: int = 0, parent: QObject | None = None
    ) -> None:
        """
        Args:
            name: what is done, as it begins a sentence: "Exporting".
        """
        super().__init__(parent)
        self._function, self._name, self._generation = function, name, generation
        self._cancelled = threading.Event()
        self._began = time.monotonic()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """End at the next report. Any thread."""
        self._cancelled.set()

    def stop(self) -> None:
        """Cancel and wait for the thread; a job that is over has no thread any more."""
        self.cancel()
        if isValid(self):
            self.wait()

    def report(self, done: int, total: int) -> None:
        """Say how far the work is; for the function, in the job's thread.

        Raises:
            JobCancelledError: the job was cancelled.
        """
        if self.cancelled:
            raise JobCancelledError
        self.progress.emit(progress(self._generation, done, total, time.monotonic() - self._began))

    def run(self) -> None:
        """The thread's work."""
        self._began = time.monotonic()
        try:
            value = self._function(self)
        except JobCancelledError:
            self.finished_job.emit(Finished(self._generation, "cancelled"))
        except Exception as error:  # whatever it is, the GUI must hear of it
            self.failed.emit(Failed(self._generation, failure_message(error, self._name)))
            self.finished_job.emit(Finished(self._generation, "failed"))
        else:
            self.result.emit(Result(self._generation, value))
            self.finished_job.emit(Finished(self._generation, "done"))


def run_job(
    function: Callable[[Job], Any],
    name: str,
    parent: QObject,
    *,
    on_result: Callable[[Any], object] | None = None,
    on_error: Callable[[str], object] | None = None,
    on_progress: Callable[[Progress], object] | None = None,
    on_over: Callable[[], object] | None = None,
) -> Job:
    """Start `function(job)` in a thread and call back in the thread of `parent`: with its value, or with a message.

    A job that is cancelled calls neither; `on_over` is called after all of it, whatever became of it. The job deletes
    itself when it is over; call `stop` before `parent` goes.
    """
    job = Job(function, name, parent=parent)
    # A lambda belongs to no thread: Qt calls it in the thread of an object that it is a method of.
    receiver = _Receiver(job, on_result, on_error, on_progress, on_over)
    job.result.connect(receiver.result)
    job.failed.connect(receiver.failed)
    job.progress.connect(receiver.progress)
    job.finished_job.connect(receiver.over)
    job.finished.connect(job.deleteLater)
    job.start()
    return job


class _Receiver(QObject):
    """Takes a job's signals in the thread where it was made; those of a cancelled job may still be on their way."""

    def __init__(
        self,
        job: Job,
        on_result: Callable[[Any], object] | None,
        on_error: Callable[[str], object] | None,
        on_progress: Callable[[Progress], object] | None,
        on_over: Callable[[], object] | None,
    ) -> None:
        super().__init__(job)
        self._job = job
        self._on_result, self._on_error, self._on_progress = on_result, on_error, on_progress
        self._on_over = on_over

    def result(self, result: Result) -> None:
        if self._on_result is not None and not self._job.cancelled:
            self._on_result(result.payload)

    def failed(self, failed: Failed) -> None:
        if self._on_error is not None and not self._job.cancelled:
            self._on_error(failed.message)

    def progress(self, value: Progress) -> None:
        if self._on_progress is not None and not self._job.cancelled:
            self._on_progress(value)

    def over(self, _finished: Finished) -> None:
        if self._on_over is not None:
            self._on_over()
