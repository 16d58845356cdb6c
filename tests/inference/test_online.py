"""What a session promises, in a small configuration: points that come and go, any chunks, going back, stopping."""

import logging
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.small_models import small_clip, small_model, some_queries
from tracker.files import InputError
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.online import OnlineSession
from tracker.inference.session import Cancelled, Prediction
from tracker.models.cotracker3 import CoTracker3

WIDTH, HEIGHT = 120, 80


def session(model=None, **options) -> OnlineSession:
    return OnlineSession(model or small_model(), WIDTH, HEIGHT, **options)


def merge(predictions, length: int) -> dict[int, np.ndarray]:
    """Per id (length, 4): x, y, visibility, confidence; NaN where nothing was given."""
    values: dict[int, np.ndarray] = {}
    for prediction in predictions:
        if prediction is None:
            continue
        for row, i in enumerate(prediction.ids.tolist()):
            whole = values.setdefault(i, np.full((length, 4), np.nan))
            part = whole[prediction.first_frame : prediction.end_frame]
            part[:, :2] = prediction.tracks[:, row]
            part[:, 2], part[:, 3] = prediction.visibility[:, row], prediction.confidence[:, row]
    return values


def run(session: OnlineSession, clip: np.ndarray, chunk: int = 8) -> list[Prediction | None]:
    found = [session.step(clip[k : k + chunk]) for k in range(0, len(clip), chunk)]
    return [*found, session.finish()]


def assert_same(a: dict[int, np.ndarray], b: dict[int, np.ndarray], tolerance: float = 0) -> None:
    assert a.keys() == b.keys()
    for i in a:
        np.testing.assert_allclose(a[i], b[i], rtol=0, atol=tolerance, err_msg=f"point {i}")


