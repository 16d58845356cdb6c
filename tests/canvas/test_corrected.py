"""The canvas says which predictions a person has contradicted: once, when the gesture is over."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.canvas.conftest import Stage, grey
from tests.canvas.mouse import CTRL, LEFT, NO_KEY, click, move, stroke
from tracker.labels.table import Source

PLACE = (60.0, 60.0)


@pytest.fixture
def told(stage: Stage) -> list[tuple[int, int]]:
    """What the canvas says."""
    said: list[tuple[int, int]] = []
    stage.canvas.corrected.connect(lambda track, frame: said.append((track, frame)))
    return said


def predicted(stage: Stage) -> int:
    """A selected track that a model has placed on all frames but the first."""
    (track,) = stage.add([PLACE])
    stage.view.select([track])
    stage.canvas.set_frame(9, grey())
    return track


def test_a_drag_tells_at_its_end(stage: Stage, told: list) -> None:
    track = predicted(stage)
    stroke(stage.canvas, [PLACE, (70, 60), (80, 62)], release=False)
    assert not told
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(80, 62))
    assert told == [(track, 9)]


def test_a_drag_that_is_dropped_tells_nothing(stage: Stage, told: list) -> None:
    predicted(stage)
    stroke(stage.canvas, [PLACE, (70, 60), (80, 62)], release=False)
    QTest.keyClick(stage.canvas.graphics, Qt.Key.Key_Escape)
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(80, 62))
    assert not told


def test_a_drag_that_another_tool_ends_is_told(stage: Stage, told: list) -> None:
    track = predicted(stage)
    stroke(stage.canvas, [PLACE, (70, 60), (80, 62)], release=False)
    stage.view.tool = "add"
    assert told == [(track, 9)]


def test_a_click_selects_and_tells_nothing(stage: Stage, told: list) -> None:
    predicted(stage)
    click(stage.canvas, *PLACE)
    assert not told


def test_ctrl_click_tells_at_once(stage: Stage, told: list) -> None:
    track = predicted(stage)
    click(stage.canvas, 120, 90, CTRL)
    assert told == [(track, 9)]


def test_nudges_tell_once_when_they_are_over(stage: Stage, told: list, qtbot) -> None:
    track = predicted(stage)
    for _ in range(3):
        stage.canvas.nudge(0.25, 0)
    assert not told
    qtbot.waitUntil(lambda: told == [(track, 9)])
    assert stage.position(track) == (60.75, 60)


def test_a_drag_ends_the_nudges_before_it(stage: Stage, told: list) -> None:
    track = predicted(stage)
    steps = len(stage.document.history_steps())
    stage.canvas.nudge(0.25, 0)
    stroke(stage.canvas, [PLACE, (70, 60), (80, 62)], release=False)
    assert told == [(track, 9)]
    move(stage.canvas, stage.at(90, 62))
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(90, 62))
    assert told == [(track, 9), (track, 9)]
    assert len(stage.document.history_steps()) == steps + 2


def test_moving_an_anchor_is_told_only_where_predictions_hang_on_it(stage: Stage, told: list) -> None:
    track = predicted(stage)
    stage.document.place_anchor(track, 9, *PLACE)
    stage.canvas.nudge(1, 0)
    stage.canvas.placing.end()
    assert told == [(track, 9)]
    stage.document.clear([track], 0, stage.document.table.n_frames)
    stage.document.place_anchor(track, 9, *PLACE)
    assert stage.document.table.rows("source")[9, 0] == Source.ANCHOR
    stage.canvas.nudge(1, 0)
    stage.canvas.placing.end()
    assert told == [(track, 9)]


def test_a_locked_track_contradicts_nothing(stage: Stage, told: list) -> None:
    track = predicted(stage)
    stage.document.set_locked([track])
    stroke(stage.canvas, [PLACE, (70, 60), (80, 62)])
    click(stage.canvas, 120, 90, CTRL)
    assert not told


def test_a_new_point_contradicts_nothing(stage: Stage, told: list) -> None:
    stage.view.tool = "add"
    click(stage.canvas, 100, 100)
    click(stage.canvas, 100, 100, CTRL)
    assert not told
    assert stage.at(0, 0) != QPoint()
