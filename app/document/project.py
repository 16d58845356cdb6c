"""The open project: the track table with its history, and everything a person can do to it."""

import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from app.document import marks
from app.document.changes import Callbacks, Change
from app.document.contents import Contents
from app.document.database import remove_side_files
from app.document.edits import (
    FIELD_NAMES,
    Edit,
    Patch,
    Presence,
    Properties,
    Touched,
    joined,
    make_patch,
    removal,
)
from app.document.history import History, Keeper, MemoryKeeper, Step
from app.document.recovery import create_unsaved, is_unsaved, refuse_if_open
from app.document.runs import Limits, RunInfo, prediction_patch
from app.document.store import Store, read_project
from app.document.video_ref import VideoRef
from tracker.files import InputError, atomic_output
from tracker.labels.table import Cells, Source, State, TrackInfo, TrackTable, as_query_points, colour_for

if TYPE_CHECKING:
    from tracker.inference.session import Prediction

# A run is kept in pieces of about this many frames: few enough to rewrite the last one with every window, and many
# enough that windows that overlap by half are kept once.
PIECE_FRAMES = 64
# While the mouse is down positions go to the file at most this often, the last one when it is let go.
GESTURE_SAVE_SECONDS = 0.1
# A gesture that nobody ended is over after this time.
GESTURE_IDLE_SECONDS = 1.0


@dataclass
class _Gesture:
    """A drag that goes on: one step whose edits are made anew with each call."""

    number: int
    before: dict[tuple[int, int], Cells] = field(default_factory=dict)  # by track and frame
    moved_at: float = 0.0
    saved_at: float = -math.inf
    saved: bool = True


