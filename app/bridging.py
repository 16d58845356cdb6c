"""Corrections: the gaps around a corrected frame go to the tracking worker, and what it found into the document."""

import math
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from app.document.gaps import GapSpan
from app.document.project import Document, RunInfo
from app.document.video_ref import frame_number
from app.segments import Segment, merge
from app.tracking import Tracking
from app.workers.protocol import Failed, Finished, Progress, Result, Started
from app.workers.tracking import BridgeRequest
from tracker.inference.gaps import Anchor, Bridged, Gap, Remark
from tracker.labels import Source, State

VERB = "Bridge"
OTHER_ANCHORS = 4  # that also show what a point looks like


@dataclass
class _Wish:
    """What is to be solved of one track: the gaps around these frames.

    Attributes:
        until: where nothing known ends a gap, only frames before this one are wanted.
    """

    frames: set[int]
    until: int


Wishes = dict[int, _Wish]  # by track


@dataclass
class _Plan:
    """A bridge on its way: what it is for, and its gaps by the ids that they have in the worker."""

    wishes: Wishes  # none where it was cancelled
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

    A bridge is cancelled by a newer correction of one of its tracks: what it had written by then is taken back, and the
    new one solves all that the old one was for.

    Signals:
        message: a sentence and its kind, as `Tracking.message`.
        running_changed: whether a bridge goes on.
        progress: how far it is.
    """

    message = Signal(str, str)
    running_changed = Signal(bool)
    progress = Signal(object)

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
        self.cancel()
        self._plans.clear()
        self._document = document

    def correct(self, track_id: int, frame: int) -> None:
        """A person has put a track right on a frame: solve both sides anew, as far as the track was known before."""
        document = self._document
        if document is None or track_id not in document.table:
            return
        gaps = document.gaps([track_id], frame)
        if gaps:
            column = document.table.columns([track_id])[0]
            unknown = document.table.rows("state")[frame + 1 :, column] == State.UNLABELLED
            known = frame + 1 + int(np.argmax(unknown)) if unknown.any() else document.table.n_frames
            self._solve({track_id: _Wish({frame}, max(known, self._leave(gaps)))})

    def retrack(self, ids: tuple[int, ...], frame: int) -> None:
        """Solve the selected tracks anew between the anchors around a frame, out to the end where there is but one."""
        document = self._document
        if document is None:
            return
        gaps = document.gaps(ids, frame)
        if gaps:
            self._leave(gaps)
            self._solve({gap.track_id: _Wish({frame}, document.table.n_frames) for gap in gaps})
        else:
            text = self.tr("There is nothing to solve here: place an anchor first, and unlock or unapprove the span.")
            self.message.emit(text, "hint")

    def cancel(self) -> None:
        """Stop all bridges; what they wrote is taken back."""
        for generation in self._plans:
            self._withdraw(generation)

    # -- starting

    def _leave(self, gaps: list[GapSpan]) -> int:
        """A run that goes on writes no more to gaps that are open to the right; gives how far it would have gone."""
        return max((self._tracking.leave(gap.track_id, gap.start) for gap in gaps if gap.right is None), default=0)

    def _solve(self, wishes: Wishes) -> None:
        document = self._document
        if document is None or document.video is None:
            return
        self._take_over(wishes)
        segments, gaps = {}, []
        for span in self._spans(wishes):
            left, right = (self._anchor(span.track_id, frame) for frame in (span.left, span.right))
            known = left or right
            if known is not None:
                gap_id = next(self._gap_ids)
                segments[gap_id] = Segment(span.track_id, int(known[0]), known[1], known[2], span.start, span.end)
                gaps.append(self._gap(gap_id, span, left, right))
        if not gaps:
            return
        generation = self._tracking.next_generation()
        self._plans[generation] = _Plan(wishes, segments)
        video, tracking = document.video, self._tracking
        used = tracking.tracker, tracking.device
        self._worker.bridge(BridgeRequest(generation, Path(video.path), *used, tuple(gaps), view=video.view))
        self.running_changed.emit(True)

    def _take_over(self, wishes: Wishes) -> None:
        """Cancel bridges of the same tracks, and add what they were for."""
        for generation in [g for g, plan in self._plans.items() if plan.wishes.keys() & wishes.keys()]:
            for track_id, old in self._withdraw(generation).items():
                wish = wishes.setdefault(track_id, old)
                wish.frames |= old.frames
                wish.until = max(wish.until, old.until)

    def _withdraw(self, generation: int) -> Wishes:
        """Cancel a bridge; gives what it was for."""
        self._worker.cancel_bridge(generation)
        plan = self._plans[generation]
        wishes, plan.wishes = plan.wishes, {}
        return wishes

    def _spans(self, wishes: Wishes) -> list[GapSpan]:
        """The gaps that are wanted, each once."""
        document = self._document
        assert document is not None
        found: dict[tuple[int, int], GapSpan] = {}
        for track_id, wish in wishes.items():
            for frame in sorted(wish.frames):
                for gap in document.gaps([track_id], frame):
                    end = gap.end if gap.right is not None else min(gap.end, wish.until)
                    if end > gap.start:
                        found[track_id, gap.start] = replace(gap, end=end)
        return list(found.values())

    def _gap(self, gap_id: int, span: GapSpan, left: Anchor | None, right: Anchor | None) -> Gap:
        """The gap with what else is known of its track: its other anchors, nearest first, and the path so far."""
        document = self._document
        assert document is not None
        frames = [f for f in document.anchors(span.track_id) if f not in (span.left, span.right)]
        nearest = sorted(frames, key=lambda frame: max(span.start - frame, frame - span.end))[:OTHER_ANCHORS]
        places = [self._anchor(span.track_id, frame) for frame in nearest]
        known = document.table.read([span.track_id], span.start, span.end).xy[:, 0]
        others = tuple(place for place in places if place is not None and math.isfinite(place[1]))
        return Gap(gap_id, left, right, span.start, span.end, others, known)

    def _anchor(self, track_id: int, frame: int | None) -> Anchor | None:
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
        if plan is None:
            return
        if progress.frames_per_s:
            plan.seconds = progress.done / progress.frames_per_s
        if not self._tracking.running:
            self.progress.emit(progress)

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
            self._document.end_run(plan.run_id, finished.outcome)
            if finished.outcome != "done":
                self._document.drop_run(plan.run_id)
        if finished.outcome == "done" and any(i in self._document.table for i in plan.tracks):
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
        text = self.tr("{0}: {1} solved anew.").format(what, self._frames(start, end))
        return " ".join([text, *dict.fromkeys(self._remark_text(plan, remark) for remark in plan.remarks)])

    def _remark_text(self, plan: _Plan, remark: Remark) -> str:
        texts = {
            "cut": self.tr("The scene changes at {}: each side was followed from its own anchor."),
            "left out": self.tr("Between two cuts, {} stayed unlabelled."),
            "hidden": self.tr("Hidden on {}: flagged, not invented."),
            "apart": self.tr("The two directions disagree on {}: look there."),
        }
        about: str = remark.reason
        track_id = plan.segments[remark.id].track_id
        if about == "cut" and self._document is not None and track_id in self._document.table:
            column = self._document.table.columns([track_id])[0]
            if (self._document.table.rows("state")[remark.start : remark.end, column] == State.UNLABELLED).all():
                about = "left out"
        return texts[about].format(self._frames(remark.start, remark.end))

    def _frames(self, start: int, end: int) -> str:
        """Frames as the rest of the window numbers them."""
        first, last = self._shown(start, end)
        return self.tr("frame {}").format(first) if first == last else self.tr("frames {0} to {1}").format(first, last)

    def _shown(self, start: int, end: int) -> tuple[int, int]:
        """First and last frame as the rest of the window numbers them."""
        video = self._document.video if self._document is not None else None
        return frame_number(video, start), frame_number(video, end - 1)
