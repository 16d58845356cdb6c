"""Expected errors: the signals of a cell merged into one number, in pixels.

The logarithm of (1 + error) is a weighted sum of the signals, each on a scale of its own and never with a negative
weight: more of a signal never makes a cell better. What is unknown counts as what it usually says. A monotone curve
over the sum, found by isotonic regression, makes it say what it means: of the cells at e pixels the typical error is e.
All of it is fitted in pixels of a picture of 256 × 256.

Neighbours, where there are enough, tell so much that the other signals hardly count beside them. So there are two such
sums: one for cells with neighbours, one for cells without, in which the other signals have all the weight.

What a signal means depends on who tells: the confidence of Lucas-Kanade is a measurement, that of a network an opinion.
So cells that Lucas-Kanade wrote have sums of their own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.inference.signals import SIGNALS, Signals, pixel_scale

SHIPPED = Path(__file__).parents[2] / "resources" / "review" / "error_model.json"
FORMAT = 3
GREATEST_ERROR = 64.0  # pixels: what is lost altogether is not more wrong than this
RIDGE = 0.003
SWEEPS = 300
KNOTS = 24  # of the calibration curve
NEIGHBOURS = SIGNALS.index("neighbours")
HAIR = 0.01  # slope of the curve where there are no examples any more
LEAST_CORRECTIONS = 30  # of a project's own, before they count
PRIOR_CORRECTIONS = 30  # how many of them the shipped model is worth

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Cells whose error is known.

    Attributes:
        signals: (n, S) in the order of `SIGNALS`, NaN where unknown.
        error: (n,) in pixels of a picture of 256 × 256.
        weight: (n,) how much each counts.
    """

    signals: Floats
    error: Floats
    weight: Floats

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All of them."""
        return cls(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in ("signals", "error", "weight"))
        )

    def among(self, chosen: NDArray[np.bool_]) -> Self:
        """Those of (n,) flags."""
        return replace(self, signals=self.signals[chosen], error=self.error[chosen], weight=self.weight[chosen])

    def without(self, *names: str) -> Self:
        """The same as if some signals were unknown."""
        signals = self.signals.copy()
        signals[:, [SIGNALS.index(name) for name in names]] = np.nan
        return replace(self, signals=signals)

    def target(self) -> Doubles:
        """(n,) log(1 + error), which is what is fitted."""
        return np.log1p(np.minimum(self.error, GREATEST_ERROR)).astype(np.float64)


@dataclass(frozen=True)
class Judgement:
    """What became of one cell, or of one span of like cells, that a person looked at.

    Attributes:
        expected_px: what the shipped model said, in pixels of the video.
        error_px: how far it was off, in pixels of the video; 0 where it was approved as it was.
        approved: whether it was.
    """

    expected_px: float
    error_px: float
    approved: bool = False


@dataclass(frozen=True)
class WeighedSum:
    """One sum of signals with its curve.

    Attributes:
        weights: (S,) of the signals on their scales, none negative.
        usual: (S,) what a signal contributes on average, and where it is not known.
        offset: of the sum.
        sums, logs: the calibration curve: log(1 + error) at ascending sums.
    """

    weights: Doubles
    usual: Doubles
    offset: float
    sums: Doubles
    logs: Doubles

    def contributions(self, signals: Floats) -> Doubles:
        """(n, S) what each signal adds to the logarithm."""
        scaled = on_scales(signals)
        return np.where(np.isnan(scaled), self.usual, self.weights * scaled)

    def log_errors(self, signals: Floats) -> Doubles:
        """(n,) log(1 + expected error)."""
        total = self.contributions(signals).sum(axis=1) + self.offset
        # Beyond the end of the curve nothing is known but what is worse than what.
        return np.interp(total, self.sums, self.logs) + HAIR * np.maximum(0, total - self.sums[-1])

    @classmethod
    def learned(cls, examples: Examples) -> Self:
        """From at least one example."""
        scaled = on_scales(examples.signals)
        known = ~np.isnan(scaled)
        weight = examples.weight / examples.weight.sum(dtype=np.float64)
        total = weight @ known
        mean = weight @ np.nan_to_num(scaled) / np.where(total > 0, total, 1)
        columns = np.concatenate([np.where(known, scaled, mean), np.ones((len(scaled), 1))], axis=1)
        found = ridge_with_floor(columns, examples.target(), weight, np.arange(len(SIGNALS) + 1) < len(SIGNALS))
        nowhere = np.zeros(0)
        return cls(found[:-1], found[:-1] * mean, float(found[-1]), nowhere, nowhere).calibrated(examples)

    def calibrated(self, examples: Examples) -> Self:
        """With the curve of at least one example."""
        weight = examples.weight / examples.weight.sum(dtype=np.float64)
        sums = self.contributions(examples.signals).sum(axis=1) + self.offset
        at, logs = calibration_curve(sums, examples.target(), weight)
        return replace(self, sums=at, logs=logs)

    def to_table(self) -> dict[str, Any]:
        """For JSON."""
        table = {
            name: {"weight": float(w), "usual": float(m)}
            for name, w, m in zip(SIGNALS, self.weights, self.usual, strict=True)
        }
        curve = {"sums": [round(v, 5) for v in self.sums.tolist()], "logs": [round(v, 5) for v in self.logs.tolist()]}
        return {"signals": table, "offset": self.offset, "calibration": curve}

    @classmethod
    def from_table(cls, content: dict[str, Any]) -> Self:
        """From what `to_table` gave.

        Raises:
            KeyError, TypeError, ValueError: it is not such a table, or of signals that are not these.
        """
        table: dict[str, Any] = content["signals"]
        if set(table) != set(SIGNALS):
            raise KeyError("signals")
        weights, usual = (
            np.array([table[signal][key] for signal in SIGNALS], np.float64) for key in ("weight", "usual")
        )
        sums, logs = (np.array(content["calibration"][key], np.float64) for key in ("sums", "logs"))
        return cls(weights, usual, float(content["offset"]), sums, logs)


@dataclass(frozen=True)
class TrackerErrors:
    """From signals to expected errors of one kind of tracker.

    Attributes:
        together: for cells whose neighbours tell something; None where neighbours are not asked.
        alone: for all others.
    """

    together: WeighedSum | None
    alone: WeighedSum

    def log_errors(self, signals: Floats) -> Doubles:
        """(n,) log(1 + expected error in pixels of a picture of 256 × 256), of (n, S) signals."""
        alone = self.alone.log_errors(signals)
        if self.together is None:
            return alone
        return np.where(with_neighbours(signals), self.together.log_errors(signals), alone)

    def errors(self, signals: Floats) -> Floats:
        """(n,) expected errors in pixels of a picture of 256 × 256, of (n, S) signals."""
        return np.expm1(self.log_errors(signals)).astype(np.float32)

    def excess(self, signals: Floats) -> Doubles:
        """(n, S) how much each signal adds to the logarithm beyond what it usually adds; NaN where it is unknown or not
        asked."""
        result = self.alone.contributions(signals) - self.alone.usual
        if self.together is None:
            result[:, NEIGHBOURS] = np.nan
        else:
            together = self.together.contributions(signals) - self.together.usual
            result = np.where(with_neighbours(signals)[:, None], together, result)
        return np.where(np.isnan(signals), np.nan, result)

    @property
    def sums(self) -> tuple[WeighedSum, ...]:
        """Those that there are."""
        return (self.alone,) if self.together is None else (self.together, self.alone)

    @classmethod
    def learned(cls, examples: Examples) -> Self:
        """From nothing but examples. Those with neighbours serve for both sums.

        Raises:
            ValueError: there is none.
        """
        if len(examples.error) == 0:
            raise ValueError("there is no example to learn from")
        alone = WeighedSum.learned(examples.without("neighbours"))
        known = examples.among(with_neighbours(examples.signals))
        return cls(WeighedSum.learned(known) if len(known.error) else None, alone)

    def calibrated(self, examples: Examples) -> Self:
        """The same order of cells in either sum, with numbers that mean on these examples what they say.

        Raises:
            ValueError: there is none.
        """
        if len(examples.error) == 0:
            raise ValueError("there is no example to calibrate with")
        alone = self.alone.calibrated(examples.without("neighbours"))
        known = examples.among(with_neighbours(examples.signals))
        together = self.together.calibrated(known) if self.together and len(known.error) else self.together
        return replace(self, together=together, alone=alone)

    def to_table(self) -> dict[str, Any]:
        """For JSON."""
        return {"together": self.together and self.together.to_table(), "alone": self.alone.to_table()}

    @classmethod
    def from_table(cls, content: dict[str, Any]) -> Self:
        """From what `to_table` gave.

        Raises:
            KeyError, TypeError, ValueError: it is not such a table, or of signals that are not these.
        """
        together = content["together"]
        return cls(together and WeighedSum.from_table(together), WeighedSum.from_table(content["alone"]))


@dataclass(frozen=True)
class ErrorModel:
    """From signals to expected errors, whatever tracker wrote the cells.

    Attributes:
        lucas_kanade: for cells that Lucas-Kanade wrote.
        network: for all others.
        slope, shift: what a project's own corrections make of log(1 + error).
    """

    network: TrackerErrors
    lucas_kanade: TrackerErrors
    slope: float = 1.0
    shift: float = 0.0

    @classmethod
    def shipped(cls) -> Self:
        """The model that comes with the program."""
        return cls.from_json(SHIPPED.read_text("utf-8"), SHIPPED.name)

    def predict(self, signals: Signals) -> Floats:
        """(F, K) float32 expected errors in pixels of the video: 0 where a person vouches, NaN where there is nothing
        to be judged."""
        result = np.where(signals.certain, np.float32(0), np.float32(np.nan))
        open_to_doubt = signals.judged & ~signals.certain
        for part, own in ((self.network, ~signals.lucas_kanade), (self.lucas_kanade, signals.lucas_kanade)):
            cells = open_to_doubt & own
            if cells.any():
                result[cells] = self.adjusted(part.errors(signals.values[:, cells].T)) * signals.scale
        return result

    def adjusted(self, errors: NDArray[np.floating]) -> Floats:
        """What a project's own corrections make of errors that the shipped model expects, in pixels of a picture of
        256 × 256."""
        return np.expm1(np.maximum(0, self.slope * np.log1p(errors) + self.shift)).astype(np.float32)

    def excess(self, signals: Floats, lucas_kanade: NDArray[np.bool_]) -> Doubles:
        """(n, S) `TrackerErrors.excess` of (n, S) signals of cells that Lucas-Kanade wrote, or not: (n,) flags."""
        return np.where(lucas_kanade[:, None], self.lucas_kanade.excess(signals), self.network.excess(signals))

    def fitted(self, judgements: Sequence[Judgement], size: tuple[int, int]) -> "ErrorModel":
        """This model, drawn towards what a project's own corrections say; itself while they are too few.

        Corrections are made where something is wrong, so that they alone would make everything look wrong. Approved
        spans speak for the rest: give one judgement for each span that was approved, not one for each of its frames,
        which all say the same. Both weigh alike; the line that is fitted to both, in logarithms, starts from the
        identity, which counts as much as 30 judgements at each end.

        Args:
            judgements: with what this model expected.
            size: (width, height) of the picture in pixels.
        """
        if sum(not judgement.approved for judgement in judgements) < LEAST_CORRECTIONS:
            return self
        scale = pixel_scale(size)
        expected = np.log1p([min(j.expected_px / scale, GREATEST_ERROR) for j in judgements])
        error = np.log1p([min(j.error_px / scale, GREATEST_ERROR) for j in judgements])
        known = np.isfinite(expected) & np.isfinite(error)
        logs = np.concatenate([part.logs for part in (*self.network.sums, *self.lucas_kanade.sums)])
        ends = np.array([logs.min(), logs.max()])
        x = np.concatenate([expected[known], ends])
        y = np.concatenate([error[known], ends])
        weight = np.append(np.ones(int(known.sum())), (PRIOR_CORRECTIONS, PRIOR_CORRECTIONS))
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = float(weight @ (x - mean_x) ** 2)
        slope = max(0.1, float(weight @ ((x - mean_x) * (y - mean_y))) / spread) if spread else 1.0
        return replace(self, slope=slope, shift=float(mean_y - slope * mean_x))

    def to_json(self) -> str:
        """What ships, as text that `from_json` takes: not what a project's own corrections made of it."""
        content = {"format": FORMAT, "network": self.network.to_table(), "lucas_kanade": self.lucas_kanade.to_table()}
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str = "error model") -> Self:
        """From text that `to_json` gave.

        Raises:
            InputError: it is not such a text, of another format, or of signals that are not these.
        """
        try:
            content = json.loads(text)
            if content["format"] == FORMAT:
                network, lucas_kanade = (TrackerErrors.from_table(content[key]) for key in ("network", "lucas_kanade"))
                return cls(network, lucas_kanade)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{name}: this is no error model") from error
        raise InputError(f"{name}: made for another version, which measures otherwise")


