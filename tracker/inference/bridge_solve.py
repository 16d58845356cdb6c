"""The path of points out from an anchor, to another where there is one: the cheapest chain of all evidence, settled.

Candidates for a place are the paths that flow finds from the anchors, the same bent so that they meet the other anchor,
staying where the point was last seen, the straight way, where the point was thought to be until now, and other places
in the frame that look like it. A chain of them pays for frames that are unlike the point and for steps that the picture
does not make; it may also declare the point hidden for a price, and then goes on without evidence.
"""

from typing import NamedTuple, Protocol

import numpy as np

from tracker.inference.bridge_flow import (
    LOST,
    Bools,
    Floats,
    Grey,
    Ints,
    Motion,
    Spans,
    measure_motion,
    step_costs,
    step_variance,
    steps_of,
)
from tracker.inference.fusion import cheapest_path, ramp, settle

# Costs are in units of the logarithm that a step costs which the picture does not make: 0.7 for one pixel.
UNLIKE = 2.0  # of a frame that is not like the point at all
HIDDEN = 1.5  # of a frame on which the point is declared hidden
NEAR = 1.0  # pixels, from which on it costs notably to come out of hiding somewhere else
GOOD = 0.6  # likeness from which on a point is taken to have been seen
DRIFT = 10.0  # pixels, by which a settled path may leave the candidates it is made of


class Judged(NamedTuple):
    """What a tracker makes of a path."""

    path: Floats  # (T, N, 2) pixels of the pictures
    visibility: Floats  # (T, N) probability
    confidence: Floats  # (T, N) probability


class Evidence(Protocol):
    """What can be asked of the frames of N gaps."""

    def ask(self) -> None:
        """Raises Cancelled where the work is not wanted any more."""

    def grey(self, frame: int) -> Grey:
        """The picture of a frame."""

    def follow(self, backward: bool) -> tuple[Floats, Floats]:
        """Paths (T, N, 2) from one anchor alone, and misses (T - 1, N) of the steps; inf for lost."""

    def candidates(self, near: Floats) -> Floats:
        """(T, N, M, 2) other places that look like the points, if far more so than those `near` (T, N, 2)."""

    def likeness(self, places: Floats) -> Floats:
        """(T, N, K) how like the points the picture is at places (T, N, K, 2), at most 1."""

    def judge(self, path: Floats, likeness: Floats) -> Judged:
        """What the tracker makes of a path (T, N, 2) whose likeness is (T, N)."""


class Solved(NamedTuple):
    """Paths of N points over T frames."""

    path: Floats  # (T, N, 2) pixels of the pictures
    visibility: Floats  # (T, N) probability
    confidence: Floats  # (T, N) probability
    likeness: Floats  # (T, N) how like the anchors the picture is there
    hidden: Bools  # (T, N) declared hidden
    forward: Floats  # (T, N, 2) the path from the first anchor alone
    backward: Floats  # (T, N, 2) the path from the last anchor alone; that forward where there is none


class _Options(NamedTuple):
    """Candidates: K that are seen, and then some of them again as hidden."""

    places: Floats  # (T, N, K, 2)
    likeness: Floats  # (T, N, K)
    hidden: list[int]  # which of the K can be hidden

    def all_places(self) -> Floats:
        """(T, N, K + H, 2)."""
        return np.concatenate([self.places, self.places[:, :, self.hidden]], axis=2)


def solve(evidence: Evidence, spans: Spans) -> Solved:
    """Paths that begin, and where there are two end, in the anchors; see the module. Raises Cancelled."""
    options, forward, backward = _collect(evidence, spans)
    motion = measure_motion(evidence.grey, spans, options.places, evidence.ask)
    chosen = _choose(options, motion)
    count = options.places.shape[2]
    hidden = chosen >= count
    # What a hidden candidate is the twin of.
    shown = np.where(hidden, np.array([*range(count), *options.hidden])[chosen], chosen)
    steps, variances = steps_of(shown, options.places, motion)
    taken = np.take_along_axis(options.places, shown[:, :, None, None], axis=2)[:, :, 0]
    blind = hidden[1:] | hidden[:-1]
    steps = np.where(blind[..., None], taken[1:] - taken[:-1], steps)
    times = np.arange(len(taken))[:, None]
    held = (times <= spans.first) | ((times >= spans.last) & (not spans.open))
    path = settle(steps, np.where(blind, LOST**2, variances), taken, np.where(held, np.inf, DRIFT**-2))
    like = np.take_along_axis(options.likeness, shown[:, :, None], axis=2)[:, :, 0]
    return Solved(path, *evidence.judge(path, like)[1:], like, hidden, forward, backward)


def _choose(options: _Options, motion: Motion) -> Ints:
    """(T, N) the cheapest chain; indices of K or more are hidden ones."""
    places = options.all_places()
    count = options.places.shape[2]
    hidden = places.shape[2] - count
    unary = np.pad(UNLIKE * (1 - options.likeness), ((0, 0), (0, 0), (0, hidden)), constant_values=HIDDEN)
    distance = np.linalg.norm(places[1:, :, None] - places[:-1, :, :, None], axis=-1)
    pair = np.log1p((distance / NEAR) ** 2)
    pair[:, :, :count, :count] = step_costs(options.places, motion)
    for k in range(count, count + hidden):
        pair[:, :, k, k] = 0.0
    return cheapest_path(unary, pair)


def _collect(evidence: Evidence, spans: Spans) -> tuple[_Options, Floats, Floats]:
    """All candidates, and the paths forward and backward."""
    forward, ahead_miss = evidence.follow(backward=False)
    backward, back_miss = (forward, ahead_miss) if spans.open else evidence.follow(backward=True)
    bounds = (spans.first, spans.last, spans.begin, spans.finish)
    straight = ramp(np.zeros_like(forward), np.ones(ahead_miss.shape), *bounds)
    seen = evidence.likeness(np.stack([forward, backward], axis=2)) >= GOOD
    kept, paths = [straight, _stay(forward, seen[..., 0])], [forward]
    if not spans.open:
        kept.append(_stay(backward[::-1], seen[::-1, :, 1])[::-1])
        bent = ((forward, ahead_miss), (backward, back_miss))
        paths += [backward, *(ramp(path, step_variance(miss), *bounds) for path, miss in bent)]
    if spans.known is not None:
        paths.append(np.where(np.isnan(spans.known), straight, spans.known))
    found = [evidence.candidates(near) for near in ([straight, forward] if spans.open else [straight])]
    places = np.concatenate([np.stack([*kept, *paths], axis=2), *found], axis=2)
    times = np.arange(len(places))[:, None, None, None]
    first, last = spans.first[:, None, None], spans.last[:, None, None]
    places = np.where(times <= first, spans.begin[:, None], places)
    if not spans.open:
        places = np.where(times >= last, spans.finish[:, None], places)
    return _Options(places, evidence.likeness(places), list(range(len(kept)))), forward, backward


def _stay(path: Floats, seen: Bools) -> Floats:
    """A path (T, N, 2) that stays where it was last `seen` (T, N)."""
    times = np.where(seen, np.arange(len(path))[:, None], 0)
    return np.take_along_axis(path, np.maximum.accumulate(times, axis=0)[..., None], axis=0)
