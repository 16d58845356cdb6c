"""The docks: a panel has its name either on its tab or above it, never twice."""

import pytest
from PySide6.QtWidgets import QDockWidget, QTabBar

from app.window import MainWindow


def has_title(dock: QDockWidget) -> bool:
    return dock.titleBarWidget() is None


def test_only_a_panel_that_stands_alone_has_a_title(qtbot, opened: MainWindow) -> None:
    def settled() -> bool:
        return all(
            has_title(dock) == (not opened.tabifiedDockWidgets(dock)) for dock in opened.docks if dock.isVisible()
        )

    qtbot.waitUntil(settled)
    filmstrip, curves = opened.docks["filmstrip"], opened.docks["curves"]
    assert filmstrip in opened.tabifiedDockWidgets(curves)
    assert not has_title(curves)
    for dock in opened.tabifiedDockWidgets(curves):
        dock.hide()
    qtbot.waitUntil(lambda: has_title(curves))
    filmstrip.show()
    qtbot.waitUntil(lambda: not has_title(curves) and not has_title(filmstrip))


@pytest.mark.parametrize(
    "name", ["tracks", "masks", "run", "review", "training", "history", "timeline", "filmstrip", "curves"]
)
def test_every_panel_fits_a_small_window(qtbot, opened: MainWindow, name: str) -> None:
    opened.resize(1280, 800)
    opened.docks.raise_(name)
    qtbot.waitUntil(opened.docks[name].isVisible)
    assert opened.minimumSizeHint().width() <= 1280
    assert opened.minimumSizeHint().height() <= 800


def test_a_comparison_fits_a_small_window(qtbot, opened: MainWindow) -> None:
    document = opened.document
    assert document is not None
    document.add_tracks([[0, 20, 20]])
    without = opened.minimumSizeHint().width()
    document.keep_take(name="Track forward with a tracker of quite a long name " * 3)
    qtbot.waitUntil(opened.compare_bar.isVisible)
    assert opened.minimumSizeHint().width() == without


def test_no_tab_bar_lies_over_the_start_page(window: MainWindow) -> None:
    bars = [bar for bar in window.findChildren(QTabBar) if bar.parent() is window and bar.isVisible()]
    assert not [bar for bar in bars if bar.geometry().intersects(window.rect())]


def test_the_training_panel_is_there_once_it_is_asked_for(qtbot, opened: MainWindow) -> None:
    assert opened.docks["training"].isHidden()
    opened.registry.trigger("training.show")
    qtbot.waitUntil(opened.training_panel.isVisible)
