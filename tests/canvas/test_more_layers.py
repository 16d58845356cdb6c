"""The lasso, hidden tracks, skeletons, ghosts of takes, proposed points, and colours of the expected error."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from app.canvas import Legend, error_ramp
from tests.canvas.conftest import Stage, grey, rgb
from tests.canvas.mouse import LEFT, NO_KEY, SHIFT, click, stroke
from tracker.labels.table import State

GREY = (100, 100, 100)
PLACES = [(60.0, 60.0), (160.0, 120.0), (250.0, 180.0)]


def colour(image: QImage, stage: Stage, x: float, y: float) -> tuple[int, int, int]:
    return rgb(image.pixelColor(stage.at(x, y)))


class TestLasso:
    LOOP = ((30, 30), (200, 30), (200, 140), (30, 140))

    def test_selects_what_is_inside(self, stage: Stage) -> None:
        a, b, _ = stage.add(PLACES)
        stage.view.tool = "lasso"
        stroke(stage.canvas, self.LOOP)
        assert set(stage.view.selection) == {a, b}

    def test_shift_adds(self, stage: Stage) -> None:
        a, b, c = stage.add(PLACES)
        stage.view.select([c])
        stage.view.tool = "lasso"
        stroke(stage.canvas, self.LOOP, SHIFT)
        assert set(stage.view.selection) == {a, b, c}
        stroke(stage.canvas, [(5, 200), (20, 200), (20, 220)])
        assert not stage.view.selection

    def test_a_loop_is_no_box(self, stage: Stage) -> None:
        a, _, c = stage.add(PLACES)
        stage.view.tool = "lasso"
        around_b = [(30, 30), (270, 30), (270, 210), (230, 210), (230, 80), (100, 80), (100, 140), (30, 140)]
        stroke(stage.canvas, around_b)
        assert set(stage.view.selection) == {a, c}

    def test_a_click_selects_as_ever(self, stage: Stage) -> None:
        a, b, _ = stage.add(PLACES)
        stage.view.tool = "lasso"
        click(stage.canvas, *PLACES[0])
        assert list(stage.view.selection) == [a]
        click(stage.canvas, *PLACES[1], SHIFT)
        assert list(stage.view.selection) == [a, b]
        click(stage.canvas, 10, 200)
        assert not stage.view.selection

    def test_escape_drops_the_loop(self, stage: Stage) -> None:
        stage.add(PLACES)
        stage.view.tool = "lasso"
        stroke(stage.canvas, self.LOOP, release=False)
        QTest.keyClick(stage.canvas.graphics, Qt.Key.Key_Escape)
        QTest.mouseRelease(stage.canvas.viewport, LEFT, NO_KEY, stage.at(30, 140))
        assert not stage.view.selection


def test_hidden_tracks_are_neither_drawn_nor_hit(stage: Stage) -> None:
    a, b, _ = stage.add(PLACES)
    stage.view.show_trails = False
    stage.view.hidden = frozenset({a})
    image = stage.grab()
    assert colour(image, stage, *PLACES[0]) == GREY
    assert colour(image, stage, *PLACES[1]) != GREY
    assert stage.canvas.hit(QPointF(stage.at(*PLACES[0]))) is None
    assert stage.canvas.hit(QPointF(stage.at(*PLACES[1]))) == b
    stage.view.tool = "lasso"
    stroke(stage.canvas, [(5, 5), (315, 5), (315, 235), (5, 235)])
    assert a not in stage.view.selection


def test_hidden_tracks_have_no_trails(stage: Stage) -> None:
    ids = stage.add([(60.0, 60.0)], step=4.0)
    stage.canvas.set_frame(20, grey())
    seen = colour(stage.grab(), stage, 120, 60)
    assert seen != GREY
    stage.view.hidden = frozenset(ids)
    assert colour(stage.grab(), stage, 120, 60) == GREY


class TestSkeleton:
    def test_edges_join_drawn_points_in_the_groups_colour(self, stage: Stage) -> None:
        a, b, c = stage.add([(60.0, 60.0), (160.0, 60.0), (160.0, 160.0)])
        stage.view.show_trails = False
        stage.document.set_group([a, b, c], "arm")
        stage.document.set_skeleton("arm", [(a, b), (b, c)])
        stage.document.set_group_colour("arm", (250, 30, 60))
        image = stage.grab()
        assert colour(image, stage, 110, 60) == pytest.approx((250, 30, 60), abs=70)
        assert colour(image, stage, 160, 110) != GREY
        stage.view.hidden = frozenset({c})
        image = stage.grab()
        assert colour(image, stage, 160, 110) == GREY
        assert colour(image, stage, 110, 60) != GREY

    def test_an_occluded_end_makes_dashes(self, stage: Stage) -> None:
        a, b = stage.add([(60.0, 60.0), (260.0, 60.0)])
        stage.view.show_trails = False
        stage.document.set_group([a, b], "arm")
        stage.document.set_skeleton("arm", [(a, b)])
        red = [np.array(colour(stage.grab(), stage, x, 60)) for x in range(80, 240)]
        stage.document.set_state([b], 0, 1, State.OCCLUDED)
        dashed = [np.array(colour(stage.grab(), stage, x, 60)) for x in range(80, 240)]
        assert len({tuple(c) for c in red}) == 1
        assert len({tuple(c) for c in dashed}) > 1


class TestGhost:
    def test_a_take_is_shown_as_hollow_marks_joined_to_the_present(self, stage: Stage) -> None:
        ids = stage.add([(60.0, 60.0)])
        stage.view.show_trails = False
        take = stage.document.keep_take(ids, "first")
        stage.document.place_anchor(ids[0], 0, 160, 60)
        plain = stage.grab()
        assert colour(plain, stage, 60, 60) == GREY
        stage.view.take = take
        ghost = stage.grab()
        x, y = stage.at(60, 60).toTuple()
        ring = {rgb(ghost.pixelColor(x + dx, y)) for dx in (-7, -6, -5, 5, 6, 7)}
        assert ring != {GREY}
        assert rgb(ghost.pixelColor(x - 2, y)) == GREY, "hollow"
        assert any(colour(ghost, stage, at, 60) != GREY for at in range(90, 130))
        stage.view.hidden = frozenset(ids)
        assert colour(stage.grab(), stage, 110, 60) == GREY
        stage.view.hidden = frozenset()
        stage.document.drop_take(take)
        assert stage.grab() == plain

    def test_a_take_that_is_no_more_or_does_not_reach_here_is_not_shown(self, stage: Stage) -> None:
        stage.add([(60.0, 60.0)])
        plain = stage.grab()
        stage.view.take = 77
        assert stage.grab() == plain


def test_proposed_points_are_shown_until_they_are_taken_back(stage: Stage) -> None:
    plain = stage.grab()
    stage.canvas.set_preview(np.array([[100, 100], [9000, 9000]], np.float32))
    assert colour(stage.grab(), stage, 100, 100) != GREY
    assert stage.document.table.n_tracks == 0
    stage.canvas.set_preview(None)
    assert stage.grab() == plain


class TestExpectedError:
    def test_the_ramp_parts_at_the_threshold(self) -> None:
        errors = np.array([0.0, 3.9, 4.0, 4.1, 16.0, 1e6, np.nan], np.float32)
        levels = error_ramp.levels(errors, 4.0)
        assert levels.tolist() == [0, 7, 7, 8, 15, 15, error_ramp.UNKNOWN]
        blue = error_ramp.colours()[:, 2].astype(int) - error_ramp.colours()[:, 0]
        assert (blue[: error_ramp.LEVELS] > 80).all()
        assert (blue[error_ramp.LEVELS : error_ramp.UNKNOWN] < -80).all()

    @pytest.mark.parametrize(("error", "hollow"), [(1.0, False), (9.0, True)])
    def test_colour_and_shape_tell_it(self, stage: Stage, error: float, hollow: bool) -> None:
        ids = stage.add([(100.0, 100.0)])
        stage.view.show_trails = False
        stage.view.colour_by = "error"
        unknown = colour(stage.grab(), stage, 100, 100)
        assert unknown == error_ramp.GREY
        stage.document.expected_error.write(ids, 0, np.full((1, 1), error, np.float32))
        level = error_ramp.levels(np.array([error], np.float32), stage.view.error_threshold)[0]
        seen = colour(stage.grab(), stage, 100, 100)
        assert seen == (GREY if hollow else tuple(error_ramp.colours()[level].tolist()))
        stage.view.error_threshold = 20.0
        assert colour(stage.grab(), stage, 100, 100) not in (GREY, unknown)

    def test_the_legend_says_pixels_and_sets_the_threshold(self, stage: Stage, qtbot) -> None:
        legend = Legend(stage.view)
        qtbot.addWidget(legend)
        legend.resize(900, 30)
        legend.show()
        stage.view.colour_by = "error"
        assert legend._title.text() == "Expected error"
        assert "over 4 px" in legend._marks.accessibleDescription()
        assert legend._high.text().endswith("px")
        bar = legend.bar
        confidence = stage.view.threshold
        QTest.mouseClick(bar, LEFT, NO_KEY, bar.rect().center())
        assert stage.view.error_threshold == pytest.approx(np.expm1(np.log1p(32) / 2), abs=0.3)
        before = stage.view.error_threshold
        QTest.keyClick(bar, Qt.Key.Key_Right)
        assert stage.view.error_threshold > before
        assert f"over {stage.view.error_threshold:g} px" in legend._marks.accessibleDescription()
        assert stage.view.threshold == confidence
