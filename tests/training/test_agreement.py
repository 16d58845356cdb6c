"""Several opinions become one label: its place, its visibility, and how far the opinions lie apart."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.training.agreement import agree, round_trip_miss


def opinions(*positions: tuple[float, float]) -> np.ndarray:
    """(K, 1, 1, 2): K opinions on one cell."""
    return np.array(positions, np.float32).reshape(-1, 1, 1, 2)


def flags(*values: bool) -> np.ndarray:
    return np.array(values, bool).reshape(-1, 1, 1)


def sure(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, 1, 1)


def test_one_opinion_is_the_label_and_nobody_disagrees():
    label = agree(opinions((3, 4)), flags(True), sure(0.7))
    assert label.xy[0, 0].tolist() == [3, 4]
    assert label.visible[0, 0]
    assert label.confidence[0, 0] == pytest.approx(0.7)
    assert np.isnan(label.disagreement).all()
    assert not label.split.any()


def test_the_odd_one_out_does_not_move_the_label():
    label = agree(opinions((10, 10), (11, 10), (500, 10)), flags(True, True, False), sure(0.5, 0.5, 0.9))
    assert label.xy[0, 0].tolist() == [11, 10]
    assert label.disagreement[0, 0] == pytest.approx((1 + 489) / 2, rel=1e-3)
    assert label.visible[0, 0]
    assert label.split[0, 0]
    assert (label.votes[0, 0], label.voters[0, 0]) == (2, 3)


def test_of_two_the_more_certain_one_is_taken_and_a_tie_is_hidden():
    label = agree(opinions((0, 0), (6, 8)), flags(True, False), sure(0.3, 0.8))
    assert label.xy[0, 0].tolist() == [6, 8]
    assert label.disagreement[0, 0] == 10
    assert not label.visible[0, 0]


def test_who_does_not_vouch_places_nothing_where_somebody_does_but_casts_doubt():
    label = agree(opinions((0, 0), (90, 0), (90, 0)), flags(True, False, False), sure(0.3, 0, 0))
    assert label.xy[0, 0].tolist() == [0, 0]
    assert label.disagreement[0, 0] == 90
    assert label.confidence[0, 0] == pytest.approx(0.3)
    assert label.certainty[0, 0] == pytest.approx(0.1)
    lost = agree(opinions((90, 0)), flags(False), sure(0))
    assert lost.xy[0, 0].tolist() == [90, 0]
    assert lost.confidence[0, 0] == 0


def test_where_nobody_says_anything_there_is_no_label():
    label = agree(opinions((np.nan, np.nan), (np.nan, np.nan)), flags(False, False), sure(0, 0))
    assert np.isnan(label.xy).all()
    assert label.voters[0, 0] == 0
    assert not label.visible[0, 0]


def test_a_way_back_that_parts_from_the_way_out_casts_doubt_from_there_on():
    path = np.zeros((1, 7, 2), np.float32)
    back = path.copy()
    back[0, :, 0] = [5, 0, 0, 0, 2, 0, np.nan]  # the query is on frame 2
    path[0, 0] = np.nan
    back[0, 1, 1] = 1
    miss = round_trip_miss(path, back, np.array([2]))
    np.testing.assert_array_equal(miss, [[np.nan, 1, 0, 0, 2, 2, 2]])
    label = agree(
        path[None],
        np.ones((1, 1, 7), bool),
        np.ones((1, 1, 7), np.float32),
        trips=back[None],
        query_frames=np.array([2]),
    )
    np.testing.assert_array_equal(label.disagreement, miss.astype(np.float16))


def test_several_opinions_disagree_among_themselves_whatever_their_ways_back():
    two = opinions((0, 0), (3, 4))
    label = agree(two, flags(True, True), sure(0.9, 0.8), trips=two + 50, query_frames=np.array([0]))
    assert label.disagreement[0, 0] == 5


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        agree(opinions((0, 0)), flags(True, True), sure(1))
    with pytest.raises(ValueError, match="frames of the queries"):
        agree(opinions((0, 0)), flags(True), sure(1), trips=opinions((0, 0)))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), k=st.integers(1, 4), shift=st.integers(-50, 50))
def test_the_label_moves_with_the_opinions_and_does_not_hang_on_their_order(seed, k, shift):
    random = np.random.default_rng(seed)
    xy = random.integers(0, 64, (k, 2, 3, 2)).astype(np.float32)
    seen = random.random((k, 2, 3)) < 0.5
    certainty = random.uniform(0.1, 1, (k, 2, 3)).astype(np.float32)
    label = agree(xy, seen, certainty)
    moved = agree(xy + np.float32(shift), seen, certainty)
    np.testing.assert_array_equal(moved.xy - np.float32(shift), label.xy)
    np.testing.assert_array_equal(moved.disagreement, label.disagreement)
    order = random.permutation(k)
    other = agree(xy[order], seen[order], certainty[order])
    np.testing.assert_array_equal(other.visible, label.visible)
    np.testing.assert_allclose(other.confidence, label.confidence, rtol=1e-5)
    if k != 2:  # floats add up otherwise; of two the certainty decides alone
        return
    np.testing.assert_array_equal(other.xy, label.xy)
