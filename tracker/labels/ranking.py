"""Which videos and spans of a label set a person should look at first."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.labels.doubt import doubt
from tracker.labels.label_set import LabelSet, Trust, Verdict, trust_of
from tracker.labels.native import TrackFile
from tracker.labels.stretches import stretches

SHORTEST_RELIEF = 4  # frames of agreement that do not end a span

Doubt = Callable[[TrackFile], NDArray[np.floating]]  # (N, T) expected error in pixels of the video, NaN where unknown
Threshold = Callable[[tuple[int, int]], float]  # of a picture of this (width, height), in its pixels


@dataclass(frozen=True)
class RankedSpan:
    """A stretch of one track whose doubt is above the threshold; `worst` is the frame where it is greatest."""

    row: int
    track: str
    start: int
    end: int
    worst: int
    doubt: float


@dataclass(frozen=True)
class RankedVideo:
    """A video of a set and what is doubtful in it.

    Attributes:
        spans: above the threshold, worst first; none of a video that was decided.
        doubt: its greatest doubt in pixels that nobody has looked at; 0 where there is none.
        share: of its labelled cells that are above the threshold.
        cells, decided: labelled cells, and those of them that a person vouches for or that were accepted.
    """

    name: str
    verdict: Verdict
    spans: tuple[RankedSpan, ...]
    doubt: float
    share: float
    cells: int
    decided: int


def rank_video(
    name: str,
    tracks: TrackFile,
    verdict: Verdict,
    accepted_up_to: float | None,
    threshold: float,
    measure: Doubt = doubt,
) -> RankedVideo:
    """What is doubtful in one video.

    Args:
        tracks: what holds now.
        accepted_up_to: the bulk threshold of its set.
        threshold: from which `measure` on a cell is in doubt.
        measure: gives the doubt.
    """
    trust = trust_of(tracks, verdict, accepted_up_to)
    labelled = trust > Trust.NONE
    values = np.where(trust == Trust.UNDECIDED, np.nan_to_num(measure(tracks), nan=0.0), 0.0)
    above = values > threshold
    spans = [
        RankedSpan(row, str(tracks.names[row]), start, end, worst, float(values[row, worst]))
        for row, start, end in stretches(_bridged(above, trust == Trust.UNDECIDED))
        for worst in [start + int(values[row, start:end].argmax())]
    ]
    spans.sort(key=lambda span: (-span.doubt, span.row, span.start))
    cells, decided = int(labelled.sum()), int((trust >= Trust.ACCEPTED).sum())
    worst_doubt = spans[0].doubt if spans else float(values.max(initial=0.0))
    return RankedVideo(name, verdict, tuple(spans), worst_doubt, float(above.sum() / max(1, cells)), cells, decided)


def rank(
    label_set: LabelSet,
    threshold: Threshold,
    measure: Doubt = doubt,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> tuple[list[RankedVideo], dict[str, str]]:
    """All videos of a set, those to look at first in front: open ones by the share and size of their doubt.

    Returns:
        The videos, and for each whose labels cannot be read the sentence that says why.
    """
    verdicts, accepted = label_set.verdicts(), label_set.bulk_threshold()
    names, found, broken = label_set.names(), [], {}
    for done, name in enumerate(names):
        try:
            tracks = label_set.read_current(name)
        except ValueError as error:
            broken[name] = str(error)
        else:
            limit = threshold(tracks.size_wh)
            found.append(rank_video(name, tracks, verdicts.get(name, "open"), accepted, limit, measure))
        report(done + 1, len(names))
    return sorted(found, key=urgency), broken


def urgency(video: RankedVideo) -> tuple[bool, float, float, str]:
    """Sorts videos: open ones first, and of them those with most to put right."""
    return video.verdict != "open", -video.share, -video.doubt, video.name


def _bridged(above: NDArray[np.bool_], open_to_doubt: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N, T) `above` with short gaps filled that nobody has decided on."""
    filled = above.copy()
    for row, start, end in stretches(~above & open_to_doubt):
        inner = start > 0 and end < above.shape[1]
        if inner and end - start <= SHORTEST_RELIEF and above[row, start - 1] and above[row, end]:
            filled[row, start:end] = True
    return filled
