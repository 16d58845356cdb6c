"""Words and numbers that several panels show."""

from fractions import Fraction
from html import escape
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLocale

from tracker.inference.trackers import LUCAS_KANADE, TrackerInfo
from tracker.labels.label_set import Verdict
from tracker.labels.spot_check import Estimate
from tracker.labels.table import Source, State


def state_text(state: int) -> str:
    """The name of a state."""
    return {
        State.UNLABELLED: QCoreApplication.translate("State", "Unlabelled"),
        State.VISIBLE: QCoreApplication.translate("State", "Visible"),
        State.OCCLUDED: QCoreApplication.translate("State", "Occluded"),
        State.OUT_OF_VIEW: QCoreApplication.translate("State", "Out of view"),
    }[State(state)]


def source_text(source: int) -> str:
    """Who wrote a cell; empty for nobody."""
    return {
        Source.NONE: "",
        Source.ANCHOR: QCoreApplication.translate("Source", "anchor"),
        Source.MODEL: QCoreApplication.translate("Source", "tracked"),
        Source.BRIDGE: QCoreApplication.translate("Source", "bridge"),
        Source.INTERPOLATED: QCoreApplication.translate("Source", "interpolated"),
        Source.IMPORTED: QCoreApplication.translate("Source", "imported"),
    }[Source(source)]


def verdict_text(verdict: Verdict) -> str:
    """What was decided on a video of a label set."""
    return {
        "open": QCoreApplication.translate("Verdict", "open"),
        "accepted": QCoreApplication.translate("Verdict", "accepted"),
        "rejected": QCoreApplication.translate("Verdict", "rejected"),
    }[verdict]


def estimate_text(estimate: Estimate) -> str:
    """What a spot check says: 200 checked, 3 bad: 0.5–4.3 % at 95 %."""
    if not estimate.checked:
        return QCoreApplication.translate("Estimate", "none checked yet")
    low, high = number(100 * estimate.low, 1), number(100 * estimate.high, 1)
    text = QCoreApplication.translate("Estimate", "{0} checked, {1} bad: {2}–{3} % at 95 %")
    return text.format(number(estimate.checked), number(estimate.bad), low, high)


def tracker_title(info: TrackerInfo) -> str:
    """What the window calls a tracker: no folders, and marked where it is experimental."""
    title = "Lucas-Kanade" if info == LUCAS_KANADE else Path(info.name).name
    return QCoreApplication.translate("Tracker", "{0} (experimental)").format(title) if info.experimental else title


def wrapped(sentence: str) -> str:
    """A tool tip that Qt breaks into lines, as it does with rich text only."""
    return f"<p>{escape(sentence)}</p>"


def number(value: float, decimals: int = 0) -> str:
    """A number as people here write it."""
    return QLocale().toString(float(value), "f", decimals)


def timecode(frame: int, fps: Fraction | None) -> str:
    """hours:minutes:seconds:frames, counted at the average rate without dropping numbers; empty without a rate."""
    if not fps:
        return ""
    per_second = max(1, round(fps))
    seconds, rest = divmod(frame, per_second)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{rest:02d}"


def duration(seconds: float) -> str:
    """A waiting time: 12 s, 3 min 05 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return QCoreApplication.translate("Duration", "{0}\u00a0s").format(whole)
    if whole < 3600:
        return QCoreApplication.translate("Duration", "{0}\u00a0min {1:02d}\u00a0s").format(whole // 60, whole % 60)
    return QCoreApplication.translate("Duration", "{0}\u00a0h {1:02d}\u00a0min").format(
        whole // 3600, whole % 3600 // 60
    )
