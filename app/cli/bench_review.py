"""`trackwright bench review`: how good expected errors are, and how the model that ships was fitted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tracker.files import InputError, atomic_output
from tracker.inference.lucas_kanade import LucasKanade

if TYPE_CHECKING:
    from tracker.evaluation import LabelledVideo
    from tracker.evaluation.error_prior import MeasuredClip

QUEUE = (
    ("clip", "s"),
    ("frames", ",d"),
    ("bad", ",d"),
    ("expected_error", ".0%"),
    ("confidence", ".0%"),
    ("best", ".0%"),
    ("when_right", ".2f"),
)
CALIBRATION = (
    ("from", "g"),
    ("to", "g"),
    ("frames", ",d"),
    ("expected", ".2f"),
    ("median", ".2f"),
    ("mean", ".2f"),
    ("bad", ".0%"),
)


def review(
    dataset: Annotated[
        list[str], typer.Option(help="npz:FOLDER, tapvid:PATH or dynamic-replica:FOLDER; may be given several times.")
    ],
    model: Annotated[
        str | None, typer.Option(help="A network by name or a file, beside Lucas-Kanade; default the window's.")
    ] = None,
    frames: Annotated[int, typer.Option(min=2, help="Only the first frames of each clip.")] = 200,
    write: Annotated[Path | None, typer.Option(help="Write the model of both and all clips to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """How well expected errors tell where tracks are wrong, on clips with known truth.

    Tracks of a network and of Lucas-Kanade are judged by a model of their own each, and each clip by one that was
    fitted to the other clips. Told are what share of all bad frames (more than
    4 px off, of 256x256) lies in the first tenth of the review queue, what is expected of right ones (less than 2 px
    off), and how far off frames are of which a certain error is expected; and all of it once more as if few tracks had
    been clicked on, which have no neighbours to be held against. Those of Lucas-Kanade never are.
    """
    from tracker.evaluation.error_prior import fit_prior, leave_one_out, prior_report, without_neighbours
    from tracker.inference import default_tracker
    from tracker.inference.error_model import ErrorModel

    network = model or default_tracker().name
    if write is not None and network == LucasKanade.name:
        raise InputError(f"{write}: a model is made of runs of a network too; give one with --model")
    clips = {name: _measure(dataset, name, frames) for name in dict.fromkeys((network, LucasKanade.name))}
    # Its own check tells more than neighbours, who are the wrong ones to ask where it lost its points.
    clips[LucasKanade.name] = without_neighbours(clips[LucasKanade.name])
    report = {name: prior_report(measured, leave_one_out(measured)) for name, measured in clips.items()}
    if network != LucasKanade.name:
        few = without_neighbours(clips[network])
        report[network]["few_tracks"] = prior_report(few, leave_one_out(few))
    if write is not None:
        found = ErrorModel(network=fit_prior(clips[network]), lucas_kanade=fit_prior(clips[LucasKanade.name]))
        with atomic_output(write) as path:
            path.write_text(found.to_json(), "utf-8")
    typer.echo(json.dumps(report) if as_json else _format(report))


def _measure(datasets: list[str], name: str, frames: int) -> "dict[str, MeasuredClip]":
    """Every clip with one tracker.

    Raises:
        InputError: there are not two clips.
    """
    from tracker.evaluation.effort import EffortSettings
    from tracker.evaluation.error_prior import measure_clip
    from tracker.inference import load_tracker

    tracker = load_tracker(name, "cpu")
    clips = {}
    for video in _videos(datasets):
        typer.echo(f"measuring: {video.name} with {tracker.name}", err=True)
        clips[video.name] = measure_clip(video, tracker, EffortSettings(frames=frames))
    if len(clips) < 2:
        raise InputError(f"{', '.join(datasets)}: to judge a clip by others at least two are needed")
    return clips


def _videos(datasets: list[str]) -> "Iterator[LabelledVideo]":
    from tracker.evaluation import open_dataset

    for name in datasets:
        data = open_dataset(name)
        yield from data.videos()
        for reason in data.skipped:
            typer.echo(f"left out: {reason}", err=True)


def _format(report: dict[str, Any]) -> str:
    texts = []
    for tracker, whole in report.items():
        parts = [(tracker, whole)]
        if "few_tracks" in whole:
            parts.append((f"{tracker}, as if few tracks had been clicked on", whole["few_tracks"]))
        for title, part in parts:
            texts += [f"{title}: share of the bad frames in the first tenth", _table(part["queue"], QUEUE)]
            texts += [f"{title}: pixels at 256x256", _table(part["calibration"], CALIBRATION)]
    return "\n\n".join(texts)


def _table(rows: list[dict[str, Any]], columns: tuple[tuple[str, str], ...]) -> str:
    texts = [[name.replace("_", " ") for name, _ in columns]]
    texts += [["" if row[name] is None else format(row[name], form) for name, form in columns] for row in rows]
    texts.insert(1, ["---"] * len(columns))
    return "\n".join(f"| {' | '.join(text)} |" for text in texts)
