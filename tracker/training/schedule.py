"""How far a run is, and what learning rate that asks for."""

import math
from dataclasses import dataclass

EXTRA_STEPS = 100  # the published schedule is this much longer than the run
START_DIVISOR, END_DIVISOR = 25.0, 1e4  # of the highest rate, then of the first (as PyTorch's OneCycleLR)


@dataclass(frozen=True)
class OneCycle:
    """One-cycle learning rate (Smith & Topin 2018): a cosine up over the warm-up, then a cosine down to about nothing.

    Attributes:
        highest: the learning rate at the end of the warm-up.
        steps: how many steps the cycle is made for.
        warm_up: share of it in which the rate rises.
    """

    highest: float
    steps: int
    warm_up: float

    def rate(self, share: float) -> float:
        """The learning rate when `share` (0..1) of the run is done; at share = step / steps that of OneCycleLR."""
        total = self.steps + EXTRA_STEPS
        place = share * self.steps
        peak, last = self.warm_up * total - 1, total - 1
        first = self.highest / START_DIVISOR
        if place <= peak:
            return _cosine(first, self.highest, place / peak)
        return _cosine(self.highest, first / END_DIVISOR, min(1.0, (place - peak) / (last - peak)))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


@dataclass
class Cycle:
    """How much of a cycle is done: the larger of the share of its steps and of its time.

    Without a time budget that is steps alone, and a run that is resumed goes on exactly as if it had not stopped. With
    one, the schedule reaches its end with the time on any machine; what had been done before counts as done, and the
    budget is for the rest.

    Attributes:
        steps: of the whole cycle.
        first_step: the step at which it began.
        done_before: the share that was done when this run began.
        seconds: the time budget of this run.
    """

    steps: int
    first_step: float = 0
    done_before: float = 0.0
    seconds: float | None = None

    def share(self, step: int, elapsed: float) -> float:
        """What is done (0..1) after `step` steps in all and `elapsed` seconds of this run."""
        by_steps = (step - self.first_step) / self.steps
        if self.seconds is None:
            return min(1.0, by_steps)
        by_time = self.done_before + (1 - self.done_before) * elapsed / self.seconds
        return min(1.0, max(by_steps, by_time))

    def go_on(self, step: int, first_step: float, done: float) -> None:
        """Take up a cycle of which `done` was done at `step`; begin a new one where it was all done."""
        if done >= 1:
            self.first_step, self.done_before = step, 0.0
            return
        self.first_step, self.done_before = first_step, done
        if done > (step - first_step) / self.steps:  # it had a time budget
            self.first_step = step - done * self.steps
