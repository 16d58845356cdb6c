"""What counts for and against the path that a point had until now."""

import numpy as np
import pytest

from tracker.inference.bridge_choice import BESIDE, Choice, Options, choose, held_by
from tracker.inference.bridge_flow import Motion, Spans
from tracker.inference.bridge_solve import _led, _settled

LENGTH = 21
LOOKS = (np.zeros((1, 1), np.int64), np.zeros((1, 1, 2)))


def chosen(known: np.ndarray, other: np.ndarray, likeness: tuple[float, float], finish: float) -> np.ndarray:
    """Frames (T,) on which the path until now is kept, where nothing else moves in the picture.

    Args:
        known, other: (T,) x of both candidates.
        likeness: of both, on every frame.
        finish: x of the last anchor; the first is at 0.
    """
    ends = np.zeros((1, 2)), np.array([[finish, 0.0]])
    places = np.stack([np.stack([x, np.zeros(LENGTH)], axis=-1) for x in (known, other)], axis=1)[:, None]
    path = places[:, :, 0].copy()
    places[0], places[-1] = ends[0][0], ends[1][0]
    steps = (places[1:] - places[:-1]).shape[:-1]
    motion = Motion(places[:-1].copy(), np.zeros(steps), places[1:].copy(), np.zeros(steps))
    first, last = np.array([0]), np.array([LENGTH - 1])
    spans = Spans(range(LENGTH), first, last, *ends, False, LOOKS, path)
    like = np.broadcast_to(np.array(likeness), (LENGTH, 1, 2))
    return choose(Options(places, like, [], 0), motion, spans).kept[:, 0]


def test_a_path_that_led_to_both_anchors_stays_beside_one_that_fits_a_little_better() -> None:
    kept = chosen(np.zeros(LENGTH), np.full(LENGTH, 0.2), (0.7, 0.9), 0.0)
    assert kept[1:-1].all()
    assert not kept[[0, -1]].any(), "anchors are no frames of it"


def test_it_goes_where_another_fits_clearly_better() -> None:
    assert not chosen(np.zeros(LENGTH), np.full(LENGTH, 0.8), (0.35, 0.9), 0.0).any()


def test_where_nothing_else_decides_it_stays_as_far_as_the_anchor_that_it_led_to_is_nearer() -> None:
    other = np.full(LENGTH, 8.0)
    kept = chosen(np.zeros(LENGTH), other, (0.8, 0.8), 8.0)
    assert kept[1:8].all()
    assert not kept[16:].any()


def test_one_that_is_the_same_within_half_a_pixel_does_not_move_it() -> None:
    assert chosen(np.zeros(LENGTH), np.full(LENGTH, 0.4), (0.2, 0.9), 0.0)[1:-1].all()


def test_a_small_miss_is_left_to_be_spread_over_the_frames_beside_the_anchor() -> None:
    kept = chosen(np.zeros(LENGTH), np.zeros(LENGTH), (0.8, 0.8), 1.0)
    assert kept[1 : LENGTH - 1 - BESIDE].all()
    assert not kept[LENGTH - 1 - BESIDE :].any()


def test_what_is_missing_at_an_anchor_is_made_up_evenly_beside_it() -> None:
    places, points = np.zeros((LENGTH, 1, 1, 2)), np.array([0])
    places[-1] = 3.0, 0.0
    still = np.zeros((LENGTH - 1, 1, 1))
    motion = Motion(places[:-1].copy(), still, places[1:].copy(), still)
    spans = Spans(range(LENGTH), points, points + LENGTH - 1, places[0, :, 0], places[-1, :, 0], False, LOOKS)
    nowhere = np.zeros((LENGTH, 1), bool)
    options = Options(places, np.ones((LENGTH, 1, 1)), [], None)
    path, sudden = _settled(options, motion, Choice(np.zeros((LENGTH, 1), np.int64), nowhere, nowhere), spans)
    np.testing.assert_allclose(path[[0, -1], 0, 0], [0, 3])
    steps = np.diff(path[:, 0, 0])
    assert steps.max() < 1.2 * 3 / BESIDE
    assert path[LENGTH - 1 - BESIDE, 0, 0] < 0.5
    assert not sudden.any()


@pytest.mark.parametrize("kept", [None, 10])
def test_what_a_network_refined_is_led_to_anchors_and_to_what_stays(kept) -> None:
    path, refined = np.zeros((LENGTH, 1, 2)), np.ones((LENGTH, 1, 2))
    nobody = np.array([0])
    held = held_by(Spans(range(LENGTH), nobody, nobody + LENGTH - 1, path[0], path[0], False, LOOKS))
    if kept is not None:
        held[kept] = True
    led = _led(refined, path, held)[:, 0, 0]
    np.testing.assert_allclose(led[:5], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(led[-5:], [1, 0.75, 0.5, 0.25, 0])
    np.testing.assert_allclose(led[8:13], [1] * 5 if kept is None else [0.5, 0.25, 0, 0.25, 0.5])
