"""The TAPVid-3D metrics: equal to the published ones on every case and scaling, and to sums made by hand."""

from typing import get_args

import numpy as np
import pytest

from tests.evaluation.test_tapvid_metrics import cases, needs_cases
from tracker.evaluation import tapvid3d_metrics
from tracker.evaluation.metrics3d import Scaling

INPUTS = ("gt_occluded", "gt_tracks", "pred_occluded", "pred_tracks", "intrinsics")


@needs_cases
@pytest.mark.parametrize("scaling", get_args(Scaling))
@pytest.mark.parametrize("kind", ["pixel", "fixed"])
def test_every_published_case_comes_out_the_same(scaling, kind):
    listed, arrays = cases("metrics3d_cases")
    for case in listed:
        name = case["name"]
        given = [arrays[f"{name}/in/{part}"] for part in INPUTS]
        queries = arrays[f"{name}/in/query_points"]
        found = tapvid3d_metrics(*given, scaling=scaling, fixed=kind == "fixed", query_points=queries)
        prefix = f"{name}/out/{scaling}/{kind}/"
        expected = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
        assert found.keys() == expected.keys()
        for metric, value in expected.items():
            assert found[metric].shape == value.shape
            np.testing.assert_allclose(found[metric], value, rtol=0, atol=1e-6, err_msg=prefix + metric)


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hidden flags (2, 5), tracks (2, 5, 3) at depths of 2 and 4 m, queries on frame 0."""
    tracks = np.zeros((2, 5, 3))
    tracks[:, :, 0] = [[1.0], [-1.0]]
    tracks[:, :, 2] = [[2.0], [4.0]]
    return np.zeros((2, 5), bool), tracks, np.zeros((2, 3))


@pytest.mark.parametrize("scaling", sorted(set(get_args(Scaling)) - {"none"}))
def test_an_unknown_scale_does_not_matter(scaling):
    hidden, tracks, queries = scene()
    found = tapvid3d_metrics(
        hidden, tracks, hidden, 3 * tracks, (200.0, 200.0, 128.0, 128.0), scaling=scaling, query_points=queries
    )
    np.testing.assert_allclose(found["average_jaccard"], 1)


def test_a_pixel_is_wider_where_the_point_is_farther():
    hidden, tracks, _ = scene()
    guess = tracks.copy()
    guess[..., 1] += 0.03  # 3 pixels at 2 m with a focal length of 200, 1.5 pixels at 4 m
    found = tapvid3d_metrics(hidden, tracks, hidden, guess, (200.0, 200.0, 0.0, 0.0), scaling="none")
    assert found["pts_within_1"] == [0]
    assert found["pts_within_2"] == [0.5]
    assert found["pts_within_4"] == [1]
    fixed = tapvid3d_metrics(hidden, tracks, hidden, guess, (200.0, 200.0, 0.0, 0.0), scaling="none", fixed=True)
    assert [float(fixed[f"pts_within_{k}"][0]) for k in (1, 2)] == [0, 1]


def test_what_is_missing_or_unknown_is_refused():
    hidden, tracks, _ = scene()
    with pytest.raises(ValueError, match="needs the query points"):
        tapvid3d_metrics(hidden, tracks, hidden, tracks, (1, 1, 0, 0), scaling="per_trajectory")
    with pytest.raises(ValueError, match="none of"):
        tapvid3d_metrics(hidden, tracks, hidden, tracks, (1, 1, 0, 0), scaling="guess")  # type: ignore[arg-type]
