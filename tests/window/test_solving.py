"""Solves, the locked and the stabilised view and the insert, through the window on a real clip."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QTransform
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from app.document.project import Document
from app.panels.solve_settings import SolveReport
from app.window import MainWindow
from tests.window.conftest import FRAMES
from tests.window.scenes import OTHERS, followed, select_at, truth
from tracker.labels.table import State

CORNERS = ((60.0, 50.0), (240.0, 60.0), (50.0, 180.0), (250.0, 190.0))


def document_of(window: MainWindow) -> Document:
    assert window.document is not None
    return window.document


def report_of(window: MainWindow) -> SolveReport:
    assert window.solve_panel.report is not None
    return window.solve_panel.report


def insert_of(window: MainWindow) -> QTransform:
    """From the pixels of the insert to the viewport."""
    transform = window.canvas.preview.insert.transform_now()
    assert transform is not None
    return transform


def position(window: MainWindow, track: int) -> tuple[float, float]:
    place = window.canvas.position(track)
    assert place is not None
    return place


def seen_at(window: MainWindow, track: int) -> tuple[float, float]:
    """Where a track is in the viewport."""
    place = window.canvas.mapping().to_view(*position(window, track))
    return place.x(), place.y()


def solved(qtbot, window: MainWindow) -> None:
    """Wait until all frames are."""
    panel = window.solve_panel

    def done() -> bool:
        report = panel.report
        return report is not None and bool(report.known.all()) and bool(np.isfinite(report.track_mean).any())

    qtbot.waitUntil(done, timeout=10_000)


def shown(qtbot, window: MainWindow, frame: int) -> None:
    window.navigation.go_to(frame)
    qtbot.waitUntil(lambda: window.canvas.frame == frame, timeout=10_000)


def unlikeness(one: QImage, other: QImage) -> float:
    """The mean difference in lightness around the middle."""
    middle = one.rect().center()
    places = [middle + QPoint(dx, dy) for dx in range(-60, 61, 12) for dy in range(-40, 41, 8)]
    return float(np.mean([abs(one.pixelColor(p).lightness() - other.pixelColor(p).lightness()) for p in places]))


@pytest.fixture
def cornered(qtbot, opened: MainWindow) -> tuple[MainWindow, list[int]]:
    """Four tracks, solved with frame 10 as the reference."""
    ids = followed(document_of(opened), *CORNERS)
    opened.view.select(ids)
    shown(qtbot, opened, 10)
    qtbot.waitUntil(lambda: opened.registry.qaction("solve.selection").isEnabled())
    opened.registry.trigger("solve.selection")
    solved(qtbot, opened)
    return opened, ids


def test_the_picture_stands_still_when_it_is_stabilised(qtbot, cornered) -> None:
    window, ids = cornered
    place = seen_at(window, ids[0])
    here = window.canvas.viewport.grab().toImage()
    QTest.keyClick(window, Qt.Key.Key_L, Qt.KeyboardModifier.AltModifier)
    assert window.view.stabilise
    assert window.solve_panel.stabilise_check.isChecked()
    shown(qtbot, window, 30)
    seen = seen_at(window, ids[0])
    assert seen == pytest.approx(place, abs=0.05)
    window.view.hidden = frozenset(ids)
    there = window.canvas.viewport.grab().toImage()
    apart = unlikeness(here, there)
    assert apart < 12  # the coder's noise
    window.view.stabilise = False
    assert unlikeness(here, window.canvas.viewport.grab().toImage()) > 2 * apart


def test_the_panel_tells_how_well_it_fits(qtbot, cornered) -> None:
    window, _ = cornered
    panel = window.solve_panel
    assert panel.isVisible()
    assert panel.reference_box.value() == 10
    assert "Frame 10 is the reference frame; 4 tracks" in panel.frame_label.text()
    shown(qtbot, window, 20)
    assert "Frame 20, homography by 4 tracks, the fewest that carry it" in panel.frame_label.text()
    panel.kind_box.setCurrentIndex(panel.kind_box.findData("translation"))
    panel.kind_box.activated.emit(panel.kind_box.currentIndex())
    solved(qtbot, window)
    assert "translation" in panel.frame_label.text()
    assert panel.model.rowCount() == 4


def test_a_correction_is_seen_at_once(qtbot, cornered) -> None:
    window, ids = cornered
    panel = window.solve_panel
    panel.choose(kind="translation", insert="checker")
    shown(qtbot, window, 25)
    solved(qtbot, window)
    before = insert_of(window)
    x, y = position(window, ids[0])
    document_of(window).place_anchor(ids[0], 25, x + 2.0, y)
    after = insert_of(window)
    scale = window.canvas.mapping().scale
    assert after.dx() - before.dx() == pytest.approx(0.5 * scale, abs=0.02 * scale)  # a fourth of the correction
    qtbot.waitUntil(lambda: "1.50 px at most" in panel.frame_label.text())
    solved(qtbot, window)
    row = panel.model.row_of(ids[0])
    assert panel.model.track(row) == (ids[0], 25)
    document_of(window).undo()
    assert insert_of(window).dx() == pytest.approx(before.dx(), abs=1e-3)
    window.solve_panel.choose(kind="translation", robust=False)
    solved(qtbot, window)
    x, y = document_of(window).table.rows("xy")[10, 0].tolist()
    document_of(window).place_anchor(ids[0], 10, x + 8, y)
    shown(qtbot, window, 40)
    qtbot.waitUntil(lambda: "3.00 px in the mean, 6.00 px at most" in window.solve_panel.frame_label.text())


def test_the_checker_lies_between_the_corners_in_any_order(qtbot, cornered) -> None:
    window, ids = cornered
    window.solve_panel.insert_box.setCurrentIndex(1)
    window.solve_panel.insert_box.activated.emit(1)
    for frame in (10, 35):
        shown(qtbot, window, frame)
        transform = insert_of(window)
        side = 8 * 64
        for corner, k in (((0, 0), 0), ((side, 0), 1), ((side, side), 3), ((0, side), 2)):
            expected = seen_at(window, ids[k])
            assert transform.map(QPointF(*corner)).toTuple() == pytest.approx(expected, abs=0.1)


def test_fewer_tracks_get_a_box_around_them(qtbot, opened: MainWindow) -> None:
    (track,) = followed(document_of(opened), (100, 80))
    opened.view.select([track])
    opened.solving.solve_selection()
    opened.solve_panel.choose(insert="checker")
    quad = opened.canvas.preview.quad
    assert quad is not None
    assert quad.mean(axis=0) == pytest.approx((100, 80))
    assert quad[2] - quad[0] == pytest.approx((40, 40))  # a sixth of the picture's height
    shown(qtbot, opened, 20)
    middle = insert_of(opened).map(QPointF(256.0, 256.0))
    assert opened.canvas.mapping().to_image(middle) == pytest.approx(truth((100, 80), 20), abs=0.02)
    ids = followed(document_of(opened), (50, 50), (100, 50), (150, 50), (200, 120))
    opened.view.select(ids)
    opened.solving.solve_selection()
    opened.solve_panel.choose(insert="checker")
    assert "one line" in opened.solve_panel.problem_label.text()
    assert opened.canvas.preview.quad is None


def test_a_frame_with_too_few_tracks_says_so(qtbot, cornered) -> None:
    window, ids = cornered
    window.solve_panel.choose(insert="checker")
    document_of(window).set_state([ids[1]], 30, 32, State.OCCLUDED)
    shown(qtbot, window, 31)
    assert window.canvas.preview.insert.transform_now() is None
    assert window.canvas.preview.chips.note.text() == "No solve on this frame"
    qtbot.waitUntil(lambda: "3 of the 4 tracks" in window.solve_panel.frame_label.text())


def test_a_row_goes_to_the_tracks_worst_frame(qtbot, opened: MainWindow) -> None:
    ids = followed(document_of(opened), (100, 80), *OTHERS, off=slice(40, 42))
    opened.view.select(ids)
    opened.solving.solve_selection()
    solved(qtbot, opened)
    panel = opened.solve_panel
    assert panel.model.row_of(ids[0]) == 0  # the worst stands first
    report = report_of(opened)
    assert report.carrying[40] == len(ids) - 1
    assert report.frame_max[40] < 0.1
    rect = panel.table.visualRect(panel.model.index(0, 0))
    QTest.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert opened.view.selection == (ids[0],)
    assert opened.view.playhead in (40, 41)
    assert panel.settings.chosen == tuple(ids)  # what is solved is not what is selected


def test_a_click_on_the_curve_goes_to_the_frame(qtbot, cornered) -> None:
    window, _ = cornered
    strip = window.solve_panel.strip
    box: Any = strip.getPlotItem().getViewBox()
    where = strip.mapFromScene(box.mapViewToScene(box.viewRect().center()))
    QTest.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert abs(window.view.playhead - FRAMES // 2) <= 1


def test_deleting_a_track_solves_the_others(qtbot, cornered) -> None:
    window, ids = cornered
    window.solve_panel.choose(insert="checker")
    window.view.stabilise = True
    document_of(window).delete_tracks([ids[0]])
    solved(qtbot, window)
    assert report_of(window).kind == "affine"
    document_of(window).delete_tracks(ids[1:])
    assert window.solve_panel.report is None
    assert "Nothing" in window.solve_panel.insert_box.itemText(0)
    assert "N and click" in window.solve_panel.empty_label.text()
    document_of(window).undo()
    document_of(window).undo()
    solved(qtbot, window)
    assert report_of(window).kind == "homography"


def test_a_group_and_all_visible_tracks_can_be_solved(qtbot, opened: MainWindow) -> None:
    ids = followed(document_of(opened), *OTHERS)
    document_of(opened).set_group(ids[:2], "door")
    panel = opened.solve_panel
    opened.docks.raise_("solve")
    panel.source_box.setCurrentIndex(panel.source_box.findText("Group: door"))
    panel.source_box.activated.emit(panel.source_box.currentIndex())
    solved(qtbot, opened)
    assert report_of(opened).ids == tuple(ids[:2])
    assert report_of(opened).kind == "similarity"
    panel.source_box.setCurrentIndex(1)
    panel.source_box.activated.emit(1)
    opened.view.hidden = frozenset(ids[:1])
    solved(qtbot, opened)
    assert report_of(opened).ids == tuple(ids[1:])
    document_of(opened).set_group([ids[3]], "door")
    panel.choose(source="group", group="door")
    solved(qtbot, opened)
    assert report_of(opened).ids == (*ids[:2], ids[3])


def test_nothing_is_solved_while_nobody_looks(qtbot, opened: MainWindow) -> None:
    ids = followed(document_of(opened), *CORNERS)
    opened.docks.raise_("run")
    qtbot.waitUntil(lambda: opened.solve_panel.visibleRegion().isEmpty())
    opened.view.select(ids)
    opened.solve_panel.use_selection()
    assert opened.solving._blocks is None
    opened.docks.raise_("solve")
    solved(qtbot, opened)


def test_a_picture_is_laid_over_the_plate_and_what_is_none_is_refused(
    qtbot, cornered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, ids = cornered
    path = tmp_path / "label.png"
    picture = np.zeros((20, 40, 4), np.uint8)
    picture[..., 2] = picture[..., 3] = 255
    picture[:, 20:, 3] = 0  # the right half lets the plate through
    cv2.imwrite(str(path), picture)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: (str(path), ""))
    window.view.hidden = frozenset(ids)
    plain = window.canvas.viewport.grab().toImage()
    window.solve_panel.insert_box.setCurrentIndex(2)
    window.solve_panel.insert_box.activated.emit(2)
    qtbot.waitUntil(lambda: window.solve_panel.settings.insert == "picture")
    window.solve_panel.opacity_slider.setValue(100)
    seen = window.canvas.viewport.grab().toImage()
    transform = insert_of(window)
    left, right = (transform.map(QPoint(x, 10)) for x in (10, 30))
    red = seen.pixelColor(left)
    assert (red.red(), red.green()) == pytest.approx((255, 0), abs=3)
    assert seen.pixelColor(right) == plain.pixelColor(right)
    path = tmp_path / "notes.txt"
    path.write_text("no picture")
    window.solving.insert_picture(path)
    qtbot.waitUntil(lambda: window.solve_panel.problem_label.isVisible())
    assert "notes.txt" in window.solve_panel.problem_label.text()
    assert window.solve_panel.settings.insert == "picture"  # the one before stays


def test_the_view_is_locked_by_its_key_through_playing(qtbot, opened: MainWindow) -> None:
    (track,) = followed(document_of(opened), (100, 80))
    select_at(qtbot, opened, track, 0)
    place = seen_at(opened, track)
    QTest.keyClick(opened, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    assert opened.view.lock == (track,)
    assert not opened.playback.playing  # L alone would play
    seen = []
    opened.playback.frame_shown.connect(lambda *_: seen.append(seen_at(opened, track)))
    opened.playback.play(4.0)
    qtbot.waitUntil(lambda: len(seen) >= 5, timeout=10_000)
    opened.playback.stop()
    shown(qtbot, opened, 45)
    assert np.abs(np.array(seen) - place).max() < 1e-6
    opened.registry.refresh()
    assert opened.registry.qaction("view.lock").isChecked()
    QTest.keyClick(opened, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    assert not opened.view.lock


def test_predictions_of_a_run_move_the_locked_view(qtbot, opened: MainWindow) -> None:
    (track,) = document_of(opened).add_tracks([[0, 100, 80]])
    opened.view.select([track])
    opened.solving.toggle_lock()
    place = seen_at(opened, track)
    shown(qtbot, opened, 30)
    assert "held" in opened.canvas.preview.chips.lock.text()
    with qtbot.waitSignal(opened.tracking.running_changed, timeout=30_000, check_params_cb=lambda on: not on):
        opened.run("forward")
    assert "held" not in opened.canvas.preview.chips.lock.text()
    assert opened.canvas.frame == 30
    assert seen_at(opened, track) == pytest.approx(place, abs=1e-6)


def test_the_next_video_knows_nothing_of_it(qtbot, cornered, moving_clip: Path) -> None:
    window, ids = cornered
    window.solve_panel.choose(insert="checker")
    window.view.lock, window.view.stabilise = (ids[0],), True
    with qtbot.waitSignal(window.playback.frame_shown, timeout=10_000):
        window.files.open_path(moving_clip)
    assert not window.view.lock
    assert not window.view.stabilise
    assert window.canvas.preview.quad is None
    assert window.canvas.mapping().warp is None
    assert window.solve_panel.settings.chosen == ()
    assert not window.canvas.preview.chips.isVisible()
