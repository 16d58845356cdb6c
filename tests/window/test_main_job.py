"""The main job in the real window, with mouse and keys, on real decoded video."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.window import MainWindow
from tests.window.conftest import FRAMES, drift
from tracker.labels import Source, State


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window.canvas, key, modifier)


def track(qtbot, window: MainWindow, key: Qt.Key) -> None:
    """Press the key of a run and wait until it is over."""
    qtbot.waitUntil(
        lambda: not window._refresh_timer.isActive()
    )  # menus follow the selection in the next turn of the event loop
    with qtbot.waitSignal(window.tracking.running_changed, timeout=30_000, check_params_cb=lambda on: not on):
        press(window, key)


def place(window: MainWindow, click: Callable[..., None], *points: tuple[float, float]) -> list[int]:
    press(window, Qt.Key.Key_N)
    for x, y in points:
        click(x, y)
    press(window, Qt.Key.Key_N)
    assert window.document is not None
    return window.document.table.ids[-len(points) :].tolist()


def drag(window: MainWindow, start: tuple[float, float], end: tuple[float, float]) -> None:
    viewport, to_view = window.canvas.viewport, window.canvas.to_view
    a, b = to_view(*start), to_view(*end)
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=a)
    for step in range(1, 9):
        QTest.mouseMove(viewport, QPoint(a.x() + (b.x() - a.x()) * step // 8, a.y() + (b.y() - a.y()) * step // 8))
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=b)


def test_click_track_and_the_tracks_follow_the_motion(qtbot, opened: MainWindow, click) -> None:
    points = [(100.0, 80.0), (200.0, 150.0), (160.0, 120.0)]
    ids = place(opened, click, *points)
    opened.view.selection = ()
    track(qtbot, opened, Qt.Key.Key_F)
    assert opened.document is not None
    xy = opened.document.table.xy
    start = xy[:, 0]
    for frame in (10, 30, FRAMES - 1):
        np.testing.assert_allclose(xy[:, frame], start + drift(frame), atol=0.6)
    assert (opened.document.table.source[:, 0] == Source.ANCHOR).all()
    assert (opened.document.table.source[:, 1:] == Source.MODEL).all()
    assert len(ids) == 3


def test_a_run_is_one_step_of_undo_and_comes_back_to_the_bit(qtbot, opened: MainWindow, click) -> None:
    place(opened, click, (100, 80), (200, 150))
    document = opened.document
    assert document is not None
    before = document.table.read(document.table.ids, 0, FRAMES)
    track(qtbot, opened, Qt.Key.Key_F)
    after = document.table.read(document.table.ids, 0, FRAMES)
    press(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert document.table.read(document.table.ids, 0, FRAMES).equals(before)
    press(opened, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert document.table.read(document.table.ids, 0, FRAMES).equals(after)


def test_a_drag_makes_an_anchor_and_solves_both_sides_up_to_the_next_anchors(qtbot, opened: MainWindow, click) -> None:
    (first, second) = place(opened, click, (100, 80), (200, 150))
    document = opened.document
    assert document is not None
    opened.view.selection = ()
    track(qtbot, opened, Qt.Key.Key_F)
    document.place_anchor(first, 40, *(np.add([100, 80], drift(40) - drift(0))))
    opened.navigation.go_to(20)
    opened.view.select([first])
    x, y = document.table.xy[0, 20].tolist()
    before, steps = document.table.read([first, second], 0, FRAMES), len(document.history_steps())
    with qtbot.waitSignal(opened.bridging.running_changed, timeout=30_000, check_params_cb=lambda on: not on):
        drag(opened, (x, y), (x + 3, y + 2))
    assert document.history_steps()[steps:] == ["Move Track 1", "Bridge with lucas-kanade"]
    assert document.table.source[0, 20] == Source.ANCHOR
    np.testing.assert_allclose(document.table.xy[0, 20], (x + 3, y + 2), atol=0.8)
    after = document.table.read([first, second], 0, FRAMES)
    assert after.select(slice(40, FRAMES), [0]).equals(before.select(slice(40, FRAMES), [0]))
    assert after.select(slice(0, FRAMES), [1]).equals(before.select(slice(0, FRAMES), [1]))
    assert (after.source[1:20, 0] == Source.BRIDGE).all()
    assert (after.source[21:40, 0] == Source.BRIDGE).all()
    steps_taken = np.diff(after.xy[:41, 0], axis=0) - np.diff(before.xy[:41, 0], axis=0)
    assert np.abs(steps_taken).max() < 3  # no jump at the anchors


def test_backward_and_both_ways_fill_what_lies_before(qtbot, opened: MainWindow, click) -> None:
    opened.navigation.go_to(30)
    qtbot.waitUntil(lambda: opened.playback.current_image() is not None)
    place(opened, click, (150, 100))
    document = opened.document
    assert document is not None
    track(qtbot, opened, Qt.Key.Key_B)
    states = document.table.state[0]
    assert (states[:31] != State.UNLABELLED).all()
    assert (states[31:] == State.UNLABELLED).all()
    np.testing.assert_allclose(document.table.xy[0, 0], document.table.xy[0, 30] + drift(0) - drift(30), atol=0.6)
    opened.view.selection = ()
    opened.registry.trigger("run.both")
    qtbot.waitUntil(lambda: not opened.tracking.running, timeout=30_000)
    assert (document.table.state[0] != State.UNLABELLED).all()


def test_points_placed_during_a_run_are_tracked_too(qtbot, opened: MainWindow, click) -> None:
    place(opened, click, (100, 80))
    document = opened.document
    assert document is not None
    opened.view.selection = ()
    with qtbot.waitSignal(opened.tracking.running_changed, timeout=30_000, check_params_cb=lambda on: not on):
        opened.run("forward")
        document.add_tracks([[0, 200, 150], [30, 150, 100]])
    np.testing.assert_allclose(document.table.xy[1, 50], np.add([200, 150], drift(50)), atol=0.6)
    np.testing.assert_allclose(document.table.xy[2, 50], np.add([150, 100], drift(50) - drift(30)), atol=0.6)


def test_stopping_keeps_what_was_found_and_the_playhead(
    qtbot, opened: MainWindow, click, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(opened, click, (100, 80))
    document = opened.document
    assert document is not None
    # Results that nobody takes hold the run up in its middle, so that there is something to stop.
    monkeypatch.setattr(opened.tracking._worker, "result_applied", lambda: None)
    press(opened, Qt.Key.Key_F)
    qtbot.waitUntil(lambda: bool((document.table.source == Source.MODEL).any()), timeout=30_000)
    with qtbot.waitSignal(opened.tracking.running_changed, timeout=30_000, check_params_cb=lambda on: not on):
        press(opened, Qt.Key.Key_Escape)
    assert opened.view.playhead == 0
    assert document.runs[0].outcome == "cancelled"
    found = document.table.state[0] != State.UNLABELLED
    assert found[1]
    assert not found[-1]


def test_flags(opened: MainWindow, click) -> None:
    (track_id,) = place(opened, click, (100, 80))
    document = opened.document
    assert document is not None
    opened.view.select([track_id])
    press(opened, Qt.Key.Key_X)
    assert document.table.state[0, 0] == State.OCCLUDED
    press(opened, Qt.Key.Key_X)
    assert document.table.state[0, 0] == State.VISIBLE
    press(opened, Qt.Key.Key_X, Qt.KeyboardModifier.ShiftModifier)
    assert document.table.state[0, 0] == State.OUT_OF_VIEW
    assert np.isnan(document.table.xy[0, 0]).all()


def test_save_close_and_open_again(qtbot, opened: MainWindow, click, tmp_path: Path) -> None:
    place(opened, click, (100, 80), (200, 150))
    track(qtbot, opened, Qt.Key.Key_F)
    document = opened.document
    assert document is not None
    project = tmp_path / "job.trackwright"
    document.save_as(project)
    opened.registry.trigger("mark.approve")
    kept = document.table.read(document.table.ids, 0, FRAMES)
    steps = document.history_steps()
    opened.set_document(None, None)
    with qtbot.waitSignal(opened.playback.frame_shown, timeout=10_000):
        opened.files.open_path(project)
    again = opened.document
    assert again is not None
    assert again is not document
    assert again.table.read(again.table.ids, 0, FRAMES).equals(kept)
    assert again.history_steps() == steps
    press(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not again.table.approved.any()


@pytest.mark.parametrize("name", ["broken.mp4", "text.mp4", "empty.mp4"])
def test_what_cannot_be_opened_is_said_and_the_open_video_stays(
    qtbot, opened: MainWindow, errors: list[str], tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes({"broken.mp4": b"\0\0\0 ftypisom" + b"\1" * 500, "text.mp4": b"hello", "empty.mp4": b""}[name])
    document = opened.document
    opened.files.open_path(path)
    qtbot.waitUntil(lambda: bool(errors), timeout=10_000)
    assert name in errors[0]
    assert "\n" not in errors[0]
    assert opened.document is document


def test_a_wrong_checkpoint_fails_with_a_sentence_and_changes_nothing(
    qtbot, opened: MainWindow, click, tmp_path: Path
) -> None:
    wrong = tmp_path / "weights.pth"
    wrong.write_text("not a checkpoint")
    place(opened, click, (100, 80))
    document = opened.document
    assert document is not None
    before = document.table.read(document.table.ids, 0, FRAMES)
    opened.trackers.use(str(wrong))
    messages: list[tuple[str, str]] = []
    opened.tracking.message.connect(lambda text, kind: messages.append((text, kind)))
    track(qtbot, opened, Qt.Key.Key_F)
    assert any(kind == "error" and "weights.pth" in text for text, kind in messages)
    assert document.table.read(document.table.ids, 0, FRAMES).equals(before)


def test_accepting_and_approving_several_tracks_is_one_step_each(qtbot, opened: MainWindow, click) -> None:
    ids = place(opened, click, (100, 80), (200, 150))
    track(qtbot, opened, Qt.Key.Key_F)
    document = opened.document
    assert document is not None
    document.place_anchor(ids[0], 40, 120, 90)
    opened.navigation.go_to(20)
    steps = len(document.history_steps())
    press(opened, Qt.Key.Key_Return)
    assert (document.table.source[:, 20] == Source.ANCHOR).all()
    assert len(document.history_steps()) == steps + 1
    press(opened, Qt.Key.Key_V)
    assert len(document.history_steps()) == steps + 2
    assert document.table.approved[0].sum() == 21  # frames 20 to 40
    assert document.table.approved[1].sum() == FRAMES - 20
    press(opened, Qt.Key.Key_V)
    assert not document.table.approved.any()
