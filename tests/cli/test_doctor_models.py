"""`trackwright doctor` and `models`."""

import json
import os
from pathlib import Path

import pytest

from app.cli import doctor
from tests.cli.commandline import run


def test_the_doctor_looks_at_everything() -> None:
    result = run("doctor", "--json")
    report = json.loads(result.stdout)
    names = [check["name"] for check in report["checks"]]
    for name in ("python", "torch", "graphics card", "PySide6", "Qt works", "system libraries", "read video"):
        assert name in names
    for name in ("write video", "cache folder", "settings folder", "data folder"):
        assert name in names
    assert report["ok"] == all(check["status"] != "fault" for check in report["checks"])
    assert result.exit_code == (0 if report["ok"] else 1)


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
