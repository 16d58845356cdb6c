"""How much the picture at a track changed since its query: measured where the track is, and only where it was seen."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.inference.scenes import panning
from tests.small_models import small_model
from tracker.inference import appearance
from tracker.inference.appearance import LONGEST_SIDE, MOST_FRAMES, PATCH, PatchChange, correlation, patches
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.run import TrackRun
from tracker.inference.session import Prediction
from tracker.video import VideoWriter, open_source

COUNT = 30
SHIFTS = np.stack([1.3 * np.arange(COUNT), 0.4 * np.arange(COUNT)], axis=1)
Float = NDArray[np.float32]


def predicted(tracks: Any, first: int = 0, ids: Any = None) -> Prediction:
    tracks = np.asarray(tracks, np.float32)
    nothing = np.zeros(tracks.shape[:2], np.float32)
    return Prediction(first, np.arange(tracks.shape[1]) if ids is None else np.array(ids), tracks, nothing, nothing)


def query(*rows: tuple[float, float, float]) -> Float:
    return np.array(rows, np.float32)


def test_patches_are_where_they_should_be():
    rows, columns = np.mgrid[0:40, 0:60]
    grey = (2 * columns + rows).astype(np.uint8)
    found = patches(grey, query((0, 20.25, 12.5))[:, 1:]).reshape(PATCH, PATCH)
    half = PATCH // 2
    want = 2 * (20.25 + np.arange(-half, half + 1)) + (12.5 + np.arange(-half, half + 1))[:, None]
    np.testing.assert_allclose(found, want, atol=0.51)


def test_brightness_and_contrast_are_no_change():
    random = np.random.default_rng(0)
    patch = random.uniform(50, 150, (3, PATCH * PATCH)).astype(np.float32)
    np.testing.assert_allclose(correlation(patch, patch * 1.5 + 20), 1, atol=5e-3)
    np.testing.assert_allclose(correlation(patch, 200 - patch), -1, atol=2e-2)
    other = random.uniform(50, 150, patch.shape).astype(np.float32)
    assert np.abs(correlation(patch, other)).max() < 0.3


@pytest.mark.parametrize("width", [160, 2 * LONGEST_SIDE, 3 * LONGEST_SIDE])
def test_along_the_truth_nothing_changes_and_beside_it_much(width, monkeypatch):
    factor = width / 160
    monkeypatch.setattr(appearance, "LONGEST_SIDE", 160)
    frames = panning(SHIFTS[:6])
    frames = frames.repeat(round(factor), axis=1).repeat(round(factor), axis=2)
    change = PatchChange(frames.shape[2], frames.shape[1])
    start = np.array([[60, 50], [80, 70]], np.float32)
    # The first pixel's centre is (0, 0) at every size.
    right = (start + SHIFTS[:6, None] + 0.5) * round(factor) - 0.5
    queries = np.column_stack([np.zeros(2), right[0]]).astype(np.float32)
    change.add_points(queries, np.array([0, 1]))
    change.see(frames)
    assert np.nanmax(change.of(predicted(right))) < 0.02
    assert change.of(predicted(right + 6 * factor))[3:].min() > 0.2


def test_nothing_is_said_where_nothing_was_seen():
    frames = panning(SHIFTS[:8])
    change = PatchChange(160, 120)
    change.add_points(query((2, 60, 50), (0, -30, 50), (12, 60, 50)), np.array([5, 6, 7]))
    change.see(frames)
    tracks = np.full((10, 4, 2), 60, np.float32)
    tracks[4, 0] = np.nan
    tracks[5, 0] = (159.6, 50)
    found = change.of(predicted(tracks, ids=[5, 6, 7, 8]))
    assert np.isfinite(found[:, 0]).tolist() == [False, False, True, True, False, False, True, True, False, False]
    assert np.isnan(found[:, 1:]).all()  # queried outside the picture, ahead, and never
    change.forget(7)
    assert np.isfinite(change.of(predicted(tracks, ids=[5, 6, 7, 8]))).sum() == 1


def test_a_point_that_is_added_late_or_anew():
    frames = panning(SHIFTS[:8])
    change = PatchChange(160, 120)
    change.see(frames)
    change.add_points(query((3, *(60 + SHIFTS[3]))), np.array([4]))
    tracks = (60 + SHIFTS[:8, None]).astype(np.float32)
    assert np.nanmax(change.of(predicted(tracks, ids=[4]))) < 0.02
    change.add_points(query((4, 90, 30)), np.array([4]))
    again = change.of(predicted(tracks, ids=[4]))
    assert np.isnan(again[:4]).all()
    assert again[4:].min() > 0.1


def test_few_frames_are_held():
    change = PatchChange(160, 120)
    for _ in range(5):
        change.see(panning(SHIFTS))
    assert len(change._frames) == MOST_FRAMES


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("appearance") / "panning.mp4"
    with VideoWriter(path, 160, 120, Fraction(25)) as writer:
        for frame in panning(SHIFTS):
            writer.write(frame)
    return path


def changes(predictions: list[Prediction], name: str = "patch_change") -> Float:
    """(COUNT, 2), the newest values."""
    values = np.full((COUNT, 2), np.nan, np.float32)
    for found in predictions:
        part = getattr(found, name)
        if part is not None:
            values[found.first_frame : found.end_frame, found.ids] = part
    return values


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("tracker", ["lucas-kanade", "online", "offline"])
def test_a_run_tells_of_every_frame_from_the_query_on(clip, tracker, backward):
    ready: Any = LucasKanade()
    if tracker != "lucas-kanade":
        ready = CoTrackerTracker(small_model(tracker), None, allow_untrained=True)
        ready.cache = FeatureCache()
    first = np.array([0, 11]) if not backward else np.array([COUNT - 1, 18])
    places = np.array([60, 50]) + SHIFTS[first]
    with open_source(clip) as source:
        queries = np.column_stack([first, places]).astype(np.float32)
        run = TrackRun(source, ready, queries, np.arange(2), start=0, end=COUNT, backward=backward)
        found = list(run)
    values = changes(found)
    frames = np.arange(COUNT)
    for point, start in enumerate(first.tolist()):
        after = frames <= start if backward else frames >= start
        tracks = np.full((COUNT, 2), np.nan)
        for part in found:
            tracks[part.first_frame : part.end_frame] = part.tracks[:, point]
        after &= (tracks >= 0).all(1) & (tracks <= (159, 119)).all(1)
        np.testing.assert_array_equal(np.isfinite(values[:, point]), after)
        assert values[start, point] < (0.02 if tracker == "lucas-kanade" else 2)
    if tracker == "lucas-kanade":
        assert np.nanmax(values) < 0.1  # it follows the truth


def test_the_value_is_that_of_the_position_given(clip):
    """Two windows look at a frame; each prediction tells of its own position."""
    tracker = CoTrackerTracker(small_model(), None, allow_untrained=True)
    frames = panning(SHIFTS)
    with open_source(clip) as source:
        frames = np.stack(list(source.frames(0, COUNT)))
        found = list(TrackRun(source, tracker, query((0, 60, 50)), np.arange(1), start=0, end=COUNT))
    change = PatchChange(160, 120)
    change.add_points(query((0, 60, 50)), np.arange(1))
    change.see(frames)
    assert len(found) > 2
    for part in found:
        assert part.patch_change is not None
        np.testing.assert_array_equal(part.patch_change, change.of(part))
