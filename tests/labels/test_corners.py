"""Which of four points is which corner."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.labels.corners import order_corners

SQUARE = np.array([[10, 20], [110, 25], [105, 130], [8, 120]], dtype=np.float64)


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_corners_are_named_however_they_were_picked(order: tuple[int, ...]) -> None:
    picked = SQUARE[list(order)]
    assert np.array_equal(picked[order_corners(picked)], SQUARE)


def test_a_plane_on_its_tip_has_one_answer_for_every_order() -> None:
    tip = np.array([[50, 0], [100, 50], [50, 100], [0, 50]], dtype=np.float64)
    answers = {
        tuple(map(tuple, tip[list(order)][order_corners(tip[list(order)])].tolist()))
        for order in permutations(range(4))
    }
    assert len(answers) == 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-30, 30), min_size=8, max_size=8),
    st.floats(-0.6, 0.6),
    st.floats(5, 400),
    st.permutations(range(4)),
)
def test_a_leaning_and_bent_plane_keeps_its_corners(
    bend: list[float], angle: float, size: float, order: list[int]
) -> None:
    unit = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    plane = (unit + np.array(bend).reshape(4, 2) / 200) @ turn.T * size + [300, 200]
    picked = plane[order]
    assert np.array_equal(picked[order_corners(picked)], plane)


@pytest.mark.parametrize(
    ("quad", "says"),
    [
        ([[0, 0], [10, 0], [20, 0], [5, 9]], "one line"),
        ([[0, 0], [0, 0], [20, 0], [5, 9]], "one place"),
        ([[0, 0], [10, 0], [20, 4]], "four points"),
        ([[0, 0], [10, 0], [20, 4], [np.nan, 4]], "finite"),
    ],
)
def test_what_spans_no_plane_is_refused(quad: list[list[float]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        order_corners(quad)
