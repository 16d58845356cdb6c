"""A network whose guesses follow flow, which matches and averages areas: the same promises as of any other."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from tests.inference.scenes import panning, track_all
from tests.small_models import small_model
from tracker.checkpoints import load_checkpoint, load_cotracker3, save_checkpoint
from tracker.evaluation.predictors import network_of
from tracker.files import InputError
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.offline import track_offline
from tracker.inference.online import OnlineSession
from tracker.inference.resolution import WorkingResolution
from tracker.models.cotracker3 import CoTracker3

OPTIONS: dict[str, Any] = {"matching": True, "flow": True, "area_resize": True}
LENGTH = 37
SHIFTS = np.stack([1.3 * np.arange(LENGTH), -0.6 * np.arange(LENGTH)], axis=1)
QUERIES = np.array([[0, 20, 40], [5, 31.5, 30.2], [20, 50, 22], [36, 60, 44]], np.float32)


@pytest.fixture(scope="module")
def model() -> CoTracker3:
    return undecided("online")


@pytest.fixture(scope="module")
def clip() -> NDArray[np.uint8]:
    """As large as the network works in, so that nothing is resized."""
    return panning(SHIFTS, 96, 64)


@torch.no_grad()
def undecided(kind: str) -> CoTracker3:
    """It keeps some of its first guesses, and others it refines."""
    model = small_model(kind, **OPTIONS)
    video = torch.from_numpy(panning(SHIFTS[:16], 96, 64)).permute(0, 3, 1, 2)[None].float()
    assert model.chooser is not None
    torch.nn.init.normal_(model.chooser.conv2.weight)
    choices = model(video, torch.from_numpy(QUERIES[:2])[None]).choices
    assert choices is not None
    assert model.chooser.conv2.bias is not None
    model.chooser.conv2.bias -= choices[0].keep.median()
    return model


def follower(kind: str) -> CoTracker3:
    """Its refinement changes nothing: it answers with its first guess."""
    model = small_model(kind, flow=True, area_resize=True)
    head = model.updateformer.get_submodule("flow_head")
    assert isinstance(head, torch.nn.Linear)
    torch.nn.init.zeros_(head.weight)
    return model


def tracks_of(session: OnlineSession, frames: NDArray[np.uint8], chunk: int = 8) -> NDArray[np.float32]:
    found = track_all(session, frames, chunk)
    return np.concatenate([found.tracks, found.visibility[..., None], found.confidence[..., None]], axis=-1)


def started(model: CoTracker3, **options: Any) -> OnlineSession:
    session = OnlineSession(model, 96, 64, **options)
    session.add_points(QUERIES, np.arange(len(QUERIES)))
    return session


@pytest.mark.parametrize("length", [7, 16, LENGTH])
def test_a_session_gives_what_the_network_gives_for_the_whole_video(model, clip, length):
    asked = QUERIES[QUERIES[:, 0] < length]
    session = OnlineSession(model, 96, 64, mask_before_query=False)
    session.add_points(asked, np.arange(len(asked)))
    found = track_all(session, clip[:length], 8)
    video = torch.from_numpy(clip[:length].copy()).permute(0, 3, 1, 2)[None].float()
    with torch.no_grad():
        whole = model(video, torch.from_numpy(asked)[None])
    np.testing.assert_allclose(found.tracks, whole.tracks[0], atol=2e-3)
    np.testing.assert_allclose(found.visibility, whole.visibility[0], atol=1e-4)
    np.testing.assert_allclose(found.confidence, whole.confidence[0], atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 5, 100])
def test_chunks_do_not_matter(model, clip, chunk):
    np.testing.assert_array_equal(tracks_of(started(model), clip, chunk), tracks_of(started(model), clip))


def test_going_back_to_a_snapshot_gives_the_same(model, clip):
    expected = tracks_of(started(model), clip)
    session = started(model)
    session.step(clip[:20])
    kept = session.snapshot()
    session.step(clip[:15])
    session.restore(kept)
    again = tracks_of(session, clip[20:])
    np.testing.assert_array_equal(again[24:], expected[24:])  # those before are in what was given already


def test_small_pieces_give_the_same(model, clip):
    """In the first window: flow ends where it changes by less than 0.02 pixels, and so passes on no smaller ones."""
    whole, pieces = (tracks_of(started(model, max_tokens=size), clip[:16]) for size in (10**6, 20))
    np.testing.assert_allclose(pieces, whole, atol=2e-3)


def test_features_from_a_cache_give_the_same(model, clip, monkeypatch):
    cache = FeatureCache()
    first = tracks_of(started(model, cache=cache), clip)
    monkeypatch.setattr(model, "encode", None)  # would fail
    np.testing.assert_array_equal(tracks_of(started(model, cache=cache), clip), first)


def test_areas_and_corners_do_not_share_features(clip):
    cache = FeatureCache()
    for network in (small_model(area_resize=True), small_model()):
        track_all(started(network, cache=cache), clip[:9], 9)
    assert len(cache) == 18


def test_guesses_follow_the_picture_from_window_to_window():
    frames = panning(SHIFTS, 160, 120)  # larger than the network works in
    session = OnlineSession(follower("online"), 160, 120)
    queries = np.array([[0, 40, 80], [5, 60, 70], [20, 90, 60]], np.float32)
    session.add_points(queries, np.arange(3))
    found = track_all(session, frames)
    for row, (t, *place) in enumerate(queries):
        start = int(t)
        np.testing.assert_allclose(found.tracks[start:, row], place + SHIFTS[start:] - SHIFTS[start], atol=0.6)


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_a_whole_clip_is_followed_in_both_directions(kind):
    frames = panning(SHIFTS[:20], 160, 120)
    queries = np.array([[0, 40, 80], [9, 60, 70], [19, 90, 60]], np.float32)
    cache = FeatureCache()
    found = [track_offline(follower(kind), frames, queries, backward=True, cache=cache) for _ in range(2)]
    np.testing.assert_array_equal(found[0].tracks, found[1].tracks)
    for row, (t, *place) in enumerate(queries):
        np.testing.assert_allclose(found[0].tracks[:, row], place + SHIFTS[:20] - SHIFTS[int(t)], atol=0.6)


def test_the_whole_network_runs_offline_and_backward(clip):
    model, queries = undecided("offline"), QUERIES[:3]
    ahead = track_offline(model, clip[:24], queries)
    both = track_offline(model, clip[:24], queries, backward=True)
    assert np.isfinite(both.tracks).all()
    for row, t in enumerate(queries[:, 0].astype(int)):
        np.testing.assert_array_equal(both.tracks[t:, row], ahead.tracks[t:, row])
        assert t == 0 or (both.tracks[:t, row] != ahead.tracks[:t, row]).any()
    session = CoTrackerTracker(model, None, allow_untrained=True).session(96, 64)
    session.add_points(queries, np.arange(3))
    session.step(clip[:24])
    given = session.finish()
    assert given is not None
    for row, t in enumerate(queries[:, 0].astype(int)):
        np.testing.assert_array_equal(given.tracks[t:, row], ahead.tracks[t:, row])


def test_weights_in_a_file_track_as_before(model, clip, tmp_path):
    save_checkpoint(tmp_path / "whole.safetensors", model)
    loaded, info = load_cotracker3(tmp_path / "whole.safetensors")
    assert info.config == model.config
    assert all(not buffer.is_meta for buffer in loaded.buffers())
    np.testing.assert_array_equal(tracks_of(started(loaded), clip[:20]), tracks_of(started(model), clip[:20]))
    save_checkpoint(tmp_path / "pieces", model, shard_mib=1)
    again, _ = load_cotracker3(tmp_path / "pieces")
    assert again.config == model.config


def rewritten(path, change: Callable[[dict[str, Any]], None], model: CoTracker3) -> None:
    """A file of the model whose recorded configuration is another."""
    save_checkpoint(path, model)
    config = json.loads(json.dumps(vars(model.config)))
    change(config)
    save_file(load_file(path), path, metadata={"config": json.dumps(config)})


def test_a_file_that_does_not_know_the_options_loads_as_before(tmp_path):
    def forget(config: dict[str, Any]) -> None:
        for name in OPTIONS:
            del config[name]

    rewritten(tmp_path / "old.safetensors", forget, small_model())
    loaded, info = load_checkpoint(tmp_path / "old.safetensors")
    assert not any(getattr(info.config, name) for name in OPTIONS)
    assert loaded.matching is None
    assert loaded.state_dict().keys() == small_model().state_dict().keys()


def test_files_whose_configuration_does_not_fit_are_refused(model, tmp_path):
    path = tmp_path / "wrong.safetensors"
    rewritten(path, lambda config: config.update(matching=False), model)
    with pytest.raises(InputError, match=r"chooser\.conv1\.bias does not belong"):
        load_checkpoint(path)
    rewritten(path, lambda config: config.update(levels=1), model)
    with pytest.raises(InputError, match=r"unknown configuration \(matching needs at least 2 levels"):
        load_checkpoint(path)
    rewritten(path, lambda config: config.update(matching=True), small_model())
    with pytest.raises(InputError, match=r"chooser\.conv1\.bias is missing"):
        load_checkpoint(path)


def test_everybody_asks_one_place_how_frames_are_resized(model):
    tracker = CoTrackerTracker(model, None, allow_untrained=True)
    assert network_of(tracker) is tracker.model is model
    assert WorkingResolution.of(model.config, 160, 120) == WorkingResolution(160, 120, (64, 96), area=True)
    assert WorkingResolution.of(small_model().config, 160, 120, (32, 48)) == WorkingResolution(160, 120, (32, 48))


def test_points_on_the_last_frame_of_a_window_leave_nothing_to_search(model, clip):
    session = OnlineSession(model, 96, 64)
    session.add_points(np.array([[15, 20, 40]], np.float32), np.arange(1))
    alone = track_all(session, clip[:24], 8)
    assert np.isfinite(alone.tracks[15:]).all()
    np.testing.assert_allclose(alone.tracks[15, 0], [20, 40], atol=3)
