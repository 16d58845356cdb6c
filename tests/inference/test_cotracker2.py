"""CoTracker2 window by window: the published results, and what every session promises."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.reference import assert_close
from tests.reference import fixture as shared_fixture
from tests.reference_cotracker2 import PROBABILITIES, TRACKS, fixture, needs_reference, reference_model
from tests.small_cotracker2 import small_cotracker2
from tests.small_models import small_clip, small_model, some_queries
from tracker.inference.cotracker2 import CoTracker2Session, CoTracker2Tracker
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.online import OnlineSession
from tracker.inference.session import Cancelled, Prediction
from tracker.models.estimate import Estimate, join_windows

WIDTH, HEIGHT = 120, 80


def session(model=None, **options) -> CoTracker2Session:
    return CoTracker2Session(model or small_cotracker2(), WIDTH, HEIGHT, **options)


def merge(predictions: list[Prediction | None], length: int) -> dict[int, np.ndarray]:
    """Per id (length, 4): x, y, visibility, confidence; NaN where nothing was given. The newer value wins."""
    values: dict[int, np.ndarray] = {}
    for part in filter(None, predictions):
        for row, i in enumerate(part.ids.tolist()):
            whole = values.setdefault(i, np.full((length, 4), np.nan))
            probabilities = np.stack([part.visibility[:, row], part.confidence[:, row]], axis=-1)
            whole[part.first_frame : part.end_frame] = np.concatenate([part.tracks[:, row], probabilities], axis=-1)
    return values


def run(online: CoTracker2Session, clip: np.ndarray, chunk: int = 4) -> dict[int, np.ndarray]:
    parts = [online.step(clip[k : k + chunk]) for k in range(0, len(clip), chunk)]
    return merge([*parts, online.finish()], len(clip))


def assert_same(a: dict[int, np.ndarray], b: dict[int, np.ndarray], tolerance: float = 0) -> None:
    assert a.keys() == b.keys()
    for i in a:
        np.testing.assert_allclose(a[i], b[i], rtol=0, atol=tolerance, err_msg=f"point {i}")


@needs_reference
def test_published_network_chunk_by_chunk(monkeypatch):
    expected, (model, checksum) = fixture("window8_online"), reference_model(8)
    assert checksum == int(expected["weights_checksum"])
    starts = expected["window_starts"].tolist()
    frames = shared_fixture("frames_model")["frames"][: starts[-1] + int(expected["window_len"])]
    height, width = frames.shape[1:3]
    online = CoTracker2Session(
        model, width, height, iters=int(expected["iters"]), resolution=(height, width), mask_before_query=False
    )
    online.add_points(expected["queries"], np.arange(len(expected["queries"])))
    windows: list[tuple[int, Estimate]] = []
    refine = model.refine

    def remember(*args, **options):
        history = refine(*args, **options)
        windows.append((starts[len(windows)], history[-1]))
        return history

    monkeypatch.setattr(model, "refine", remember)
    parts: list[Prediction | None] = []
    for k in range(len(starts)):
        end = len(expected[f"step{k}_tracks"])
        parts.append(online.step(frames[online.frames_seen : end]))
        found = np.stack(list(merge(parts, end).values()), axis=1)
        assert_close(found[..., :2], expected[f"step{k}_tracks"], TRACKS, f"tracks of step {k}")
        assert_close(found[..., 2], expected[f"step{k}_vis_prob"], PROBABILITIES, f"visibility of step {k}")
        logits = model.report(join_windows(windows, end))[1]
        wanted = expected[f"step{k}_vis_logit"]
        assert_close(logits, wanted, 1e-4 * float(np.abs(wanted).max()), f"visibility logits of step {k}")


@pytest.mark.parametrize("length", [1, 3, 8, 9, 12, 17])
def test_same_as_the_network_over_the_whole_video(length):
    model, clip = small_cotracker2(), small_clip(length, 96, 64)
    queries = some_queries(0, length // 2, length - 1)
    online = CoTracker2Session(model, 96, 64, mask_before_query=False)
    online.add_points(queries, np.arange(3))
    found = run(online, clip, 5)
    with torch.no_grad():
        whole = model(torch.from_numpy(clip).permute(0, 3, 1, 2)[None].float(), torch.from_numpy(queries)[None])
    for i in range(3):
        np.testing.assert_allclose(found[i][:, :2], whole.tracks[0, :, i], atol=1e-3)
        np.testing.assert_allclose(found[i][:, 2], whole.visibility[0, :, i], atol=1e-4)
    assert online.finish() is None


@pytest.mark.parametrize("length", [1, 4, 8, 13])
def test_every_frame_from_the_query_on(length):
    online = session()
    starts = [0, length // 2, length - 1]
    online.add_points(some_queries(*starts), np.array([7, 3, 9]))
    found = run(online, small_clip(length))
    assert list(found) == [7, 3, 9]
    for start, values in zip(starts, found.values(), strict=True):
        assert np.isnan(values[:start]).all()
        assert np.isfinite(values[start:]).all()
        assert (values[start:, 3] == 1).all()


def test_chunks_and_pieces_do_not_matter():
    clip, results = small_clip(15), []
    for chunk, tokens in ((4, None), (1, None), (15, 16)):
        online = session(max_tokens=tokens)
        online.add_points(some_queries(0, 0, 0, 5, 14), np.arange(5))
        results.append(run(online, clip, chunk))
    assert_same(results[0], results[1])
    assert_same(results[0], results[2], 2e-3)


def test_reduced_precision_is_near_and_finite():
    """Also with points that have not started, which are masked by the least number that the precision has."""
    clip, results = small_clip(12), []
    for precision in (None, torch.bfloat16):
        online = session(autocast=precision, mask_before_query=False)
        online.add_points(some_queries(0, 0, 10), np.arange(3))
        results.append(run(online, clip))
    assert_same(results[0], results[1], 0.5)


def test_a_point_that_is_added_later():
    """To the frames of the next window, also to those that a window has covered already."""
    clip, online = small_clip(16), session()
    online.add_points(some_queries(0), np.array([0]))
    parts = [online.step(clip[:8])]
    assert online.earliest_query == 4
    with pytest.raises(ValueError, match="before frame 4"):
        online.add_points(some_queries(3), np.array([5]))
    online.add_points(some_queries(5, 10), np.array([5, 6]))
    found = merge([*parts, online.step(clip[8:]), online.finish()], 16)
    for i, start in ((0, 0), (5, 5), (6, 10)):
        assert np.isnan(found[i][:start]).all()
        assert np.isfinite(found[i][start:]).all()
    # A session that begins with that window gives such a point the same first window.
    fresh = session()
    fresh.add_points(some_queries(1), np.array([5]))
    first = fresh.step(clip[4:12])
    late = session()
    late.step(clip[:8])
    late.add_points(some_queries(5), np.array([5]))
    second = late.step(clip[8:12])
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(first.tracks[1:], second.tracks[1:], atol=1e-4)


def test_points_added_when_the_last_window_is_over():
    clip, online = small_clip(12), session()
    online.add_points(some_queries(0), np.array([0]))
    parts = [online.step(clip)]
    online.add_points(some_queries(9, 11), np.array([5, 6]))
    found = merge([*parts, online.finish()], 12)
    assert np.isfinite(found[5][9:]).all()
    assert np.isfinite(found[6][11:]).all()


def test_snapshot_restore_and_removal():
    clip, online = small_clip(20), session(support_grid=2)
    online.add_points(some_queries(0, 6, 15), np.arange(3))
    online.step(clip[:10])
    kept = online.snapshot()
    expected = merge([online.step(clip[10:]), online.finish()], 20)
    online.restore(kept)
    assert online.frames_seen == 10
    online.add_points(some_queries(11), np.array([50]))
    online.remove_points([0, 99])
    assert list(merge([online.step(clip[10:])], 20)) == [1, 2, 50]
    online.restore(kept)
    assert_same(merge([online.step(clip[10:]), online.finish()], 20), expected)


def test_stopping_leaves_the_session_as_it_was():
    clip, online = small_clip(16), session()
    online.add_points(some_queries(0, 9), np.arange(2))
    first = online.step(clip[:8])
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        online.step(clip[8:], should_stop=lambda: next(answers))
    assert online.frames_seen == 8
    untouched = session()
    untouched.add_points(some_queries(0, 9), np.arange(2))
    assert_same(merge([first, online.step(clip[8:])], 16), merge([untouched.step(clip)], 16))


def test_no_points_no_work_and_no_nonsense(monkeypatch):
    model = small_cotracker2()
    monkeypatch.setattr(model, "encode", None)
    assert run(session(model), small_clip(9)) == {}
    online = session(model)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="finite"):
            online.add_points(np.array([[0, bad, 1]], np.float32), np.array([2]))
    with pytest.raises(ValueError, match="frames of shape"):
        online.step(np.zeros((1, 0, 0, 3), np.uint8))
    assert online.step(np.zeros((0, HEIGHT, WIDTH, 3), np.uint8)) is None
    assert online.finish() is None


def test_features_are_not_taken_for_those_of_another_network():
    """CoTracker3 with the very same encoder makes them one long; a cache that both use keeps them apart."""
    model, other = small_cotracker2(), small_model()
    other.fnet.load_state_dict(model.fnet.state_dict())
    clip, cache, results = small_clip(8), FeatureCache(), []
    for online in (OnlineSession(other, WIDTH, HEIGHT, cache=cache), session(model, cache=cache), session(model)):
        online.add_points(some_queries(0), np.array([1]))
        results.append(merge([online.step(clip), online.finish()], 8))
    assert len(cache) == 16
    assert_same(results[1], results[2])


def test_tracker(monkeypatch):
    model, clip = small_cotracker2(), small_clip(8)
    with pytest.raises(ValueError, match="without weights from a checkpoint"):
        CoTracker2Tracker(model, None)
    tracker = CoTracker2Tracker(model, None, allow_untrained=True)
    assert (tracker.name, tracker.device, tracker.step_frames) == ("cotracker2 (untrained)", "cpu", 4)
    assert tracker.visible_above == 0.6
    results = []
    for _ in range(2):
        online = tracker.session(WIDTH, HEIGHT)
        online.add_points(some_queries(0), np.array([1]))
        results.append(merge([online.step(clip)], 8))
        monkeypatch.setattr(model, "encode", None)  # the frames are remembered
    assert_same(results[0], results[1])
    info = SimpleNamespace(path=Path("weights/some.pth"), visible_above=0.7)
    told = CoTracker2Tracker(small_cotracker2(16), info)
    assert (told.name, told.visible_above, told.step_frames) == ("cotracker2.1 (some.pth)", 0.7, 8)
    assert CoTracker2Tracker(model, info, "mine").name == "mine"
