"""`trackwright evaluate`: score trackers against ground truth."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.places import check_output
from tracker.files import atomic_output

if TYPE_CHECKING:
    from tracker.evaluation import EvaluationReport
    from tracker.inference.session import Tracker


class QueryMode(StrEnum):
    """Which points of the ground truth are asked for."""

    first = "first"
    strided = "strided"


class Device(StrEnum):
    """Where a network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


def evaluate(
    model: Annotated[
        list[str],
        typer.Option(help="A tracker by name (models lists them), a file, or does-not-move; may be given repeatedly."),
    ],
    dataset: Annotated[str, typer.Option(help="tapvid:PATH, npz:FOLDER or dynamic-replica:FOLDER.")],
    query_mode: Annotated[QueryMode, typer.Option(help="From the first visible frame, or every 5 frames.")] = (
        QueryMode.first
    ),
    single_point: Annotated[bool, typer.Option("--single-point", help="Each point alone amid support points.")] = False,
    frames: Annotated[int | None, typer.Option(min=2, help="Only the first frames of each video.")] = None,
    video: Annotated[list[str] | None, typer.Option(help="Only this video; may be given repeatedly.")] = None,
    device: Annotated[Device, typer.Option(help="Where a network runs.")] = Device.auto,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    out: Annotated[Path | None, typer.Option("--output", "-o", help="Also write the result as JSON here.")] = None,
) -> None:
    """Score trackers against ground truth, on frames brought to 256x256 (the metrics of TAP-Vid), in percent."""
    if out is not None:
        check_output(out)

    from tracker.evaluation import evaluate_tracker, open_dataset

    data = open_dataset(dataset)
    trackers = {name: _load(name, device.value) for name in model}
    report: EvaluationReport | None = None
    for name, tracker in trackers.items():
        with _progress(name) as update:
            found = evaluate_tracker(
                tracker,
                data,
                query_mode.value,
                label=name,
                single_point=single_point,
                frames=frames,
                videos=video or (),
                progress=update,
            )
        report = found if report is None else report.joined(found)
    assert report is not None
    for reason in report.skipped:
        typer.echo(f"left out: {reason}", err=True)
    if out is not None:
        with atomic_output(out) as part:
            part.write_text(report.to_json() + "\n", encoding="utf-8")
    typer.echo(report.to_json() if as_json else report.format_table())


def _load(name: str, device: str) -> "Tracker":
    from tracker.evaluation import DoesNotMove
    from tracker.inference import load_tracker

    return DoesNotMove() if name == DoesNotMove.name else load_tracker(name, device)


@contextmanager
def _progress(model: str) -> Iterator[Callable[[str, int, int], None]]:
    """On a terminal a bar for each video in turn, else a line; on stderr."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def update(video: str, done: int, of: int) -> None:
            if video not in tasks:
                for finished in tasks.values():
                    bars.update(finished, visible=False)
                tasks[video] = bars.add_task(f"{model}: {video}", total=of)
                if not console.is_terminal:
                    typer.echo(f"{model}: {video}, {of} frames", err=True)
            bars.update(tasks[video], completed=done, total=of)

        yield update
