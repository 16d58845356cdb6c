"""Run, history, transport and status panels, and that none of them keeps listening."""

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QMainWindow,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QWidget,
)

from app.commands import COLOUR_MODES
from app.document.runs import RunInfo
from app.panels import HistoryPanel, RunPanel, StatusWidgets, Timeline, TrackList, Transport
from app.panels.buttons import IconButton
from app.theme import dark_palette, light_palette
from tracker.inference.trackers import LUCAS_KANADE, TrackerInfo

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")
PANELS = [HistoryPanel, RunPanel, Timeline, TrackList, Transport]


def shown(qtbot, panel):
    qtbot.addWidget(panel)
    panel.show()
    return panel


def listeners(document, view):
    return len(document.changed._functions) + len(view.changed._functions)


# -- run panel


@pytest.mark.parametrize(
    ("button", "action"),
    [
        ("backward_button", "run.backward"),
        ("both_button", "run.both"),
        ("forward_button", "run.forward"),
        ("retrack_button", "run.retrack"),
    ],
)
def test_run_buttons_ask_for_their_action(qtbot, make_document, view, button, action):
    view.select([0])
    panel = shown(qtbot, RunPanel(make_document(), view))
    with qtbot.waitSignal(panel.action_requested) as asked:
        qtbot.mouseClick(getattr(panel, button), Qt.MouseButton.LeftButton)
    assert asked.args == [action]


def test_a_run_can_only_be_stopped_while_it_goes_on(qtbot, make_document, view):
    panel = shown(qtbot, RunPanel(make_document(), view))
    assert panel.forward_button.isEnabled()
    assert not panel.stop_button.isEnabled()
    assert not panel.retrack_button.isEnabled()
    view.select([1])
    assert panel.retrack_button.isEnabled()
    panel.set_running(True)
    assert panel.progress_bar.isVisible()
    panel.set_progress(120, 500, 75.4, 12.34)
    assert panel.progress_bar.value() / panel.progress_bar.maximum() == pytest.approx(0.24)
    assert "12 frames/s" in panel.progress_label.text()
    assert "1\u00a0min 15\u00a0s left" in panel.progress_label.text()
    assert not panel.forward_button.isEnabled()
    assert not panel.retrack_button.isEnabled()
    with qtbot.waitSignal(panel.action_requested) as asked:
        qtbot.mouseClick(panel.stop_button, Qt.MouseButton.LeftButton)
    assert asked.args == ["run.stop"]
    panel.set_running(False)
    assert not panel.progress_bar.isVisible()
    assert panel.forward_button.isEnabled()


def test_progress_without_figures_names_none(qtbot, make_document, view):
    panel = shown(qtbot, RunPanel(make_document(), view))
    panel.set_running(True)
    panel.set_progress(0, 500, float("nan"), 0.0)
    assert "left" not in panel.progress_label.text()
    assert "frames/s" not in panel.progress_label.text()


def test_before_a_bridge_is_solved_the_frames_that_were_read_are_told(qtbot, make_document, view):
    panel = shown(qtbot, RunPanel(make_document(), view))
    panel.set_running(True)
    panel.set_progress(37, 0, float("nan"), 0.0)
    assert panel.progress_label.text() == "Reading the video: 37 frames"
    assert panel.progress_bar.maximum() == 0
    panel.set_progress(20, 80, 3.0, 10.0)
    assert panel.progress_bar.maximum() == 80
    assert "20 of 80" in panel.progress_label.text()


def test_nothing_to_run_without_points(qtbot, make_document, view):
    document = make_document(0)
    panel = shown(qtbot, RunPanel(document, view))
    assert not panel.forward_button.isEnabled()
    document.add_tracks([(0, 3, 3)])
    assert panel.forward_button.isEnabled()
    panel.set_document(None)
    assert not panel.forward_button.isEnabled()


def test_the_range_is_offered_only_where_there_is_one(qtbot, make_document, view):
    panel = shown(qtbot, RunPanel(make_document(), view))
    assert not panel.uses_range
    view.loop_range = (20, 81)
    panel.range_box.setCurrentIndex(1)
    assert "20 – 80" in panel.range_box.currentText()
    assert panel.uses_range
    view.loop_range = None
    assert not panel.uses_range
    assert panel.range_box.currentText() == "Whole video"


def test_tracker_device_and_messages(qtbot, make_document, view):
    panel = shown(qtbot, RunPanel(make_document(), view))
    for button, action in ((panel.choose_button, "tracker.choose"), (panel.about_button, "tracker.about")):
        with qtbot.waitSignal(panel.action_requested) as asked:
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert asked.args == [action]
    with qtbot.waitSignal(panel.device_chosen) as chosen:
        panel.device_box.setFocus()
        qtbot.keyClick(panel.device_box, Qt.Key.Key_Down)
    assert chosen.args == ["cpu"]
    panel.set_device("auto")
    assert panel.device_box.currentData() == "auto"
    panel.set_message("Out of memory: choose the processor.", "error")
    assert panel.message_label.isVisible()
    assert not panel.message_icon.pixmap().isNull()
    panel.set_message("", "info")
    assert not panel.message_label.isVisible()


