"""What workers say. Every signal carries one of these frozen objects; arrays inside travel by reference, read-only.

A request carries a generation number and every answer repeats it, so that the GUI drops what is no longer wanted.
"""

import logging
from dataclasses import dataclass
from typing import Any, Literal

from tracker.files import InputError

Outcome = Literal["done", "cancelled", "failed"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Started:
    """A run has its tracker and begins.

    Attributes:
        tracker: its name, as the document records it.
        device: "cpu" or "cuda".
        visible_above: visibility times confidence from which on its points count as visible.
    """

    generation: int
    tracker: str
    device: str
    visible_above: float


@dataclass(frozen=True)
class Progress:
    """How far the work is.

    Attributes:
        done, total: frames, or whatever a job counts; where the total is 0, frames that were read so far for a bridge.
        eta_s: seconds that are left, at the pace so far; None while nothing is known.
        frames_per_s: the pace so far, 0 while nothing is known.
    """

    generation: int
    done: int
    total: int
    eta_s: float | None
    frames_per_s: float


@dataclass(frozen=True)
class Result:
    """Something that was worked out; a run gives a `tracker.inference.session.Prediction` in frames of the video."""

    generation: int
    payload: Any


@dataclass(frozen=True)
class Failed:
    """The work ended in a failure; `message` says what happened and what to do."""

    generation: int
    message: str


@dataclass(frozen=True)
class Finished:
    """The last word on a request, after every result and failure."""

    generation: int
    outcome: Outcome


def progress(generation: int, done: int, total: int, seconds: float) -> Progress:
    """The progress after `seconds` of work."""
    pace = done / seconds if done and seconds > 0 else 0.0
    return Progress(generation, done, total, (total - done) / pace if pace else None, pace)


def failure_message(error: BaseException, work: str) -> str:
    """What a person reads when `work` ("Tracking") failed; faults of ours go to the log with their traceback."""
    if isinstance(error, InputError):
        return str(error)
    if is_out_of_memory(error):
        return (
            f"{work} ran out of memory. Close other programs, follow fewer points at a time, or choose the CPU "
            "instead of the graphics card."
        )
    log.error("%s failed", work, exc_info=error)
    return (
        f"{work} failed through a fault of Trackwright ({type(error).__name__}: {error}). "
        "Nothing of the project is lost. Please report this; the log file has the details."
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed; torch says so with errors of its own, which this knows without importing it."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )
