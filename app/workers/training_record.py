"""The folder of a fine-tuning: what was asked for, how it went, how it ended, and the report. Neither Qt nor torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tracker.evaluation.comparison import MEASURES
from tracker.files import InputError

RUN, CURVES = "run.json", "curves.jsonl"  # beside the weights and what `app.finetune_report` writes
WEIGHTS, REPORT, CARD = "weights.safetensors", "report.json", "report.md"

Stage = Literal["pseudo", "corrected"]
TrustName = Literal["person", "accepted", "all"]
Ending = Literal["finished", "stopped"]


@dataclass(frozen=True)
class TrainingRequest:
    """All that a fine-tuning needs.

    Attributes:
        labels: folders of label sets.
        base: name of a tracker, or a weights file.
        output: folder of the run.
        stage, trust, synthetic_share: as in `tracker.training.finetune.FinetuneSettings`.
        minutes: of the whole run, with those before it was resumed.
        held: names of videos that are kept for the comparison.
        device: "auto", "cpu" or "cuda".
        resume: go on from what lies in `output`.
        only_report: train no more, only compare what is there with the base.
        steps: end after so many instead.
    """

    labels: tuple[Path, ...]
    base: str
    output: Path
    stage: Stage = "corrected"
    trust: TrustName = "accepted"
    minutes: float = 30.0
    synthetic_share: float = 0.25
    held: tuple[str, ...] = ()
    device: str = "auto"
    resume: bool = False
    only_report: bool = False
    steps: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "labels": [str(folder) for folder in self.labels], "output": str(self.output)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TrainingRequest":
        """The inverse of `as_json`. Raises KeyError, TypeError or ValueError where it is none."""
        values = dict(content)
        labels = tuple(Path(folder) for folder in values["labels"])
        return cls(**{**values, "labels": labels, "output": Path(values["output"]), "held": tuple(values["held"])})


@dataclass(frozen=True)
class Stepped:
    """How the training is doing: `step` of all, `share` done of the run, `seconds` of all its parts, losses by name."""

    step: int
    share: float
    seconds: float
    losses: dict[str, float]


@dataclass(frozen=True)
class Validated:
    """Figures by name, in percent, of the network as it is after a step, on held videos."""

    step: int
    figures: dict[str, float]


@dataclass(frozen=True)
class Ended:
    """The last word of a run that did not fail.

    Attributes:
        ending: "stopped" where somebody stopped it before its end.
        skipped: the reason for each video that was not used.
    """

    ending: Ending
    step: int
    seconds: float
    skipped: dict[str, str]


@dataclass(frozen=True)
class RunRecord:
    """What the folder of a run tells.

    Attributes:
        request: what was asked for.
        ended: how it ended; None where it goes on, or was killed.
        curve: by step; what a killed run did after it had saved for the last time is left out.
        marks: likewise.
    """

    request: TrainingRequest
    ended: Ended | None
    curve: tuple[Stepped, ...] = ()
    marks: tuple[Validated, ...] = ()

    @property
    def step(self) -> int:
        """The last one."""
        return self.curve[-1].step if self.curve else 0

    @property
    def seconds(self) -> float:
        """Of training so far."""
        return self.curve[-1].seconds if self.curve else 0.0

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return self.ended is not None and self.ended.ending == "finished"


def read_run(folder: Path) -> RunRecord:
    """The run in a folder.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    path = folder / RUN
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        request = TrainingRequest.from_json(content["request"])
        ended = None if content["ended"] is None else Ended(**content["ended"])
    except OSError as error:
        raise InputError(f"{folder}: there is no fine-tuning here ({RUN} is missing)") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: no record of a fine-tuning, or a damaged one") from error
    return RunRecord(replace(request, output=folder), ended, *_read_curves(folder / CURVES))


def _read_curves(path: Path) -> tuple[tuple[Stepped, ...], tuple[Validated, ...]]:
    """What was written; a line that is cut off ends it. Steps that were done once more count as done then."""
    curve: list[Stepped] = []
    marks: list[Validated] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return (), ()
    for line in lines:
        try:
            values = json.loads(line)
            one: Stepped | Validated = Stepped(**values) if "losses" in values else Validated(**values)
        except (ValueError, TypeError):
            break
        if isinstance(one, Validated):
            marks.append(one)
            continue
        while curve and curve[-1].step >= one.step:
            curve.pop()
        marks = [mark for mark in marks if mark.step < one.step]
        curve.append(one)
    return tuple(curve), tuple(marks)


class Judgement(NamedTuple):
    """One measure over the held videos, as it is written: base, student, difference, its interval, and the word."""

    label: str
    base: str
    student: str
    difference: str
    interval: str
    word: str


@dataclass(frozen=True)
class StudentReport:
    """What the report says.

    Attributes:
        text: all of it, Markdown: the card of the student.
        verdict: a sentence or two.
        judgements: none where the two were not compared.
    """

    text: str
    verdict: str
    judgements: tuple[Judgement, ...]

    @property
    def word(self) -> str:
        """The verdict in a word: "better" where something is and nothing is worse, "" where nothing was compared."""
        words = {one.word for one in self.judgements}
        order = ("worse", "better", "no better", "not known")
        return next((word for word in order if word in words), "")


def read_report(folder: Path) -> StudentReport | None:
    """The report on the run in a folder; None where there is none.

    Raises:
        InputError: it cannot be read.
    """
    path = folder / REPORT
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        text = (folder / CARD).read_text(encoding="utf-8")
        judgements = tuple(_judgement(one) for one in content.get("summary", ()))
        return StudentReport(text, content.get("verdict") or _reason(text), judgements)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: no report on a fine-tuning, or a damaged one") from error


def _reason(text: str) -> str:
    """The first paragraph, in which a report without figures says why it has none."""
    return next((line for line in text.splitlines() if line and not line.startswith("#")), "")


def _judgement(one: Mapping[str, Any]) -> Judgement:
    measure = next(measure for measure in MEASURES if measure.name == one["measure"])

    def written(value: float | None, sign: str = "") -> str:
        return "–" if value is None else f"{measure.factor * value:{sign}.{measure.digits}f}".replace("-", "−")

    difference = one["difference"]
    known = difference["low"] is not None and difference["high"] is not None
    interval = f"{written(difference['low'], '+')} … {written(difference['high'], '+')}" if known else ""
    base, student = (written(one[name]["mean"]) for name in ("base", "student"))
    return Judgement(measure.label, base, student, written(difference["mean"], "+"), interval, one["verdict"])
