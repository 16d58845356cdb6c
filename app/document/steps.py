"""Doing, undoing and redoing on a track table: the steps of the history, and drags that become one step."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.document.changes import Callbacks, Change
from app.document.corrections import Correction, correction_of
from app.document.edits import FIELD_NAMES, Patch, Touched, make_patch
from app.document.expected_error import ExpectedErrors
from app.document.history import History, Keeper, Step
from app.document.scene import Scene
from app.document.scene_edits import AnyTouched, Edit, TouchedGroups, TouchedMask, TouchedTakes
from app.document.video_ref import VideoRef, frame_number
from tracker.files import InputError
from tracker.labels.table import Cells, TrackTable

# While the mouse is down positions go to the file at most this often, the last one when it is let go. One call takes
# well under a millisecond on a solid-state disk, but a disk that takes 20 ms to sync would make a 60 Hz drag stutter.
GESTURE_SAVE_SECONDS = 0.1


@dataclass
class Gesture:
    """A drag that goes on: one step whose edits are made anew with each call."""

    number: int
    before: dict[tuple[int, int], Cells] = field(default_factory=dict)  # by track and frame
    expected: dict[tuple[int, int], float] = field(default_factory=dict)  # the errors that were shown
    moved_at: float = 0.0
    saved_at: float = -math.inf
    saved: bool = True


class Steps:
    """A scene, its history, and the keeper in which both outlive the process. `Document` is what to use."""

    def __init__(self, scene: Scene, keeper: Keeper, video: VideoRef | None) -> None:
        self._scene = scene
        self.video = video
        self.expected_error = ExpectedErrors(scene.table)
        self.changed: Callbacks[Change] = Callbacks()
        self.refused: Callbacks[str] = Callbacks()
        self._next_ids: dict[str, int] = {}
        self._corrections: list[Correction] = []
        self._keeper = keeper
        self._history = History()
        self._gesture: Gesture | None = None
        self._waiting: list[Callable[[], object]] = []

    @property
    def table(self) -> TrackTable:
        """The tracks: read it, never write it."""
        return self._scene.table

    def number_of(self, frame: int) -> int:
        """The number under which a person knows a frame: see `frame_number`."""
        return frame_number(self.video, frame)

    # -- undo

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self._history.position > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return self._history.position < len(self._history.steps)

    @property
    def undo_text(self) -> str:
        """What undo would take back, "" for nothing."""
        return self._history.top.label if self._history.top else ""

    @property
    def redo_text(self) -> str:
        """What redo would do again, "" for nothing."""
        return self._history.steps[self._history.position].label if self.can_redo else ""

    @property
    def history_position(self) -> int:
        """How many of the `history_steps` are done."""
        return self._history.position

    def history_steps(self) -> list[str]:
        """The names of all steps, oldest first, those that were undone at the end."""
        return [step.label for step in self._history.steps]

    def undo(self, initiator: object = None) -> bool:
        """Take the last step back, exactly. False where there is none."""
        self._settle()
        return self.can_undo and self._go(self._history.position - 1, initiator)

    def redo(self, initiator: object = None) -> bool:
        """Do again what was undone last, exactly. False where there is nothing."""
        self._settle()
        return self.can_redo and self._go(self._history.position, initiator)

    def go_to(self, position: int, initiator: object = None) -> None:
        """Undo or redo until `position` steps are done, as a click into the history panel asks."""
        while self._history.position > max(position, 0) and self.undo(initiator):
            pass
        while self._history.position < position and self.redo(initiator):
            pass

    def _go(self, index: int, initiator: object) -> bool:
        """Cross the step at `index`: back where it is done, else forth."""
        back = index < self._history.position
        touched: list[AnyTouched] = []
        position = index if back else index + 1
        try:
            for edit in self._keeper.edits(index, backwards=back):
                if back:
                    edit.revert(self._scene)
                else:
                    edit.apply(self._scene)
                touched.append(edit.touched)
            self._keeper.move(position, touched, self._scene)
        except InputError:
            for edit in reversed(list(islice(self._keeper.edits(index, backwards=back), len(touched)))):
                if back:
                    edit.apply(self._scene)
                else:
                    edit.revert(self._scene)
            raise
        self._history.position = position
        self._crossed(self._history.steps[index], back)
        self._tell(touched, initiator)
        return True

    def _take_back_top(self, initiator: object) -> None:
        """Undo the last step, and forget it with all that were undone before."""
        index = self._history.position - 1
        self._go(index, initiator)
        self._keeper.forget(index)
        self._history.forget(index)
        self.changed(Change("history", (), initiator=initiator))

    def _tell(self, touched: Sequence[AnyTouched], initiator: object) -> None:
        for change in changes_of(touched, self._scene, initiator):
            self.changed(change)

    def _crossed(self, step: Step, back: bool) -> None:
        """A step was undone or done again."""

    # -- doing

    def do(self, edits: Edit | Sequence[Edit], label: str, initiator: object = None) -> None:
        """Do one edit, or several, as one step. They were made on the table as it is now."""
        edits = list(edits) if isinstance(edits, Sequence) else [edits]
        self._write(self._history.position, Step(label), 0, edits, initiator)

    def _write(self, index: int, step: Step, first: int, edits: Sequence[Edit], initiator: object) -> None:
        """Apply edits, and keep them as the pieces `first` and on of the step at `index`."""
        if not edits:
            return
        for edit in edits:
            edit.apply(self._scene)
        touched = [edit.touched for edit in edits]
        step = replace(step, pieces=first + len(edits))
        try:
            self._keeper.record(index, step, first, edits, touched, self._scene)
        except InputError:
            for edit in reversed(edits):
                edit.revert(self._scene)
            raise
        self._history.record(index, step)
        self._tell(touched, initiator)

    def _settle(self) -> None:
        """End the gesture that goes on, and do what waited for it: the table is then what the next edit stands on."""
        if self._gesture is not None:
            self._save_gesture(over=True)
            self._gesture = None
        waiting, self._waiting = self._waiting, []
        for act in waiting:
            act()

    # -- gestures

    def end_gesture(self) -> None:
        """The mouse was let go: what the gesture did is one step, and kept."""
        self._settle()

    def cancel_gesture(self, initiator: object = None) -> None:
        """What the gesture that goes on has moved goes back, and no step stays; nothing is a correction."""
        if self._gesture is not None:
            self._save_gesture()
            self._gesture = None
            self._take_back_top(initiator)
        self._settle()

    def _move_in_gesture(
        self, number: int, cell: tuple[int, int], before: Cells, patch: Patch | None, label: str, initiator: object
    ) -> None:
        if self._gesture is None:
            if patch is None:
                return
            self._gesture = Gesture(number)
            self._history.record(self._history.position, Step(label))
        gesture = self._gesture
        gesture.moved_at = time.monotonic()
        if cell not in gesture.before:
            gesture.before[cell], gesture.expected[cell] = before, self._shown_error(*cell)
        if patch is None:
            return
        patch.apply(self._scene)
        gesture.saved = False
        if gesture.moved_at - gesture.saved_at >= GESTURE_SAVE_SECONDS:
            self._save_gesture()
        self._tell([patch.touched], initiator)

    def _save_gesture(self, over: bool = False) -> None:
        """Keep what the gesture did so far; where it is over, with the corrections that it was."""
        gesture, index = self._gesture, self._history.position - 1
        if gesture is None:
            return
        corrections = self._gesture_corrections(gesture) if over else []
        if gesture.saved and not corrections:
            return
        edits, touched = [], []
        for (track_id, frame), before in gesture.before.items():
            patch = make_patch([track_id], frame, before, self.table.read([track_id], frame, frame + 1))
            edits += [patch] if patch else []
            touched.append(Touched((track_id,), frame, frame + 1, FIELD_NAMES, anchors=True))
        step = replace(self._history.steps[index], pieces=len(edits))
        self._keeper.put_corrections(corrections)
        self._keeper.record(index, step, 0, edits, touched, self._scene)
        self._corrections += corrections
        self._history.record(index, step)
        gesture.saved, gesture.saved_at = True, gesture.moved_at

    def _gesture_corrections(self, gesture: Gesture) -> list[Correction]:
        found = []
        for (track_id, frame), before in gesture.before.items():
            x, y = self.table.read([track_id], frame, frame + 1).xy[0, 0].tolist()
            found.append(correction_of(track_id, frame, before, (x, y), gesture.expected[track_id, frame]))
        return [correction for correction in found if correction is not None]

    def _shown_error(self, track_id: int, frame: int) -> float:
        """The expected error of a cell in pixels, NaN where nobody has worked it out."""
        return float(self.expected_error.uncalibrated([track_id], frame, frame + 1)[0, 0])

    # -- for intentions

    def _new_ids(self, kind: str, count: int) -> list[int]:
        """Ids of a "track", "mask" or "take" that none ever had; kept with the step that follows."""
        first = self._next_ids.get(kind, 0)
        self._next_ids[kind] = first + count
        self._keeper.put_next_id(kind, first + count)
        return list(range(first, first + count))

    def _inside(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Whether places lie in the picture; true where its size is unknown."""
        x, y = np.asarray(x), np.asarray(y)
        if self.video is None:
            return np.ones(x.shape, dtype=bool)
        # Pixel centres are whole numbers, so that a frame reaches from -0.5 to its size less 0.5.
        return (x >= -0.5) & (y >= -0.5) & (x <= self.video.width - 0.5) & (y <= self.video.height - 0.5)

    def _present(self, ids: Iterable[int]) -> list[int]:
        return [int(i) for i in dict.fromkeys(ids) if i in self.table]

    def _unlocked(self, ids: Iterable[int]) -> list[int]:
        """Those that a person may change; says which may not."""
        present = self._present(ids)
        locked = [self.table.track(i).name for i in present if self.table.track(i).locked]
        if locked:
            self.refused(f"{listed(locked)} {'is' if len(locked) == 1 else 'are'} locked: unlock to change")
        return [i for i in present if not self.table.track(i).locked]