def with_neighbours(signals: Floats) -> NDArray[np.bool_]:
    """(n,) whether neighbours tell something, of (n, S) signals."""
    return ~np.isnan(signals[:, NEIGHBOURS])


def on_scales(signals: Floats) -> Doubles:
    """(n, S) the signals on scales on which they add up: logarithms of most, squares of changes."""
    scaled = np.log1p(signals.astype(np.float64))
    for name in ("uncertainty", "past_uncertainty"):
        column = SIGNALS.index(name)
        scaled[:, column] = -np.log(np.clip(1 - signals[:, column], 0.01, 1))
    change = SIGNALS.index("patch_change")
    # Whatever turns looks a little different. Beyond 1.2 pictures have nothing in common.
    scaled[:, change] = np.clip(signals[:, change], 0, 1.2) ** 2
    gap = SIGNALS.index("gap")
    scaled[:, gap] = np.log1p(signals[:, gap] / 10)
    return scaled


def ridge_with_floor(columns: Doubles, target: Doubles, weight: Doubles, floored: NDArray[np.bool_]) -> Doubles:
    """Least squares with a ridge on all but the last coefficient, those that are `floored` never below 0.

    By coordinate descent, which finds the only minimum there is (Friedman, Hastie, Tibshirani 2010).
    """
    weighted = columns * weight[:, None]
    gram, right = weighted.T @ columns, weighted.T @ target
    ridge = np.full(len(right), RIDGE)
    ridge[-1] = 0
    found = np.zeros(len(right))
    for _ in range(SWEEPS):
        for k in range(len(right)):
            rest = right[k] - gram[k] @ found + gram[k, k] * found[k]
            value = rest / (gram[k, k] + ridge[k]) if gram[k, k] > 0 else 0.0
            found[k] = max(0.0, value) if floored[k] else value
    return found


