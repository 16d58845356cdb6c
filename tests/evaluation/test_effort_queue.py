"""How soon a queue finds what is wrong."""

import numpy as np
import pytest

from tracker.evaluation.effort_queue import QueueCells, queue_rows, queue_share


def test_the_first_tenth_is_counted() -> None:
    error = np.arange(20, dtype=np.float64).reshape(2, 10)
    judged = np.ones((2, 10), bool)
    bad = np.zeros((2, 10), bool)
    bad[1, 9] = bad[1, 8] = bad[0, 0] = True
    assert queue_share(error, bad, judged) == pytest.approx(2 / 3)
    assert queue_share(-error, bad, judged) == pytest.approx(1 / 3)
    assert queue_share(error, bad, judged, share=1.0) == 1
    judged[1, 9] = False  # neither looked at nor to be found
    assert queue_share(error, bad, judged) == pytest.approx(1 / 2)  # frames 18 and 17 of 19 are looked at


def test_equal_ones_count_as_their_mean_and_unknown_ones_come_last() -> None:
    bad = np.array([[True, False, False, True]])
    judged = np.ones((1, 4), bool)
    assert queue_share(np.zeros((1, 4)), bad, judged, share=0.5) == pytest.approx(0.5)
    assert queue_share(np.array([[2.0, 1, 1, 1]]), bad, judged, share=0.5) == pytest.approx((1 + 1 / 3) / 2)
    assert queue_share(np.array([[np.nan, 1, 1, 1]]), bad, judged, share=0.75) == pytest.approx(1 / 2)
    assert queue_share(np.array([[np.inf, 1, 1, 2]]), bad, judged, share=0.25) == pytest.approx(1 / 2)
    assert np.isnan(queue_share(np.zeros((1, 4)), np.zeros((1, 4), bool), judged))


def test_all_clips_are_one_queue() -> None:
    bad = np.zeros((1, 100), bool)
    bad[0, :10] = True
    judged = np.ones((1, 100), bool)
    knows = QueueCells(bad, judged, bad * 9.0, 1.0 - bad)
    fine = QueueCells(np.zeros_like(bad), judged, np.zeros((1, 100)), np.zeros((1, 100)))
    rows = {row["clip"]: row for row in queue_rows({"wrong": knows, "fine": fine}, seed=0)}
    assert [(row["frames"], row["bad"]) for row in rows.values()] == [(100, 10), (100, 0), (200, 10)]
    assert (rows["wrong"]["expected_error"], rows["wrong"]["confidence"], rows["wrong"]["best"]) == (1, 0, 1)
    assert rows["fine"]["expected_error"] is None
    assert (rows["all"]["expected_error"], rows["all"]["confidence"]) == (1, 0)
    assert rows["all"]["random"] == pytest.approx(0.1, abs=0.3)
