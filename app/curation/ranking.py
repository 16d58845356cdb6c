"""What a queue has to know of each video of a label set: how much of it is in doubt, and how badly."""

from collections.abc import Callable
from dataclasses import dataclass

from app.curation.doubt import doubt
from tracker.files import InputError
from tracker.inference.suspicion import usual_threshold
from tracker.labels.label_set import LabelSet, Verdict
from tracker.labels.native import TrackFile
from tracker.labels.ranking import rank_video


@dataclass(frozen=True)
class Standing:
    """As `RankedVideo`, but with the number of its spans only.

    A thousand videos have hundreds of thousands of spans, and Python would stop the window for seconds to look through
    that many objects again and again.
    """

    name: str
    verdict: Verdict
    spans: int
    doubt: float
    share: float
    cells: int


def standing_of(name: str, tracks: TrackFile, verdict: Verdict, accepted_up_to: float | None) -> Standing:
    """How one video stands, by what holds of it now."""
    found = rank_video(name, tracks, verdict, accepted_up_to, usual_threshold(tracks.size_wh), doubt)
    return Standing(name, verdict, len(found.spans), found.doubt, found.share, found.cells)


def rank_all(
    label_set: LabelSet, report: Callable[[int, int], object] = lambda done, total: None
) -> tuple[list[Standing], dict[str, str]]:
    """All videos, what to look at first in front, and for each that cannot be read the sentence that says why.

    Raises:
        InputError: the decisions cannot be read.
    """
    verdicts, accepted, names = label_set.verdicts(), label_set.bulk_threshold(), label_set.names()
    found, broken = [], {}
    for done, name in enumerate(names):
        try:
            tracks = label_set.read_current(name)
        except InputError as error:
            broken[name] = str(error)
        else:
            found.append(standing_of(name, tracks, verdicts.get(name, "open"), accepted))
        report(done + 1, len(names))
    return sorted(found, key=_urgency), broken


def _urgency(one: Standing) -> tuple[bool, float, float, str]:
    """Open ones first, and of them those with most to put right."""
    return one.verdict != "open", -one.share, -one.doubt, one.name
