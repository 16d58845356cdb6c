"""`trackwright pseudo-label`: trackers label videos that nobody has labelled, for people to curate and to train on."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.track import Device, Sample
from tracker.files import InputError
from tracker.video.names import PICTURE_SUFFIXES, VIDEO_SUFFIXES

if TYPE_CHECKING:
    from tracker.training.label_job import Executor, JobProgress, JobSummary
    from tracker.training.pseudo_labels import LabelSettings

LISTED = 20  # skipped videos that are told one by one; all are in the set
LINE_SECONDS = 10.0  # between lines of progress where there is no terminal


def pseudo_label(
    videos: Annotated[list[Path], typer.Argument(help="Video files, and folders in which to look for them.")],
    teachers: Annotated[
        str,
        typer.Option(
            help="Trackers by name or file, commas between; NAME:online and NAME:offline for one network in two ways."
        ),
    ],
    out: Annotated[Path, typer.Option("--output", "-o", help="The folder for the label set, new or to go on with.")],
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="All teachers label every shot; default is one drawn by chance.")
    ] = False,
    round_trip: Annotated[
        bool, typer.Option(help="Also track back to the query, to find where a point was lost.")
    ] = True,
    sample: Annotated[Sample, typer.Option(help="How points are chosen.")] = Sample.sift,
    points: Annotated[int, typer.Option(min=1, help="Points in each shot.")] = 384,
    query_frames: Annotated[int, typer.Option(min=1, help="Frames of a shot on which they start.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of frames, points and the draw of teachers.")] = 0,
    max_frames: Annotated[int, typer.Option(min=31, help="Longer shots are labelled in pieces.")] = 240,
    device: Annotated[Device, typer.Option(help="Where networks run; auto takes every graphics card.")] = Device.auto,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default one for each card, or for each core.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Work on the Ray cluster there, auto for the one around.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Label videos with trackers: a label set to curate in the window, and to train on.

    Videos are cut into shots, points tracked through each in both directions. What cannot be labelled is listed with
    the reason, also in OUTPUT/skipped.json. Ended in any way, the same command goes on where it stopped.
    """
    if ray is not None and workers is not None:
        raise InputError("--workers are processes of this machine, they do not go with --ray")
    found = find_videos(videos)

    from tracker.training.label_job import run_job
    from tracker.training.pseudo_labels import LabelSettings

    settings = LabelSettings(
        teachers=tuple(name.strip() for name in teachers.split(",") if name.strip()),
        ensemble=ensemble,
        round_trip=round_trip,
        sampling=sample.value,
        points=points,
        frames=query_frames,
        seed=seed,
        max_frames=max_frames,
        device=device.value,
    )
    executor = _executor(settings, workers, ray)
    try:
        with _shown() as report:
            summary = run_job(found, settings, out, executor, report)
    except KeyboardInterrupt:
        typer.echo(f"{out}: stopped; what is labelled stays, the same command goes on from there", err=True)
        raise
    _tell_skipped(out, summary)
    typer.echo(json.dumps(_result(out, summary)) if as_json else _sentence(out, summary))


def find_videos(given: list[Path]) -> list[Path]:
    """The videos meant: files as they are, in folders everything that is called like a video, in order of the paths.

    A folder without videos that holds pictures is one video itself.

    Raises:
        InputError: there is no such file or folder, or no video in it.
    """
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.suffix.lower() in VIDEO_SUFFIXES and one.is_file())
            inside = [one for one in inside if not one.name.startswith(".")]
            if not inside and any(one.suffix.lower() in PICTURE_SUFFIXES for one in path.iterdir()):
                inside = [path]
            if not inside:
                raise InputError(f"{path}: there are no videos in this folder")
            found += inside
        elif path.exists() or set(path.name) & {"#", "%"}:
            found.append(path)
        else:
            raise InputError(f"{path}: there is no such file or folder")
    # Labels say where their video is, and must be right from any folder.
    return list(dict.fromkeys(Path(os.path.abspath(path)) for path in found))


def _executor(settings: "LabelSettings", workers: int | None, ray: str | None) -> "Executor":
    if ray is not None:
        from tracker.training.label_cluster import RayExecutor

        return RayExecutor(ray)
    from tracker.training.label_workers import LocalExecutor, local_devices

    return LocalExecutor(local_devices(settings.device), workers)


@contextmanager
def _shown() -> Iterator[Callable[["JobProgress"], None]]:
    """A bar on a terminal, else a line now and then."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("looking at the videos", total=None)
        told = time.monotonic()

        def report(progress: "JobProgress") -> None:
            nonlocal told
            bars.update(bar, completed=progress.done, total=progress.total, description=_line(progress))
            if not console.is_terminal and time.monotonic() - told >= LINE_SECONDS:
                told = time.monotonic()
                typer.echo(f"{progress.done} of {progress.total}: {_line(progress)}", err=True)

        yield report


def _line(progress: "JobProgress") -> str:
    if progress.stage == "looking":
        return "looking at the videos"
    seconds = max(progress.seconds, 1e-6)
    left = "" if progress.left is None else f", {_duration(progress.left)} left"
    return f"{progress.frames / seconds:.1f} frames/s, {progress.point_frames / seconds:,.0f} points·frames/s{left}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _tell_skipped(out: Path, summary: "JobSummary") -> None:
    for path, reason in sorted(summary.skipped.items())[:LISTED]:
        typer.echo(f"skipped {path}: {reason}", err=True)
    if len(summary.skipped) > LISTED:
        typer.echo(f"{len(summary.skipped) - LISTED} more were skipped, see {out / 'skipped.json'}", err=True)


def _result(out: Path, summary: "JobSummary") -> dict[str, object]:
    seconds = max(summary.seconds, 1e-6)
    rates = {
        "frames_per_second": summary.frames / seconds,
        "point_frames_per_second": summary.point_frames / seconds,
    }
    return {"output": str(out), **asdict(summary), **rates}


def _sentence(out: Path, summary: "JobSummary") -> str:
    seconds = max(summary.seconds, 1e-6)
    before = f", {summary.already} were before" if summary.already else ""
    rate = f"; {summary.frames} frames, {summary.frames / seconds:.1f} frames/s, " if summary.labelled else ""
    rate += f"{summary.point_frames / seconds:,.0f} points·frames/s" if summary.labelled else ""
    return f"{out}: {summary.labelled} videos labelled{before}, {len(summary.skipped)} skipped{rate}"
