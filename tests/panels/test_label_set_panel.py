"""The label set panel on a made-up workspace: rows, search, filter, progress and what it asks for."""

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage

from app.curation.ranking import Standing
from app.curation.workspace import Workspace
from app.panels.check_bar import CheckBar
from app.panels.label_set_list import DOUBT_ROLE, OPEN_ROLE, PICTURE_ROLE, SPANS_ROLE
from app.panels.label_set_panel import LabelSetPanel
from app.theme import apply_theme
from tracker.labels.label_set import LabelSet

NAMES = ["clip-00aa00aa", "street-11bb11bb", "street-22cc22cc", "with-a-dash"]


def ranked(name: str, count: int, doubt: float = 5.0, share: float = 0.1) -> Standing:
    return Standing(name, "open", count, doubt, share, 100)


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(LabelSet.create(tmp_path / "my labels", {}), NAMES, {"street-22cc22cc": "rejected"})
    made.show_ranking([ranked(NAMES[1], 3, 12.34), ranked(NAMES[0], 1)], {NAMES[3]: "with-a-dash.npz: is damaged"})
    return made


@pytest.fixture
def panel(qtbot, workspace):
    panel = LabelSetPanel()
    qtbot.addWidget(panel)
    panel.set_workspace(workspace)
    panel.resize(300, 560)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def rows(panel, role=Qt.ItemDataRole.DisplayRole):
    return [panel.model.index(row).data(role) for row in range(panel.model.rowCount())]


def test_rows_say_what_how_far_and_how_much(panel):
    assert rows(panel) == ["street", "clip", "with-a-dash"]
    assert rows(panel, DOUBT_ROLE) == ["10.0 % in doubt, by 12.3 px", "10.0 % in doubt, by 5.0 px", "cannot be read"]
    assert rows(panel, SPANS_ROLE) == ["3 spans", "1 span", ""]
    spoken = rows(panel, Qt.ItemDataRole.AccessibleTextRole)
    assert spoken[0].startswith("street-11bb11bb, open, 10.0 % in doubt, by 12.3 px")
    assert spoken[2] == "with-a-dash.npz: is damaged"


def test_a_picture_appears_where_it_belongs_and_goes_with_its_set(panel, workspace):
    assert rows(panel, PICTURE_ROLE) == [None] * 3
    picture = QImage(64, 36, QImage.Format.Format_RGB32)
    picture.fill(QColor("red"))
    panel.set_picture(NAMES[0], picture)
    assert [each is not None for each in rows(panel, PICTURE_ROLE)] == [False, True, False]
    place = panel.list_view.visualRect(panel.model.index(1))
    shown = panel.list_view.grab(place).toImage().pixelColor(50, place.height() // 2)
    assert (shown.red(), shown.green()) == (255, 0)
    panel.set_workspace(None)
    assert "No label set is open." in panel.empty_label.text()


def test_the_open_video_is_marked_and_stays_in_view(panel, workspace):
    workspace.begin(NAMES[0])
    assert rows(panel, OPEN_ROLE) == [False, True, False]
    assert panel.list_view.currentIndex().row() == 1
    assert panel.accept_button.isEnabled()
    workspace.begin(None)
    assert not panel.accept_button.isEnabled()


def test_a_decision_takes_a_video_out_of_the_open_ones(panel, workspace):
    assert panel.left_label.text() == "1 of 4 videos decided, 4 spans left"
    assert panel.shown_box.itemText(0) == "Open (3)"
    workspace.update(ranked(NAMES[0], 1, 1234.5))
    assert rows(panel, DOUBT_ROLE)[1] == "10.0 % in doubt"
    workspace.decide(NAMES[1], "accepted")
    assert rows(panel) == ["clip", "with-a-dash"]
    assert panel.left_label.text() == "2 of 4 videos decided, 1 span left"
    panel._filter_chosen(panel.shown_box.findData("accepted"))
    assert rows(panel) == ["street"]
    assert panel.shown_box.currentText() == "Accepted (1)"


def test_enter_and_a_double_click_ask_for_a_video(panel, qtbot):
    asked: list[str] = []
    panel.open_requested.connect(asked.append)
    panel.list_view.setFocus()
    qtbot.keyClick(panel.list_view, Qt.Key.Key_Down)
    qtbot.keyClick(panel.list_view, Qt.Key.Key_Return)
    place = panel.list_view.visualRect(panel.model.index(2)).center()
    qtbot.mouseClick(panel.list_view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert asked == [NAMES[0]], "one click chooses nothing"
    qtbot.mouseDClick(panel.list_view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert asked == [NAMES[0], NAMES[3]]


def test_a_row_has_room_in_both_themes(panel, qapp):
    for theme in ("dark", "light"):
        apply_theme(qapp, theme)
        image = panel.grab().toImage()
        assert image.width() == 300
        assert len({image.pixel(x, y) for x in range(0, 300, 3) for y in range(0, 560, 3)}) > 3


def test_a_thousand_videos_do_not_hold_the_window_up(qtbot, panel, tmp_path):
    names = [f"v{k:04d}-00000000" for k in range(1000)]
    workspace = Workspace(LabelSet.create(tmp_path / "many", {}), names, {})
    panel.set_workspace(workspace)
    videos = [ranked(name, k % 7, k % 31) for k, name in enumerate(names)]
    took = []
    for act in (
        lambda: workspace.show_ranking(videos, {}),
        lambda: workspace.update(videos[500]),
        lambda: setattr(workspace, "search", "7"),
        lambda: setattr(workspace, "search", ""),
    ):
        began = time.process_time()
        act()
        panel.list_view.viewport().repaint()
        took.append(time.process_time() - began)
    assert sorted(took)[-2] < 0.05, took


def test_the_bar_of_a_check_shows_what_can_be_done(qtbot):
    bar = CheckBar()
    qtbot.addWidget(bar)
    asked: list[str] = []
    bar.action_requested.connect(asked.append)
    bar.show_span("Span 1 of 3", "none checked yet")
    shown = {action for action, button in bar.buttons.items() if not button.isHidden()}
    assert shown == {"check.right", "check.wrong", "check.back", "check.stop"}
    bar.buttons["check.wrong"].click()
    assert asked == ["check.wrong"]
    bar.show_end("Spot check", "3 checked", "Accept up to 2 px", may_go_on=True, may_accept=False)
    assert {action for action, button in bar.buttons.items() if not button.isHidden()} == {"check.go_on", "check.drop"}
