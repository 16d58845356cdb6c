"""`trackwright bench label`: how fast videos are labelled, what the time goes into, and how many bytes come of it."""

import json
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.track import Device
from tracker.inference.lucas_kanade import LucasKanade

if TYPE_CHECKING:
    from tracker.training.teachers import LoadedTeacher

FULL = "cotracker3-online, made-up weights"
STAGES = ("cuts", "queries", "decoding", "tracking", "writing", "rest")
HEAD = ["teacher", "device", "video", "frames", "tracks", "s", "CPU s", *STAGES, "frames/s", "points·frames/s"]


def label(
    videos: Annotated[list[Path] | None, typer.Argument(help="Videos; default a made one of 854x480.")] = None,
    teachers: Annotated[
        str | None,
        typer.Option(help="Trackers by name or file, commas between; default Lucas-Kanade, and the window's."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also CoTracker3 online at full size, with weights that are made up.")
    ] = False,
    points: Annotated[int, typer.Option(min=1, help="Points in each shot.")] = 384,
    frames: Annotated[int, typer.Option(min=16, help="Of the made video.")] = 96,
    device: Annotated[Device, typer.Option(help="Where networks run.")] = Device.cpu,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """How fast one worker of `trackwright pseudo-label` labels a video, each teacher alone.

    A worker computes in one thread. The stages are processor seconds: finding cuts, choosing points, decoding for the
    passes of the tracker, tracking, writing the labels, and what is left. Rates are by processor seconds, on a graphics
    card by the clock. Made-up weights are as fast as trained ones.
    """
    import cv2
    import torch

    from tracker.inference import default_tracker
    from tracker.training.label_speed import measure_labelling
    from tracker.training.pseudo_labels import LabelSettings
    from tracker.training.teachers import load_teachers

    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        names = teachers.split(",") if teachers else list(dict.fromkeys((LucasKanade.name, default_tracker().name)))
        loaded = load_teachers([name.strip() for name in names], device.value)
        loaded += [_full_size(device.value)] if full else []
        settings = LabelSettings(teachers=(), points=points, round_trip=False)
        rows: list[dict[str, Any]] = []
        with TemporaryDirectory() as folder:
            for video in videos or [_made(Path(folder) / "made.mp4", frames)]:
                rows += measure_labelling(video, loaded, settings, _tell)
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])
    typer.echo(json.dumps(rows) if as_json else _table(rows))


def _made(path: Path, frames: int) -> Path:
    from tracker.evaluation.tracking_speed import SIZE, drifting_clip
    from tracker.video import VideoWriter

    with VideoWriter(path, *SIZE, Fraction(25)) as writer:
        for picture in drifting_clip(frames):
            writer.write(picture)
    return path


def _full_size(device: str) -> "LoadedTeacher":
    import torch

    from tracker.evaluation.speed import made_up_model
    from tracker.inference.cotracker import CoTrackerTracker
    from tracker.labels.label_file import Teacher
    from tracker.training.teachers import LoadedTeacher

    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    tracker = CoTrackerTracker(made_up_model().to(chosen), None, allow_untrained=True)
    return LoadedTeacher(Teacher(FULL), tracker)


def _tell(what: str) -> None:
    typer.echo(f"measuring: {what}", err=True)


def _table(rows: list[dict[str, Any]]) -> str:
    texts = [[*HEAD, "MiB"], ["---"] * (len(HEAD) + 1)]
    for row in rows:
        size = f"{row['video']} {row['width']}x{row['height']}"
        per = "per_cpu_second" if row["device"] == "cpu" else "per_second"
        texts.append(
            [row["teacher"], row["device"], size, str(row["frames"]), f"{row['tracks']:,}"]
            + [f"{row[name]:.1f}" for name in ("seconds", "cpu_seconds")]
            + [f"{row['stages'][stage]:.2f}" for stage in STAGES]
            + [f"{row[f'frames_{per}']:.2f}", f"{row[f'point_frames_{per}']:,.0f}"]
            + [f"{row['bytes'] / 2**20:.2f}"]
        )
    return "\n".join(f"| {' | '.join(text)} |" for text in texts)
