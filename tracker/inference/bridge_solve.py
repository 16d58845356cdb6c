"""The path of points out from an anchor, to another where there is one: the cheapest chain of all evidence, settled.

Candidates for a place are the paths that flow finds from the anchors, the same bent so that they meet the other anchor,
staying where the point was last seen, the straight way, where the point was thought to be until now, and other places
in the frame that look like it. `bridge_choice` takes one of them on every frame. Where that is the path until now it
stays as it is; what is between is settled by what was measured.
"""

from typing import NamedTuple, Protocol

import numpy as np

from tracker.inference.bridge_choice import FAINT, GOOD, Choice, Options, beside, choose, held_by
from tracker.inference.bridge_cuts import find_cuts
from tracker.inference.bridge_flow import (
    LOST,
    Bools,
    Floats,
    Grey,
    Motion,
    Spans,
    measure_motion,
    step_variance,
    steps_of,
)
from tracker.inference.fusion import ramp, settle

SUDDEN = 6.0  # pixels, of a step that flow says nothing of in either direction
DRIFT = 10.0  # pixels, by which a settled path may leave the candidates it is made of
SPREAD = 0.05  # of the likeness at which a point is as probably hidden as seen
UNSEEN = 0.02  # visibility of a point that was declared hidden, at most
NEAR_HELD = 4  # frames, on which what a network refines is led to what is held


class Judged(NamedTuple):
    """What a tracker makes of a path."""

    path: Floats  # (T, N, 2) pixels of the pictures
    visibility: Floats  # (T, N) probability
    confidence: Floats  # (T, N) probability


class Evidence(Protocol):
    """What can be asked of the frames of N gaps.

    Attributes:
        refines: whether the path that `judge` gives is better than the one it began with.
    """

    refines: bool

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
    kept: Bools  # (T, N) the path is where the point was thought to be until now
    hidden: Bools  # (T, N) declared hidden, or unlike the point
    sudden: Bools  # (T, N) in a step to or from here the path leaves what was measured
    cut: Bools  # (T, N) neither anchor is in the same scene
    beyond: Bools  # (T, N) in the scene of the last anchor, where that is not the scene of the first
    forward: Floats  # (T, N, 2) the path from the first anchor alone
    backward: Floats  # (T, N, 2) the path from the last anchor alone; that forward where there is none


def solve(evidence: Evidence, spans: Spans) -> Solved:
    """Paths that begin, and where there are two end, in the anchors; see the module. Raises Cancelled."""
    cut, beyond = _scenes(evidence, spans)
    parted: Bools = np.asarray((cut | beyond).any(axis=0))
    options, forward, backward = _collect(evidence, spans)
    motion = measure_motion(evidence.grey, spans, options.places, evidence.ask)
    choice = choose(options, motion, spans)
    path, sudden = _settled(options, motion, choice, spans)
    path = np.where(parted[:, None], np.where(beyond[..., None], backward, forward), path)
    kept = choice.kept & ~parted
    like = evidence.likeness(path[:, :, None])[..., 0]
    judged = evidence.judge(path, like)
    if evidence.refines:
        path = _led(judged.path, path, held_by(spans) | kept | parted)
    # Along the path so far hiding from frame to frame only says that flow does not explain its steps.
    hidden = (choice.hidden & ~parted & ~kept & (like < GOOD)) | (like < FAINT)
    seen = judged.visibility / (1 + np.exp(-(like - FAINT) / SPREAD))
    seen = np.where(hidden, np.minimum(seen, UNSEEN), seen)
    parts = (path, seen, judged.confidence, like, kept, hidden, sudden & ~parted)
    return Solved(*parts, cut, beyond, forward, backward)


