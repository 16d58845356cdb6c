"""Points on grids, in masks, on keypoints and at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inference.scenes import panning
from tracker.inference.sampling import METHODS, grid_points, sample_points

IMAGE = panning(np.zeros((1, 2)), 200, 150)[0]


def disc(width: int = 200, height: int = 150) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (x - 60) ** 2 + (y - 70) ** 2 < 40**2


class TestGrid:
    def test_is_the_models_grid_at_the_models_size(self):
        points = grid_points(512, 384, 3)
        assert points.dtype == np.float32
        assert points.tolist() == [[x, y] for y in (8, 192, 376) for x in (8, 256, 504)]

    def test_scales_corner_to_corner(self):
        np.testing.assert_allclose(grid_points(1023, 767, 5), grid_points(512, 384, 5) * 2, rtol=1e-6)

    def test_one_point_is_the_centre(self):
        np.testing.assert_allclose(grid_points(512, 384, 1), [[256, 192]])

    def test_mask_keeps_what_lies_inside(self):
        mask = disc()
        kept = grid_points(200, 150, 20, mask)
        every = grid_points(200, 150, 20)
        inside = np.array([mask[round(float(y)), round(float(x))] for x, y in every])
        np.testing.assert_array_equal(kept, every[inside])
        assert 0 < len(kept) < len(every)

    @pytest.mark.parametrize(("n", "mask", "message"), [(0, None, "at least 1"), (3, np.zeros((150, 200)), "empty")])
    def test_refuses(self, n, mask, message):
        with pytest.raises(ValueError, match=message):
            grid_points(200, 150, n, mask)

    def test_refuses_a_mask_between_its_points(self):
        mask = np.zeros((150, 200), bool)
        mask[40, 40] = True
        with pytest.raises(ValueError, match="finer grid"):
            grid_points(200, 150, 3, mask)


class TestSampling:
    @pytest.mark.parametrize("method", METHODS)
    @settings(max_examples=8, deadline=None)
    @given(count=st.integers(2, 80), spacing=st.sampled_from([0, 4, 11.5]), masked=st.booleans())
    def test_count_spacing_mask_and_frame_are_kept(self, method, count, spacing, masked):
        mask = disc() if masked else None
        points = sample_points(IMAGE, method, count, spacing=spacing, mask=mask)
        assert points.dtype == np.float32
        assert points.shape[1] == 2
        assert 1 <= len(points) <= count
        assert (points >= 0).all()
        assert (points <= [199, 149]).all()
        if len(points) > 1 and spacing:
            distances = np.linalg.norm(points[:, None] - points[None], axis=2)
            assert distances[np.triu_indices(len(points), 1)].min() >= spacing - 1e-3
        if masked:
            columns, rows = np.rint(points).astype(int).T
            assert disc()[rows, columns].all()
        np.testing.assert_array_equal(points, sample_points(IMAGE, method, count, spacing=spacing, mask=mask))

    @pytest.mark.parametrize("count", [10, 100, 1000])
    def test_grid_comes_close_to_the_count(self, count):
        assert 0.75 * count <= len(sample_points(IMAGE, "grid", count)) <= count

    def test_random_has_a_seed(self):
        a, b = (sample_points(IMAGE, "random", 50, seed=seed) for seed in (1, 2))
        assert len(a) == len(b) == 50
        assert not np.array_equal(a, b)

    def test_random_in_a_mask_of_one_pixel(self):
        mask = np.zeros((150, 200), np.uint8)
        mask[30, 40] = 255
        for method in ("random", "grid"):
            points = sample_points(IMAGE, method, 3, mask=mask)
            assert np.abs(points - [40, 30]).max() <= 0.5

    def test_corners_lie_on_corners(self):
        image = np.zeros((100, 100, 3), np.uint8)
        image[30:60, 20:70] = 255
        points = sample_points(image, "corners", 10, spacing=8)
        truth = np.array([[x, y] for x in (20, 69) for y in (30, 59)])
        assert len(points) == 4
        assert all(np.linalg.norm(truth - point, axis=1).min() < 2.5 for point in points)

    @pytest.mark.parametrize(
        ("method", "options", "message"),
        [
            ("random", {"count": 0}, "at least 1"),
            ("random", {"mask": np.zeros((150, 200))}, "the mask is empty"),
            ("random", {"mask": np.ones((10, 10))}, "200 × 150"),
            ("lucky", {}, "there are grid, sift, corners, random"),
        ],
    )
    def test_refuses(self, method, options, message):
        with pytest.raises(ValueError, match=message):
            sample_points(IMAGE, method, **{"count": 5, **options})

    @pytest.mark.parametrize(("method", "what"), [("sift", "SIFT keypoints"), ("corners", "corners")])
    def test_says_when_there_is_no_texture(self, method, what):
        with pytest.raises(ValueError, match=f"no {what} found"):
            sample_points(np.full((50, 60, 3), 80, np.uint8), method, 5)
