"""Pictures from the window, of a clip whose motion is known."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.render_dialog import RenderDialog
from app.window import MainWindow
from tests.window.conftest import FRAMES, HEIGHT, WIDTH, drift
from tracker.labels import Cells, Source, State
from tracker.video import open_source

START, END = 10, 22


@pytest.fixture
def dialog(qtbot, opened: MainWindow) -> RenderDialog:
    """The dialog on two tracks that move as the picture does, the second one selected, with an in-out range."""
    document = opened.document
    assert document is not None
    first, second = document.add_tracks([[0, 100, 80], [0, 200, 150]], names=["a", "b"])
    moved = np.array([drift(frame) for frame in range(FRAMES)], np.float32)
    cells = Cells.empty(FRAMES, 2)
    cells.xy[:] = np.array([[100, 80], [200, 150]])[None] + moved[:, None]
    cells.state[:], cells.source[:] = State.VISIBLE, Source.IMPORTED
    document.table.write([first, second], 0, cells)
    opened.view.selection, opened.view.loop_range = (second,), (START, END)
    dialog = RenderDialog(opened, document)
    qtbot.addWidget(dialog)
    return dialog


def choose(dialog: RenderDialog, what: str, codec: str, path: Path) -> Path:
    dialog.what.setCurrentIndex(dialog.what.findData(what))
    dialog.codec.setCurrentIndex(dialog.codec.findData(codec))
    dialog.path.setText(str(path))
    return path


def test_the_selected_tracks_are_drawn_into_the_range(qtbot, dialog, opened: MainWindow, tmp_path: Path) -> None:
    out = choose(dialog, "overlay", "h264", tmp_path / "r.mp4")
    dialog.overlay.legend.setChecked(False)
    with qtbot.waitSignal(dialog.accepted, timeout=20_000):
        dialog.accept()
    video = opened.document.video if opened.document is not None else None
    assert video is not None
    with open_source(out) as after, open_source(video.path) as before:
        assert (after.frame_count, after.width, after.height) == (END - START, WIDTH, HEIGHT)
        change = np.abs(after.frame(3).astype(int) - before.frame(START + 3)).sum(axis=2)
    (ax, ay), (bx, by) = np.rint(np.array([[100, 80], [200, 150]]) + drift(START + 3)).astype(int)
    assert change[by - 2 : by + 3, bx - 2 : bx + 3].mean() > 3 * change[ay - 2 : ay + 3, ax - 2 : ax + 3].mean()


def test_the_overlay_alone_and_a_contact_sheet(qtbot, dialog, opened: MainWindow, tmp_path: Path) -> None:
    document = opened.document
    assert document is not None
    choose(dialog, "alone", "prores", tmp_path / "o.mov")
    assert dialog.codec.findData("h264") < 0
    with qtbot.waitSignal(dialog.accepted, timeout=20_000):
        dialog.accept()
    with av.open(str(tmp_path / "o.mov")) as container:
        frames = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    assert len(frames) == END - START
    x, y = np.rint(np.array([200, 150]) + drift(START)).astype(int)
    assert frames[0][y, x, 3] > 250
    assert np.median(frames[0][..., 3]) <= 2
    again = RenderDialog(opened, document)
    qtbot.addWidget(again)
    sheet = choose(again, "sheet", "png", tmp_path / "s.png")
    assert not again.sound.isVisibleTo(again)
    with qtbot.waitSignal(again.accepted, timeout=20_000):
        again.accept()
    assert np.asarray(cv2.imread(str(sheet))).shape[1] > 12 * 64


def test_a_stabilised_sequence_is_numbered_as_it_is_asked(qtbot, dialog, tmp_path: Path) -> None:
    choose(dialog, "stabilised", "png", tmp_path / "s" / "s.####.png")
    dialog.lock.labels.setChecked(False)
    dialog.first_number.setValue(1001)
    with qtbot.waitSignal(dialog.accepted, timeout=20_000):
        dialog.accept()
    names = sorted(path.name for path in (tmp_path / "s").iterdir())
    assert (names[0], names[-1], len(names)) == ("s.1011.png", "s.1022.png", END - START)
    first, last = (np.asarray(cv2.imread(str(tmp_path / "s" / name)), float) for name in (names[0], names[-1]))
    assert np.abs(first - last)[60:-60, 60:-60].mean() < 12


@pytest.mark.parametrize("way", ["reject", "done"])
def test_cancelling_leaves_no_half_file(qtbot, dialog, way: str, tmp_path: Path) -> None:
    folder = tmp_path / "place"
    folder.mkdir()
    choose(dialog, "overlay", "png", folder / "p.####.png")
    dialog.frames.setCurrentIndex(0)
    dialog.accept()
    qtbot.waitUntil(lambda: dialog._bar.value() > 0, timeout=20_000)
    dialog.reject() if way == "reject" else dialog.done(0)
    assert list(folder.iterdir()) == []
    if way == "reject":
        assert dialog._write.isEnabled()
        assert "nothing was written" in dialog._tell.text()


def test_what_cannot_be_written_is_said(qtbot, dialog, errors: list[str], tmp_path: Path) -> None:
    choose(dialog, "overlay", "h264", tmp_path / "no" / "such" / "r.mp4")
    dialog.accept()
    qtbot.waitUntil(lambda: bool(errors), timeout=20_000)
    assert "does not exist" in errors[0]
    choose(dialog, "overlay", "h264", tmp_path / "r.avi")
    dialog.accept()
    assert "write .mp4" in errors[1]
    assert dialog._document.video is not None
    choose(dialog, "overlay", "h264", Path(dialog._document.video.path))
    dialog.accept()
    assert "replace what they are made of" in errors.pop()
    choose(dialog, "stabilised", "h264", tmp_path / "r.mp4")
    dialog.lock.kind.setCurrentIndex(dialog.lock.kind.findData("homography"))
    dialog.accept()
    qtbot.waitUntil(lambda: len(errors) == 3, timeout=20_000)
    assert "needs 4 tracks" in errors[2]


def test_the_name_follows_the_kind_of_file(dialog, tmp_path: Path) -> None:
    assert Path(dialog.path.text()).name == "moving-tracks.mp4"
    dialog.what.setCurrentIndex(dialog.what.findData("alone"))
    assert Path(dialog.path.text()).name == "moving-overlay.mov"
    dialog.codec.setCurrentIndex(dialog.codec.findData("png"))
    assert Path(dialog.path.text()).name == "moving-overlay.####.png"
    dialog.path.setText(str(tmp_path / "mine.v2.####.png"))
    dialog.what.setCurrentIndex(dialog.what.findData("sheet"))
    assert dialog.path.text() == str(tmp_path / "mine.v2.png")
