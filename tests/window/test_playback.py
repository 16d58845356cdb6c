"""Playing, stepping and showing frames, read back from the numbers burnt into the clip."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.window import MainWindow
from tests.video.clips import make_clip, make_pictures, read_code

FRAMES = 40


@pytest.fixture
def numbered(qtbot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """The window on a clip of variable frame rate whose frames carry their number."""
    pts = [frame * 2 + (frame // 10) * 5 for frame in range(FRAMES)]
    path = tmp_path / "numbered.mp4"
    make_clip(path, frames=FRAMES, width=160, height=128, pts=pts, time_base=Fraction(1, 100), gop=20)
    with qtbot.waitSignal(window.playback.frame_shown, timeout=10_000):
        window.files.open_path(path)
    return window


def shown(qtbot, window: MainWindow) -> int:
    qtbot.waitUntil(lambda: window.canvas.frame == window.view.playhead, timeout=10_000)
    image = window.playback.current_image()
    assert image is not None
    return read_code(image)


def test_stepping_shows_exactly_the_frames(qtbot, numbered: MainWindow) -> None:
    for key, expected in ((Qt.Key.Key_Right, 1), (Qt.Key.Key_D, 2), (Qt.Key.Key_Left, 1), (Qt.Key.Key_End, 39)):
        QTest.keyClick(numbered.canvas, key)
        assert shown(qtbot, numbered) == expected == numbered.view.playhead
    QTest.keyClick(numbered.canvas, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert shown(qtbot, numbered) == 29
    QTest.keyClick(numbered.canvas, Qt.Key.Key_Home)
    assert shown(qtbot, numbered) == 0


def test_playing_reaches_the_end_and_stops_there(qtbot, numbered: MainWindow) -> None:
    seen: list[int] = []
    numbered.playback.frame_shown.connect(lambda index, _: seen.append(index))
    with qtbot.waitSignal(numbered.playback.state_changed, check_params_cb=lambda on, _: not on, timeout=10_000):
        QTest.keyClick(numbered.canvas, Qt.Key.Key_Space)
    assert numbered.view.playhead == FRAMES - 1
    assert seen == sorted(seen)
    assert seen[-1] == FRAMES - 1


def test_playing_backwards_and_faster(qtbot, numbered: MainWindow) -> None:
    numbered.navigation.go_to(FRAMES - 1)
    QTest.keyClick(numbered.canvas, Qt.Key.Key_J)
    QTest.keyClick(numbered.canvas, Qt.Key.Key_J)
    assert numbered.playback.speed == -2
    qtbot.waitUntil(lambda: not numbered.playback.playing, timeout=10_000)
    assert numbered.view.playhead == 0


def test_a_loop_stays_inside_its_range(qtbot, numbered: MainWindow) -> None:
    numbered.navigation.go_to(5)
    QTest.keyClick(numbered.canvas, Qt.Key.Key_I)
    numbered.navigation.go_to(12)
    QTest.keyClick(numbered.canvas, Qt.Key.Key_O)
    assert numbered.view.loop_range == (5, 13)
    seen: list[int] = []
    numbered.playback.frame_shown.connect(lambda index, _: seen.append(index))
    QTest.keyClick(numbered.canvas, Qt.Key.Key_Backslash)
    numbered.navigation.go_to(5)
    QTest.keyClick(numbered.canvas, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: any(b < a for a, b in pairwise(seen[2:])), timeout=10_000)
    QTest.keyClick(numbered.canvas, Qt.Key.Key_K)
    assert set(seen) <= set(range(5, 13))


def test_the_playhead_never_moves_by_itself(qtbot, numbered: MainWindow) -> None:
    numbered.navigation.go_to(17)
    assert numbered.document is not None
    numbered.document.add_tracks([[3, 40, 40]])
    numbered.run("both")
    qtbot.waitUntil(lambda: not numbered.tracking.running, timeout=20_000)
    assert numbered.view.playhead == 17


def test_a_folder_of_pictures_opens_like_a_video(qtbot, window: MainWindow, tmp_path: Path) -> None:
    make_pictures(tmp_path / "shot", [7, 8, 9])
    with qtbot.waitSignal(window.playback.frame_shown, timeout=10_000):
        window.files.open_path(tmp_path / "shot")
    assert window.navigation.frame_count == 3


def test_the_keys_belong_to_the_picture_from_the_start(qtbot, numbered: MainWindow) -> None:
    numbered.activateWindow()
    qtbot.waitUntil(numbered.canvas.graphics.hasFocus)
