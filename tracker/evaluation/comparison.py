"""What came of comparing a tracker with the one it was made from: figures for each video, differences, a verdict."""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from tracker.evaluation.bootstrap import Interval, bootstrap_interval
from tracker.files import InputError

Word = Literal["better", "no better", "worse", "not known"]


class Measure(NamedTuple):
    """One figure: its name in `VideoPair`; what a table calls it, its factor and its digits there."""

    name: str
    label: str
    factor: float
    digits: int
    more_is_better: bool


MEASURES = (
    Measure("average_pts_within_thresh", "δavg", 100, 1, True),
    Measure("average_jaccard", "AJ", 100, 1, True),
    Measure("occlusion_accuracy", "OA", 100, 1, True),
    Measure("lost", "lost", 100, 1, False),
    Measure("corrections", "corrections", 1, 2, False),
)


@dataclass(frozen=True)
class VideoPair:
    """Both trackers on one video; fractions of 1, and `corrections` per track. NaN where nothing counts."""

    video: str
    frames: int
    queries: int
    base: dict[str, float]
    student: dict[str, float]


class Judged(NamedTuple):
    """One measure over all videos in which both trackers have it. `word` speaks of the student."""

    measure: Measure
    base: Interval
    student: Interval
    difference: Interval
    word: Word