def calibration_curve(sums: Doubles, logs: Doubles, weight: Doubles) -> tuple[Doubles, Doubles]:
    """(knots,) sums and logs of a rising curve through the mean of `logs` at each sum."""
    order = np.argsort(sums, kind="stable")
    total = np.cumsum(weight[order])
    bins = np.minimum((total / total[-1] * KNOTS).astype(int), KNOTS - 1)
    mass = np.bincount(bins, weight[order], KNOTS).astype(np.float64)
    there = mass > 0
    at, means = (
        np.bincount(bins, (weight * values)[order], KNOTS)[there].astype(np.float64) / mass[there]
        for values in (sums, logs)
    )
    rising = isotonic(means, mass[there])
    # A hair of slope keeps the order of the sums where the curve is flat.
    return at, rising + 1e-4 * np.arange(len(rising))


def isotonic(values: Doubles, weight: Doubles) -> Doubles:
    """The never falling sequence nearest to `values` in weighted least squares: pool adjacent violators."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, mass in zip(values.tolist(), weight.tolist(), strict=True):
        blocks.append((value, mass, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m, i), (b, n, j) = blocks[-2:]
            blocks[-2:] = [((a * m + b * n) / (m + n), m + n, i + j)]
    return np.repeat([mean for mean, _, _ in blocks], [length for _, _, length in blocks])
