"""Frames by their number: the right ones, and none decoded or encoded twice."""

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.inference.scenes import panning
from tests.small_models import small_model, some_queries
from tests.video.clips import make_pictures
from tracker.files import InputError
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.features import FrameEncoder
from tracker.inference.lucas_kanade import grey_picture
from tracker.inference.run import TrackRun
from tracker.inference.session import Cancelled, Prediction
from tracker.inference.supply import FrameSupply, GreySupply, frame_keys, source_key, without_missing
from tracker.models.cotracker3 import CoTracker3
from tracker.video import VideoWriter, ViewTransform, open_source

COUNT = 24


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("supply") / "panning.mp4"
    with VideoWriter(path, 96, 64, Fraction(25)) as writer:
        for frame in panning(np.stack([0.7 * np.arange(COUNT), np.zeros(COUNT)], axis=1), 96, 64):
            writer.write(frame)
    return path


@pytest.fixture
def source(clip):
    with open_source(clip) as source:
        yield source


@pytest.fixture
def tracker():
    return CoTrackerTracker(small_model(), None, allow_untrained=True)


class Spy:
    """A source that notes which frames are decoded."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.decoded: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def frame(self, index: int) -> Any:
        self.decoded.append(index)
        return self._source.frame(index)


def encoder_calls(monkeypatch) -> list[int]:
    encoded: list[int] = []
    encode = CoTracker3.encode

    def counting(model, images, *args):
        encoded.append(len(images))
        return encode(model, images, *args)

    monkeypatch.setattr(CoTracker3, "encode", counting)
    return encoded


def test_gives_what_the_encoder_makes_of_each_frame(source, tracker):
    given = FrameSupply(source, tracker).features([7, 3, 7, 20])
    encoder = FrameEncoder(tracker.model, tracker.model.config.resolution)
    for index, (features, grey) in zip([7, 3, 7, 20], given, strict=True):
        held = encoder.hold(source.frame(index))
        with torch.inference_mode():
            encoder.encode([held])
        assert held.features is not None
        assert torch.equal(features, held.features)
        np.testing.assert_array_equal(grey, held.grey)
        assert grey.shape == tracker.model.config.resolution


def test_only_what_is_missing_is_decoded_and_encoded(source, tracker, monkeypatch):
    encoded, spy = encoder_calls(monkeypatch), Spy(source)
    supply = FrameSupply(spy, tracker)
    supply.features([5, 4, 5])
    assert (spy.decoded, sum(encoded)) == ([4, 5], 2)
    FrameSupply(spy, tracker).features([5, 6, 4, 3])
    assert (spy.decoded, sum(encoded)) == ([4, 5, 3, 6], 4)


def test_another_model_cache_or_size_is_another_frame(source, tracker):
    spy = Spy(source)
    FrameSupply(spy, tracker).features([1])
    FrameSupply(spy, tracker, FeatureCache()).features([1])
    other = CoTrackerTracker(small_model(resolution=(32, 48)), None, allow_untrained=True)
    other.cache = tracker.cache
    FrameSupply(spy, other).features([1])
    assert spy.decoded == [1, 1, 1]


@pytest.mark.parametrize("backward", [False, True])
def test_nothing_is_decoded_or_encoded_after_a_run(source, tracker, monkeypatch, backward):
    encoded, spy = encoder_calls(monkeypatch), Spy(source)
    query = some_queries(COUNT - 1 if backward else 0)
    before = list(TrackRun(source, tracker, query, np.arange(1), start=0, end=COUNT, backward=backward))
    assert sum(encoded) == COUNT
    given = FrameSupply(spy, tracker).features(range(COUNT))
    assert (spy.decoded, sum(encoded)) == ([], COUNT)
    fresh = FrameSupply(source, tracker, FeatureCache()).features(range(COUNT))
    for old, new in zip(given, fresh, strict=True):
        assert torch.equal(old.features, new.features)
        np.testing.assert_array_equal(old.grey, new.grey)
    again = list(TrackRun(source, tracker, query, np.arange(1), start=0, end=COUNT, backward=backward))
    for one, two in zip(before, again, strict=True):
        np.testing.assert_array_equal(one.tracks, two.tracks)


def test_stops_and_keeps_what_it_has(source, tracker):
    spy = Spy(source)
    supply = FrameSupply(spy, tracker)
    with pytest.raises(Cancelled):
        supply.features(range(COUNT), should_stop=lambda: len(spy.decoded) == 3)
    supply.features(range(3))
    assert spy.decoded == [0, 1, 2]


def test_grey_pictures_for_flow(source):
    spy, cache = Spy(source), FeatureCache()
    given = GreySupply(spy, cache).greys([9, 2, 9])
    for index, grey in zip([9, 2, 9], given, strict=True):
        np.testing.assert_array_equal(grey, grey_picture(source.frame(index)))
    GreySupply(spy, cache).greys([2, 3])
    assert spy.decoded == [2, 9, 3]
    with pytest.raises(Cancelled):
        GreySupply(spy, cache).greys([4], should_stop=lambda: True)


class TestSourceKey:
    def test_a_file_that_changed_is_another_source(self, tmp_path, clip):
        path = tmp_path / "one.mp4"
        path.write_bytes(clip.read_bytes())
        with open_source(path) as one, open_source(clip) as elsewhere:
            before = source_key(one)
            assert source_key(one) == before != source_key(elsewhere)
            os.utime(path, ns=(1, 1))
            assert source_key(one) != before

    def test_a_picture_that_changed_makes_another_sequence(self, tmp_path):
        for number in (1, 2, 3):
            cv2.imwrite(str(tmp_path / f"shot.{number:04d}.png"), np.full((8, 8, 3), number, np.uint8))
        with open_source(tmp_path) as sequence:
            before = source_key(sequence)
            assert source_key(sequence) == before
            os.utime(tmp_path / "shot.0002.png", ns=(1, 1))
            assert source_key(sequence) != before

    def test_a_file_that_is_gone(self, tmp_path, clip):
        path = tmp_path / "one.mp4"
        path.write_bytes(clip.read_bytes())
        with open_source(path) as source:
            path.unlink()
            with pytest.raises(InputError, match=r"one\.mp4: the file cannot be read"):
                source_key(source)


def test_a_missing_frame_is_the_one_before_it(tmp_path):
    """It has that one's name, so that nothing is encoded twice, and its picture."""
    make_pictures(tmp_path, [7, 8, 11])
    with open_source(tmp_path) as source:
        names = list(map(frame_keys(source), range(5)))
        assert names[1] == names[2] == names[3]
        assert len(set(names)) == 3
        greys = GreySupply(source, FeatureCache(1 << 30)).greys([1, 2, 3, 4])
        assert np.array_equal(greys[0], greys[1])
        assert np.array_equal(greys[0], greys[2])
        assert not np.array_equal(greys[0], greys[3])


def test_another_look_is_another_source(tmp_path):
    make_pictures(tmp_path, [1, 2])
    with open_source(tmp_path) as source:
        plain = source_key(source)
        source.view = ViewTransform(exposure=1)
        assert source_key(source) != plain
        source.view = ViewTransform()
        assert source_key(source) == plain


def test_nothing_is_known_on_missing_frames():
    values = np.ones((4, 2), np.float32)
    prediction = Prediction(3, np.arange(2), np.ones((4, 2, 2), np.float32), values, values, None, values)
    assert without_missing(prediction, (1, 9)) is prediction
    found = without_missing(prediction, (1, 4, 5))
    assert np.isnan(found.tracks[1:3]).all()
    assert np.isfinite(found.tracks[[0, 3]]).all()
    assert found.visibility[:, 0].tolist() == found.confidence[:, 0].tolist() == [1, 0, 0, 1]
    assert found.disagreement is None
    assert found.patch_change is not None
    assert np.isnan(found.patch_change[1:3]).all()
