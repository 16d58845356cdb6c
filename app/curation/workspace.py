"""The queue over all videos of a label set, and the pace of the person who works through it."""

import getpass
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median
from typing import Literal

from app.curation.ranking import Standing
from app.document.changes import Callbacks
from tracker.labels.label_set import Decision, LabelSet, Verdict

PAUSE = 30 * 60.0  # seconds: who takes longer for one video did something else
REMEMBERED = 20  # decisions that the pace is taken from
LEAST_DECISIONS = 3  # for a pace

Shown = Literal["open", "accepted", "rejected", "all"]


@dataclass(frozen=True)
class Row:
    """One video of the queue; `ranked` is None until its labels have been looked at, or where `fault` says why not."""

    name: str
    verdict: Verdict
    ranked: Standing | None
    fault: str

    @property
    def title(self) -> str:
        """What the video's file was called."""
        return title_of(self.name)


class Workspace:
    """An open label set: its videos in the order in which they should be looked at.

    A decision does not change the order, so that the queue stays still below a person's hand; a new ranking does.

    Attributes:
        changed: called with this workspace after anything in it has changed.
        current: the video that is open in the window.
    """

    def __init__(
        self,
        label_set: LabelSet,
        names: Sequence[str],
        verdicts: Mapping[str, Verdict],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label_set = label_set
        self.changed: Callbacks[Workspace] = Callbacks()
        self.current: str | None = None
        self._order = list(names)
        self._verdicts = dict(verdicts)
        self._ranked: dict[str, Standing] = {}
        self._faults: dict[str, str] = {}
        self._shown: Shown = "open"
        self._search = ""
        self._clock = clock
        self._since: float | None = None  # when the person began with the current one
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    # -- what is listed

    @property
    def shown(self) -> Shown:
        """Which videos are listed."""
        return self._shown

    @shown.setter
    def shown(self, shown: Shown) -> None:
        self._shown = shown
        self.changed(self)

    @property
    def search(self) -> str:
        """What the names of listed videos contain, in capitals or not."""
        return self._search

    @search.setter
    def search(self, text: str) -> None:
        self._search = text
        self.changed(self)

    def rows(self) -> list[Row]:
        """Those that are listed, what to look at first in front."""
        return [self.row(name) for name in self._order if self._is_shown(name)]

    def row(self, name: str) -> Row:
        """One video, whether it is listed or not."""
        return Row(name, self.verdict(name), self._ranked.get(name), self._faults.get(name, ""))

    def verdict(self, name: str) -> Verdict:
        """What was decided on a video."""
        return self._verdicts.get(name, "open")

    def _is_shown(self, name: str) -> bool:
        wanted = self._shown in ("all", self.verdict(name))
        return wanted and self._search.casefold() in name.casefold()

    def __contains__(self, name: str) -> bool:
        return name in self._order

    @property
    def names(self) -> Sequence[str]:
        """All videos, in the order of the queue."""
        return self._order

    def count(self, shown: Shown) -> int:
        """How many videos have this verdict."""
        return len(self._order) if shown == "all" else sum(self.verdict(name) == shown for name in self._order)

    # -- what has been worked out

    def show_ranking(self, videos: Iterable[Standing], faults: Mapping[str, str]) -> None:
        """Take all videos as they have been looked at, the first ones first; those that cannot be read come last."""
        self._ranked = {video.name: video for video in videos}
        self._faults = dict(faults)
        known = [*self._ranked, *self._faults]
        self._order = known + [name for name in self._order if name not in set(known)]
        self.changed(self)

    def update(self, video: Standing) -> None:
        """Take one that has been looked at anew; its place stays."""
        self._ranked[video.name] = replace(video, verdict=self.verdict(video.name))
        self._faults.pop(video.name, None)
        self.changed(self)

    # -- walking

    def begin(self, name: str | None) -> None:
        """This video is open now; None for none of the set."""
        if name != self.current:
            self.current, self._since = name, self._clock()
            self.changed(self)

    def step(self, by: int) -> str | None:
        """The listed video after the current one, or with -1 before it; None at the end."""
        order = self._order if by > 0 else self._order[::-1]
        at = order.index(self.current) + 1 if self.current in order else 0
        return next((name for name in order[at:] if self._is_shown(name)), None)

    def next_open(self) -> str | None:
        """The video after the current one that nobody decided on and that can be read, from the top at the end."""
        at = self._order.index(self.current) + 1 if self.current in self._order else 0
        around = self._order[at:] + self._order[:at]
        return next(
            (n for n in around if self.verdict(n) == "open" and n != self.current and n not in self._faults), None
        )

    def decide(self, name: str, verdict: Verdict) -> None:
        """A person decides on a video; it is on the disk when this returns. Raises InputError where it cannot be."""
        self.label_set.decide(Decision("verdict", name, verdict, by=person(), at=now()))
        first = self.verdict(name) == "open" and verdict != "open"
        self._verdicts[name] = verdict
        ranked = self._ranked.get(name)
        if ranked is not None:
            spans = 0 if verdict != "open" else ranked.spans
            self._ranked[name] = replace(ranked, verdict=verdict, spans=spans)
        if name == self.current and first:
            self._note_pace()
        self.changed(self)

    def _note_pace(self) -> None:
        moment = self._clock()
        if self._since is not None and 0 <= moment - self._since <= PAUSE:
            self._took.append(moment - self._since)
        self._since = moment

    # -- how far it is

    @property
    def decided(self) -> int:
        """How many videos were accepted or rejected."""
        return len(self._order) - self.count("open")

    @property
    def spans_left(self) -> int:
        """How many spans of open videos are to be looked at."""
        return sum(ranked.spans for name, ranked in self._ranked.items() if self.verdict(name) == "open")

    @property
    def time_left(self) -> float | None:
        """Seconds until all is decided, at the median of this person's last decisions; None while that is not known."""
        return median(self._took) * self.count("open") if len(self._took) >= LEAST_DECISIONS else None


def title_of(name: str) -> str:
    """The name of a video in a set without the letters that tell it from others of the same name."""
    stem, dash, letters = name.rpartition("-")
    return stem if dash and len(letters) == 8 and not set(letters) - set("0123456789abcdef") else name


def person() -> str:
    """Who decides: the name of the account."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no account of this number, as in some containers
        return ""


def now() -> str:
    """The time of a decision."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
