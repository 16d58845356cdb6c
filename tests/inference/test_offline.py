"""A whole clip at once, in a small configuration."""

import numpy as np
import pytest

from tests.small_models import small_clip, small_model, some_queries
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.offline import OfflineSession, track_offline
from tracker.inference.session import Cancelled


@pytest.mark.parametrize("kind", ["online", "offline"])
@pytest.mark.parametrize("length", [1, 7, 20])
def test_query_frames_are_the_queries(kind, length):
    queries = some_queries(0, length // 2, length - 1)
    found = track_offline(small_model(kind), small_clip(length), queries)
    assert found.tracks.shape == (length, 3, 2)
    for i, (t, x, y) in enumerate(queries):
        assert tuple(found.tracks[int(t), i]) == (x, y)
        assert found.visibility[int(t), i] == 1
    assert np.isfinite(found.tracks).all()
    assert ((found.confidence > 0) & (found.confidence < 1)).all()


def test_frames_one_by_one_and_from_a_cache_are_the_same(monkeypatch):
    model, clip, queries, cache = small_model("offline"), small_clip(9), some_queries(0, 4), FeatureCache()
    first = track_offline(model, clip, queries, cache=cache)
    monkeypatch.setattr(model.fnet, "forward", None)
    second = track_offline(model, iter(clip), queries, cache=cache)
    np.testing.assert_array_equal(first.tracks, second.tracks)


def test_backward_changes_only_what_lies_before_the_query():
    model, clip, queries = small_model("offline"), small_clip(12), some_queries(0, 5, 11)
    ahead = track_offline(model, clip, queries)
    both = track_offline(model, clip, queries, backward=True)
    for i, t in enumerate(queries[:, 0].astype(int)):
        np.testing.assert_array_equal(ahead.tracks[t:, i], both.tracks[t:, i])
        assert t == 0 or (ahead.tracks[:t, i] != both.tracks[:t, i]).any()


def test_session_gives_the_same_from_the_query_on():
    model, clip, queries = small_model("offline"), small_clip(12), some_queries(0, 5, 11)
    expected = track_offline(model, clip, queries)
    session = CoTrackerTracker(model, None, "offline", allow_untrained=True).session(120, 80)
    session.add_points(queries[:2], np.array([4, 5]))
    assert session.step(clip[:7]) is None
    session.add_points(np.vstack([queries[2:], some_queries(30, 3)]), np.array([6, 7, 8]))
    session.remove_points([8])
    kept = session.snapshot()
    session.step(small_clip(3))
    session.restore(kept)
    session.step(clip[7:])
    assert (session.frames_seen, session.earliest_query) == (12, 0)
    found = session.finish()
    assert found is not None
    assert found.ids.tolist() == [4, 5, 6, 7]
    for i, t in enumerate(queries[:, 0].astype(int)):
        assert np.isnan(found.tracks[:t, i]).all()
        np.testing.assert_allclose(found.tracks[t:, i], expected.tracks[t:, i], atol=1e-3)
    assert np.isnan(found.tracks[:, 3]).all()  # its frame never came
    assert session.finish() is None


def test_stopping():
    session = OfflineSession(small_model("offline"), 120, 80)
    session.add_points(some_queries(0), np.array([1]))
    with pytest.raises(Cancelled):
        session.step(small_clip(3), should_stop=lambda: True)
    assert session.frames_seen == 0
    session.step(small_clip(3))
    with pytest.raises(Cancelled):
        session.finish(should_stop=lambda: True)
    assert session.finish() is not None


def test_wrong_input():
    model = small_model("offline")
    with pytest.raises(ValueError, match="no frames"):
        track_offline(model, [], some_queries(0))
    with pytest.raises(ValueError, match="a query at frame 5, but the clip has 5 frames"):
        track_offline(model, small_clip(5), some_queries(5))
    with pytest.raises(ValueError, match="is before frame 0"):
        track_offline(model, small_clip(5), some_queries(-1))
    with pytest.raises(ValueError, match="a frame of shape"):
        track_offline(model, [*small_clip(2), *small_clip(2, 64, 64)], some_queries(0))
