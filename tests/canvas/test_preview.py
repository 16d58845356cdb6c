"""The view locked to tracks, the picture stabilised, and an insert: where things are on the screen."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage, QPainter, QTransform
from PySide6.QtTest import QTest

from app.canvas.frame_item import FrameItem
from app.canvas.insert_item import checker
from app.canvas.mapping import Mapping, as_warp
from tests.canvas.conftest import HEIGHT, WIDTH, Stage, grey
from tests.canvas.mouse import stroke
from tracker.inference.solves import map_points
from tracker.labels.table import State

STEP = 1.25  # pixels a frame


def shown_at(stage: Stage, track: int) -> np.ndarray:
    """Where a track's position is on the screen."""
    place = stage.canvas.mapping().to_view(*stage.position(track))
    return np.array([place.x(), place.y()])


def show(stage: Stage, frame: int) -> None:
    stage.canvas.set_frame(frame, grey())


def lock(stage: Stage, *ids: int) -> None:
    stage.view.lock = ids


# -- lock


def test_a_locked_track_stands_still_while_frames_go_by(stage: Stage) -> None:
    (track,) = stage.add([(100, 80)], step=STEP)
    place = shown_at(stage, track)
    lock(stage, track)
    scale = stage.canvas.mapping().scale
    for frame in (1, 2, 7, 3, 30, 0):
        show(stage, frame)
        assert shown_at(stage, track) == pytest.approx(place, abs=1e-6)
        assert stage.canvas.mapping().scale == pytest.approx(scale)
    lock(stage)
    offset = stage.canvas.mapping().offset_x
    show(stage, 9)
    assert stage.canvas.mapping().offset_x == offset


def test_several_tracks_stand_still_in_the_mean(stage: Stage) -> None:
    ids = stage.add([(100, 80), (140, 120), (60, 200)], step=STEP)
    stage.document.table.rows("xy")[5, 1] += (3, -6)
    place = np.mean([shown_at(stage, i) for i in ids], axis=0)
    lock(stage, *ids)
    show(stage, 5)
    assert np.mean([shown_at(stage, i) for i in ids], axis=0) == pytest.approx(place, abs=1e-6)


def test_what_is_not_seen_is_held_and_said(stage: Stage) -> None:
    (track,) = stage.add([(100, 80)], step=STEP)
    place = shown_at(stage, track)
    stage.document.set_state([track], 6, 8, State.OCCLUDED)
    lock(stage, track)
    show(stage, 5)
    offset = stage.canvas.mapping().offset_x
    chip = stage.canvas.preview.chips.lock
    assert chip.text() == "Locked to Track 1 · Shift+L"
    show(stage, 6)
    assert stage.canvas.mapping().offset_x == offset
    assert "held" in chip.text()
    show(stage, 8)
    assert "held" not in chip.text()
    assert shown_at(stage, track) == pytest.approx(place, abs=1e-6)


def test_nothing_jumps_when_one_of_two_tracks_ends(stage: Stage) -> None:
    first, second = stage.add([(100, 80), (200, 160)], step=STEP)
    stage.document.clear([first], 10, 40)
    place = shown_at(stage, second)
    lock(stage, first, second)
    for frame in (9, 10, 20):
        show(stage, frame)
        assert shown_at(stage, second) == pytest.approx(place, abs=1e-6)


def test_a_track_that_comes_later_takes_over_without_a_jump(stage: Stage) -> None:
    first, second = stage.add([(100, 80), (200, 160)], step=STEP)
    stage.document.clear([first], 10, 40)
    stage.document.clear([second], 0, 5)
    lock(stage, first, second)
    show(stage, 9)
    place = shown_at(stage, second)
    show(stage, 10)
    assert shown_at(stage, second) == pytest.approx(place, abs=1e-6)


