"""Runs: what the document wants tracked goes to the tracking worker, what the worker found goes into the document."""

from collections import deque
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.document.changes import Change
from app.document.project import Document, RunInfo
from app.document.view_state import ViewState
from app.segments import Segment, merge, queries, segments_backward, segments_forward
from app.workers.protocol import Failed, Finished, Progress, Result, Started
from app.workers.tracking import RunRequest, TrackingWorker
from tracker.inference.trackers import default_tracker

OVERLAP = 16
VERBS = {"forward": "Track forward", "backward": "Track backward"}


@dataclass
class Plan:
    """A run that waits or goes on: its segments by the ids that its points have in the worker."""

    text: str
    direction: str
    segments: dict[int, Segment]
    start: int
    end: int
    takes_new_points: bool
    generation: int = 0
    run_id: int = -1
    tracks: set[int] = field(default_factory=set)  # all that were there when the run was asked for, or joined


class Tracking(QObject):
    """Starts, feeds and stops runs. One run goes at a time; further ones wait in line."""

    running_changed = Signal(bool)
    progress = Signal(object)
    message = Signal(str, str)
    device_known = Signal(str)

    def __init__(self, view: ViewState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._unsubscribe = lambda: None
        self._waiting: deque[Plan] = deque()
        self._plan: Plan | None = None
        self._generations = count(1)
        self._point_ids = count(1)
        self.tracker = default_tracker().name
        self.device = "auto"
        self._worker = TrackingWorker(self)
        self._worker.started_run.connect(self._started)
        self._worker.progress.connect(self._progressed)
        self._worker.result.connect(self._result)
        self._worker.failed.connect(self._failed)
        self._worker.finished_run.connect(self._finished)
        self._worker.start()

    # -- what the window asks for

    def set_document(self, document: Document | None) -> None:
        """Serve this document; a run of the old one is dropped."""
        self.stop()
        self._plan = None
        self._unsubscribe()
        self._document = document
        if document is not None:
            self._unsubscribe = document.changed.subscribe(self._document_changed)

    @property
    def worker(self) -> TrackingWorker:
        """The thread that runs and bridges share."""
        return self._worker

    def next_generation(self) -> int:
        """A number for a request that nobody else has."""
        return next(self._generations)

    @property
    def running(self) -> bool:
        """Whether a run goes on or waits."""
        return self._plan is not None

    def run(self, direction: str, start: int, end: int) -> None:
        """Track the selected tracks, or all, from their anchors over frames start to end (exclusive).

        `direction` is "forward", "backward" or "both"; both fills what lies before the first anchor backwards and
        everything else forwards.
        """
        document = self._document
        if document is None:
            return
        ids = [i for i in (self._view.selection or document.table.ids.tolist()) if not document.table.track(i).locked]
        found: list[Segment] = []
        if direction in ("forward", "both"):
            self._enqueue("forward", segments_forward(document, ids, start, end), start, end, found)
        if direction in ("backward", "both"):
            back = segments_backward(document, ids, start, end, only_before_first=direction == "both")
            self._enqueue("backward", back, start, end, found)
        if not found:
            self.message.emit(self.tr("Nothing to track: place a point first (N, then click)."), "hint")

    def leave(self, track_id: int, frame: int) -> int:
        """Follow a track no more from `frame` on: something else does. Gives where the run would have ended."""
        plan = self._plan
        if plan is None or plan.direction == "backward":
            return frame
        taken = {
            i: segment for i, segment in plan.segments.items() if segment.track_id == track_id and segment.end > frame
        }
        for i in taken:
            del plan.segments[i]
        self._worker.remove_points(np.array(list(taken), dtype=np.int64))
        return max((segment.end for segment in taken.values()), default=frame)

    def stop(self) -> None:
        """Stop the run that goes on, within one window, and drop those that wait. What it found stays."""
        self._waiting.clear()
        self._worker.cancel()

    def close(self) -> None:
        """End the worker's thread."""
        self.stop()
        self._unsubscribe()
        self._worker.stop()

    # -- the line

    def _enqueue(self, direction: str, segments: list[Segment], start: int, end: int, collected: list[Segment]) -> None:
        document = self._document
        if not segments or document is None:
            return
        collected += segments
        anchors = [segment.anchor for segment in segments]
        self._waiting.append(
            Plan(
                text=direction,
                direction="backward" if direction == "backward" else "forward",
                segments={next(self._point_ids): segment for segment in segments},
                # An anchor outside the range is where the way into the range begins.
                start=min(start, *anchors),
                end=max(end, *(anchor + 1 for anchor in anchors)),
                takes_new_points=direction == "forward",
                tracks=set(document.table.ids.tolist()),
            )
        )
        self._next()

    def _next(self) -> None:
        if self._plan is not None or not self._waiting or self._document is None or self._document.video is None:
            return
        plan = self._plan = self._waiting.popleft()
        plan.generation = next(self._generations)
        self._worker.submit(
            RunRequest(
                generation=plan.generation,
                source_path=Path(self._document.video.path),
                tracker=self.tracker,
                device=self.device,
                ids=np.array(list(plan.segments), dtype=np.int64),
                queries=queries(list(plan.segments.values())),
                start=plan.start,
                end=plan.end,
                direction="backward" if plan.direction == "backward" else "forward",
                view=self._document.video.view,
            )
        )
        self.running_changed.emit(True)

    def _is_current(self, generation: int) -> bool:
        return self._plan is not None and self._plan.generation == generation

    # -- what the worker says

    def _started(self, started: Started) -> None:
        if self._plan is None or self._document is None or not self._is_current(started.generation):
            return
        info = RunInfo(
            tracker=started.tracker,
            device=started.device,
            verb=VERBS[self._plan.text],
            settings={"direction": self._plan.direction},
            frames=(self._plan.start, self._plan.end),
            visible_above=started.visible_above,
        )
        self._plan.run_id = self._document.begin_run(info)
        self.device_known.emit(started.device)
        count = len({segment.track_id for segment in self._plan.segments.values()})
        text = self.tr("Following {} points with {} on {}.").format(count, started.tracker, started.device)
        self.message.emit(text, "info")

    def _progressed(self, progress: Progress) -> None:
        if self._is_current(progress.generation):
            self.progress.emit(progress)

    def _result(self, result: Result) -> None:
        try:
            if self._plan is None or self._document is None or not self._is_current(result.generation):
                return
            prediction = merge(result.payload, self._plan.segments)
            if len(prediction.ids):
                self._document.apply_prediction(self._plan.run_id, prediction)
            self._drop_finished_points(result.payload.end_frame)
        finally:
            self._worker.result_applied()  # of bridges too, which others take

    def _drop_finished_points(self, reached: int) -> None:
        """A forward point that has reached its next anchor needs no more frames."""
        plan = self._plan
        if plan is None or plan.direction == "backward":
            return
        # Overlapping windows give a frame a second time: wait until no window can reach back to it.
        done = [i for i, segment in plan.segments.items() if segment.end + OVERLAP <= reached]
        if done:
            for i in done:
                del plan.segments[i]
            self._worker.remove_points(np.array(done, dtype=np.int64))

    def _failed(self, failed: Failed) -> None:
        if self._is_current(failed.generation):
            self._waiting.clear()
            self.message.emit(failed.message, "error")

    def _finished(self, finished: Finished) -> None:
        if not self._is_current(finished.generation):
            return
        plan, self._plan = self._plan, None
        if plan is not None and self._document is not None and plan.run_id >= 0:
            self._document.end_run(plan.run_id, finished.outcome)
        if finished.outcome != "failed":
            text = (
                self.tr("Tracking done.") if finished.outcome == "done" else self.tr("Stopped. What was found is kept.")
            )
            self.message.emit(text, "info")
        self._next()
        if self._plan is None:
            self.running_changed.emit(False)

    def _document_changed(self, change: Change) -> None:
        """Points placed while a forward run goes on join it."""
        plan, document = self._plan, self._document
        if change.kind != "tracks" or not change.ids or plan is None or document is None or not plan.takes_new_points:
            return
        fresh = [i for i in change.ids if i not in plan.tracks and i in document.table]
        found = [s for s in segments_forward(document, fresh, plan.start, plan.end) if s.anchor >= plan.start]
        if found:
            added = {next(self._point_ids): segment for segment in found}
            plan.segments |= added
            plan.tracks.update(fresh)
            self._worker.add_points(queries(found), np.array(list(added), dtype=np.int64))
