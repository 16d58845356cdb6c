"""`trackwright finetune`: train a student on label sets, and say whether it became better."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.track import Device
from app.cli.training_run import ending, shown_hooks, stop_signals, within_memory
from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.training.finetune import Finetuned, FinetuneSettings


class Stage(StrEnum):
    """What the labels are."""

    pseudo = "pseudo"
    corrected = "corrected"


class Trusted(StrEnum):
    """Which cells count."""

    person = "person"
    accepted = "accepted"
    all = "all"


def finetune(
    labels: Annotated[list[Path], typer.Argument(help="Label sets: folders that pseudo-label or the window made.")],
    base: Annotated[str, typer.Option("--from", help="What to go on from: a tracker's name or a weights file.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the student and the report.")],
    stage: Annotated[
        Stage, typer.Option(help="pseudo: labels of trackers, positions alone are learned; corrected: people's too.")
    ] = Stage.corrected,
    held: Annotated[list[str] | None, typer.Option(help="A video to keep for the comparison, by its name.")] = None,
    held_share: Annotated[float, typer.Option(help="Or so many of the videos, drawn by chance.")] = 0.2,
    minutes: Annotated[float | None, typer.Option(help="Train so long; the learning rate ends with it.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Or so many steps.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Clips of a step, of all processes together.")] = None,
    synthetic_share: Annotated[float, typer.Option(help="Of the clips, against forgetting.")] = 0.25,
    textures: Annotated[list[Path] | None, typer.Option(help="A folder of pictures for synthetic clips.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with other values, see docs/fine-tuning.md.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from what is in the output folder.")] = False,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.auto,
    seed: Annotated[int, typer.Option(min=0, help="Of clips and of the videos held back.")] = 0,
    trust: Annotated[
        Trusted | None, typer.Option(help="Which cells count; by default all in stage pseudo, else accepted ones.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Of your videos and corrections, where others should know.")] = "",
    no_report: Annotated[bool, typer.Option("--no-report", help="Do not compare at the end.")] = False,
    use: Annotated[str | None, typer.Option(help="Keep the student under this name, for all commands.")] = None,
) -> None:
    """Train a network further on label sets. Ctrl-C ends it after the step, with all saved.

    On several devices: torchrun --nproc-per-node 8 -m main finetune …
    """
    if use is not None:
        _check_free(use)

    from tracker.training.distributed import joined_group
    from tracker.training.finetune import FinetuneSettings
    from tracker.training.finetune import finetune as train

    settings = FinetuneSettings(
        stage.value,
        trust.value if trust is not None else None,
        steps,
        minutes,
        batch,
        synthetic_share,
        tuple(map(str, textures or ())),
        tuple(held or ()),
        held_share,
        seed,
        licence,
        config,
    )
    with joined_group(device.value) as group, stop_signals() as should_stop:
        with shown_hooks(None, should_stop, group.leads) as hooks:
            result = within_memory(
                lambda: train(settings, labels, base, output, resume=resume, hooks=hooks, group=group)
            )
        leads = group.leads
    if leads:
        _finish(settings, result, output, device.value, None if no_report else labels, use)
    if result.summary.reason == "stopped":
        raise typer.Exit(130)


def _check_free(name: str) -> None:
    """Raise InputError where a tracker has the name: before an hour of training, not after it."""
    from tracker.inference.trackers import available_trackers

    if name.lower() in (info.name.lower() for info in available_trackers() if info.ready):
        raise InputError(f"--use {name}: there is a tracker of this name already")


def _finish(
    settings: "FinetuneSettings",
    result: "Finetuned",
    output: Path,
    device: str,
    compare: list[Path] | None,
    use: str | None,
) -> None:
    """Say how it ended, compare, and keep the student under its name."""
    from app.finetune_report import write_report

    typer.echo(ending(output, result.summary))
    for name, reason in result.skipped.items():
        typer.echo(f"not used: {name}: {reason}", err=True)
    if result.summary.reason == "stopped":
        return
    report = write_report(settings, result, output, compare, device, lambda line: typer.echo(line, err=True))
    if compare is not None:
        typer.echo(report.shown)
    if use is not None:
        from tracker.inference.trackers import install_tracker

        installed = install_tracker(result.weights, use, report.text)
        typer.echo(f"{installed.name}: from now on a tracker, {installed.weights}")