def test_zoom_and_pan_stay_free_and_are_kept(stage: Stage) -> None:
    (track,) = stage.add([(100, 80)], step=STEP)
    lock(stage, track)
    stage.canvas.camera.zoom(3.0, QPointF(200, 200))
    stage.canvas.camera.pan(QPointF(31, -12))
    place, scale = shown_at(stage, track), stage.canvas.mapping().scale
    show(stage, 12)
    assert shown_at(stage, track) == pytest.approx(place, abs=1e-6)
    assert stage.canvas.mapping().scale == pytest.approx(scale)


def test_the_whole_picture_shown_while_locked_stays_locked(stage: Stage) -> None:
    (track,) = stage.add([(100, 80)], step=STEP)
    lock(stage, track)
    show(stage, 4)
    stage.canvas.fit()
    place = shown_at(stage, track)
    show(stage, 20)
    assert shown_at(stage, track) == pytest.approx(place, abs=1e-6)


def test_the_view_follows_predictions_that_come_for_the_shown_frame(stage: Stage) -> None:
    (track,) = stage.add([(100, 80)])
    lock(stage, track)
    place = shown_at(stage, track)
    stage.document.place_anchor(track, 0, 104, 91)
    assert stage.position(track) == (104, 91)
    assert shown_at(stage, track) == pytest.approx(place, abs=1e-6)


def test_a_locked_point_can_be_dragged(stage: Stage) -> None:
    (track,) = stage.add([(100, 80)])
    stage.view.select([track])
    lock(stage, track)
    place = shown_at(stage, track)
    stroke(stage.canvas, [(100, 80), (104, 85), (110, 95)])
    assert stage.position(track) == pytest.approx((110, 95), abs=0.5)
    assert shown_at(stage, track) == pytest.approx(place, abs=1e-6)


def test_a_click_on_the_note_lets_go(stage: Stage) -> None:
    (track,) = stage.add([(100, 80)])
    lock(stage, track)
    chips = stage.canvas.preview.chips
    assert chips.isVisible()
    assert chips.lock.accessibleName() == chips.lock.text()
    QTest.mouseClick(chips.lock, Qt.MouseButton.LeftButton)
    assert not stage.view.lock
    assert not chips.isVisible()


def test_a_whole_group_is_named(stage: Stage) -> None:
    ids = stage.add([(100, 80), (120, 90)])
    stage.add([(10, 20)])
    stage.document.set_group(ids, "door")
    lock(stage, *ids)
    assert stage.canvas.preview.chips.lock.text() == "Locked to door · Shift+L"
    stage.document.delete_tracks([ids[0]])
    assert stage.view.lock == (ids[1],)
    stage.document.delete_tracks([ids[1]])
    assert not stage.view.lock


def test_a_lock_costs_the_same_however_many_tracks_there_are(stage: Stage) -> None:
    ids = stage.add([(100 + k % 50, 80) for k in range(300)], step=STEP)
    lock(stage, ids[0])
    asked: list[int] = []
    columns = stage.document.table.columns

    def counted(wanted: list[int]) -> np.ndarray:
        asked.append(len(wanted))
        return columns(wanted)

    stage.document.table.columns = counted  # type: ignore[method-assign, assignment]
    stage.canvas.preview.follow()
    assert asked == [1]


# -- stabilised


def turned(frame: int) -> np.ndarray:
    """From a frame to the reference frame 0, with perspective."""
    angle = frame * 0.02
    matrix = np.array([[np.cos(angle), -np.sin(angle), 3.0 * frame], [np.sin(angle), np.cos(angle), -frame], [0, 0, 1]])
    matrix[2, :2] = (2e-5 * frame, -1e-5 * frame)
    return matrix


POINTS = np.array([[60.0, 50.0], [250.0, 60.0], [230.0, 190.0], [70.0, 200.0]])


def picture(frame: int) -> np.ndarray:
    """A white square of 9 pixels at each of `POINTS` as it is on the frame."""
    image = np.full((HEIGHT, WIDTH, 4), 60, np.uint8)
    for x, y in map_points(np.linalg.inv(turned(frame)), POINTS).tolist():
        image[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5] = 255
    return image


