"""The review queue: the stretches that are to be looked at, worst first, and how long that will take."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from statistics import median

from app.document.changes import Callbacks
from tracker.inference.suspicion import Suspect

PAUSE = 120.0  # seconds: who takes longer did something else
REMEMBERED = 20  # decisions that the pace is taken from
LEAST_DECISIONS = 3  # for a pace


class ReviewQueue:
    """Suspects, the one that is looked at, and the pace of the person who looks.

    The current suspect stays the current one when suspects are worked out anew, as long as some of it is left. What is
    decided leaves the queue at once, without waiting for that.

    Attributes:
        changed: called with this queue after anything in it has changed.
        decided: how many suspects were decided since `clear`.

    Args:
        clock: seconds, for the pace.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.changed: Callbacks[ReviewQueue] = Callbacks()
        self.decided = 0
        self._clock = clock
        self._suspects: list[Suspect] = []
        self._at: int | None = None
        self._resume = 0  # where to go on when there is no current one
        self._since: float | None = None  # when the person began with the current one
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def suspects(self) -> Sequence[Suspect]:
        """Those left, worst first."""
        return self._suspects

    @property
    def position(self) -> int | None:
        """Where the current one stands; None while nobody walks the queue."""
        return self._at

    @property
    def current(self) -> Suspect | None:
        """The one that is looked at."""
        return None if self._at is None else self._suspects[self._at]

    @property
    def left(self) -> int:
        """How many are to be looked at."""
        return len(self._suspects)

    @property
    def pace(self) -> float | None:
        """Seconds per decision: the median of this person's last ones; None while there are too few."""
        return median(self._took) if len(self._took) >= LEAST_DECISIONS else None

    @property
    def time_left(self) -> float | None:
        """Seconds until the queue is empty at this pace; None while it is not known."""
        return None if self.pace is None else self.pace * self.left

    def show(self, suspects: Sequence[Suspect], settles: bool = True) -> None:
        """Take suspects that were worked out anew, worst first.

        Args:
            settles: a current one that is gone was put right, and counts as decided; not so where other suspects come
                of another threshold.
        """
        before, place = self.current, self._at
        self._suspects = list(suspects)
        if before is not None and place is not None:
            self._at = next((k for k, suspect in enumerate(self._suspects) if _overlap(suspect, before)), None)
            if self._at is None:
                self._resume = place
                if settles:
                    self._note_decision()
                self._since = None
        self.changed(self)

    def clear(self) -> None:
        """Forget all, as for another document; only the pace is the person's own and stays."""
        self._suspects, self._at, self._resume, self._since, self.decided = [], None, 0, None, 0
        self.changed(self)

    def go(self, position: int) -> Suspect:
        """Make the one at a position the current one. Raises IndexError where there is none."""
        if not 0 <= position < len(self._suspects):
            raise IndexError(f"there are {len(self._suspects)} suspects, none at {position}")
        if position != self._at or self._since is None:
            self._at, self._since = position, self._clock()
            self.changed(self)
        return self._suspects[position]

    def next(self) -> Suspect | None:
        """The one after the current one; None at the end. To begin with the worst, and where the current one was put
        right the one that took its place."""
        return self._step(1)

    def previous(self) -> Suspect | None:
        """The one before the current one; None at the start."""
        return self._step(-1)

    def decide(self) -> Suspect | None:
        """The current one was approved or put right: take it out and go on.

        Returns:
            The one that follows, the last one left where none follows; None where none is left or none was current.
        """
        if self._at is None:
            return None
        self._note_decision()
        del self._suspects[self._at]
        self._at = min(self._at, len(self._suspects) - 1) if self._suspects else None
        self.changed(self)
        return self.current

    def _note_decision(self) -> None:
        now = self._clock()
        if self._since is not None and 0 <= now - self._since <= PAUSE:
            self._took.append(now - self._since)
        self.decided += 1
        self._since = now

    def _step(self, by: int) -> Suspect | None:
        if not self._suspects:
            return None
        if self._at is not None:
            wanted = self._at + by
        else:
            wanted = min(self._resume, len(self._suspects) - 1) if by > 0 else self._resume - 1
        return self.go(wanted) if 0 <= wanted < len(self._suspects) else None


def _overlap(one: Suspect, other: Suspect) -> bool:
    return one.track_id == other.track_id and one.start < other.end and other.start < one.end
