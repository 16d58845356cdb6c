"""Masks painted with real mouse events."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest

from app.document.view_state import Tool
from tests.canvas.conftest import HEIGHT, WIDTH, Stage, grey, rgb
from tests.canvas.mouse import ALT, CTRL, LEFT, NO_BUTTON, NO_KEY, RIGHT, SHIFT, click, move, stroke, wheel

Y, X = np.mgrid[:HEIGHT, :WIDTH]


def disc(x: float, y: float, radius: float) -> np.ndarray:
    return (X - x) ** 2 + (Y - y) ** 2 <= radius**2


def painted(stage: Stage, frame: int = 0) -> np.ndarray:
    """What the current mask is on a frame where it was painted."""
    assert stage.view.mask is not None
    bitmap = stage.document.masks.bitmap(stage.view.mask, frame)
    assert bitmap is not None
    return bitmap


def give_mask(stage: Stage, bitmap: np.ndarray, frame: int = 0, matte: bool = False) -> int:
    mask = stage.document.add_mask(matte=matte)
    stage.document.paint_mask(mask, frame, bitmap)
    stage.view.mask = mask
    return mask


def steps(stage: Stage) -> list[str]:
    return stage.document.history_steps()


def near(a: np.ndarray, b: np.ndarray, pixels: int) -> bool:
    """Whether two bitmaps differ in a few pixels only: the pointer stands on whole pixels of the screen."""
    return int((a != b).sum()) <= pixels


def test_the_first_stroke_makes_a_mask(stage: Stage) -> None:
    stage.view.tool, stage.view.brush_size = "brush", 20.0
    stroke(stage.canvas, [(60, 60), (100, 60), (140, 60)])
    assert len(stage.document.masks.infos) == 1
    assert stage.view.mask == stage.document.masks.infos[0].id
    expected = (np.abs(Y - 60) <= 10) & (X >= 60) & (X <= 140) | disc(60, 60, 10) | disc(140, 60, 10)
    assert near(painted(stage), expected, 200)  # a row more or less
    assert steps(stage) == ["Paint mask 1"]
    bitmap = painted(stage)
    stage.document.undo()
    assert not stage.document.masks.infos
    stage.document.redo()
    assert np.array_equal(painted(stage), bitmap)


def test_a_stroke_is_seen_while_it_is_painted_and_before_it_is_kept(stage: Stage) -> None:
    stage.view.tool, stage.view.brush_size = "brush", 30.0
    before = stage.grab()
    stroke(stage.canvas, [(60, 60), (100, 60)], release=False)
    assert not steps(stage)
    stage.canvas.paint_now()
    place = stage.at(80, 60)
    assert rgb(stage.grab().pixelColor(place)) != rgb(before.pixelColor(place))
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(100, 60))
    kept = rgb(stage.grab().pixelColor(place))
    colour = stage.document.masks.infos[0].colour
    assert kept == pytest.approx(tuple(0.4 * c + 0.6 * 100 for c in colour), abs=2)


@pytest.mark.parametrize(
    ("tool", "keys", "button", "paints"),
    [
        ("brush", NO_KEY, LEFT, True),
        ("brush", CTRL, LEFT, False),
        ("brush", NO_KEY, RIGHT, False),
        ("eraser", NO_KEY, LEFT, False),
        ("eraser", CTRL, LEFT, True),
        ("eraser", NO_KEY, RIGHT, True),
    ],
)
def test_brush_and_eraser_and_their_opposites(
    stage: Stage, tool: Tool, keys: Qt.KeyboardModifier, button: Qt.MouseButton, paints: bool
) -> None:
    half = X < 160
    give_mask(stage, half)
    stage.view.tool, stage.view.brush_size = tool, 24.0
    menus = []
    stage.canvas.context_requested.connect(lambda *asked: menus.append(asked))
    stroke(stage.canvas, [(160, 120)], keys, button)
    changed = painted(stage) != half
    assert changed.any()
    assert (painted(stage)[changed] == paints).all()
    assert near(changed, disc(160, 120, 12) & (half != paints), 30)
    assert not menus


def test_erasing_nothing_says_so(stage: Stage, qtbot) -> None:
    stage.view.tool = "eraser"
    with qtbot.waitSignal(stage.canvas.hint):
        stroke(stage.canvas, [(100, 100)])
    assert not stage.document.masks.infos


def test_painting_goes_on_from_the_held_mask(stage: Stage) -> None:
    mask = give_mask(stage, disc(80, 80, 30))
    stage.canvas.set_frame(7, grey())
    stage.view.tool, stage.view.brush_size = "brush", 20.0
    stroke(stage.canvas, [(200, 120)])
    np.testing.assert_array_equal(painted(stage, 0), disc(80, 80, 30))
    assert near(painted(stage, 7), disc(80, 80, 30) | disc(200, 120, 10), 30)
    assert stage.document.masks.frames(mask) == [0, 7]


def test_escape_drops_a_stroke(stage: Stage) -> None:
    stage.view.tool = "brush"
    stroke(stage.canvas, [(60, 60), (100, 60)], release=False)
    QTest.keyClick(stage.canvas.graphics, Qt.Key.Key_Escape)
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(100, 60))
    assert not stage.document.masks.infos
    assert not steps(stage)


def test_another_frame_ends_a_stroke_on_its_own(stage: Stage) -> None:
    stage.view.tool = "brush"
    stroke(stage.canvas, [(60, 60), (100, 60)], release=False)
    stage.canvas.set_frame(3, grey())
    move(stage.canvas, stage.at(200, 200))
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(200, 200))
    assert stage.document.masks.frames(stage.document.masks.infos[0].id) == [0]
    assert not painted(stage)[200, 200]


def test_a_stroke_that_changes_nothing_is_no_step(stage: Stage) -> None:
    give_mask(stage, np.ones((HEIGHT, WIDTH), bool))
    before = steps(stage)
    stage.view.tool = "brush"
    stroke(stage.canvas, [(60, 60), (100, 60)])
    assert steps(stage) == before


def test_a_hidden_mask_is_neither_drawn_nor_painted(stage: Stage, qtbot) -> None:
    mask = give_mask(stage, disc(80, 80, 30))
    assert rgb(stage.grab().pixelColor(stage.at(80, 80))) != (100, 100, 100)
    stage.canvas.set_hidden_masks(frozenset({mask}))
    assert rgb(stage.grab().pixelColor(stage.at(80, 80))) == (100, 100, 100)
    stage.view.tool = "brush"
    with qtbot.waitSignal(stage.canvas.hint):
        stroke(stage.canvas, [(200, 120)])
    np.testing.assert_array_equal(painted(stage), disc(80, 80, 30))


def test_a_held_mask_is_drawn_on_later_frames_and_not_on_earlier_ones(stage: Stage) -> None:
    give_mask(stage, disc(80, 80, 30), frame=5)
    place = stage.at(80, 80)
    seen = []
    for frame in (4, 5, 6):
        stage.canvas.set_frame(frame, grey())
        seen.append(rgb(stage.grab().pixelColor(place)))
    assert seen[0] == (100, 100, 100)
    assert seen[1] == seen[2] != seen[0]


def test_stepping_through_frames_that_hold_a_mask_draws_it_only_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_mask(stage, disc(80, 80, 30))
    for frame in (0, 1):
        stage.canvas.set_frame(frame, grey())
        stage.grab()
    unpacked: list[int] = []

    def note(mask_id: int, frame: int) -> None:
        unpacked.append(frame)

    monkeypatch.setattr(stage.document.masks, "bitmap", note)
    for frame in range(2, 12):
        stage.canvas.set_frame(frame, grey())
        stage.grab()
    assert not unpacked


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    strokes=st.lists(
        st.tuples(
            st.sampled_from(["brush", "eraser"]),
            st.integers(0, 3),
            st.floats(1, 60),
            st.lists(st.tuples(st.integers(-20, WIDTH + 20), st.integers(-20, HEIGHT + 20)), min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_strokes_are_exactly_undone_and_done_again(stage: Stage, strokes: list) -> None:
    stage.document.go_to(0)
    mask = give_mask(stage, disc(150, 110, 60))
    masks, start = stage.document.masks, stage.document.history_position

    def state() -> dict[int, bytes]:
        return {frame: painted(stage, frame).tobytes() for frame in masks.frames(mask)}

    states = {start: state()}
    for tool, frame, size, path in strokes:
        stage.view.tool, stage.view.brush_size = tool, size
        stage.canvas.set_frame(frame, grey())
        stroke(stage.canvas, path)
        states[stage.document.history_position] = state()
    for position in sorted(states, reverse=True):
        stage.document.go_to(position)
        assert state() == states[position]
    for position in sorted(states):
        stage.document.go_to(position)
        assert state() == states[position]


class TestBrushSize:
    @pytest.mark.parametrize("keys", [SHIFT, ALT])
    def test_the_wheel_with_a_key_sizes_the_brush(self, stage: Stage, keys: Qt.KeyboardModifier) -> None:
        stage.view.tool, stage.view.brush_size = "brush", 24.0
        scale = stage.canvas.mapping().scale
        wheel(stage.canvas, QPoint(300, 300), 2, keys)
        assert stage.view.brush_size == pytest.approx(24 * 1.44, abs=0.5)
        wheel(stage.canvas, QPoint(300, 300), -2, keys)
        assert stage.view.brush_size == pytest.approx(24, abs=1)
        assert stage.canvas.mapping().scale == scale

    def test_without_a_brush_the_wheel_zooms_as_ever(self, stage: Stage) -> None:
        scale, size = stage.canvas.mapping().scale, stage.view.brush_size
        wheel(stage.canvas, QPoint(300, 300), 1, SHIFT)
        assert stage.canvas.mapping().scale == pytest.approx(1.2 * scale)
        assert stage.view.brush_size == size

    def test_the_cursor_has_the_size_of_the_brush(self, stage: Stage) -> None:
        stage.view.tool = "brush"
        scale = stage.canvas.mapping().scale
        for size in (20.0, 60.0):
            stage.view.brush_size = size
            move(stage.canvas, stage.at(160, 120), NO_BUTTON)
            image, place = stage.grab(), stage.at(160, 120)
            row = [image.pixelColor(place.x() + k, place.y()) for k in range(6, 260)]
            bright = 6 + int(np.argmax([colour.lightness() for colour in row]))
            assert bright == pytest.approx(size / 2 * scale, abs=2)

    def test_brush_and_eraser_have_other_cursors(self, stage: Stage) -> None:
        images = []
        for tool in ("brush", "eraser"):
            stage.view.tool = tool
            move(stage.canvas, stage.at(160, 120), NO_BUTTON)
            images.append(stage.grab())
        assert images[0] != images[1]


class TestPolygon:
    CORNERS = ((40, 40), (120, 40), (120, 100), (40, 100))
    BOX = (X >= 40) & (X <= 120) & (Y >= 40) & (Y <= 100)

    def corners(self, stage: Stage, keys: Qt.KeyboardModifier = NO_KEY, last: bool = True) -> None:
        stage.view.tool = "polygon"
        for corner in self.CORNERS if last else self.CORNERS[:-1]:
            click(stage.canvas, *corner, keys)

    @pytest.mark.parametrize("way", ["enter", "double", "first"])
    def test_is_closed_in_three_ways(self, stage: Stage, way: str) -> None:
        self.corners(stage, last=way != "double")
        if way == "enter":
            QTest.keyClick(stage.canvas.graphics, Qt.Key.Key_Return)
        elif way == "first":
            click(stage.canvas, 41, 41)
        else:
            click(stage.canvas, *self.CORNERS[-1])
            QTest.mouseDClick(stage.canvas.viewport, LEFT, NO_KEY, stage.at(*self.CORNERS[-1]))
        assert near(painted(stage), self.BOX, 300)
        assert steps(stage) == ["Add a polygon to mask 1"]

    def test_with_shift_takes_away(self, stage: Stage) -> None:
        give_mask(stage, np.ones((HEIGHT, WIDTH), bool))
        self.corners(stage, SHIFT)
        QTest.keyClick(stage.canvas.graphics, Qt.Key.Key_Enter)
        assert near(painted(stage), ~self.BOX, 300)

    def test_backspace_takes_corners_back_and_is_then_the_windows(self, stage: Stage) -> None:
        self.corners(stage)
        graphics = stage.canvas.graphics
        for _ in range(4):
            QTest.keyClick(graphics, Qt.Key.Key_Backspace)
        assert not stage.canvas.tool.wants(Qt.Key.Key_Backspace)
        assert not stage.canvas.tool.wants(Qt.Key.Key_Return)
        assert not stage.document.masks.infos

    def test_escape_drops_it(self, stage: Stage) -> None:
        self.corners(stage)
        QTest.keyClick(stage.canvas.graphics, Qt.Key.Key_Escape)
        assert not stage.canvas.tool.wants(Qt.Key.Key_Return)
        assert not stage.document.masks.infos

    def test_two_corners_are_no_area(self, stage: Stage, qtbot) -> None:
        stage.view.tool = "polygon"
        click(stage.canvas, 40, 40)
        click(stage.canvas, 120, 40)
        with qtbot.waitSignal(stage.canvas.hint):
            QTest.keyClick(stage.canvas.graphics, Qt.Key.Key_Return)
        assert not stage.document.masks.infos

    def test_it_is_seen_while_it_is_drawn(self, stage: Stage) -> None:
        before = stage.grab()
        self.corners(stage)
        assert stage.grab().pixelColor(stage.at(80, 40)) != before.pixelColor(stage.at(80, 40))


class TestFill:
    RING = disc(100, 100, 40) & ~disc(100, 100, 30)

    def test_fills_the_hole_under_the_pointer(self, stage: Stage) -> None:
        give_mask(stage, self.RING)
        stage.view.tool = "fill"
        click(stage.canvas, 100, 100)
        np.testing.assert_array_equal(painted(stage), disc(100, 100, 40))

    @pytest.mark.parametrize("place", [(250, 200), (65, 100)])
    def test_says_where_there_is_no_hole(self, stage: Stage, qtbot, place: tuple[int, int]) -> None:
        give_mask(stage, self.RING)
        stage.view.tool = "fill"
        with qtbot.waitSignal(stage.canvas.hint):
            click(stage.canvas, *place)
        np.testing.assert_array_equal(painted(stage), self.RING)

    def test_the_right_button_takes_a_piece_away(self, stage: Stage) -> None:
        give_mask(stage, self.RING | disc(250, 180, 20))
        stage.view.tool = "fill"
        click(stage.canvas, 250, 180, button=RIGHT)
        np.testing.assert_array_equal(painted(stage), self.RING)

    @pytest.mark.parametrize("key", [ALT, SHIFT])
    def test_a_key_takes_what_has_the_same_colour(self, stage: Stage, key: Qt.KeyboardModifier) -> None:
        picture = grey().copy()
        picture[disc(200, 90, 35), :3] = (30, 60, 220)
        stage.canvas.set_frame(2, picture)
        stage.view.tool = "fill"
        click(stage.canvas, 200, 90, key)
        np.testing.assert_array_equal(painted(stage, 2), disc(200, 90, 35))
        click(stage.canvas, 200, 90, key | CTRL)
        assert not painted(stage, 2).any()


def test_the_canvas_of_another_document_forgets_the_stroke(stage: Stage) -> None:
    stage.view.tool = "brush"
    stroke(stage.canvas, [(60, 60), (100, 60)], release=False)
    stage.canvas.set_document(None)
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, QPoint(100, 60))
    assert not stage.document.masks.infos


def test_the_outline_of_the_current_mask_has_its_pure_colour(stage: Stage) -> None:
    mask = give_mask(stage, disc(100, 100, 40))
    stage.document.set_mask(mask, colour=(10, 200, 30))
    image = stage.grab()
    row = stage.at(0, 100).y()
    colours = {rgb(QColor(image.pixelColor(x, row))) for x in range(image.width())}
    assert (10, 200, 30) in colours


def test_a_stroke_outlives_the_undoing_of_its_mask(stage: Stage) -> None:
    stage.document.add_mask()
    stage.view.tool = "brush"
    stroke(stage.canvas, [(60, 60), (100, 60)], release=False)
    stage.document.undo()
    QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(100, 60))
    assert painted(stage)[60, 80]
