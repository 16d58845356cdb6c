"""`trackwright track` on picture sequences with holes and looks."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.commandline import points_csv, run
from tests.inference.scenes import panning
from tests.video.plates import write_exr
from tracker.labels import State, read_tracks

FRAMES, HOLES = 10, (3, 4, 7)
SHIFTS = np.stack([0.4 * np.arange(FRAMES), np.zeros(FRAMES)], axis=1)
PRESENT = np.setdiff1d(np.arange(FRAMES), HOLES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plate")
    for index, picture in enumerate(panning(SHIFTS)):
        if index not in HOLES:
            cv2.imwrite(str(folder / f"a.{1001 + index}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


@pytest.mark.parametrize("direction", [(0,), (9, "--backward")])
def test_holes_are_gone_across_and_stay_unlabelled(folder: Path, tmp_path: Path, direction) -> None:
    frame, *more = direction
    points = points_csv(tmp_path / "p.csv", (frame, 70, 60))
    result = run("track", folder, "--points", points, "--model", "lucas-kanade", "-o", tmp_path / "t.npz", *more)
    assert result.exit_code == 0
    assert "3 missing frames left unlabelled (1004, 1005, 1008)" in result.stdout
    tracks = read_tracks(tmp_path / "t.npz")
    assert (tracks.state[0, list(HOLES)] == State.UNLABELLED).all()
    assert np.isnan(tracks.xy[0, list(HOLES)]).all()
    off = tracks.xy[0, PRESENT] - SHIFTS[PRESENT]
    assert np.linalg.norm(off - off[0], axis=1).max() < 0.5


def test_json_counts_them(folder: Path, tmp_path: Path) -> None:
    result = run("track", folder, "--grid", 2, "--model", "lucas-kanade", "-o", tmp_path / "t.npz", "--json")
    assert json.loads(result.stdout)["missing"] == 3


def test_a_point_on_a_missing_frame_is_refused(folder: Path, tmp_path: Path) -> None:
    points = points_csv(tmp_path / "p.csv", (4, 70, 60))
    result = run("track", folder, "--points", points, "--model", "lucas-kanade", "-o", tmp_path / "t.npz")
    assert result.exit_code == 2
    assert "starts on frame 1005, a missing one" in result.stderr
    assert not (tmp_path / "t.npz").exists()


def test_a_dark_plate_is_tracked_once_it_is_raised(tmp_path: Path) -> None:
    """Eight stops down, 8 bits keep nothing of the plate; raised again, it is the plate."""
    for index, picture in enumerate(panning(SHIFTS[:4])):
        light = ((picture / 255) ** 2.2 / 2**14).astype(np.float32)
        write_exr(tmp_path / f"a.{index:04d}.exr", {"RGB": light})
    points = points_csv(tmp_path / "p.csv", (0, 70, 60))
    seen = []
    for arguments in ((), ("--exposure", 14)):
        result = run(
            *("track", tmp_path, "--points", points, "--model", "lucas-kanade", "-o", tmp_path / "t.npz", *arguments)
        )
        assert result.exit_code == 0
        tracks = read_tracks(tmp_path / "t.npz")
        seen.append(np.linalg.norm(tracks.xy[0, 1:] - tracks.xy[0, 0] - SHIFTS[1:4]))
    assert seen[1] < 0.3 < seen[0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--view", "sepia"), "--view sepia: neither display"),
        (("--exposure", "99"), "exposure of 99"),
        (("--view", "none.ocio"), "none.ocio: "),
    ],
)
def test_looks_that_there_are_not(folder: Path, tmp_path: Path, arguments, sentence) -> None:
    result = run("track", folder, "--grid", 2, "--model", "lucas-kanade", "-o", tmp_path / "t.npz", *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
