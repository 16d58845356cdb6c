"""`trackwright finetune` from end to end, and what it refuses."""

import json
from pathlib import Path

import pytest

from tests.cli.commandline import refusal, run
from tests.training.label_sets import label_set, write_base
from tracker.checkpoints import load_checkpoint
from tracker.labels.label_set import Decision, LabelSet

TOML = "[labels]\nsize = [32, 32]\nframes = [6, 6]\npoints = 5\n[synthetic]\nobjects = [1, 1]\n[train]\nlog_every = 1\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with labels of three videos, one of them rejected, a base and a configuration."""
    folder = tmp_path_factory.mktemp("finetune")
    labels = label_set(folder, videos=3, frames=8)
    for name, verdict in zip(labels.names(), ("accepted", "accepted", "rejected"), strict=True):
        labels.decide(Decision("verdict", name, verdict))  # type: ignore[arg-type]
    write_base(folder / "base.safetensors")
    (folder / "small.toml").write_text(TOML)
    return folder


def options(place: Path, out: Path, *more: object) -> tuple[object, ...]:
    given = (place / "labels", "--from", place / "base.safetensors", "-o", out)
    return ("finetune", *given, "--device", "cpu", "--config", place / "small.toml", *more)


def test_a_student_with_its_report_and_a_name(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACKWRIGHT_DATA_HOME", str(tmp_path / "home"))
    held, rejected = LabelSet.open(place / "labels").names()[1:]
    out = tmp_path / "student"
    result = run(*options(place, out, "--steps", 1, "--held", held, "--use", "mine"))
    assert result.exit_code == 0, result.output
    assert f"{out}: finished; 1 steps, 1 clips" in result.stdout
    assert "No better" in result.stdout
    assert f"not used: {rejected}: rejected by a person" in result.stderr
    report = json.loads((out / "report.json").read_text())
    assert [row["video"] for row in report["rows"]] == [held]
    assert report["training"]["held"] == [held]
    assert report["training"]["skipped"] == {rejected: "rejected by a person"}
    text = (out / "report.md").read_text()
    assert "No better" in text
    assert "* licence: CC-BY-NC-4.0" in text
    installed = tmp_path / "home" / "models" / "mine.safetensors"
    assert f"mine: from now on a tracker, {installed}" in result.stdout
    assert load_checkpoint(installed)[1].source == "fine-tuned by trackwright finetune from base"
    assert installed.with_suffix(".md").read_text() == text
    assert "mine" in run("models", "list").stdout
    assert "there is a tracker of this name already" in refusal(*options(place, out, "--use", "Mine"))


def test_without_a_report_and_going_on(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "student"
    first = run(*options(place, out, "--steps", 1, "--no-report", "--held-share", 0, "--stage", "pseudo"))
    assert first.exit_code == 0, first.output
    assert "were not compared" in (out / "report.md").read_text()
    again = run(*options(place, out, "--steps", 2, "--held-share", 0, "--stage", "pseudo", "--resume"))
    assert again.exit_code == 0, again.output
    assert "No video was held back" in again.stdout
    assert f"{out}: finished; 3 steps" in again.stdout  # the first cycle was over: another one


def test_refused(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert "minutes and batch must be more than 0" in refusal(*options(place, out, "--minutes", 0))
    assert "shares of synthetic clips" in refusal(*options(place, out, "--synthetic-share", 1.5))
    assert "nothing was placed or approved by a person" in refusal(*options(place, out, "--trust", "person"))
    assert "there is no label set here" in refusal("finetune", tmp_path, "--from", "x", "-o", out)
    assert "--held nobody: no video" in refusal(*options(place, out, "--held", "nobody"))
    assert "there is no fine-tuning here to go on with" in refusal(*options(place, out, "--resume"))
    LabelSet.create(tmp_path / "empty", {})
    message = refusal("finetune", tmp_path / "empty", "--from", place / "base.safetensors", "-o", out)
    assert message.endswith("empty: the label set is empty")
    assert not out.exists()
