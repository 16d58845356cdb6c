"""`trackwright bench`: that the options arrive. What is measured has tests of its own."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import app.cli.bench_effort
import tracker.evaluation.effort
import tracker.evaluation.speed
import tracker.evaluation.tracking_speed
from app.cli import build_app
from tests.cli.commandline import refusal, run
from tests.evaluation.made import npz_folder
from tracker.evaluation import LabelledVideo
from tracker.evaluation.pictures import PictureFrames


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


def test_effort_hands_its_options_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Any] = []

    def measure(videos: Any, tracker: Any, strategies: Any, settings: Any, progress: Any) -> dict[str, Any]:
        clips = [(video.name, video.visible.shape) for video in videos]
        asked.append((clips, tracker.name, strategies, settings.frames, settings.clicks, settings.seed))
        progress("a clip")
        return {"machine": {}, "settings": {}, "rows": [], "queue": [], "bars": []}

    monkeypatch.setattr(tracker.evaluation.effort, "measure_effort", measure)
    monkeypatch.setattr(app.cli.bench_effort, "made_clips", lambda count: iter(drifting_videos(count)))
    folder = npz_folder(tmp_path)
    command = ("bench", "effort", "--model", "lucas-kanade")
    options = ("--strategy", "bridge", "--strategy", "linear", "--frames", 7, "--clicks", 5, "--seed", 3)
    result = run(*command, "--dataset", f"npz:{folder}", "--synthetic", 1, *options, "--json")
    assert json.loads(result.stdout)["rows"] == []
    assert result.stderr == "measuring: a clip\n"
    assert "| strategy | clip |" in run(*command).stdout
    run(*command, "--dataset", f"npz:{folder}", "--video", "drift")
    every = ["linear", "flow", "nearest", "bridge"]
    made = [(f"made {number}", (2, 9)) for number in range(1, 5)]
    assert asked == [
        ([("drift", (3, 20)), made[0]], "lucas-kanade", ["bridge", "linear"], 7, 5, 3),
        (made, "lucas-kanade", every, 200, 20, 0),
        ([("drift", (3, 20))], "lucas-kanade", every, 200, 20, 0),
    ]
    assert "there is no such tracker" in refusal("bench", "effort", "--model", "oracle")
    assert "there is no such folder" in refusal(*command, "--dataset", f"npz:{tmp_path / 'nowhere'}")


def drifting_videos(count: int) -> list[LabelledVideo]:
    tracks, seen = np.zeros((2, 9, 2), np.float32), np.ones((2, 9), bool)
    opened = partial(PictureFrames, lambda t: np.zeros((8, 8, 3), np.uint8), 9, (8, 8))
    return [LabelledVideo(f"made {k + 1}", tracks, seen, seen, (8, 8), opened) for k in range(count)]


def test_made_clips_are_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.cli.bench_effort, "MADE_SIZE", (32, 48))
    monkeypatch.setattr(app.cli.bench_effort, "MADE_FRAMES", 4)
    first, again = (list(app.cli.bench_effort.made_clips(2)) for _ in range(2))
    assert [video.name for video in first] == ["made 1", "made 2"]
    assert first[0].tracks.shape == (24, 4, 2)
    assert first[0].visible.shape == first[0].labelled.shape == (24, 4)
    assert not np.array_equal(first[0].tracks, first[1].tracks)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.tracks, other.tracks)
        with one.open() as frames, other.open() as same:
            pictures = list(frames.frames(0, 4))
            assert pictures[0].shape == (32, 48, 3)
            assert all(map(np.array_equal, pictures, same.frames(0, 4)))


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