def solved(stage: Stage) -> list[int]:
    ids = stage.add([(x, y) for x, y in POINTS.tolist()])
    for frame in range(stage.document.table.n_frames):
        stage.document.table.rows("xy")[frame] = map_points(np.linalg.inv(turned(frame)), POINTS)
    stage.canvas.preview.set_motion(lambda frame: turned(frame) if frame != 13 else None)
    return ids


def brightness(image: QImage, x: float, y: float) -> int:
    return image.pixelColor(round(x), round(y)).lightness()


def test_the_stabilised_picture_and_its_points_stand_still(stage: Stage) -> None:
    ids = solved(stage)
    stage.canvas.set_frame(0, picture(0))
    places = [shown_at(stage, i) for i in ids]
    stage.view.stabilise = True
    stage.view.hidden = frozenset(ids)  # so that only the picture is seen
    for frame in (0, 5, 12):
        stage.canvas.set_frame(frame, picture(frame))
        seen = stage.grab()
        for track, place in zip(ids, places, strict=True):
            assert shown_at(stage, track) == pytest.approx(place, abs=1e-2)
            assert brightness(seen, *place) > 200
            assert brightness(seen, *(place + 40)) < 120


def test_a_frame_without_a_solve_is_shown_as_it_is_and_said(stage: Stage) -> None:
    ids = solved(stage)
    stage.view.stabilise = True
    note = stage.canvas.preview.chips.note
    show(stage, 12)
    assert stage.canvas.mapping().warp is not None
    assert note.text() == ""
    show(stage, 13)
    assert stage.canvas.mapping().warp is None
    assert note.text() == "No solve on this frame"
    assert shown_at(stage, ids[0]) == pytest.approx(
        [*stage.canvas.mapping().to_view(*stage.position(ids[0])).toTuple()], abs=1e-9
    )
    stage.view.stabilise = False
    assert note.text() == ""


def test_a_point_is_corrected_in_the_stabilised_picture(stage: Stage) -> None:
    ids = solved(stage)
    stage.view.stabilise = True
    show(stage, 10)
    before = stage.position(ids[0])
    stage.view.select([ids[0]])
    stroke(stage.canvas, [before, (before[0] + 8, before[1] + 5)])
    assert stage.position(ids[0]) == pytest.approx((before[0] + 8, before[1] + 5), abs=0.6)


def test_a_mask_lies_on_the_stabilised_picture(stage: Stage) -> None:
    ids = solved(stage)
    stage.view.stabilise = True
    stage.view.hidden = frozenset(ids)
    mask = stage.document.add_mask("cover")
    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
    x, y = map_points(np.linalg.inv(turned(12)), POINTS[2]).tolist()
    bitmap[round(y) - 12 : round(y) + 13, round(x) - 12 : round(x) + 13] = True
    show(stage, 12)
    plain = stage.grab()
    stage.document.paint_mask(mask, 12, bitmap)
    masked = stage.grab()
    place = stage.canvas.to_view(x, y)
    assert masked.pixelColor(place) != plain.pixelColor(place)
    aside = stage.canvas.to_view(x - 30, y - 30)
    assert masked.pixelColor(aside) == plain.pixelColor(aside)


def test_warped_positions_come_back() -> None:
    mapping = Mapping(2.5, 40.0, -7.0, as_warp(turned(20)))
    for x, y in POINTS.tolist():
        assert mapping.to_image(mapping.to_view(x, y)) == pytest.approx((x, y), abs=1e-6)
        by_painter = mapping.transform().map(QPointF(x, y))
        assert by_painter.toTuple() == pytest.approx(mapping.to_view(x, y).toTuple(), abs=1e-6)


def test_what_lies_behind_the_horizon_is_far_away() -> None:
    bent = np.array([[1.0, 0, 0], [0, 1, 0], [-0.01, 0, 1]])
    mapping = Mapping(1.0, 0.0, 0.0, as_warp(bent))
    far = mapping.points(np.array([[500.0, 10.0], [99.999, 10.0], [np.nan, np.nan]], np.float32))
    assert np.isfinite(far[:2]).all()
    assert np.isnan(far[2]).all()


