"""Corrections: the gaps around a corrected frame go to the tracking worker, and what it found into the document."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.document.gaps import GapSpan
from app.document.project import Document, RunInfo
from app.segments import Segment, merge
from app.tracking import Tracking
from app.workers.protocol import Failed, Finished, Progress, Result, Started
from app.workers.tracking import BridgeRequest
from tracker.inference.gaps import Bridged, Gap, Remark
from tracker.labels import Source, State

VERB = "Bridge"


@dataclass
class _Plan:
    """A bridge on its way: its gaps by the ids that they have in the worker."""

    segments: dict[int, Segment]
    run_id: int = -1
    written: bool = False
    seconds: float = 0.0
    remarks: list[Remark] = field(default_factory=list)

    @property
    def tracks(self) -> list[int]:
        return list(dict.fromkeys(segment.track_id for segment in self.segments.values()))


class Bridging(QObject):
    """Solves tracks anew around anchors, beside or without a run. Only the gaps between anchors change.

    A bridge is cancelled by a newer correction of the same track; what it had written by then is taken back.

    Signals:
        message: a sentence and its kind, as `Tracking.message`.
        running_changed: whether a bridge goes on.
    """

    message = Signal(str, str)
    running_changed = Signal(bool)

    def __init__(self, tracking: Tracking, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tracking = tracking
        self._worker = tracking.worker
        self._document: Document | None = None
        self._plans: dict[int, _Plan] = {}  # by generation
        self._gap_ids = count(1)
        self._worker.started_run.connect(self._started)
        self._worker.progress.connect(self._progressed)
        self._worker.result.connect(self._result)
        self._worker.failed.connect(self._failed)
        self._worker.finished_run.connect(self._finished)

    @property
    def running(self) -> bool:
        """Whether a bridge goes on or waits."""
        return bool(self._plans)

    def set_document(self, document: Document | None) -> None:
        """Serve this document; bridges of the old one are dropped."""
        for generation in self._plans:
            self._worker.cancel_bridge(generation)
        self._plans.clear()
        self._document = document

    def correct(self, track_id: int, frame: int) -> None:
        """A person has put a track right on a frame: solve both sides anew, as far as the track was known before."""
        document = self._document
        if document is None or track_id not in document.table:
            return
        gaps = [known for gap in document.gaps([track_id], frame) if (known := self._known_part(gap, frame))]
        if gaps:
            self._start(gaps)

    def retrack(self, ids: tuple[int, ...], frame: int) -> None:
        """Solve the selected tracks anew between the anchors around a frame, out to the end where there is but one."""
        document = self._document
        if document is None:
            return
        gaps = document.gaps(ids, frame)
        if gaps:
            self._start(gaps)
        else:
            text = self.tr("There is nothing to solve here: place an anchor first, and unlock or unapprove the span.")
            self.message.emit(text, "hint")

    def cancel(self) -> None:
        """Stop all bridges; what they wrote is taken back."""
        for generation in self._plans:
            self._worker.cancel_bridge(generation)

    # -- starting

    def _known_part(self, gap: GapSpan, frame: int) -> GapSpan | None:
        """Of a gap that is open to the right: up to where the track is unlabelled, or where a run is taking it."""
        document = self._document
        assert document is not None
        if gap.right is not None or gap.start < frame:
            return gap
        column = document.table.columns([gap.track_id])[0]
        unknown = document.table.rows("state")[gap.start : gap.end, column] == State.UNLABELLED
        end = gap.start + int(np.argmax(unknown)) if unknown.any() else gap.end
        end = max(end, min(gap.end, self._tracking.leave(gap.track_id, gap.start)))
        return GapSpan(gap.track_id, gap.left, None, gap.start, end) if end > gap.start else None

    def _start(self, spans: list[GapSpan]) -> None:
        document = self._document
        if document is None or document.video is None:
            return
        for span in spans:
            self._supersede(span.track_id)
        segments, gaps = {}, []
        for span in spans:
            left, right = (self._anchor(span.track_id, frame) for frame in (span.left, span.right))
            known = left or right
            if known is not None:
                gap_id = next(self._gap_ids)
                segments[gap_id] = Segment(span.track_id, int(known[0]), known[1], known[2], span.start, span.end)
                gaps.append(Gap(gap_id, left, right, span.start, span.end))
        if not gaps:
            return
        generation = self._tracking.next_generation()
        self._plans[generation] = _Plan(segments)
        path = Path(document.video.path)
        tracking = self._tracking
        self._worker.bridge(BridgeRequest(generation, path, tracking.tracker, tracking.device, tuple(gaps)))
        self.running_changed.emit(True)

    def _supersede(self, track_id: int) -> None:
        for generation, plan in self._plans.items():
            if track_id in plan.tracks:
                self._worker.cancel_bridge(generation)

    def _anchor(self, track_id: int, frame: int | None) -> tuple[float, float, float] | None:
        if frame is None or self._document is None:
            return None
        x, y = self._document.table.read([track_id], frame, frame + 1).xy[0, 0].tolist()
        return float(frame), x, y

    # -- what the worker says

    def _started(self, started: Started) -> None:
        plan = self._plans.get(started.generation)
        if plan is None or self._document is None:
            return
        spans = list(plan.segments.values())
        info = RunInfo(
            tracker=started.tracker,
            device=started.device,
            verb=VERB,
            settings={"gaps": [[s.track_id, s.start, s.end] for s in spans]},
            frames=(min(s.start for s in spans), max(s.end for s in spans)),
            visible_above=started.visible_above,
        )
        plan.run_id = self._document.begin_run(info)

    def _progressed(self, progress: Progress) -> None:
        plan = self._plans.get(progress.generation)
        if plan is not None and progress.frames_per_s:
            plan.seconds = progress.done / progress.frames_per_s

    def _result(self, result: Result) -> None:
        plan = self._plans.get(result.generation)
        if plan is None or self._document is None or not isinstance(result.payload, Bridged):
            return
        prediction = merge(result.payload.prediction, plan.segments)
        if len(prediction.ids):
            self._document.apply_prediction(plan.run_id, prediction, source=Source.BRIDGE)
            plan.written = True
        plan.remarks += result.payload.remarks

    def _failed(self, failed: Failed) -> None:
        if failed.generation in self._plans:
            self.message.emit(failed.message, "error")

    def _finished(self, finished: Finished) -> None:
        plan = self._plans.pop(finished.generation, None)
        if plan is None or self._document is None:
            return
        if plan.run_id >= 0:
            if finished.outcome != "done":
                self._document.drop_run(plan.run_id)
            self._document.end_run(plan.run_id, finished.outcome)
        if finished.outcome == "done":
            self.message.emit(self._summary(plan), "info" if not plan.remarks else "hint")
        if not self._plans:
            self.running_changed.emit(False)

    def _summary(self, plan: _Plan) -> str:
        document = self._document
        assert document is not None
        names = [document.table.track(i).name for i in plan.tracks if i in document.table]
        start = min(segment.start for segment in plan.segments.values())
        end = max(segment.end for segment in plan.segments.values())
        what = names[0] if len(names) == 1 else self.tr("{} tracks").format(len(names))
        text = self.tr("{0}: frames {1} to {2} solved anew.").format(what, *self._shown(start, end))
        return " ".join([text, *dict.fromkeys(self._remark_text(remark) for remark in plan.remarks)])

    def _remark_text(self, remark: Remark) -> str:
        texts = {
            "cut": self.tr("A cut lies between frames {0} and {1}: left unlabelled."),
            "hidden": self.tr("Hidden on frames {0} to {1}: flagged, not invented."),
            "apart": self.tr("The two directions disagree on frames {0} to {1}: look there."),
        }
        return texts[remark.reason].format(*self._shown(remark.start, remark.end))

    def _shown(self, start: int, end: int) -> tuple[int, int]:
        """First and last frame as the rest of the window numbers them."""
        video = self._document.video if self._document is not None else None
        first = video.first_frame_number if video is not None else 0
        return start + first, end - 1 + first
