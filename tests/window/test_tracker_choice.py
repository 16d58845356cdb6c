"""Choosing a tracker in the window: a network that comes with weights, Lucas-Kanade, and a file of one's own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextTable
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from app.settings import Settings
from app.tracker_dialog import TrackerDialog
from app.window import MainWindow
from tests.small_models import small_model
from tests.small_teachers import tiny
from tests.window.conftest import FRAMES
from tracker.checkpoints import save_checkpoint
from tracker.inference import tracker_info
from tracker.labels import State

FACTS = {
    "licence": "Apache-2.0",
    "source": "made in a test",
    "description": "A small network of random numbers.",
    "visible_above": "0.2",
}
CARD = "# mini\n\nTrained on **nothing**.\n\n| clip | this |\n|---|---|\n| camel | 1.5 |\n"


@pytest.fixture
def installed(weights_folder: Path, request: pytest.FixtureRequest) -> Path:
    """mini.safetensors and its card among the weights of Trackwright; experimental unless the test says otherwise."""
    path = weights_folder / "mini.safetensors"
    maturity = getattr(request, "param", "experimental")
    save_checkpoint(path, small_model(), FACTS | {"maturity": maturity})
    path.with_suffix(".md").write_text(CARD, encoding="utf-8")
    return path


def facts(dialog: TrackerDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel))


def test_an_experimental_network_waits_to_be_chosen_and_then_tracks(qtbot, installed: Path, opened: MainWindow) -> None:
    box, document = opened.run_panel.tracker_box, opened.document
    assert document is not None
    assert box.currentText() == "Lucas-Kanade"
    assert [box.itemText(row) for row in range(box.count())] == ["Lucas-Kanade", "mini (experimental)"]
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert opened.trackers.used == Settings().tracker == "mini"
    assert opened.status.model.text == "mini (experimental)"
    assert opened.run_panel.note_label.isVisible()
    document.add_tracks([[0, 100, 80], [5, 200, 150]])
    with qtbot.waitSignal(opened.tracking.running_changed, timeout=60_000, check_params_cb=lambda on: not on):
        opened.registry.trigger("run.forward")
    (info,) = document.runs.values()
    assert (info.tracker, info.device, info.outcome, info.visible_above) == ("mini", "cpu", "done", 0.2)
    table = document.table
    known = np.isfinite(table.rows("xy")).all(axis=2)
    assert known.sum() == 2 * FRAMES - 5
    certainty, states = table.rows("visibility") * table.rows("confidence"), table.rows("state")
    inside = known & (states != State.OUT_OF_VIEW) & np.isfinite(certainty)
    assert inside.sum() > FRAMES
    np.testing.assert_array_equal(states[inside] == State.VISIBLE, certainty[inside] >= 0.2)
    assert "Last run: mini on cpu, done" in opened.run_panel.last_label.text()


@pytest.mark.parametrize("installed", ["stable"], indirect=True)
def test_a_stable_network_is_the_default_until_a_person_chooses(qtbot, installed: Path, window: MainWindow) -> None:
    assert window.trackers.used == "mini"
    assert window.run_panel.tracker_box.currentText() == "mini"
    assert not Path(Settings()._store.fileName()).exists() or "tracker" not in Settings()._store.allKeys()
    window.registry.trigger("tracker.use_lucas-kanade")
    assert window.registry.qaction("tracker.use_lucas-kanade").isChecked()
    assert not window.registry.qaction("tracker.use_mini").isChecked()
    assert Settings().tracker == window.trackers.used == "lucas-kanade"


def test_a_checkpoint_can_be_chosen_and_left_again(
    window: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    save_checkpoint(path, small_model(), {})
    monkeypatch.setattr("app.files.QFileDialog.getOpenFileName", lambda *_: (str(path), ""))
    window.registry.trigger("tracker.choose")
    assert window.tracking.tracker == str(path)
    box = window.run_panel.tracker_box
    assert box.currentText() == "mine.safetensors"
    assert not window.registry.qaction("tracker.use_lucas-kanade").isChecked()
    window.registry.trigger("tracker.use_lucas-kanade")
    assert window.tracking.tracker == "lucas-kanade"
    assert [box.itemText(row) for row in range(box.count())] == ["Lucas-Kanade", "mine.safetensors"]


def test_a_choice_that_is_gone_is_kept_and_named(qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    Settings().tracker = "/models/gone.safetensors"
    window = MainWindow(Settings())
    qtbot.addWidget(window)
    assert window.run_panel.tracker_box.currentText() == "gone.safetensors"
    assert "no such tracker or file" in window.run_panel.tracker_box.toolTip()
    window.close()


def test_the_dialog_shows_facts_and_card(qtbot, installed: Path, window: MainWindow, monkeypatch) -> None:
    shown: list[TrackerDialog] = []
    monkeypatch.setattr(TrackerDialog, "exec", lambda self: shown.append(self))
    window.trackers.use("mini")
    window.registry.trigger("tracker.about")
    (dialog,) = shown
    told = facts(dialog)
    for text in ("mini (experimental)", FACTS["description"], "Apache-2.0", "made in a test", "0.2 million", "0.8 MB"):
        assert text in told
    assert str(installed) in told
    assert "Trained on nothing." in dialog.card.toPlainText()
    (table,) = (f for f in dialog.card.document().rootFrame().childFrames() if isinstance(f, QTextTable))
    assert (table.rows(), table.columns()) == (2, 2)
    dialog.deleteLater()


def test_a_file_of_any_family_tracks_and_the_dialog_tells_what_it_is(
    qtbot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "causal_bootstapir_checkpoint.pt"
    torch.save(tiny("bootstapir-online").state_dict(), path)
    monkeypatch.setattr("app.files.QFileDialog.getOpenFileName", lambda *_: (str(path), ""))
    opened.registry.trigger("tracker.choose")
    assert opened.run_panel.tracker_box.currentText() == path.name
    dialog = TrackerDialog(tracker_info(path))
    qtbot.addWidget(dialog)
    told = facts(dialog)
    for text in (
        "TAPIR, bootstapir-online (Doersch et al. 2023)",
        "while frames come in, each point for itself, tells how sure it is of a position, at 256 × 256 pixels",
        "Apache-2.0 for the released weights; not stated in this file",
        "https://storage.googleapis.com/dm-tapnet/",
    ):
        assert text in told
    document = opened.document
    assert document is not None
    document.add_tracks([[FRAMES - 3, 100, 80]])
    with qtbot.waitSignal(opened.tracking.running_changed, timeout=60_000, check_params_cb=lambda on: not on):
        opened.registry.trigger("run.forward")
    (info,) = document.runs.values()
    assert (info.tracker, info.outcome, info.visible_above) == (f"bootstapir-online ({path.name})", "done", 0.5)
    assert np.isfinite(document.table.rows("xy")).all(axis=2).sum() == 3


def test_a_file_of_another_network_says_so_when_it_is_to_run(
    qtbot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "other.pth"
    torch.save({"backbone.weight": torch.zeros(2)}, path)
    monkeypatch.setattr("app.files.QFileDialog.getOpenFileName", lambda *_: (str(path), ""))
    opened.registry.trigger("tracker.choose")
    assert "none of the networks that can run here" in opened.run_panel.tracker_box.toolTip()
    assert opened.document is not None
    opened.document.add_tracks([[0, 100, 80]])
    with qtbot.waitSignal(opened.tracking.running_changed, timeout=60_000, check_params_cb=lambda on: not on):
        opened.registry.trigger("run.forward")
    assert "another network (its keys begin with backbone)" in opened.run_panel.message_label.text()


def test_the_dialog_without_a_card_and_with_a_broken_one(qtbot, installed: Path) -> None:
    plain = TrackerDialog(tracker_info("lucas-kanade"))
    qtbot.addWidget(plain)
    assert plain.card.isHidden()
    assert "Licence" in facts(plain)
    assert "State" not in facts(plain)
    installed.with_suffix(".md").write_bytes(b"\xff\xfe\x00")
    broken = TrackerDialog(tracker_info("mini"))
    qtbot.addWidget(broken)
    assert "cannot be read" in broken.card.toPlainText()