def test_the_locked_view_stands_still_in_the_stabilised_picture(stage: Stage) -> None:
    ids = solved(stage)
    stage.document.table.rows("xy")[10, 0] += (6, 4)  # one that slips
    place = shown_at(stage, ids[0])
    lock(stage, ids[0])
    stage.view.stabilise = True
    for frame in (5, 10):
        show(stage, frame)
        assert shown_at(stage, ids[0]) == pytest.approx(place, abs=1e-6)


# -- insert


def test_an_insert_is_pinned_to_the_corners(stage: Stage) -> None:
    ids = solved(stage)
    preview = stage.canvas.preview
    board = np.zeros((40, 80, 4), np.uint8)
    board[:, :, 3] = 255
    board[:20, :40, 2] = 250  # the top-left quarter is red
    preview.insert.set_picture(board)
    preview.quad, preview.opacity = POINTS, 1.0
    stage.view.hidden = frozenset(ids)
    stage.view.show_trails = False
    for frame in (0, 12):
        show(stage, frame)
        seen = stage.grab()
        corners = [shown_at(stage, i) for i in ids]
        middle = np.mean(corners, axis=0)
        for k, corner in enumerate(corners):
            inside = corner + 0.1 * (middle - corner)
            outside = corner - 0.1 * (middle - corner)
            colour = seen.pixelColor(round(inside[0]), round(inside[1]))
            assert (colour.red() > 200) == (k == 0)
            assert brightness(seen, *outside) == pytest.approx(100, abs=5)
        transform = preview.insert.transform_now()
        assert transform is not None
        for place, corner in zip(((0, 0), (80, 0), (80, 40), (0, 40)), corners, strict=True):
            assert transform.map(QPointF(*place)).toTuple() == pytest.approx(corner, abs=1e-2)


def test_the_insert_lets_the_picture_through(stage: Stage) -> None:
    solved(stage)
    preview = stage.canvas.preview
    preview.insert.set_picture(np.full((10, 10, 4), 255, np.uint8))
    preview.quad, preview.opacity = POINTS, 0.5
    show(stage, 0)
    seen = brightness(stage.grab(), *stage.at(150, 120).toTuple())
    assert seen == pytest.approx((100 + 255) / 2, abs=3)


def test_without_a_solve_there_is_no_insert(stage: Stage) -> None:
    solved(stage)
    preview = stage.canvas.preview
    preview.insert.set_picture(checker())
    preview.quad = POINTS
    show(stage, 13)
    assert preview.insert.transform_now() is None
    assert preview.chips.note.text() == "No solve on this frame"


def test_the_checker_says_which_way_it_lies() -> None:
    board = checker(squares=4, side=16)
    assert board.shape == (64, 64, 4)
    inner = board[8::16, 8::16, :3].reshape(-1, 3)
    assert sum((inner == board[8, 8, :3]).all(axis=1)) == 1


# -- drawing


@pytest.mark.parametrize("scale", [1.0, 1.5, 0.7])
def test_the_picture_moves_by_parts_of_a_pixel(qtbot, scale: float) -> None:
    wave = np.zeros((40, 64, 4), np.uint8)
    wave[...] = (128 + 100 * np.sin(np.arange(64) / 3)).astype(np.uint8)[None, :, None]
    item = FrameItem()
    item.set_image(wave)

    def drawn(dx: float) -> np.ndarray:
        sheet = QImage(160, 120, QImage.Format.Format_RGB32)
        sheet.fill(0)
        painter = QPainter(sheet)
        painter.setWorldTransform(QTransform(scale, 0, 0, scale, 20 + dx, 20))
        item.paint(painter, None)  # type: ignore[arg-type]
        painter.end()
        row = np.frombuffer(sheet.constBits(), np.uint8).reshape(120, 160, 4)[32, 28:55, 0]
        return row.astype(np.float64)

    rest = drawn(0)
    slope = np.gradient(rest)
    for dx in (0.25, 0.5, 0.75):
        moved = (slope * (rest - drawn(dx))).sum() / (slope**2).sum()
        assert moved == pytest.approx(dx, abs=0.06)