@pytest.mark.parametrize("length", [1, 5, 8, 9, 16, 17, 23, 24, 25, 40])
def test_every_frame_from_the_query_on(length):
    online = session()
    starts = [0, length // 2, length - 1]
    online.add_points(some_queries(*starts), np.array([7, 3, 9]))
    found = merge(run(online, small_clip(length)), length)
    assert list(found) == [7, 3, 9]
    for start, values in zip(starts, found.values(), strict=True):
        assert np.isnan(values[:start]).all()
        assert np.isfinite(values[start:]).all()
    assert online.frames_seen == length
    assert online.finish() is None
    with pytest.raises(ValueError, match="is finished"):
        online.step(small_clip(1))


@pytest.mark.parametrize("chunk", [1, 3, 16, 100])
def test_chunks_do_not_matter(chunk):
    clip, results = small_clip(37), []
    for size in (8, chunk):
        online = session()
        online.add_points(some_queries(0, 5, 20, 36), np.arange(4))
        results.append(merge(run(online, clip, size), len(clip)))
    assert_same(results[0], results[1])


@pytest.mark.parametrize("length", [4, 16, 29])
def test_same_as_the_network_over_the_whole_video(length):
    model, clip = small_model(), small_clip(length, 96, 64)
    queries = some_queries(0, 3, length - 1)
    online = OnlineSession(model, 96, 64, mask_before_query=False)
    online.add_points(queries, np.arange(3))
    found = merge(run(online, clip), length)
    with torch.no_grad():
        whole = model(torch.from_numpy(clip).permute(0, 3, 1, 2)[None].float(), torch.from_numpy(queries)[None])
    for i in range(3):
        np.testing.assert_allclose(found[i][:, :2], whole.tracks[0, :, i], atol=1e-3)
        np.testing.assert_allclose(found[i][:, 2], whole.visibility[0, :, i], atol=1e-4)
        np.testing.assert_allclose(found[i][:, 3], whole.confidence[0, :, i], atol=1e-4)


def test_each_frame_is_encoded_once(monkeypatch):
    model, encoded = small_model(), []
    encode = model.encode

    def count(images, *rest):
        encoded.append(len(images))
        return encode(images, *rest)

    monkeypatch.setattr(model, "encode", count)
    online = session(model)
    online.add_points(some_queries(0), np.array([1]))
    run(online, small_clip(45))
    assert sum(encoded) == 45


def test_second_pass_encodes_nothing_and_is_equal(monkeypatch):
    model, clip, cache = small_model(), small_clip(30), FeatureCache()
    results = []
    for _ in range(2):
        online = session(model, cache=cache)
        online.add_points(some_queries(0, 9), np.arange(2))
        results.append(merge(run(online, clip), len(clip)))
        monkeypatch.setattr(model, "encode", None)  # would fail
    assert_same(results[0], results[1])
    backward = session(model, cache=cache)
    backward.add_points(some_queries(0), np.arange(1))
    assert np.isfinite(merge(run(backward, clip[::-1]), len(clip))[0]).all()


def test_points_ahead_change_nothing_before_they_start():
    """Added before or just in time, a point's own track is one the session gives in the same window."""
    clip, late = small_clip(40), some_queries(0, 0, 0)
    late[:, 0] = 20
    online = session()
    online.add_points(some_queries(0), np.array([0]))
    first = [online.step(clip[:24])]
    assert online.earliest_query == 16
    online.add_points(late, np.array([4, 5, 6]))
    found = merge([*first, online.step(clip[24:]), online.finish()], 40)
    for i in (4, 5, 6):
        assert np.isnan(found[i][:20]).all()
        assert np.isfinite(found[i][20:]).all()


def test_points_added_after_the_last_window_leave_others_alone():
    clip = small_clip(24)
    results = []
    for add in (False, True):
        online = session()
        online.add_points(some_queries(0, 3), np.arange(2))
        parts = [online.step(clip)]
        if add:
            online.add_points(some_queries(19, 23), np.array([5, 6]))
        parts.append(online.finish())
        results.append(merge(parts, 24))
    alone, more = results
    assert np.isfinite(more[5][19:]).all()
    assert np.isfinite(more[6][23:]).all()
    assert_same(alone, {i: more[i] for i in (0, 1)})


def test_removed_points_are_as_if_they_had_never_been_from_the_next_window_on():
    clip = small_clip(40)
    online = session()
    online.add_points(some_queries(0, 2, 4), np.array([1, 2, 3]))
    online.step(clip[:16])
    online.remove_points([2, 99])
    after = merge([online.step(clip[16:])], 40)
    assert list(after) == [1, 3]
    online.remove_points(np.array([1, 3]))
    assert online.step(small_clip(16)) is None
    online.add_points(some_queries(online.earliest_query), np.array([2]))  # an id that is free again
    assert list(merge([online.step(small_clip(8))], 64)) == [2]


def test_snapshot_and_restore():
    clip = small_clip(40)
    online = session(support_grid=2)
    online.add_points(some_queries(0, 9, 30), np.arange(3))
    online.step(clip[:20])
    kept = online.snapshot()
    expected = merge([online.step(clip[20:]), online.finish()], 40)
    online.restore(kept)
    assert online.frames_seen == 20
    online.add_points(some_queries(25), np.array([50]))
    online.remove_points([0])
    online.step(small_clip(13))
    online.restore(kept)
    assert_same(merge([online.step(clip[20:]), online.finish()], 40), expected)


def test_support_points_help_and_are_not_given():
    clip, results = small_clip(16), []
    for size in (0, 3):
        online = session(support_grid=size)
        online.add_points(some_queries(0, 2), np.array([8, 9]))
        results.append(merge([online.step(clip)], 16))
    assert results[0].keys() == results[1].keys() == {8, 9}
    assert np.nanmax(np.abs(results[0][8] - results[1][8])) > 1e-3


def test_no_points_no_work(monkeypatch):
    model = small_model()
    monkeypatch.setattr(model, "encode", None)
    online = session(model)
    assert run(online, small_clip(20)) == [None] * 4
    ahead = session(model)
    ahead.add_points(some_queries(100), np.array([1]))
    given = ahead.step(small_clip(16))
    assert given is not None
    assert np.isnan(given.tracks).all()


def by_frame(predictions, length: int, name: str = "disagreement") -> np.ndarray:
    """(T, N), the newest values."""
    values = np.full((length, len(next(p for p in predictions if p).ids)), np.nan, np.float32)
    for prediction in predictions:
        if prediction is not None:
            values[prediction.first_frame : prediction.end_frame] = getattr(prediction, name)
    return values


@pytest.mark.parametrize("area", [False, True])
def test_two_windows_tell_how_far_they_disagree(area):
    """Distances in video pixels between what one call gave for a frame and what the next one gives."""
    clip, online = small_clip(40), session(small_model(area_resize=area))
    online.add_points(some_queries(0, 3, 11, 20), np.arange(4))
    pieces = [found for k in range(0, 40, 8) if (found := online.step(clip[k : k + 8])) is not None]
    assert [piece.first_frame for piece in pieces] == [0, 8, 16, 24]
    given = [by_frame([piece], 40)[piece.first_frame : piece.end_frame] for piece in pieces]
    assert np.isnan(given[0]).all()
    for (older, newer), said in zip(pairwise(pieces), given[1:], strict=True):
        apart = np.linalg.norm(newer.tracks[:8] - older.tracks[8:], axis=-1)
        np.testing.assert_allclose(said[:8], apart, atol=1e-4)
        assert np.isnan(said[8:]).all()
        assert np.nanmax(apart) > 0.05  # the test would see it otherwise
    values = by_frame(pieces, 40)
    for point, start in enumerate((0, 3, 11, 20)):
        # Once only: before the first window's second half, and in the last window's.
        assert np.isfinite(values[:, point]).tolist() == [max(8, start) <= t < 32 for t in range(40)]


def test_a_network_that_keeps_its_first_guess_tells_how_far_off_it_finds_it(monkeypatch):
    """Between the guess and the refinement, whichever of them is given, and from the query on."""
    model = small_model(levels=3, matching=True, flow=True)
    assert model.chooser is not None
    refine, apart, given = CoTracker3.refine, [], []

    def noting(model, pyramid, templates, guess, *args, **options):
        history = refine(model, pyramid, templates, guess, *args, **options)
        scale = torch.tensor([119 / 95, 79 / 63]) * model.config.stride
        apart.append(((history[-2].coords - guess.coords)[0] * scale).norm(dim=-1).T)
        given.append(((history[-1].coords - guess.coords)[0]).norm(dim=-1).T)
        return history

    monkeypatch.setattr(CoTracker3, "refine", noting)
    online = session(model)
    online.add_points(some_queries(0, 5), np.arange(2))
    pieces = [found for k in range(0, 32, 8) if (found := online.step(small_clip(32)[k : k + 8])) is not None]
    for piece, want in zip(pieces, apart, strict=True):
        said = by_frame([piece], 40)[piece.first_frame : piece.end_frame]
        known = np.isfinite(piece.visibility)
        np.testing.assert_allclose(said[known], want.numpy()[known], atol=1e-4)
        assert np.isnan(said[~known]).all()
    kept = torch.stack(given) == 0  # where the given positions alone would say nothing
    assert torch.stack(apart)[kept].max() > 0.05


@pytest.mark.parametrize("chunk", [1, 5, 40])
def test_disagreement_does_not_depend_on_chunks(chunk):
    clip, results = small_clip(40), []
    for size in (8, chunk):
        online = session(support_grid=2)
        online.add_points(some_queries(0, 9), np.array([4, 5]))
        results.append(by_frame(run(online, clip, size), 40))
    np.testing.assert_array_equal(results[0], results[1])
    assert np.isfinite(results[0]).any()


def test_a_point_that_joins_disagrees_from_its_second_window_on():
    clip, online = small_clip(32), session()
    online.add_points(some_queries(0), np.array([0]))
    online.step(clip[:16])
    online.add_points(some_queries(9), np.array([1]))
    values = by_frame([online.step(clip[16:]), online.finish()], 32)
    assert np.isfinite(values[:, 0]).tolist() == [8 <= t < 24 for t in range(32)]
    assert np.isfinite(values[:, 1]).tolist() == [16 <= t < 24 for t in range(32)]


def test_stopping_leaves_the_session_as_it_was():
    clip, asked = small_clip(32), []

    def stop_at_the_third() -> bool:
        asked.append(1)
        return len(asked) == 3

    online = session()
    online.add_points(some_queries(0, 9), np.arange(2))
    first = online.step(clip[:16])
    with pytest.raises(Cancelled):
        online.step(clip[16:], should_stop=stop_at_the_third)
    assert online.frames_seen == 16
    after = merge([first, online.step(clip[16:])], 32)
    untouched = session()
    untouched.add_points(some_queries(0, 9), np.arange(2))
    assert_same(after, merge([untouched.step(clip)], 32))


def test_small_pieces_give_the_same():
    clip, results = small_clip(24), []
    for size in (10**6, 500, 64):
        online = session(max_tokens=size)
        online.add_points(some_queries(*[0] * 30), np.arange(30))
        results.append(merge([online.step(clip)], 24))
    for other in results[1:]:
        assert_same(results[0], other, 2e-3)


def test_out_of_memory_goes_on_in_smaller_pieces(monkeypatch, caplog):
    model, tried = small_model(), []
    refine = model.refine

    def little_memory(*args, max_tokens, **options):
        tried.append(max_tokens)
        if max_tokens > 1000:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return refine(*args, max_tokens=max_tokens, **options)

    monkeypatch.setattr(model, "refine", little_memory)
    online = session(model)
    online.add_points(some_queries(0), np.array([1]))
    with caplog.at_level(logging.WARNING):
        given = online.step(small_clip(24))
    assert given is not None
    assert np.isfinite(given.tracks).all()
    assert tried == [4096, 2048, 1024, 512, 512]  # remembered for the next window
    assert "going on in pieces of 512 tokens" in caplog.text


def test_out_of_memory_in_the_smallest_piece_is_an_error(monkeypatch):
    model = small_model()

    def no_memory(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(model, "refine", no_memory)
    online = session(model)
    online.add_points(some_queries(0), np.array([1]))
    with pytest.raises(torch.OutOfMemoryError):
        online.step(small_clip(16))
    assert online.frames_seen == 0


def test_other_errors_are_not_hidden(monkeypatch):
    model = small_model()

    def broken(*_, **__):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(model, "refine", broken)
    online = session(model)
    online.add_points(some_queries(0), np.array([1]))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        online.step(small_clip(16))


def test_wrong_use():
    online = session()
    online.add_points(some_queries(0), np.array([1]))
    with pytest.raises(ValueError, match="an id is followed already"):
        online.add_points(some_queries(0), np.array([1]))
    with pytest.raises(ValueError, match="one for each id"):
        online.add_points(some_queries(0), np.array([1, 2]))
    with pytest.raises(ValueError, match="finite"):
        online.add_points(np.array([[0, np.nan, 1]], np.float32), np.array([2]))
    with pytest.raises(ValueError, match="frames of shape"):
        online.step(small_clip(2, 64, 64))
    online.step(small_clip(16))
    with pytest.raises(ValueError, match="before frame 8, the earliest possible"):
        online.add_points(some_queries(7), np.array([2]))
    with pytest.raises(ValueError, match="offline network"):
        session(small_model("offline"))


def test_tracker_needs_a_checkpoint():
    model = small_model()
    with pytest.raises(ValueError, match="without weights from a checkpoint"):
        CoTrackerTracker(model, None)
    with pytest.raises(InputError, match="choose the mode offline"):
        CoTrackerTracker(small_model("offline"), None, "online", allow_untrained=True)
    tracker = CoTrackerTracker(model, None, allow_untrained=True)
    assert (tracker.name, tracker.device, tracker.step_frames) == ("cotracker3-online (untrained)", "cpu", 8)


def test_tracker_remembers_features_from_session_to_session(monkeypatch):
    model, clip = small_model(), small_clip(16)
    tracker = CoTrackerTracker(model, None, allow_untrained=True)
    for _ in range(2):
        online = tracker.session(WIDTH, HEIGHT)
        online.add_points(some_queries(0), np.array([1]))
        assert online.step(clip) is not None
        monkeypatch.setattr(model, "encode", None)
    assert len(tracker.cache) == 16
