"""What `train` and `finetune` show while they run, how they are stopped, and what they say at the end."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

import typer

from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.models.cotracker3 import CoTracker3
    from tracker.training.loop import Hooks
    from tracker.training.progress import Progress, Summary

    Score = Callable[[CoTracker3], dict[str, float]]

T = TypeVar("T")


@contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """While it lasts Ctrl-C and SIGTERM are asked for, not obeyed; a second one ends the program at once."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        typer.echo("stopping after this step; once more to stop at once, without saving", err=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def shown_hooks(score: "Score | None", should_stop: Callable[[], bool], leads: bool) -> Iterator["Hooks"]:
    """What is shown while it trains: a bar on a terminal, else a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    from tracker.training.loop import Hooks

    console = Console(stderr=True)
    shown = console.is_terminal and leads
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    columns = (BarColumn(), TaskProgressColumn(), *times, TextColumn("{task.description}"))
    with Bars(*columns, console=console, transient=True, disable=not shown) as bars:
        bar = bars.add_task("starting", total=1.0)

        def report(progress: "Progress") -> None:
            if shown:
                short = f"step {progress.step}, loss {progress.losses['total']:.3f}"
                bars.update(bar, completed=progress.share, description=short)
            else:
                typer.echo(_line(progress), err=True)

        def validate(network: "CoTracker3") -> dict[str, float]:
            assert score is not None
            figures = score(network)
            line = "validation: " + ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
            bars.console.print(line, soft_wrap=True) if shown else typer.echo(line, err=True)
            return figures

        yield Hooks(report, validate if score else None, should_stop)


def within_memory(run: Callable[[], T]) -> T:
    """What `run` gives. Raises InputError where the memory of the graphics card is too small."""
    import torch

    try:
        return run()
    except torch.cuda.OutOfMemoryError as error:
        raise InputError(
            "the memory of the graphics card is full: train with a smaller batch, fewer points or frames, or "
            "gradient_checkpointing = true"
        ) from error


def _line(progress: "Progress") -> str:
    losses = " ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
    return (
        f"step {progress.step} ({progress.share:.1%}) {progress.seconds:.0f} s, {progress.clips} clips: {losses}; "
        f"rate {progress.rate:.1e}, gradient {progress.gradient:.2f}, data {progress.data_share:.0%} of the time"
    )


def ending(folder: Path, summary: "Summary") -> str:
    """One sentence: how a training ended."""
    endings = {
        "finished": "finished",
        "time": "the time is over",
        "steps": "the last step asked for",
        "stopped": "stopped",
    }
    losses = ", ".join(f"{name} {value:.4f}" for name, value in summary.losses.items())
    skipped = f", {summary.skipped} steps skipped for a gradient that was no number" if summary.skipped else ""
    return (
        f"{folder}: {endings[summary.reason]}; {summary.step} steps, {summary.clips} clips, {summary.seconds:.0f} "
        f"seconds, {summary.data_share:.0%} of them for clips; losses: {losses or 'none yet'}{skipped}"
    )
