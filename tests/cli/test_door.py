"""Which command a command line means, how it ends, and what it does not import."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import build_app
from tests.cli.commandline import run
from tests.video.clips import make_clip

ROOT = Path(__file__).parents[2]
NO_DISPLAY = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}


class Window:
    """Stands where the window would be, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Path | None, bool]] = []

    def open(self, path: Path | None, demo: bool) -> int:
        self.asked.append((path, demo))
        return 0

    def bench(self, tell: Callable[[str], None]) -> tuple[dict[str, object], str]:
        tell("it")
        return {"rows": []}, "a table"

    def run(self, *arguments: object) -> Result:
        app = build_app(self.open, self.bench)
        return CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="trackwright")


def test_what_is_no_command_is_for_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("clip.mp4", "track", "trackwright.trackwright"):
        (tmp_path / name).touch()
    window = Window()
    for arguments in ((), ("--demo",), ("clip.mp4",), ("./track",), (tmp_path,), ("shot.%04d.exr",)):
        assert window.run(*arguments).exit_code == 0
    assert window.asked == [
        (None, False),
        (None, True),
        (Path("clip.mp4"), False),
        (Path("track"), False),
        (tmp_path, False),
        (Path("shot.%04d.exr"), False),
    ]


def test_a_command_wins_over_a_file_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doctor").touch()
    window = Window()
    result = window.run("bench", "ui")
    assert (result.stdout, result.stderr) == ("a table\n", "measuring: it\n")
    assert window.run("bench", "ui", "--json").stdout == '{"rows": []}\n'
    assert "Tell what is installed" in window.run("doctor", "--help").stdout
    assert window.asked == []


def test_a_mistyped_command_is_named() -> None:
    window = Window()
    result = window.run("trakc", "clip.mp4")
    assert result.exit_code == 2
    assert window.run("trakc").stderr == (
        "trackwright: trakc: there is no such file, folder or command, see trackwright --help\n"
    )
    assert window.asked == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_no_display_names_the_headless_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    window = Window()
    for arguments in ((), ("--demo",)):
        result = window.run(*arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith("trackwright: no display")
        assert "trackwright track VIDEO" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert window.asked == []


def test_help_tells_the_commands() -> None:
    text = run("--help").stdout
    for command in ("track", "export", "render", "models", "doctor", "bench"):
        assert f"\n  {command} " in text
    assert "\n  open " not in text


def test_the_script_without_a_display() -> None:
    process = subprocess.run(
        [sys.executable, ROOT / "main.py"], capture_output=True, text=True, check=False, env=NO_DISPLAY
    )
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("trackwright: no display")


EVERYTHING = (
    "app.cli.track, app.cli.points, app.cli.export, app.cli.import_, app.exporting, app.rendering.render, "
    "app.rendering.contact_sheet, app.document.runs, tracker.labels, tracker.inference.run"
)


@pytest.mark.parametrize("module", ["app.cli", "main", EVERYTHING])
def test_the_command_line_imports_neither_qt_nor_torch(module: str) -> None:
    code = f"import sys, {module}; print(sorted(sys.modules.keys() & {{'PySide6', 'torch', 'pyqtgraph', 'qtpy'}}))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert process.stdout == "[]\n"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal that a program can hold")
def test_control_c_ends_a_render_that_shows_its_progress(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 400)
    assert run("track", clip, "--grid", 2, "-o", tmp_path / "t.npz").exit_code == 0
    out = tmp_path / "out" / "r.mp4"
    out.parent.mkdir()
    out.write_bytes(b"precious")
    terminal, other_end = pty.openpty()
    command = [sys.executable, str(ROOT / "main.py"), "render", str(clip), str(tmp_path / "t.npz"), "-o", str(out)]
    environment = NO_DISPLAY | {"TERM": "xterm"}
    # A shell that runs the tests in the background makes them, and what they start, deaf to SIGINT.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, stderr=other_end, stdout=subprocess.PIPE, env=environment, preexec_fn=listen
    ) as process:
        os.close(other_end)
        seen = b""
        while b"Rendering" not in seen:
            seen += os.read(terminal, 1024)
        process.send_signal(signal.SIGINT)
        try:
            while rest := os.read(terminal, 1024):
                seen += rest
        except OSError:  # how Linux says that nobody holds the other end any more
            pass
        os.close(terminal)
        assert process.wait() == 130
    assert b"cancelled" in seen
    assert out.read_bytes() == b"precious"
    assert list(out.parent.iterdir()) == [out]