def test_the_trackers_that_can_be_chosen(qtbot, make_document, view):
    panel = shown(qtbot, RunPanel(make_document(), view))
    assert panel.tracker_box.currentText() == "Lucas-Kanade"
    assert not panel.note_label.isVisible()
    network = TrackerInfo("mine", "Trained on <nothing>.", "Apache-2.0", Path("mine.pth"), True, "experimental")
    panel.set_trackers([LUCAS_KANADE, network], network)
    assert panel.tracker_box.currentText() == "mine (experimental)"
    assert panel.note_label.text().startswith("Experimental")
    assert panel.note_label.isVisible()
    tips = [panel.tracker_box.itemData(row, Qt.ItemDataRole.ToolTipRole) for row in (0, 1)]
    assert "Lucas-Kanade" in tips[0]
    assert tips[1] == panel.tracker_box.toolTip() == "<p>Trained on &lt;nothing&gt;.</p>"
    icons = [panel.tracker_box.itemIcon(row) for row in (0, 1)]
    assert icons[0].cacheKey() != icons[1].cacheKey()
    panel.tracker_box.setFocus()
    with qtbot.waitSignal(panel.tracker_chosen) as chosen:
        qtbot.keyClick(panel.tracker_box, Qt.Key.Key_Up)
    assert chosen.args == ["lucas-kanade"]
    panel.set_running(True)
    assert not panel.tracker_box.isEnabled()
    assert panel.about_button.isEnabled()


def test_the_wheel_scrolls_the_panel_and_chooses_nothing(qtbot, make_document, view):
    panel = shown(qtbot, RunPanel(make_document(), view))
    panel.resize(panel.minimumWidth(), 150)
    network = TrackerInfo("mine", "Mine.", "Apache-2.0", Path("mine.pth"), True)
    panel.set_trackers([LUCAS_KANADE, network], LUCAS_KANADE)
    bar = panel.findChild(QScrollArea).verticalScrollBar()
    for box in (panel.tracker_box, panel.device_box):
        bar.setValue(0)
        place = box.mapTo(panel.window(), box.rect().center())
        QTest.wheelEvent(panel.windowHandle(), place, QPoint(0, -120))
        assert box.currentIndex() == 0
        assert bar.value() > 0


def test_the_last_run_is_told_by_its_outcome(qtbot, make_document, view):
    document = make_document()
    panel = shown(qtbot, RunPanel(document, view))
    assert panel.last_label.text() == "Last run: lucas-kanade on cpu, done"
    run = document.begin_run(RunInfo("CoTracker3", "cuda"))
    assert "lucas-kanade" in panel.last_label.text()
    document.end_run(run, "cancelled")
    assert panel.last_label.text() == "Last run: CoTracker3 on cuda, stopped"


def test_a_low_run_panel_scrolls_and_covers_nothing(qtbot, make_document, view):
    panel = shown(qtbot, RunPanel(make_document(), view))
    panel.resize(panel.minimumWidth(), 150)
    tops = [w.mapTo(panel._content, w.rect().topLeft()).y() for w in (panel.device_box, panel.range_box)]
    assert tops[1] - tops[0] >= panel.device_box.height()
    assert panel.stop_button.mapTo(panel, panel.stop_button.rect().bottomRight()).x() < panel.width()


# -- history


