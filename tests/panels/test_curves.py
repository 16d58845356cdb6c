"""The curves: no peak is lost, playhead and range go both ways, and only what is touched is read and drawn again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.document.project import Document
from app.panels.curves import Curves
from app.panels.curves.plot import _contrast, legible
from app.panels.curves.series import CHUNK, MOST_CELLS, MOST_TRACKS, Series, most_tracks
from app.panels.wording import number
from app.theme import dark_palette, light_palette
from tracker.labels.table import TRACK_COLOURS, State

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

LEFT, SHIFT, PLAIN = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier


def shown(qtbot, document, view, width=1000, height=300):
    panel = Curves(document, view)
    qtbot.addWidget(panel)
    panel.setPalette(light_palette())
    panel.resize(width, height)
    panel.show()
    settle(qtbot, panel)
    return panel


def settle(qtbot, panel):
    QApplication.processEvents()
    qtbot.waitUntil(lambda: panel.complete)


def pixels(panel):
    image = panel.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return data[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def place(panel, key, frame):
    """Where a frame stands in the middle of a plot, in pixels of the viewport."""
    box = panel.stack.plots[key].box
    low, high = box.viewRange()[1]
    return panel.stack.mapFromScene(box.mapViewToScene(QPointF(frame, (low + high) / 2)))


def drag(panel, start, end, modifiers=PLAIN):
    """Real events, as pyqtgraph's scene wants them: moves that tell of the button."""
    viewport = panel.stack.viewport()
    QTest.mousePress(viewport, LEFT, modifiers, start)
    for part in (0.3, 0.7, 1.0):
        point = start + (end - start) * part
        QTest.mouseMove(viewport, point)
        QApplication.processEvents()
    QTest.mouseRelease(viewport, LEFT, modifiers, end)


def filled(document):
    """Values that differ on every frame."""
    rows, shape = document.table.rows, document.table.state.T.shape
    rng = np.random.default_rng(0)
    rows("xy")[:] = rng.uniform(0, 600, (*shape, 2))
    rows("confidence")[:], rows("visibility")[:] = rng.random(shape), rng.random(shape)
    return document


@settings(max_examples=60, deadline=None)
@given(
    n_frames=st.integers(2, 9000),
    span=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    width=st.integers(50, 700),
    seed=st.integers(0, 99),
)
def test_thinned_lines_keep_the_least_and_the_greatest_value(n_frames, span, width, seed):
    rng = np.random.default_rng(seed)
    document = Document(n_frames)
    ids = document.add_tracks([(0, 1, 1), (0, 2, 2)])
    rows = document.table.rows
    rows("xy")[:] = rng.uniform(0, 600, (n_frames, 2, 2))
    rows("state")[:] = rng.choice([0, 1, 1, 1, 2, 3], (n_frames, 2))
    series = Series(document, tuple(ids))
    start, end = sorted(int(s * n_frames) for s in span)
    end = max(end, start + 1)
    assert series.read(start, end, 60.0)
    found = series.thinned(start, end, width)
    assert len(found.frames) <= max(2 * width, 2 * (width + 1))
    assert (np.diff(found.frames) >= 0).all()
    aside = 16 if (end - start) / width >= 32 else 0  # coarse values may bring in frames of the bin that begins outside
    inside = slice(start, end)
    for k in range(2):
        values = np.where(rows("state")[:, k] == State.VISIBLE, rows("xy")[:, k, 0], np.nan)
        known = values[inside][np.isfinite(values[inside])]
        drawn = found.values["x", "solid"][:, k]
        drawn = drawn[np.isfinite(drawn)]
        assert len(known) == 0 or (drawn.min() <= known.min() and drawn.max() >= known.max())
        outer = values[max(0, start - aside) : end + aside]
        assert np.isin(drawn, outer).all()


