"""Work in a process of its own: for what would hold Python's lock for long stretches and so stop the window."""

import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from app.workers.jobs import Job, JobCancelledError

T = TypeVar("T")
POLL_SECONDS = 0.05


def in_process(function: Callable[..., T], arguments: tuple[Any, ...], job: Job) -> T:
    """`function(*arguments, report)`, run in a new process for a job; gives what it gives and raises what it raises.

    What the function reports there the job reports here. When the job is cancelled the process is ended, which undoes
    what the function does in `with` and `finally`. Function, arguments and result are pickled.

    Raises:
        JobCancelledError: the job was cancelled.
        RuntimeError: the process ended without a word.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        return _follow(ours, process.is_alive, job)
    finally:
        process.terminate()
        process.join()
        ours.close()


def _follow(pipe: Connection, alive: Callable[[], bool], job: Job) -> Any:
    while True:
        if job.cancelled:
            raise JobCancelledError
        if not pipe.poll(POLL_SECONDS) and alive():
            continue
        try:
            kind, value = pipe.recv()
        except EOFError as error:
            raise RuntimeError("the process that did the work has ended without a word") from error
        if kind == "result":
            return value
        if kind == "failed":
            raise value
        job.report(*value)


def _serve(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    # Ended from outside it still cleans up; the terminal's Ctrl+C is the parent's business.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result = function(*arguments, lambda done, total: pipe.send(("progress", (done, total))))
    except Exception as error:
        pipe.send(("failed", error))
    else:
        pipe.send(("result", result))


def _end(*_: object) -> None:
    raise SystemExit
