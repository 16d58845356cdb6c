"""The panels around the picture as docks: where they stand at first, and what the person made of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabWidget, QWidget

WIDE = 1600  # pixels of a window in which timeline and filmstrip have room side by side

HIGH = 900  # pixels of a window in which two panels have room above one another

LABELS_WIDTH = 310
ON_DEMAND = ("training",)  # panels that are there once somebody asked for them
LABELS = "labels"  # the panel that is there while a label set is open, with or without a video

LEFT, RIGHT, BOTTOM = (
    Qt.DockWidgetArea.LeftDockWidgetArea,
    Qt.DockWidgetArea.RightDockWidgetArea,
    Qt.DockWidgetArea.BottomDockWidgetArea,
)


@dataclass(frozen=True)
class Panel:
    """One panel and its place: panels of the same `tab` lie behind one another, the first one in front."""

    name: str
    title: str
    widget: QWidget
    area: Qt.DockWidgetArea
    tab: str = ""


class Docks:
    """The docks of a window. They are there while a video is open."""

    def __init__(self, window: QMainWindow, panels: Sequence[Panel], layout: QByteArray) -> None:
        """
        Args:
            layout: as the person left it, empty at the first start.
        """
        self._window = window
        self._layout = layout
        self._shown = self._has_labels = False
        self._docks = {panel.name: self._make(panel) for panel in panels}
        self._title_timer = QTimer(window)
        self._title_timer.setSingleShot(True)
        self._title_timer.timeout.connect(self._show_titles)
        self._tabs: dict[str, list[QDockWidget]] = {}
        for panel in panels:
            if panel.tab:
                self._tabs.setdefault(panel.tab, []).append(self._docks[panel.name])
        for docks in self._tabs.values():
            for below in docks[1:]:
                window.tabifyDockWidget(docks[0], below)
        for dock in self:
            dock.visibilityChanged.connect(self._titles_later)
            dock.dockLocationChanged.connect(self._titles_later)
        window.setDockOptions(
            window.dockOptions() | QMainWindow.DockOption.GroupedDragging
        )  # panels move by their tabs
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.BottomDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.BottomDockWidgetArea)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)

    def __iter__(self) -> Iterator[QDockWidget]:
        return iter(self._docks.values())

    def __getitem__(self, name: str) -> QDockWidget:
        return self._docks[name]

    @property
    def layout(self) -> QByteArray:
        """To be kept for the next start."""
        return self._layout

    def raise_(self, name: str) -> None:
        """Show a panel, in front of those of its place."""
        self._docks[name].show()
        self._docks[name].raise_()

    def show(self, shown: bool) -> None:
        """Panels are there while a video is open, laid out as the person left them."""
        if shown == self._shown and shown:
            return  # one video follows another
        if not shown:
            if self._shown:
                self._layout = self._window.saveState()
            for dock in self:
                dock.setVisible(self._has_labels and dock is self[LABELS])
        elif not self._layout.isEmpty():
            self._window.restoreState(self._layout)
            self.show_labels(self._has_labels)
        else:
            self._lay_out()
            self.show_labels(self._has_labels)
        self._shown = shown

    def show_labels(self, shown: bool) -> None:
        """The label set's panel comes in front, or goes."""
        self._has_labels = shown
        self[LABELS].setVisible(shown)
        if shown:
            self[LABELS].raise_()
            if not self._shown:
                self._window.resizeDocks([self[LABELS]], [LABELS_WIDTH], Qt.Orientation.Horizontal)

    def _lay_out(self) -> None:
        for name, dock in self._docks.items():
            dock.setVisible(name not in ON_DEMAND or dock.isVisible())
        window, named = self._window, self._docks
        if window.width() >= WIDE:
            window.splitDockWidget(named["timeline"], named["filmstrip"], Qt.Orientation.Horizontal)
        else:
            window.tabifyDockWidget(named["timeline"], named["filmstrip"])
        window.tabifyDockWidget(named["filmstrip"], named["curves"])
        if window.height() < HIGH or self._has_labels:
            window.tabifyDockWidget(named["tracks"], named["masks"])
        if window.height() < HIGH:
            window.tabifyDockWidget(named["review"], named["history"])
        for front in ("tracks", "run", "filmstrip", "timeline"):
            named[front].raise_()
        resize = window.resizeDocks
        resize([named["tracks"], named["run"]], [290, 270], Qt.Orientation.Horizontal)
        if window.height() >= HIGH:
            if not self._has_labels:
                resize([named["tracks"], named["masks"]], [400, 260], Qt.Orientation.Vertical)
            resize([named["run"], named["history"]], [380, 200], Qt.Orientation.Vertical)
        resize([named["timeline"]], [210], Qt.Orientation.Vertical)

    def _titles_later(self) -> None:
        """Docks say that they move before they have moved."""
        self._title_timer.start(0)

    def _show_titles(self) -> None:
        """A panel among tabs has its name on its tab; only one that stands alone has a title of its own."""
        for dock in self:
            among_tabs = bool(self._window.tabifiedDockWidgets(dock))
            if among_tabs and dock.titleBarWidget() is None:
                dock.setTitleBarWidget(QWidget(dock))
            elif not among_tabs and (blank := dock.titleBarWidget()) is not None:
                dock.setTitleBarWidget(None)  # type: ignore[arg-type]
                blank.deleteLater()

    def _make(self, panel: Panel) -> QDockWidget:
        dock = QDockWidget(panel.title, self._window)
        dock.setObjectName(panel.name)
        dock.setWidget(panel.widget)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable | QDockWidget.DockWidgetFeature.DockWidgetClosable
        )
        self._window.addDockWidget(panel.area, dock)
        dock.hide()  # one that is there while others are put behind it leaves a tab bar over the picture
        return dock