def test_speed_and_gaps_follow_the_states():
    document = Document(CHUNK + 100)
    (track,) = document.add_tracks([(0, 1, 1)])
    rows = document.table.rows
    rows("xy")[:, 0] = np.arange(CHUNK + 100)[:, None] * (3, 4)
    rows("state")[:, 0] = State.VISIBLE
    rows("state")[CHUNK - 3 : CHUNK + 3, 0] = State.OCCLUDED
    rows("state")[50:60, 0], rows("xy")[50:60, 0] = State.OUT_OF_VIEW, np.nan
    rows("state")[70:80, 0] = State.UNLABELLED
    series = Series(document, (track,))
    series.read(0, CHUNK + 100, 60.0)
    found = series.thinned(0, CHUNK + 100, 5000).values
    speed, solid, faint = (found[key][:, 0] for key in (("speed", "solid"), ("x", "solid"), ("x", "faint")))
    assert np.nanmax(speed) == np.nanmin(speed) == 5  # across the border of what is read together too
    assert np.isnan(solid[CHUNK - 3 : CHUNK + 3]).all()
    assert np.flatnonzero(np.isfinite(faint)).tolist() == [49, *[60], *range(CHUNK - 4, CHUNK + 4)]
    assert np.isnan(solid[70:80]).all()
    assert np.isnan(faint[70:80]).all()


def test_a_spike_of_one_frame_in_100_000_is_on_the_screen(qtbot, make_document, view):
    document = make_document(2, 100_000)
    view.select([1])
    panel = shown(qtbot, document, view)
    before = pixels(panel)
    document.expected_error.write([1], 70_000, np.array([[5.5]]))
    settle(qtbot, panel)
    changed = (pixels(panel) != before).any(axis=2)
    x = panel.stack.viewport().mapTo(panel, place(panel, "error", 70_000)).x()
    assert changed.any()
    assert abs(np.flatnonzero(changed.any(axis=0)) - x).max() <= 4


def test_a_click_and_a_drag_move_the_playhead_and_the_line_follows(qtbot, make_document, view):
    view.select([0])
    panel = shown(qtbot, make_document(), view)
    point = place(panel, "speed", 120)
    qtbot.mouseClick(panel.stack.viewport(), LEFT, pos=point)
    qtbot.waitUntil(lambda: view.playhead == 120)
    drag(panel, place(panel, "position", 30), place(panel, "position", 90))
    assert view.playhead == 90
    drag(panel, place(panel, "position", 30), QPoint(5000, 60))
    assert view.playhead == 199
    view.playhead = 77
    assert {plot.playhead.value() for plot in panel.stack.plots.values()} == {77}


def test_a_shift_drag_chooses_a_range_that_can_be_moved_and_forgotten(qtbot, make_document, view):
    view.select([2, 0])
    panel = shown(qtbot, make_document(), view)
    drag(panel, place(panel, "speed", 110), place(panel, "speed", 59), SHIFT)
    assert view.cell_range == ((2, 0), 59, 111)
    assert all(plot.region.getRegion() == (58.5, 110.5) for plot in panel.stack.plots.values())
    view.cell_range = ((1, 3), 20, 40)
    region = panel.stack.plots["error"].region
    assert region.isVisible()
    drag(panel, place(panel, "error", 30), place(panel, "error", 60))
    ids, start, end = view.cell_range
    assert ids == (1, 3)  # of what it was chosen in
    assert (start, end) == (50, 70)
    assert panel.stack.plots["speed"].region.getRegion() == (49.5, 69.5)
    qtbot.keyClick(panel, Qt.Key.Key_Escape)
    assert view.cell_range is None
    assert not region.isVisible()


def test_a_click_beside_the_range_forgets_it(qtbot, make_document, view):
    view.select([0])
    panel = shown(qtbot, make_document(), view)
    view.cell_range = ((0,), 50, 100)
    qtbot.mouseClick(panel.stack.viewport(), LEFT, pos=place(panel, "position", 75))
    qtbot.waitUntil(lambda: view.playhead == 75)
    assert view.cell_range is not None
    qtbot.mouseClick(panel.stack.viewport(), LEFT, pos=place(panel, "position", 150))
    qtbot.waitUntil(lambda: view.playhead == 150)
    assert view.cell_range is None


