"""The open project: the track table with its history, and everything a person can do to it."""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

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
    make_patch,
    removal,
)
from app.document.expected_error import ExpectedErrors
from app.document.history import History, Keeper, MemoryKeeper
from app.document.recovery import create_unsaved, is_unsaved, refuse_if_open
from app.document.run_steps import RunSteps
from app.document.runs import RunInfo
from app.document.store import Store, read_project
from app.document.video_ref import VideoRef
from tracker.files import InputError, atomic_output
from tracker.labels.table import Cells, Source, State, TrackInfo, TrackTable, as_query_points, colour_for

__all__ = ["Document", "RunInfo"]


class Document(RunSteps):
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
        expected_error: how far off each position is thought to be; neither undone nor kept.
        refused: called with a sentence where an intention was not carried out.
    """

    def __init__(self, n_frames: int, video: VideoRef | None = None, keeper: Keeper | None = None) -> None:
        """A new document without a file, unless a `keeper` is given; see also `new` and `open`."""
        super().__init__(TrackTable(n_frames), keeper or MemoryKeeper(), video)
        self.path: Path | None = None
        self.refused: Callbacks[str] = Callbacks()
        self.expected_error = ExpectedErrors(self.table)
        self._next_id = 0

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
        document.expected_error = ExpectedErrors(document.table)
        document._history, document.runs = contents.history, contents.runs
        document._next_id = contents.next_id
        return document

    @property
    def file(self) -> Path | None:
        """The file that every edit goes to, also while the document is untitled; None where only memory holds it."""
        return self._keeper.path if isinstance(self._keeper, Store) else None

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
        """Let go of the file. An untitled document stays among the unsaved ones, unless it is empty or to discard.

        The document can still be read. What a run that was not stopped in time still predicts goes nowhere.
        """
        self._settle()
        keeper, empty = self._keeper, not self._history.steps
        self._keeper, self._history, self._open_runs = MemoryKeeper(), History(), {}
        if isinstance(keeper, Store) and self.path is None and (discard or empty):
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
        track_id, frame = int(track_id), int(frame)  # numpy's integers fit neither JSON nor the database
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
        self.approve_spans(dict.fromkeys(ids, (start, end)), approved, initiator)

    def approve_spans(
        self, spans: Mapping[int, tuple[int, int]], approved: bool = True, initiator: object = None
    ) -> None:
        """The same for another span (start, end) of each track, as one step."""
        self._settle()
        together: dict[tuple[int, int], list[int]] = {}
        for track_id in self._present(spans):
            together.setdefault(spans[track_id], []).append(track_id)
        patches = [
            patch
            for (start, end), ids in together.items()
            if (patch := self._marked(ids, start, end, lambda cells: marks.approved(cells, approved)))
        ]
        verb = "Approve" if approved else "Take approval back from"
        self.do(patches, _counted(verb, [i for patch in patches for i in patch.ids]), initiator)

    def _mark(
        self, ids: list[int], start: int, end: int, mark: Callable[[Cells], Cells], verb: str, initiator: object
    ) -> None:
        patch = self._marked(ids, start, end, mark)
        if patch:
            self.do(patch, _counted(verb, list(patch.ids)), initiator)

    def _marked(self, ids: list[int], start: int, end: int, mark: Callable[[Cells], Cells]) -> Patch | None:
        """What marking these cells changes, None where nothing."""
        start, end = max(int(start), 0), min(int(end), self.table.n_frames)
        if not ids or start >= end:
            return None
        before = self.table.read(ids, start, end)
        return make_patch(ids, start, before, mark(before))

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


def _counted(verb: str, ids: Sequence[int]) -> str:
    return f"{verb} {len(ids)} track{'' if len(ids) == 1 else 's'}"
