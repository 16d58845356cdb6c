"""What the videos of label sets are good for, before anybody trains on them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracker.files import InputError
from tracker.labels.label_set import LabelSet, Trust, trust_of
from tracker.training.label_videos import LEAST, TrustName


@dataclass(frozen=True)
class Candidate:
    """One video.

    Attributes:
        name: in its set.
        best: the most that any of its cells is trusted; NONE where it was rejected or cannot be read.
        fault: why it cannot be read; "" where it can.
    """

    name: str
    best: Trust
    fault: str = ""

    def usable(self, trust: TrustName) -> bool:
        """Whether there is anything in it to train on."""
        return self.best >= LEAST[trust]


def survey(folders: Iterable[Path], report: Callable[[int, int], object]) -> list[Candidate]:
    """The videos of all sets; one that is in several comes once.

    Args:
        report: told how many videos are done, and of how many.

    Raises:
        InputError: a folder is no label set, or what was decided in it cannot be read.
    """
    sets = [LabelSet.open(folder) for folder in folders]
    names = [(labels, name) for labels in sets for name in labels.names()]
    verdicts = {labels.folder: labels.verdicts() for labels in sets}
    thresholds = {labels.folder: labels.bulk_threshold() for labels in sets}
    found: dict[str, Candidate] = {}
    for done, (labels, name) in enumerate(names):
        report(done, len(names))
        try:
            verdict = verdicts[labels.folder].get(name, "open")
            cells = trust_of(labels.read_current(name), verdict, thresholds[labels.folder])
            one = Candidate(name, Trust(int(cells.max(initial=Trust.NONE))))
        except InputError as error:
            one = Candidate(name, Trust.NONE, str(error))
        before = found.get(name)
        found[name] = one if before is None or one.best > before.best else before
    return list(found.values())


def draw_held(candidates: Sequence[Candidate], trust: TrustName, share: float) -> tuple[str, ...]:
    """Names of a share of the usable videos, at least one where the share is more than 0 and there are two.

    Which ones hangs on the names alone: the same videos stay held when others come along.
    """
    names = sorted((one.name for one in candidates if one.usable(trust)), key=_place)
    count = max(1, round(share * len(names))) if share > 0 and len(names) > 1 else 0
    return tuple(sorted(names[: min(count, len(names) - 1)]))


def _place(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
