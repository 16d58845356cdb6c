"""Expected errors, sources, chosen ranges and the lane of differences, with real mouse and real pixels."""

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from app.document.expected_error import ExpectedErrors
from app.document.project import Document
from app.panels import Timeline
from app.panels.timeline.drawing import error_colour
from app.panels.timeline.ranges import range_areas, range_text
from app.panels.timeline.state import LANE_HEIGHT
from app.panels.timeline.summary import Block
from app.panels.timeline.tooltip import cell_text
from app.panels.wording import number
from app.theme import light_palette
from tests.panels.test_timeline import pixels, settle, shown
from tracker.labels.table import Source

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

LEFT, SHIFT, PLAIN = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


def drag(qtbot, widget, start, end, modifiers):
    qtbot.mousePress(widget, LEFT, modifiers, start)
    qtbot.mouseMove(widget, start + QPoint(8, 0))
    qtbot.mouseMove(widget, end)
    return lambda: qtbot.mouseRelease(widget, LEFT, modifiers, end)


def spike(timeline, lane):
    """Height of the spike at each pixel column of a lane."""
    colour = error_colour(light_palette())
    lanes = pixels(timeline)[lane * LANE_HEIGHT : (lane + 1) * LANE_HEIGHT]
    return (lanes == (colour.red(), colour.green(), colour.blue())).all(axis=2).sum(axis=0)


def test_one_frame_of_great_error_is_a_spike_when_100_000_frames_are_in_view(qtbot, make_document, view):
    document = make_document(2, 100_000)
    timeline = shown(qtbot, document, view)
    assert not spike(timeline, 1).any()
    document.expected_error.write([1], 61_803, np.array([[9.0]]))
    settle(qtbot, timeline)
    height = spike(timeline, 1)
    assert abs(int(height.argmax()) - timeline.x_of(61_803)) <= 1
    assert height.max() >= 5
    assert 2 <= (height > 0).sum() <= 3
    assert not spike(timeline, 0).any()
    document.expected_error.write([1], 61_803, np.array([[60.0]]))
    settle(qtbot, timeline)
    assert spike(timeline, 1).max() > height.max()
    view.error_threshold = 80.0
    settle(qtbot, timeline)
    assert not spike(timeline, 1).any()


def test_a_new_frame_reads_no_errors_and_no_cells(qtbot, make_document, view, monkeypatch):
    document = make_document(12, 3000)
    document.expected_error.write(range(12), 0, np.ones((3000, 12)))
    timeline = shown(qtbot, document, view)
    timeline.grab()
    asked = []
    monkeypatch.setattr(ExpectedErrors, "read", lambda *args: asked.append(args))
    monkeypatch.setattr(Block, "summarise", lambda *args: asked.append(args))
    for frame in range(100, 130):
        view.playhead = frame
        timeline.grab()
    assert not asked


def test_the_depth_of_a_spike_says_how_many_times_the_threshold(qtbot, make_document, view):
    document = make_document(5)
    for track, error in enumerate((3.9, 5.0, 12.0, 64.0, 640.0)):
        document.expected_error.write([track], 80, np.full((40, 1), error))
    timeline = shown(qtbot, document, view)
    x = int(timeline.x_of(100))
    heights = [int(spike(timeline, lane)[x]) for lane in range(5)]
    assert heights[0] == 0
    assert 0 < heights[1] < heights[2] < heights[3] == heights[4]


def test_sources_differ_in_pattern_and_a_single_frame_is_marked(qtbot, make_document, view):
    document = make_document(5)
    rows = document.table.rows("source")
    rows[50:150, 1], rows[50:150, 2], rows[50:150, 3] = Source.BRIDGE, Source.INTERPOLATED, Source.IMPORTED
    timeline = shown(qtbot, document, view)
    x0, x1 = int(timeline.x_of(60)), int(timeline.x_of(140))
    foot = pixels(timeline)[4 + LANE_HEIGHT - 10 - 3 :: LANE_HEIGHT][:5, x0:x1].astype(int)
    white = (foot == 255).all(axis=2)
    assert not white[[0, 4]].any()
    assert white[1].all()
    assert white[2].mean() == pytest.approx(0.6, abs=0.02)
    assert white[3].mean() == pytest.approx(0.4, abs=0.02)


