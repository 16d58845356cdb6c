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
DOUBTED = 0.4  # more, beside one that it missed
ANEW = 0.05  # less, after the last anchor, where nobody knows how far it went wrong
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
    said = np.zeros_like(held)
    if spans.known is not None and options.known is not None:
        said = ~np.isnan(spans.known).any(axis=-1) & ~held
        trust = _trust(pair[:, :, options.known, options.known], options.likeness[..., options.known], spans)
        unary[..., options.known] -= np.where(said, trust, 0)
    chosen = cheapest_path(unary, pair)
    shown = twins[chosen]
    return Choice(shown, np.asarray(chosen >= count), np.asarray((shown == options.known) & said))


def held_by(spans: Spans) -> Bools:
    """(T, N) on an anchor or outside the spans."""
    times = np.arange(len(spans.frames))[:, None]
    return np.asarray((times <= spans.first) | ((times >= spans.last) & (not spans.open)))


def _trust(steps: Floats, likeness: Floats, spans: Spans) -> Floats:
    """(T, N) what a frame of the path until now is worth; its steps (T - 1, N) cost so much."""
    if spans.open:
        trust = np.full_like(likeness, ANEW)
    else:
        points = np.arange(len(spans.first))
        # A path that led to an anchor takes a step to it that costs nothing.
        left, right = (np.exp(-steps[times, points]) for times in (spans.first, spans.last - 1))
        share = (np.arange(len(likeness))[:, None] - spans.first) / (spans.last - spans.first)
        trust = (TRUSTED + DOUBTED) * (left + (right - left) * share.clip(0, 1)) - DOUBTED
    fit = ((likeness - FAINT) / (GOOD - FAINT)).clip(0, 1)
    return np.asarray(np.where(trust > 0, trust * fit, trust))
