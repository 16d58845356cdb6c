"""Runs in the history: one step per run, however many windows, beside what a person does meanwhile."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from app.document.changes import Change
from app.document.edits import Patch, compact, joined, make_patch
from app.document.history import Keeper, Step
from app.document.runs import RunInfo, prediction_patch
from app.document.scene import Scene
from app.document.steps import Steps
from app.document.video_ref import VideoRef
from tracker.files import InputError
from tracker.labels.table import Source

if TYPE_CHECKING:
    from tracker.inference.session import Prediction

# A run is kept in pieces of about this many frames: few enough to rewrite the last one with every window, and many
# enough that windows that overlap by half are kept once.
PIECE_FRAMES = 64
# Single tracks that are written one after the other over more frames, as bridges are, share pieces of so many cells.
PIECE_CELLS = 4096
# A gesture that nobody ended is over after this time.
GESTURE_IDLE_SECONDS = 1.0


class RunSteps(Steps):
    """Steps that runs write. `Document` is what to use."""

    def __init__(self, scene: Scene, keeper: Keeper, video: VideoRef | None) -> None:
        super().__init__(scene, keeper, video)
        self.runs: dict[int, RunInfo] = {}
        self._open_runs: dict[int, bool] = {}  # whether it has written a step
        self._tail: Patch | None = None  # the last piece of the top step, where that is a run's

    def _crossed(self, step: Step, back: bool) -> None:
        self._tail = None
        if back and step.run is not None:
            self._open_runs.pop(step.run, None)

    def begin_run(self, info: RunInfo) -> int:
        """A tracker starts; gives the run's number. What it predicts goes to `apply_prediction`."""
        run_id = max(self.runs, default=-1) + 1
        self._set_run(run_id, replace(info, started=_now(), ended="", outcome=""))
        self._open_runs[run_id] = False
        return run_id

    def apply_prediction(
        self,
        run_id: int,
        prediction: "Prediction",
        source: Source = Source.MODEL,
        initiator: object = None,
    ) -> bool:
        """Write what a tracker found, save onto protected cells. False where the run is over or was undone.

        NaN positions, unknown ids and frames outside of the video are left out.
        """
        if run_id not in self._open_runs:
            return False
        gesture = self._gesture
        if gesture is not None and time.monotonic() - gesture.moved_at < GESTURE_IDLE_SECONDS:
            self._waiting.append(lambda: self._apply_prediction(run_id, prediction, source, initiator))
            return True
        self._settle()
        return self._apply_prediction(run_id, prediction, source, initiator)

    def _apply_prediction(self, run_id: int, prediction: "Prediction", source: Source, initiator: object) -> bool:
        if run_id not in self._open_runs:
            return False
        info = self.runs[run_id]
        size = (self.video.width, self.video.height) if self.video else None
        patch = prediction_patch(self.table, prediction, run_id, source, info.visible_above, size)
        if patch is None:
            return True
        position, top = self._history.position, self._history.top
        if top is None or top.run != run_id:
            again = " (continued)" if self._open_runs[run_id] else ""
            self._write(position, Step(info.title + again, run_id), 0, [patch], initiator)
            self._open_runs[run_id] = True
            self._tail = patch
        else:
            self._extend_run(position - 1, top, patch, initiator)
        return True

    def _extend_run(self, index: int, step: Step, patch: Patch, initiator: object) -> None:
        """Another window of the run whose step is the last one."""
        tail = self._tail
        patch.apply(self._scene)
        first, pieces = step.pieces, [patch]
        if tail is not None:
            head, rest = (patch, None) if _join_is_small(tail, patch) else _split(tail, patch)
            piece = joined(tail, head, self.table) if head else None
            if piece is not None:
                first, pieces = step.pieces - 1, [piece, rest] if rest else [piece]
        step = replace(step, pieces=first + len(pieces))
        try:
            self._keeper.record(index, step, first, pieces, [patch.touched], self._scene)
        except InputError:
            patch.revert(self._scene)
            raise
        self._history.record(index, step)
        self._tail = pieces[-1]
        self._tell([patch.touched], initiator)

    def end_run(self, run_id: int, outcome: str) -> None:
        """The tracker is through: outcome "done", "cancelled" or "failed". Later predictions are left out."""
        self._settle()
        if run_id in self.runs and not self.runs[run_id].outcome:
            self._open_runs.pop(run_id, None)
            self._set_run(run_id, replace(self.runs[run_id], ended=_now(), outcome=outcome))

    def drop_run(self, run_id: int, initiator: object = None) -> None:
        """Take back all that a run wrote, as where a bridge was cancelled half-way, and end it as cancelled.

        Nothing of it stays in the history, unless a person made other steps since its first: then cells that still are
        as the run wrote them go back in a step of their own. What the person did stays.
        """
        if run_id not in self.runs:
            return
        self._open_runs.pop(run_id, None)  # so that what waits for the end of a gesture is left out
        self._settle()
        steps = [
            index for index, step in enumerate(self._history.steps[: self._history.position]) if step.run == run_id
        ]
        if steps == [self._history.position - 1]:
            self._take_back_top(initiator)
        elif steps:
            patch = self._without_run(run_id, steps)
            self.do([patch] if patch else [], f"Take back: {self.runs[run_id].title}", initiator)
        self.end_run(run_id, "cancelled")

    def _without_run(self, run_id: int, steps: list[int]) -> Patch | None:
        """What cells that a run wrote were before; those that were changed or approved since stay."""
        edits = [edit for index in reversed(steps) for edit in self._keeper.edits(index, backwards=True)]
        patches = [edit for edit in edits if isinstance(edit, Patch)]
        ids = sorted({i for patch in patches for i in patch.ids if i in self.table})
        start, end = min(patch.start for patch in patches), max(patch.end for patch in patches)
        now = self.table.read(ids, start, end)
        after = now.copy()
        protected = self.table.protected(ids, start, end)
        for patch in patches:
            kept = [k for k, i in enumerate(patch.ids) if i in self.table]
            where = np.ix_(np.arange(patch.start, patch.end) - start, np.searchsorted(ids, np.array(patch.ids)[kept]))
            own = (after.run_id[where] == run_id) & ~protected[where]
            for name, values in patch.before.items():
                array = getattr(after, name)
                mask = own[..., None] if array.ndim == 3 else own
                array[where] = np.where(mask, values[:, kept], array[where])
        return make_patch(ids, start, now, after)

    def _set_run(self, run_id: int, info: RunInfo) -> None:
        self._keeper.put_run(run_id, info)
        self.runs[run_id] = info
        self.changed(Change("runs"))


def _join_is_small(first: Patch, second: Patch) -> bool:
    """Whether one rectangle around both is short or slim, and holds not much that is in neither."""
    frames = max(first.end, second.end) - min(first.start, second.start)
    both = (first.end - first.start) * len(first.ids) + (second.end - second.start) * len(second.ids)
    cells = frames * len({*first.ids, *second.ids})
    return (frames <= PIECE_FRAMES or cells <= PIECE_CELLS) and cells <= 2 * both


def _split(tail: Patch, patch: Patch) -> tuple[Patch | None, Patch | None]:
    """What of a patch overlaps the piece before it, and the rest: over empty cells that takes half the room."""
    if patch.ids != tail.ids or not tail.start <= patch.start < tail.end < patch.end:
        return None, patch
    rows = tail.end - patch.start
    parts = [
        replace(
            patch,
            start=start,
            before={name: compact(array[frames]) for name, array in patch.before.items()},
            after={name: compact(array[frames]) for name, array in patch.after.items()},
        )
        for start, frames in ((patch.start, slice(0, rows)), (tail.end, slice(rows, None)))
    ]
    return parts[0], parts[1]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
