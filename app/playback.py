"""The playhead's servant: brings the wanted frame to the canvas, and plays at the video's own pace."""

import time

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from app.document.view_state import ViewState
from app.workers.decode import DecodeWorker, FrameFailed, FrameReady
from tracker.video import FrameSource, ViewTransform

MAX_SPEED = 8
NEAR = 12  # frames; one this close is shown at once while the right one is decoded


class Playback(QObject):
    """Decodes for one video at a time.

    While playing, no frame is asked for while another one is on its way, and the next one is chosen by the
    clock. So a video that decodes too slowly drops frames but keeps its pace.
    """

    frame_shown = Signal(int, object)
    near_frame_found = Signal(int, object)
    state_changed = Signal(bool, float)
    frame_failed = Signal(str)
    frame_missing = Signal(int)

    def __init__(self, view: ViewState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._worker: DecodeWorker | None = None
        self._times = np.zeros(1)
        self._missing: frozenset[int] = frozenset()
        self._pending: int | None = None
        self._last_wanted = 0
        self.speed = 0.0
        self._moving = False
        self._clock_start = 0.0
        self._time_start = 0.0
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(4)
        self._timer.timeout.connect(self._tick)
        view.changed.subscribe(self._view_changed)

    # -- the video

    def open(self, source: FrameSource, cache_bytes: int) -> None:
        """Serve this video from now on."""
        self.close()
        self._times = (source.pts - source.pts[0]) * float(source.time_base)
        self._missing = frozenset(source.missing)
        self._worker = DecodeWorker(source.path, cache_bytes, self, source.view)
        self._worker.frame_ready.connect(self._frame_ready)
        self._worker.failed.connect(self._failed)
        self._worker.start()
        self.show_playhead()

    def close(self) -> None:
        """Stop playing and the decoder's thread."""
        self.stop()
        self._pending = None
        if self._worker is not None:
            self._worker.stop()
            self._worker.deleteLater()
            self._worker = None

    @property
    def frame_count(self) -> int:
        """Frames of the open video, 0 where none is open."""
        return len(self._times) if self._worker is not None else 0

    def set_view(self, view: ViewTransform) -> None:
        """Show the video this way from now on."""
        if self._worker is not None and self._worker.set_view(view):
            self.show_playhead()

    def cached_ranges(self) -> list[tuple[int, int]]:
        """Which frames lie decoded in memory, as (start, end) with the end exclusive."""
        return self._worker.cached_ranges() if self._worker is not None else []

    def current_image(self) -> NDArray[np.uint8] | None:
        """(H, W, 4) BGRA of the playhead's frame, None while it is not decoded."""
        return self._worker.cached(self._view.playhead) if self._worker is not None else None

    def show_playhead(self) -> None:
        """Bring the playhead's frame on screen: from memory at once, else by the decoder."""
        if self._worker is None:
            return
        index = self._view.playhead
        direction = (index > self._last_wanted) - (index < self._last_wanted)
        self._last_wanted = index
        image = self._worker.cached(index)
        if index in self._missing:
            self.frame_missing.emit(index)
        elif image is not None:
            self.frame_shown.emit(index, image)
        elif not self.playing and (near := self._worker.nearest_cached(index)) and abs(near[0] - index) <= NEAR:
            self.near_frame_found.emit(*near)
        self._pending = index if image is None and index not in self._missing else None
        self._worker.want(index, direction)

    # -- playing

    @property
    def playing(self) -> bool:
        """Whether the playhead moves by the clock."""
        return self.speed != 0

    def play(self, speed: float = 1.0) -> None:
        """Play at `speed` times the video's pace, backwards when negative."""
        if self.frame_count < 2:
            return
        start, end = self._range()
        at_end = self._view.playhead >= end - 1 if speed > 0 else self._view.playhead <= start
        if at_end or not start <= self._view.playhead < end:
            self._view.playhead = start if speed > 0 else end - 1
        self.speed = speed
        self._rebase()
        self._timer.start()
        self.state_changed.emit(True, speed)

    def stop(self) -> None:
        """Stand still."""
        self._timer.stop()
        if self.speed:
            self.speed = 0.0
            self.state_changed.emit(False, 1.0)

    def toggle(self) -> None:
        """Play, or stand still."""
        if self.playing:
            self.stop()
        else:
            self.play()

    def shuttle(self, direction: int) -> None:
        """J and L: each press doubles the speed in that direction, up to 8 times."""
        if self.speed * direction > 0:
            self.play(direction * min(abs(self.speed) * 2, MAX_SPEED))
        else:
            self.play(float(direction))

    def _range(self) -> tuple[int, int]:
        return self._view.loop_range or (0, self.frame_count)

    def _rebase(self) -> None:
        self._clock_start = time.perf_counter()
        self._time_start = float(self._times[self._view.playhead])

    def _tick(self) -> None:
        if self._pending is not None:
            return
        now = self._time_start + (time.perf_counter() - self._clock_start) * self.speed
        start, end = self._range()
        target = int(np.searchsorted(self._times, now + 1e-6, side="right")) - 1
        if target >= end - 1 and self.speed > 0:
            # The last frame is shown for as long as the one before it.
            last = float(self._times[end - 1])
            if now >= last + (last - float(self._times[end - 2]) if end - start > 1 else 0):
                self._reached(start)
                return
            target = end - 1
        elif now <= float(self._times[start]) and self.speed < 0:
            self._reached(end - 1)
            return
        self._moving = True
        self._view.playhead = max(start, target)
        self._moving = False

    def _reached(self, restart: int) -> None:
        if self._view.loop:
            self._view.playhead = restart
            self._rebase()
        else:
            self._view.playhead = self._range()[1] - 1 if self.speed > 0 else self._range()[0]
            self.stop()

    # -- what the worker says

    def _frame_ready(self, ready: FrameReady) -> None:
        if ready.index == self._pending and self._worker is not None and ready.look == self._worker.look:
            self._pending = None
            self.frame_shown.emit(ready.index, ready.image)

    def _failed(self, failure: FrameFailed) -> None:
        if failure.index == self._pending:
            self._pending = None
            self.stop()
        self.frame_failed.emit(failure.message)

    def _view_changed(self, name: str) -> None:
        if name == "playhead":
            self.show_playhead()
            if self.playing and not self._moving:  # a person stepped or scrubbed: play on from there
                self._rebase()
