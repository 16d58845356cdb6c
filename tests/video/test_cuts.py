"""Cuts between shots are found; fades, motion and flicker are none."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.video.clips import make_pictures, write_picture
from tracker.files import InputError
from tracker.video import open_source
from tracker.video.cuts import find_shots

DATA = Path(os.environ.get("TRACKWRIGHT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "videos"


def texture(seed: int, brightness: int = 128) -> np.ndarray:
    """A smooth picture of its own for each seed, larger than a frame."""
    noise = np.random.default_rng(seed).normal(0, 1, (12, 20, 3))
    return np.clip(cv2.resize(noise, (240, 140), interpolation=cv2.INTER_CUBIC) * 60 + brightness, 0, 255)


def frames_of(seed: int, count: int, gain: np.ndarray | None = None) -> list[np.ndarray]:
    """A camera that pans over a texture, one pixel a frame."""
    picture = texture(seed)
    gains = np.ones(count) if gain is None else gain
    return [(picture[8:72, k : k + 96] * gains[k]).astype(np.uint8) for k in range(count)]


def shots_of(folder: Path, frames: list[np.ndarray]) -> list[tuple[int, int]]:
    folder.mkdir()
    for number, frame in enumerate(frames):
        write_picture(folder / f"frame_{number:04d}.png", frame)
    with open_source(folder) as source:
        return find_shots(source)


def test_cuts_are_found_where_they_are(tmp_path):
    frames = frames_of(1, 20) + frames_of(2, 14) + frames_of(3, 16)
    assert shots_of(tmp_path / "cut", frames) == [(0, 20), (20, 34), (34, 50)]


def test_a_fade_from_black_and_a_pan_are_no_cuts(tmp_path):
    frames = frames_of(1, 40, np.concatenate([np.zeros(5), np.linspace(0, 1, 20), np.ones(15)]))
    assert shots_of(tmp_path / "fade", frames) == [(0, 40)]


def test_a_short_video_is_one_shot(tmp_path):
    make_pictures(tmp_path / "short", [0])
    with open_source(tmp_path / "short") as source:
        assert find_shots(source) == [(0, 1)]


def test_a_frame_that_cannot_be_decoded_is_named(tmp_path):
    folder = make_pictures(tmp_path / "broken", range(12))
    (folder / "frame_0006.png").write_bytes(b"nothing")
    with open_source(folder) as source, pytest.raises(InputError, match="frame_0006"):
        find_shots(source)


def test_the_detector_loads_without_a_warning_and_without_qt():
    code = "import sys, scenedetect.detectors; assert not any('Qt' in m or 'PySide' in m for m in sys.modules)"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no clips in {DATA}; set TRACKWRIGHT_DATA to their folder")
@pytest.mark.parametrize(
    ("name", "frames", "cuts"), [("bigbuckbunny_720p_30s_cuts.webm", 300, [283]), ("davis_car-roundabout.mp4", 75, [])]
)
def test_real_clips(name, frames, cuts):
    """One that fades in from black, one in which a car drives through the picture and the camera turns with it."""
    with open_source(DATA / name, threads="auto") as source:
        source.frame_count = frames  # the rest would take seconds
        assert find_shots(source) == list(pairwise([0, *cuts, frames]))
