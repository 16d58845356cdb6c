"""The command line. It imports neither Qt nor torch; what needs the window is handed in by `main`."""

from app.cli.commands import build_app

__all__ = ["build_app"]
