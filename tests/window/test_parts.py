"""Registry, dialogs, start page, settings and what the window does at its edges."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMessageBox, QScrollArea

from app.actions import Action, ActionRegistry
from app.cheat_sheet import CheatSheet
from app.document.project import Document
from app.document.video_ref import VideoRef
from app.export_dialog import ExportDialog
from app.fault_dialog import FaultDialog
from app.sample_dialog import SampleDialog
from app.settings import Settings
from app.window import MainWindow
from tests.video.clips import make_clip
from tests.window.conftest import FRAMES
from tracker.files import InputError
from tracker.labels import read_tracks
from tracker.video import open_source


def test_two_actions_cannot_have_one_key(qtbot, window: MainWindow) -> None:
    registry = ActionRegistry(window)
    registry.add(Action("a", "A", ("Ctrl+J",), lambda: None))
    with pytest.raises(ValueError, match=r"Ctrl\+J"):
        registry.add(Action("b", "B", ("Ctrl+J",), lambda: None))
    with pytest.raises(ValueError, match="already"):
        registry.add(Action("a", "A", (), lambda: None))


def test_every_key_of_the_window_is_on_the_cheat_sheet(window: MainWindow) -> None:
    sheet = CheatSheet(window.registry, window)
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    for action in window.registry:
        if action.keys:
            assert action.text.rstrip("…") in texts
    (area,) = sheet.findChildren(QScrollArea)
    shown = area.widget()
    assert shown is not None
    content = shown.sizeHint()
    assert content.width() < 1200
    assert content.height() < 700
    assert sheet.width() == min(sheet.screen().availableSize().width(), content.width() + 40)
    sheet.deleteLater()


def test_no_menu_takes_a_key_of_an_action(window: MainWindow) -> None:
    """A key that is also a menu's underlined letter does nothing at all."""
    letters = [
        action.text().partition("&")[2][:1].upper() for action in window.menuBar().actions() if "&" in action.text()
    ]
    assert len(letters) == len(set(letters))
    keys = {key for action in window.registry for key in action.keys}
    assert not {f"Alt+{letter}" for letter in letters} & keys


