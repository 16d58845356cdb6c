"""All commands in one place: `trackwright --help` in code."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from app.cli.bench import BenchUi, add_bench
from app.cli.compare import compare
from app.cli.contact_sheet import contact_sheet
from app.cli.display import has_display
from app.cli.doctor import doctor
from app.cli.door import OPEN, Door
from app.cli.evaluate import evaluate
from app.cli.export import export
from app.cli.finetune import finetune
from app.cli.import_ import import_
from app.cli.models import models_app
from app.cli.pseudo_label import pseudo_label
from app.cli.render import render
from app.cli.stabilise import stabilise
from app.cli.track import track
from app.cli.train import train
from tracker.files import InputError

USAGE = "[VIDEO | PROJECT | FOLDER-OF-FRAMES | LABEL-SET] | COMMAND …"
HELP = """A workbench for point tracks.

Without a command it opens the window, on a video, a project, a folder of frames or a label set; --demo opens the clip
that ships with it. Exit codes: 0 done, 2 wrong usage or bad input, 1 a fault of ours, 130 cancelled."""

OpenWindow = Callable[[Path | None, bool], int]


def build_app(open_window: OpenWindow, bench_ui: BenchUi) -> typer.Typer:
    """The command line application.

    Args:
        open_window: takes a path or None, and whether to show the demo; gives the exit code.
        bench_ui: measures the window, tells what it does, and gives the figures and a table of them.
    """
    app = typer.Typer(
        cls=Door,
        help=HELP,
        subcommand_metavar=USAGE,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    app.command(OPEN, hidden=True)(_open_command(open_window))
    app.command()(track)
    app.command(name="pseudo-label")(pseudo_label)
    app.command()(train)
    app.command()(finetune)
    app.command()(export)
    app.command("import")(import_)
    app.command()(render)
    app.command()(stabilise)
    app.command(name="contact-sheet")(contact_sheet)
    app.command()(evaluate)
    app.command()(compare)
    app.add_typer(models_app, name="models")
    app.command()(doctor)
    add_bench(app, bench_ui)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(version("trackwright"))
        except PackageNotFoundError:
            typer.echo("not installed, run from a checkout")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """The help text is given in `build_app`."""


def _open_command(open_window: OpenWindow) -> Callable[..., None]:
    def open_(
        path: Annotated[
            Path | None, typer.Argument(help="A video, a project, a folder of frames or a label set.")
        ] = None,
        demo: Annotated[bool, typer.Option("--demo", help="Open the clip that ships with Trackwright.")] = False,
    ) -> None:
        """Open the window."""
        # A sequence may be named by a pattern (shot.####.exr), which is no file.
        if path is not None and not path.exists() and not set(path.name) & {"#", "%"}:
            raise InputError(f"{path}: there is no such file, folder or command, see trackwright --help")
        if not has_display():
            raise InputError(
                "no display: the window cannot open here (DISPLAY and WAYLAND_DISPLAY are not set); "
                "without one, use trackwright track VIDEO --grid 10 -o TRACKS.npz"
            )
        raise typer.Exit(open_window(path, demo))

    return open_
