"""Exporting to other programs and importing from them, through the dialogs of a real window."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from app.export_dialog import ExportDialog
from app.export_job import CELLS_IN_A_THREAD
from app.import_dialog import ImportDialog
from app.window import MainWindow
from tests.window.conftest import FRAMES, HEIGHT
from tracker.labels import State


@pytest.fixture
def exporting(qtbot, opened: MainWindow, tmp_path: Path) -> ExportDialog:
    """The dialog over two tracks, “nose” at (50, 60) on frame 2 and “ear” at (70, 80) on frame 5."""
    document = opened.document
    assert document is not None
    document.add_tracks([[2, 50, 60]], names=["nose"], group="face")
    document.add_tracks([[5, 70, 80]], names=["ear"])
    opened.settings.last_folder = str(tmp_path)
    dialog = ExportDialog(opened, document)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def shown(qtbot, dialog: ExportDialog, name: str) -> str:
    """The preview of the first key in the format of this name."""
    dialog._first.clear()
    dialog.formats.choose(name)
    dialog._later()
    qtbot.waitUntil(lambda: bool(dialog._first.text()), timeout=5000)
    return dialog._first.text()


def test_the_first_key_is_shown_as_nuke_after_effects_and_blender_will(qtbot, exporting: ExportDialog) -> None:
    shown(qtbot, exporting, "nuke")
    exporting.plate.first.setValue(1001)
    nuke = shown(qtbot, exporting, "nuke")
    assert f"frame 1003, x 50.5, y {HEIGHT - 60.5:g} from the bottom-left corner" in nuke
    assert "frame 2, x 50.5, y 60.5 from the top-left corner" in shown(qtbot, exporting, "after-effects")
    assert not exporting.plate.first.isEnabled()
    blender = shown(qtbot, exporting, "blender")
    assert f"frame 3, x 50.5, y {HEIGHT - 60.5:g} from the bottom-left corner" in blender
    assert "frame 1003, x 0.1578, y 0.7479 (0 to 1)" in shown(qtbot, exporting, "fusion")
    assert "frame 1003" in shown(qtbot, exporting, "nuke"), "a number that was typed is not forgotten"


def test_what_is_lost_is_said(exporting: ExportDialog) -> None:
    exporting.formats.choose("syntheyes")
    assert "Cannot carry:" in exporting._tells.text()
    assert "confidence" in exporting._tells.text().split("Cannot carry:")[1]


def test_the_search_finds_a_format_by_its_words(qtbot, exporting: ExportDialog) -> None:
    qtbot.keyClicks(exporting.formats.search, "equalizer 4")
    visible = [item for item in exporting.formats._entries() if not item.isHidden()]
    assert len(visible) == 1
    assert exporting.entry.name == "3de4"
    exporting.formats.search.setText("no such thing")
    assert exporting.entry.name == "3de4"


def test_writing_makes_a_file_and_its_manifest(qtbot, exporting: ExportDialog, tmp_path: Path) -> None:
    shown(qtbot, exporting, "nuke")
    exporting.plate.first.setValue(1001)
    with qtbot.waitSignal(exporting.accepted, timeout=10_000):
        QTest.mouseClick(exporting._write, Qt.MouseButton.LeftButton)
    path = tmp_path / "moving-nuke.nk"
    assert "Tracker4" in path.read_text()
    told = json.loads((tmp_path / "moving-nuke.nk.manifest.json").read_text())
    assert told["conventions"]["number_of_first_frame"] == 1001
    assert told["video"]["hash"]
    assert exporting._window.settings.export_format == "nuke"


def test_only_a_group_and_only_a_range(qtbot, exporting: ExportDialog) -> None:
    assert "track “nose”" in shown(qtbot, exporting, "nuke")
    exporting.selection.tracks.setCurrentIndex(exporting.selection.tracks.findText("Group face"))
    qtbot.waitUntil(lambda: exporting._counts.text().startswith("1 of 2 tracks"), timeout=5000)
    exporting.selection.length.setValue(30)
    qtbot.waitUntil(lambda: "Nothing would be written" in exporting._first.text(), timeout=5000)
    assert not exporting._write.isEnabled()


def test_a_rate_that_is_none_is_named(qtbot, exporting: ExportDialog) -> None:
    shown(qtbot, exporting, "nuke")
    exporting.plate.rate.setCurrentText("fast")
    qtbot.waitUntil(lambda: "“fast” is no frame rate" in exporting._counts.text(), timeout=5000)
    exporting.plate.rate.setCurrentText("23.976")
    assert exporting.plate.plate.fps.as_integer_ratio() == (24000, 1001)


def test_a_file_in_the_way_is_replaced_only_when_asked(
    qtbot, exporting: ExportDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(qtbot, exporting, "long-csv")
    path = tmp_path / "moving-long-csv.csv"
    path.write_text("mine")
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    exporting.accept()
    assert path.read_text() == "mine"
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    with qtbot.waitSignal(exporting.accepted, timeout=10_000):
        exporting.accept()
    assert path.read_text().startswith("frame,")


def test_the_clipboard_gets_what_the_program_pastes(qtbot, exporting: ExportDialog) -> None:
    shown(qtbot, exporting, "after-effects")
    exporting.selection.tracks.setCurrentIndex(exporting.selection.tracks.findText("Group face"))
    exporting._preview()
    qtbot.waitUntil(exporting._copy.isEnabled, timeout=5000)
    QTest.mouseClick(exporting._copy, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "On the clipboard" in exporting._counts.text(), timeout=10_000)
    text = QGuiApplication.clipboard().text()
    assert text.startswith("Adobe After Effects 8.0 Keyframe Data")
    assert re.search(r"^\t2\t50\.50*\t60\.50*\t0\t?\r?$", text, re.MULTILINE)


def grid(count: int) -> list[list[float]]:
    return [[0, 20 + place % 25 * 10, 20 + place // 25 * 10] for place in range(count)]


def test_many_cells_are_written_in_another_process(qtbot, exporting: ExportDialog, tmp_path: Path) -> None:
    window = exporting._window
    assert window.document is not None
    window.document.add_tracks(grid(CELLS_IN_A_THREAD // FRAMES + 1))
    shown(qtbot, exporting, "long-csv")
    with qtbot.waitSignal(exporting.accepted, timeout=30_000):
        exporting.accept()
    assert len((tmp_path / "moving-long-csv.csv").read_text().splitlines()) == window.document.table.n_tracks + 1


def test_cancelling_leaves_no_half_file(qtbot, exporting: ExportDialog, tmp_path: Path) -> None:
    window = exporting._window
    assert window.document is not None
    window.document.add_tracks(grid(CELLS_IN_A_THREAD // FRAMES + 1))
    shown(qtbot, exporting, "nuke")
    exporting.accept()
    assert exporting._bar.isVisible()
    exporting.reject()
    qtbot.waitUntil(lambda: "Cancelled: nothing was written" in exporting._counts.text(), timeout=10_000)
    assert exporting.isVisible()
    assert [path.name for path in tmp_path.iterdir() if "nuke" in path.name] == []
    exporting.reject()
    assert not exporting.isVisible()


def importing(qtbot, window: MainWindow, path: Path) -> ImportDialog:
    assert window.document is not None
    dialog = ImportDialog(window, window.document, path)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_an_exported_file_comes_back_as_one_step(qtbot, exporting: ExportDialog, tmp_path: Path) -> None:
    shown(qtbot, exporting, "nuke")
    with qtbot.waitSignal(exporting.accepted, timeout=10_000):
        exporting.accept()
    window = exporting._window
    document = window.document
    assert document is not None
    dialog = importing(qtbot, window, tmp_path / "moving-nuke.nk")
    qtbot.waitUntil(dialog._import.isEnabled, timeout=5000)
    assert "2 tracks, 2 positions" in dialog._tells.text()
    assert "Frames 3 to 6 in the file become frames 2 to 5 here" in dialog._tells.text()
    QTest.mouseClick(dialog._import, Qt.MouseButton.LeftButton)
    assert document.table.n_tracks == 4
    assert [track.name for track in document.table.tracks[2:]] == ["nose", "ear"]
    np.testing.assert_allclose(document.table.xy[2:][document.table.state[2:] > 0], [[50, 60], [70, 80]], atol=1e-3)
    assert (document.table.state[2:][document.table.state[2:] > 0] == State.VISIBLE).all()
    assert set(window.view.selection) == set(document.table.ids[2:].tolist())
    document.undo()
    assert document.table.n_tracks == 2


def test_enter_imports(qtbot, opened: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("frame,track,x,y,state\n3,0,5,6,visible\n")
    assert opened.document is not None
    dialog = ImportDialog(opened, opened.document)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.keyClicks(dialog._path, str(path))
    qtbot.keyClick(dialog._path, Qt.Key.Key_Return)
    assert dialog.isVisible(), "the file is not read yet"
    qtbot.waitUntil(dialog._import.isEnabled, timeout=5000)
    qtbot.keyClick(dialog._path, Qt.Key.Key_Return)
    assert not dialog.isVisible()
    assert opened.document.table.n_tracks == 1


def test_a_wrong_first_frame_is_said_and_can_be_put_right(qtbot, opened: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "t_A.txt"
    path.write_text("1001 50.5 179.5\n1002 51.5 179.5\n")
    dialog = importing(qtbot, opened, path)
    dialog._format.setCurrentIndex(dialog._format.findData("nuke-ascii"))
    qtbot.waitUntil(lambda: "line 1: frame 1001 is outside the video's 1 to 60" in dialog._tells.text(), timeout=5000)
    assert not dialog._import.isEnabled()
    dialog.plate.first.setValue(1001)
    qtbot.waitUntil(dialog._import.isEnabled, timeout=5000)
    assert "Frames 1001 to 1002 in the file become frames 0 to 1 here" in dialog._tells.text()


def test_a_file_that_is_nothing_is_refused_and_nothing_changes(qtbot, opened: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "notes.nk"
    path.write_text("dear diary\n")
    dialog = importing(qtbot, opened, path)
    qtbot.waitUntil(lambda: "notes.nk" in dialog._tells.text() and "Reading" not in dialog._tells.text(), timeout=5000)
    assert not dialog._import.isEnabled()
    dialog.accept()
    assert opened.document is not None
    assert opened.document.table.n_tracks == 0


def test_a_file_of_tracks_that_is_dropped_is_imported(
    qtbot, opened: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path | None] = []
    monkeypatch.setattr(type(opened.files), "ask_import", lambda _files, path=None: asked.append(path))
    opened.files.take_dropped(tmp_path / "shot.nk")
    qtbot.waitUntil(lambda: asked == [tmp_path / "shot.nk"], timeout=2000)
    assert opened.document is not None
