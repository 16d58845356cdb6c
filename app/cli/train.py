"""`trackwright train`: train a network on clips with known tracks."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.track import Device
from app.cli.training_run import ending, shown_hooks, stop_signals, within_memory
from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.training.config import TrainingConfig
    from tracker.training.loop import Trainer
    from tracker.training.progress import Summary
    from tracker.training.state import Output, Start

NAMED = "training"  # folder of the configurations that ship, in resources
SOURCE = "trained by trackwright train"
SEEDS_APART = 10_007  # between the clips of one process and the next


def train(
    config: Annotated[str, typer.Option(help="A configuration by name (compact, full-online, …) or a TOML file.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The folder for weights and state.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Train so long; the learning rate ends with it.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after this step; the schedule stays.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on from a training's folder, or from weights.")] = None,
    textures: Annotated[list[Path] | None, typer.Option(help="A folder of pictures for synthetic clips.")] = None,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.auto,
    shard_mib: Annotated[int | None, typer.Option(min=1, help="Weights in files of at most so many MiB.")] = None,
    no_optimiser_state: Annotated[
        bool, typer.Option("--no-optimiser-state", help="Keep the weights only; resuming is then not exact.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights and clips; default the configuration's.")] = None,
    validate: Annotated[
        list[str] | None, typer.Option(help="npz:FOLDER of clips with ground truth, besides held synthetic clips.")
    ] = None,
) -> None:
    """Train a network. Ctrl-C ends it after the step, with all saved.

    On several graphics cards: torchrun --nproc-per-node 8 -m main train …
    """
    began = time.monotonic()
    if minutes is not None and minutes <= 0:
        raise InputError(f"--minutes {minutes}: must be more than 0")

    from tracker.training.state import Output, read_start

    path = find_config(config)
    chosen = _changed(_read(path), seed, textures or [])
    if validate and not chosen.train.validate_every:
        raise InputError(f"--validate {validate[0]}: the configuration never validates, its validate_every is 0")
    start = read_start(resume, chosen.model) if resume is not None else None
    folder = output or (resume if resume is not None and resume.is_dir() else Path(f"training-{path.stem}"))
    results = Output(folder, shard_mib, not no_optimiser_state)
    deadline = None if minutes is None else began + 60 * minutes
    run = Run(chosen, results, resume, start, steps, deadline, validate or [])
    if _train(run, device.value).reason == "stopped":
        raise typer.Exit(130)


@dataclass(frozen=True)
class Run:
    """What the command line asks for."""

    config: "TrainingConfig"
    results: "Output"
    resume: Path | None
    start: "Start | None"
    last_step: int | None
    deadline: float | None  # on the clock of `time.monotonic`
    validate: list[str]


def _train(run: Run, device: str) -> "Summary":
    from app.cli.validation import validation
    from tracker.training.distributed import joined_group
    from tracker.training.loop import Limits, Trainer
    from tracker.training.sources import describe_data, opened_source

    config, start = run.config, run.start
    facts = {"licence": config.train.licence, "source": SOURCE, "data": describe_data(config.data)}
    # A state brings its own place in the clips; where it cannot be taken up, they are others than at the beginning.
    seed = config.train.seed + (start.state["step"] if start is not None and start.state is not None else 0)
    with joined_group(device) as group, stop_signals() as should_stop:
        if group.leads:
            run.results.prepare(run.resume)
        score = validation(config, run.validate) if group.leads and config.train.validate_every else None
        shown = shown_hooks(score, should_stop, group.leads)
        own_seed = seed + SEEDS_APART * group.rank
        with opened_source(config.data, group.device, own_seed) as source, shown as hooks:
            left = None if run.deadline is None else max(0.001, run.deadline - time.monotonic())
            limits = Limits(run.last_step, left)
            trainer = Trainer(
                config, source, run.results, facts=facts, start=start, limits=limits, group=group, hooks=hooks
            )
            if group.leads:
                _tell_start(start, trainer)
            summary = within_memory(trainer.run)
        if group.leads:
            typer.echo(ending(run.results.folder, summary))
    return summary


def find_config(name_or_file: str) -> Path:
    """The file of a configuration that ships, or the one given.

    Raises:
        InputError: there is neither.
    """
    from resources import resource

    given = Path(name_or_file)
    shipped = resource(NAMED) / f"{name_or_file}.toml"
    if given.is_file() or given.suffix:
        return given
    if given.name == name_or_file and shipped.is_file():
        return shipped
    names = ", ".join(sorted(path.stem for path in resource(NAMED).glob("*.toml")))
    raise InputError(f"{name_or_file}: there is no such configuration or file; there are {names}, or a TOML file")


def _read(path: Path) -> "TrainingConfig":
    from tracker.training.config import read_training_config

    return read_training_config(path)


def _changed(config: "TrainingConfig", seed: int | None, textures: list[Path]) -> "TrainingConfig":
    if textures:
        if config.data.kind != "synthetic":
            raise InputError(f"--textures go with synthetic clips, the configuration has kind = {config.data.kind!r}")
        synthetic = replace(config.data.synthetic, textures=tuple(map(str, textures)))
        config = replace(config, data=replace(config.data, synthetic=synthetic))
    return config if seed is None else replace(config, train=replace(config.train, seed=seed))


def _tell_start(start: "Start | None", trainer: "Trainer") -> None:
    if start is not None:
        afresh = "weights alone, the optimiser starts afresh"
        what = afresh if start.state is None else f"going on after step {trainer.step_number}"
        typer.echo(f"{start.path}: {what}", err=True)
    for note in trainer.notes:
        typer.echo(note, err=True)
