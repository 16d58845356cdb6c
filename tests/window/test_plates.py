"""Picture sequences in the window: holes that are shown, and looks that are seen, tracked with and remembered."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox

from app.document.project import Document
from app.panels.review_list import ReviewModel
from app.panels.timeline.ranges import range_text
from app.panels.timeline.tooltip import cell_text as timeline_text
from app.sample_dialog import SampleDialog
from app.view_transform_dialog import ViewTransformDialog
from app.window import MainWindow
from tests.inference.scenes import panning
from tests.video.plates import write_exr
from tracker.inference.suspicion import Suspect
from tracker.labels import State
from tracker.video import ViewTransform

FRAMES, HOLES = 12, (4, 5)
SHIFTS = np.stack([0.4 * np.arange(FRAMES), np.zeros(FRAMES)], axis=1)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A panning scene-linear plate from frame 1001 on, two of whose frames are missing."""
    folder = tmp_path_factory.mktemp("plate")
    for index, picture in enumerate(panning(SHIFTS)):
        if index not in HOLES:
            light = ((picture / 255) ** 2.2 * 0.5).astype(np.float16)
            write_exr(folder / f"shot_v2.{1001 + index}.exr", {"RGB": light})
    return folder


@pytest.fixture
def shown(qtbot, window: MainWindow, plate: Path) -> MainWindow:
    with qtbot.waitSignal(window.playback.frame_shown, timeout=10_000):
        window.files.open_path(plate)
    return window


@pytest.fixture
def dialog(qtbot, shown: MainWindow) -> ViewTransformDialog:
    shown.registry.trigger("view.transform")
    (dialog,) = shown.findChildren(ViewTransformDialog)
    return dialog


def picture(window: MainWindow) -> np.ndarray:
    found = window.canvas.picture
    assert found is not None
    return found


def test_a_missing_frame_is_shown_as_such(qtbot, shown: MainWindow) -> None:
    size = shown.canvas.picture_size
    shown.view.playhead = 4
    assert (shown.canvas.frame, shown.canvas.is_missing) == (4, True)
    assert shown.canvas.picture_size == size
    texts: list[str] = []
    shown.canvas.hint.connect(texts.append)
    shown.registry.trigger("tool.add")
    QTest.mouseClick(shown.canvas.viewport, Qt.MouseButton.LeftButton, pos=shown.canvas.to_view(60, 60))
    assert shown.document is not None
    assert shown.document.table.n_tracks == 0
    assert texts
    assert shown.canvas.picture is None
    with qtbot.waitSignal(shown.playback.frame_shown, timeout=5000):
        shown.navigation.step(2)
    assert (shown.canvas.frame, shown.canvas.is_missing) == (6, False)
    assert picture(shown).shape == (size[1], size[0], 4)


def test_no_points_are_sampled_where_there_is_no_picture(qtbot, shown: MainWindow) -> None:
    dialog = SampleDialog(shown)
    qtbot.waitUntil(lambda: len(dialog.points) > 0)
    shown.view.playhead = 4
    qtbot.waitUntil(lambda: not len(dialog.points))
    assert dialog.place() == []
    dialog.reject()


def test_playing_goes_on_over_a_hole(qtbot, shown: MainWindow) -> None:
    seen: list[int] = []
    shown.playback.frame_missing.connect(seen.append)
    shown.view.playhead = 3
    with qtbot.waitSignal(shown.playback.frame_shown, timeout=10_000, check_params_cb=lambda index, _image: index >= 7):
        shown.playback.play()
    shown.playback.stop()
    assert set(seen) <= set(HOLES)


def test_tracking_goes_across_and_claims_nothing_there(qtbot, shown: MainWindow) -> None:
    document = shown.document
    assert document is not None
    (track_id,) = document.add_tracks([[0, 70, 60]])
    shown.trackers.use("lucas-kanade")
    shown.view.select([track_id])
    shown.run("forward")
    qtbot.waitUntil(lambda: not shown.tracking.running, timeout=20_000)
    states = document.table.rows("state")[:, 0]
    assert (states[list(HOLES)] == State.UNLABELLED).all()
    assert np.isnan(document.table.rows("xy")[list(HOLES), 0]).all()
    present = np.setdiff1d(np.arange(FRAMES), HOLES)
    assert (states[present] == State.VISIBLE).all()
    off = document.table.rows("xy")[present, 0] - document.table.rows("xy")[0, 0] - SHIFTS[present] + SHIFTS[0]
    assert np.linalg.norm(off, axis=1).max() < 0.5


def test_a_look_is_seen_at_once_and_remembered(qtbot, shown: MainWindow, dialog: ViewTransformDialog, tmp_path) -> None:
    assert dialog.kind.currentData() == "srgb"
    before = picture(shown).astype(int)
    with qtbot.waitSignal(shown.playback.frame_shown, timeout=5000):
        dialog.exposure.setValue(1.0)
    assert picture(shown)[..., :3].mean() > before[..., :3].mean() + 10
    document = shown.document
    assert document is not None
    assert document.video is not None
    qtbot.waitUntil(lambda: document.video is not None and document.video.view == ViewTransform("srgb", 1.0))
    document.save_as(tmp_path / "a.trackwright")
    with qtbot.waitSignal(shown.playback.frame_shown, timeout=5000):
        dialog.findChildren(QDialogButtonBox)[0].button(QDialogButtonBox.StandardButton.Reset).click()
    assert dialog.exposure.value() == 0
    assert np.array_equal(picture(shown), before)
    dialog.exposure.setValue(2.0)
    dialog.close()  # what is chosen holds, however soon the dialog goes
    assert document.video.view == ViewTransform("srgb", 2.0)
    again = Document.open(tmp_path / "a.trackwright", read_only=True)
    assert again.video is not None
    assert again.video.view == ViewTransform("srgb", 2.0)


