"""First guesses by optical flow: on pictures whose motion is known, and where there is nothing to follow."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.inference.scenes import panning
from tests.small_models import small_model
from tracker.models.estimate import first_guess
from tracker.models.guess import follow_flow, grey_frames

SHIFTS = np.stack([2.3 * np.arange(8), -1.7 * np.arange(8)], axis=1)


@pytest.fixture(scope="module")
def greys() -> NDArray[np.uint8]:
    return np.ascontiguousarray(panning(SHIFTS)[..., 0])


def resting(*points: tuple[float, float], length: int = 8) -> NDArray[np.float32]:
    return np.repeat(np.array(points, np.float32)[:, None], length, axis=1)


def test_follows_a_moving_texture_to_a_fraction_of_a_pixel(greys):
    coords = resting((60, 70), (31.4, 55.8), (90, 80))
    start = coords[:, :1].copy()
    follow_flow(greys, coords, np.zeros(3, np.int64))
    np.testing.assert_allclose(coords, start + SHIFTS, atol=0.1)


def test_goes_on_from_the_last_known_frame_of_each_point(greys):
    coords = resting((60, 70), (60, 70), (60, 70), (60, 70))
    known = np.array([0, 3, 7, 50])
    follow_flow(greys, coords, known)
    for row, until in enumerate(np.minimum(known, 7)):
        assert (coords[row, : until + 1] == (60, 70)).all()
        np.testing.assert_allclose(coords[row, until:], np.add((60, 70), SHIFTS[until:] - SHIFTS[until]), atol=0.1)


def test_what_lies_outside_or_leaves_keeps_its_place(greys):
    coords = resting((-3, 40), (159.5, 40), (1e9, -1e9), (np.nan, 5))
    before = coords.copy()
    follow_flow(greys, coords, np.zeros(4, np.int64))
    np.testing.assert_array_equal(coords, before)
    leaving = resting((155, 70))
    follow_flow(greys, leaving, np.zeros(1, np.int64))
    assert np.isfinite(leaving).all()
    gone = np.flatnonzero(leaving[0, :, 0] > 159)
    assert (leaving[0, gone] == leaving[0, gone[:1]]).all()


def test_where_there_is_no_texture_a_point_keeps_its_place():
    coords = resting((20, 20))
    follow_flow(np.full((8, 48, 64), 90, np.uint8), coords, np.zeros(1, np.int64))
    np.testing.assert_array_equal(coords, resting((20, 20)))


def test_no_points_and_one_frame(greys):
    follow_flow(greys, np.zeros((0, 8, 2), np.float32), np.zeros(0, np.int64))
    one = resting((20, 20), length=1)
    follow_flow(greys[:1], one, np.zeros(1, np.int64))
    assert one.tolist() == [[[20, 20]]]


def test_grey_is_the_brightness():
    colours = torch.tensor([[255.0, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 10, 10]])
    grey = grey_frames(colours[:, :, None, None].expand(-1, -1, 2, 3))
    assert grey.dtype == np.uint8
    assert grey.shape == (5, 2, 3)
    assert grey[:, 0, 0].tolist() == [76, 150, 29, 255, 10]


def test_a_network_moves_only_the_frames_it_does_not_know():
    model = small_model(flow=True).double()
    video = torch.from_numpy(panning(SHIFTS, 96, 64)).permute(0, 3, 1, 2)[None].double()
    points = torch.tensor([[[10.1, 8.3], [12.7, 6.9]]], dtype=torch.float64)
    known = torch.tensor([[2, 8]])
    guess = first_guess(points, 8)
    moved = model.follow(guess, known, [], [], grey_frames(video)).coords
    assert torch.equal(moved[0, 1], guess.coords[0, 1])
    assert torch.equal(moved[0, 0, :3], guess.coords[0, 0, :3])
    expected = points[0, 0].numpy() + (SHIFTS[3:] - SHIFTS[2]) / 4
    np.testing.assert_allclose(moved[0, 0, 3:], expected, atol=0.05)


def test_a_network_that_follows_flow_needs_the_frames():
    model = small_model(flow=True)
    features = model.encode(torch.zeros(2, 3, 64, 96))[None]
    with pytest.raises(ValueError, match="this network needs the frames in grey too"):
        model.track(features, torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1, 2))
