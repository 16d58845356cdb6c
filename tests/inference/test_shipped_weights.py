"""The weights that come with Trackwright: each can be loaded, says what it is, and has a card that agrees."""

from pathlib import Path

import numpy as np
import pytest

from tests.inference.scenes import panning, track_all
from tracker.checkpoints import load_checkpoint
from tracker.inference import load_tracker, tracker_info, trackers

FOLDER = trackers.WEIGHTS_FOLDER  # before the tests' own takes its place
SHIPPED = sorted(path for path in FOLDER.glob("*") if path.suffix in trackers.WEIGHT_SUFFIXES)
LARGEST = {"trackwright-compact": 20e6}  # bytes; others 60 MB

pytestmark = pytest.mark.skipif(not SHIPPED, reason="no weights come with Trackwright yet")


@pytest.fixture(params=SHIPPED, ids=lambda path: path.stem)
def shipped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(trackers, "WEIGHTS_FOLDER", FOLDER)
    path: Path = request.param
    return path


def test_they_say_what_they_are(shipped: Path) -> None:
    assert shipped.suffix == ".safetensors"
    info, checkpoint = tracker_info(shipped.stem), load_checkpoint(shipped)[1]
    assert info.licence == checkpoint.licence == "Apache-2.0"
    assert info.source
    assert info.maturity in ("experimental", "stable")
    assert info.description != "Weights that come with Trackwright."
    assert info.parameters == checkpoint.parameters
    assert checkpoint.dtype == "float16"
    assert shipped.stat().st_size <= LARGEST.get(shipped.stem, 60e6)


def test_the_card_tells_what_a_card_must(shipped: Path) -> None:
    info = tracker_info(shipped.stem)
    assert info.card is not None
    card = info.card.read_text(encoding="utf-8").lower()
    for word in ("data", "lucas-kanade", "frames/s", "known failures", "apache-2.0", shipped.stem):
        assert word in card
    assert "experimental" in card or not info.experimental


def test_they_follow_a_picture_that_moves(shipped: Path) -> None:
    count = 24
    shifts = np.stack([1.5 * np.arange(count), np.zeros(count)], axis=1)
    tracker = load_tracker(shipped.stem, device="cpu")
    session = tracker.session(160, 120)
    starts = np.array([[0, 50, 40], [0, 70, 60], [0, 90, 80]], np.float32)
    session.add_points(starts, np.arange(3))
    found = track_all(session, panning(shifts), tracker.step_frames)
    errors = np.linalg.norm(found.tracks[-1] - starts[:, 1:] - shifts[-1], axis=1)
    assert np.median(errors) < np.linalg.norm(shifts[-1]) / 3  # not moving would leave all of it