def test_a_column_that_is_approved_in_part_has_a_thin_line(qtbot, make_document, view):
    document = make_document(3, 100_000)
    document.approve([0, 1], 0, 100_000)
    document.approve([1], 50_000, 50_001, approved=False)
    document.approve([2], 50_000, 50_001)
    timeline = shown(qtbot, document, view)
    x = int(timeline.x_of(50_000))
    image = pixels(timeline)
    lines = image[: 3 * LANE_HEIGHT, x].reshape(3, LANE_HEIGHT, 3)[:, 19:21]
    thickness = (lines != 255).any(axis=2).sum(axis=1).tolist()
    assert thickness == [2, 1, 1]


def test_a_shift_drag_chooses_frames_and_lanes_and_says_how_many(qtbot, make_document, view):
    document = make_document(6)
    timeline = shown(qtbot, document, view)
    document.delete_tracks([2])
    view.select([0])
    settle(qtbot, timeline)
    start = QPoint(int(timeline.x_of(60)), LANE_HEIGHT + 5)
    end = QPoint(int(timeline.x_of(119)), 3 * LANE_HEIGHT + 5)
    before = pixels(timeline)
    release = drag(qtbot, timeline.lanes, start, end, SHIFT)
    assert view.cell_range == ((1, 3, 4), 60, 120)
    assert range_text(document, view.cell_range) == "Frames 60\u2013119  ·  60 frames  ·  2.40\u00a0s  ·  3 tracks"
    dragging = pixels(timeline)
    release()
    chosen = pixels(timeline)
    assert timeline.accessibleDescription().startswith("Track 1, Frames 60")
    assert (dragging != chosen).any(axis=2).sum() > 500  # the read-out has gone
    changed = (chosen != before).any(axis=2)
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    assert (rows[0], rows[-1]) == (LANE_HEIGHT, 4 * LANE_HEIGHT - 1)
    assert columns[0] == pytest.approx(timeline.x_of(60) - timeline.lanes.width() / 400, abs=2)
    assert columns[-1] == pytest.approx(timeline.x_of(119) + timeline.lanes.width() / 400, abs=2)
    assert view.selection == (0,)
    assert view.playhead == 0
    qtbot.mouseClick(timeline.lanes, LEFT, PLAIN, QPoint(300, 10))
    assert view.cell_range is None


def test_a_range_may_be_drawn_backwards_and_beyond_the_edges(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(40), view)
    timeline.lane_bar.setValue(5 * LANE_HEIGHT)
    start = QPoint(int(timeline.x_of(50)), 5)
    release = drag(qtbot, timeline.lanes, start, QPoint(-50, -30), SHIFT)
    release()
    ids, first, end = view.cell_range
    assert (ids, first, end) == ((4, 5), 0, 51)  # it scrolled by one lane
    assert timeline.lane_bar.value() == 4 * LANE_HEIGHT


def test_escape_clears_the_range_before_the_window_hears_of_it(qtbot, make_document, view):
    window, heard = QWidget(), []
    qtbot.addWidget(window)
    QShortcut(QKeySequence("Esc"), window).activated.connect(lambda: heard.append(1))
    timeline = Timeline(make_document(3), view, window)
    window.resize(800, 200)
    timeline.resize(800, 200)
    window.show()
    window.activateWindow()
    timeline.setFocus()
    qtbot.waitUntil(timeline.hasFocus)
    view.cell_range = ((0, 1), 10, 20)
    qtbot.keyClick(timeline, Qt.Key.Key_Escape)
    assert view.cell_range is None
    assert not heard
    qtbot.keyClick(timeline, Qt.Key.Key_Escape)
    assert heard == [1]


