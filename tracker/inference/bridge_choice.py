"""Which of several places a point took on every frame, and where it stays on the path that it had until now.

A chain of candidates pays for frames that are unlike the point and for steps that the picture does not make; it may
also declare the point hidden for a price, and then goes on without evidence. A person corrects the worst frame of a
wrong stretch, so the path until now is trusted near an anchor that it led to and doubted near one that it missed, and
the trust counts as far as the picture there is like the point: a path that fits stays unless another fits clearly
better.
"""

from typing import NamedTuple

import numpy as np

from tracker.inference.bridge_flow import Bools, Floats, Ints, Motion, Spans, step_costs
from tracker.inference.fusion import cheapest_path

# Costs are in units of the logarithm that a step costs which the picture does not make: 0.7 for one pixel.
UNLIKE = 2.0  # of a frame that is not like the point at all
HIDDEN = 1.5  # of a frame on which the point is declared hidden
NEAR = 1.0  # pixels, from which on it costs notably to come out of hiding somewhere else
TRUSTED = 0.8  # less, of a frame of the path until now, beside an anchor that it led to
DOUBTED = 0.2  # more, beside one that it missed
MISSED = 2.0  # pixels from the anchor to the next frame of a path, from which on it is thought to have missed it
JERK = 0.25  # of the cost of a step to an anchor: one that is taken together with those beside it
BESIDE = 8  # frames, that is
SAME = 0.5  # pixels, below which another path is the path until now
GOOD = 0.6  # likeness from which on a point is taken to have been seen
FAINT = 0.3  # likeness at which a point is as probably hidden as seen


class Options(NamedTuple):
    """K candidates that are seen, and then some of them again as hidden. On anchors all are the anchor."""

    places: Floats  # (T, N, K, 2) pixels of the pictures
    likeness: Floats  # (T, N, K) how like the points the picture is there, at most 1
    hidden: list[int]  # which of the K can be hidden
    known: int | None  # which of the K is the path until now


class Choice(NamedTuple):
    """What was taken of K candidates."""

    shown: Ints  # (T, N) index of the candidate
    hidden: Bools  # (T, N) declared hidden there
    kept: Bools  # (T, N) the path until now, between the anchors


def choose(options: Options, motion: Motion, spans: Spans) -> Choice:
    """The cheapest chain."""
    twins = np.array([*range(options.places.shape[2]), *options.hidden])
    places, count = options.places[:, :, twins], options.places.shape[2]
    more = ((0, 0), (0, 0), (0, len(twins) - count))
    unary = np.pad(UNLIKE * (1 - options.likeness), more, constant_values=HIDDEN)
    distance = np.linalg.norm(places[1:, :, None] - places[:-1, :, :, None], axis=-1)
    pair = np.log1p((distance / NEAR) ** 2)
    pair[:, :, :count, :count] = step_costs(options.places, motion)
    held = held_by(spans)
    aside = held[1:] | held[:-1]  # a step from or to an anchor, where a candidate is not what it is else
    for k in range(count, len(twins)):
        pair[:, :, k, k] *= aside
    said = jerky = np.zeros_like(held)
    if spans.known is not None and options.known is not None:
        said = ~np.isnan(spans.known).any(axis=-1) & ~held
        known = options.known
        steps = pair[:, :, known, known]
        trust = _trust(steps, options.places[:, :, known], options.likeness[..., known], spans)
        unary[..., known] -= np.where(said, trust, 0)
        jerky = _beside_jerks(steps, spans)
    chosen = cheapest_path(unary, pair)
    shown = twins[chosen]
    kept = said & ~jerky
    if options.known is not None:
        taken = np.take_along_axis(options.places, shown[:, :, None, None], axis=2)[:, :, 0]
        kept &= np.linalg.norm(taken - options.places[:, :, options.known], axis=-1) < SAME
        shown = np.where(kept, options.known, shown)
    return Choice(shown, np.asarray(chosen >= count), np.asarray(kept))


def held_by(spans: Spans) -> Bools:
    """(T, N) on an anchor or outside the spans."""
    times = np.arange(len(spans.frames))[:, None]
    return np.asarray((times <= spans.first) | ((times >= spans.last) & (not spans.open)))


def _trust(steps: Floats, path: Floats, likeness: Floats, spans: Spans) -> Floats:
    """(T, N) what a frame of the path until now (T, N, 2) is worth; its steps (T - 1, N) cost so much."""
    if spans.open:
        return np.zeros_like(likeness)
    points = np.arange(len(spans.first))

    def led_to(anchor: Floats, beside: Ints, step: Ints) -> Floats:
        """1 where the step is as measured or short, 0 where neither."""
        short = np.log1p((np.linalg.norm(path[beside, points] - anchor, axis=-1) / MISSED) ** 2)
        return np.asarray(np.exp(-np.minimum(short, steps[step, points])))

    left = led_to(spans.begin, spans.first + 1, spans.first)
    right = led_to(spans.finish, spans.last - 1, spans.last - 1)
    share = (np.arange(len(likeness))[:, None] - spans.first) / (spans.last - spans.first)
    trust = (TRUSTED + DOUBTED) * (left + (right - left) * share.clip(0, 1)) - DOUBTED
    fit = ((likeness - FAINT) / (GOOD - FAINT)).clip(0, 1)
    return np.asarray(np.where(trust > 0, trust * fit, trust))


def beside(spans: Spans) -> tuple[Bools, Bools]:
    """(T, N) the first anchor and the frames beside it, and the same of the last one."""
    times = np.arange(len(spans.frames))[:, None]
    left = (times >= spans.first) & (times <= spans.first + BESIDE)
    right = (times >= spans.last - BESIDE) & (times <= spans.last) & (not spans.open)
    return np.asarray(left), np.asarray(right)


def _beside_jerks(steps: Floats, spans: Spans) -> Bools:
    """(T, N) beside an anchor that the path until now does not lead to smoothly: there it is settled with the rest."""
    points, (left, right) = np.arange(len(spans.first)), beside(spans)
    jerks = [steps[at.clip(0, len(steps) - 1), points] > JERK for at in (spans.first, spans.last - 1)]
    return np.asarray((left & jerks[0]) | (right & jerks[1]))
