"""Labelling on one machine: a process for each graphics card or processor core, which keeps its teachers loaded."""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from tracker.files import InputError
from tracker.training.label_job import ATTEMPTS, LabelTask, TaskResult, do_task
from tracker.training.pseudo_labels import LabelSettings
from tracker.training.teachers import LoadedTeacher, load_teachers

POLL_SECONDS = 0.2
END_SECONDS = 5.0

Work = Callable[[LabelTask, LabelSettings, Path, Sequence[LoadedTeacher]], TaskResult]


def local_devices(device: str = "auto") -> tuple[str, ...]:
    """What of this machine can work: "cuda:0", "cuda:1", … for each graphics card, or "cpu".

    Raises:
        InputError: "cuda" where there is no graphics card.
    """
    if device == "cpu":
        return ("cpu",)
    import torch

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cuda" and not cards:
        raise InputError("cuda: no graphics card that PyTorch can use was found; choose cpu or auto")
    return tuple(f"cuda:{number}" for number in range(cards)) or ("cpu",)


class LocalExecutor:
    """Works with processes of this machine, each on one processor core or one graphics card.

    On a processor each computes in one thread, so that labels do not depend on how many work.
    """

    def __init__(self, devices: Sequence[str], workers: int | None = None, *, work: Work = do_task) -> None:
        """
        Args:
            devices: as `local_devices` gives; workers take turns with them.
            workers: how many processes; default one for each card, or one for each core.
            work: what a process does with a task.
        """
        self._devices, self._work = list(devices), work
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.workers = workers or (cores if self._devices == ["cpu"] else len(self._devices))

    def run(self, tasks: Sequence[LabelTask], settings: LabelSettings, folder: Path) -> Iterator[TaskResult | None]:
        """See `Executor`. Closing the iterator ends the processes at once."""
        waiting = deque(_Attempt(task) for task in tasks)
        crew: list[_Worker] = []
        try:
            for number in range(min(self.workers, len(tasks))):
                device = self._devices[number % len(self._devices)]
                crew.append(_Worker((device, settings, folder, self._work)))
            while waiting or any(worker.attempt for worker in crew):
                for worker in crew:
                    if worker.idle and waiting:
                        worker.give(waiting.popleft())
                ready = wait([worker.pipe for worker in crew], POLL_SECONDS)
                if not ready:
                    yield None
                for worker in (one for one in crew if one.pipe in ready):
                    result = worker.hear()
                    if isinstance(result, TaskResult):
                        yield result
                    elif isinstance(result, _Attempt):
                        waiting.appendleft(result)
        finally:
            for worker in crew:
                worker.process.terminate()
            for worker in crew:
                worker.end()


@dataclass
class _Attempt:
    """A task, and how often it was begun."""

    task: LabelTask
    number: int = 1


class _Worker:
    """A process as the parent sees it. One that dies is replaced."""

    def __init__(self, arguments: tuple[str, LabelSettings, Path, Work]) -> None:
        self._arguments = arguments
        self._failed_starts = 0
        self.attempt: _Attempt | None = None
        self._start()

    @property
    def idle(self) -> bool:
        """Whether it waits for a task."""
        return self._ready and self.attempt is None

    def give(self, attempt: _Attempt) -> None:
        """Let it do a task. One that has died meanwhile is found out by `hear`."""
        self.attempt = attempt
        try:
            self.pipe.send(attempt.task)
        except OSError:
            return

    def hear(self) -> TaskResult | _Attempt | None:
        """What it says: a result, or where it has died the attempt that is due; None where it became ready.

        Raises:
            InputError: what it met that ends the job.
            RuntimeError: it dies as often as it is started.
        """
        try:
            kind, value = self.pipe.recv()
        except (EOFError, OSError):
            return self._replace()
        if kind == "failed":
            raise value
        self._ready, self._failed_starts = True, 0
        if kind == "result":
            self.attempt = None
            assert isinstance(value, TaskResult)
            return value
        return None

    def end(self) -> None:
        """See that it is gone."""
        self.process.join(END_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self.process.start()
        theirs.close()
        self.attempt = None
        self._ready = False

    def _replace(self) -> TaskResult | _Attempt | None:
        self.end()
        lost, code = self.attempt, self.process.exitcode
        if lost is None:
            self._failed_starts += 1
            if self._failed_starts == ATTEMPTS:
                raise RuntimeError(f"processes that label end as they start, with exit code {code}")
        self._start()
        if lost is None or lost.number < ATTEMPTS:
            return None if lost is None else _Attempt(lost.task, lost.number + 1)
        why = "it was killed, perhaps for want of memory" if code == -9 else f"exit code {code}"
        reason = f"the process that labelled it ended {ATTEMPTS} times before it was done ({why})"
        return TaskResult(lost.task, 0, 0.0, reason)


def _serve(pipe: Connection, device: str, settings: LabelSettings, folder: Path, work: Work) -> None:
    """The process: loads its teachers once, then does what it is given until it is told to end."""
    # Ended from outside it still cleans up; the terminal's Ctrl+C is the parent's business.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        teachers = _load(settings, device)
        _say(pipe, "ready", None)
        while True:
            _say(pipe, "result", work(pipe.recv(), settings, folder, teachers))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        _say(pipe, "failed", error)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _say(pipe: Connection, kind: str, value: Any) -> None:
    pipe.send((kind, value))


def _load(settings: LabelSettings, device: str) -> list[LoadedTeacher]:
    """The teachers, kept to one processor core or one graphics card."""
    import cv2

    cv2.setNumThreads(1)
    kind, _, number = device.partition(":")
    if number:
        import torch

        torch.cuda.set_device(int(number))
    teachers = load_teachers(settings.teachers, kind)
    if "torch" in sys.modules:  # which takes seconds to import, and not every teacher is a network
        import torch

        torch.set_num_threads(1)
    return teachers


def _end_with_parent() -> None:
    """A parent that is killed cannot end its processes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _end(*_: object) -> None:
    raise SystemExit
