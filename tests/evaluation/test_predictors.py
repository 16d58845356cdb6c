"""What a tracker is asked in an evaluation, against the networks' own forward pass."""

import numpy as np
import pytest
import torch

from tests.small_cotracker2 import small_cotracker2
from tests.small_models import small_clip, small_model, some_queries
from tracker.evaluation.baselines import DoesNotMove
from tracker.evaluation.pictures import PictureFrames
from tracker.evaluation.predictors import Clip, passes, predict
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.cotracker2 import CoTracker2Tracker
from tracker.inference.lucas_kanade import LucasKanade

HEIGHT, WIDTH = 64, 96  # the network's working resolution, so that nothing is resized
LENGTH = 20
VIDEO = small_clip(LENGTH, WIDTH, HEIGHT)
QUERIES = some_queries(0, 3, 11)


def clip(video: np.ndarray = VIDEO) -> Clip:
    height, width = video.shape[1:3]
    return Clip(PictureFrames(lambda index: video[index], len(video), (width, height)), len(video))


def network(kind: str) -> CoTrackerTracker:
    return CoTrackerTracker(small_model(kind), None, allow_untrained=True)


@torch.no_grad()
def forward(kind: str, queries: np.ndarray, video: np.ndarray = VIDEO) -> tuple[np.ndarray, np.ndarray]:
    """Tracks (M, T, 2) and visibility times confidence (M, T) of the network itself."""
    frames = torch.from_numpy(video.copy()).permute(0, 3, 1, 2)[None].float()
    found = small_model(kind)(frames, torch.from_numpy(queries)[None])
    return found.tracks[0].transpose(0, 1).numpy(), (found.visibility * found.confidence)[0].T.numpy()


def grid(size: int, centre: tuple[float, float], extent: tuple[float, float]) -> np.ndarray:
    """(size * size, 3) t, x, y on frame 0, row by row, as the specification puts it."""
    margin = extent[0] / 64
    x, y = (np.linspace(c - e / 2 + margin, c + e / 2 - margin, size) for c, e in zip(centre, extent, strict=True))
    return np.array([[0, i, j] for j in y for i in x], np.float32)


def everywhere() -> np.ndarray:
    return grid(5, (WIDTH / 2, HEIGHT / 2), (WIDTH, HEIGHT))


def assert_same_after_queries(found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> None:
    for row, time in enumerate(QUERIES[:, 0].astype(int)):
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours[row, time + 1 :], theirs[row, time + 1 :], atol=2e-3)


def test_an_online_network_gets_all_points_together_and_no_support():
    assert_same_after_queries(predict(network("online"), clip(), QUERIES), forward("online", QUERIES))


def test_an_offline_network_gets_all_points_together_and_a_grid():
    expected = forward("offline", np.concatenate([QUERIES, everywhere()]))
    assert_same_after_queries(predict(network("offline"), clip(), QUERIES), (expected[0][:3], expected[1][:3]))


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_a_single_point_comes_with_a_local_and_a_global_grid_on_frame_0(kind):
    found = predict(network(kind), clip(), QUERIES, single_point=True)
    rows = []
    for query in QUERIES:
        around = grid(8, (query[1], query[2]), (50.0, 50.0))
        tracks, certainty = forward(kind, np.concatenate([query[None], around, everywhere()]))
        rows.append((tracks[0], certainty[0]))
    expected = np.stack([row[0] for row in rows]), np.stack([row[1] for row in rows])
    assert_same_after_queries(found, expected)


@pytest.mark.parametrize("single_point", [False, True])
def test_frames_before_a_query_are_those_of_the_reversed_clip(single_point):
    tracker = network("online")
    mirrored = QUERIES.copy()
    mirrored[:, 0] = LENGTH - 1 - QUERIES[:, 0]
    both = predict(tracker, clip(), QUERIES, backward=True, single_point=single_point)
    ahead = predict(tracker, clip(), QUERIES, single_point=single_point)
    assert np.isnan(ahead.tracks[2, :11]).all()
    assert np.isfinite(both.tracks).all()
    for row, time in enumerate(QUERIES[:, 0].astype(int)):
        np.testing.assert_array_equal(both.tracks[row, time:], ahead.tracks[row, time:])
    if not single_point:
        back = predict(tracker, clip(VIDEO[::-1]), mirrored)
        np.testing.assert_allclose(both.tracks[2, :11], back.tracks[2, ::-1][:11], atol=1e-4)


def test_the_offline_network_goes_back_too():
    found = predict(network("offline"), clip(), QUERIES, backward=True)
    mirrored = np.concatenate([QUERIES, everywhere()])
    mirrored[:, 0] = LENGTH - 1 - mirrored[:, 0]
    tracks, _ = forward("offline", mirrored, VIDEO[::-1])
    np.testing.assert_allclose(found.tracks[2, :11], tracks[2, ::-1][:11], atol=2e-3)


@pytest.mark.parametrize("single_point", [False, True])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("name", ["online", "offline", "does-not-move"])
def test_progress_ends_where_it_was_foretold(name, backward, single_point):
    tracker = DoesNotMove() if name == "does-not-move" else network(name)
    done: list[int] = []
    predict(tracker, clip(), QUERIES[:2], backward=backward, single_point=single_point, on_frames=done.append)
    foretold = LENGTH * passes(tracker, 2, backward, single_point)
    # A query on frame 0 has nothing before it, so that its pass back is left out.
    assert sum(done) == foretold - (LENGTH if name == "online" and backward and single_point else 0)


def test_single_points_of_the_older_network_come_with_company_too():
    tracker = CoTracker2Tracker(small_cotracker2(), None, allow_untrained=True)
    assert passes(tracker, 2, False, True) == 2
    alone = predict(tracker, clip(), QUERIES[:1], single_point=True)
    again = predict(tracker, clip(), QUERIES, single_point=True)
    np.testing.assert_allclose(again.tracks[0], alone.tracks[0], atol=1e-3)
    assert np.abs(predict(tracker, clip(), QUERIES).tracks[0] - alone.tracks[0]).max() > 1e-3


def test_what_does_not_move_stays_and_is_always_visible():
    found = predict(DoesNotMove(), clip(), QUERIES, backward=True)
    np.testing.assert_array_equal(found.tracks, np.repeat(QUERIES[:, None, 1:], LENGTH, axis=1))
    assert (found.certainty == 1).all()


def test_points_of_a_classical_tracker_need_no_company():
    alone = predict(LucasKanade(), clip(), QUERIES, single_point=True)
    together = predict(LucasKanade(), clip(), QUERIES)
    np.testing.assert_array_equal(alone.tracks, together.tracks)
