"""The clean-up through its dialog: counts that follow, tracks selected before they go, and one step."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.clean_up_dialog import CleanUpDialog
from app.document.project import Document
from app.window import MainWindow
from tests.window.conftest import FRAMES
from tests.window.scenes import OTHERS, everything, followed
from tracker.labels.table import State


@pytest.fixture
def document(opened: MainWindow) -> Document:
    assert opened.document is not None
    return opened.document


@pytest.fixture
def ids(document: Document) -> list[int]:
    """A track that jumps by 40 pixels on the frames 20 to 24, good ones, and one of five frames."""
    found = followed(document, (100, 80), *OTHERS[:2], off=slice(20, 25), by=40.0)
    return found + followed(document, (200, 100), end=5)


@pytest.fixture
def dialog(qtbot, opened: MainWindow, ids: list[int]) -> CleanUpDialog:
    qtbot.waitUntil(lambda: opened.registry.qaction("tracks.clean_up").isEnabled())
    opened.registry.trigger("tracks.clean_up")
    (found,) = opened.findChildren(CleanUpDialog)
    return found


def looked(qtbot, dialog: CleanUpDialog) -> None:
    qtbot.waitUntil(lambda: dialog.found is not None, timeout=10_000)


def test_counts_follow_what_is_chosen_and_tracks_are_selected_before_they_go(
    qtbot, opened: MainWindow, dialog: CleanUpDialog, document: Document, ids: list[int]
) -> None:
    for box in (dialog.shorter, dialog.error, dialog.jump, dialog.edge, dialog.duplicate, dialog.crowd, dialog.keep):
        assert box.accessibleName()
    for choice in (dialog.jump_what, dialog.edge_what):
        assert choice.accessibleName()
    looked(qtbot, dialog)
    assert dialog.total_label.text() == "Tick what is to go."
    assert not dialog.apply_button.isEnabled()
    assert not dialog.select_button.isEnabled()
    dialog.check("short").setChecked(True)
    looked(qtbot, dialog)
    assert dialog.count_text("short") == "5 positions of 1 track"
    dialog.shorter.setValue(5)
    assert not dialog.apply_button.isEnabled()  # until it is known what would go
    looked(qtbot, dialog)
    assert dialog.count_text("short") == "none"
    dialog.check("jump").setChecked(True)
    dialog.jump.setValue(20)
    looked(qtbot, dialog)
    assert dialog.count_text("jump") == "4 positions of 1 track"
    assert dialog.total_label.text() == "In all 4 positions would go: parts of 1 track."
    dialog.jump_what.setCurrentIndex(1)
    looked(qtbot, dialog)
    assert dialog.count_text("jump") == f"{FRAMES - 20} positions of 1 track"
    dialog.whole_radio.setChecked(True)
    assert dialog.total_label.text() == f"In all {FRAMES} positions would go: 1 whole track."
    dialog.shorter.setValue(6)
    looked(qtbot, dialog)
    before = everything(document)
    QTest.mouseClick(dialog.select_button, Qt.MouseButton.LeftButton)
    assert set(opened.view.selection) == {ids[0], ids[3]}
    assert everything(document).equals(before)
    assert dialog.isVisible()


def test_a_clean_up_is_one_step(
    qtbot, opened: MainWindow, dialog: CleanUpDialog, document: Document, ids: list[int]
) -> None:
    dialog.check("short").setChecked(True)
    dialog.check("jump").setChecked(True)
    dialog.jump.setValue(20)
    looked(qtbot, dialog)
    before, steps = everything(document), len(document.history_steps())
    QTest.mouseClick(dialog.apply_button, Qt.MouseButton.LeftButton)
    assert len(document.history_steps()) == steps + 1
    assert document.undo_text == "Clean up 2 tracks"
    assert document.table.ids.tolist() == ids[:3]
    assert np.flatnonzero(document.table.rows("state")[:, 0] == State.UNLABELLED).tolist() == [19, 20, 24, 25]
    assert "9 positions went, 1 whole track and parts of 1 track" in opened.statusBar().currentMessage()
    opened.editing.undo()
    assert everything(document).equals(before)
    qtbot.waitUntil(lambda: not opened.findChildren(CleanUpDialog))


def test_the_expected_error_is_that_of_the_review(
    qtbot, opened: MainWindow, dialog: CleanUpDialog, document: Document
) -> None:
    assert dialog.error.value() == pytest.approx(opened.view.error_threshold, abs=0.05)
    ids = document.table.ids.tolist()
    dialog.check("error").setChecked(True)
    qtbot.waitUntil(lambda: bool(np.isfinite(document.expected_error.read(ids[:1], 20, 25)).all()), timeout=20_000)
    looked(qtbot, dialog)
    expected = document.expected_error.read(ids, 0, FRAMES)
    off = (expected > dialog.error.value()) & (document.table.rows("source") != 1)
    counted = dialog.found.count("error") if dialog.found is not None else None
    assert counted == (int(off.any(axis=0).sum()), int(off.sum()))


def test_it_follows_the_document_and_closes_with_its_video(
    qtbot, opened: MainWindow, dialog: CleanUpDialog, document: Document, ids: list[int]
) -> None:
    dialog.check("short").setChecked(True)
    looked(qtbot, dialog)
    document.set_locked([ids[3]])
    looked(qtbot, dialog)
    assert dialog.count_text("short") == "none"
    dialog.protected_check.setChecked(True)
    looked(qtbot, dialog)
    assert dialog.count_text("short") == "5 positions of 1 track"
    document.delete_tracks([ids[0]])
    looked(qtbot, dialog)
    assert dialog.found is not None
    assert dialog.found.ids == tuple(ids[1:])
    opened.set_document(None, None)
    qtbot.waitUntil(lambda: not opened.findChildren(CleanUpDialog))
