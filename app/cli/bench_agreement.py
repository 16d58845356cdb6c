"""`trackwright bench agreement`: whether disagreement of trackers tells where labels are wrong."""

import json
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from app.cli.bench_effort import made_clips
from tracker.files import InputError
from tracker.inference.lucas_kanade import LucasKanade

if TYPE_CHECKING:
    from tracker.evaluation import LabelledVideo
    from tracker.evaluation.agreement_signal import ClipOpinions, Label

MADE_CLIPS = 8


def agreement(
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="npz:FOLDER, tapvid:PATH or dynamic-replica:FOLDER; may be given several times."),
    ] = None,
    synthetic: Annotated[int, typer.Option(min=0, help="So many clips made for the purpose.")] = MADE_CLIPS,
    teachers: Annotated[
        str | None,
        typer.Option(help="Trackers by name or file, commas between; default the window's and Lucas-Kanade."),
    ] = None,
    video: Annotated[list[str] | None, typer.Option(help="Only this clip; may be given several times.")] = None,
    frames: Annotated[int, typer.Option(min=2, help="Only the first frames of each clip.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """How well the disagreement of trackers tells where their label is wrong, on clips with known truth.

    Each point is asked for from its first visible frame, and its label made as a labelling job makes it. Told is, for
    each way to doubt a label, the area under the ROC curve for "more than 4 px off at 256x256" in percent: how often a
    bad cell is doubted more than a good one. 50 is chance.
    """
    from tracker.evaluation.agreement_signal import format_agreement, measure_agreement
    from tracker.inference import default_tracker, load_tracker

    names = teachers.split(",") if teachers else list(dict.fromkeys((default_tracker().name, LucasKanade.name)))
    if len(names) < 2:
        raise InputError(f"{names[0]}: to disagree takes two; name further trackers with --teachers")
    loaded = [load_tracker(name.strip(), "cpu") for name in names]
    clips = _clips(dataset or [], frozenset(video or ()), synthetic, frames)
    result = measure_agreement(clips, loaded, _as_labelled, _tell)
    typer.echo(json.dumps(result) if as_json else format_agreement(result))


def _as_labelled(said: "ClipOpinions") -> "Label":
    """What a labelling job makes of the opinions, and how that is doubted."""
    from tracker.evaluation.agreement_signal import Label
    from tracker.labels.doubt import doubt
    from tracker.labels.native import TrackFile
    from tracker.training.agreement import agree

    agreed = agree(said.xy, said.visible, said.certainty)
    count, length = agreed.visible.shape
    tracks = TrackFile.empty(count, np.arange(length), Fraction(1, 25), said.size_wh)
    tracks.disagreement, tracks.confidence = agreed.disagreement, agreed.certainty
    tracks.visibility[:] = 1  # is in the certainty already
    return Label(agreed.xy, doubt(tracks))


def _clips(datasets: list[str], names: frozenset[str], made: int, frames: int) -> "Iterator[tuple[str, LabelledVideo]]":
    from tracker.evaluation import open_dataset

    for clip in made_clips(made):
        if not names or clip.name in names:
            yield "made", clip.first_frames(frames)
    for name in datasets:
        data = open_dataset(name)
        for clip in data.videos(names):
            yield "real", clip.first_frames(frames)
        for reason in data.skipped:
            typer.echo(f"left out: {reason}", err=True)


def _tell(what: str) -> None:
    typer.echo(f"measuring: {what}", err=True)