def test_a_project_opens_with_its_look(qtbot, shown: MainWindow, tmp_path: Path) -> None:
    shown.plates.set_view(ViewTransform("srgb", gamma=2.0))
    qtbot.waitUntil(lambda: shown.playback.current_image() is not None)
    seen = shown.playback.current_image()
    assert seen is not None
    assert shown.document is not None
    shown.document.save_as(tmp_path / "a.trackwright")
    shown.set_document(None, None)
    with qtbot.waitSignal(shown.playback.frame_shown, timeout=10_000):
        shown.files.open_path(tmp_path / "a.trackwright")
    assert np.array_equal(picture(shown), seen)
    assert shown.source is not None
    assert shown.source.view == ViewTransform("srgb", gamma=2.0)


def test_a_video_has_exposure_and_gamma_only(qtbot, opened: MainWindow) -> None:
    opened.registry.trigger("view.transform")
    (dialog,) = opened.findChildren(ViewTransformDialog)
    assert not dialog.kind.isEnabled()
    before = picture(opened).astype(int)
    with qtbot.waitSignal(opened.playback.frame_shown, timeout=5000):
        dialog.gamma.setValue(0.5)
    assert picture(opened)[..., :3].mean() < before[..., :3].mean()
    opened.set_document(None, None)
    assert not dialog.isVisible()


def test_opencolorio(qtbot, shown: MainWindow, dialog: ViewTransformDialog, tmp_path: Path) -> None:
    pytest.importorskip("PyOpenColorIO", reason="OpenColorIO is not installed")
    dialog.config.setText(str(tmp_path / "none.ocio"))
    choose(dialog, "ocio")
    assert "there is no such OpenColorIO configuration" in dialog.note.text()
    assert dialog.view == ViewTransform("srgb")
    dialog.config.setText("ocio://default")
    with qtbot.waitSignal(shown.playback.frame_shown, timeout=10_000):
        choose(dialog, "ocio")
    assert dialog.note.text() == ""
    assert dialog.view.kind == "ocio"
    assert dialog.view.colour_space == dialog.colour_space.currentText() != ""
    assert dialog.view.view == dialog.shown_as.currentText() != ""


def test_without_opencolorio_the_dialog_says_so(qtbot, shown: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.view_transform_dialog.has_ocio", lambda: False)
    dialog = ViewTransformDialog(shown)
    assert "OpenColorIO is not installed" in dialog.note.text()
    place = dialog.kind.findData("ocio")
    assert not dialog.kind.model().flags(dialog.kind.model().index(place, 0)) & Qt.ItemFlag.ItemIsEnabled
    dialog.deleteLater()


def choose(dialog: ViewTransformDialog, kind: str) -> None:
    """As a person does."""
    place = dialog.kind.findData(kind)
    dialog.kind.setCurrentIndex(place)
    dialog.kind.activated.emit(place)


def test_frames_have_the_numbers_of_their_files(qtbot, shown: MainWindow) -> None:
    document, transport = shown.document, shown.transport
    assert document is not None
    shown.view.playhead = 2
    assert (transport.frame_field.value(), transport.total_label.text()) == (1003, "/ 1012")
    transport.frame_field.setValue(1008)
    assert shown.view.playhead == 7
    assert timeline_text(document, None, 7).startswith("Frame 1008")
    assert range_text(document, ((), 2, 5)).startswith("Frames 1003–1005")
    assert shown.curves.values_text(2) == "Frame 1003"
    axis = shown.curves.stack.plots["error"].frames
    ticks = [value for _, values in axis.tickValues(0, 11, 300) for value in values]
    assert 1005 - 1001 in ticks
    assert axis.tickStrings([4], 1, 5) == ["1005"]
    (track_id,) = document.add_tracks([[2, 70, 60]])
    shown.view.select([track_id])
    document.end_track([track_id], 6)
    assert document.undo_text.endswith("at frame 1007")
    model = ReviewModel()
    model.show(document, [Suspect(track_id, 2, 5, 4, 9.0, ())])
    sentence = model.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "frames 1003–1005" in sentence
    assert "on frame 1005" in sentence


def test_the_ruler_has_round_numbers_and_marks_holes(qtbot, shown: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    ruler = shown.timeline.ruler
    ruler.resize(900, ruler.height())
    with_holes = ruler.grab().toImage()
    numbers: list[int] = []
    monkeypatch.setattr(ruler, "_draw_number", lambda _painter, frame, _x: numbers.append(frame + 1001))
    ruler.grab()
    step = shown.timeline._state.scale.tick_step()
    assert numbers
    assert all(number % step == 0 for number in numbers)
    assert min(numbers) >= 1001
    assert max(numbers) <= 1012
    monkeypatch.undo()
    shown.timeline.set_missing_frames(())
    assert ruler.grab().toImage() != with_holes


def test_a_video_counts_from_nought(opened: MainWindow) -> None:
    assert (opened.transport.frame_field.value(), opened.transport.frame_field.minimum()) == (0, 0)
    assert opened.document is not None
    assert timeline_text(opened.document, None, 7).startswith("Frame 7")