def counted(verb: str, ids: Sequence[int]) -> str:
    """What a step on so many tracks is called."""
    return f"{verb} {len(ids)} track{'' if len(ids) == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """The first of these names for a sentence."""
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def changes_of(touched: Sequence[AnyTouched], scene: Scene, initiator: object) -> list[Change]:
    """What all of that together is for a view, the scene being as it is after it: one change of each kind."""
    found = []
    tracks = [each for each in touched if isinstance(each, Touched)]
    if tracks:
        ids = tuple(dict.fromkeys(i for each in tracks for i in each.ids))
        kind: Literal["tracks", "cells"] = "tracks" if any(each.tracks for each in tracks) else "cells"
        found.append(Change(kind, ids, *_span([(e.start, e.end) for e in tracks if e.fields]), initiator))
    masks = [each for each in touched if isinstance(each, TouchedMask)]
    if masks:
        ids = tuple(dict.fromkeys(each.id for each in masks))
        n_frames = scene.table.n_frames
        spans = [(f, scene.masks.held_until(e.id, f) or n_frames) for e in masks for f in e.frames]
        spans += [(0, n_frames) for each in masks if not each.frames]
        found.append(Change("masks", ids, *_span(spans), initiator))
    if any(isinstance(each, TouchedGroups) for each in touched):
        found.append(Change("groups", initiator=initiator))
    takes = [i for each in touched if isinstance(each, TouchedTakes) for i in each.ids]
    if takes:
        found.append(Change("takes", tuple(dict.fromkeys(takes)), initiator=initiator))
    return found or [Change("history", (), initiator=initiator)]


def _span(spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """From the first start to the last end."""
    return min((start for start, _ in spans), default=0), max((end for _, end in spans), default=0)
