"""`trackwright models`: which trackers are here."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tracker.checkpoints import CheckpointInfo
    from tracker.inference.session import Tracker

models_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, help="Which trackers are here.")

SPEED_FRAMES, SPEED_POINTS, SPEED_SIZE = 16, 100, (512, 384)

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@models_app.callback()
def models(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the trackers; `info` tells more of one."""
    if ctx.invoked_subcommand is None:
        list_models(as_json)


@models_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the trackers by name."""
    from tracker.inference import available_trackers

    rows = [
        {
            "name": info.name,
            "ready": info.ready,
            "weights": str(info.weights) if info.weights else None,
            "bytes": info.weights.stat().st_size if info.weights else 0,
            "licence": info.licence,
            "description": info.description,
        }
        for info in available_trackers()
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        state = "ready" if row["ready"] else "needs a weights file"
        typer.echo(f"{row['name']:<20} {state:<21} {row['licence']}")
        typer.echo(f"{'':<20} {row['description']}")


@models_app.command("info")
def model_info(
    model: Annotated[str, typer.Argument(help="A tracker's name or a checkpoint file.")], as_json: AsJson = False
) -> None:
    """Tell of one tracker: what it is, its size, and its speed on this machine, with 100 points."""
    from tracker.inference import available_trackers, load_tracker

    known = {info.name: info for info in available_trackers()}.get(model)
    # An offline network runs in this mode only, an online one in both alike.
    tracker = load_tracker(model, mode="offline")
    checkpoint: CheckpointInfo | None = getattr(tracker, "info", None)
    licence = (checkpoint.licence if checkpoint else None) or (known.licence if known else None)
    weights = known.weights if known else Path(model)
    result = {
        "name": tracker.name,
        "device": tracker.device,
        "weights": str(weights) if weights else None,
        "bytes": weights.stat().st_size if weights else 0,
        "parameters": checkpoint.parameters if checkpoint else 0,
        "licence": licence or "not recorded in the file",
        "points": SPEED_POINTS,
        "size": f"{SPEED_SIZE[0]}x{SPEED_SIZE[1]}",
        "frames_per_second": measure_speed(tracker),
    }
    if as_json:
        typer.echo(json.dumps(result))
        return
    for key, value in result.items():
        typer.echo(f"{key.replace('_', ' '):<18} {f'{value:.1f}' if isinstance(value, float) else value}")


def measure_speed(tracker: "Tracker") -> float:
    """Frames per second of a short run on a made picture that drifts."""
    import numpy as np

    width, height = SPEED_SIZE
    big = np.random.default_rng(0).integers(0, 255, (height + SPEED_FRAMES, width + SPEED_FRAMES, 3), dtype=np.uint8)
    frames = np.stack([big[k : k + height, k : k + width] for k in range(SPEED_FRAMES)])
    x, y = np.meshgrid(np.linspace(50, width - 50, 10), np.linspace(50, height - 50, SPEED_POINTS // 10))
    queries = np.column_stack([np.zeros(SPEED_POINTS), x.ravel(), y.ravel()]).astype(np.float32)
    session = tracker.session(width, height)
    session.add_points(queries, np.arange(SPEED_POINTS))
    began = time.perf_counter()
    for start in range(0, SPEED_FRAMES, tracker.step_frames):
        session.step(frames[start : start + tracker.step_frames])
    session.finish()
    return SPEED_FRAMES / (time.perf_counter() - began)
