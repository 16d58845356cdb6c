"""Where labelled points start: on random frames of a shot, on whole pixels, the same with the same seed."""

import numpy as np
import pytest

from tests.small_models import small_clip
from tests.video.clips import make_pictures, write_picture
from tracker.training.label_queries import TooFewPoints, shot_queries
from tracker.video import open_source


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    folder = tmp_path_factory.mktemp("noise")
    for number, frame in enumerate(small_clip(20, 48, 32)):
        write_picture(folder / f"f_{number:02d}.png", frame.repeat(3, axis=0).repeat(3, axis=1))
    with open_source(folder) as source:
        yield source


@pytest.mark.parametrize("sampling", ["sift", "corners", "grid", "random"])
def test_points_lie_in_the_shot_and_hang_on_the_seed_alone(noise, sampling):
    options = {"sampling": sampling, "points": 30, "frames": 4}
    queries = shot_queries(noise, (5, 17), seed=[3, 1], **options)
    assert queries.dtype == np.float32
    frames, counts = np.unique(queries[:, 0], return_counts=True)
    assert len(frames) == 4
    assert counts.max() <= 8  # a fourth of them, rounded up
    assert frames.min() >= 5
    assert frames.max() < 17
    assert (queries[:, 1:] >= -0.5).all()
    assert (queries[:, 1:] < [143.5, 95.5]).all()
    np.testing.assert_array_equal(queries, shot_queries(noise, (5, 17), seed=[3, 1], **options))
    assert not np.array_equal(queries, shot_queries(noise, (5, 17), seed=[4, 1], **options))
    if sampling in ("sift", "corners"):
        assert len(queries) == 30
    assert len(np.unique(queries, axis=0)) == len(queries)


def test_sift_points_are_whole_pixels(noise):
    queries = shot_queries(noise, (0, 20), points=40)
    np.testing.assert_array_equal(queries, np.floor(queries))


def test_a_shot_of_fewer_frames_uses_them_all(noise):
    queries = shot_queries(noise, (2, 5), points=12, frames=8)
    assert np.unique(queries[:, 0]).tolist() == [2, 3, 4]


def test_too_little_texture_is_told_with_figures(tmp_path):
    folder = tmp_path / "grey"
    folder.mkdir()
    for number in range(4):
        write_picture(folder / f"f_{number}.png", np.full((64, 96, 3), 90, np.uint8))
    with open_source(folder) as source:
        for sampling in ("sift", "corners"):
            with pytest.raises(TooFewPoints, match=r"^0 of 10 points found"):
                shot_queries(source, (0, 4), points=10, sampling=sampling)
        assert len(shot_queries(source, (0, 4), points=10, sampling="random")) == 10


def test_no_point_starts_on_a_missing_frame(tmp_path):
    folder = make_pictures(tmp_path / "gappy", [0, 1, 4, 5])
    with open_source(folder) as source:
        assert source.missing == (2, 3)
        queries = shot_queries(source, (0, 6), points=24, sampling="grid")
        assert set(queries[:, 0]) == {0, 1, 4, 5}
        with pytest.raises(TooFewPoints, match="no picture"):
            shot_queries(source, (2, 4), points=24, sampling="grid")
