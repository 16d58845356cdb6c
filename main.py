"""The door of Trackwright: without a subcommand it opens the window, with one it runs without a screen."""

from collections.abc import Callable
from pathlib import Path

from app.cli import build_app


def _open_window(path: Path | None, demo: bool) -> int:
    from app.window import open_window

    return open_window(path, demo)


def _bench_ui(tell: Callable[[str], None]) -> tuple[dict[str, object], str]:
    from app.bench_ui import format_ui_table, run_ui_bench

    result = run_ui_bench(tell)
    return result, format_ui_table(result)


app = build_app(_open_window, _bench_ui)


def main() -> None:
    """The console script `trackwright`."""
    app(prog_name="trackwright")


if __name__ == "__main__":
    main()