def test_the_window_opens_without_importing_torch() -> None:
    code = "import sys, app.window; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_dropping_a_file_opens_it(qtbot, window: MainWindow, moving_clip: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(moving_clip))])
    drop = QDropEvent(
        QPointF(10, 10), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    with qtbot.waitSignal(window.playback.frame_shown, timeout=10_000):
        window.dropEvent(drop)
    assert window.navigation.frame_count == FRAMES
    assert window.settings.recent_files == [moving_clip.resolve()]


def test_the_demo_opens_with_points_and_tracks_them(qtbot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.tracking.running_changed, timeout=60_000, check_params_cb=lambda on: not on):
        window.files.open_demo()
    assert window.document is not None
    assert window.document.table.n_tracks >= 10
    assert (window.document.table.state > 0).all()


def test_work_that_was_never_saved_is_offered_at_the_next_start(qtbot, window: MainWindow, moving_clip: Path) -> None:
    with open_source(moving_clip) as source:
        document = Document.new(VideoRef.of(source))
    document.add_tracks([[0, 50, 50]])
    document.close()
    ((path, text),) = window.files.unsaved()
    assert moving_clip.name in text
    with qtbot.waitSignal(window.playback.frame_shown, timeout=10_000):
        window.files.open_path(path)
    assert window.document is not None
    assert window.document.path is None
    assert window.document.table.n_tracks == 1


def test_a_project_whose_video_is_another_one_is_refused(
    qtbot, window: MainWindow, moving_clip: Path, errors: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = tmp_path / "video.mp4"
    video.write_bytes(moving_clip.read_bytes())
    with open_source(video) as source:
        document = Document.new(VideoRef.of(source))
    document.save_as(tmp_path / "job.trackwright")
    document.close()
    make_clip(video, frames=20, width=160, height=128)
    monkeypatch.setattr("app.files.QFileDialog.getOpenFileName", lambda *_: ("", ""))
    window.files.open_path(tmp_path / "job.trackwright")
    qtbot.waitUntil(lambda: bool(errors), timeout=10_000)
    assert "20 frames instead of 60" in errors[0]
    assert window.document is None


def test_a_file_that_is_no_project_is_refused(window: MainWindow, errors: list[str], tmp_path: Path) -> None:
    path = tmp_path / "notes.trackwright"
    path.write_text("not a database")
    window.files.open_path(path)
    assert "notes.trackwright" in errors[0]


def test_exporting_writes_what_the_table_holds(qtbot, opened: MainWindow, tmp_path: Path) -> None:
    document = opened.document
    assert document is not None
    document.add_tracks([[0, 50, 60], [5, 70, 80]], names=["a", "b"])
    dialog = ExportDialog(opened, document)
    qtbot.addWidget(dialog)
    dialog._path.setText(str(tmp_path / "out.npz"))
    with qtbot.waitSignal(dialog.accepted, timeout=10_000):
        dialog.accept()
    back = read_tracks(tmp_path / "out.npz")
    assert back.names == ["a", "b"]
    np.testing.assert_array_equal(back.state, document.table.state)


def test_exporting_where_nothing_can_be_written_says_so(
    qtbot, opened: MainWindow, errors: list[str], tmp_path: Path
) -> None:
    document = opened.document
    assert document is not None
    document.add_tracks([[0, 50, 60]])
    dialog = ExportDialog(opened, document)
    qtbot.addWidget(dialog)
    dialog._path.setText(str(tmp_path / "no" / "such" / "folder" / "out.npz"))
    dialog.accept()
    qtbot.waitUntil(lambda: bool(errors), timeout=10_000)
    assert "does not exist" in errors[0]


@pytest.mark.parametrize("method", ["grid", "corners", "sift", "random"])
def test_sampling_places_points_on_the_frame_shown_as_one_step(qtbot, opened: MainWindow, method: str) -> None:
    opened.navigation.go_to(10)
    qtbot.waitUntil(lambda: opened.playback.current_image() is not None)
    dialog = SampleDialog(opened)
    qtbot.addWidget(dialog)
    dialog._method.setCurrentIndex(dialog._method.findData(method))
    dialog._count.setValue(9)
    qtbot.waitUntil(lambda: len(dialog.points) > 0)
    dialog.place()
    document = opened.document
    assert document is not None
    assert 0 < document.table.n_tracks <= 9
    assert (document.table.query_points[:, 0] == 10).all()
    assert len(document.history_steps()) == 1
    assert len(opened.view.selection) == document.table.n_tracks


def test_holding_z_shows_the_loupe(qtbot, opened: MainWindow) -> None:
    opened.activateWindow()
    qtbot.waitUntil(opened.isActiveWindow)
    QTest.keyPress(opened.canvas, Qt.Key.Key_Z)
    assert opened.canvas._loupe_wanted
    QTest.keyRelease(opened.canvas, Qt.Key.Key_Z)
    assert not opened.canvas._loupe_wanted


def test_letters_typed_into_the_filter_are_letters(qtbot, opened: MainWindow) -> None:
    assert opened.document is not None
    opened.document.add_tracks([[0, 10, 10]])
    field = opened.track_list.filter_box
    opened.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    QTest.keyClicks(field, "nfb")
    assert field.text() == "nfb"
    assert opened.view.tool == "select"


def test_settings_outlive_the_window(tmp_path: Path) -> None:
    settings = Settings()
    settings.theme, settings.device, settings.tracker = "dark", "cpu", "weights.pth"
    settings.add_recent_file(tmp_path)
    again = Settings()
    assert (again.theme, again.device, again.tracker) == ("dark", "cpu", "weights.pth")
    assert again.recent_files == [tmp_path.resolve()]


def test_what_the_disk_refuses_is_told_as_a_sentence_not_as_a_fault(qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(QMessageBox, "exec", lambda self: shown.append(self.text()))
    faults = FaultDialog()
    faults.report(InputError("clip.trackwright: the disk is full"), "Traceback …")
    faults.report(RuntimeError("boom"), "Traceback …")
    qtbot.waitUntil(lambda: len(shown) == 2)
    assert "the disk is full" in shown[0]
    assert "inside Trackwright" in shown[1]


def test_tab_on_the_picture_steps_through_the_tracks(qtbot, opened: MainWindow) -> None:
    assert opened.document is not None
    opened.document.add_tracks([[0, 10, 10], [0, 50, 50]])
    opened.activateWindow()
    opened.canvas.setFocus()
    qtbot.waitUntil(opened.isActiveWindow)
    for expected in (0, 1, 0):
        QTest.keyClick(opened.canvas.graphics, Qt.Key.Key_Tab)
        assert opened.view.selection == (expected,)


def test_unsaved_work_can_be_thrown_away_after_a_question(
    qtbot, window: MainWindow, moving_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_source(moving_clip) as source:
        document = Document.new(VideoRef.of(source))
    document.add_tracks([[0, 50, 50]])
    document.close()
    ((path, _),) = window.files.unsaved()
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    window.files.ask_discard(path)
    assert window.files.unsaved()
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    window.files.ask_discard(path)
    assert not window.files.unsaved()