def _settled(options: Options, motion: Motion, choice: Choice, spans: Spans) -> tuple[Floats, Bools]:
    """The path (T, N, 2) through what was chosen, and `Solved.sudden`. What was kept is not moved."""
    taken = np.take_along_axis(options.places, choice.shown[:, :, None, None], axis=2)[:, :, 0]
    zones = [zone[1:] & zone[:-1] for zone in beside(spans)]
    steps, variances = steps_of(choice.shown, options.places, motion, zones)
    blind = choice.hidden[1:] | choice.hidden[:-1]
    steps = np.where(blind[..., None], taken[1:] - taken[:-1], steps)
    variances = np.where(blind, LOST**2, variances)
    path = settle(steps, variances, taken, np.where(held_by(spans) | choice.kept, np.inf, DRIFT**-2))
    jump = (variances >= LOST**2) & (np.linalg.norm(taken[1:] - taken[:-1], axis=-1) > SUDDEN)
    return path, np.pad(jump, ((0, 1), (0, 0))) | np.pad(jump, ((1, 0), (0, 0)))


def _scenes(evidence: Evidence, spans: Spans) -> tuple[Bools, Bools]:
    """(T, N) `Solved.cut` and `Solved.beyond`."""
    times = np.arange(len(spans.frames))[:, None]
    outside = np.zeros((len(times), len(spans.first)), bool)
    steps = np.zeros(0, np.int64) if spans.open else np.flatnonzero(find_cuts(evidence.grey, spans))
    if not len(steps):
        return outside, outside
    # The scene of the first anchor ends with the first cut after it, that of the last begins after the last before it.
    between = (steps[:, None] >= spans.first) & (steps[:, None] < spans.last)
    first = np.where(between, steps[:, None], len(times)).min(axis=0)
    last = np.where(between, steps[:, None], -1).max(axis=0)
    beyond = (times > last) & (last >= 0)
    return (times > first) & ~beyond, beyond


def _led(refined: Floats, path: Floats, held: Bools) -> Floats:
    """What a network refined, led to what is held (T, N), so that it meets that without a jump."""
    far = np.cumsum(np.ones_like(held, np.int64), axis=0)
    gone = far - np.maximum.accumulate(np.where(held, far, -NEAR_HELD), axis=0)
    to_come = np.minimum.accumulate(np.where(held, far, len(far) + NEAR_HELD + 1)[::-1], axis=0)[::-1] - far
    share = np.minimum(gone, to_come).clip(0, NEAR_HELD) / NEAR_HELD
    return np.asarray(path + share[..., None] * (refined - path))


def _collect(evidence: Evidence, spans: Spans) -> tuple[Options, Floats, Floats]:
    """All candidates, and the paths forward and backward."""
    forward, ahead_miss = evidence.follow(backward=False)
    backward, back_miss = (forward, ahead_miss) if spans.open else evidence.follow(backward=True)
    bounds = (spans.first, spans.last, spans.begin, spans.finish)
    straight = ramp(np.zeros_like(forward), np.ones(ahead_miss.shape), *bounds)
    seen = evidence.likeness(np.stack([forward, backward], axis=2)) >= GOOD
    hideable, paths = [straight, _stay(forward, seen[..., 0])], [forward]
    if not spans.open:
        hideable.append(_stay(backward[::-1], seen[::-1, :, 1])[::-1])
        bent = ((forward, ahead_miss), (backward, back_miss))
        paths += [backward, *(ramp(path, step_variance(miss), *bounds) for path, miss in bent)]
    known = None
    if spans.known is not None:
        known = len(hideable)
        hideable.append(np.where(np.isnan(spans.known), straight, spans.known))
    found = [evidence.candidates(near) for near in ([straight, forward] if spans.open else [straight])]
    places = np.concatenate([np.stack([*hideable, *paths], axis=2), *found], axis=2)
    times = np.arange(len(places))[:, None, None, None]
    first, last = spans.first[:, None, None], spans.last[:, None, None]
    places = np.where(times <= first, spans.begin[:, None], places)
    if not spans.open:
        places = np.where(times >= last, spans.finish[:, None], places)
    return Options(places, evidence.likeness(places), list(range(len(hideable))), known), forward, backward


def _stay(path: Floats, seen: Bools) -> Floats:
    """A path (T, N, 2) that stays where it was last `seen` (T, N)."""
    times = np.where(seen, np.arange(len(path))[:, None], 0)
    return np.take_along_axis(path, np.maximum.accumulate(times, axis=0)[..., None], axis=0)
