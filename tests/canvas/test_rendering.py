"""What is on screen: pixels of the grabbed canvas."""

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from app import theme
from app.canvas.appearance import Appearance, Shape
from tests.canvas.conftest import Stage, grey, rgb
from tracker.labels.table import Source, State

GREY = (100, 100, 100)


def pixels(image: QImage) -> np.ndarray:
    """(H, W, 3) int red, green, blue."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    raw = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return raw[:, : image.width(), 2::-1].astype(int)


def colour_at(stage: Stage, x: float, y: float, offset: QPoint | None = None) -> tuple[int, int, int]:
    place = stage.at(x, y) + (offset or QPoint())
    return rgb(stage.grab().pixelColor(place))


def set_cells(stage: Stage, track: int, **values: object) -> None:
    """Write fields of one track on all frames, as a change that the canvas is told of."""
    table = stage.document.table
    cells = table.read([track], 0, table.n_frames)
    for name, value in values.items():
        getattr(cells, name)[:] = value
    table.write([track], 0, cells)
    stage.canvas.set_frame(stage.canvas.frame, grey())


@pytest.mark.parametrize("certainty", [0.55, 0.75, 1.0])
def test_a_disc_has_the_colour_of_its_confidence(stage: Stage, certainty: float) -> None:
    stage.add([(100.0, 100.0)], confidence=certainty)
    wanted = theme.confidence_ramp()[theme.confidence_level(np.array([certainty], np.float32))[0]].tolist()
    assert colour_at(stage, 100, 100) == pytest.approx(wanted, abs=6)


def test_state_is_told_by_shape(stage: Stage) -> None:
    _, unsure, occluded, anchor = stage.add([(50.0, 50.0), (100.0, 50.0), (150.0, 50.0), (200.0, 50.0)])
    stage.view.show_trails = False
    set_cells(stage, unsure, confidence=0.2)
    set_cells(stage, occluded, state=State.OCCLUDED)
    set_cells(stage, anchor, source=Source.ANCHOR, confidence=np.nan, visibility=np.nan)
    assert colour_at(stage, 50, 50) != GREY
    assert colour_at(stage, 200, 50) != GREY
    for x in (100, 150):
        assert colour_at(stage, x, 50) == GREY, "rings are hollow"
    around = [QPoint(round(5 * np.cos(a)), round(5 * np.sin(a))) for a in np.linspace(0, 2 * np.pi, 24, endpoint=False)]
    assert all(colour_at(stage, 100, 50, by) != GREY for by in around)
    broken = [colour_at(stage, 150, 50, by) != GREY for by in around]
    assert any(broken)
    assert not all(broken)
    corner, tip = QPoint(5, 5), QPoint(5, 0)
    assert colour_at(stage, 200, 50, tip) != GREY
    assert colour_at(stage, 200, 50, corner) == GREY
    assert colour_at(stage, 50, 50, QPoint(3, 3)) != GREY


def test_shapes_follow_the_threshold(stage: Stage) -> None:
    stage.add([(100.0, 100.0)], confidence=0.6)
    appearance = Appearance(stage.document.table, stage.view)
    assert appearance.shapes(0).tolist() == [Shape.DISC]
    stage.view.threshold = 0.7
    assert appearance.shapes(0).tolist() == [Shape.RING]
    assert colour_at(stage, 100, 100) == GREY


def test_unknown_and_out_of_view_points_are_not_drawn(stage: Stage) -> None:
    a, b = stage.add([(50.0, 50.0), (100.0, 100.0)])
    set_cells(stage, a, state=State.UNLABELLED)
    set_cells(stage, b, state=State.OUT_OF_VIEW, xy=np.nan)
    image = pixels(stage.grab())
    inside = image[stage.at(5, 5).y() : stage.at(5, 235).y(), stage.at(5, 5).x() : stage.at(315, 5).x()]
    assert (inside == 100).all()


def test_a_selected_track_out_of_view_is_marked_where_it_was_last(stage: Stage) -> None:
    (a,) = stage.add([(100.0, 100.0)])
    table = stage.document.table
    cells = table.read([a], 10, table.n_frames)
    cells.state[:], cells.xy[:] = State.OUT_OF_VIEW, np.nan
    table.write([a], 10, cells)
    stage.view.show_trails = False
    stage.canvas.set_frame(20, grey())
    assert colour_at(stage, 100, 100) == GREY
    stage.view.select([a])
    assert colour_at(stage, 100, 100) != GREY


def test_hide_others_leaves_the_selection(stage: Stage) -> None:
    a, _ = stage.add([(50.0, 50.0), (100.0, 100.0)])
    stage.view.select([a])
    stage.view.hide_others = True
    assert colour_at(stage, 50, 50) != GREY
    assert colour_at(stage, 100, 100) == GREY
    stage.view.hide_others = False
    assert colour_at(stage, 100, 100) != GREY


def test_colours_by_track_and_by_source(stage: Stage) -> None:
    a, b = stage.add([(50.0, 50.0), (100.0, 100.0)])
    stage.document.set_colour([a], (255, 0, 0))
    stage.view.colour_by = "track"
    assert colour_at(stage, 50, 50) == (255, 0, 0)
    assert colour_at(stage, 100, 100) == stage.document.table.track(b).colour
    stage.view.colour_by = "source"
    assert colour_at(stage, 50, 50) == theme.SOURCE_COLOURS[Source.MODEL]


def test_very_many_track_colours_still_fit_one_atlas(stage: Stage) -> None:
    ids = stage.add([(float(10 + k % 300), float(10 + k // 300)) for k in range(300)])
    for k, track in enumerate(ids):
        stage.document.table.track(track).colour = (k % 256, (7 * k) % 256, (31 * k) % 256)
    stage.document.set_colour(ids[:1], (1, 2, 3))
    stage.view.colour_by = "track"
    appearance = Appearance(stage.document.table, stage.view)
    assert len(appearance.colours()) <= 64
    nearest = appearance.colours()[appearance.colour_index(0)].astype(int)
    assert np.abs(nearest - stage.document.table.colours).max() <= 32


def test_a_selected_point_has_a_halo_and_a_name(stage: Stage) -> None:
    a, _ = stage.add([(50.0, 50.0), (100.0, 100.0)])
    before = pixels(stage.grab())
    stage.view.select([a])
    after = pixels(stage.grab())
    changed = np.argwhere((before != after).any(axis=2))
    place = stage.at(50, 50)
    assert len(changed) > 200
    assert np.abs(changed - (place.y(), place.x())).max() < 140
    assert colour_at(stage, 50, 50, QPoint(10, 0)) == pytest.approx((255, 255, 255), abs=30)


def test_the_picture_is_where_its_pixels_are(stage: Stage) -> None:
    image = grey().copy()
    image[120, 160] = (10, 200, 30, 255)  # blue, green, red
    stage.canvas.set_frame(0, image)
    stage.canvas.camera.zoom(100, QPointF(stage.at(160, 120)))
    assert stage.canvas.mapping().scale > 12
    for dx, dy in ((0, 0), (0.4, 0.4), (-0.4, -0.4)):
        assert colour_at(stage, 160 + dx, 120 + dy) == (30, 200, 10)
    assert colour_at(stage, 160.6, 120) == GREY
    assert colour_at(stage, 160, 119.4) == GREY


def test_the_pixel_grid_appears_only_when_close(stage: Stage) -> None:
    def middle() -> np.ndarray:
        return pixels(stage.grab())[250:350, 350:450]

    stage.canvas.camera.zoom(10 / stage.canvas.mapping().scale, QPointF(400, 300))
    assert (middle() == 100).all()
    stage.canvas.camera.zoom(2, QPointF(400, 300))
    columns = (middle() != 100).any(axis=2).all(axis=0)
    assert 4 <= columns.sum() <= 6
    assert np.diff(np.flatnonzero(columns)).min() >= 19


def test_frames_of_another_form_are_refused(stage: Stage) -> None:
    frames: list[Any] = [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4), np.float32), np.zeros((0, 4, 4), np.uint8)]
    for bad in frames:
        with pytest.raises(ValueError, match="frame must be"):
            stage.canvas.set_frame(0, bad)


def test_a_padded_picture_is_shown_right(stage: Stage) -> None:
    padded = np.zeros((240, 352, 4), np.uint8)
    padded[:, :320] = 100
    stage.canvas.set_frame(0, padded[:, :320])
    assert colour_at(stage, 315, 235) == GREY


def test_without_a_picture_the_canvas_says_what_to_do(stage: Stage, qtbot) -> None:
    stage.canvas.set_document(None)
    empty = stage.canvas.grab().toImage()
    assert len(np.unique(pixels(empty).reshape(-1, 3), axis=0)) > 10
    assert not stage.canvas.graphics.isVisible()
    stage.canvas.set_frame(0, grey())
    assert stage.canvas.graphics.isVisible()


def test_a_burst_of_changes_paints_once(stage: Stage, qtbot, monkeypatch) -> None:
    (a,) = stage.add([(50.0, 50.0)])
    stage.grab()
    painted = []

    def note(*_: object) -> bool:
        painted.append(1)
        return False

    assert stage.canvas._layers is not None
    monkeypatch.setattr(stage.canvas._layers.overlay.trails, "update", note)
    for k in range(20):
        stage.document.place_anchor(a, 0, 50.0 + k, 50.0)
    assert not painted
    qtbot.waitUntil(lambda: bool(painted))
    qtbot.wait(30)
    assert len(painted) == 1


@pytest.mark.parametrize("count", [1_000, 5_000, 70_000])
def test_many_points_are_painted(make_stage, count: int) -> None:
    stage = make_stage(frames=3)
    rng = np.random.default_rng(0)
    stage.add((rng.random((count, 2)) * (300, 220) + 10).tolist(), confidence=0.9)
    image = pixels(stage.grab())
    assert (image[80:520, 80:720] != 100).any(axis=2).mean() > min(0.75, count / 8_000)


def test_the_loupe_magnifies_what_is_under_the_pointer(stage: Stage, qtbot) -> None:
    image = grey().copy()
    image[100, 100] = (0, 0, 255, 255)
    stage.canvas.set_frame(0, image)
    place = stage.at(100, 100)
    QTest.mouseMove(stage.canvas.viewport, place)
    qtbot.waitUntil(lambda: stage.canvas.pointer is not None)
    red = (pixels(stage.grab()) == (255, 0, 0)).all(axis=2).sum()
    stage.canvas.set_loupe(True)
    assert (pixels(stage.grab()) == (255, 0, 0)).all(axis=2).sum() > red + 20
    stage.canvas.set_loupe(False)
    assert (pixels(stage.grab()) == (255, 0, 0)).all(axis=2).sum() == red
