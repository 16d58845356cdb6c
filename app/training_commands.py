"""Every action on fine-tuning: what it is called, its keys, and what it does."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.actions import Action

if TYPE_CHECKING:
    from app.window import MainWindow

TRAINING = "Trai&ning"


def training_actions(window: "MainWindow") -> Iterator[Action]:
    """In the order of the menu."""
    tr, training = window.tr, window.training
    yield Action("training.show", tr("Fine-tune a tracker…"), ("Ctrl+Shift+T",), training.show, TRAINING)
    for action_id, text, run, enabled in (
        ("training.start", tr("Start the training"), training.start, training.can_start),
        ("training.stop", tr("Stop the training"), training.stop, training.is_running),
        ("training.resume", tr("Resume the training"), training.resume, training.can_resume),
        ("training.new", tr("New training…"), training.new, training.can_leave),
        ("training.report", tr("Show the report…"), training.show_report, training.has_report),
        ("training.evaluate", tr("Compare on held videos"), training.evaluate, training.can_evaluate),
        ("training.compare", tr("Compare with the base here"), training.compare, training.can_compare),
        ("training.install", tr("Use the student from now on…"), training.ask_install, training.has_student),
    ):
        yield Action(action_id, text, (), run, TRAINING, enabled)
