"""The cache of features: bounded, least recently used first, and never the wrong frame's."""

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_models import small_clip, small_model
from tracker.inference.feature_cache import FeatureCache, default_budget
from tracker.inference.feature_store import FrameEntry
from tracker.inference.features import FrameEncoder, resize_by_area, resize_frames
from tracker.inference.resolution import WorkingResolution


def entry(size: int) -> FrameEntry:
    """Of 5 * `size` bytes."""
    return FrameEntry(np.zeros((1, size), np.uint8), torch.zeros(size))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=40), st.integers(0, 400))
def test_never_more_than_allowed(puts, limit):
    cache = FeatureCache(limit)
    for name, size in puts:
        cache.put(bytes([name]), entry(size))
        assert cache.used_bytes <= limit
    left = [found for name in range(10) if (found := cache.get(bytes([name]))) is not None]
    assert cache.used_bytes == sum(5 * found.grey.size for found in left)
    assert len(cache) == len(left)
    cache.max_bytes = limit // 2
    assert cache.used_bytes <= limit // 2
    cache.clear()
    assert (cache.used_bytes, len(cache)) == (0, 0)


def test_a_quarter_of_the_machine():
    assert FeatureCache().max_bytes == default_budget() == psutil.virtual_memory().total // 4


@pytest.mark.parametrize("shrink", [False, True])
def test_the_least_recently_used_goes_first(shrink):
    cache = FeatureCache(3 * 50)
    for name in (b"a", b"b", b"c"):
        cache.put(name, entry(10))
    cache.get(b"a")
    if shrink:
        cache.max_bytes = 149
    else:
        cache.put(b"d", entry(10))
    there = [cache.get(name) is not None for name in (b"a", b"b", b"c", b"d")]
    assert there == [True, False, True, not shrink]


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


@given(
    st.tuples(*[st.integers(1, 4000)] * 4),
    st.lists(st.tuples(*[st.floats(-500, 5000, width=32)] * 2), min_size=1, max_size=5),
    st.booleans(),
)
def test_into_working_pixels_and_back(sizes, points, area):
    width, height, *resolution = sizes
    # Where a side is one pixel long, there is no distance between corner pixels to go by.
    space = WorkingResolution(max(2, width), max(2, height), (max(2, resolution[0]), max(2, resolution[1])), area)
    given_points = torch.tensor(points, dtype=torch.float64)
    torch.testing.assert_close(space.to_video(space.to_model(given_points)), given_points, atol=1e-6, rtol=0)


@settings(max_examples=30, deadline=None)
@given(x=st.floats(12, 105), y=st.floats(12, 75))
def test_a_dot_is_where_the_space_says_when_areas_are_averaged(x, y):
    rows, columns = np.mgrid[0:90, 0:120]
    dot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))
    picture = np.repeat(np.rint(dot).astype(np.uint8)[..., None], 3, axis=2)
    small = resize_by_area(picture, (30, 40))[..., 0].astype(float)
    rows, columns = np.mgrid[0:30, 0:40]
    centre = [(small * columns).sum() / small.sum(), (small * rows).sum() / small.sum()]
    expected = WorkingResolution(120, 90, (30, 40), area=True).to_model(torch.tensor([x, y]))
    np.testing.assert_allclose(centre, expected, atol=0.1)


def test_areas_are_averaged_on_each_side_that_shrinks():
    frame = small_clip(1, 12, 8)[0]
    whole = resize_by_area(frame, (4, 4)).astype(float)
    np.testing.assert_allclose(whole, frame.reshape(4, 2, 4, 3, 3).mean((1, 3)), atol=0.51)
    one_side = resize_by_area(frame, (8, 4)).astype(float)
    np.testing.assert_allclose(one_side, frame.reshape(8, 4, 3, 3).mean(2), atol=0.51)
    np.testing.assert_array_equal(resize_by_area(frame, (8, 12)), frame)
    assert resize_by_area(frame, (16, 6)).shape == (16, 6, 3)


def test_frames_are_resized_as_the_network_wants_them():
    frame = small_clip(1, 192, 128)[0]
    for area in (False, True):
        model = small_model(area_resize=area)
        image = FrameEncoder(model, model.config.resolution).hold(frame).image
        assert image is not None
        mean = frame.reshape(64, 2, 96, 2, 3).mean((1, 3))
        assert np.allclose(image.permute(1, 2, 0).numpy(), mean, atol=0.51) == area