@dataclass(frozen=True)
class Comparison:
    """Two trackers on the same videos.

    Attributes:
        base, student: what they are called.
        dataset: what the videos are from.
        rows: one for each video, in their order.
        effort: how corrections were simulated, in words; "" where they were not.
        skipped: a sentence for each video that could not be scored.
        notes: what a reader should know of the truth.
        seed: of the bootstrap.
    """

    base: str
    student: str
    dataset: str
    rows: tuple[VideoPair, ...]
    effort: str = ""
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seed: int = 0

    def summary(self) -> list[Judged]:
        """Every measure: means with 95 % intervals by bootstrap over videos, and the paired difference with its own."""
        return [self._judge(measure) for measure in MEASURES if self.effort or measure.name != "corrections"]

    def _judge(self, measure: Measure) -> Judged:
        pairs = [(_value(row.base, measure), _value(row.student, measure)) for row in self.rows]
        known = [pair for pair in pairs if all(map(math.isfinite, pair))]
        base, student, difference = (
            bootstrap_interval(values, seed=self.seed)
            for values in ([b for b, _ in known], [s for _, s in known], [s - b for b, s in known])
        )
        return Judged(measure, base, student, difference, _word(difference, measure.more_is_better))

    def verdict(self) -> str:
        """One or two sentences: on what the student is better, no better or worse, and how sure that is."""
        judged = [one for one in self.summary() if one.word != "not known"]
        videos = _count(len(self.rows), "video")
        if not judged:
            told = ", ".join(_difference(one) for one in self.summary() if one.difference.count)
            return (
                f"No better can be shown on one video, which says nothing of others ({told})."
                if told
                else ("No better: there is nothing to compare.")
            )
        by_word = {word: [one for one in judged if one.word == word] for word in ("better", "worse", "no better")}
        if not by_word["better"] and not by_word["worse"]:
            told = ", ".join(_difference(one) for one in judged)
            return f"No better: on {videos} every difference may be chance ({told})." + _caution(judged)
        parts = [f"{word} on {', '.join(_difference(one) for one in some)}" for word, some in by_word.items() if some]
        return f"{_capital('; '.join(parts))}; {videos}." + _caution(judged)

    def format_table(self) -> str:
        """Lines for a terminal: each video, the means, the differences, the verdict."""
        return "\n".join([*_aligned(self._lines()), "", *_aligned(self._means()), "", *self._remarks()])

    def to_markdown(self) -> str:
        """The same for a document."""
        title = f"# {self.student} compared with {self.base}"
        tables = [_markdown(self._lines()), _markdown(self._means())]
        return "\n\n".join([title, self.verdict(), *tables, *self._remarks()[1:]]) + "\n"

    def _lines(self) -> list[list[str]]:
        measures = [one.measure for one in self.summary()]
        lines = [["video", "tracks", *(measure.label for measure in measures)]]
        for row in self.rows:
            cells = [_pair(_value(row.base, one), _value(row.student, one), one) for one in measures]
            lines.append([row.video, str(row.queries), *cells])
        return lines

    def _means(self) -> list[list[str]]:
        lines = [["mean of videos", self.base, self.student, "difference", "95 %", "videos", "verdict"]]
        for one in self.summary():
            base, student, difference = one.base, one.student, one.difference
            lines.append(
                [
                    one.measure.label,
                    _number(base.mean, one.measure),
                    _number(student.mean, one.measure),
                    _number(difference.mean, one.measure, "+"),
                    _ends(difference, one.measure),
                    str(difference.count),
                    one.word,
                ]
            )
        return lines

    def _remarks(self) -> list[str]:
        lines = [self.verdict(), "δavg, AJ, OA and lost in percent; each video counts the same."]
        lines += [self.effort] if self.effort else []
        return [*lines, *self.notes, *(f"Left out: {reason}" for reason in self.skipped)]

    def to_json(self) -> str:
        """Everything, one object, with what follows from it; NaN is null."""
        rows = [{**asdict(row), "base": _plain(row.base), "student": _plain(row.student)} for row in self.rows]
        summary = [
            {
                "measure": one.measure.name,
                "label": one.measure.label,
                **{name: _plain(asdict(getattr(one, name))) for name in ("base", "student", "difference")},
                "verdict": one.word,
            }
            for one in self.summary()
        ]
        content = {**vars(self), "rows": rows, "summary": summary, "verdict": self.verdict()}
        return json.dumps(content, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Comparison":
        """The inverse of `to_json`. Raises InputError where the text is no such comparison."""
        try:
            content = json.loads(text)
            rows = tuple(
                VideoPair(
                    str(row["video"]),
                    int(row["frames"]),
                    int(row["queries"]),
                    _read(row["base"]),
                    _read(row["student"]),
                )
                for row in content["rows"]
            )
            base, student, dataset, effort = (str(content[key]) for key in ("base", "student", "dataset", "effort"))
            skipped, notes = (tuple(map(str, content[key])) for key in ("skipped", "notes"))
            return cls(base, student, dataset, rows, effort, skipped, notes, int(content["seed"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("this is no comparison of two trackers, or a damaged one") from error


def _word(difference: Interval, more_is_better: bool) -> Word:
    if not difference.known:
        return "not known"
    low, high = (difference.low, difference.high) if more_is_better else (-difference.high, -difference.low)
    return "better" if low > 0 else "worse" if high < 0 else "no better"


def _caution(judged: list[Judged]) -> str:
    fewest = min(judged, key=lambda one: one.difference.count).difference
    if not fewest.few:
        return ""
    return f" So few videos say little of others: an interval from {fewest.count} is narrower than it claims."


def _difference(one: Judged) -> str:
    ends = f" [{_ends(one.difference, one.measure)}]" if one.difference.known else ""
    return f"{one.measure.label} {_number(one.difference.mean, one.measure, '+')}{ends}"


def _ends(interval: Interval, measure: Measure) -> str:
    if not interval.known:
        return "-"
    return " to ".join(_number(end, measure, "+") for end in (interval.low, interval.high))


def _pair(base: float, student: float, measure: Measure) -> str:
    if not (math.isfinite(base) and math.isfinite(student)):
        return "-"
    return f"{_number(base, measure)} → {_number(student, measure)} ({_number(student - base, measure, '+')})"


def _number(value: float, measure: Measure, sign: str = "") -> str:
    if not math.isfinite(value):
        return "-"
    return f"{measure.factor * value:{sign}.{measure.digits}f}".replace("-", "−")


def _value(figures: dict[str, float], measure: Measure) -> float:
    return figures.get(measure.name, float("nan"))


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _aligned(lines: list[list[str]]) -> list[str]:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _markdown(lines: list[list[str]]) -> str:
    rows = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]
    return "\n".join([rows[0], "|---" * len(lines[0]) + "|", *rows[1:]])


def _plain(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _read(figures: dict[str, float | None]) -> dict[str, float]:
    return {str(name): float("nan") if value is None else float(value) for name, value in figures.items()}
