"""Two directions made one: which of several possible places a point took on every frame, and the path through them.

The choice is a shortest path (Viterbi 1967) over a few candidates per frame: what a frame costs says how unlike the
point the picture is there, what a step costs how far it is from what the picture's motion says. The path is then
settled by least squares: every step wants to be as long as measured, with its own variance, and the ends are held. For
equal variances that is the mean of a Brownian bridge; a step that nothing is known of takes up what does not add up.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def cheapest_path(unary: Floats, pair: Floats) -> Ints:
    """The candidate to take on every frame, so that the sum of all costs is least.

    Args:
        unary: (T, N, K) cost of each of K candidates of N points; inf for one that must not be taken.
        pair: (T - 1, N, K, K) cost of a step from the first to the second.

    Returns:
        (T, N) indices of candidates.
    """
    length, count, _ = unary.shape
    cost, cheapest = unary[0], np.zeros(unary.shape, np.int64)
    for t in range(1, length):
        total = cost[:, :, None] + pair[t - 1]
        cheapest[t] = total.argmin(axis=1)
        cost = np.take_along_axis(total, cheapest[t][:, None], axis=1)[:, 0] + unary[t]
    chosen = np.zeros((length, count), np.int64)
    chosen[-1] = cost.argmin(axis=1)
    rows = np.arange(count)
    for t in range(length - 1, 0, -1):
        chosen[t - 1] = cheapest[t, rows, chosen[t]]
    return chosen


def settle(steps: Floats, variances: Floats, places: Floats, weights: Floats) -> Floats:
    """The path whose steps and places are as measured, in the sense of least squares.

    Args:
        steps: (T - 1, N, 2) measured motion from each frame to the next.
        variances: (T - 1, N) of that, above 0.
        places: (T, N, 2) where the points are thought to be.
        weights: (T, N) one over the variance of that; 0 for a place that nothing is known of, inf for one that is held.
            At least one place of every point has a weight.

    Returns:
        (T, N, 2). Solves the tridiagonal normal equations by elimination (Thomas).
    """
    held = np.isinf(weights)
    pull = np.where(held, 1.0, weights)
    stiffness = 1 / variances
    # A held place is an equation of its own, and known in those of its neighbours.
    before = np.pad(stiffness, ((1, 0), (0, 0)))
    after = np.pad(stiffness, ((0, 1), (0, 0)))
    middle = np.where(held, 1.0, pull + before + after)
    lower, upper = np.where(held, 0.0, -before), np.where(held, 0.0, -after)
    ahead = np.pad(stiffness[..., None] * steps, ((1, 0), (0, 0), (0, 0)))
    behind = np.pad(stiffness[..., None] * steps, ((0, 1), (0, 0), (0, 0)))
    right = np.where(held[..., None], places, pull[..., None] * places + ahead - behind)
    length = len(places)
    for t in range(1, length):
        factor = lower[t] / middle[t - 1]
        middle[t] = middle[t] - factor * upper[t - 1]
        right[t] = right[t] - factor[:, None] * right[t - 1]
    path = np.empty_like(right)
    path[-1] = right[-1] / middle[-1][:, None]
    for t in range(length - 2, -1, -1):
        path[t] = (right[t] - upper[t][:, None] * path[t + 1]) / middle[t][:, None]
    return path


def ramp(path: Floats, variances: Floats, first: Ints, last: Ints, begin: Floats, finish: Floats) -> Floats:
    """A path (T, N, 2) bent so that it runs from `begin` on frame `first` to `finish` on frame `last`, both (N, ...).

    What is missing at the ends is spread over the steps between by their `variances` (T - 1, N).
    """
    rows = np.arange(path.shape[1])
    sums = np.concatenate([np.zeros((1, len(rows))), np.cumsum(variances, axis=0)])
    start, whole = sums[first, rows], (sums[last, rows] - sums[first, rows]).clip(1e-9)
    share = np.clip((sums - start) / whole, 0, 1)[..., None]
    return np.asarray(path + (1 - share) * (begin - path[first, rows]) + share * (finish - path[last, rows]))
