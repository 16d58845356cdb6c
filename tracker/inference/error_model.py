"""Expected errors: the signals of a cell merged into one number, in pixels.

The logarithm of (1 + error) is a weighted sum of the signals, each on a scale of its own and never with a negative
weight: more of a signal never makes a cell better. What is unknown has a weight of its own. A monotone curve over the
sum, found by isotonic regression, makes it say what it means: of the cells at e pixels the typical error is e. All
of it is fitted in pixels of a picture of 256 × 256.
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
FORMAT = 1
GREATEST_ERROR = 64.0  # pixels: what is lost altogether is not more wrong than this
RIDGE = 0.003
SWEEPS = 300
KNOTS = 24  # of the calibration curve
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
class ErrorModel:
    """From signals to expected errors.

    Attributes:
        weights: (S,) of the signals on their scales, none negative.
        unknown: (S,) what counts in place of a signal that is not known.
        usual: (S,) what a signal contributes on average.
        offset: of the sum.
        sums, logs: the calibration curve: log(1 + error) at ascending sums.
        slope, shift: what a project's own corrections make of log(1 + error).
    """

    weights: Doubles
    unknown: Doubles
    usual: Doubles
    offset: float
    sums: Doubles
    logs: Doubles
    slope: float = 1.0
    shift: float = 0.0

    @classmethod
    def shipped(cls) -> Self:
        """The model that comes with the program."""
        return cls.from_json(SHIPPED.read_text("utf-8"), SHIPPED.name)

    def predict(self, signals: Signals) -> Floats:
        """(F, K) float32 expected errors in pixels of the video: 0 where a person vouches, NaN where there is nothing
        to be judged."""
        judged = signals.judged & ~signals.certain
        result = np.where(signals.certain, np.float32(0), np.float32(np.nan))
        result[judged] = self.errors(signals.values[:, judged].T) * signals.scale
        return result

    def errors(self, signals: Floats) -> Floats:
        """(n,) expected errors in pixels of a picture of 256 × 256, of (n, S) signals."""
        logs = np.interp(self.contributions(signals).sum(axis=1) + self.offset, self.sums, self.logs)
        return self.adjusted(np.expm1(logs))

    def adjusted(self, errors: NDArray[np.floating]) -> Floats:
        """What a project's own corrections make of errors that the shipped model expects, in the same pixels."""
        return np.expm1(np.maximum(0, self.slope * np.log1p(errors) + self.shift)).astype(np.float32)

    def contributions(self, signals: Floats) -> Doubles:
        """(n, S) what each signal adds to the logarithm."""
        scaled = on_scales(signals)
        return np.where(np.isnan(scaled), self.unknown, self.weights * scaled)

    @classmethod
    def learned(cls, examples: Examples) -> Self:
        """A model from nothing but examples.

        Raises:
            ValueError: there is none.
        """
        if len(examples.error) == 0:
            raise ValueError("there is no example to learn from")
        scaled = on_scales(examples.signals)
        gone = np.isnan(scaled)
        columns = np.concatenate([np.nan_to_num(scaled), gone, np.ones((len(scaled), 1))], axis=1)
        target = np.log1p(np.minimum(examples.error, GREATEST_ERROR)).astype(np.float64)
        weight = examples.weight / examples.weight.sum(dtype=np.float64)
        count = len(SIGNALS)
        found = ridge_with_floor(columns, target, weight, np.arange(2 * count + 1) < count)
        weights, unknown, offset = found[:count], found[count:-1], float(found[-1])
        nowhere = np.zeros(0)
        return cls(weights, unknown, np.zeros(count), offset, nowhere, nowhere).calibrated(examples)

    def calibrated(self, examples: Examples) -> Self:
        """The same order of cells, with numbers that mean on these examples what they say.

        Raises:
            ValueError: there is none.
        """
        if len(examples.error) == 0:
            raise ValueError("there is no example to calibrate with")
        given = self.contributions(examples.signals)
        target = np.log1p(np.minimum(examples.error, GREATEST_ERROR)).astype(np.float64)
        weight = examples.weight / examples.weight.sum(dtype=np.float64)
        sums, logs = calibration_curve(given.sum(axis=1) + self.offset, target, weight)
        return replace(self, usual=weight @ given, sums=sums, logs=logs)

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
        ends = np.array([self.logs[0], self.logs[-1]])
        x = np.concatenate([expected[known], ends])
        y = np.concatenate([error[known], ends])
        weight = np.append(np.ones(int(known.sum())), (PRIOR_CORRECTIONS, PRIOR_CORRECTIONS))
        mean_x, mean_y = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = float(weight @ (x - mean_x) ** 2)
        slope = max(0.1, float(weight @ ((x - mean_x) * (y - mean_y))) / spread) if spread else 1.0
        return replace(self, slope=slope, shift=float(mean_y - slope * mean_x))

    def to_json(self) -> str:
        """As text that `from_json` takes."""
        table = {
            name: {"weight": float(w), "unknown": float(u), "usual": float(m)}
            for name, w, u, m in zip(SIGNALS, self.weights, self.unknown, self.usual, strict=True)
        }
        curve = {"sums": [round(v, 5) for v in self.sums.tolist()], "logs": [round(v, 5) for v in self.logs.tolist()]}
        content = {"format": FORMAT, "signals": table, "offset": self.offset, "calibration": curve}
        return json.dumps(content | {"slope": self.slope, "shift": self.shift}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, name: str = "error model") -> Self:
        """From text that `to_json` gave.

        Raises:
            InputError: it is not such a text, or of signals that are not these.
        """
        try:
            content = json.loads(text)
            table: dict[str, Any] = content["signals"]
            if content["format"] != FORMAT or set(table) != set(SIGNALS):
                raise InputError(f"{name}: made for other signals than this version measures")
            weights, unknown, usual = (
                np.array([table[signal][key] for signal in SIGNALS], np.float64)
                for key in ("weight", "unknown", "usual")
            )
            sums, logs = (np.array(content["calibration"][key], np.float64) for key in ("sums", "logs"))
            offset, slope, shift = (float(content[key]) for key in ("offset", "slope", "shift"))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{name}: this is no error model") from error
        return cls(weights, unknown, usual, offset, sums, logs, slope, shift)


def on_scales(signals: Floats) -> Doubles:
    """(n, S) the signals on scales on which they add up: logarithms of pixels, frames and doubts."""
    scaled = np.log1p(signals.astype(np.float64))
    for name in ("uncertainty", "past_uncertainty"):
        column = SIGNALS.index(name)
        scaled[:, column] = -np.log(np.clip(1 - signals[:, column], 0.01, 1))
    change = SIGNALS.index("patch_change")
    scaled[:, change] = np.clip(signals[:, change], 0, 1.2)  # beyond that pictures have nothing in common
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