class Document:
    """Tracks over the frames of one video, with runs and an undo history; Qt-free.

    Each intention (`add_tracks`, `place_anchor`, …) makes one edit, does it, keeps it in the project file and calls
    `changed`. When it returns, what was done is on the disk; only a gesture that still goes on may be behind by
    `GESTURE_SAVE_SECONDS`. What cannot be done (a locked track) is left, and `refused` is called with the reason.

    Predictions never change an anchor, an approved cell or a locked track. All that a run writes is one step, unless a
    person edits meanwhile: then the run goes on in another step, "… (continued)", so that every step can be undone
    exactly. Predictions that arrive during a gesture wait for its end. A run whose step was undone writes no more.

    Raises:
        InputError: from every intention, where the project file cannot be written; the document is then as before.

    Attributes:
        table: read it, never write it.
        video: what is known of the video, None where there is none.
        runs: all runs by number, also those that were undone.
        path: the project file, None while untitled.
        changed: called with a `Change` after every edit, undo and redo.
        refused: called with a sentence where an intention was not carried out.
    """

    def __init__(self, n_frames: int, video: VideoRef | None = None, keeper: Keeper | None = None) -> None:
        """A new document without a file, unless a `keeper` is given; see also `new` and `open`."""
        self.table = TrackTable(n_frames)
        self.video = video
        self.runs: dict[int, RunInfo] = {}
        self.path: Path | None = None
        self.changed: Callbacks[Change] = Callbacks()
        self.refused: Callbacks[str] = Callbacks()
        self._keeper = keeper or MemoryKeeper()
        self._history = History()
        self._next_id = 0
        self._gesture: _Gesture | None = None
        self._open_runs: dict[int, bool] = {}  # whether it has written a step
        self._waiting: list[Callable[[], object]] = []
        self._tail: Patch | None = None  # the last piece of the top step, where that is a run's

    # -- files

    @classmethod
    def new(cls, video: VideoRef) -> Self:
        """An untitled document on a video. It lies in the user's folder of unsaved projects until `save_as`."""
        document = cls(video.frame_count, video, create_unsaved(video.frame_count))
        document._keeper.put_video(video)
        return document

    @classmethod
    def open(cls, path: str | os.PathLike[str], read_only: bool = False) -> Self:
        """The document of a project file, with its history; every edit goes to that file.

        Args:
            read_only: only look at it: it may be open elsewhere, comes without history, and edits go nowhere.

        Raises:
            InputError: it is missing, not a project, of a newer version, damaged, not writable, or open elsewhere.
        """
        found = Path(path).absolute()
        if read_only:
            contents = read_project(found)
            contents.history = History()
            return cls._of(contents, MemoryKeeper(), found)
        store = Store.open(found)
        try:
            return cls._of(store.load(), store, None if is_unsaved(found) else found)
        except InputError:
            store.close()
            raise

    @classmethod
    def _of(cls, contents: Contents, keeper: Keeper, path: Path | None) -> Self:
        document = cls(contents.table.n_frames, contents.video, keeper)
        document.table, document.path = contents.table, path
        document._history, document.runs = contents.history, contents.runs
        document._next_id = contents.next_id
        return document

    def save_as(self, path: str | os.PathLike[str]) -> None:
        """Go on in another project file, with the whole history; an untitled document moves there.

        Raises:
            InputError: it cannot be written or is open elsewhere; the document then stays where it was.
        """
        self._settle()
        target = Path(path).absolute()
        if target == self.path:
            return
        refuse_if_open(target)
        if isinstance(self._keeper, Store):
            self._keeper.copy_to(target)
        else:
            self._write_whole(target)
        store, old = Store.open(target), self._keeper
        self._keeper, untitled = store, self.path is None
        if self.video:
            store.put_video(self.video)
        if isinstance(old, Store) and untitled:
            old.delete()
        else:
            old.close()
        self.path = target
        self.changed(Change("history"))

    def _write_whole(self, target: Path) -> None:
        """Write what only memory holds."""
        with atomic_output(target) as part:
            store = Store.create(part, self.table.n_frames)
            try:
                for index, step in enumerate(self._history.steps):
                    store.record(index, step, 0, list(self._keeper.edits(index)), [], self.table)
                for run_id, info in self.runs.items():
                    store.put_run(run_id, info)
                ids, n_frames = tuple(self.table.ids.tolist()), self.table.n_frames
                everything = Touched(ids, 0, n_frames, FIELD_NAMES, tracks=True, anchors=True)
                store.put_next_id(self._next_id)
                store.move(self._history.position, [everything], self.table)
            finally:
                store.close()
            remove_side_files(target)

    def close(self, discard: bool = False) -> None:
        """Let go of the file. An untitled document stays among the unsaved ones, unless it is empty or to discard."""
        self._settle()
        keeper = self._keeper
        if isinstance(keeper, Store) and self.path is None and (discard or not self._history.steps):
            keeper.delete()
        else:
            keeper.close()

    def relink(self, path: str | os.PathLike[str]) -> None:
        """The video lies elsewhere now. Not a step of the history: it is nothing that a person did to the tracks."""
        if self.video is not None:
            video = self.video.relink(path)
            self._keeper.put_video(video)
            self.video = video
            self.changed(Change("all"))

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
        touched: list[Touched] = []
        position = index if back else index + 1
        try:
            for edit in self._keeper.edits(index, backwards=back):
                if back:
                    edit.revert(self.table)
                else:
                    edit.apply(self.table)
                touched.append(edit.touched)
            self._keeper.move(position, touched, self.table)
        except InputError:
            for edit in reversed(list(islice(self._keeper.edits(index, backwards=back), len(touched)))):
                if back:
                    edit.apply(self.table)
                else:
                    edit.revert(self.table)
            raise
        step, self._tail = self._history.steps[index], None
        self._history.position = position
        if back and step.run is not None:
            self._open_runs.pop(step.run, None)
        self.changed(_change(touched, initiator))
        return True

    # -- doing

    def do(self, edits: Edit | Sequence[Edit], label: str, initiator: object = None) -> None:
        """Do one edit, or several, as one step. They were made on the table as it is now."""
        edits = [edits] if isinstance(edits, Patch | Presence | Properties) else list(edits)
        self._write(self._history.position, Step(label), 0, edits, initiator)

    def _write(self, index: int, step: Step, first: int, edits: Sequence[Edit], initiator: object) -> None:
        """Apply edits, and keep them as the pieces `first` and on of the step at `index`."""
        if not edits:
            return
        for edit in edits:
            edit.apply(self.table)
        touched = [edit.touched for edit in edits]
        step = replace(step, pieces=first + len(edits))
        try:
            self._keeper.record(index, step, first, edits, touched, self.table)
        except InputError:
            for edit in reversed(edits):
                edit.revert(self.table)
            raise
        self._history.record(index, step)
        self._tail = None
        self.changed(_change(touched, initiator))

    def _settle(self) -> None:
        """End the gesture that goes on, and do what waited for it: the table is then what the next edit stands on."""
        if self._gesture is not None:
            self._save_gesture()
            self._gesture = None
        waiting, self._waiting = self._waiting, []
        for act in waiting:
            act()

    # -- tracks

    def add_tracks(
        self, query_points: ArrayLike, names: Sequence[str] | None = None, group: str = "", initiator: object = None
    ) -> list[int]:
        """Start new tracks, each with an anchor at its query point; gives their ids.

        Args:
            query_points: (K, 3) frame, x, y; frames are whole numbers.

        Raises:
            ValueError: they are no such rows, or a frame is outside of the video.
        """
        self._settle()
        points = as_query_points(query_points)
        frames = np.rint(points[:, 0]).astype(int)
        if len(frames) and not (frames.min() >= 0 and frames.max() < self.table.n_frames):
            raise ValueError(f"query points must lie on frames 0 to {self.table.n_frames - 1}")
        ids = list(range(self._next_id, self._next_id + len(points)))
        if not ids:
            return []
        tracks = tuple(
            TrackInfo(i, f"Track {i + 1}" if names is None else names[k], (int(frames[k]), x, y), colour_for(i), group)
            for k, (i, (_, x, y)) in enumerate(zip(ids, points.tolist(), strict=True))
        )
        edits: list[Edit] = [Presence(tracks, 0, Cells.empty(0, len(ids)).arrays(), added=True)]
        for frame in np.unique(frames).tolist():
            here = np.flatnonzero(frames == frame)
            blank = Cells.empty(1, len(here))
            after = marks.anchored(blank, points[here, 1:][None])
            patch = make_patch([ids[k] for k in here], frame, blank, after)
            edits += [patch] if patch else []
        self._next_id += len(ids)
        self._keeper.put_next_id(self._next_id)
        self.do(edits, _counted("Add", ids), initiator)
        return ids

    def delete_tracks(self, ids: Iterable[int], initiator: object = None) -> None:
        """Take whole tracks away; locked ones stay."""
        self._settle()
        wanted = self._unlocked(ids)
        if wanted:
            self.do(removal(self.table, wanted), _counted("Delete", wanted), initiator)

    def rename(self, track_id: int, name: str, initiator: object = None) -> None:
        """Give a track another name."""
        self._set_properties([track_id], "Rename", initiator, name=name)

    def set_group(self, ids: Iterable[int], group: str, initiator: object = None) -> None:
        """Put tracks into a group, "" for none."""
        self._set_properties(ids, "Group", initiator, group=group)

    def set_colour(self, ids: Iterable[int], rgb: tuple[int, int, int], initiator: object = None) -> None:
        """Give tracks another colour, 0..255 each."""
        self._set_properties(ids, "Colour", initiator, colour=tuple(int(c) for c in rgb))

    def set_locked(self, ids: Iterable[int], locked: bool = True, initiator: object = None) -> None:
        """Lock tracks against predictions and against changes by hand, or unlock them."""
        self._set_properties(ids, "Lock" if locked else "Unlock", initiator, locked=bool(locked))

    def _set_properties(self, ids: Iterable[int], verb: str, initiator: object, **values: object) -> None:
        self._settle()
        before = [replace(self.table.track(i)) for i in self._present(ids)]
        after = [replace(track, **values) for track in before]  # type: ignore[arg-type]
        pairs = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        if pairs:
            olds, news = zip(*pairs, strict=True)
            self.do(Properties(olds, news), _counted(verb, [track.id for track in olds]), initiator)

    # -- cells

    def place_anchor(
        self, track_id: int, frame: int, x: float, y: float, gesture: int | None = None, initiator: object = None
    ) -> bool:
        """A person puts a track where it is on one frame, in pixels. False where that was refused.

        Calls with the same `gesture` number, of one track or several, become one step; call `end_gesture` when the
        mouse is let go. A person's own occluded flag on the frame stays; any other cell becomes visible.

        Raises:
            ValueError: the position is not finite, or the frame is outside of the video.
        """
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= frame < self.table.n_frames):
            raise ValueError(f"no anchor can be at frame {frame}, {x}, {y}")
        if self._gesture is None or self._gesture.number != gesture:
            self._settle()
        if not self._unlocked([track_id]):
            return False
        before = self.table.read([track_id], frame, frame + 1)
        after = marks.anchored(before, np.array([[[x, y]]], dtype=np.float32))
        patch = make_patch([track_id], frame, before, after)
        label = f"Move {self.table.track(track_id).name}"
        if gesture is not None:
            self._move_in_gesture(gesture, (track_id, frame), before, patch, label, initiator)
        elif patch:
            self.do(patch, label, initiator)
        return True

    def end_gesture(self) -> None:
        """The mouse was let go: what the gesture did is one step, and kept."""
        self._settle()

    def _move_in_gesture(
        self, number: int, cell: tuple[int, int], before: Cells, patch: Patch | None, label: str, initiator: object
    ) -> None:
        if self._gesture is None:
            if patch is None:
                return
            self._gesture = _Gesture(number)
            self._history.record(self._history.position, Step(label))
            self._tail = None
        gesture = self._gesture
        gesture.moved_at = time.monotonic()
        gesture.before.setdefault(cell, before)
        if patch is None:
            return
        patch.apply(self.table)
        gesture.saved = False
        if gesture.moved_at - gesture.saved_at >= GESTURE_SAVE_SECONDS:
            self._save_gesture()
        self.changed(_change([patch.touched], initiator))

    def _save_gesture(self) -> None:
        gesture, index = self._gesture, self._history.position - 1
        if gesture is None or gesture.saved:
            return
        edits, touched = [], []
        for (track_id, frame), before in gesture.before.items():
            patch = make_patch([track_id], frame, before, self.table.read([track_id], frame, frame + 1))
            edits += [patch] if patch else []
            touched.append(Touched((track_id,), frame, frame + 1, FIELD_NAMES, anchors=True))
        step = replace(self._history.steps[index], pieces=len(edits))
        self._keeper.record(index, step, 0, edits, touched, self.table)
        self._history.record(index, step)
        gesture.saved, gesture.saved_at = True, gesture.moved_at

    def clear(self, ids: Iterable[int], start: int, end: int, initiator: object = None) -> None:
        """Cells on frames start to end (exclusive) become unlabelled, anchors and approved ones too."""
        self._settle()
        self._mark(self._unlocked(ids), start, end, marks.cleared, "Clear", initiator)

    def set_state(self, ids: Iterable[int], start: int, end: int, state: State, initiator: object = None) -> None:
        """A person says what the tracks are on frames start to end (exclusive); the cells become anchors.

        Occluded keeps a position that is known, out of view has none. Visible takes a flag back: where no position is
        known the cell becomes unlabelled again.
        """
        names = {State.VISIBLE: "Visible", State.OCCLUDED: "Occluded", State.OUT_OF_VIEW: "Out of view"}
        if state == State.UNLABELLED:
            self.clear(ids, start, end, initiator)
            return
        self._settle()
        self._mark(self._unlocked(ids), start, end, lambda cells: marks.flagged(cells, state), names[state], initiator)

    def approve(
        self, ids: Iterable[int], start: int, end: int, approved: bool = True, initiator: object = None
    ) -> None:
        """A person has reviewed frames start to end (exclusive): all cells there that are labelled are approved."""
        self._settle()
        verb = "Approve" if approved else "Take approval back from"
        self._mark(self._present(ids), start, end, lambda cells: marks.approved(cells, approved), verb, initiator)

    def _mark(
        self, ids: list[int], start: int, end: int, mark: Callable[[Cells], Cells], verb: str, initiator: object
    ) -> None:
        start, end = max(start, 0), min(end, self.table.n_frames)
        if not ids or start >= end:
            return
        before = self.table.read(ids, start, end)
        patch = make_patch(ids, start, before, mark(before))
        if patch:
            self.do(patch, _counted(verb, list(patch.ids)), initiator)

    # -- runs

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
        limits: Limits | None = None,
        initiator: object = None,
    ) -> bool:
        """Write what a tracker found, save onto protected cells. False where the run is over or was undone.

        NaN positions, unknown ids and frames outside of the video are left out. `limits` gives by id the frames
        (start, end) that may be written.
        """
        if run_id not in self._open_runs:
            return False
        gesture = self._gesture
        if gesture is not None and time.monotonic() - gesture.moved_at < GESTURE_IDLE_SECONDS:
            self._waiting.append(lambda: self._apply_prediction(run_id, prediction, source, limits, initiator))
            return True
        self._settle()
        return self._apply_prediction(run_id, prediction, source, limits, initiator)

    def _apply_prediction(
        self, run_id: int, prediction: "Prediction", source: Source, limits: Limits | None, initiator: object
    ) -> bool:
        if run_id not in self._open_runs:
            return False
        info = self.runs[run_id]
        size = (self.video.width, self.video.height) if self.video else None
        patch = prediction_patch(self.table, prediction, run_id, source, info.visible_above, size, limits)
        if patch is None:
            return True
        position, top = self._history.position, self._history.top
        if top is None or top.run != run_id:
            again = " (continued)" if self._open_runs[run_id] else ""
            self._write(position, Step(f"Track with {info.tracker}{again}", run_id), 0, [patch], initiator)
            self._open_runs[run_id] = True
            self._tail = patch
        else:
            self._extend_run(position - 1, top, patch, initiator)
        return True

    def _extend_run(self, index: int, step: Step, patch: Patch, initiator: object) -> None:
        """Another window of the run whose step is the last one."""
        tail = self._tail
        patch.apply(self.table)
        piece = None
        if tail is not None and _join_is_small(tail, patch):
            piece = joined(tail, patch, self.table)
        first = step.pieces if piece is None else step.pieces - 1
        step = replace(step, pieces=first + 1)
        try:
            self._keeper.record(index, step, first, [piece or patch], [patch.touched], self.table)
        except InputError:
            patch.revert(self.table)
            raise
        self._history.record(index, step)
        self._tail = piece or patch
        self.changed(_change([patch.touched], initiator))

    def end_run(self, run_id: int, outcome: str) -> None:
        """The tracker is through: outcome "done", "cancelled" or "failed". Later predictions are left out."""
        self._settle()
        if run_id in self.runs and not self.runs[run_id].outcome:
            self._open_runs.pop(run_id, None)
            self._set_run(run_id, replace(self.runs[run_id], ended=_now(), outcome=outcome))

    def _set_run(self, run_id: int, info: RunInfo) -> None:
        self._keeper.put_run(run_id, info)
        self.runs[run_id] = info
        self.changed(Change("runs"))

    # -- questions

    def anchors(self, track_id: int) -> list[int]:
        """The frames of a track where a person placed or flagged it, ascending. Raises KeyError for an unknown id."""
        return np.flatnonzero(self.table.rows("source")[:, self.table.columns([track_id])[0]] == Source.ANCHOR).tolist()

    def retrack_span(self, track_id: int, frame: int) -> tuple[int, int]:
        """From the anchor at or before `frame` up to the next one (exclusive) or the end; (frame, frame) without one.

        Only an anchor with a position is one to start from; every anchor is one to end at.
        """
        anchors = self.anchors(track_id)
        column = self.table.columns([track_id])[0]
        starts = [a for a in anchors if a <= frame and np.isfinite(self.table.rows("xy")[a, column]).all()]
        if not starts:
            return frame, frame
        return starts[-1], next((a for a in anchors if a > starts[-1]), self.table.n_frames)

    def _present(self, ids: Iterable[int]) -> list[int]:
        return [int(i) for i in dict.fromkeys(ids) if i in self.table]

    def _unlocked(self, ids: Iterable[int]) -> list[int]:
        """Those that a person may change; says which may not."""
        present = self._present(ids)
        locked = [self.table.track(i).name for i in present if self.table.track(i).locked]
        if locked:
            names = ", ".join(locked[:3]) + (", …" if len(locked) > 3 else "")
            self.refused(f"{names} {'is' if len(locked) == 1 else 'are'} locked: unlock to change")
        return [i for i in present if not self.table.track(i).locked]


def _change(touched: Sequence[Touched], initiator: object) -> Change:
    """What all of that together is for a view."""
    ids = tuple(dict.fromkeys(i for each in touched for i in each.ids))
    spans = [(each.start, each.end) for each in touched if each.fields]
    start, end = min((s for s, _ in spans), default=0), max((e for _, e in spans), default=0)
    if any(each.tracks for each in touched):
        return Change("tracks", ids, start, end, initiator)
    return Change("cells", ids, start, end, initiator) if touched else Change("history", (), initiator=initiator)


def _join_is_small(first: Patch, second: Patch) -> bool:
    """Whether one rectangle around both is short, and holds not much that is in neither."""
    frames = max(first.end, second.end) - min(first.start, second.start)
    both = (first.end - first.start) * len(first.ids) + (second.end - second.start) * len(second.ids)
    return frames <= PIECE_FRAMES and frames * len({*first.ids, *second.ids}) <= 2 * both


def _counted(verb: str, ids: Sequence[int]) -> str:
    return f"{verb} {len(ids)} track{'' if len(ids) == 1 else 's'}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
