"""`trackwright compare`: is a student better than the tracker it was made from?"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from app.cli.evaluate import Device
from app.cli.places import check_output
from tracker.files import InputError, atomic_output

if TYPE_CHECKING:
    from tracker.evaluation.labelled import LabelledVideo


def compare(
    base: Annotated[str, typer.Argument(help="The tracker to compare with, by name or a file.")],
    student: Annotated[str, typer.Argument(help="The tracker that may be better, by name or a file.")],
    dataset: Annotated[
        str | None, typer.Option(help="Videos with ground truth: npz:FOLDER, tapvid:PATH or dynamic-replica:FOLDER.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="Or a label set: what people placed or accepted in it.")] = None,
    held: Annotated[
        list[str] | None, typer.Option(help="Only this video, which neither has learned from; may be given repeatedly.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=2, help="Only the first frames of each video.")] = None,
    effort_tracks: Annotated[
        int, typer.Option(min=0, help="Simulate corrections on so many tracks of a video; 0 for none.")
    ] = 16,
    effort_frames: Annotated[int, typer.Option(min=2, help="And on so many of its frames.")] = 96,
    device: Annotated[Device, typer.Option(help="Where a network runs.")] = Device.auto,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the report: Markdown for .md, else JSON.")
    ] = None,
) -> None:
    """Compare two trackers on the same videos, and say whether the second is better, no better or worse.

    Position, visibility, lost points and the corrections that a person would need, with 95 % intervals by bootstrap
    over videos. Videos that a tracker has learned from prove nothing.
    """
    if (dataset is None) == (labels is None):
        raise InputError("compare needs videos with ground truth: either --dataset or --labels")
    if out is not None:
        check_output(out)

    from tracker.evaluation.compare import EffortCap, compare_trackers
    from tracker.inference import load_tracker

    place, videos, skipped, notes = _truth(dataset, labels, held or [])
    first, second = (load_tracker(name, device.value) for name in (base, student))
    cap = EffortCap(effort_tracks, effort_frames, seed=seed) if effort_tracks else None
    with _progress() as update:
        found = compare_trackers(
            first,
            second,
            videos,
            dataset=place,
            names=(base, student),
            effort=cap,
            frames=frames,
            skipped=skipped,
            notes=notes,
            seed=seed,
            progress=update,
        )
    if out is not None:
        text = found.to_markdown() if out.suffix.lower() == ".md" else found.to_json() + "\n"
        with atomic_output(out) as part:
            part.write_text(text, encoding="utf-8")
    typer.echo(found.to_json() if as_json else found.format_table())


def _truth(
    dataset: str | None, labels: Path | None, held: list[str]
) -> "tuple[str, Iterable[LabelledVideo], list[str], list[str]]":
    """What the videos are from, they themselves, what had to be left out, and what is to be said of their truth."""
    if labels is not None:
        from tracker.evaluation.label_truth import labelled_videos
        from tracker.labels.label_set import LabelSet

        truth = labelled_videos(LabelSet.open(labels), held or None)
        return f"labels:{labels}", truth.videos, truth.skipped, [truth.note] if truth.note else []

    from tracker.evaluation import open_dataset

    assert dataset is not None
    data = open_dataset(dataset)
    # What cannot be read shows while the videos are gone through, and is told with the rest at the end.
    return data.name, data.videos(frozenset(held)), data.skipped, []


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """On a terminal one bar for what is being done, else a line for each; on stderr."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def update(what: str, done: int, of: int) -> None:
            if what not in tasks:
                for finished in tasks.values():
                    bars.update(finished, visible=False)
                tasks[what] = bars.add_task(what, total=of)
                if not console.is_terminal:
                    typer.echo(what, err=True)
            bars.update(tasks[what], completed=done, total=of)

        yield update
