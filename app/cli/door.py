"""Which command a command line means, and how its failures end: one line on stderr and an exit code.

Exit codes: 0 done, 2 wrong usage or bad input, 1 a fault of Trackwright's own, 130 cancelled.
"""

import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from tracker.files import InputError

OPEN = "open"
# typer carries its own copy of click in some versions and does not name this class.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]


class Door(TyperGroup):
    """The first word is a subcommand, else all is for the window. A file named like a subcommand is given as ./NAME."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Send what begins with no subcommand to the hidden one that opens the window."""
        if not args or args[0] not in {*self.commands, "--help", "--version"}:
            args = [OPEN, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; every failure becomes an exit code."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):  # the last: `… | head`, which typer ends quietly
            raise
        except KeyboardInterrupt:
            raise _exit(130, "cancelled, nothing half-written is left") from None
        except InputError as error:
            raise _exit(2, str(error)) from error
        except _USAGE_ERROR as error:
            raise _exit(2, _usage(error)) from error
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            raise _exit(1, f"this is a fault in Trackwright, please report it: {error!r}") from error


def _exit(code: int, message: str) -> typer.Exit:
    typer.echo(f"trackwright: {message}", err=True)
    return typer.Exit(code)


def _usage(error: Any) -> str:
    """The sentence of a usage error, and where help is."""
    command = error.ctx.command_path if getattr(error, "ctx", None) else "trackwright"
    return f"{' '.join(error.format_message().split())} ({command} --help tells more)"
