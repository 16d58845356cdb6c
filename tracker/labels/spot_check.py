"""How many of the labels that nobody looked at are wrong: a person looks at a few of them, drawn by chance."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from tracker.labels.label_set import Decision, LabelSet, Trust, trust_of
from tracker.labels.native import TrackFile
from tracker.labels.stretches import stretches
from tracker.labels.table import State

LONGEST = 48  # frames of a span: what can be judged at one look
Z95 = 1.959964  # standard deviations on both sides of 95 % of a normal distribution


@dataclass(frozen=True)
class CheckSpan:
    """A stretch of one track to be judged as a whole: by the video's name in the set, row and name of the track."""

    video: str
    row: int
    track: str
    start: int
    end: int


@dataclass(frozen=True)
class Estimate:
    """What a sample says of all: of `checked` spans `bad` were wrong, so between `low` and `high` of all are."""

    checked: int
    bad: int
    low: float
    high: float


def wilson_interval(bad: int, checked: int, z: float = Z95) -> tuple[float, float]:
    """Between which shares the true one lies (Wilson 1927): right also where none or all are bad.

    Raises:
        ValueError: there are more bad ones than checked ones.
    """
    if not 0 <= bad <= checked:
        raise ValueError(f"{bad} bad ones of {checked}")
    if checked == 0:
        return 0.0, 1.0
    share, room = bad / checked, z * z / checked
    middle = (share + room / 2) / (1 + room)
    half = z * math.sqrt(share * (1 - share) / checked + room / (4 * checked)) / (1 + room)
    return max(0.0, middle - half), min(1.0, middle + half)


def estimate(checks: Iterable[Decision]) -> Estimate:
    """From decisions of kind "check"; of several on one span the last one counts."""
    last = {(one.video, one.track, one.start, one.end): one.right for one in checks if one.kind == "check"}
    bad = sum(not right for right in last.values())
    return Estimate(len(last), bad, *wilson_interval(bad, len(last)))


def accepted_spans(video: str, tracks: TrackFile, threshold: float, longest: int = LONGEST) -> list[CheckSpan]:
    """What accepting all cells up to a doubt would accept, in spans of at most `longest` frames.

    Cells that a person placed or approved are in none.
    """
    accepted = (trust_of(tracks, "open", threshold) == Trust.ACCEPTED) & (tracks.state != State.OUT_OF_VIEW)
    return [
        CheckSpan(video, row, str(tracks.names[row]), first, min(first + longest, end))
        for row, start, end in stretches(accepted)
        for first in range(start, end, longest)
    ]


def sample_spans(
    label_set: LabelSet,
    threshold: float,
    count: int,
    seed: int = 0,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> tuple[list[CheckSpan], int]:
    """Up to `count` spans drawn evenly from all that a threshold would accept, and how many those are.

    Videos that were rejected, or accepted as a whole, are left out.

    Raises:
        InputError: labels cannot be read.
    """
    verdicts, names = label_set.verdicts(), label_set.names()
    every: list[CheckSpan] = []
    for done, name in enumerate(names):
        if verdicts.get(name, "open") == "open":
            every += accepted_spans(name, label_set.read_current(name), threshold)
        report(done + 1, len(names))
    chosen = np.random.default_rng(seed).permutation(len(every))[:count]
    return [every[place] for place in chosen.tolist()], len(every)
