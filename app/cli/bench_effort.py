"""`trackwright bench effort`: how many clicks a person needs, by a simulated annotator on clips with known truth."""

import json
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tracker.evaluation import LabelledVideo

MADE_CLIPS = 4  # where no data set is given
MADE_SIZE, MADE_FRAMES, MADE_POINTS = (192, 256), 48, 24  # height and width of a made clip


class StrategyName(StrEnum):
    """How a click becomes a path."""

    linear = "linear"
    flow = "flow"
    nearest = "nearest"
    bridge = "bridge"


def effort(
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="npz:FOLDER, tapvid:PATH or dynamic-replica:FOLDER; may be given several times."),
    ] = None,
    synthetic: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"So many clips made for the purpose; default {MADE_CLIPS} without --dataset, else 0."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="A tracker by name or a file; default the window's.")] = None,
    strategy: Annotated[
        list[StrategyName] | None, typer.Option(help="What to compare; default all. May be given several times.")
    ] = None,
    video: Annotated[list[str] | None, typer.Option(help="Only this clip; may be given several times.")] = None,
    frames: Annotated[int, typer.Option(min=2, help="Only the first frames of each clip.")] = 200,
    clicks: Annotated[int, typer.Option(min=1, help="The most clicks on one track.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the unsteady hand.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """How many clicks tracks need until they are right, and what the review queue finds.

    A simulated annotator clicks on each track where it is first seen, then on its worst frame more than 4 px off (of
    256x256), until there is none. Compared are straight lines between clicks (linear), optical flow between clicks
    (flow), the tracker anew from the nearest click (nearest), and the tracker held by clicks on both sides (bridge).
    """
    from tracker.evaluation.effort import EffortSettings, measure_effort
    from tracker.evaluation.effort_report import format_effort
    from tracker.inference import default_tracker, load_tracker

    made = synthetic if synthetic is not None else (0 if dataset else MADE_CLIPS)
    result = measure_effort(
        _clips(dataset or [], frozenset(video or ()), made),
        load_tracker(model or default_tracker().name, "cpu"),
        [one.value for one in strategy or StrategyName],
        EffortSettings(clicks=clicks, frames=frames, seed=seed),
        _tell,
    )
    typer.echo(json.dumps(result) if as_json else format_effort(result))


def _tell(what: str) -> None:
    typer.echo(f"measuring: {what}", err=True)


def _clips(datasets: list[str], names: frozenset[str], made: int) -> "Iterator[LabelledVideo]":
    from tracker.evaluation import open_dataset

    for name in datasets:
        data = open_dataset(name)
        yield from data.videos(names)
        for reason in data.skipped:
            typer.echo(f"left out: {reason}", err=True)
    yield from made_clips(made)


def made_clips(count: int) -> "Iterator[LabelledVideo]":
    """Synthetic clips that no training sees, made one after the other; always the same."""
    from tracker.training.config import RunConfig
    from tracker.training.synthetic import SyntheticClips, SyntheticConfig

    config = SyntheticConfig(size=MADE_SIZE, frames=MADE_FRAMES, points=MADE_POINTS, motion=0.5)
    source = SyntheticClips(config, "cpu", RunConfig().validation_seed)
    for number in range(1, count + 1):
        yield _labelled(f"made {number}", source.sample(1))


def _labelled(name: str, clips: Any) -> "LabelledVideo":
    from tracker.evaluation import LabelledVideo
    from tracker.evaluation.pictures import PictureFrames

    frames = clips.video[0].round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
    tracks, visible, valid = (
        part[0].transpose(0, 1).contiguous().numpy() for part in (clips.tracks, clips.visible, clips.valid)
    )
    size = (frames.shape[2], frames.shape[1])
    opened = partial(PictureFrames, frames.__getitem__, len(frames), size)
    return LabelledVideo(name, tracks, visible, valid, size, opened)