def test_the_wheel_zooms_the_time_of_all_plots_at_the_pointer(qtbot, make_document, view):
    view.select([0])
    panel = shown(qtbot, make_document(2, 5000), view)
    point = place(panel, "certainty", 3000)
    where = QPointF(panel.stack.viewport().mapTo(panel.window(), point))
    for _ in range(8):
        QTest.wheelEvent(panel.window().windowHandle(), where, QPoint(0, 120), QPoint(), PLAIN)
    left, right = panel.stack.box.viewRange()[0]
    assert right - left < 5000 / 4
    assert place(panel, "certainty", 3000).x() == pytest.approx(point.x(), abs=2)
    for plot in panel.stack.plots.values():
        assert plot.box.viewRange()[0] == pytest.approx([left, right], abs=(right - left) / 400)
    QTest.wheelEvent(panel.window().windowHandle(), where, QPoint(0, -120), QPoint(), SHIFT)
    assert panel.stack.box.viewRange()[0][0] > left
    panel.fit()
    assert panel.stack.box.viewRange()[0] == pytest.approx([-0.5, 4999.5])


def test_the_values_axis_fits_what_is_in_view(qtbot, make_document, view):
    document = make_document(1, 2000)
    document.table.rows("xy")[1500, 0] = 900
    view.select([0])
    panel = shown(qtbot, document, view)
    assert panel.stack.plots["position"].box.viewRange()[1][1] > 900
    panel.stack.box.setXRange(0, 1000, padding=0)
    settle(qtbot, panel)
    low, high = panel.stack.plots["position"].box.viewRange()[1]
    assert low < 100 < high < 200


def test_a_new_frame_reads_and_draws_no_curve(qtbot, make_document, view, monkeypatch):
    view.select([0, 1])
    panel = shown(qtbot, filled(make_document(2, 3000)), view)
    asked = []
    for name in ("thinned", "read"):
        monkeypatch.setattr(Series, name, lambda *args, name=name: asked.append(name))
    for frame in range(100, 120):
        view.playhead = frame
        panel.grab()
    assert not asked


def test_only_changes_of_what_is_shown_are_drawn_again(qtbot, make_document, view, monkeypatch):
    document = filled(make_document(6, 3000))
    view.select([1, 2])
    panel = shown(qtbot, document, view)
    read = []
    really_read = Series._read_chunk

    def reading(series, chunk):
        read.append(chunk)
        really_read(series, chunk)

    monkeypatch.setattr(Series, "_read_chunk", reading)
    document.place_anchor(4, 100, 5, 5)
    document.expected_error.write([3], 0, np.ones((3000, 1)))
    assert panel.complete
    document.place_anchor(2, 100, 5, 5)
    assert not panel.complete
    settle(qtbot, panel)
    assert read == [0]
    panel.hide()
    document.place_anchor(2, 2500, 7, 7)
    assert panel.complete
    panel.show()
    settle(qtbot, panel)
    assert read == [0, 1]


def test_anchors_are_marked_where_they_are(qtbot, make_document, view):
    document = make_document(2)
    document.place_anchor(1, 60, 33, 44)
    document.set_state([1], 100, 140, State.OCCLUDED)
    view.select([1])
    panel = shown(qtbot, document, view)
    frames, values = panel.stack.plots["position"].marks.getData()
    assert sorted(zip(frames.tolist(), values.tolist(), strict=True)) == [
        *((0, 100), (0, 100)),
        *((60, 33), (60, 44)),
        *((100, 100), (100, 100)),  # the first frame of a stretch
    ]


