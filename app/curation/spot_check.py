"""A spot check that goes on: the sample, what was answered, and what that says. It outlives the window."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.curation.workspace import now, person
from tracker.files import atomic_output
from tracker.labels.label_set import Decision, LabelSet
from tracker.labels.spot_check import CheckSpan, Estimate, estimate

FILE = "spot-check.json"


@dataclass
class SpotCheck:
    """Spans drawn by chance from all that a threshold would accept, and a person's word on them.

    The sample is kept in the set, the answers are decisions of it, so that another start of the window goes on.

    Attributes:
        threshold: pixels, up to which all would be accepted.
        spans: in the order in which they are looked at.
        total: how many spans the sample was drawn from.
        begun: when; earlier answers do not count.
        answers: by place in the sample, whether it was right.
        position: the place that is looked at; the number of spans when all have been.
        left_out: places that could not be shown.
    """

    label_set: LabelSet
    threshold: float
    spans: list[CheckSpan]
    total: int
    begun: str = field(default_factory=now)
    answers: dict[int, bool] = field(default_factory=dict)
    position: int = 0
    left_out: set[int] = field(default_factory=set)

    @property
    def current(self) -> CheckSpan | None:
        """The one to be looked at; None when all have been."""
        return self.spans[self.position] if self.position < len(self.spans) else None

    @property
    def estimate(self) -> Estimate:
        """What the answers say so far."""
        return estimate(self._decision(self.spans[k], right) for k, right in self.answers.items())

    def answer(self, right: bool) -> None:
        """A person's word on the current one, which goes on the disk; then the next one comes. Raises InputError."""
        span = self.current
        if span is not None:
            self.label_set.decide(self._decision(span, right))
            self.answers[self.position] = right
            self._go_on()

    def leave_out(self) -> None:
        """The current one cannot be shown."""
        if self.current is not None:
            self.left_out.add(self.position)
            self._go_on()

    def back(self) -> bool:
        """To the one before, whose answer may be given anew. False at the first one."""
        before = [k for k in range(self.position) if k not in self.left_out]
        if before:
            self.position = before[-1]
        return bool(before)

    def _go_on(self) -> None:
        done = self.answers.keys() | self.left_out
        after = range(self.position + 1, len(self.spans))
        self.position = next((k for k in after if k not in done), len(self.spans))

    def _decision(self, span: CheckSpan, right: bool) -> Decision:
        return Decision(
            "check", span.video, track=span.track, start=span.start, end=span.end, right=right, by=person(), at=now()
        )

    # -- keeping

    def save(self) -> None:
        """Keep the sample in the set. Raises InputError."""
        content = {
            "threshold": self.threshold,
            "total": self.total,
            "begun": self.begun,
            "spans": [asdict(span) for span in self.spans],
        }
        with atomic_output(_path(self.label_set)) as part:
            part.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")

    def forget(self) -> None:
        """It is over: the set keeps the answers, not the sample."""
        _path(self.label_set).unlink(missing_ok=True)


def unfinished_check(label_set: LabelSet) -> SpotCheck | None:
    """The check that an earlier start has left, None where there is none or it cannot be read."""
    try:
        content = json.loads(_path(label_set).read_text(encoding="utf-8"))
        check = SpotCheck(
            label_set,
            float(content["threshold"]),
            [CheckSpan(**span) for span in content["spans"]],
            int(content["total"]),
            str(content["begun"]),
        )
        said = label_set.decisions()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    _take_answers(check, said)
    return check


def _take_answers(check: SpotCheck, said: Iterable[Decision]) -> None:
    places = {(span.video, span.track, span.start, span.end): k for k, span in enumerate(check.spans)}
    for one in said:
        place = places.get((one.video, one.track, one.start, one.end))
        if one.kind == "check" and place is not None and one.at >= check.begun:
            check.answers[place] = one.right
    check.position = next((k for k in range(len(check.spans)) if k not in check.answers), len(check.spans))


def _path(label_set: LabelSet) -> Path:
    return label_set.folder / FILE
