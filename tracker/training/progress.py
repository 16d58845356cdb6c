"""How a run of training is doing, and how it ended."""

from typing import Literal, NamedTuple

from tracker.training.losses import Losses

Reason = Literal["finished", "time", "steps", "stopped"]  # why a run ended


class Progress(NamedTuple):
    """How a run is doing; the figures are means since the last report."""

    step: int
    share: float  # done of the cycle
    seconds: float  # of this run
    clips: int
    rate: float
    losses: dict[str, float]  # by the names of `Losses`
    gradient: float  # norm before clipping
    data_share: float  # of the time, spent on getting clips


class Summary(NamedTuple):
    """How a run ended."""

    reason: Reason
    step: int
    clips: int
    seconds: float  # of training, with those before it was resumed
    losses: dict[str, float]
    skipped: int  # steps whose gradient was no number
    data_share: float


class Sums:
    """What has been added up since the last report."""

    def __init__(self) -> None:
        self.values = [0.0] * len(Losses._fields)
        self.gradient = self.data_seconds = self.seconds = 0.0
        self.steps = 0

    def add(self, values: list[float], gradient: float, data_seconds: float, seconds: float) -> None:
        self.values = [a + b for a, b in zip(self.values, values, strict=True)]
        self.gradient += gradient
        self.data_seconds += data_seconds
        self.seconds += seconds
        self.steps += 1

    def losses(self) -> list[float]:
        return [value / self.steps for value in self.values]

    def data_share(self) -> float:
        return self.data_seconds / self.seconds if self.seconds else 0.0
