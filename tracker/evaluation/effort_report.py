"""The figures of the effort benchmark as rows, bars and tables."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracker.evaluation.effort import Effort

ALL, MEAN = "all tracks", "mean of clips"
FIGURES = {
    "tracks": ("tracks", "d"),
    "clicks": ("clicks a track", ".2f"),
    "corrections": ("corrections a track", ".2f"),
    "done_1": ("done within 1", ".1%"),
    "done_3": ("within 3", ".1%"),
    "done_5": ("within 5", ".1%"),
    "done": ("done at all", ".1%"),
    "disturbed": ("disturbed", ".2%"),
    "disturbed_frames": ("disturbed frames a correction", ".3f"),
    "seconds": ("s a correction", ".3f"),
    "cpu_seconds": ("CPU s a correction", ".3f"),
    "first_seconds": ("s for the first run", ".1f"),
}
EFFORT_COLUMNS = {"strategy": ("strategy", "s"), "clip": ("clip", "s"), **FIGURES}
QUEUE_COLUMNS = {
    "clip": ("clip", "s"),
    "frames": ("frames", "d"),
    "bad": ("bad", "d"),
    "expected_error": ("by expected error", ".1%"),
    "confidence": ("by raw confidence", ".1%"),
    "random": ("in random order", ".1%"),
    "best": ("best possible", ".1%"),
}

Row = dict[str, Any]


def strategy_rows(strategy: str, efforts: Mapping[str, "Effort"]) -> list[Row]:
    """One row for each clip, one over all tracks, and the mean of the clips, each clip counting the same."""
    rows = [{"strategy": strategy, "clip": clip, **effort.figures()} for clip, effort in efforts.items()]
    first, *others = efforts.values()
    together = sum(others, start=first)
    return [
        *rows,
        {"strategy": strategy, "clip": ALL, **together.figures()},
        {"strategy": strategy, "clip": MEAN, **{name: _mean(name, rows) for name in FIGURES if name != "tracks"}},
    ]


def _mean(name: str, rows: list[Row]) -> float | None:
    known = [row[name] for row in rows if row[name] is not None]
    return sum(known) / len(known) if known else None


def bars(rows: list[Row], queue: list[Row]) -> list[Row]:
    """What is asked for and was measured, for what was: over all tracks, and the ratios also for the mean of clips."""
    by_name = {(row["strategy"], row["clip"]): row for row in rows}
    found = []
    for other, asked in (("linear", 0.5), ("nearest", 0.8)):
        for clip in (ALL, MEAN):
            ours, theirs = by_name.get(("bridge", clip)), by_name.get((other, clip))
            if ours and theirs and theirs["corrections"]:
                ratio = ours["corrections"] / theirs["corrections"]
                found.append(_bar(f"corrections of bridge / {other}, {clip}", ratio, asked, at_most=True))
    ours = by_name.get(("bridge", ALL))
    if ours and ours["disturbed"] is not None:
        found.append(_bar("frames that bridge wrongly disturbs", ours["disturbed"], 0.01, at_most=True))
    last = queue[-1]
    if last["expected_error"] is not None:
        share = last["expected_error"]
        found.append(_bar("bad frames in the first tenth of the queue", share, 0.6, at_most=False))
        found.append(_bar("the same, against raw confidence", share, last["confidence"], at_most=False))
    return found


def _bar(name: str, measured: float, asked: float, at_most: bool) -> Row:
    reached = measured <= asked if at_most else measured >= asked
    return {"name": name, "asked": asked, "at_most": at_most, "measured": measured, "reached": reached}


def format_effort(result: dict[str, Any]) -> str:
    """The result of `measure_effort` as tables in Markdown."""
    lines = [", ".join(f"{key} {value}" for key, value in result[part].items()) for part in ("machine", "settings")]
    lines += ["", *_table(result["rows"], EFFORT_COLUMNS), "", *_table(result["queue"], QUEUE_COLUMNS), ""]
    for bar in result["bars"]:
        side = "at most" if bar["at_most"] else "at least"
        verdict = "" if bar["reached"] else ": NOT REACHED"
        lines.append(f"{bar['name']}: {bar['measured']:.3f} ({side} {bar['asked']:.3g} asked{verdict})")
    return "\n".join(lines)


def _table(rows: list[Row], columns: Mapping[str, tuple[str, str]]) -> list[str]:
    return [
        "| " + " | ".join(title for title, _ in columns.values()) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(_cell(row.get(key), form) for key, (_, form) in columns.items()) + " |" for row in rows),
    ]


def _cell(value: Any, form: str) -> str:
    return "" if value is None else format(value, form)
