"""The whole correction loop as a person does it: mouse and keys, real widgets, the film clip that ships."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog

from app.document.project import Document
from app.document.runs import RunInfo
from app.export_dialog import ExportDialog
from app.files import resource
from app.panels.filmstrip import Filmstrip
from app.sample_dialog import SampleDialog
from app.window import MainWindow
from tests.canvas.mouse import stroke
from tests.window.scenes import put_right, solving
from tests.window.test_main_job import place, press, track
from tracker.inference.session import Prediction
from tracker.inference.suspicion import Suspect
from tracker.labels import Source, State, TrackFile, read_tracks
from tracker.labels.table import Cells

LEFT, NONE, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
START = 100  # where the points are placed: on the ground, some of it hidden for a while on other frames
POINTS = ((209, 539), (108, 435), (1200, 438), (876, 352), (622, 137), (1116, 570), (997, 136), (294, 568))
BY_LUCAS_KANADE = "Bridge with lucas-kanade"
LOST = slice(108, 118)  # frames on which a run loses the first track
MISS = np.array([30.0, 20.0])  # by how much


@pytest.fixture
def opened(qtbot, window: MainWindow) -> MainWindow:
    """The window with the clip that ships, its first frame shown."""
    with qtbot.waitSignal(window.playback.frame_shown, timeout=30_000):
        window.files.open_path(resource("demo.mp4"))
    return window


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
        timeout=60_000,
    )


def cells_of(document: Document, ids: list[int] | None = None) -> Cells:
    return document.table.read(document.table.ids if ids is None else ids, 0, document.table.n_frames)


def all_of(document: Document) -> dict[str, Any]:
    """All that a person made but for the cells, to be compared with ==."""
    masks = document.masks
    return {
        "ids": document.table.ids.tolist(),
        "tracks": list(document.table.tracks),
        "groups": list(document.groups),
        "takes": [take.id for take in document.takes],
        "masks": [(info, masks.bits(info.id)) for info in masks.infos],
    }


def held(document: Document) -> tuple[np.ndarray, Cells]:
    """(T, K) which cells a person vouches for, and all cells."""
    cells = cells_of(document)
    return (cells.source == Source.ANCHOR) | cells.approved, cells


def assert_held(document: Document, before: tuple[np.ndarray, Cells]) -> None:
    """What a person vouched for before is still there, to the bit."""
    vouched, was = before
    assert vouched.any()
    for name, array in cells_of(document, document.table.ids[: vouched.shape[1]].tolist()).arrays().items():
        assert array[vouched].tobytes() == was.arrays()[name][vouched].tobytes(), name


def lose(document: Document, track_id: int) -> None:
    """A run that goes astray on some frames, as trackers do now and then; it is sure of itself."""
    xy = document.table.read([track_id], LOST.start, LOST.stop).xy + MISS.astype(np.float32)
    sure = np.full(xy.shape[:2], 0.9, np.float32)
    run = document.begin_run(RunInfo("made"))
    document.apply_prediction(run, Prediction(LOST.start, np.array([track_id], np.int64), xy, sure, sure))
    document.end_run(run, "done")


def drag_in_strip(qtbot, film: Filmstrip, offset: np.ndarray) -> int:
    """Pull the picture of a frame where the track is lost, so that the point moves by pixels of the video.

    Gives the frame.
    """
    qtbot.waitUntil(lambda: film.isVisible() and not film._soon.isActive() and film.feed.complete, timeout=60_000)
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


def test_find_correct_bridge_approve_mask_sample_undo_redo_export(
    qtbot,
    opened: MainWindow,
    document: Document,
    click: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    start = cells_of(document), all_of(document)
    first = add_points(qtbot, opened, click)
    track(qtbot, opened, Qt.Key.Key_F)
    path = document.table.xy[0].copy()
    assert (document.table.source[:, START + 1 :] == Source.MODEL).all()
    lose(document, first)
    span = find_with_e(qtbot, opened, first)
    correct_in_the_strip(qtbot, opened, first, path)
    approve_with_v(qtbot, opened, span)
    correct_in_the_picture(qtbot, opened, first, path)
    ask_again(qtbot, opened, first)
    bitmap = paint(qtbot, opened)
    sampled = sample_in(qtbot, opened, bitmap)
    group(qtbot, opened, monkeypatch, sampled)
    undo_all_and_redo_all(opened, start)
    export(opened, tmp_path / "tracks.npz")


def add_points(qtbot, window: MainWindow, click: Callable[..., None]) -> int:
    """On a frame within the clip; gives the first track."""
    window.navigation.go_to(START)
    quiet(qtbot, window)
    first, *_ = place(window, click, *POINTS)
    assert window.document is not None
    np.testing.assert_allclose(window.document.table.xy[:, START], POINTS, atol=2)  # a pixel of the screen is two
    window.view.selection = ()
    quiet(qtbot, window)
    return int(first)


def find_with_e(qtbot, window: MainWindow, lost: int) -> Suspect:
    """The queue leads to what is wrong, which is not always the first thing it tells of; gives the span."""
    quiet(qtbot, window)
    spans = window.review_panel.queue.suspects
    number = next(k for k, span in enumerate(spans) if span.track_id == lost and LOST.start <= span.worst < LOST.stop)
    assert number < 3, "among the worst"
    for span in spans[: number + 1]:
        press(window, Qt.Key.Key_E)
        quiet(qtbot, window)
        assert (window.view.selection, window.view.playhead) == ((span.track_id,), span.worst)
    return spans[number]


def correct_in_the_strip(qtbot, window: MainWindow, lost: int, path: np.ndarray) -> None:
    """A drag corrects a frame without going there, and the bridge follows by itself."""
    document, playhead = window.document, window.view.playhead
    assert document is not None
    others = document.table.ids[1:].tolist()
    before, steps, vouched = cells_of(document, others), len(document.history_steps()), held(document)
    window.docks.raise_("filmstrip")
    with solving(qtbot, window):
        frame = drag_in_strip(qtbot, window.filmstrip, -MISS)
    assert window.view.playhead == playhead, "it never moves by itself"
    assert document.history_steps()[steps:] == ["Move Track 1", BY_LUCAS_KANADE]
    assert document.table.source[0, frame] == Source.ANCHOR
    assert (document.table.source[0, START + 1 : frame] == Source.BRIDGE).all()
    assert np.linalg.norm(document.table.xy[0, START:] - path[START:], axis=1).max() < 4
    assert cells_of(document, others).equals(before)
    assert_held(document, vouched)
    (correction,) = document.corrections()
    assert (correction.track, correction.frame) == (lost, frame)
    assert correction.error_px == pytest.approx(np.hypot(*MISS), abs=3)


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
    quiet(qtbot, window)


def correct_in_the_picture(qtbot, window: MainWindow, lost: int, path: np.ndarray) -> None:
    """Ctrl+click near the end: solved up to what is approved, and out to the end."""
    document = window.document
    assert document is not None
    vouched, steps = held(document), len(document.history_steps())
    window.view.select([lost])
    press(window, Qt.Key.Key_0, CTRL)
    press(window, Qt.Key.Key_End)
    press(window, Qt.Key.Key_Left, SHIFT)
    quiet(qtbot, window)
    frame = window.view.playhead
    assert frame == document.table.n_frames - 11
    with solving(qtbot, window):
        put_right(window, path[frame])
    assert document.history_steps()[steps:] == ["Move Track 1", BY_LUCAS_KANADE]
    assert document.table.source[0, frame] == Source.ANCHOR
    assert (document.table.source[0, frame + 1 :] == Source.BRIDGE).all()
    assert np.linalg.norm(document.table.xy[0, START:] - path[START:], axis=1).max() < 4
    assert_held(document, vouched)


def ask_again(qtbot, window: MainWindow, lost: int) -> None:
    """R, and a run over it all: what a person vouches for stays."""
    document = window.document
    assert document is not None
    vouched, steps = held(document), len(document.history_steps())
    quiet(qtbot, window)
    assert window.view.selection == (lost,)
    with solving(qtbot, window):
        press(window, Qt.Key.Key_R)
    assert_held(document, vouched)
    window.view.selection = ()
    track(qtbot, window, Qt.Key.Key_B)
    assert_held(document, vouched)
    assert len(document.history_steps()) == steps + 2
    assert (document.table.state[:, : START + 1] != State.UNLABELLED).any(axis=1).all()


def paint(qtbot, window: MainWindow) -> np.ndarray:
    """A stroke of the brush, and one of the eraser; gives the mask."""
    document = window.document
    assert document is not None
    press(window, Qt.Key.Key_Home)
    press(window, Qt.Key.Key_0, CTRL)
    quiet(qtbot, window)
    window.view.brush_size = 120.0
    press(window, Qt.Key.Key_P)
    stroke(window.canvas, [(820, 330), (960, 340), (1100, 350)])
    press(window, Qt.Key.Key_P, SHIFT)
    stroke(window.canvas, [(960, 300), (960, 400)])
    press(window, Qt.Key.Key_P, SHIFT)
    assert window.view.tool == "select"
    quiet(qtbot, window)
    (mask,) = document.masks.infos
    bitmap = document.masks.bitmap(mask.id, 0)
    assert bitmap is not None
    assert bitmap[330, 820]
    assert bitmap[350, 1100]
    assert not bitmap[340, 960]
    assert not bitmap[100, 100]
    return bitmap


def sample_in(qtbot, window: MainWindow, bitmap: np.ndarray) -> list[int]:
    """G, and the points that are proposed within the mask; gives their tracks."""
    document = window.document
    assert document is not None
    old = document.table.n_tracks
    press(window, Qt.Key.Key_G)
    (dialog,) = window.findChildren(SampleDialog)
    qtbot.waitUntil(lambda: len(dialog.points) > 0 and dialog._place_button.isEnabled(), timeout=60_000)
    dialog._spacing.setValue(30)
    dialog._count.setValue(6)
    qtbot.waitUntil(lambda: 0 < len(dialog.points) <= 6 and dialog._place_button.isEnabled(), timeout=60_000)
    QTest.mouseClick(dialog._place_button, LEFT)
    window.activateWindow()  # as the desktop does when a dialog has gone
    qtbot.waitUntil(window.isActiveWindow)
    points = document.table.query_points[old:]
    assert 0 < len(points) <= 6
    assert (points[:, 0] == 0).all()
    columns, rows = np.rint(points[:, 1:]).astype(int).T
    assert bitmap[rows, columns].all()
    return document.table.ids[old:].tolist()


def group(qtbot, window: MainWindow, monkeypatch: pytest.MonkeyPatch, ids: list[int]) -> None:
    """The new points get a name that they share, and a skeleton."""
    document = window.document
    assert document is not None
    quiet(qtbot, window)
    assert set(window.view.selection) == set(ids), "what was placed is selected"
    monkeypatch.setattr(QInputDialog, "getItem", lambda *_args, **_kwargs: ("rocks", True))
    press(window, Qt.Key.Key_G, CTRL | SHIFT)
    quiet(qtbot, window)
    press(window, Qt.Key.Key_C, CTRL | SHIFT)
    (rocks,) = document.groups
    assert rocks.name == "rocks"
    assert len(rocks.edges) == len(ids) - 1
    quiet(qtbot, window)


def undo_all_and_redo_all(window: MainWindow, start: tuple[Cells, dict[str, Any]]) -> None:
    """All of it goes back and comes again, to the bit."""
    document = window.document
    assert document is not None
    end, made, steps, log = cells_of(document), all_of(document), document.history_steps(), document.corrections()
    assert all(made[name] for name in ("tracks", "groups", "masks"))
    for _ in steps:
        press(window, Qt.Key.Key_Z, CTRL)
    assert not document.can_undo
    assert cells_of(document).equals(start[0])
    assert all_of(document) == start[1]
    for _ in steps:
        press(window, Qt.Key.Key_Y, CTRL)
    assert not document.can_redo
    assert cells_of(document).equals(end)
    assert all_of(document) == made
    assert document.history_steps() == steps
    assert document.corrections() == log, "a log, which neither forgets nor tells twice"


def export(window: MainWindow, path: Path) -> None:
    """Ctrl+E, a name, and the button of the dialog; what is written is what is there."""
    assert window.document is not None
    timer, answered = QTimer(window), []

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, ExportDialog) and dialog.isVisible():
            timer.stop()
            answered.append(True)
            dialog._path.setText(str(path))
            QTest.mouseClick(dialog._write, LEFT)

    timer.timeout.connect(answer)
    timer.start(0)
    press(window, Qt.Key.Key_E, CTRL)
    timer.stop()
    assert answered
    back, table = read_tracks(path), window.document.table
    assert_same(back, cells_of(window.document))
    assert set(np.unique(table.source)) == {Source.NONE, Source.ANCHOR, Source.MODEL, Source.BRIDGE}


def assert_same(back: TrackFile, cells: Cells) -> None:
    for name in ("state", "source", "approved"):
        np.testing.assert_array_equal(getattr(back, name), getattr(cells, name).T)
    seen = (cells.state != State.OUT_OF_VIEW).T
    np.testing.assert_array_equal(back.xy[seen], cells.xy.swapaxes(0, 1)[seen])
