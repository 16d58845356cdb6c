"""The mask panel: the list, its buttons, and what they do to the document."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QColorDialog, QLineEdit

from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.mask_model import Column
from app.panels.mask_panel import MaskPanel

LEFT = Qt.MouseButton.LeftButton
SIZE = (640, 480)  # of the documents of `make_document`
Y, X = np.mgrid[: SIZE[1], : SIZE[0]]
BOX = (X >= 100) & (X < 200) & (Y >= 50) & (Y < 90)


@pytest.fixture
def document(make_document: Callable[..., Document]) -> Document:
    return make_document(0)


@pytest.fixture
def panel(qtbot, document: Document, view: ViewState) -> MaskPanel:
    panel = MaskPanel(document, view)
    qtbot.addWidget(panel)
    panel.resize(290, 400)
    with qtbot.waitExposed(panel):
        panel.show()
    return panel


def press(button: QAbstractButton) -> None:
    QTest.mouseClick(button, LEFT)


def click_cell(panel: MaskPanel, row: int, column: Column) -> None:
    place = panel.table_view.visualRect(panel.model.index(row, column)).center()
    QTest.mouseClick(panel.table_view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)


def test_without_a_mask_it_says_what_to_do(panel: MaskPanel) -> None:
    assert "brush" in panel.state_label.text()
    for button in (
        panel.delete_button,
        panel.invert_button,
        panel.grow_button,
        panel.clear_button,
        panel.export_button,
    ):
        assert not button.isEnabled()
    assert panel.add_button.isEnabled()


def test_masks_come_and_go_and_one_is_always_chosen(panel: MaskPanel, document: Document, view: ViewState) -> None:
    for _ in range(3):
        press(panel.add_button)
    ids = [info.id for info in document.masks.infos]
    assert len(ids) == 3
    assert view.mask == ids[2]
    click_cell(panel, 1, Column.NAME)
    assert view.mask == ids[1]
    press(panel.delete_button)
    assert [info.id for info in document.masks.infos] == [ids[0], ids[2]]
    assert view.mask == ids[0]
    QTest.keyClick(panel.table_view, Qt.Key.Key_Delete)
    assert view.mask == ids[2]
    press(panel.delete_button)
    assert panel.model.row_of(view.mask) is None
    document.undo()
    assert view.mask == ids[2]
    assert panel.table_view.currentIndex().row() == 0


def test_a_name_is_written_in_the_list(panel: MaskPanel, document: Document, qtbot) -> None:
    mask = document.add_mask("Old")
    place = panel.table_view.visualRect(panel.model.index(0, Column.NAME)).center()
    QTest.mouseClick(panel.table_view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    QTest.mouseDClick(panel.table_view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    editor = panel.table_view.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    QTest.keyClicks(editor, "Camel")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: document.masks.info(mask).name == "Camel")
    document.undo()
    assert panel.model.index(0, Column.NAME).data() == "Old"


def test_a_mask_becomes_a_garbage_matte(panel: MaskPanel, document: Document) -> None:
    mask = document.add_mask()
    plain = panel.model.index(0, Column.NAME).data(Qt.ItemDataRole.DecorationRole).pixmap(14).toImage()
    cell = panel.table_view.visualRect(panel.model.index(0, Column.MATTE))
    place = QPoint(cell.left() + 10, cell.center().y())
    QTest.mouseClick(panel.table_view.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    assert document.masks.info(mask).matte
    assert panel.model.index(0, Column.NAME).data(Qt.ItemDataRole.DecorationRole).pixmap(14).toImage() != plain
    assert panel.end_button.isVisible()
    assert not panel.sample_button.isVisible()
    document.undo()
    assert panel.sample_button.isVisible()


def test_the_eye_hides_without_a_step(panel: MaskPanel, document: Document, qtbot) -> None:
    mask = document.add_mask()
    steps = document.history_position
    with qtbot.waitSignal(panel.hidden_masks_changed) as hidden:
        click_cell(panel, 0, Column.EYE)
    assert hidden.args == [frozenset({mask})]
    with qtbot.waitSignal(panel.hidden_masks_changed) as hidden:
        click_cell(panel, 0, Column.EYE)
    assert hidden.args == [frozenset()]
    assert document.history_position == steps


def test_a_colour_is_chosen(panel: MaskPanel, document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = document.add_mask()
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor(1, 2, 3))
    press(panel.colour_button)
    assert document.masks.info(mask).colour == (1, 2, 3)


class TestOnThisFrame:
    @pytest.fixture
    def mask(self, panel: MaskPanel, document: Document, view: ViewState) -> int:
        mask = document.add_mask()
        document.paint_mask(mask, 10, BOX)
        view.playhead = 20
        return mask

    def bitmap(self, document: Document, mask: int) -> np.ndarray:
        found = document.masks.bitmap(mask, 20)
        assert found is not None
        return found

    def test_whole_mask_edits_start_from_what_is_held(self, panel: MaskPanel, document: Document, mask: int) -> None:
        press(panel.invert_button)
        np.testing.assert_array_equal(self.bitmap(document, mask), ~BOX)
        press(panel.invert_button)
        panel.pixels_box.setValue(5)
        press(panel.shrink_button)
        np.testing.assert_array_equal(self.bitmap(document, mask), (X >= 105) & (X < 195) & (Y >= 55) & (Y < 85))
        press(panel.grow_button)
        corners = BOX & ~self.bitmap(document, mask)  # they are round now
        assert not (self.bitmap(document, mask) & ~BOX).any()
        assert 0 < corners.sum() < 4 * 25
        held = document.masks.bitmap(mask, 10)
        np.testing.assert_array_equal(held, BOX)
        for _ in range(4):
            document.undo()
        assert document.masks.frames(mask) == [10]

    def test_keep_and_clear(self, panel: MaskPanel, document: Document, view: ViewState, mask: int) -> None:
        assert "Held from frame 10" in panel.state_label.text()
        assert not panel.clear_button.isEnabled()
        press(panel.keep_button)
        np.testing.assert_array_equal(self.bitmap(document, mask), BOX)
        assert "Painted on this frame. 2 painted frames." in panel.state_label.text()
        assert not panel.keep_button.isEnabled()
        press(panel.clear_button)
        assert document.masks.frames(mask) == [10]
        view.playhead = 5
        assert "Nothing painted" in panel.state_label.text()


class TestTools:
    @pytest.mark.parametrize("tool", ["brush", "eraser", "polygon", "fill"])
    def test_a_tool_is_asked_for_and_shown(self, panel: MaskPanel, view: ViewState, qtbot, tool: str) -> None:
        with qtbot.waitSignal(panel.action_requested) as asked:
            press(panel.tool_buttons[tool])
        assert asked.args == [f"tool.{tool}"]
        view.tool = tool  # type: ignore[assignment]
        assert [name for name, button in panel.tool_buttons.items() if button.isChecked()] == [tool]
        view.tool = "select"
        assert not any(button.isChecked() for button in panel.tool_buttons.values())

    def test_a_button_that_was_pressed_in_vain_is_not_left_down(self, panel: MaskPanel, view: ViewState) -> None:
        press(panel.tool_buttons["brush"])
        assert view.tool == "select"
        assert not panel.tool_buttons["brush"].isChecked()

    def test_the_slider_and_the_view_agree_on_the_brush(self, panel: MaskPanel, view: ViewState) -> None:
        view.brush_size = 24.0
        middle = panel.size_slider.value()
        assert panel.size_label.text() == "24 px"
        QTest.keyClick(panel.size_slider, Qt.Key.Key_PageUp)
        assert view.brush_size > 24
        QTest.keyClick(panel.size_slider, Qt.Key.Key_PageDown)
        assert panel.size_slider.value() == middle
        for size in (1.0, 2.0, 3.0, 777.0):
            view.brush_size = size
            assert view.brush_size == size
            assert panel.size_label.text() == f"{size:g} px"

    def test_the_window_is_asked_for_files_and_points(self, panel: MaskPanel, document: Document) -> None:
        mask = document.add_mask()
        document.paint_mask(mask, 0, BOX)
        asked: list[str] = []
        panel.action_requested.connect(asked.append)
        for button in (panel.import_button, panel.folder_button, panel.export_button, panel.sample_button):
            press(button)
        document.set_mask(mask, matte=True)
        press(panel.end_button)
        press(panel.flag_button)
        files = ["mask.import", "mask.import_folder", "mask.export"]
        assert asked == [*files, "sample.points", "matte.end_tracks", "matte.flag_tracks"]


def test_another_document_brings_its_own_masks(
    panel: MaskPanel, document: Document, view: ViewState, make_document: Callable[..., Document]
) -> None:
    document.add_mask("Old")
    panel.model.toggle(0)
    other = make_document(0)
    new = other.add_mask("New")
    view.mask = 99
    panel.set_document(other)
    assert panel.model.rowCount() == 1
    assert panel.model.hidden == frozenset()
    assert view.mask == new
    document.add_mask("Later")
    assert panel.model.rowCount() == 1
    panel.set_document(None)
    assert panel.model.rowCount() == 0
    assert not panel.add_button.isEnabled()


def test_every_control_has_a_name(panel: MaskPanel) -> None:
    for button in panel.findChildren(QAbstractButton):
        if button.isVisible():
            assert button.accessibleName() or button.text() or button.toolTip() or button.parent() is panel.table_view
