"""`trackwright train`: train a network on clips with known tracks."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.track import Device
from tracker.files import InputError

if TYPE_CHECKING:
    from tracker.models.cotracker3 import CoTracker3
    from tracker.training.config import TrainingConfig
    from tracker.training.loop import Hooks, Trainer
    from tracker.training.progress import Progress, Summary
    from tracker.training.state import Output, Start

    Score = Callable[[CoTracker3], dict[str, float]]

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
    with joined_group(device) as group, _stop_signals() as should_stop:
        if group.leads:
            run.results.prepare(run.resume)
        score = validation(config, run.validate) if group.leads and config.train.validate_every else None
        shown = _hooks(score, should_stop, group.leads)
        own_seed = seed + SEEDS_APART * group.rank
        with opened_source(config.data, group.device, own_seed) as source, shown as hooks:
            left = None if run.deadline is None else max(0.001, run.deadline - time.monotonic())
            limits = Limits(run.last_step, left)
            trainer = Trainer(
                config, source, run.results, facts=facts, start=start, limits=limits, group=group, hooks=hooks
            )
            if group.leads:
                _tell_start(start, trainer)
            summary = _guarded(trainer.run)
        if group.leads:
            typer.echo(_sentence(run.results.folder, summary))
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


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
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
def _hooks(score: "Score | None", should_stop: Callable[[], bool], leads: bool) -> Iterator["Hooks"]:
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


def _tell_start(start: "Start | None", trainer: "Trainer") -> None:
    if start is not None:
        afresh = "weights alone, the optimiser starts afresh"
        what = afresh if start.state is None else f"going on after step {trainer.step_number}"
        typer.echo(f"{start.path}: {what}", err=True)
    for note in trainer.notes:
        typer.echo(note, err=True)


def _guarded(run: Callable[[], "Summary"]) -> "Summary":
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


def _sentence(folder: Path, summary: "Summary") -> str:
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