def test_history_names_the_steps_and_a_click_asks_to_go_there(qtbot, make_document, view):
    document = make_document(2)
    panel = shown(qtbot, HistoryPanel(document, view))
    panel.go_to.connect(document.go_to)
    document.rename(0, "wing")
    rows = [panel.model.index(row).data() for row in range(panel.model.rowCount())]
    assert rows == ["Start", *document.history_steps()]
    assert panel.list_view.currentIndex().row() == 3
    rect = panel.list_view.visualRect(panel.model.index(1))
    qtbot.mouseClick(panel.list_view.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    assert document.history_position == 1
    assert panel.model.position == 1
    assert panel.list_view.currentIndex().row() == 1
    undone = [panel.model.index(row).data(Qt.ItemDataRole.UserRole) for row in range(4)]
    assert undone == [False, False, True, True]
    document.redo()
    assert panel.list_view.currentIndex().row() == 2
    panel.set_document(None)
    assert panel.model.rowCount() == 1


# -- transport


def test_transport_buttons_ask_and_mirror_the_view(qtbot, make_document, view):
    panel = shown(qtbot, Transport(make_document(), view))
    asked: list[str] = []
    panel.action_requested.connect(asked.append)
    for button in panel.findChildren(QToolButton):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert sorted(asked) == sorted(
        ["step.first", "step.previous", "play.toggle", "step.next", "step.last", "loop.toggle", "view.trails"]
    )
    assert not panel.loop_button.isChecked()  # nobody has done it
    view.loop = True
    view.show_trails = False
    assert panel.loop_button.isChecked()
    assert not panel.trails_button.isChecked()


def test_the_frame_field_follows_and_leads(qtbot, make_document, view):
    panel = shown(qtbot, Transport(make_document(), view))
    view.playhead = 53
    assert panel.frame_field.value() == 53
    assert panel.time_label.text() == "00:00:02:03"
    panel.frame_field.setFocus()
    panel.frame_field.selectAll()
    qtbot.keyClicks(panel.frame_field, "120")
    assert view.playhead == 53
    qtbot.keyClick(panel.frame_field, Qt.Key.Key_Return)
    assert view.playhead == 120
    panel.frame_field.setValue(5000)
    assert view.playhead == 199


def test_playing_speed_and_colour(qtbot, make_document, view):
    panel = shown(qtbot, Transport(make_document(), view))
    panel.set_playing(True)
    panel.set_speed(-4.0)
    assert panel.play_button.accessibleName() == "Pause"
    assert panel.speed_label.text() == "−4×"
    panel.set_playing(False)
    panel.set_speed(0.0)
    assert panel.play_button.accessibleName() == "Play"
    assert panel.speed_label.text() == ""
    view.colour_by = "source"
    assert panel.colour_box.currentData() == "source"
    panel.colour_box.setFocus()
    qtbot.keyClick(panel.colour_box, Qt.Key.Key_Up)
    assert view.colour_by == "track"
    offered = [panel.colour_box.itemData(row) for row in range(panel.colour_box.count())]
    assert offered == list(COLOUR_MODES), "the box and the key C go through the same"
    for mode in COLOUR_MODES:
        panel.colour_box.activated.emit(panel.colour_box.findData(mode))
        assert view.colour_by == mode


def test_an_icon_made_while_disabled_is_not_dim(qtbot, make_document, view):
    panel = shown(qtbot, Transport(None, view))
    assert not panel.isEnabled()
    panel.set_playing(True)
    panel.set_document(make_document())
    dim = panel.play_button.grab().toImage()
    panel.set_playing(True)
    assert panel.play_button.grab().toImage() == dim


# -- status


def test_status_measures_memory_only_while_it_is_seen(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    status = StatusWidgets(window)
    assert status in window.statusBar().children()
    window.show()
    assert status._timer.isActive()
    assert float(status.memory.text.split()[0].replace(",", ".")) > 0
    window.close()
    assert not status._timer.isActive()


def test_status_tells_what_it_is_told(qtbot):
    status = shown(qtbot, StatusWidgets())
    status.set_pixel(10.25, 3.0)
    status.set_model("CoTracker3 online")
    status.set_device("cuda")
    status.set_cache(512 * 1024**2, 2048 * 1024**2)
    status.set_saved(Path("/films/street.trackwright"))
    assert status.pixel.text == "10.2, 3.0"
    assert status.cache.text == "25 %"
    assert status.saved.text == "All changes saved"
    assert "street.trackwright" in status.saved.toolTip()
    status.clear_pixel()
    status.set_saved(None)
    assert not status.pixel.isVisible()
    assert not status.saved.isVisible()


# -- all of them


@pytest.mark.parametrize("panel_class", PANELS)
def test_no_panel_listens_after_release_or_deletion(qtbot, make_document, view, panel_class):
    first, second = make_document(2), make_document(3)
    panel = panel_class(first, view)
    assert listeners(first, view) > 0
    panel.set_document(second)
    assert len(first.changed._functions) == 0
    panel.release()
    assert listeners(second, view) == 0
    panel.set_document(first)
    panel.deleteLater()
    QApplication.sendPostedEvents(panel, QEvent.Type.DeferredDelete)
    assert listeners(first, view) == 0
    first.rename(0, "still works")
    view.playhead = 7


@pytest.mark.parametrize("panel_class", PANELS)
def test_every_control_has_a_name_and_is_large_enough(qtbot, make_document, view, panel_class):
    panel = shown(qtbot, panel_class(make_document(), view))
    for button in panel.findChildren(IconButton):
        assert button.accessibleName()
        assert button.toolTip()
        assert min(button.width(), button.height()) >= 24
    for field in [
        *panel.findChildren(QComboBox),
        *panel.findChildren(QAbstractItemView),
        *panel.findChildren(QSpinBox),
    ]:
        if field.isVisible():
            assert field.accessibleName()


@pytest.mark.parametrize("panel_class", PANELS)
def test_another_palette_changes_the_picture(qtbot, make_document, view, panel_class):
    style, palette = QApplication.style().objectName(), QApplication.palette()
    QApplication.setStyle("Fusion")
    try:
        QApplication.setPalette(light_palette())
        panel = shown(qtbot, panel_class(make_document(), view))
        panel.resize(500, 300)
        light = mean_lightness(panel)
        QApplication.setPalette(dark_palette())
        qtbot.waitUntil(lambda: light - mean_lightness(panel) > 60)
    finally:
        QApplication.setPalette(palette)
        QApplication.setStyle(style)


def mean_lightness(widget: QWidget) -> float:
    image = widget.grab().toImage()
    places = [(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)]
    return sum(image.pixelColor(x, y).lightness() for x, y in places) / len(places)
