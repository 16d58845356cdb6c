"""Gaps that cannot be bridged as a whole: across a cut, hidden all through, with directions that come apart."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.inference.scenes import panning, texture
from tests.inference.test_bridge import tracker_of
from tracker.inference.bridge import BridgeRun
from tracker.inference.bridge_cuts import find_cuts
from tracker.inference.bridge_flow import Spans
from tracker.inference.gaps import Bridged, Gap
from tracker.video import VideoWriter, open_source

WIDTH, HEIGHT, COUNT = 160, 96, 24
PLACE = (80.0, 48.0)
STILL = np.zeros((COUNT, 2))


def other_scene(count: int, seed: int) -> np.ndarray:
    picture = 255 - texture(400, seed)[:HEIGHT, :WIDTH]
    picture = np.clip((picture - 128) * 0.4 + 60 * seed, 0, 255)
    return np.repeat(np.repeat(picture.astype(np.uint8)[None, ..., None], 3, axis=3), count, axis=0)


def write(path: Path, frames: np.ndarray) -> Path:
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25)) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def bridge(path: Path, kind: str, last: int = COUNT - 1) -> Bridged:
    with open_source(path) as source:
        gap = Gap(3, (0, *PLACE), (last, *PLACE), 1, last)
        (bridged,) = BridgeRun(source, tracker_of(kind), [gap])
        return bridged


@pytest.mark.parametrize("kind", ["flow", "lucas-kanade"])
def test_what_lies_between_two_cuts_stays_unlabelled(tmp_path, kind) -> None:
    first, last = panning(STILL[:9], WIDTH, HEIGHT), panning(STILL[:9] + 30, WIDTH, HEIGHT)
    clip = write(tmp_path / "cuts.mp4", np.concatenate([first, other_scene(6, 2), last]))
    bridged = bridge(clip, kind)
    (remark,) = bridged.remarks
    assert (remark.id, remark.start, remark.end, remark.reason) == (3, 9, 15, "cut")
    found, low = bridged.prediction, bridged.prediction.first_frame
    assert np.isnan(found.tracks[9 - low : 15 - low]).all()
    assert (found.confidence[9 - low : 15 - low] == 0).all(), "what was there goes"
    for rows in (slice(1 - low, 9 - low), slice(15 - low, 23 - low)):
        np.testing.assert_allclose(found.tracks[rows, 0], np.broadcast_to(PLACE, (8, 2)), atol=0.5)


def test_fast_motion_and_flashes_are_no_cuts() -> None:
    moving = panning(np.stack([9.0 * np.arange(8), np.zeros(8)], axis=1), WIDTH, HEIGHT)
    flash = np.clip(moving[4:5].astype(int) + 90, 0, 255).astype(np.uint8)
    frames = np.concatenate([moving[:4], flash, moving[5:], other_scene(2, 2)])
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    nobody = np.zeros(0, np.int64)
    nowhere = np.zeros((0, 2))
    spans = Spans(range(len(greys)), nobody, nobody, nowhere, nowhere, False, (nobody[None], nowhere[None]))
    assert np.flatnonzero(find_cuts(greys.__getitem__, spans)).tolist() == [7]


def test_a_point_that_is_hidden_all_through_is_not_said_to_be_seen(tmp_path) -> None:
    kind = "lucas-kanade"  # what a network without training finds alike means nothing
    frames = panning(STILL, WIDTH, HEIGHT).copy()
    cover = np.random.default_rng(4).integers(0, 256, (44, 60, 1), dtype=np.uint8)
    for t in range(1, COUNT - 1):
        frames[t, 26:70, 50:110] = np.roll(cover, 7 * t, axis=1)
    bridged = bridge(write(tmp_path / "hidden.mp4", frames), kind)
    assert [remark.reason for remark in bridged.remarks] == ["hidden"]
    assert (bridged.remarks[0].start, bridged.remarks[0].end) == (1, COUNT - 1)
    found = bridged.prediction
    shown = np.nan_to_num(found.visibility * found.confidence)
    assert (shown < tracker_of(kind).visible_above).all()


@pytest.mark.parametrize("kind", ["flow", "lucas-kanade"])
def test_a_point_that_something_passes_over_is_found_again(tmp_path, kind) -> None:
    frames = panning(STILL, WIDTH, HEIGHT).copy()
    noise = np.random.default_rng(4).integers(0, 256, (40, 24), dtype=np.uint8)
    cover = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5))[..., None]
    for t in range(6, 18):
        left = 8 * (t - 6) + 28
        frames[t, 28:68, left : left + 24] = cover
    bridged = bridge(write(tmp_path / "passing.mp4", frames), kind)
    found, low = bridged.prediction, bridged.prediction.first_frame
    hidden = [t for t in range(6, 18) if 8 * (t - 6) + 28 <= 80 < 8 * (t - 6) + 52]
    for t in range(1, COUNT - 1):
        if min(abs(t - h) for h in hidden) > 1:
            np.testing.assert_allclose(found.tracks[t - low, 0], PLACE, atol=1)
    assert bridged.remarks == ()


def test_directions_that_lead_to_different_places_are_told(tmp_path) -> None:
    """The second anchor lies on another thing, which never was where the first one is."""
    clip = write(tmp_path / "still.mp4", panning(STILL, WIDTH, HEIGHT))
    with open_source(clip) as source:
        gap = Gap(3, (0, 60.0, 40.0), (COUNT - 1, 110.0, 60.0), 1, COUNT - 1)
        (bridged,) = BridgeRun(source, tracker_of("lucas-kanade"), [gap])
    assert [remark.reason for remark in bridged.remarks] == ["apart"]
    assert bridged.prediction.disagreement is not None
    assert np.nanmedian(bridged.prediction.disagreement) > 40
