"""`trackwright doctor` and `models`."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app.cli import doctor
from tests.cli.commandline import refusal, run
from tests.small_models import small_model
from tests.small_teachers import tiny
from tracker.checkpoints import load_checkpoint, save_checkpoint
from tracker.inference import tracker_info


def test_the_doctor_looks_at_everything() -> None:
    result = run("doctor", "--json")
    report = json.loads(result.stdout)
    names = [check["name"] for check in report["checks"]]
    for name in ("python", "torch", "graphics card", "PySide6", "Qt works", "system libraries", "read video"):
        assert name in names
    for name in ("write video", "formats of tracks", "cache folder", "settings folder", "data folder"):
        assert name in names
    assert report["ok"] == all(check["status"] != "fault" for check in report["checks"])
    assert result.exit_code == (0 if report["ok"] else 1)


def test_formats_that_need_a_package_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None if module == "pxr" else module)
    assert doctor._formats() == doctor.Check(
        "formats of tracks", "note", "usd-points need pip install 'trackwright[usd]'"
    )


def test_a_fault_is_told_and_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = [doctor.Check("python", "ok", "3.11"), doctor.Check("torch", "fault", "gone")]
    monkeypatch.setattr(doctor, "run_checks", lambda: checks)
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == ["FAULT torch              gone", "1 faults"]


@pytest.mark.parametrize(
    ("pyside", "python", "fine"),
    [
        ((6, 11, 3), (3, 11), True),
        ((6, 12, 0), (3, 11), False),
        ((6, 13, 1), (3, 11), False),
        ((6, 12, 0), (3, 12), True),
        ((6, 8, 0), (3, 13), True),
    ],
)
def test_the_pyside_that_crashes_old_pythons(pyside: tuple[int, ...], python: tuple[int, ...], fine: bool) -> None:
    assert (doctor.pyside_verdict(pyside, python) == "") == fine


def test_qt_is_tried_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._probe_qt().status == "ok"
    monkeypatch.setattr(doctor, "QT_PROBE", "print(-100)")
    assert doctor._probe_qt().status == ("fault" if doctor.sys.version_info < (3, 12) else "ok")
    monkeypatch.setattr(doctor, "QT_PROBE", "raise ImportError('libGL.so.1: cannot open shared object file')")
    assert doctor._probe_qt() == doctor.Check(
        "Qt works", "fault", "ImportError: libGL.so.1: cannot open shared object file"
    )
    monkeypatch.setattr(doctor, "QT_PROBE", "import os; os.abort()")
    assert doctor._probe_qt().status == "fault"


def test_missing_libraries_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setattr(doctor, "find_library", lambda name: None if name in ("EGL", "xcb-cursor") else name)
    assert doctor._libraries().detail == "for the window: apt install libegl1 libxcb-cursor0"


def test_folders_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor._folder("cache", tmp_path / "new" / "deeper").status == "ok"
    (tmp_path / "file").touch()
    assert doctor._folder("cache", tmp_path / "file" / "deeper").status == "fault"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert doctor._folder("cache", tmp_path).status == "fault"


def test_models_lists_the_trackers() -> None:
    rows = json.loads(run("models", "--json").stdout)
    assert rows == json.loads(run("models", "list", "--json").stdout)
    states = {row["name"]: row["ready"] for row in rows}
    assert states["lucas-kanade"]
    assert "cotracker3-online" in states
    assert "lucas-kanade" in run("models").stdout


def test_models_info_measures_the_speed() -> None:
    report = json.loads(run("models", "info", "lucas-kanade", "--json").stdout)
    assert report["frames_per_second"] > 0
    assert run("models", "info", "lucas-kanade").exit_code == 0
    assert run("models", "info", "oracle").exit_code == 2


def test_models_info_of_a_network_without_weights_tells_where_they_are() -> None:
    report = json.loads(run("models", "info", "bootstapir-online", "--json").stdout)
    assert (report["family"], report["licence"], report["weights"]) == ("tapir", "Apache-2.0", None)
    assert report["published"].endswith("causal_bootstapir_checkpoint.pt")
    assert report["use"] == "--model FILE: your own copy of causal_bootstapir_checkpoint.pt"
    assert report["capabilities"] == {"online": True, "joint": False, "confidence": True, "resolution": [256, 256]}
    lines = dict(line.split(maxsplit=1) for line in run("models", "info", "cotracker2").stdout.splitlines())
    assert (lines["licence"], lines["capabilities"]) == ("CC-BY-NC-4.0", "online, joint, works at 512x384")
    rows = {row["name"]: row for row in json.loads(run("models", "--json").stdout)}
    assert not rows["locotrack-base"]["ready"]
    assert "huggingface.co" in rows["locotrack-base"]["published"]


def test_models_info_of_a_file_of_another_family(tmp_path: Path) -> None:
    path = tmp_path / "cotracker2.pth"
    torch.save(tiny("cotracker2").state_dict(), path)
    report = json.loads(run("models", "info", path, "--json").stdout)
    told = [report[key] for key in ("name", "network", "family", "licence")]
    stated = "CC-BY-NC-4.0 for the released weights; not stated in this file"
    assert told == ["cotracker2 (cotracker2.pth)", "cotracker2", "cotracker2", stated]
    assert report["parameters"] > 0
    assert report["frames_per_second"] > 0


def test_files_that_hold_no_tracker(tmp_path: Path) -> None:
    torch.save({"backbone.weight": torch.zeros(2)}, tmp_path / "other.pth")
    assert "another network (its keys begin with backbone)" in refusal("models", "info", tmp_path / "other.pth")
    (tmp_path / "text.ckpt").write_text("not weights", encoding="utf-8")
    assert "text.ckpt: a text file" in refusal("models", "info", tmp_path / "text.ckpt")


CARD = "# mini\n\nTrained on nothing.\n"


@pytest.fixture
def mini(weights_folder: Path) -> Path:
    """Experimental weights that come with Trackwright, with a card."""
    path = weights_folder / "mini.safetensors"
    save_checkpoint(path, small_model(), {"licence": "CC0-1.0", "description": "Small.", "maturity": "experimental"})
    path.with_suffix(".md").write_text(CARD, encoding="utf-8")
    return path


def test_models_tells_maturity_card_and_default(mini: Path) -> None:
    def rows() -> dict[str, dict[str, object]]:
        return {row["name"]: row for row in json.loads(run("models", "list", "--json").stdout)}

    found = rows()
    assert (found["mini"]["maturity"], found["mini"]["card"]) == ("experimental", str(mini.with_suffix(".md")))
    assert (found["mini"]["licence"], found["mini"]["bytes"]) == ("CC0-1.0", mini.stat().st_size)
    assert [name for name, row in found.items() if row["default"]] == ["lucas-kanade"]
    lines = run("models").stdout.splitlines()
    assert lines[0].split() == ["lucas-kanade", "stable,", "default", "Apache-2.0", "(OpenCV)"]
    assert any(line.split() == ["mini", "experimental", "CC0-1.0"] for line in lines)
    assert any(line.strip() == f"Model card: {mini.with_suffix('.md')}" for line in lines)
    assert run("models", "mark", mini, "-o", mini, "--maturity", "stable").exit_code == 0
    assert [name for name, row in rows().items() if row["default"]] == ["mini"]


def test_models_info_of_installed_weights_and_their_card(mini: Path) -> None:
    report = json.loads(run("models", "info", "mini", "--json").stdout)
    told = [report[key] for key in ("name", "network", "maturity", "licence", "visible_above", "card")]
    assert told == ["mini", "cotracker3-online", "experimental", "CC0-1.0", 0.6, str(mini.with_suffix(".md"))]
    assert run("models", "info", "mini", "--card").stdout == CARD
    assert run("models", "info", mini, "--card").stdout == CARD
    assert refusal("models", "info", "lucas-kanade", "--card") == "lucas-kanade: there is no model card beside it"
    mini.with_suffix(".md").write_bytes(b"\xff\xfe\x00")
    assert "no text" in refusal("models", "info", "mini", "--card")


def test_marking_keeps_the_weights_and_what_was_known(mini: Path, tmp_path: Path) -> None:
    out = tmp_path / "marked.safetensors"
    result = run("models", "mark", mini, "-o", out, "--description", "Better.", "--visible-above", 0.45)
    assert result.exit_code == 0, result.output
    assert "no model card beside it yet (marked.md)" in result.stdout
    info = tracker_info(out)
    assert (info.description, info.licence, info.maturity) == ("Better.", "CC0-1.0", "experimental")
    (before, old), (after, new) = load_checkpoint(mini), load_checkpoint(out)
    assert (new.visible_above, new.config, new.dtype) == (0.45, old.config, old.dtype)
    weights = before.state_dict()
    assert all(torch.equal(weights[key], value) for key, value in after.state_dict().items())


def test_what_cannot_be_marked(mini: Path, tmp_path: Path) -> None:
    assert "marked weights are a .safetensors file" in refusal("models", "mark", mini, "-o", tmp_path / "out.pth")
    assert "there is no such file" in refusal("models", "mark", tmp_path / "no.pth", "-o", tmp_path / "a.safetensors")
    assert run("models", "mark", mini, "-o", mini, "--maturity", "great").exit_code == 2
    assert run("models", "mark", mini, "-o", mini, "--visible-above", 2).exit_code == 2
    assert tracker_info("mini").experimental


def test_the_doctor_tries_the_weights(mini: Path) -> None:
    assert [(check.name, check.status) for check in doctor._trackers()] == [
        ("default tracker", "ok"),
        ("tracker", "ok"),
    ]
    assert "lucas-kanade, needs no weights" in doctor._trackers()[0].detail
    assert "mini (experimental), its weights load" in doctor._trackers()[1].detail
    whole = mini.read_bytes()
    mini.write_bytes(whole[:-100])
    assert [check.status for check in doctor._trackers()] == ["ok", "note"]
    # A header that says stable over weights that are none.
    state = {"weight": torch.zeros(3)}
    save_file(state, mini, metadata={"maturity": "stable"})
    (check,) = doctor._trackers()
    assert (check.name, check.status) == ("default tracker", "fault")
    assert "mini cannot be used" in check.detail
