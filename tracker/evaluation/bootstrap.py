"""How far a mean over a few videos can be trusted: the percentile bootstrap (Efron 1979; Efron & Tibshirani 1993, §13).

Whole videos are drawn, never frames or points: those of one video succeed and fail together.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95
# Of n differences without any effect all have one sign with a chance of 2^(1 - n); below 6 that is more than 5 %, and
# the interval then excludes zero. So an interval from fewer videos is given, but it must not be taken at its word.
FEW = 6
_AT_ONCE = 1 << 20  # numbers that are drawn together; bounds the memory, not the result


@dataclass(frozen=True)
class Interval:
    """A mean and where it may well lie; NaN where it is not known.

    Attributes:
        mean: of the values that are known.
        low, high: the interval's ends. NaN for fewer than two values: one video says nothing of others.
        count: how many values are known.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def known(self) -> bool:
        """Whether there is an interval at all."""
        return self.count > 1

    @property
    def few(self) -> bool:
        """Whether it is from so few values that it is narrower than it claims."""
        return self.count < FEW


def bootstrap_interval(
    values: Iterable[float], *, level: float = LEVEL, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The mean of one number per video, with its percentile interval; for a paired comparison, of the differences.

    Args:
        values: one for each video; those that are not finite are left out.
        level: the share of the resampled means that lies within.
        resamples: how often as many videos are drawn with replacement.
        seed: the same values and seed give the same interval.

    Raises:
        ValueError: a level outside 0 to 1, or no resamples.
    """
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"level {level} must lie between 0 and 1, and resamples {resamples} be positive")
    all_values = np.fromiter(values, np.float64)
    known = all_values[np.isfinite(all_values)]
    if len(known) < 2:
        mean = float(known[0]) if len(known) else float("nan")
        return Interval(mean, float("nan"), float("nan"), len(known))
    means = _resampled_means(known, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(known.mean()), float(low), float(high), len(known))


def _resampled_means(values: NDArray[np.float64], resamples: int, random: np.random.Generator) -> NDArray[np.float64]:
    """(resamples,) means of as many values, drawn with replacement."""
    size = max(1, _AT_ONCE // len(values))
    blocks = [min(size, resamples - first) for first in range(0, resamples, size)]
    return np.concatenate(
        [values[random.integers(0, len(values), (block, len(values)))].mean(axis=1) for block in blocks]
    )
