"""The thread that looks after a fine-tuning in a process of its own: it tells what the process says, and ends it."""

import multiprocessing
import threading
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from PySide6.QtCore import QObject, QThread, Signal

from app.workers.finetuning import Broken, Event, serve
from app.workers.protocol import Failed, Finished, Outcome, failure_message, log
from app.workers.training_record import Ended, TrainingRequest

CLOSE_SECONDS = 30.0  # that the window waits for the step that goes on, and for saving
LAST_SECONDS = 10.0  # for a process that has said its last word
DIED = (
    "The process that trained has ended without a word, perhaps for want of memory. What was saved last is kept: "
    "Resume goes on from there."
)


class TrainingWorker(QThread):
    """One fine-tuning. `start` it, `stop` it once the step is done, or `close` it within bounded time.

    Signals:
        said(Stepped | Validated | Comparing | Ended): what the process tells.
        failed(Failed), finished_run(Finished): the last one always comes.
    """

    said = Signal(object)
    failed = Signal(object)
    finished_run = Signal(object)

    def __init__(self, request: TrainingRequest, generation: int = 0, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.request = request
        self._generation = generation
        self._lock = threading.Lock()
        self._pipe: Connection | None = None
        self._process: SpawnProcess | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Of the process; None where there is none yet."""
        return None if self._process is None else self._process.pid

    def stop(self) -> None:
        """Let it finish its step, save and end. Any thread."""
        with self._lock:
            self._stopping = True
            self._send_stop()

    def close(self) -> None:
        """Stop, and wait until it is over; a process that takes longer than `CLOSE_SECONDS` is killed."""
        self.stop()
        if not self.wait(int(1000 * CLOSE_SECONDS)):
            if self._process is not None:
                self._process.kill()  # what it saved last is whole
            self.wait()

    def _send_stop(self) -> None:
        if self._pipe is not None:
            try:
                self._pipe.send("stop")
            except OSError:  # it has ended already
                return

    def run(self) -> None:
        """The thread's work."""
        outcome: Outcome = "failed"
        try:
            last = self._follow()
        except Exception as error:  # whatever it is, the GUI must hear of it
            self._fail(failure_message(error, "Training"))
        else:
            if isinstance(last, Ended):
                outcome = "done" if last.ending == "finished" else "cancelled"
            elif self._stopping and last is None:
                outcome = "cancelled"
            else:
                self._fail(DIED if last is None else last.message)
        self.finished_run.emit(Finished(self._generation, outcome))

    def _fail(self, message: str) -> None:
        self.failed.emit(Failed(self._generation, message))

    def _follow(self) -> Ended | Broken | None:
        """Start the process and tell what it says; its last word, None where it died without one."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self.request), daemon=True)
        try:
            process.start()
            theirs.close()
            with self._lock:
                self._pipe, self._process = ours, process
                if self._stopping:
                    self._send_stop()
            return self._listen(ours, process)
        finally:
            with self._lock:
                self._pipe = None
            if process.pid is not None:
                process.join(LAST_SECONDS)
                if process.is_alive():
                    process.kill()
                    process.join()
            ours.close()

    def _listen(self, pipe: Connection, process: SpawnProcess) -> Ended | Broken | None:
        while True:
            wait([pipe, process.sentinel])
            if not pipe.poll():
                return None
            try:
                event: Event = pipe.recv()
            except (EOFError, OSError):
                return None
            if isinstance(event, Broken):
                if event.details:
                    log.error("training failed\n%s", event.details)
                return event
            self.said.emit(event)
            if isinstance(event, Ended):
                return event
