"""The path of points between two anchors, both held: candidates from all evidence, the best chain of them, settled."""

from typing import NamedTuple, Protocol

import numpy as np

from tracker.inference.bridge_flow import Floats, Grey, Spans, measure_motion, step_costs, step_variance, steps_of
from tracker.inference.fusion import cheapest_path, ramp, settle

UNLIKE = 4.0  # cost per unit of likeness that a candidate has less than the best one of the frame
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
        """(T, N, M, 2) other places that look like the points."""

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
    forward: Floats  # (T, N, 2) the path from the first anchor alone
    backward: Floats  # (T, N, 2) the path from the last anchor alone


def solve(evidence: Evidence, spans: Spans) -> Solved:
    """Paths that begin and end in the anchors; see the module. Raises Cancelled."""
    forward, ahead_miss = evidence.follow(backward=False)
    backward, back_miss = evidence.follow(backward=True)
    places = _candidates(evidence, spans, forward, step_variance(ahead_miss), backward, step_variance(back_miss))
    likeness = evidence.likeness(places)
    motion = measure_motion(evidence.grey, spans, places, evidence.ask)
    chosen = cheapest_path(UNLIKE * (likeness.max(-1, keepdims=True) - likeness), step_costs(places, motion))
    steps, variances = steps_of(chosen, places, motion)
    taken = np.take_along_axis(places, chosen[:, :, None, None], axis=2)[:, :, 0]
    times = np.arange(len(places))[:, None]
    held = (times <= spans.first) | (times >= spans.last)
    path = settle(steps, variances, taken, np.where(held, np.inf, DRIFT**-2))
    like = np.take_along_axis(likeness, chosen[:, :, None], axis=2)[:, :, 0]
    return Solved(path, *evidence.judge(path, like)[1:], like, forward, backward)


def _candidates(
    evidence: Evidence, spans: Spans, forward: Floats, ahead: Floats, backward: Floats, back: Floats
) -> Floats:
    """(T, N, K, 2), the anchors themselves where they are held."""
    bounds = (spans.first, spans.last, spans.begin, spans.finish)
    straight = ramp(np.zeros_like(forward), np.ones(ahead.shape), *bounds)
    bent = [ramp(forward, ahead, *bounds), ramp(backward, back, *bounds)]
    found = evidence.candidates(straight)
    places = np.concatenate([np.stack([forward, backward, *bent, straight], axis=2), found], axis=2)
    times = np.arange(len(places))[:, None, None, None]
    first, last = spans.first[:, None, None], spans.last[:, None, None]
    places = np.where(times <= first, spans.begin[:, None], places)
    return np.where(times >= last, spans.finish[:, None], places)
