"""The review panel in a real window: rows, walking, threshold and the finish line."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.panels.review_list import ERROR_ROLE, FRAMES_ROLE, REASONS_ROLE
from app.panels.review_panel import ReviewPanel
from app.theme import apply_theme
from tracker.inference.suspicion import REASONS, Suspect


@pytest.fixture
def document(make_document):
    return make_document(3)


@pytest.fixture
def panel(document, view, qtbot):
    panel = ReviewPanel(document, view)
    qtbot.addWidget(panel)
    panel.resize(300, 500)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


@pytest.fixture
def suspects(document):
    ids = [track.id for track in document.table.tracks]
    return [
        Suspect(ids[1], 20, 31, 25, 18.26, ("jump", "patch_change")),
        Suspect(ids[0], 7, 8, 7, 9.0, ("uncertainty",)),
        Suspect(ids[1], 90, 120, 110, 5.5, ("neighbours",)),
    ]


def going(panel: ReviewPanel) -> list[tuple[int, int, int, int]]:
    asked: list[tuple[int, int, int, int]] = []
    panel.go_requested.connect(lambda *where: asked.append(where))
    return asked


def click_row(panel, qtbot, row: int) -> None:
    place = panel.list_view.visualRect(panel.model.index(row)).center()
    qtbot.mouseClick(panel.list_view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_rows_say_whose_where_how_far_and_why(panel, document, suspects):
    panel.show_suspects(suspects)
    rows = [panel.model.index(k) for k in range(panel.model.rowCount())]
    assert [row.data() for row in rows] == [document.table.track(s.track_id).name for s in suspects]
    assert [row.data(FRAMES_ROLE) for row in rows] == ["20–30", "7", "90–119"]
    assert rows[0].data(ERROR_ROLE) == "18.3 px"
    assert rows[0].data(REASONS_ROLE) == f"{REASONS['jump']}, {REASONS['patch_change']}"
    spoken = rows[2].data(Qt.ItemDataRole.AccessibleTextRole)
    assert "5.5 px" in spoken
    assert "frame 110" in spoken


def test_a_click_on_a_row_and_enter_ask_to_go_there(panel, qtbot, suspects):
    panel.show_suspects(suspects)
    asked = going(panel)
    click_row(panel, qtbot, 1)
    assert asked == [(suspects[1].track_id, 7, 8, 7)]
    qtbot.keyClick(panel.list_view, Qt.Key.Key_Down)
    assert len(asked) == 1
    qtbot.keyClick(panel.list_view, Qt.Key.Key_Return)
    assert asked[-1] == (suspects[2].track_id, 90, 120, 110)


def test_buttons_ask_the_window_and_know_where_the_queue_ends(panel, qtbot, suspects):
    wanted: list[str] = []
    panel.action_requested.connect(wanted.append)
    buttons = (panel.previous_button, panel.next_button, panel.approve_button)
    assert not any(button.isEnabled() for button in buttons)
    panel.show_suspects(suspects)
    assert [button.isEnabled() for button in buttons] == [False, True, False]
    panel.go_next()
    panel.go_next()
    for button in buttons:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert wanted == ["review.previous", "review.next", "mark.approve"]
    panel.go_next()
    assert [button.isEnabled() for button in buttons] == [True, False, True]


def test_walking_asks_for_each_span_and_selects_its_row(panel, suspects):
    panel.show_suspects(suspects)
    asked = going(panel)
    assert [panel.go_next() for _ in range(4)] == [True, True, True, False]
    assert panel.go_previous()
    assert [where[3] for where in asked] == [25, 7, 110, 7]
    assert panel.list_view.currentIndex().row() == 1


def test_the_finish_line(panel, suspects):
    now = [0.0]
    panel.queue._clock = lambda: now[0]
    panel.show_suspects(suspects * 10)
    assert panel.left_label.text() == "30 spans left"
    panel.go_next()
    for _ in range(5):
        now[0] += 9
        panel.go_on()
    assert panel.left_label.text() == "25 spans left, about 4 min"
    assert (panel.progress_bar.value(), panel.progress_bar.maximum()) == (5, 30)
    for _ in range(24):
        panel.go_on()
    assert panel.left_label.text().startswith("1 span left")
    assert not panel.go_on()
    assert panel.empty_label.isVisible()
    assert panel.empty_label.text() == "Nothing left above 4 px"
    assert not panel.left_label.isVisible()


def test_what_is_put_right_counts_but_not_what_another_threshold_leaves_out(panel, view, suspects):
    panel.show_suspects(suspects)
    panel.go_next()
    panel.show_suspects(suspects[1:])  # a correction has solved it
    assert (panel.queue.decided, panel.progress_bar.value()) == (1, 1)
    panel.go_next()
    view.error_threshold = 10.0
    panel.show_suspects([])
    assert panel.queue.decided == 1


def test_the_threshold_is_that_of_the_view(panel, view, qtbot):
    view.error_threshold = 12.5
    assert panel.threshold_box.value() == 12.5
    place = panel.threshold_slider.value()
    qtbot.keyClick(panel.threshold_slider, Qt.Key.Key_Right)
    assert panel.threshold_slider.value() == place + 1
    assert 12.5 < view.error_threshold < 14
    assert panel.threshold_box.value() == view.error_threshold
    panel.threshold_box.setValue(3.0)
    assert view.error_threshold == 3.0
    assert panel.threshold_slider.value() < place


def test_every_step_of_the_slider_stays_where_it_is_put(panel, view):
    for step in range(panel.threshold_slider.maximum() + 1):
        panel.threshold_slider.setValue(step)
        assert panel.threshold_slider.value() == step


def test_what_stands_there_when_there_is_nothing(panel, view, make_document, qtbot):
    assert "listed here" in panel.empty_label.text()
    panel.show_busy()
    assert "Looking" in panel.empty_label.text()
    panel.show_suspects([])
    assert panel.empty_label.text() == "Nothing left above 4 px"
    view.error_threshold = 2.5
    assert panel.empty_label.text() == "Nothing left above 2.5 px"
    panel.set_document(make_document(0))
    assert "No points yet" in panel.empty_label.text()
    panel.set_document(None)
    assert "Open a video" in panel.empty_label.text()


def test_another_document_empties_the_queue(panel, suspects, make_document):
    panel.show_suspects(suspects)
    panel.go_next()
    panel.set_document(make_document(1))
    assert panel.model.rowCount() == 0
    assert panel.queue.current is None


def test_a_new_name_is_shown_at_once_and_a_lost_track_still_has_one(panel, document, suspects, qtbot):
    panel.show_suspects(suspects)
    with qtbot.waitSignal(panel.model.dataChanged):
        document.rename(suspects[0].track_id, "left paw")
    assert panel.model.index(0).data() == "left paw"
    document.delete_tracks([suspects[0].track_id])
    assert str(suspects[0].track_id) in panel.model.index(0).data()


def test_the_loop_box_tells_and_takes(panel, qtbot):
    heard: list[bool] = []
    panel.loop_changed.connect(heard.append)
    qtbot.keyClick(panel.loop_box, Qt.Key.Key_Space)
    panel.set_loop(False)
    assert heard == [True, False]


def test_everything_has_a_name_and_can_be_reached_by_keys(panel, suspects):
    panel.show_suspects(suspects)
    panel.go_next()
    panel.go_next()
    widgets = (panel.threshold_slider, panel.threshold_box, panel.list_view, panel.previous_button)
    for widget in (*widgets, panel.next_button, panel.approve_button, panel.loop_box):
        assert widget.accessibleName() or widget.text()
        assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert "(V)" in panel.approve_button.toolTip()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rows_are_painted_with_the_colour_of_their_track(panel, document, suspects, qapp, qtbot, theme):
    apply_theme(qapp, theme)
    panel.show_suspects(suspects)
    qapp.processEvents()
    image = panel.list_view.viewport().grab().toImage().convertToFormat(panel.grab().toImage().Format.Format_RGB888)
    width, height = image.width(), image.height()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(height, image.bytesPerLine())[:, : 3 * width]
    pixels = rows.reshape(height, width, 3)
    for row, suspect in enumerate(suspects):
        area = panel.list_view.visualRect(panel.model.index(row))
        cut = pixels[area.top() : area.bottom(), : area.width()]
        colour = document.table.track(suspect.track_id).colour
        assert (cut == np.array(colour, np.uint8)).all(axis=-1).sum() > 50
    apply_theme(qapp, "light")


@pytest.mark.parametrize("width", [200, 300, 700])
def test_it_fits_narrow_and_wide(panel, suspects, qapp, width):
    panel.show_suspects(suspects)
    panel.resize(width, 420)
    qapp.processEvents()
    assert panel.width() == width
    for child in (panel.threshold_box, panel.list_view, panel.approve_button, panel.previous_button):
        assert panel.rect().contains(child.geometry())