def test_more_tracks_than_can_be_told_apart_are_counted(qtbot, make_document, view):
    document = make_document(30)
    panel = shown(qtbot, document, view)
    assert "Select a track" in panel.empty_label.text()
    assert panel.empty_label.isVisible()
    view.select(range(30))
    settle(qtbot, panel)
    assert panel.stack.isVisible()
    assert panel.count_label.text() == "8 of 30 tracks shown"
    assert "Track 30" in panel.names.text()
    assert "Track 22" not in panel.names.text()
    document.delete_tracks(range(25, 30))
    assert panel.count_label.text() == "8 of 25 tracks shown"
    view.select([3])
    assert panel.count_label.text() == ""
    assert panel.accessibleDescription() == "Track 4"
    panel.set_document(None)
    assert "Open a video" in panel.empty_label.text()
    panel.set_document(make_document(0))
    assert "Press N" in panel.empty_label.text()


def test_another_document_of_another_length(qtbot, make_document, view):
    view.select([0, 1])
    panel = shown(qtbot, filled(make_document(2, 5000)), view)
    for n_frames in (90, 1, 20_000):
        panel.set_document(make_document(2, n_frames))
        settle(qtbot, panel)
        assert panel.stack.box.viewRange()[0] == pytest.approx([-0.5, n_frames - 0.5])
        panel.grab()
    panel.set_document(None)
    panel.zoom(2)
    panel.grab()


def test_long_videos_show_fewer_tracks():
    assert most_tracks(1000) == MOST_TRACKS
    assert most_tracks(100_000) == MOST_TRACKS
    assert most_tracks(1_000_000) * 1_000_000 <= MOST_CELLS
    assert most_tracks(10**9) == 1


def test_plots_can_be_left_out_but_one_stays(qtbot, make_document, view):
    view.select([0])
    panel = shown(qtbot, make_document(), view)
    for key in ("position", "speed", "certainty"):
        panel.buttons[key].click()
    settle(qtbot, panel)
    assert [key for key, plot in panel.stack.plots.items() if plot.scene() is not None] == ["error"]
    assert not panel.buttons["error"].isEnabled()
    qtbot.mouseClick(panel.stack.viewport(), LEFT, pos=place(panel, "error", 44))
    qtbot.waitUntil(lambda: view.playhead == 44)
    panel.buttons["speed"].click()
    settle(qtbot, panel)
    assert panel.buttons["error"].isEnabled()
    view.playhead = 0
    qtbot.mouseClick(panel.stack.viewport(), LEFT, pos=place(panel, "speed", 150))
    qtbot.waitUntil(lambda: view.playhead == 150)


def test_values_of_a_frame_are_told(qtbot, make_document, view):
    document = make_document(2)
    document.expected_error.write([1], 60, np.array([[3.0]]))
    document.clear([0], 50, 70)
    view.select([0, 1])
    panel = shown(qtbot, document, view)
    first, second = panel.values_text(60).splitlines()[1:]
    assert first == "Track 1: \u2013"
    assert second.startswith(f"Track 2: x {number(100, 1)}, y {number(100, 1)}, {number(0, 1)}\u00a0px/frame")
    assert second.endswith(f"expected error {number(3, 1)}\u00a0px")


def test_the_threshold_is_a_line(qtbot, make_document, view):
    view.select([0])
    panel = shown(qtbot, make_document(), view)
    plot = panel.stack.plots["error"]
    view.error_threshold = 12.0
    settle(qtbot, panel)
    assert plot.threshold.value() == 12
    assert plot.box.viewRange()[1][1] > 12


@pytest.mark.parametrize("palette", [dark_palette(), light_palette()])
def test_every_track_colour_is_told_from_the_ground(palette):
    ground = palette.base().color()
    for rgb in TRACK_COLOURS.tolist():
        assert _contrast(legible(rgb, palette), ground) >= 3


def test_another_palette_reaches_the_plots(qtbot, make_document, view):
    view.select([0])
    panel = shown(qtbot, make_document(), view)
    light = pixels(panel).mean()
    panel.setPalette(dark_palette())
    settle(qtbot, panel)
    assert pixels(panel).mean() < light / 2
