"""The thread that tracks: it owns the tracker and the device, and does one request after the other.

A correction is waited for by a person, so bridges go before runs, and into a run that goes on: between its windows.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QThread, Signal

from app.workers.protocol import Failed, Finished, Outcome, Result, Started, failure_message, is_out_of_memory, progress
from tracker.inference.feature_cache import feature_cache
from tracker.inference.gaps import Bridged, Gap
from tracker.inference.run import TrackRun
from tracker.inference.session import Prediction, Tracker
from tracker.inference.supply import without_missing
from tracker.inference.trackers import load_tracker
from tracker.video import FrameSource, ViewTransform, open_source

if TYPE_CHECKING:
    from tracker.inference.bridge import BridgeRun

SPARE_CORES = max(1, (os.cpu_count() or 1) - 1)  # one core is left to the GUI
UNDELIVERED = 4  # results that may wait for the GUI before tracking waits too

Direction = Literal["forward", "backward", "both"]


@dataclass(frozen=True)
class RunRequest:
    """All that a run needs.

    Attributes:
        generation: repeated by every answer.
        tracker: the name of a tracker or a checkpoint file. device: "auto", "cpu" or "cuda".
        ids: (N,) int64. queries: (N, 3) float32 frame of the video, x, y in pixels.
        start, end: frames to give, end exclusive.
        direction: "both" goes forward first.
        mode: "online", "offline", or "auto" for what the weights are meant for.
        view: how the pictures are seen, as for `open_source`.
    """

    generation: int
    source_path: Path
    tracker: str
    device: str
    ids: NDArray[np.int64]
    queries: NDArray[np.float32]
    start: int
    end: int
    direction: Direction = "forward"
    mode: str = "auto"
    view: ViewTransform | None = None


@dataclass(frozen=True)
class BridgeRequest:
    """All that it takes to solve gaps between anchors; fields as in `RunRequest`."""

    generation: int
    source_path: Path
    tracker: str
    device: str
    gaps: tuple[Gap, ...]
    mode: str = "auto"
    view: ViewTransform | None = None


Points = dict[int, NDArray[np.float32]]


class _Task:
    """A request on its way: the points that wait for a run in each direction, and the run that goes on."""

    def __init__(self, request: RunRequest) -> None:
        self.request = request
        self.cancelled = False
        self.over = False
        self.run: TrackRun | None = None
        self.running: str = ""  # the direction of the run
        directions = ("forward", "backward") if request.direction == "both" else (request.direction,)
        self.todo: dict[str, Points] = {direction: {} for direction in directions}
        self.add(dict(zip(request.ids.tolist(), request.queries, strict=True)))

    def add(self, points: Points) -> None:
        """The run that goes on takes them if it can; else they wait for another."""
        for direction, waiting in self.todo.items():
            fitting = {i: query for i, query in points.items() if self._fits(query[0], direction)}
            if not fitting:
                continue
            ids, queries = _as_arrays(fitting)
            if self.run is None or direction != self.running or not self.run.add_points(queries, ids):
                waiting |= fitting

    def remove(self, ids: NDArray[np.int64]) -> None:
        for waiting in self.todo.values():
            for i in ids.tolist():
                waiting.pop(i, None)
        if self.run is not None:
            self.run.remove_points(ids)

    def next_points(self) -> Points:
        """Points that wait, and with them in `running` the direction to track them in; none where all is done."""
        for direction, waiting in self.todo.items():
            if waiting:
                self.running, self.todo[direction] = direction, {}
                return waiting
        return {}

    def _fits(self, frame: float, direction: str) -> bool:
        """With both directions asked for, a point outside the range is tracked only into it."""
        if self.request.direction != "both":
            return True
        return frame < self.request.end if direction == "forward" else frame >= self.request.start


class _Bridge:
    """A bridge request on its way."""

    def __init__(self, request: BridgeRequest) -> None:
        self.request = request
        self.cancelled = False
        self.run: BridgeRun | None = None

    def cancel(self) -> None:
        self.cancelled = True
        if self.run is not None:
            self.run.cancel()


def _as_arrays(points: Points) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    return np.array(list(points), np.int64), np.array(list(points.values()), np.float32).reshape(-1, 3)


class TrackingWorker(QThread):
    """`start` it once, `submit` requests, `stop` it at the end.

    It keeps the loaded tracker from run to run, and the features of the frames that it saw in `feature_cache()`.

    Signals:
        started_run(Started): the tracker is loaded. Left out where that fails.
        progress(Progress), failed(Failed)
        result(Result): its payload is a `Prediction` in frames of the video, or `Bridged` for a bridge. The GUI calls
            `result_applied` for each.
        finished_run(Finished): always the last word on a request.
    """

    started_run = Signal(object)
    progress = Signal(object)
    result = Signal(object)
    failed = Signal(object)
    finished_run = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._changed = threading.Condition(threading.RLock())
        self._waiting: deque[_Task] = deque()
        self._current: _Task | None = None
        self._bridges: deque[_Bridge] = deque()
        self._bridging: _Bridge | None = None
        self._undelivered = 0
        self._stopping = False
        self._tracker_key: tuple[str, str, str] | None = None
        self._tracker: Tracker | None = None

    # -- from the GUI thread

    def submit(self, request: RunRequest) -> None:
        """Do this after what was submitted before."""
        with self._changed:
            self._waiting.append(_Task(request))
            self._changed.notify_all()

    def bridge(self, request: BridgeRequest) -> None:
        """Solve gaps as soon as possible."""
        with self._changed:
            self._bridges.append(_Bridge(request))
            self._changed.notify_all()

    def cancel_bridge(self, generation: int) -> None:
        """Stop that bridge, waiting or begun."""
        with self._changed:
            for bridge in (*self._bridges, self._bridging):
                if bridge is not None and bridge.request.generation == generation:
                    bridge.cancel()
            self._changed.notify_all()

    def add_points(self, queries: NDArray[np.float32], ids: NDArray[np.int64]) -> bool:
        """Follow these points too, in the request that is worked on, or else in the next one.

        Returns:
            False: there is none, or it is over; submit another.

        Raises:
            InputError: a query does not fit the video or the range of the request.
        """
        with self._changed:
            task = self._task()
            if task is not None:
                task.add(dict(zip(ids.tolist(), queries, strict=True)))
            return task is not None

    def remove_points(self, ids: NDArray[np.int64]) -> None:
        """Follow these points no longer; unknown ids are ignored."""
        with self._changed:
            task = self._task()
            if task is not None:
                task.remove(ids)

    def cancel(self) -> None:
        """Stop the request that is worked on, within one window, and drop those that wait."""
        with self._changed:
            for bridge in [*self._bridges, self._bridging]:
                if bridge is not None:
                    bridge.cancel()
            for task in [*self._waiting, self._current]:
                if task is not None:
                    task.cancelled = True
                    if task.run is not None:
                        task.run.cancel()
            self._changed.notify_all()

    def result_applied(self) -> None:
        """The GUI is done with one result: the next may come."""
        with self._changed:
            self._undelivered = max(0, self._undelivered - 1)
            self._changed.notify_all()

    def stop(self) -> None:
        """Cancel everything, end the thread and wait for it."""
        with self._changed:
            self._stopping = True
        self.cancel()
        self.wait()

    def _task(self) -> _Task | None:
        if self._current is not None and not self._current.over and not self._current.cancelled:
            return self._current
        return self._waiting[0] if self._waiting and not self._waiting[0].cancelled else None

    # -- in the thread

    def run(self) -> None:
        """The thread's loop."""
        cv2.setNumThreads(SPARE_CORES)
        while (task := self._next_task()) is not None:
            self._finish(task, self._do(task))

    def _next_task(self) -> _Task | None:
        """The next run, after all bridges that are asked for before it; None to stop."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._waiting or self._bridges)
                if not self._bridges:
                    break
            self._do_bridges()
        with self._changed:
            self._current = self._waiting.popleft() if self._waiting else None
            return self._current

    def _finish(self, task: _Task, outcome: Outcome) -> None:
        with self._changed:
            task.over, task.run, self._current = True, None, None
        self.finished_run.emit(Finished(task.request.generation, outcome))

    def _do(self, task: _Task) -> Outcome:
        if task.cancelled:
            return "cancelled"
        request = task.request
        try:
            tracker = self._load(request)
            self.started_run.emit(Started(request.generation, tracker.name, tracker.device, tracker.visible_above))
            with open_source(request.source_path, threads="auto", view=request.view) as source:
                self._track(task, source, tracker)
        except Exception as error:  # whatever it is, the GUI must hear of it
            if is_out_of_memory(error):
                self._tracker = None
                feature_cache().clear()
            if not task.cancelled:
                self.failed.emit(Failed(request.generation, failure_message(error, "Tracking")))
                return "failed"
        return "cancelled" if task.cancelled else "done"

    def _load(self, request: RunRequest | BridgeRequest) -> Tracker:
        key = _key(request)
        if self._tracker is None or key != self._tracker_key:
            self._tracker = None  # before the next one is loaded: both may not fit
            self._tracker = load_tracker(*key)
            self._tracker_key = key
            if torch := sys.modules.get("torch"):
                torch.set_num_threads(SPARE_CORES)
        return self._tracker

    def _track(self, task: _Task, source: FrameSource, tracker: Tracker) -> None:
        """One run in each direction, and further ones for points that came just after the end of one."""
        began, done = time.monotonic(), 0

        def tell(now: int, total: int) -> None:
            runs_left = 1 + sum(bool(waiting) for waiting in task.todo.values())
            seconds = time.monotonic() - began
            self.progress.emit(progress(task.request.generation, done + now, done + total * runs_left, seconds))

        while (run := self._next_run(task, source, tracker, tell)) is not None:
            for prediction in run:
                self._deliver(task, prediction)
                self._do_bridges(self._tracker_key)
            done += run.frames_done

    def _next_run(
        self, task: _Task, source: FrameSource, tracker: Tracker, on_progress: Callable[[int, int], object]
    ) -> TrackRun | None:
        """None when the request is done or cancelled: it takes no more points then."""
        request = task.request
        with self._changed:
            points = task.next_points()
            task.over = task.cancelled or not points
            if task.over:
                return None
            ids, queries = _as_arrays(points)
            task.run = TrackRun(
                source,
                tracker,
                queries,
                ids,
                start=request.start,
                end=request.end,
                backward=task.running == "backward",
                cache=feature_cache(),
                on_progress=on_progress,
            )
            return task.run

    def _deliver(self, task: _Task | _Bridge, payload: Prediction | Bridged) -> None:
        """Hand a result to the GUI once it has taken most of the ones before."""
        with self._changed:
            self._changed.wait_for(lambda: task.cancelled or self._undelivered < UNDELIVERED)
            if task.cancelled:
                return
            self._undelivered += 1
        prediction = payload.prediction if isinstance(payload, Bridged) else payload
        for array in (prediction.ids, prediction.tracks, prediction.visibility, prediction.confidence):
            array.flags.writeable = False
        self.result.emit(Result(task.request.generation, payload))

    # -- bridges, in the thread

    def _do_bridges(self, only_with: tuple[str, str, str] | None = None) -> None:
        """Solve what was asked for meanwhile; where a run goes on, only with the tracker that it runs with."""
        while True:
            with self._changed:
                found = [b for b in self._bridges if only_with in (None, _key(b.request))]
                if not found:
                    return
                bridge = self._bridging = found[0]
                self._bridges.remove(bridge)
            outcome = self._do_bridge(bridge)
            with self._changed:
                self._bridging = None
            self.finished_run.emit(Finished(bridge.request.generation, outcome))

    def _do_bridge(self, bridge: _Bridge) -> Outcome:
        request = bridge.request
        try:
            if not bridge.cancelled:
                self._solve(bridge)
        except Exception as error:  # whatever it is, the GUI must hear of it
            if not bridge.cancelled:
                self.failed.emit(Failed(request.generation, failure_message(error, "Re-tracking")))
                return "failed"
        return "cancelled" if bridge.cancelled else "done"

    def _solve(self, bridge: _Bridge) -> None:
        from tracker.inference.bridge import BridgeRun, bridging_tracker  # here: it imports torch, which takes seconds

        request, began = bridge.request, time.monotonic()
        tracker = bridging_tracker(self._load(request))
        self.started_run.emit(Started(request.generation, tracker.name, tracker.device, tracker.visible_above))

        def tell(done: int, total: int) -> None:
            self.progress.emit(progress(request.generation, done, total, time.monotonic() - began))

        def tell_read(frames: int) -> None:
            self.progress.emit(progress(request.generation, frames, 0, 0))

        with open_source(request.source_path, threads="auto", view=request.view) as source:
            with self._changed:
                bridge.run = BridgeRun(
                    source, tracker, request.gaps, cache=feature_cache(), on_progress=tell, on_read=tell_read
                )
                if bridge.cancelled:
                    return
            for bridged in bridge.run:
                known = without_missing(bridged.prediction, source.missing)
                self._deliver(bridge, replace(bridged, prediction=known))


def _key(request: RunRequest | BridgeRequest) -> tuple[str, str, str]:
    """What makes a loaded tracker the same."""
    return request.tracker, request.device, request.mode
