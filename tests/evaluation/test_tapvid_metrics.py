"""The TAP-Vid metrics: equal to the published ones on every case, and to sums made by hand."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference import ROOT
from tracker.evaluation import sample_queries, tapvid_metrics

CASES = ROOT / "tapvid"
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason=f"no metric cases in {CASES}; set TRACKWRIGHT_REFERENCE")
INPUTS = ("query_points", "gt_occluded", "gt_tracks", "pred_occluded", "pred_tracks")
ONE = (np.zeros((1, 1, 3)), np.zeros((1, 1, 6), bool))  # one query on frame 0 of six, always visible


def cases(name: str) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    with np.load(CASES / f"{name}.npz") as file:
        return json.loads((CASES / f"{name}.json").read_text()), {key: file[key] for key in file.files}


@needs_cases
def test_every_published_case_comes_out_the_same():
    listed, arrays = cases("metrics_cases")
    for case in listed:
        inputs: dict[str, Any] = {name: arrays[f"{case['name']}/in/{name}"] for name in INPUTS}
        for trackwise, place in ((False, "out"), (True, "out_trackwise")):
            found = tapvid_metrics(**inputs, query_mode=case["query_mode"], trackwise=trackwise)
            prefix = f"{case['name']}/{place}/"
            expected = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                assert found[name].shape == value.shape
                np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-6, err_msg=prefix + name)


@needs_cases
@pytest.mark.parametrize("mode", ["first", "strided"])
def test_every_published_query_comes_out_the_same(mode):
    listed, arrays = cases("query_sampling_cases")
    for case in listed:
        name = case["name"]
        found = sample_queries(arrays[f"{name}/in/occluded"], arrays[f"{name}/in/points_raster"], mode, case["stride"])
        compared = 0
        for part in ("query_points", "target_points", "occluded", "trackgroup"):
            if f"{name}/{mode}/{part}" in arrays:
                compared += 1
                expected = arrays[f"{name}/{mode}/{part}"]
                np.testing.assert_allclose(np.asarray(getattr(found, part))[None], expected, rtol=0, atol=1e-6)
        assert compared >= 3


def score_offsets(offsets: list[float], called_hidden: list[bool] | None = None, **options: Any) -> dict[str, float]:
    """One point, off by so many pixels on each of the six frames."""
    queries, hidden = ONE
    truth = np.full((1, 1, 6, 2), 100.0)
    guess = truth + np.array([[o, 0.0] for o in offsets])
    called = np.array(called_hidden or [False] * 6)[None, None]
    scores = tapvid_metrics(queries, options.pop("hidden", hidden), truth, called, guess, "first", **options)
    return {name: float(value[0]) for name, value in scores.items()}


def test_a_distance_of_exactly_the_threshold_is_outside():
    scores = score_offsets([0, 1, 0.999, 2, 16, 15.999])
    assert scores["pts_within_1"] == pytest.approx(1 / 5)
    assert scores["pts_within_2"] == pytest.approx(2 / 5)
    assert scores["pts_within_16"] == pytest.approx(4 / 5)


def test_a_visible_miss_counts_as_missed_and_as_false():
    scores = score_offsets([0, 0, 0, 0, 50, 50])
    assert scores["jaccard_1"] == pytest.approx(3 / (5 + 2))
    assert score_offsets([0, 0, 0, 0, 50, 50], [False] * 4 + [True] * 2)["jaccard_1"] == pytest.approx(3 / 5)


def test_what_is_not_labelled_counts_for_nothing():
    labelled = np.array([True, True, True, False, False, False])[None, None]
    hidden = np.array([False, False, True, True, True, True])[None, None]
    scores = score_offsets([0, 0, 50, 50, 50, 50], [False, False, True, False, False, False], hidden=hidden)
    assert scores["occlusion_accuracy"] == pytest.approx(2 / 5)
    assert scores["jaccard_4"] == pytest.approx(1 / 4)
    only = score_offsets(
        [0, 0, 50, 50, 50, 50], [False, False, True, False, False, False], hidden=hidden, labelled=labelled
    )
    assert only["occlusion_accuracy"] == 1
    assert only["jaccard_4"] == 1


@pytest.mark.parametrize(("mode", "expected"), [("first", 1.0), ("strided", 0.5)])
def test_the_strided_mode_looks_at_frames_before_the_query(mode, expected):
    queries = np.array([[[2.0, 0, 0]]])
    hidden, truth = np.zeros((1, 1, 5), bool), np.zeros((1, 1, 5, 2))
    guess = truth.copy()
    guess[:, :, :2] = 99
    guess[:, :, 2] = 99  # the query's own frame never counts
    scores = tapvid_metrics(queries, hidden, truth, hidden, guess, mode)
    assert scores["average_pts_within_thresh"] == [expected]


def test_arrays_that_do_not_fit_are_refused():
    queries, hidden = ONE
    truth = np.zeros((1, 1, 6, 2))
    with pytest.raises(ValueError, match="query mode"):
        tapvid_metrics(queries, hidden, truth, hidden, truth, "last")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="fit"):
        tapvid_metrics(queries, hidden, truth, hidden, truth[:, :, :5], "first")
    with pytest.raises(ValueError, match="queries of shape"):
        tapvid_metrics(queries[:, :, :2], hidden, truth, hidden, truth, "first")


@given(st.integers(0, 2**32 - 1))
def test_every_strided_query_is_a_visible_point_of_its_track(seed):
    random = np.random.default_rng(seed)
    hidden, points = random.random((4, 13)) < 0.5, random.random((4, 13, 2))
    found = sample_queries(hidden, points, "strided", 3)
    times = found.query_points[:, 0].astype(int)
    assert not hidden[found.trackgroup, times].any()
    assert (~hidden[:, ::3]).sum() == len(times)
    np.testing.assert_array_equal(points[found.trackgroup, times, ::-1], found.query_points[:, 1:])
    assert (np.lexsort((found.trackgroup, times)) == np.arange(len(times))).all()


def test_tracks_that_are_never_visible_are_not_asked_for():
    found = sample_queries(np.ones((3, 4), bool), np.zeros((3, 4, 2)), "first")
    assert found.query_points.shape == (0, 3)
    assert found.target_points.shape == (0, 4, 2)
