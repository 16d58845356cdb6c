"""The cheapest chain against all chains, the settled path against the normal equations."""

from itertools import product

import numpy as np
import pytest

from tracker.inference.fusion import cheapest_path, ramp, settle


def test_the_cheapest_chain_of_all() -> None:
    random = np.random.default_rng(0)
    unary, pair = random.random((4, 3, 3)), random.random((3, 3, 3, 3))
    found = cheapest_path(unary, pair)
    for point in range(3):

        def cost(chain, point=point):
            steps = sum(pair[t, point, chain[t], chain[t + 1]] for t in range(3))
            return steps + sum(unary[t, point, k] for t, k in enumerate(chain))

        best = min(product(range(3), repeat=4), key=cost)
        assert tuple(found[:, point]) == best


def test_settles_as_least_squares_does() -> None:
    random = np.random.default_rng(1)
    steps, places = random.normal(size=(5, 2, 2)), random.normal(size=(6, 2, 2))
    variances, weights = random.uniform(0.1, 2, (5, 2)), random.uniform(0.1, 2, (6, 2))
    weights[0] = weights[-1] = np.inf
    found = settle(steps, variances, places, weights)
    np.testing.assert_array_equal(found[[0, -1]], places[[0, -1]])
    for point in range(2):
        difference = np.diff(np.eye(6), axis=0) / np.sqrt(variances[:, point, None])
        pulls = np.eye(6) * np.sqrt(np.where(np.isinf(weights[:, point]), 1e10, weights[:, point]))
        for axis in range(2):
            wanted = np.concatenate(
                [steps[:, point, axis] / np.sqrt(variances[:, point]), pulls @ places[:, point, axis]]
            )
            expected = np.linalg.lstsq(np.concatenate([difference, pulls]), wanted, rcond=None)[0]
            np.testing.assert_allclose(found[:, point, axis], expected, atol=1e-5)


@pytest.mark.parametrize("uncertain", [None, 2])
def test_bends_a_path_to_both_ends(uncertain) -> None:
    """By as much on every step, or where the path is uncertain."""
    variances = np.full((4, 1), 1e-12 if uncertain is not None else 1.0)
    if uncertain is not None:
        variances[uncertain] = 1.0
    path = np.zeros((5, 1, 2))
    bent = ramp(path, variances, np.array([0]), np.array([4]), np.array([[1.0, 0.0]]), np.array([[5.0, 0.0]]))
    expected = [1, 2, 3, 4, 5] if uncertain is None else [1, 1, 1, 5, 5]
    np.testing.assert_allclose(bent[:, 0, 0], expected, atol=1e-6)
