"""`trackwright bench`: that the options arrive. What is measured has tests of its own."""

import json
import os
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

import tracker.evaluation.speed
import tracker.evaluation.tracking_speed
from app.cli import build_app
from tests.cli.commandline import refusal, run


def test_speed_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def measure(*arguments: Any, progress: Any, **named: Any) -> dict[str, Any]:
        asked.append((arguments, named))
        progress("one point")
        return {"rows": []}

    monkeypatch.setattr(tracker.evaluation.speed, "run_speed_bench", measure)
    result = run("bench", "speed", "--points", 1, "--points", 7, "--dtype", "bfloat16", "--no-compare", "--json")
    assert json.loads(result.stdout) == {"rows": []}
    assert result.stderr == "measuring: one point\n"
    run("bench", "speed", "--json")
    assert asked == [
        (([1, 7], "cpu", "bfloat16", False), {"mode": "online", "repeats": 2}),
        (([1, 100, 400], "cpu", "float32", True), {"mode": "online", "repeats": 2}),
    ]


def test_speed_refuses_what_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "--no-compare" in refusal("bench", "speed", "--mode", "offline")
    assert "no graphics card" in refusal("bench", "speed", "--device", "cuda")


def test_speed_measures_named_trackers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    measure = tracker.evaluation.tracking_speed.run_tracker_bench

    def measure_small(trackers: Any, points: Any, **named: Any) -> dict[str, Any]:
        asked.append(([one.name for one in trackers], points, named["repeats"]))
        return measure(trackers, points, size=(96, 64), steps=2, **named)

    monkeypatch.setattr(tracker.evaluation.tracking_speed, "run_tracker_bench", measure_small)
    command = ("bench", "speed", "--model", "lucas-kanade", "--points", 2, "--repeats", 1)
    result = run(*command, "--json")
    assert result.stderr == "measuring: lucas-kanade, 2 points\n"
    (row,) = json.loads(result.stdout)["rows"]
    assert row["frames_per_second"] > 0
    assert "| lucas-kanade | cpu |" in run(*command, "--model", "lucas-kanade").stdout
    assert asked == [(["lucas-kanade"], [2], 1), (["lucas-kanade"] * 2, [2], 1)]
    assert "in float32" in refusal(*command, "--dtype", "bfloat16")
    assert "there is no such tracker" in refusal("bench", "speed", "--model", "oracle")


def test_ui_runs_offscreen_where_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.setenv(name, "")
    seen: list[str] = []

    def measure(_: object) -> tuple[dict[str, object], str]:
        seen.append(os.environ["QT_QPA_PLATFORM"])
        return {}, "a table"

    app = build_app(lambda path, demo: 0, measure)
    assert CliRunner().invoke(app, ["bench", "ui"]).exit_code == 0
    assert seen == ["offscreen"]