def test_a_range_of_tracks_that_are_not_neighbours_or_gone(make_document, view, qtbot):
    document = make_document(8)
    timeline = shown(qtbot, document, view)
    view.cell_range = ((0, 2, 3, 7, 99), 10, 20)
    assert [(a.top() / LANE_HEIGHT, a.height() / LANE_HEIGHT) for a in range_areas(timeline.lanes._state)] == [
        (0, 1),
        (2, 2),
        (7, 1),
    ]
    timeline.grab()


def test_hidden_tracks_are_dimmed(qtbot, make_document, view):
    timeline = shown(qtbot, make_document(3), view)
    before, names = pixels(timeline), timeline.names.grab().toImage()
    view.hidden = frozenset({1})
    after = pixels(timeline)
    changed = np.flatnonzero((after != before).any(axis=(1, 2)))
    assert (changed[0] // LANE_HEIGHT, changed[-1] // LANE_HEIGHT) == (1, 1)
    assert after[LANE_HEIGHT + 15].mean() > before[LANE_HEIGHT + 15].mean()
    assert timeline.names.grab().toImage() != names


def test_the_tool_tip_tells_the_expected_error(make_document):
    document = make_document(1)
    document.expected_error.write([0], 60, np.array([[6.5]]))
    assert f"expected error {number(6.5, 1)}" in cell_text(document, 0, 60)
    assert "expected error" not in cell_text(document, 0, 61)


def difference_pixels(timeline):
    image = timeline.difference.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return data[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def bar_heights(timeline, colour):
    rgb = (colour.red(), colour.green(), colour.blue())
    return (difference_pixels(timeline)[:-1] == rgb).all(axis=2).sum(axis=0)


def test_one_frame_that_differs_from_the_take_is_seen_in_100_000(qtbot, make_document, view):
    document = make_document(3, 100_000)
    take = document.keep_take(name="Before")
    timeline = shown(qtbot, document, view)
    assert not timeline.difference.isVisible()
    view.take = take
    assert timeline.difference.isVisible()
    view.select([1])
    colour = error_colour(light_palette())
    assert not bar_heights(timeline, colour).any()
    document.place_anchor(1, 40_000, 110, 100)
    document.place_anchor(2, 70_000, 300, 300)  # not selected
    view.playhead = 99_999
    heights = bar_heights(timeline, colour)
    assert np.flatnonzero(heights).tolist() == [int(timeline.x_of(40_000))]
    document.place_anchor(1, 40_000, 150, 100)
    assert bar_heights(timeline, colour).max() > heights.max()
    document.use_take(take)
    assert bar_heights(timeline, colour).any()  # the anchor stays where a person placed it
    view.take = None
    assert not timeline.difference.isVisible()


def test_the_lane_of_differences_reads_little_on_a_change_and_nothing_on_a_new_frame(
    qtbot, make_document, view, monkeypatch
):
    document = make_document(3, 20_000)
    take = document.keep_take()
    asked = []
    ask = Document.take_difference

    def counted(self, take_id, ids, start, end):
        asked.append((start, end))
        return ask(self, take_id, ids, start, end)

    monkeypatch.setattr(Document, "take_difference", counted)
    view.select([0, 2])
    view.take = take
    timeline = shown(qtbot, document, view)
    timeline.grab()
    assert asked == [(a, min(a + 4096, 20_000)) for a in range(0, 20_000, 4096)]
    asked.clear()
    for frame in (5000, 5001, 12_000):
        view.playhead = frame
        timeline.grab()
    assert not asked
    document.place_anchor(2, 9000, 5, 5)
    timeline.grab()
    assert asked == [(8192, 12288)]
    document.drop_take(take)
    assert not timeline.difference.isVisible()


def test_the_lane_of_differences_says_what_is_missing(qtbot, make_document, view):
    document = make_document(3, 300)
    view.take = document.keep_take([0], name="Only the first")
    timeline = shown(qtbot, document, view)
    empty = difference_pixels(timeline)
    view.select([2])
    other = difference_pixels(timeline)
    assert (empty != other).any()
    view.select([0])
    assert (difference_pixels(timeline) != other).any()
    qtbot.mouseClick(timeline.difference, LEFT, pos=QPoint(int(timeline.x_of(200)), 10))
    assert view.playhead == 200
    assert view.selection == (0,)
