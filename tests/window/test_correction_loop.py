"""The whole correction loop as a person does it: mouse and keys, real widgets, a real clip."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.document.project import Document
from app.document.runs import RunInfo
from app.export_dialog import ExportDialog
from app.panels.filmstrip import Filmstrip
from app.sample_dialog import SampleDialog
from app.window import MainWindow
from tests.canvas.mouse import stroke
from tests.window.conftest import FRAMES
from tests.window.scenes import FIRST, OTHERS, SECOND, everything, solving, truth
from tests.window.test_main_job import place, press, track
from tracker.inference.session import Prediction
from tracker.inference.suspicion import Suspect
from tracker.labels import Source, State, read_tracks
from tracker.labels.table import Cells

LEFT, NONE, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
LOST = slice(20, 30)  # frames on which a run loses the first track
MISS = np.array([18.0, 12.0])  # by how much


@pytest.fixture
def document(opened: MainWindow) -> Document:
    assert opened.document is not None
    return opened.document


def quiet(qtbot, window: MainWindow) -> None:
    """Until the picture is there, the menus know, and all has been looked at."""
    suspicion = window.review.suspicion
    qtbot.waitUntil(
        lambda: (
            window.canvas.frame == window.view.playhead
            and not window._refresh_timer.isActive()
            and suspicion._job is None
            and not suspicion._dirty
            and not suspicion._timer.isActive()
        ),
        timeout=20_000,
    )


def lose(document: Document, track_id: int, point: tuple[float, float]) -> None:
    """A run that goes astray on some frames, as trackers do now and then; it is sure of itself."""
    frames = range(LOST.start, LOST.stop)
    xy = np.array([[truth(point, frame) + MISS] for frame in frames], np.float32)
    sure = np.full(xy.shape[:2], 0.9, np.float32)
    run = document.begin_run(RunInfo("made"))
    document.apply_prediction(run, Prediction(LOST.start, np.array([track_id], np.int64), xy, sure, sure))
    document.end_run(run, "done")


def off(document: Document, row: int, point: tuple[float, float]) -> np.ndarray:
    """(T,) pixels that a track is off."""
    right = np.array([truth(point, frame) for frame in range(FRAMES)])
    return np.linalg.norm(document.table.xy[row] - right, axis=1)


def drag_in_strip(qtbot, film: Filmstrip, offset: np.ndarray) -> int:
    """Pull the picture of a frame where the track is lost, so that the point moves by pixels of the video.

    Gives the frame.
    """
    qtbot.waitUntil(lambda: film.isVisible() and not film._soon.isActive() and film.feed.complete, timeout=20_000)
    assert film.strip.cells is not None
    frames = film.strip.cells.frames.tolist()
    lost = [frame for frame in frames if frame in range(LOST.start, LOST.stop)]
    frame = lost[len(lost) // 2]
    index = frames.index(frame)
    scale = film.patch_size / film.strip._close_up(index).width()
    viewport, start = film.strip.viewport(), film.strip.cell_rect(index).center()
    assert viewport.rect().contains(start)
    pull = QPoint(*(round(-value / scale) for value in offset.tolist()))
    QTest.mousePress(viewport, LEFT, NONE, start)
    QTest.mouseMove(viewport, start + pull / 2)
    QTest.mouseMove(viewport, start + pull)
    QTest.mouseRelease(viewport, LEFT, NONE, start + pull)
    return frame


def sample(qtbot, window: MainWindow) -> None:
    """G, and the points that are proposed."""
    press(window, Qt.Key.Key_G)
    (dialog,) = window.findChildren(SampleDialog)
    qtbot.waitUntil(lambda: len(dialog.points) > 0 and dialog._place_button.isEnabled(), timeout=20_000)
    dialog._spacing.setValue(8)
    dialog._count.setValue(6)
    qtbot.waitUntil(lambda: 0 < len(dialog.points) <= 6 and dialog._place_button.isEnabled(), timeout=20_000)
    QTest.mouseClick(dialog._place_button, LEFT)
    window.activateWindow()  # as the desktop does when a dialog has gone
    qtbot.waitUntil(window.isActiveWindow)


def export(qtbot, window: MainWindow, path: Path) -> None:
    """Choose a name and press the button of the dialog."""
    assert window.document is not None
    dialog = ExportDialog(window, window.document)
    qtbot.addWidget(dialog)
    dialog._path.setText(str(path))
    with qtbot.waitSignal(dialog.accepted, timeout=20_000):
        QTest.mouseClick(dialog._write, LEFT)


def test_find_correct_bridge_approve_mask_sample_undo_redo_export(
    qtbot, opened: MainWindow, document: Document, click: Callable[..., None], tmp_path: Path
) -> None:
    start = everything(document)
    first, *_ = place(opened, click, FIRST, SECOND, *OTHERS)
    opened.view.selection = ()
    quiet(qtbot, opened)
    track(qtbot, opened, Qt.Key.Key_F)
    x, y = document.table.xy[0, 0].tolist()
    assert off(document, 0, (x, y)).max() < 1
    lose(document, first, (x, y))
    span = find_with_e(qtbot, opened, first)
    correct_in_the_strip(qtbot, opened, first, (x, y))
    approve_with_v(qtbot, opened, span)
    bitmap = paint(qtbot, opened)
    sample(qtbot, opened)
    points = document.table.query_points[8:]
    assert len(points)
    assert (points[:, 0] == 0).all()
    columns, rows = np.rint(points[:, 1:]).astype(int).T
    assert bitmap[rows, columns].all()
    undo_all_and_redo_all(opened, start)
    export(qtbot, opened, tmp_path / "tracks.npz")
    back, table = read_tracks(tmp_path / "tracks.npz"), document.table
    for name in ("state", "source", "approved"):
        np.testing.assert_array_equal(getattr(back, name), getattr(table, name))
    assert set(np.unique(table.source)) == {Source.NONE, Source.ANCHOR, Source.MODEL, Source.BRIDGE}
    seen = table.state != State.OUT_OF_VIEW
    np.testing.assert_array_equal(back.xy[seen], table.xy[seen])


def find_with_e(qtbot, window: MainWindow, lost: int) -> Suspect:
    """The queue leads to what is wrong; gives the span."""
    quiet(qtbot, window)
    span = window.review_panel.queue.suspects[0]
    assert span.track_id == lost
    press(window, Qt.Key.Key_E)
    quiet(qtbot, window)
    assert window.view.selection == (lost,)
    assert window.view.playhead == span.worst
    assert LOST.start <= span.worst < LOST.stop
    return span


def correct_in_the_strip(qtbot, window: MainWindow, lost: int, point: tuple[float, float]) -> None:
    """A drag corrects a frame without going there, and the bridge follows by itself."""
    document, playhead = window.document, window.view.playhead
    assert document is not None
    others = document.table.ids[1:]
    before, steps = document.table.read(others, 0, FRAMES), len(document.history_steps())
    window.docks.raise_("filmstrip")
    with solving(qtbot, window):
        frame = drag_in_strip(qtbot, window.filmstrip, -MISS)
    assert window.view.playhead == playhead, "it never moves by itself"
    assert document.history_steps()[steps:] == ["Move Track 1", "Bridge with lucas-kanade"]
    assert document.table.source[0, frame] == Source.ANCHOR
    assert (document.table.source[0, 1:frame] == Source.BRIDGE).all()
    assert off(document, 0, point).max() < 1.5
    assert document.table.read(others, 0, FRAMES).equals(before)
    (correction,) = document.corrections()
    assert (correction.track, correction.frame) == (lost, frame)
    assert correction.error_px == pytest.approx(np.hypot(*MISS), abs=1.5)


def approve_with_v(qtbot, window: MainWindow, span: Suspect) -> None:
    """Nothing is suspected any more where the track was lost, and that is approved."""
    document = window.document
    assert document is not None
    quiet(qtbot, window)
    for one in window.review_panel.queue.suspects:
        assert one.track_id != span.track_id or one.end <= span.start or one.start >= span.end
    assert window.view.selection == (span.track_id,)
    press(window, Qt.Key.Key_V)
    assert np.flatnonzero(document.table.approved[0]).tolist() == list(range(span.start, span.end))
    assert not document.table.approved[1:].any()


def paint(qtbot, window: MainWindow) -> np.ndarray:
    """A stroke of the brush; gives the mask."""
    document = window.document
    assert document is not None
    press(window, Qt.Key.Key_Home)
    window.canvas.fit()
    quiet(qtbot, window)
    window.view.brush_size = 40.0
    press(window, Qt.Key.Key_P)
    stroke(window.canvas, [(60, 180), (100, 190), (140, 180)])
    press(window, Qt.Key.Key_P)
    assert window.view.tool == "select"
    quiet(qtbot, window)
    (mask,) = document.masks.infos
    bitmap = document.masks.bitmap(mask.id, 0)
    assert bitmap is not None
    assert bitmap[180, 60]
    assert bitmap[180, 140]
    assert not bitmap[60, 60]
    return bitmap


def undo_all_and_redo_all(window: MainWindow, start: Cells) -> None:
    """All of it goes back and comes again, to the bit."""
    document = window.document
    assert document is not None
    end, steps = everything(document), document.history_steps()
    tracks, (mask,) = list(document.table.tracks), document.masks.infos
    bitmap = document.masks.bitmap(mask.id, 0)
    for _ in steps:
        press(window, Qt.Key.Key_Z, CTRL)
    assert not document.can_undo
    assert everything(document).equals(start)
    assert not document.masks.infos
    for _ in steps:
        press(window, Qt.Key.Key_Y, CTRL)
    assert not document.can_redo
    assert everything(document).equals(end)
    assert list(document.table.tracks) == tracks
    np.testing.assert_array_equal(document.masks.bitmap(mask.id, 0), bitmap)
    assert document.history_steps() == steps
