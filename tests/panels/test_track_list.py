"""The track list: one selection with the view, names, order, filter, and little work per frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit

from app.document.project import Document
from app.panels import TrackList
from app.panels.track_counts import BLOCK, TrackCounts
from app.panels.track_model import AT_PLAYHEAD, Column, TrackModel
from tracker.labels.table import Source, State

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def shown(qtbot, document, view):
    panel = TrackList(document, view)
    qtbot.addWidget(panel)
    panel.resize(500, 400)
    panel.show()
    qtbot.waitUntil(lambda: panel.model.count(1.0))
    return panel


def texts(panel, column=Column.NAME):
    return [panel.model.index(row, column).data() for row in range(panel.model.rowCount())]


def click(qtbot, panel, row, column=Column.NAME, modifiers=Qt.KeyboardModifier.NoModifier):
    rect = panel.table_view.visualRect(panel.model.index(row, column))
    qtbot.mouseClick(panel.table_view.viewport(), Qt.MouseButton.LeftButton, modifiers, rect.center())


def selected_rows(panel):
    return sorted(index.row() for index in panel.table_view.selectionModel().selectedRows())


def test_selection_goes_both_ways_and_keeps_the_primary_track(qtbot, make_document, view):
    panel = shown(qtbot, make_document(6), view)
    click(qtbot, panel, 4)
    assert view.selection == (4,)
    click(qtbot, panel, 1, modifiers=Qt.KeyboardModifier.ControlModifier)
    assert view.selection == (4, 1)
    click(qtbot, panel, 3, modifiers=Qt.KeyboardModifier.ShiftModifier)
    assert view.primary == 3
    view.select([0, 5])
    assert selected_rows(panel) == [0, 5]
    assert panel.table_view.currentIndex().row() == 5
    view.select([])
    assert selected_rows(panel) == []


def test_selection_survives_sorting_filtering_and_deletion(qtbot, make_document, view):
    document = make_document(12)
    panel = shown(qtbot, document, view)
    view.select([2, 10])
    panel.table_view.horizontalHeader().setSortIndicator(Column.NAME, Qt.SortOrder.DescendingOrder)
    assert texts(panel)[:4] == ["Track 12", "Track 11", "Track 10", "Track 9"]
    assert [panel.model.track_at(row).id for row in selected_rows(panel)] == [10, 2]
    panel.filter_box.setText("11")
    assert texts(panel) == ["Track 11"]
    assert view.selection == (2, 10)
    panel.filter_box.clear()
    assert len(selected_rows(panel)) == 2
    document.delete_tracks([5])
    assert texts(panel)[-1] == "Track 1"
    assert [panel.model.track_at(row).id for row in selected_rows(panel)] == [10, 2]


def test_a_name_typed_into_the_list_is_the_documents_and_can_be_undone(qtbot, make_document, view):
    document = make_document(3)
    panel = shown(qtbot, document, view)
    panel.table_view.setCurrentIndex(panel.model.index(1, Column.NAME))
    panel.table_view.edit(panel.model.index(1, Column.NAME))
    editor = panel.table_view.viewport().findChild(QLineEdit)
    editor.selectAll()
    qtbot.keyClicks(editor, "Left wing")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: document.table.track(1).name == "Left wing")
    assert texts(panel)[1] == "Left wing"
    document.undo()
    assert texts(panel)[1] == "Track 2"
    assert not panel.model.setData(panel.model.index(1, Column.NAME), "  ")
    assert panel.model.setData(panel.model.index(1, Column.GROUP), "car")
    assert document.table.track(1).group == "car"
    assert not panel.table_view.isColumnHidden(Column.GROUP)


def test_every_column_sorts_by_its_value(qtbot, make_document, view):
    document = make_document(4)
    document.table.rows("confidence")[7] = [0.5, 0.2, 0.9, 0.7]
    document.set_state([2], 7, 8, State.OCCLUDED)
    document.clear([0], 20, 120)
    document.place_anchor(3, 50, 1, 1)
    document.place_anchor(3, 60, 1, 1)
    document.set_locked([1])
    document.set_group([0, 2], "b")
    document.set_group([3], "a")
    view.playhead = 7
    panel = shown(qtbot, document, view)
    header = panel.table_view.horizontalHeader()
    expected = {
        Column.NAME: [0, 1, 2, 3],
        Column.STATE: [0, 1, 3, 2],
        Column.CONFIDENCE: [1, 0, 3, 2],
        Column.COVERAGE: [0, 1, 2, 3],
        Column.ANCHORS: [0, 1, 2, 3],
        Column.LOCK: [0, 2, 3, 1],
        Column.GROUP: [1, 3, 0, 2],
    }
    for column, order in expected.items():
        header.setSortIndicator(column, Qt.SortOrder.AscendingOrder)
        assert [panel.model.track_at(row).id for row in range(4)] == order, column
    assert texts(panel, Column.COVERAGE) == ["100", "100", "50", "100"]
    assert texts(panel, Column.ANCHORS) == ["1", "3", "1", "2"]


def test_a_new_frame_only_redraws_the_rows_in_view(qtbot, make_document, view):
    document = make_document(5000, 20)
    document.set_state([1], 6, 9, State.OCCLUDED)
    panel = shown(qtbot, document, view)
    changes, resets = [], []
    panel.model.dataChanged.connect(lambda first, last, *_: changes.append((first, last)))
    panel.model.modelReset.connect(lambda: resets.append(1))
    view.playhead = 7
    assert not resets
    assert len(changes) == 1
    first, last = changes[0]
    assert (first.column(), last.column()) == (AT_PLAYHEAD[0], AT_PLAYHEAD[-1])
    assert last.row() - first.row() < 30
    state = panel.model.index(1, Column.STATE)
    assert state.data(Qt.ItemDataRole.AccessibleTextRole) == "Occluded"
    assert panel.model.index(0, Column.CONFIDENCE).data() == "0.90"


def test_selecting_and_renaming_thousands_asks_for_few_cells(qtbot, make_document, view, monkeypatch):
    document = make_document(5000, 20)
    panel = shown(qtbot, document, view)
    asked = []
    flags = TrackModel.flags

    def counted(self, index):
        asked.append(index)
        return flags(self, index)

    monkeypatch.setattr(TrackModel, "flags", counted)
    view.select(range(5000))
    panel.grab()
    document.rename(7, "wing")
    panel.grab()
    panel.table_view.selectAll()
    assert len(view.selection) == 5000
    assert len(asked) < 5000


def test_the_lock_column_locks_with_a_click(qtbot, make_document, view):
    document = make_document(3)
    panel = shown(qtbot, document, view)
    click(qtbot, panel, 1, Column.LOCK)
    assert document.table.track(1).locked
    click(qtbot, panel, 1, Column.LOCK)
    assert not document.table.track(1).locked


def test_delete_and_the_menu_ask_the_window(qtbot, make_document, view):
    panel = shown(qtbot, make_document(3), view)
    click(qtbot, panel, 1)
    with qtbot.waitSignal(panel.action_requested) as asked:
        qtbot.keyClick(panel.table_view, Qt.Key.Key_Delete)
    assert asked.args == ["edit.delete"]
    menu = panel.make_menu(panel.model.index(1, Column.NAME))
    actions = {action.text(): action for action in menu.actions()}
    with qtbot.waitSignal(panel.action_requested) as asked:
        actions["Re-track up to the next anchor"].trigger()
    assert asked.args == ["run.retrack"]
    with qtbot.waitSignal(panel.action_requested) as asked:
        actions["Lock"].trigger()
    assert asked.args == ["tracks.lock"]


def test_the_menu_offers_what_can_be_done_with_the_selection(qtbot, make_document, view):
    document = make_document(3)
    document.set_group([2], "car")
    panel = shown(qtbot, document, view)
    asked: list[str] = []
    panel.action_requested.connect(asked.append)
    view.select([1])
    for action in panel.make_menu(panel.model.index(1, Column.NAME)).actions():
        if action.isEnabled() and not action.isSeparator() and action.text() != "Rename":
            action.trigger()
    assert asked == [
        *("group.set", "tracks.lock", "tracks.hide", "tracks.solo", "run.forward", "run.backward", "run.retrack"),
        *("tracks.end", "tracks.split", "tracks.interpolate", "edit.delete"),
    ]
    view.select([1, 2])
    view.hidden = frozenset({2})
    document.set_locked([2])
    enabled = {a.text() for a in panel.make_menu(panel.model.index(2, Column.NAME)).actions() if a.isEnabled()}
    assert {"Rename group…", "Merge into one", "Copy motion of the last selected", "Unlock", "Show"} <= enabled


def test_the_eye_hides_with_a_click_and_all_others_with_alt(qtbot, make_document, view):
    document = make_document(4)
    panel = shown(qtbot, document, view)
    eye = panel.model.index(1, Column.EYE)
    before = panel.table_view.grab().toImage()
    click(qtbot, panel, 1, Column.EYE)
    assert view.hidden == {1}
    assert eye.data(Qt.ItemDataRole.AccessibleTextRole) == "Hidden"
    assert panel.table_view.grab().toImage() != before
    click(qtbot, panel, 1, Column.EYE)
    assert view.hidden == frozenset()
    click(qtbot, panel, 2, Column.EYE, Qt.KeyboardModifier.AltModifier)
    assert view.hidden == {0, 1, 3}
    click(qtbot, panel, 2, Column.EYE, Qt.KeyboardModifier.AltModifier)
    assert view.hidden == frozenset()
    view.hidden = frozenset({0, 3})
    panel.table_view.horizontalHeader().setSortIndicator(Column.EYE, Qt.SortOrder.AscendingOrder)
    assert [panel.model.track_at(row).id for row in range(4)] == [1, 2, 0, 3]
    view.hidden = frozenset({1})
    assert [panel.model.track_at(row).id for row in range(4)] == [0, 2, 3, 1]


def test_groups_have_their_colour(qtbot, make_document, view):
    document = make_document(3)
    document.set_group([0, 2], "car")
    panel = shown(qtbot, document, view)

    def chip(row):
        icon = panel.model.index(row, Column.GROUP).data(Qt.ItemDataRole.DecorationRole)
        return None if icon is None else icon.pixmap(24, 24).toImage().pixelColor(12, 12).getRgb()[:3]

    assert chip(0) == chip(2) == document.table.track(0).colour
    assert chip(1) is None
    document.set_group_colour("car", (10, 20, 200))
    assert chip(2) == (10, 20, 200)
    document.undo()
    assert chip(2) == document.table.track(0).colour


def test_an_empty_list_says_what_to_do(qtbot, make_document, view):
    document = make_document(0)
    panel = shown(qtbot, document, view)
    assert "Press N" in panel.empty_label.text()
    assert panel.empty_label.isVisible()
    document.add_tracks([(0, 5, 5)])
    assert panel.table_view.isVisible()
    panel.filter_box.setText("nothing like it")
    assert "nothing like it" in panel.empty_label.text()
    assert panel.empty_label.isVisible()


def test_an_enlarged_name_column_needs_no_scrolling(qtbot, make_document, view):
    panel = shown(qtbot, make_document(3), view)
    panel.resize(600, 300)
    qtbot.waitUntil(lambda: panel.table_view.horizontalScrollBar().maximum() == 0)
    assert panel.table_view.columnAt(QPoint(60, 5).x()) == Column.NAME


@settings(max_examples=25, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3 * BLOCK), st.integers(1, 2 * BLOCK), st.integers(0, 3)),
        max_size=8,
    )
)
def test_counts_follow_edits_exactly(edits):
    document = Document(3 * BLOCK + 7)
    ids = document.add_tracks(np.tile(np.array([3, 1, 1], np.float32), (4, 1)))
    counts = TrackCounts(document.table)

    def follow(change):
        if change.kind in ("cells", "tracks"):
            counts.cells_changed(change.start, change.end)
        if change.kind == "tracks":
            counts.tracks_changed()

    document.changed.subscribe(follow)
    for track, start, length, kind in edits:
        if kind == 3 and track in document.table:
            document.delete_tracks([track])
        elif kind == 2:
            document.undo()
        elif kind == 1:
            document.add_tracks([(start, 4, 4)])
        elif track < len(ids):
            document.set_state([track], start, start + length, State.OCCLUDED)
    assert counts.refresh(10.0)
    assert counts.labelled.tolist() == (document.table.state != State.UNLABELLED).sum(axis=1).tolist()
    assert counts.anchors.tolist() == (document.table.source == Source.ANCHOR).sum(axis=1).tolist()
