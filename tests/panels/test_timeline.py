"""The timeline as a person uses it: real mouse, real keys, real pixels."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.panels import Timeline
from app.panels.timeline.state import LANE_HEIGHT
from app.panels.timeline.tiles import LANES
from app.panels.timeline.tooltip import cell_text
from app.panels.wording import number, state_text
from app.theme import dark_palette, light_palette
from tracker.labels.table import State

# Qt's offscreen plugin says so of every top-level widget that is shown.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def shown(qtbot, document, view, width=1200, height=320):
    timeline = Timeline(document, view)
    qtbot.addWidget(timeline)
    timeline.setPalette(light_palette())
    timeline.resize(width, height)
    timeline.show()
    settle(qtbot, timeline)
    return timeline


def settle(qtbot, timeline):
    qtbot.waitUntil(lambda: timeline.lanes.complete)


def pixels(timeline):
    """(height, width, 3) of the lanes as they are painted."""
    image = timeline.lanes.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return data[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def bar_column(timeline, lane, x):
    """The bar of one lane at one pixel column, (rows, 3)."""
    top = lane * LANE_HEIGHT + 4
    return pixels(timeline)[top : top + LANE_HEIGHT - 10, x]


def wheel(widget, x, y, delta, modifiers):
    """Through the window, as a real wheel does."""
    place = QPointF(widget.mapTo(widget.window(), QPoint(x, y)))
    QTest.wheelEvent(widget.window().windowHandle(), place, QPoint(0, delta), QPoint(), modifiers)


@pytest.mark.parametrize("zoom", [1, 3, 10, 1000])
@pytest.mark.parametrize("part", ["ruler", "lanes"])
def test_a_press_moves_the_playhead_to_the_frame_under_the_pointer(qtbot, make_document, view, zoom, part):
    timeline = shown(qtbot, make_document(), view)
    timeline.zoom(zoom, 500)
    for frame in (timeline.frame_at(15), timeline.frame_at(600), timeline.frame_at(timeline.lanes.width() - 1)):
        qtbot.mouseClick(getattr(timeline, part), Qt.MouseButton.LeftButton, pos=QPoint(int(timeline.x_of(frame)), 20))
        assert view.playhead == frame


def test_dragging_scrubs_and_stays_inside_the_video(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(), view)
    qtbot.mousePress(timeline.ruler, Qt.MouseButton.LeftButton, pos=QPoint(int(timeline.x_of(30)), 10))
    qtbot.mouseMove(timeline.ruler, QPoint(int(timeline.x_of(90)), 10))
    assert view.playhead == 90
    qtbot.mouseMove(timeline.ruler, QPoint(5000, 10))
    assert view.playhead == 199
    qtbot.mouseMove(timeline.ruler, QPoint(-500, 10))
    assert view.playhead == 0
    qtbot.mouseRelease(timeline.ruler, Qt.MouseButton.LeftButton)


def test_clicks_on_lanes_and_names_select_and_modifiers_extend(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(6), view)
    left, modifier = Qt.MouseButton.LeftButton, Qt.KeyboardModifier
    qtbot.mouseClick(timeline.lanes, left, pos=QPoint(100, LANE_HEIGHT + 5))
    assert view.selection == (1,)
    playhead = view.playhead
    qtbot.mouseClick(timeline.names, left, modifier.ControlModifier, QPoint(50, 4 * LANE_HEIGHT + 5))
    assert view.selection == (1, 4)
    qtbot.mouseClick(timeline.lanes, left, modifier.ShiftModifier, QPoint(900, 2 * LANE_HEIGHT + 5))
    assert set(view.selection) == {1, 4, 3, 2}
    assert view.primary == 2
    qtbot.mouseClick(timeline.names, left, modifier.ControlModifier, QPoint(50, 4 * LANE_HEIGHT + 5))
    assert set(view.selection) == {1, 3, 2}
    assert view.playhead == playhead


def test_the_wheel_zooms_at_the_pointer_and_scrolls(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(40, 5000), view)
    frame = timeline.frame_at(700)
    for _ in range(12):
        wheel(timeline.lanes, 700, 30, 120, Qt.KeyboardModifier.ControlModifier)
        assert abs(timeline.frame_at(700) - frame) <= 5  # a pixel of the first zoom
    assert timeline.frame_at(timeline.lanes.width() - 1) - timeline.frame_at(0) < 5000 / 10
    first = timeline.frame_at(0)
    wheel(timeline.lanes, 700, 30, -120, Qt.KeyboardModifier.ShiftModifier)
    assert timeline.frame_at(0) > first
    assert timeline.lane_bar.value() == 0
    wheel(timeline.lanes, 700, 30, -120, Qt.KeyboardModifier.NoModifier)
    assert timeline.lane_bar.value() == 3 * LANE_HEIGHT


def test_keys_reach_tracks_time_and_zoom(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(), view)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        qtbot.keyClick(timeline, key)
    assert view.selection == (0,)
    assert timeline.accessibleDescription() == "Track 1"
    qtbot.keyClick(timeline, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert view.selection == (0, 1)
    qtbot.keyClick(timeline, Qt.Key.Key_Right)
    assert view.playhead == 1
    qtbot.keyClick(timeline, Qt.Key.Key_Plus)
    assert timeline.time_bar.maximum() > 0
    qtbot.keyClick(timeline, Qt.Key.Key_0)
    assert timeline.time_bar.maximum() == 0


@pytest.mark.parametrize("state", [State.OCCLUDED, State.OUT_OF_VIEW, State.UNLABELLED])
def test_one_odd_frame_is_visible_when_100_000_frames_are_in_view(qtbot, make_document, view, state):
    document = make_document(2, 100_000)
    timeline = shown(qtbot, document, view)
    frame = 61_803
    x = int(timeline.x_of(frame))
    before = bar_column(timeline, 1, x)
    document.set_state([1], frame, frame + 1, state)
    settle(qtbot, timeline)
    after = bar_column(timeline, 1, x)
    assert (before != after).any()
    clean = bar_column(timeline, 0, x)
    assert (clean == before).all()


def test_one_unsure_frame_is_a_notch_at_any_zoom(qtbot, make_document, view):
    document = make_document(1, 100_000)
    document.table.rows("confidence")[40_000, 0] = 0.05
    timeline = shown(qtbot, document, view)
    for zoom in (1, 30, 30):
        timeline.zoom(zoom, timeline.x_of(40_000))
        settle(qtbot, timeline)
        x = int(timeline.x_of(40_000))
        image = pixels(timeline)
        rows = slice(4, 4 + LANE_HEIGHT - 10)
        column, neighbour = image[rows, x], image[rows, x - 60]
        colour = light_palette().color(QPalette.ColorRole.Base)
        base = (colour.red(), colour.green(), colour.blue())
        height, full = ((part != base).any(axis=1).sum() for part in (column, neighbour))
        assert height < 0.7 * full
        assert (column[-1] != neighbour[-1]).any()


def test_states_differ_in_pattern_and_not_only_in_colour(qtbot, make_document, view):
    document = make_document(4)
    document.set_state([1], 50, 150, State.OCCLUDED)
    document.set_state([2], 50, 150, State.OUT_OF_VIEW)
    document.clear([3], 50, 150)
    document.approve([0], 50, 150)
    timeline = shown(qtbot, document, view)
    image = pixels(timeline)
    x0, x1 = int(timeline.x_of(60)), int(timeline.x_of(140))
    filled = []
    for lane in range(4):
        bar = image[lane * LANE_HEIGHT + 5 : lane * LANE_HEIGHT + 17, x0:x1].astype(int).sum(axis=2)
        filled.append(bar != 3 * 255)
    visible, occluded, out, gap = filled
    assert visible[3:].all()
    assert not gap.any()
    rows_out, rows_hidden = out.mean(axis=1), occluded.mean(axis=1)
    assert set(rows_out.round(2)) == {0.0, 1.0}  # whole lines
    assert ((rows_hidden > 0.2) & (rows_hidden < 0.6)).all()  # slanted strokes cross every row
    under = image[LANE_HEIGHT - 5, x0:x1]
    assert (under == under[0]).all()
    assert (under[0] != image[2 * LANE_HEIGHT - 5, x0]).any()


def test_an_anchor_is_a_diamond(qtbot, make_document, view):
    document = make_document(1)
    timeline = shown(qtbot, document, view)
    x = int(timeline.x_of(100))
    before = pixels(timeline)
    document.place_anchor(0, 100, 10, 10)
    settle(qtbot, timeline)
    changed = (pixels(timeline) != before).any(axis=2)
    widths = changed[:LANE_HEIGHT].sum(axis=1)
    assert widths.max() >= 9
    assert widths[widths > 0][0] < widths.max()
    assert abs(np.flatnonzero(changed.any(axis=0)).mean() - x) < 3


def test_a_change_draws_only_the_tiles_that_show_it(qtbot, make_document, view):
    document = make_document(3 * LANES, 2000)
    timeline = shown(qtbot, document, view, height=700)
    tiles = timeline.lanes.tiles
    whole = tiles.rendered
    assert whole >= 3 * 4
    document.place_anchor(LANES + 1, 600, 5, 5)
    settle(qtbot, timeline)
    assert tiles.rendered == whole + 1
    view.playhead = 1500
    view.select([3])
    view.loop_range = (10, 700)
    document.rename(0, "Left wing")
    timeline.grab()
    settle(qtbot, timeline)
    assert tiles.rendered - whole - 1 <= whole / 3  # a renamed track redraws at most its own block


def test_deleting_and_undoing_leaves_the_picture_as_it_was(qtbot, make_document, view):
    document = make_document(5)
    document.set_state([2], 20, 60, State.OCCLUDED)
    timeline = shown(qtbot, document, view)
    before = pixels(timeline)
    document.delete_tracks([1])
    settle(qtbot, timeline)
    assert (pixels(timeline) != before).any()
    document.undo()
    settle(qtbot, timeline)
    assert (pixels(timeline) == before).all()


def test_a_playhead_that_leaves_the_view_is_followed(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(2, 5000), view)
    timeline.zoom(20, 0)
    view.playhead = 4000
    assert 0 <= timeline.x_of(4000) < timeline.lanes.width()
    view.playhead = 100
    assert 0 <= timeline.x_of(100) < timeline.lanes.width()


def test_selecting_elsewhere_scrolls_to_the_lane(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(60), view)
    view.select([55])
    top = 55 * LANE_HEIGHT - timeline.lane_bar.value()
    assert 0 <= top <= timeline.lanes.height() - LANE_HEIGHT


def test_the_cached_frames_are_drawn_in_the_ruler(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(), view)
    before = timeline.ruler.grab().toImage()
    timeline.set_cached_ranges([(50, 100)])
    after = timeline.ruler.grab().toImage()
    y = timeline.ruler.height() - 3
    assert after.pixelColor(int(timeline.x_of(75)), y) != before.pixelColor(int(timeline.x_of(75)), y)
    assert after.pixelColor(int(timeline.x_of(120)), y) == before.pixelColor(int(timeline.x_of(120)), y)


@pytest.mark.parametrize("n_frames", [1, 2, 17])
def test_short_videos_and_no_document(qtbot, make_document, view, n_frames):
    timeline = shown(qtbot, make_document(2, n_frames), view)
    qtbot.mouseClick(timeline.ruler, Qt.MouseButton.LeftButton, pos=QPoint(int(timeline.x_of(n_frames - 1)), 5))
    assert view.playhead == n_frames - 1
    timeline.set_document(None)
    timeline.grab()
    qtbot.mouseClick(timeline.lanes, Qt.MouseButton.LeftButton, pos=QPoint(30, 30))
    assert view.playhead == n_frames - 1


def test_a_theme_that_changes_while_it_is_shown_reaches_the_lanes(qtbot, make_document, view):
    document, style, palette = make_document(3), QApplication.style().objectName(), QApplication.palette()
    document.set_state([1], 40, 90, State.OCCLUDED)
    QApplication.setStyle("Fusion")
    try:
        QApplication.setPalette(dark_palette())
        timeline = Timeline(document, view)
        qtbot.addWidget(timeline)
        timeline.resize(900, 250)
        timeline.show()
        settle(qtbot, timeline)
        QApplication.setPalette(light_palette())
        fresh = Timeline(document, view)
        qtbot.addWidget(fresh)
        fresh.resize(900, 250)
        fresh.show()
        settle(qtbot, fresh)
        qtbot.waitUntil(lambda: (pixels(timeline) == pixels(fresh)).all())
    finally:
        QApplication.setPalette(palette)
        QApplication.setStyle(style)


def test_pieces_join_without_a_seam_on_a_screen_of_one_and_a_half_pixels():
    """A process of its own, because Qt takes the scale once, at its start."""
    script = (
        "import sys; from PySide6.QtWidgets import QApplication; app = QApplication([]);"
        "import numpy as np; from app.document.project import Document; from app.document.view_state import ViewState;"
        "from app.panels import Timeline; from app.theme import dark_palette, light_palette;"
        "app.setStyle('Fusion'); app.setPalette(light_palette());"
        "document = Document(300); document.add_tracks([(0, 1, 1)]); table = document.table;"
        "table.rows('state')[:] = 1; table.rows('source')[:] = 2; table.rows('confidence')[:] = 0.5;"
        "timeline = Timeline(document, ViewState()); timeline.resize(1001, 201); timeline.show();"
        "timeline.zoom(3, 0); timeline.time_bar.setValue(37);"
        "[app.processEvents() for _ in range(40)]; assert timeline.lanes.complete;"
        "image = timeline.lanes.grab().toImage(); y = image.height() // 10;"
        "colours = {image.pixel(x, y) for x in range(300, image.width())};"
        "print(image.devicePixelRatio(), len(colours))"
    )
    environment = {**os.environ, "QT_SCALE_FACTOR": "1.5", "QT_QPA_PLATFORM": "offscreen"}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.split() == ["1.5", "1"], done.stderr


def test_the_tool_tip_tells_frame_time_and_what_is_known(make_document):
    document = make_document(2, confidence=0.25)
    document.approve([1], 60, 70)
    assert cell_text(document, None, 53) == "Frame 53  ·  00:00:02:03"
    assert cell_text(document, 1, 60).splitlines() == [
        "Track 2",
        "Frame 60  ·  00:00:02:10",
        f"{state_text(document.table.state[1, 60])}, tracked, confidence {number(0.25, 2)}, approved",
    ]
    document.clear([0], 20, 21)
    assert cell_text(document, 0, 20).splitlines()[-1] == "Unlabelled"
