"""`trackwright models`: which trackers are here."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.places import check_output
from tracker.files import InputError, describe_os_error

if TYPE_CHECKING:
    from tracker.checkpoints import CheckpointInfo
    from tracker.inference.trackers import TrackerInfo


class Maturity(StrEnum):
    """How far weights are to be trusted."""

    experimental = "experimental"
    stable = "stable"


models_app = typer.Typer(invoke_without_command=True, rich_markup_mode=None, help="Which trackers are here.")

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@models_app.callback()
def models(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List the trackers; `info` tells more of one."""
    if ctx.invoked_subcommand is None:
        list_models(as_json)


@models_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the trackers by name."""
    from tracker.inference import available_trackers, default_tracker

    default = default_tracker()
    rows = [_facts(info) | {"ready": info.ready, "default": info == default} for info in available_trackers()]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        state = (row["maturity"] or "ready") if row["ready"] else "needs a weights file"
        state += ", default" if row["default"] else ""
        typer.echo(f"{row['name']:<20} {state:<21} {row['licence']}")
        typer.echo(f"{'':<20} {row['description']}")
        if row["card"]:
            typer.echo(f"{'':<20} Model card: {row['card']}")
    typer.echo("\n`trackwright models info NAME` tells where the authors of a network publish weights.")


def _facts(info: "TrackerInfo") -> dict[str, Any]:
    return {
        "name": info.name,
        "description": info.description,
        "maturity": info.maturity,
        "licence": info.licence,
        "source": info.source,
        "weights": str(info.weights) if info.weights else None,
        "bytes": info.weights.stat().st_size if info.weights else 0,
        "card": str(info.card) if info.card else None,
        "family": info.family or None,
        "network": info.network or None,
        "capabilities": asdict(info.capabilities),
        "published": info.published or None,
    }


@models_app.command("info")
def model_info(
    model: Annotated[str, typer.Argument(help="A tracker's name or a checkpoint file.")],
    as_json: AsJson = False,
    card: Annotated[bool, typer.Option("--card", help="Print the model card instead.")] = False,
) -> None:
    """Tell of one tracker: what it is, what it can do, its licence and size, and its speed here with 100 points.

    Of a network without weights here: where its authors publish them, and under which licence.
    """
    from tracker.inference import tracker_info
    from tracker.models.families import NETWORKS

    info = tracker_info(model)
    if card:
        typer.echo(_card(info))
        return
    network = None if info.ready else NETWORKS.get(info.name)
    use = {"use": f"--model FILE: your own copy of {network.file}"} if network else _measured(model)
    result = _facts(info) | use
    if as_json:
        typer.echo(json.dumps(result))
        return
    for key, value in result.items():
        if value is not None:
            typer.echo(f"{key.replace('_', ' '):<18} {_as_text(value)}")


def _as_text(value: object) -> str:
    """A value of the facts on one line."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if not isinstance(value, dict):
        return str(value)
    can = [name for name, one in value.items() if one is True]
    height, width = value["resolution"] or (None, None)
    return ", ".join([*can, f"works at {width}x{height}"] if width else can) or "not known"


def _measured(model: str) -> dict[str, Any]:
    """What only a loaded tracker tells. Raises InputError where it cannot be loaded."""
    from tracker.evaluation.tracking_speed import SIZE, measure_tracker
    from tracker.inference import load_tracker

    # An offline network runs in this mode only, an online one in both alike.
    tracker = load_tracker(model, mode="offline")
    checkpoint: CheckpointInfo | None = getattr(tracker, "info", None)
    facts = {
        "name": tracker.name,
        "network": checkpoint.name if checkpoint else None,
        "device": tracker.device,
        "parameters": checkpoint.parameters if checkpoint else 0,
        "visible_above": tracker.visible_above,
        "size": f"{SIZE[0]}x{SIZE[1]}",
    }
    return facts | measure_tracker(tracker, steps=2)


def _card(info: "TrackerInfo") -> str:
    if info.card is None:
        raise InputError(f"{info.name}: there is no model card beside it")
    try:
        return info.card.read_text(encoding="utf-8").rstrip()
    except UnicodeDecodeError as error:
        raise InputError(f"{info.card}: this model card is no text") from error
    except OSError as error:
        raise describe_os_error(info.card, error) from error


@models_app.command("mark")
def mark_weights(
    weights: Annotated[Path, typer.Argument(help="A checkpoint file, or the folder of a training.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="The weights file (.safetensors) to write.")],
    description: Annotated[str | None, typer.Option(help="One sentence: what it is, how good it is.")] = None,
    maturity: Annotated[Maturity | None, typer.Option(help="stable may become the default tracker.")] = None,
    licence: Annotated[str | None, typer.Option(help="Of the weights.")] = None,
    source: Annotated[str | None, typer.Option(help="Who or what made them.")] = None,
    visible_above: Annotated[
        float | None, typer.Option(min=0, max=1, help="Visibility times confidence from which on a point is visible.")
    ] = None,
) -> None:
    """Write the same weights with facts about them into the file; what is not given stays as it was."""
    check_output(out)
    if out.suffix != ".safetensors":
        raise InputError(f"{out}: marked weights are a .safetensors file")

    from tracker.checkpoints import copy_checkpoint
    from tracker.inference import tracker_info

    given = {
        "description": description,
        "maturity": maturity.value if maturity else None,
        "licence": licence,
        "source": source,
        "visible_above": None if visible_above is None else str(visible_above),
    }
    copy_checkpoint(weights, out, {name: value for name, value in given.items() if value is not None})
    info = tracker_info(out)
    card = "" if info.card else f"; no model card beside it yet ({out.with_suffix('.md').name})"
    typer.echo(f"{out}: {info.parameters:,} parameters, {out.stat().st_size / 1e6:.1f} MB{card}")
