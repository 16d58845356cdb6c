"""Real mouse events on a real canvas."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.document.project import Document
from app.document.view_state import Tool
from tests.canvas.conftest import FRAMES, Stage, centre_of, grey
from tracker.labels.table import Source

LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
NO_KEY = Qt.KeyboardModifier.NoModifier
FAR_APART = [(60.0, 60.0), (160.0, 120.0), (250.0, 180.0)]


def move(stage: Stage, place: QPoint, held: Qt.MouseButton = LEFT, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    """A move with a button held; QTest.mouseMove cannot hold one."""
    viewport = stage.canvas.viewport
    where = QPointF(viewport.mapToGlobal(place))
    event = QMouseEvent(QEvent.Type.MouseMove, QPointF(place), where, Qt.MouseButton.NoButton, held, keys)
    QApplication.sendEvent(viewport, event)


def drag(stage: Stage, start: QPoint, by: QPoint, keys: Qt.KeyboardModifier = NO_KEY, release: bool = True) -> None:
    viewport = stage.canvas.viewport
    QTest.mousePress(viewport, LEFT, keys, start)
    move(stage, start + by / 2, keys=keys)
    move(stage, start + by, keys=keys)
    if release:
        QTest.mouseRelease(viewport, LEFT, keys, start + by)


def wheel(stage: Stage, place: QPoint, notches: int) -> None:
    viewport = stage.canvas.viewport
    where = QPointF(viewport.mapToGlobal(place))
    delta = QPoint(0, 120 * notches)
    phase = Qt.ScrollPhase.NoScrollPhase
    event = QWheelEvent(QPointF(place), where, QPoint(), delta, Qt.MouseButton.NoButton, NO_KEY, phase, False)
    QApplication.sendEvent(viewport, event)


def click(stage: Stage, place: QPoint, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    QTest.mouseClick(stage.canvas.viewport, LEFT, keys, place)


@pytest.mark.parametrize("notches", [-4, 0, 3, 9, 17])
def test_a_click_adds_where_the_pointer_is_at_any_zoom(stage: Stage, notches: int) -> None:
    stage.canvas.set_frame(7, grey())
    wheel(stage, stage.at(100, 80), notches)
    stage.view.tool = "add"
    scale = stage.canvas.mapping().scale
    click(stage, stage.at(100.3, 80.6))
    (track,) = stage.document.table.tracks
    frame, x, y = track.query_point
    assert frame == 7
    # The pointer stands on whole screen pixels, so half of one is the best that a click can do.
    assert abs(x - 100.3) <= 0.5 / scale + 1e-3
    assert abs(y - 80.6) <= 0.5 / scale + 1e-3
    assert list(stage.view.selection) == [track.id]


def test_a_click_on_the_left_half_of_a_large_pixel_lands_there(stage: Stage) -> None:
    for _ in range(3):
        wheel(stage, stage.at(50, 50), 8)
    assert stage.canvas.mapping().scale == pytest.approx(128)
    assert stage.canvas.from_view(stage.at(50, 50) - QPoint(32, 0))[0] == pytest.approx(49.75, abs=0.01)


def test_view_and_picture_positions_are_inverse(stage: Stage) -> None:
    for place in (QPoint(3, 5), QPoint(400, 300), QPoint(799, 1)):
        assert stage.canvas.to_view(*stage.canvas.from_view(place)) == place


def test_adding_outside_the_picture_only_says_so(stage: Stage, qtbot) -> None:
    stage.view.tool = "add"
    with qtbot.waitSignal(stage.canvas.hint):
        click(stage, QPoint(1, 1))
    assert stage.document.table.n_tracks == 0


def test_a_double_click_adds_only_one_point(stage: Stage) -> None:
    stage.view.tool = "add"
    mapping = stage.canvas.mapping()
    click(stage, stage.at(50, 50))
    QTest.mouseDClick(stage.canvas.viewport, LEFT, NO_KEY, stage.at(50, 50))
    assert stage.document.table.n_tracks == 1
    assert stage.canvas.mapping() == mapping


def test_a_click_selects_the_nearest_and_empty_space_deselects(stage: Stage) -> None:
    a, b, _ = stage.add(FAR_APART)
    click(stage, stage.at(*FAR_APART[0]) + QPoint(6, 0))
    assert list(stage.view.selection) == [a]
    click(stage, stage.at(*FAR_APART[1]))
    assert list(stage.view.selection) == [b]
    click(stage, stage.at(*FAR_APART[1]) + QPoint(14, 14))
    assert list(stage.view.selection) == []


def test_shift_click_extends_and_takes_back(stage: Stage) -> None:
    a, b, _ = stage.add(FAR_APART)
    click(stage, stage.at(*FAR_APART[0]))
    click(stage, stage.at(*FAR_APART[1]), SHIFT)
    assert list(stage.view.selection) == [a, b]
    click(stage, stage.at(*FAR_APART[1]), SHIFT)
    assert list(stage.view.selection) == [a]


def test_three_pixels_move_nothing_five_do(stage: Stage) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.view.select([a])
    steps = stage.document.history_position
    drag(stage, stage.at(*FAR_APART[0]), QPoint(3, 0))
    assert stage.document.history_position == steps
    assert stage.canvas.position(a) == FAR_APART[0]
    drag(stage, stage.at(*FAR_APART[0]), QPoint(5, 0))
    assert stage.canvas.position(a) == pytest.approx((60 + 5 / stage.canvas.mapping().scale, 60), abs=1e-3)
    assert stage.document.history_position == steps + 1
    assert stage.document.table.source[0, 0] == Source.ANCHOR


def test_a_drag_is_live_and_one_step_of_undo(stage: Stage) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.view.select([a])
    steps = stage.document.history_position
    drag(stage, stage.at(*FAR_APART[0]), QPoint(40, 20), release=False)
    early = stage.position(a)
    assert early != FAR_APART[0]
    move(stage, stage.at(*FAR_APART[0]) + QPoint(60, 20))
    assert stage.position(a)[0] > early[0]
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(*FAR_APART[0]) + QPoint(60, 20))
    assert stage.document.history_position == steps + 1
    stage.document.undo()
    assert stage.canvas.position(a) == FAR_APART[0]


def test_a_point_taken_beside_its_centre_does_not_jump(stage: Stage) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.view.select([a])
    drag(stage, stage.at(*FAR_APART[0]) + QPoint(5, 5), QPoint(10, 0))
    assert stage.canvas.position(a) == pytest.approx((60 + 10 / stage.canvas.mapping().scale, 60), abs=1e-3)


def test_an_unselected_point_is_not_dragged(stage: Stage, qtbot) -> None:
    a, *_ = stage.add(FAR_APART)
    with qtbot.waitSignal(stage.canvas.hint):
        drag(stage, stage.at(*FAR_APART[0]), QPoint(40, 0))
    assert stage.canvas.position(a) == FAR_APART[0]
    assert list(stage.view.selection) == [a]


def test_escape_puts_a_dragged_point_back(stage: Stage) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.view.select([a])
    steps = stage.document.history_position
    drag(stage, stage.at(*FAR_APART[0]), QPoint(40, 0), release=False)
    event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Escape, NO_KEY)
    event.ignore()
    QApplication.sendEvent(stage.canvas.graphics, event)
    assert event.isAccepted()
    assert stage.canvas.position(a) == FAR_APART[0]
    assert stage.document.history_position == steps
    move(stage, stage.at(*FAR_APART[0]) + QPoint(90, 0))
    assert stage.canvas.position(a) == FAR_APART[0]


def test_escape_without_a_drag_is_left_to_the_window(stage: Stage) -> None:
    event = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Escape, NO_KEY)
    event.ignore()
    QApplication.sendEvent(stage.canvas.graphics, event)
    assert not event.isAccepted()


def test_a_point_cannot_be_dragged_out_of_the_picture(stage: Stage) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.view.select([a])
    drag(stage, stage.at(*FAR_APART[0]), QPoint(-700, 0))
    assert stage.position(a)[0] == -0.5


def test_a_locked_track_stays_and_says_why(stage: Stage, qtbot) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.document.set_locked([a])
    stage.view.select([a])
    with qtbot.waitSignal(stage.canvas.hint):
        drag(stage, stage.at(*FAR_APART[0]), QPoint(40, 0))
    assert stage.canvas.position(a) == FAR_APART[0]


@pytest.mark.parametrize("tool", ["select", "add"])
def test_ctrl_click_puts_the_selected_point_here(stage: Stage, tool: Tool) -> None:
    a, b, _ = stage.add(FAR_APART)
    stage.view.select([a, b])
    stage.view.tool = tool
    click(stage, stage.at(100, 100), CTRL)
    assert stage.canvas.position(b) == pytest.approx((100, 100), abs=0.5)
    assert stage.canvas.position(a) == FAR_APART[0]
    assert stage.document.table.n_tracks == 3


def test_ctrl_click_without_a_selection_says_what_to_do(stage: Stage, qtbot) -> None:
    stage.add(FAR_APART)
    with qtbot.waitSignal(stage.canvas.hint):
        click(stage, stage.at(100, 100), CTRL)


def test_a_box_selects_what_is_in_it(stage: Stage) -> None:
    a, b, c = stage.add(FAR_APART)
    start = stage.at(40, 40)
    drag(stage, start, stage.at(180, 140) - start)
    assert list(stage.view.selection) == [a, b]
    start = stage.at(230, 160)
    drag(stage, start, stage.at(270, 200) - start, SHIFT)
    assert list(stage.view.selection) == [a, b, c]


def test_hidden_points_can_neither_be_hit_nor_boxed(stage: Stage) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.view.select([a])
    stage.view.hide_others = True
    assert stage.canvas.hit(QPointF(stage.at(*FAR_APART[1]))) is None
    start = stage.at(40, 40)
    drag(stage, start, stage.at(300, 220) - start)
    assert list(stage.view.selection) == [a]


@pytest.mark.parametrize("notches", [5, -3, 1])
def test_the_wheel_keeps_the_pixel_under_the_pointer(stage: Stage, notches: int) -> None:
    place = QPoint(211, 333)
    before, scale = stage.canvas.from_view(place), stage.canvas.mapping().scale
    wheel(stage, place, notches)
    assert stage.canvas.from_view(place) == pytest.approx(before, abs=1e-6)
    assert stage.canvas.mapping().scale == pytest.approx(scale * 1.2**notches)


def test_middle_drag_pans_and_fit_comes_back(stage: Stage) -> None:
    fitted = stage.canvas.mapping()
    under = stage.canvas.from_view(QPoint(400, 300))
    QTest.mousePress(stage.canvas.viewport, MIDDLE, NO_KEY, QPoint(400, 300))
    move(stage, QPoint(450, 280), MIDDLE)
    QTest.mouseRelease(stage.canvas.viewport, MIDDLE, NO_KEY, QPoint(450, 280))
    assert stage.canvas.from_view(QPoint(450, 280)) == pytest.approx(under, abs=1e-6)
    QTest.mouseDClick(stage.canvas.viewport, LEFT, NO_KEY, QPoint(20, 20))
    assert stage.canvas.mapping() == fitted


def test_a_fitted_picture_stays_fitted(stage: Stage) -> None:
    stage.canvas.resize(500, 500)
    mapping = stage.canvas.mapping()
    assert mapping.scale == pytest.approx((500 - 16) / 320)
    assert mapping.to_view(-0.5, 119.5).toTuple() == pytest.approx((8, 250))


def test_a_zoomed_picture_is_not_fitted_again(stage: Stage) -> None:
    wheel(stage, stage.at(100, 100), 6)
    scale = stage.canvas.mapping().scale
    stage.canvas.resize(700, 560)
    stage.canvas.set_frame(1, grey())
    assert stage.canvas.mapping().scale == pytest.approx(scale, rel=0.3)
    assert stage.canvas.mapping().scale > 2 * (560 - 16) / 240


def test_double_click_on_a_point_goes_close(stage: Stage) -> None:
    stage.add(FAR_APART)
    QTest.mouseDClick(stage.canvas.viewport, LEFT, NO_KEY, stage.at(*FAR_APART[0]))
    assert stage.canvas.mapping().scale >= 6
    place = stage.canvas.mapping().to_view(*FAR_APART[0])
    assert (place - centre_of(stage.canvas)).manhattanLength() <= 3


def test_nudges_in_a_row_are_one_step(stage: Stage, qtbot) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.view.select([a])
    steps = stage.document.history_position
    stage.canvas.nudge(0.25, 0)
    stage.canvas.nudge(0.25, -0.25)
    assert stage.canvas.position(a) == (60.5, 59.75)
    assert stage.document.history_position == steps + 1
    stage.document.undo()
    assert stage.canvas.position(a) == FAR_APART[0]


def test_a_nudge_without_a_position_says_so(stage: Stage, qtbot) -> None:
    with qtbot.waitSignal(stage.canvas.hint):
        stage.canvas.nudge(0.25, 0)


def test_a_right_click_asks_for_a_menu_of_the_point_below(stage: Stage, qtbot) -> None:
    a, *_ = stage.add(FAR_APART)
    place = stage.at(*FAR_APART[0])
    with qtbot.waitSignal(stage.canvas.context_requested) as asked:
        QTest.mouseClick(stage.canvas.viewport, RIGHT, NO_KEY, place)
    assert asked.args == [a, stage.canvas.viewport.mapToGlobal(place)]


def test_hovering_tells_the_pixel_and_leaving_ends_it(stage: Stage, qtbot) -> None:
    with qtbot.waitSignal(stage.canvas.hovered) as told:
        move(stage, stage.at(12, 34), Qt.MouseButton.NoButton)
    assert told.args == pytest.approx([12, 34], abs=0.5)
    with qtbot.waitSignal(stage.canvas.unhovered):
        QApplication.sendEvent(stage.canvas.viewport, QEvent(QEvent.Type.Leave))


def test_edits_go_to_the_frame_on_screen(stage: Stage) -> None:
    (a,) = stage.add([(60.0, 60.0)])
    stage.canvas.set_frame(FRAMES - 1, grey())
    stage.view.playhead = 3  # asked for, not decoded yet
    stage.view.select([a])
    click(stage, stage.at(100, 100), CTRL)
    assert stage.document.table.source[0, FRAMES - 1] == Source.ANCHOR
    assert stage.document.table.source[0, 3] == Source.MODEL


def test_another_document_ends_a_drag_without_touching_it(stage: Stage) -> None:
    a, *_ = stage.add(FAR_APART)
    stage.view.select([a])
    drag(stage, stage.at(*FAR_APART[0]), QPoint(40, 0), release=False)
    other = Document(FRAMES)
    (same_id,) = other.add_tracks([[0, 60, 60]])
    assert same_id == a
    stage.canvas.set_document(other)
    stage.canvas.set_frame(0, grey())
    move(stage, QPoint(400, 300))
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, QPoint(400, 300))
    assert stage.canvas.position(a) == (60, 60)
    steps = stage.document.history_position
    stage.document.place_anchor(a, 0, 10, 10)  # the old one is not listened to any more
    assert stage.document.history_position == steps + 1
    stage.canvas.set_document(None)
    click(stage, QPoint(300, 300))


SCALED = """
import sys
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
app = QApplication([])
from app.canvas import CanvasView
from app.document.project import Document
from app.document.view_state import ViewState
from app.document.project import Document
from app.document.view_state import Tool
from tests.canvas.conftest import grey
view = ViewState()
canvas = CanvasView(Document(3), view)
canvas.resize(640, 480)
canvas.show()
canvas.set_frame(0, grey())
view.tool = "add"
ratio = float(sys.argv[1])
assert canvas.viewport.devicePixelRatioF() == ratio
QTest.mouseClick(canvas.viewport, Qt.MouseButton.LeftButton, pos=canvas.to_view(100.25, 50.75))
(track,) = canvas.document.table.tracks
scale = canvas.mapping().scale
assert abs(track.query_point[1] - 100.25) <= 0.5 / scale + 1e-3, track
assert abs(track.query_point[2] - 50.75) <= 0.5 / scale + 1e-3, track
view.selection = ()
canvas.unhover()
image = canvas.viewport.grab().toImage()
assert image.width() == round(canvas.viewport.width() * ratio)
place = canvas.mapping().to_view(*track.query_point[1:]) * ratio
for reach, inside in ((0, True), (3, True), (9, False)):
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        colour = image.pixelColor(int(place.x() + dx * reach * ratio), int(place.y() + dy * reach * ratio)).getRgb()
        assert (colour[:3] != (100, 100, 100)) == inside, (reach, dx, dy, colour)
"""


@pytest.mark.parametrize("ratio", ["1.5", "2"])
def test_clicks_and_marks_are_right_on_dense_screens(ratio: str) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "QT_SCALE_FACTOR": ratio, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", SCALED, ratio], env=environment, cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
