"""`trackwright bench`: measure this machine."""

import json
from collections.abc import Callable
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


def add_bench(app: typer.Typer, bench_ui: Callable[[], tuple[dict[str, object], str]]) -> None:
    """Add the command group; `bench_ui` measures the window and gives the figures and a table of them."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure the speed on this machine.")

    @group.command()
    def speed(as_json: AsJson = False) -> None:
        """How fast the network is, against its straightforward form."""
        from tracker.evaluation.speed import format_speed_table, run_speed_bench

        result = run_speed_bench()
        typer.echo(json.dumps(result) if as_json else format_speed_table(result))

    @group.command()
    def ui(as_json: AsJson = False) -> None:
        """How fast the window is, on a 1080p clip made for the purpose."""
        result, table = bench_ui()
        typer.echo(json.dumps(result) if as_json else table)

    app.add_typer(group, name="bench")
