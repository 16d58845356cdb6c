"""Which tracker runs: chosen in the run panel or the menu, shown there and in the status bar, told of in a dialog."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from app.panels.wording import tracker_title
from app.tracker_dialog import TrackerDialog
from tracker.inference.trackers import TrackerInfo, available_trackers, tracker_info

if TYPE_CHECKING:
    from app.window import MainWindow


class TrackerChoice(QObject):
    """The trackers that can run, and the one that does.

    Attributes:
        ready: those by name, and the checkpoint files that were chosen since the window opened.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self.ready: list[TrackerInfo] = [info for info in available_trackers() if info.ready]

    @property
    def used(self) -> str:
        """Name or checkpoint file of the tracker that the next run takes."""
        return self._window.tracking.tracker

    def use(self, tracker: str) -> None:
        """A person chose this name or checkpoint file: it stays the choice from now on."""
        self._window.settings.tracker = tracker
        self.show(tracker)

    def show(self, tracker: str) -> None:
        """Run this one without making it anybody's choice."""
        window = self._window
        window.tracking.tracker = tracker
        info = tracker_info(tracker)
        if info.name not in [one.name for one in self.ready]:
            self.ready.append(info)
        window.run_panel.set_trackers(self.ready, info)
        window.status.set_model(tracker_title(info))

    def tell(self) -> None:
        """The dialog about the tracker in use."""
        TrackerDialog(tracker_info(self.used), self._window).exec()
