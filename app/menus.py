"""The menu bar and the menu of a point, made from the registry."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint
from PySide6.QtWidgets import QDockWidget, QMenu

from app.commands import VIEW

if TYPE_CHECKING:
    from app.window import MainWindow

SEPARATOR = "|"
POINT_MENU = (
    *("mark.occluded", "mark.out_of_view", "mark.accept", "mark.approve", SEPARATOR),
    *("run.retrack", "run.forward", "run.backward", SEPARATOR),
    *("edit.clear", "edit.delete", SEPARATOR, "tool.add", "view.fit"),
)


class Menus(QObject):
    """Builds the menu bar of a window."""

    def __init__(self, window: "MainWindow", docks: Sequence[QDockWidget]) -> None:
        super().__init__(window)
        self._window = window
        menus: dict[str, QMenu] = {}
        for action in window.registry:
            if action.menu not in menus:
                menus[action.menu] = window.menuBar().addMenu(action.menu)
                menus[action.menu].aboutToShow.connect(window.registry.refresh)
            menus[action.menu].addAction(window.registry.qaction(action.id))
            if action.id == "file.demo":
                self._recent = menus[action.menu].addMenu(self.tr("Recent"))
                self._recent.aboutToShow.connect(self._fill_recent)
        panels = menus[VIEW].addMenu(self.tr("Panels"))
        for dock in docks:
            panels.addAction(dock.toggleViewAction())

    def _fill_recent(self) -> None:
        self._recent.clear()
        paths = self._window.settings.recent_files
        for path in paths:
            self._recent.addAction(str(path)).triggered.connect(partial(self._window.files.open_path, path))
        if not paths:
            self._recent.addAction(self.tr("Nothing yet")).setEnabled(False)

    def open_context_menu(self, track_id: int | None, position: QPoint) -> None:
        """The menu of a track, or of the empty picture, at a global position."""
        window = self._window
        if track_id is not None and track_id not in window.view.selection:
            window.view.select([track_id])
        window.registry.refresh()
        menu = QMenu(window)
        for name in POINT_MENU:
            if name == SEPARATOR:
                menu.addSeparator()
            else:
                menu.addAction(window.registry.qaction(name))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(position)
