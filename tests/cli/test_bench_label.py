"""`trackwright bench label`: what one worker takes for a video, by stages."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import app.cli.bench_label
import tracker.evaluation.speed
import tracker.training.label_speed
from app.cli.bench_label import FULL, STAGES
from tests.cli.commandline import run
from tests.small_models import small_model
from tests.training.moving_clips import HEIGHT, WIDTH, pan, write_clip
from tracker.labels.label_file import write_labels
from tracker.labels.native import read_tracks


def test_label_tells_where_the_time_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write_clip(tmp_path / "pan.mkv", pan(1, 16))
    written: list[Any] = []

    def write(path: Path, labels: Any) -> None:
        write_labels(path, labels)
        written.append((path.stat().st_size, read_tracks(path)))

    monkeypatch.setattr(tracker.training.label_speed, "write_labels", write)
    monkeypatch.setattr(tracker.evaluation.speed, "made_up_model", small_model)
    threads = torch.get_num_threads(), cv2.getNumThreads()
    command = ("bench", "label", video, "--teachers", "lucas-kanade", "--points", 8, "--full")
    result = run(*command, "--json")
    assert result.stderr == f"measuring: pan.mkv with lucas-kanade\nmeasuring: pan.mkv with {FULL}\n", result.exception
    rows = json.loads(result.stdout)
    assert [row["teacher"] for row in rows] == ["lucas-kanade", FULL]
    assert (torch.get_num_threads(), cv2.getNumThreads()) == threads
    for row, (size, tracks) in zip(rows, written, strict=True):
        assert (row["width"], row["height"], row["frames"], row["tracks"]) == (WIDTH, HEIGHT, 16, tracks.n_tracks)
        assert row["bytes"] == size
        assert list(row["stages"]) == list(STAGES)
        assert sum(row["stages"].values()) == pytest.approx(row["cpu_seconds"])
        assert min(row["stages"][stage] for stage in STAGES[:-1]) > 0
        assert row["frames_per_second"] * row["seconds"] == pytest.approx(16)
        cells = np.count_nonzero(tracks.state)
        assert row["point_frames_per_cpu_second"] * row["cpu_seconds"] == pytest.approx(cells)
    lines = run(*command).stdout.splitlines()
    assert lines[2].startswith(f"| lucas-kanade | cpu | pan.mkv {WIDTH}x{HEIGHT} | 16 | {rows[0]['tracks']} |")
    assert len({line.count("|") for line in lines}) == 1


def test_label_makes_a_video_where_none_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made: list[tuple[str, int]] = []

    def make(path: Path, frames: int) -> Path:
        made.append((path.name, frames))
        return write_clip(tmp_path / "grey.mkv", [np.full((32, 48, 3), 90, np.uint8)] * frames)

    monkeypatch.setattr(app.cli.bench_label, "_made", make)
    result = run("bench", "label", "--teachers", "lucas-kanade", "--frames", 20)
    assert result.exit_code == 2
    assert "0 of 384 points found" in result.stderr
    assert made == [("made.mp4", 20)]
