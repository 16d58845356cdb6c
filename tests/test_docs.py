"""What the documents say is what the program does."""

from pathlib import Path

from app.cheat_sheet import GESTURES
from app.settings import Settings
from app.window import MainWindow
from tracker.labels import formats

ROOT = Path(__file__).parents[1]


def test_the_keyboard_page_has_every_key(qtbot) -> None:
    window = MainWindow(Settings())
    qtbot.addWidget(window)
    page = (ROOT / "docs" / "keyboard.md").read_text(encoding="utf-8")
    for action in window.registry:
        if action.keys:
            keys = ", ".join(f"`{key}`" for key in action.keys)
            assert f"| {keys} | {action.text.rstrip('…')} |" in page
    for gesture, does in GESTURES:
        assert f"| {gesture} | {does} |" in page


def test_the_formats_page_says_of_every_format_what_the_program_says() -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    for entry in formats():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{entry.name}` |")]
        for said in (entry.title, entry.convention.pixels, entry.convention.frames, entry.carries, entry.loses):
            assert f" {said} ".replace("|", "\\|") in row.replace(" (extra ", "  (extra ")
        assert entry.untested in page


def test_the_readme_has_its_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for marker in ("<!-- main command -->", "<!-- test command -->"):
        command = readme.split(marker)[1].split("```")[1].strip()
        assert len(command.splitlines()) == 1
