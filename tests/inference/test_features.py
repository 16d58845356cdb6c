"""The cache of features: bounded, least recently used first, and never the wrong frame's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.small_models import small_clip, small_model
from tracker.inference.features import FeatureCache, FrameEncoder, resize_frames
from tracker.inference.resolution import WorkingResolution


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=40), st.integers(0, 400))
def test_never_more_than_allowed(puts, limit):
    cache = FeatureCache(limit)
    for name, size in puts:
        cache.put(bytes([name]), torch.zeros(size))
        assert cache.used_bytes <= limit
    left = [found for name in range(10) if (found := cache.get(bytes([name]))) is not None]
    assert cache.used_bytes == sum(4 * len(found) for found in left)
    assert len(cache) == len(left)
    cache.clear()
    assert (cache.used_bytes, len(cache)) == (0, 0)


def test_the_least_recently_used_goes_first():
    cache = FeatureCache(3 * 40)
    for name in (b"a", b"b", b"c"):
        cache.put(name, torch.zeros(10))
    cache.get(b"a")
    cache.put(b"d", torch.zeros(10))
    assert [cache.get(name) is not None for name in (b"a", b"b", b"c", b"d")] == [True, False, True, True]


def features(model, frame, resolution, cache):
    encoder = FrameEncoder(model, resolution, cache)
    held = encoder.hold(frame)
    was_known = held.features is not None
    encoder.encode([held])
    return was_known, held.features


def test_only_the_same_frame_model_and_size_is_found():
    cache, model, (one, other) = FeatureCache(), small_model(), small_clip(2)
    size = model.config.resolution
    changed = small_model()
    with torch.no_grad():
        changed.fnet.conv3.weight += 1
        known, first = features(model, one, size, cache)
        assert not known
        known, again = features(model, one.copy(), size, cache)
        assert known
        assert torch.equal(first, again)
        assert not features(model, other, size, cache)[0]
        assert not features(changed, one, size, cache)[0]
        assert not features(model, one, (32, 48), cache)[0]
        assert not features(model, one.reshape(120, 80, 3), size, cache)[0]


@pytest.mark.parametrize("at_once", [None, 1, 2, 5])
def test_batches_do_not_matter(at_once):
    model = small_model()
    encoder = FrameEncoder(model, model.config.resolution)
    held = [encoder.hold(frame) for frame in small_clip(5)]
    with torch.no_grad():
        encoder.encode(held, at_once)
        alone = model.encode(resize_frames(small_clip(5)[3:4], model.config.resolution, torch.device("cpu")))
    torch.testing.assert_close(held[3].features, alone[0], atol=1e-5, rtol=0)
    assert all(frame.image is None for frame in held)


def test_corners_stay_corners():
    frame = small_clip(1, 9, 7)
    big = resize_frames(frame, (40, 50), torch.device("cpu"))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(big[[0, 0, -1, -1], [0, -1, 0, -1]], frame[0][[0, 0, -1, -1], [0, -1, 0, -1]], atol=1e-3)
    space = WorkingResolution(9, 7, (40, 50))
    corner = torch.tensor([8.0, 6.0])
    assert space.to_model(corner).tolist() == [49, 39]
    torch.testing.assert_close(space.to_video(space.to_model(corner)), corner)
