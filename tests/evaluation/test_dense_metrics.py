"""Metrics with hidden points: equal to the published ones on every case, and to sums made by hand."""

import numpy as np
import pytest

from tests.evaluation.test_tapvid_metrics import cases, needs_cases
from tracker.evaluation import dense_track_metrics, redetection_metrics


@needs_cases
def test_every_published_case_comes_out_the_same():
    listed, arrays = cases("metrics_dense_synth_cases")
    for case in listed:
        truth, guess, visible, called, size = (
            arrays[f"{case['name']}/in/{name}"]
            for name in ("gt_tracks", "pred_tracks", "gt_visible", "pred_visible", "hw")
        )
        for place, found in (
            ("out", dense_track_metrics(truth, guess, visible, (int(size[0]), int(size[1])))),
            ("aj_rd", redetection_metrics(truth, guess, visible, called)),
        ):
            prefix = f"{case['name']}/{place}/"
            expected = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-6, err_msg=prefix + name)


def scores(errors: list[float], visible: list[int]) -> dict[str, float]:
    """One track in frames of 256x256, so that a pixel is a pixel, off by `errors` in y."""
    truth = np.zeros((1, len(errors), 1, 2))
    guess = truth.copy()
    guess[0, :, 0, 1] = errors
    return dense_track_metrics(truth, guess, np.array(visible, bool)[None, :, None], (256, 256))


def test_visible_and_hidden_points_after_the_first_visible_frame_are_scored_apart():
    found = scores([99, 99, 0.5, 3, 0.5, 9], [0, 1, 1, 1, 0, 0])
    assert found["accuracy_vis_1"] == pytest.approx(50, abs=1e-3)
    assert found["accuracy_vis_4"] == pytest.approx(100, abs=1e-3)
    assert found["accuracy_occ_8"] == pytest.approx(50, abs=1e-3)
    assert found["accuracy_16"] == pytest.approx(100, abs=1e-3)


def test_a_track_dies_where_a_visible_point_is_far_off_and_stays_dead():
    assert scores([0, 60, 0, 0], [1, 0, 1, 1])["survival"] == 100
    assert scores([0, 60, 0, 0], [1, 1, 1, 1])["survival"] == 25
    assert scores([0, np.nan, 0, 0], [1, 1, 1, 1])["survival"] == 25


def test_distances_are_measured_in_a_frame_of_256():
    truth, visible = np.zeros((1, 2, 1, 2)), np.ones((1, 2, 1), bool)
    guess = truth + np.array([3.0, 0.0])  # 1.5 of the 256 pixels of a frame of 511
    found = dense_track_metrics(truth, guess, visible, (256, 511))
    assert found["accuracy_vis_1"] == 0
    assert found["accuracy_vis_2"] == pytest.approx(100, abs=1e-3)


def test_only_longer_absences_than_before_are_reappearances():
    visible = np.array([1, 0, 1, 0, 1, 0, 0, 1], bool)[None, :, None]
    truth = np.zeros((1, 8, 1, 2))
    guess = truth.copy()
    guess[0, 7] = 20  # off at the end alone
    found = redetection_metrics(truth, guess, visible, visible)
    # From frame 2: three visible, the last missed and false: 2 / (3 + 1). From frame 7: 0 / (1 + 1).
    assert found["AJ_RD_D1_dmin1"] == pytest.approx((2 / 4 + 0) / 2)
    assert np.isnan(found["AJ_RD_dmin4"])
    assert found["AJ_RD"] == found["AJ_RD_dmin1"]
