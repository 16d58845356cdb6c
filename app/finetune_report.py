"""The report on a fine-tuning: what the student was made of, and whether it is better than its base."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tracker.files import InputError, atomic_output
from tracker.labels.label_set import LabelSet

if TYPE_CHECKING:
    from tracker.evaluation.compare import Comparison
    from tracker.training.finetune import Finetuned, FinetuneSettings

JSON, TEXT = "report.json", "report.md"
NOT_COMPARED = "Student and base were not compared: nothing says whether the student is better."


class Report(NamedTuple):
    """The report as Markdown, which serves as the student's card; as it is shown on a terminal; and its figures."""

    text: str
    shown: str
    comparison: "Comparison | None"


def write_report(
    settings: "FinetuneSettings",
    result: "Finetuned",
    output: Path,
    labels: Sequence[Path] | None,
    device: str = "auto",
    tell: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Compare student and base on the videos that were held back, and write `report.json` and `report.md`.

    Args:
        labels: the label sets; None where nothing is to be compared.
        device: where the comparison runs.
        tell: told what is being done.
        should_stop: asked again and again while the two are compared.

    Raises:
        Cancelled: `should_stop` said so; nothing is written.
        InputError: a set or a tracker cannot be read, or the report cannot be written.
    """
    comparison, reason = None, NOT_COMPARED
    if labels is not None and not result.held:
        reason = "No video was held back: nothing says whether the student is better."
    elif labels is not None:
        try:
            comparison = compare_on_held(result, labels, output.resolve().name, device, tell, should_stop)
        except InputError as error:
            reason = f"No better: there is nothing to compare on ({error})."
    told = reason if comparison is None else comparison.format_table()
    head = f"# {output.resolve().name}\n\n{reason}\n" if comparison is None else comparison.to_markdown()
    text = head + "\n" + _made_of(settings, result)
    figures = {} if comparison is None else json.loads(comparison.to_json())
    made = {"facts": result.facts, "summary": result.summary._asdict(), "used": result.used, "held": result.held}
    content = {**figures, "training": {**made, "skipped": result.skipped}}
    for name, written in ((TEXT, text), (JSON, json.dumps(content, indent=1, ensure_ascii=False) + "\n")):
        with atomic_output(output / name) as part:
            part.write_text(written, encoding="utf-8")
    return Report(text, told, comparison)


def compare_on_held(
    result: "Finetuned",
    labels: Sequence[Path],
    student: str,
    device: str,
    tell: Callable[[str], None],
    should_stop: Callable[[], bool] = lambda: False,
) -> "Comparison":
    """Both trackers on what people say of the videos that were held back.

    Raises:
        InputError: none of them can be scored.
    """
    from tracker.evaluation.compare import compare_trackers
    from tracker.evaluation.label_truth import labelled_videos
    from tracker.inference import load_tracker

    videos, skipped, notes = [], [], []
    for folder in labels:
        labelled = LabelSet.open(folder)
        names = [name for name in labelled.names() if name in result.held]
        truth = labelled_videos(labelled, names) if names else None
        if truth is not None:
            videos += truth.videos
            skipped += truth.skipped
            notes += [truth.note] if truth.note else []
    said: list[str] = []

    def progress(what: str, done: int, of: int) -> None:
        if said[-1:] != [what]:
            said.append(what)
            tell(what)

    return compare_trackers(
        load_tracker(result.base.path, device),
        load_tracker(result.weights, device),
        videos,
        dataset="the videos held back",
        names=(result.base.name, student),
        skipped=skipped,
        notes=_once(notes),
        progress=progress,
        should_stop=should_stop,
    )


def _once(lines: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(lines))


def _made_of(settings: "FinetuneSettings", result: "Finetuned") -> str:
    """What a person wants to know of a student, for the report and for its card."""
    facts, summary = result.facts, result.summary
    teachers = ", ".join(json.loads(facts["teachers"])) or "none"
    lines = [
        "## What it was made of",
        "",
        f"* {facts['source']} (SHA-256 {facts['base_sha256']}), stage {facts['stage']}",
        f"* licence: {facts['licence']}",
        f"* label sets: {', '.join(json.loads(facts['labels']))}; teachers: {teachers}; cells: {facts['trust']}",
        f"* {summary.step} steps, {summary.clips} clips, {summary.seconds:.0f} seconds, "
        f"{settings.synthetic_share:.0%} of the clips synthetic",
        f"* trained on {len(result.used)} videos: {', '.join(result.used)}",
        f"* held back: {', '.join(result.held) or 'none'}",
        *(f"* not used: {name}: {reason}" for name, reason in result.skipped.items()),
    ]
    return "\n".join(lines) + "\n"
