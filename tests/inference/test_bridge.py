"""Bridges over decoded clips whose motion is known: both ends met, nothing decoded twice, bad input refused."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.inference.scenes import panning
from tests.inference.test_supply import Spy, encoder_calls
from tests.small_models import small_model
from tracker.files import InputError
from tracker.inference.bridge import Bridged, BridgeRun, Gap
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.session import Prediction, Tracker
from tracker.video import FrameSource, VideoWriter, open_source

COUNT, WIDTH, HEIGHT = 34, 160, 96
# There and back again, so that the way is no straight line between any two frames.
SHIFTS = np.stack([14 * np.sin(np.arange(COUNT) / 5), 6 * np.cos(np.arange(COUNT) / 7)], axis=1)
PLACE = np.array([76.0, 44.0])
TRUTH = PLACE + SHIFTS - SHIFTS[0]
NETWORKS: dict[str, dict[str, Any]] = {
    "online": {},
    "offline": {"kind": "offline"},
    "flow": {"flow": True, "matching": True, "area_resize": True},
}


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bridge") / "swinging.mp4"
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25)) as writer:
        for frame in panning(SHIFTS, WIDTH, HEIGHT):
            writer.write(frame)
    return path


@pytest.fixture
def source(clip):
    with open_source(clip) as source:
        yield source


def tracker_of(kind: str) -> Tracker:
    if kind == "lucas-kanade":
        return LucasKanade()
    return CoTrackerTracker(small_model(**NETWORKS[kind]), None, allow_untrained=True)


def anchor(frame: int, off: tuple[float, float] = (0, 0)) -> tuple[float, float, float]:
    return float(frame), *(TRUTH[frame] + off).tolist()


def solve(source: FrameSource, tracker: Tracker, gaps: list[Gap], **options: Any) -> list[Bridged]:
    return list(BridgeRun(source, tracker, gaps, **options))


def errors(prediction: Prediction) -> Any:
    return np.linalg.norm(prediction.tracks[:, 0] - TRUTH[prediction.first_frame : prediction.end_frame], axis=-1)


@pytest.mark.parametrize("kind", ["flow", "lucas-kanade"])
def test_follows_the_picture_and_meets_both_anchors(source, kind) -> None:
    """Anchors that are off by a known amount: both are met without a jump, and on the way the error goes over.

    The network's path does so evenly. That of Lucas-Kanade may pass in one step from what leads on from the one anchor
    to what leads to the other, by less than they differ; flow alone errs by up to 0.35 pixels a step on this clip.
    """
    left, right = anchor(2, (0.6, 0)), anchor(30, (0, -0.6))
    (bridged,) = solve(source, tracker_of(kind), [Gap(7, left, right, 3, 30)])
    found = bridged.prediction
    assert found.ids.tolist() == [7]
    given = slice(3 - found.first_frame, 30 - found.first_frame)
    assert np.isnan(found.tracks[: given.start]).all()
    assert np.isnan(found.tracks[given.stop :]).all()
    assert np.isnan(found.confidence[: given.start]).all()
    path = np.concatenate([[left[1:]], found.tracks[given, 0], [right[1:]]])
    off = path - TRUTH[2:31]
    assert np.linalg.norm(off, axis=1).max() < 1
    steps = np.linalg.norm(np.diff(off, axis=0), axis=1)
    assert max(steps[:8].max(), steps[-8:].max()) < 0.45, "a jump beside an anchor"
    assert steps.max() < (0.45 if kind == "flow" else 0.8), "a jump that the picture does not make"
    assert found.disagreement is not None
    assert np.isfinite(found.disagreement[given]).all()


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_a_network_without_flow_bridges_too(source, kind) -> None:
    (bridged,) = solve(source, tracker_of(kind), [Gap(1, anchor(2), anchor(30), 3, 30)])
    found = bridged.prediction
    given = slice(3 - found.first_frame, 30 - found.first_frame)
    assert np.isfinite(found.tracks[given]).all()
    assert ((found.visibility[given] >= 0) & (found.visibility[given] <= 1)).all()
    path = np.concatenate([[anchor(2)[1:]], found.tracks[given, 0], [anchor(30)[1:]]])
    assert np.linalg.norm(np.diff(path, axis=0), axis=1)[[0, -1]].max() < 3, "an end is not met"


@pytest.mark.parametrize("kind", [*NETWORKS, "lucas-kanade"])
def test_with_one_anchor_it_runs_out_in_its_direction(source, kind) -> None:
    gaps = [Gap(1, anchor(10), None, 11, 33), Gap(2, None, anchor(20), 4, 20)]
    given: dict[int, set[int]] = {1: set(), 2: set()}
    for bridged in solve(source, tracker_of(kind), gaps):
        found = bridged.prediction
        for column, number in enumerate(found.ids.tolist()):
            rows = np.flatnonzero(np.isfinite(found.tracks[:, column]).all(axis=1))
            given[number] |= set((found.first_frame + rows).tolist())
    assert given == {1: set(range(11, 33)), 2: set(range(4, 20))}


def test_after_a_correction_nothing_is_decoded_or_encoded(source, monkeypatch) -> None:
    tracker, cache, spy = tracker_of("flow"), FeatureCache(), Spy(source)
    gaps = [Gap(1, anchor(2), anchor(14), 3, 14), Gap(1, anchor(14), anchor(30), 15, 30)]
    out = [Gap(1, anchor(14), None, 15, 30), Gap(2, None, anchor(14), 3, 14)]
    read: list[int] = []
    solve(spy, tracker, gaps, cache=cache, on_read=read.append)
    assert sorted(spy.decoded) == list(range(2, 31)), "every frame once"
    assert read == list(range(1, 30))
    spy.decoded.clear()
    encoded = encoder_calls(monkeypatch)
    solve(spy, tracker, gaps + out, cache=cache, on_read=read.append)
    assert spy.decoded == []
    assert len(read) == 29
    assert encoded == []


@pytest.mark.parametrize("kind", ["flow", "lucas-kanade"])
@pytest.mark.parametrize("right", [30, None])
def test_the_path_so_far_stays_to_the_bit_where_it_was_right(source, kind, right) -> None:
    """It slipped off on frames beside the new anchor, which the picture tells from the rest."""
    new, old = (2, 30) if right is None else (30, 2)
    frames = np.arange(3, 30)
    known = (TRUTH[frames] + 0.2 * np.sin(frames / 9)[:, None]).astype(np.float32)
    slipped = np.abs(frames - new) < 9
    known[slipped] += (22, 14)
    gap = Gap(1, anchor(2), None if right is None else anchor(right), 3, 30, (anchor(old),), known)
    given = np.full_like(known, np.nan)
    for bridged in solve(source, tracker_of(kind), [gap]):
        found = bridged.prediction
        rows = np.isfinite(found.tracks[:, 0]).all(axis=1)
        given[found.first_frame + np.flatnonzero(rows) - 3] = found.tracks[rows, 0]
    stays = np.abs(frames - new) > 18
    np.testing.assert_array_equal(given[stays], known[stays])
    assert np.linalg.norm(given - TRUTH[frames], axis=1).max() < 1, "the slip is mended"


@pytest.mark.parametrize("kind", ["flow", "lucas-kanade"])
def test_several_tracks_at_once_are_as_each_alone(source, kind) -> None:
    tracker, gaps = tracker_of(kind), [Gap(i, anchor(2, (i, i)), anchor(30, (i, i)), 3, 30) for i in (1, 5)]
    together = solve(source, tracker, gaps)
    assert [one.prediction.ids.tolist() for one in together] == [[1, 5]]
    for column, gap in enumerate(gaps):
        (alone,) = solve(source, tracker, [gap])
        np.testing.assert_allclose(together[0].prediction.tracks[:, column], alone.prediction.tracks[:, 0], atol=0.01)


def test_gaps_of_one_track_come_one_after_the_other(source) -> None:
    gaps = [Gap(1, anchor(2), anchor(14), 3, 14), Gap(1, anchor(14), anchor(30), 15, 30)]
    found = [one.prediction for one in solve(source, LucasKanade(), gaps)]
    assert [one.ids.tolist() for one in found] == [[1], [1]]


def test_cancelling_leaves_an_unsolved_gap_alone(source) -> None:
    run = BridgeRun(source, tracker_of("flow"), [Gap(1, anchor(2), anchor(30), 3, 30)])
    run.cancel()
    assert list(run) == []
    assert run.cancelled
    assert run.frames_done == run.frames_total


def test_progress_reaches_the_number_of_frames(source) -> None:
    seen: list[tuple[int, int]] = []
    gaps = [Gap(1, anchor(2), anchor(14), 3, 14), Gap(1, anchor(14), None, 15, 30)]
    solve(source, tracker_of("flow"), gaps, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (26, 26)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (Gap(1, (2, 500.0, 20.0), (9, 20.0, 20.0), 3, 9), "outside the picture"),
        (Gap(1, (2, 20.0, float("nan")), None, 3, 9), "an anchor on frame 2"),
        (Gap(1, (99, 20.0, 20.0), None, 100, 101), "the frames are 0 to 33"),
        (Gap(1, (5, 20.0, 20.0), (5, 30.0, 20.0), 5, 6), "two anchors on frame 5"),
        (Gap(1, (2, 20.0, 20.0), (9, 30.0, 20.0), 2, 9), "do not lie between"),
        (Gap(1, (9, 20.0, 20.0), (2, 30.0, 20.0), 3, 9), "do not lie between"),
        (Gap(1, None, None, 3, 9), "needs an anchor"),
    ],
)
def test_refuses_what_cannot_be_bridged(source, gap, words) -> None:
    with pytest.raises(InputError, match=words):
        BridgeRun(source, LucasKanade(), [gap])
