"""The legend's threshold handle."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.canvas import Legend
from app.document.view_state import ViewState


@pytest.fixture
def legend(qtbot) -> Legend:
    legend = Legend(ViewState())
    qtbot.addWidget(legend)
    legend.resize(900, 30)
    legend.show()
    qtbot.waitExposed(legend)
    return legend


def test_a_click_and_the_ends_set_the_threshold(legend: Legend) -> None:
    bar, view = legend.bar, legend._view
    for x, wanted in ((bar.width() // 2, 0.5), (bar.width() - 1, 1.0), (0, 0.0)):
        QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(x, 10))
        assert view.threshold == pytest.approx(wanted, abs=0.01)
    assert bar.accessibleDescription() == "0 percent"


def test_arrow_keys_move_the_threshold(legend: Legend) -> None:
    view = legend._view
    QTest.keyClick(legend.bar, Qt.Key.Key_Right)
    assert view.threshold == pytest.approx(0.55)
    for _ in range(20):
        QTest.keyClick(legend.bar, Qt.Key.Key_Left)
    assert view.threshold == 0.0


def test_the_legend_follows_the_view(legend: Legend) -> None:
    view = legend._view
    before = legend.grab().toImage()
    view.threshold = 0.9
    moved = legend.grab().toImage()
    assert moved != before
    view.colour_by = "source"
    assert legend.grab().toImage() != moved
    view.colour_by = "error"
    assert legend._title.text() == "Expected error"
    assert legend._high.text() == "32 px"
    QTest.mouseClick(legend.bar, Qt.MouseButton.LeftButton, pos=QPoint(legend.bar.width() // 2, 10))
    assert view.error_threshold == pytest.approx(4.75, abs=0.25)
    assert view.threshold == 0.9
    assert f"over {view.error_threshold:g} px" in legend._marks.accessibleDescription()
