"""Intervals of means over videos."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.evaluation.bootstrap import FEW, Interval, bootstrap_interval


def test_one_video_has_a_mean_and_no_interval() -> None:
    found = bootstrap_interval([0.7, float("nan")])
    assert (found.mean, found.count, found.known) == (0.7, 1, False)
    assert np.isnan([found.low, found.high]).all()
    nothing = bootstrap_interval([])
    assert nothing.count == 0
    assert np.isnan(nothing.mean)


def test_of_two_videos_the_interval_is_from_one_to_the_other() -> None:
    # Both draws are the lower one with a chance of 1/4, which is more than the 2.5 % that are cut off.
    assert bootstrap_interval([1.0, 4.0], resamples=2000) == Interval(2.5, 1.0, 4.0, 2)


def test_it_is_as_wide_as_the_normal_one_for_many_videos() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = bootstrap_interval(values)
    half = 1.96 * values.std() / len(values) ** 0.5
    assert found.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.15 * half)
    narrow = bootstrap_interval(values, level=0.5)
    assert found.low < narrow.low < narrow.high < found.high
    assert not found.few


def test_the_seed_alone_decides() -> None:
    values = np.random.default_rng(2).normal(size=9)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(list(values), seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)


def test_drawing_in_blocks_changes_nothing_but_memory() -> None:
    values = np.random.default_rng(3).normal(size=3000)
    found = bootstrap_interval(values, resamples=1000)
    assert found.low < values.mean() < found.high


@pytest.mark.parametrize(("level", "resamples"), [(0.0, 10), (1.0, 10), (0.9, 0)])
def test_what_cannot_be_is_refused(level: float, resamples: int) -> None:
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval([1, 2], level=level, resamples=resamples)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=12), st.integers(0, 9))
def test_it_lies_among_the_values_and_moves_with_them(values: list[float], seed: int) -> None:
    found = bootstrap_interval(values, resamples=200, seed=seed)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    moved = bootstrap_interval([value + 10 for value in values], resamples=200, seed=seed)
    assert moved.low == pytest.approx(found.low + 10, abs=1e-9)
    assert found.few == (len(values) < FEW)
