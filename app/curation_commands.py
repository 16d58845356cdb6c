"""Every action on a label set: what it is called, its keys, and what it does."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from app.actions import Action

if TYPE_CHECKING:
    from app.window import MainWindow

LABELS = "La&bels"  # Alt+L stabilises


def file_actions(window: "MainWindow", menu: str) -> Iterator[Action]:
    """Those that stand among the files."""
    tr, curating = window.tr, window.curating
    open_set = window.files.ask_open_label_set
    yield Action("file.open_labels", tr("Open label set…"), ("Ctrl+Alt+O",), open_set, menu)
    yield Action("file.merge_labels", tr("Merge label sets…"), (), curating.ask_merge, menu)
    yield Action("file.close_labels", tr("Close the label set"), (), curating.close_set, menu, curating.is_open)


def curation_actions(window: "MainWindow") -> Iterator[Action]:
    """In the order of the menu."""
    tr, curating, review, ghosts = window.tr, window.curating, window.review, window.ghosts
    step, decide, has_video = curating.step, curating.decide, curating.has_video
    is_open, is_decided, one = curating.is_open, curating.is_decided, window.editing.has_selection
    for action_id, text, keys, run, enabled in (
        ("labels.next", tr("Next video"), ("PgDown",), partial(step, 1), is_open),
        ("labels.previous", tr("Previous video"), ("PgUp",), partial(step, -1), is_open),
        ("labels.accept", tr("Accept the video and go on"), ("Ctrl+Shift+V",), partial(decide, "accepted"), has_video),
        ("labels.reject", tr("Reject the video and go on"), ("Ctrl+Shift+X",), partial(decide, "rejected"), has_video),
        ("labels.reopen", tr("Take the decision back"), ("Ctrl+Shift+U",), partial(decide, "open"), is_decided),
        ("tracks.approve", tr("Approve whole tracks"), ("Shift+V",), review.approve_tracks, one),
        ("tracks.reject", tr("Reject whole tracks"), ("Ctrl+Del",), review.reject_tracks, one),
        ("mark.reject", tr("Reject and go on"), ("Shift+Del",), review.reject, one),
        ("labels.panel", tr("Go to the list of videos"), ("Ctrl+Shift+F",), curating.focus_list, is_open),
    ):
        yield Action(action_id, text, keys, run, LABELS, enabled)
    said = tr("Show what each teacher said")
    yield Action("labels.teachers", said, ("Shift+G",), ghosts.toggle, LABELS, has_video, ghosts.shown)
    yield from _checks(window)


def _checks(window: "MainWindow") -> Iterator[Action]:
    tr, checking = window.tr, window.checking
    goes_on, asks = checking.is_going_on, checking.is_asking
    for action_id, text, keys, run, enabled in (
        ("labels.bulk", tr("Accept many…"), ("Ctrl+Shift+B",), checking.ask, window.curating.may_curate),
        ("check.right", tr("Spot check: right"), ("1",), partial(checking.answer, True), goes_on),
        ("check.wrong", tr("Spot check: wrong"), ("2",), partial(checking.answer, False), goes_on),
        ("check.back", tr("Spot check: back"), ("3",), checking.back, goes_on),
        ("check.stop", tr("Spot check: stop here"), ("Shift+Esc",), checking.stop, goes_on),
        ("check.go_on", tr("Spot check: go on"), ("4",), checking.go_on, asks),
        ("check.accept", tr("Spot check: accept"), ("Ctrl+Shift+Return",), checking.accept, checking.may_accept),
        ("check.drop", tr("Spot check: do not accept"), ("Ctrl+Shift+Backspace",), checking.drop, asks),
    ):
        yield Action(action_id, text, keys, run, LABELS, enabled)
