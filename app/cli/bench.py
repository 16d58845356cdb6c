"""`trackwright bench`: measure this machine."""

import json
import os
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from app.cli.bench_agreement import agreement
from app.cli.bench_effort import effort
from app.cli.bench_export import export
from app.cli.bench_label import label
from app.cli.bench_review import review
from app.cli.display import has_display
from tracker.files import InputError

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
DEFAULT_POINTS = [1, 100, 400]
BenchUi = Callable[[Callable[[str], None]], tuple[dict[str, object], str]]


class Device(StrEnum):
    """Where to measure."""

    cpu = "cpu"
    cuda = "cuda"


class Dtype(StrEnum):
    """Numbers to measure with."""

    float32 = "float32"
    bfloat16 = "bfloat16"


class Mode(StrEnum):
    """Window by window, or a whole clip."""

    online = "online"
    offline = "offline"


def add_bench(app: typer.Typer, bench_ui: BenchUi) -> None:
    """Add the command group; `bench_ui` measures the window, tells what it does, and gives figures and a table."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure this machine, and the trackers.")
    group.command("speed")(_speed)
    group.command()(effort)
    group.command()(review)
    group.command()(export)
    group.command()(agreement)
    group.command()(label)

    @group.command()
    def ui(as_json: AsJson = False) -> None:
        """How fast the window is, on a 1080p clip made for the purpose; offscreen where there is no screen."""
        if not has_display():
            os.environ["QT_QPA_PLATFORM"] = "offscreen"
        result, table = bench_ui(_tell)
        typer.echo(json.dumps(result) if as_json else table)

    app.add_typer(group, name="bench")


def _speed(
    points: Annotated[
        list[int], typer.Option(min=1, help="How many points; may be given several times.")
    ] = DEFAULT_POINTS,
    device: Annotated[Device, typer.Option(help="Where to measure.")] = Device.cpu,
    dtype: Annotated[Dtype, typer.Option(help="Numbers to measure with.")] = Dtype.float32,
    mode: Annotated[
        Mode | None, typer.Option(help="Window by window, or a whole clip; default online, or as suits the --model.")
    ] = None,
    compare: Annotated[bool, typer.Option(help="Measure the straightforward form too (float32, online).")] = True,
    repeats: Annotated[int, typer.Option(min=1, help="Runs, of which the fastest counts.")] = 2,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A tracker by name or a file, to be measured end to end; may be given several times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """How fast the full-size CoTracker3 is, and how much faster than its straightforward form.

    With --model: how fast trackers are end to end, in frames a second of a made clip of 854x480, and again where the
    features of its frames are kept from before.
    """
    if model:
        if dtype is not Dtype.float32:
            raise InputError(f"--dtype {dtype}: a --model is measured as the window runs it, in float32")
        _speed_of_trackers(model, points, device, mode, repeats, as_json)
        return
    mode = mode or Mode.online
    if compare and (dtype, mode) != (Dtype.float32, Mode.online):
        raise InputError("the straightforward form is float32 and online: give --no-compare with other settings")

    import torch

    from tracker.evaluation.speed import format_speed_table, run_speed_bench

    if device is Device.cuda and not torch.cuda.is_available():
        raise InputError("cuda: no graphics card that PyTorch can use was found")
    result = run_speed_bench(
        points, device.value, dtype.value, compare, mode=mode.value, repeats=repeats, progress=_tell
    )
    typer.echo(json.dumps(result) if as_json else format_speed_table(result))


def _speed_of_trackers(
    names: list[str], points: list[int], device: Device, mode: Mode | None, repeats: int, as_json: bool
) -> None:
    from tracker.evaluation.speed import format_speed_table
    from tracker.evaluation.tracking_speed import COLUMNS, run_tracker_bench
    from tracker.inference import load_tracker

    trackers = [load_tracker(name, device.value, mode.value if mode else "auto") for name in names]
    result = run_tracker_bench(trackers, points, repeats=repeats, progress=_tell)
    typer.echo(json.dumps(result) if as_json else format_speed_table(result, COLUMNS))


def _tell(what: str) -> None:
    typer.echo(f"measuring: {what}", err=True)
