"""Moving the playhead and the selection."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog

if TYPE_CHECKING:
    from app.window import MainWindow


class Navigation(QObject):
    """Steps over frames, anchors and tracks; in and out points."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._view = window.view

    @property
    def frame_count(self) -> int:
        """T of the open video, 0 where none is open."""
        return self._window.source.frame_count if self._window.source is not None else 0

    def go_to(self, frame: int) -> None:
        """Put the playhead on a frame, or on the nearest that exists."""
        if self.frame_count:
            self._view.playhead = min(max(frame, 0), self.frame_count - 1)

    def step(self, frames: int) -> None:
        """Move by so many frames; playing ends."""
        self._window.playback.stop()
        self.go_to(self._view.playhead + frames)

    def step_anchor(self, direction: int) -> None:
        """To the next or previous anchor of the selected tracks, of all where none is selected."""
        document = self._window.document
        if document is None:
            return
        ids = self._view.selection or document.table.ids.tolist()
        frames = sorted({frame for track_id in ids for frame in document.anchors(track_id)})
        here = self._view.playhead
        beyond = [f for f in frames if f > here] if direction > 0 else [f for f in reversed(frames) if f < here]
        if beyond:
            self.go_to(beyond[0])
        else:
            self._window.show_message(self.tr("No further anchor in this direction."))

    def step_track(self, direction: int) -> None:
        """Select the next or previous track."""
        document = self._window.document
        if document is None or not document.table.n_tracks:
            return
        ids = document.table.ids.tolist()
        if self._view.primary in ids:
            place = (ids.index(self._view.primary) + direction) % len(ids)
        else:
            place = 0 if direction > 0 else -1
        self._view.select([ids[place]])

    def ask_frame(self) -> None:
        """Ask for a frame number and go there. Numbers are those of the files for picture sequences."""
        source = self._window.source
        if source is None:
            return
        first = source.first_frame_number
        number, ok = QInputDialog.getInt(
            self._window,
            self.tr("Go to frame"),
            self.tr("Frame {} to {}:").format(first, first + self.frame_count - 1),
            self._view.playhead + first,
            first,
            first + self.frame_count - 1,
        )
        if ok:
            self.go_to(number - first)

    def set_in(self) -> None:
        """The range starts here."""
        end = self._view.loop_range[1] if self._view.loop_range else self.frame_count
        self._view.loop_range = (self._view.playhead, end if end > self._view.playhead else self.frame_count)

    def set_out(self) -> None:
        """The range ends here, this frame included."""
        start = self._view.loop_range[0] if self._view.loop_range else 0
        self._view.loop_range = (start if start <= self._view.playhead else 0, self._view.playhead + 1)

    def clear_range(self) -> None:
        """The whole video is the range."""
        self._view.loop_range = None

    def toggle_loop(self) -> None:
        """Play round and round, or once."""
        self._view.loop = not self._view.loop
