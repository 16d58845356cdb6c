"""The open project: the track table with its history, and everything a person can do to it."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from app.document.cell_steps import CellSteps
from app.document.changes import Change
from app.document.clean_steps import CleanSteps
from app.document.contents import Contents
from app.document.corrections import Correction
from app.document.database import remove_side_files
from app.document.edits import (
    FIELD_NAMES,
    Touched,
)
from app.document.expected_error import ExpectedErrors
from app.document.gaps import GapSpan, find_gaps
from app.document.group_steps import GroupSteps
from app.document.history import History, Keeper, MemoryKeeper
from app.document.mask_steps import MaskSteps
from app.document.operations import Operations
from app.document.recovery import create_unsaved, is_unsaved, refuse_if_open
from app.document.run_steps import RunSteps
from app.document.runs import RunInfo
from app.document.scene import Scene
from app.document.scene_edits import AnyTouched, TouchedGroups, TouchedMask, TouchedTakes
from app.document.store import Store, read_project
from app.document.take_steps import TakeSteps
from app.document.track_steps import TrackSteps
from app.document.video_ref import VideoRef
from tracker.files import InputError, atomic_output
from tracker.labels.table import Source
from tracker.video.view_transform import ViewTransform

__all__ = ["Document", "RunInfo"]


class Document(TakeSteps, RunSteps, TrackSteps, CellSteps, CleanSteps, MaskSteps, GroupSteps, Operations):
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
        video: what is known of the video, None where there is none.
        runs: all runs by number, also those that were undone.
        path: the project file, None while untitled.
        changed: called with a `Change` after every edit, undo and redo.
        expected_error: how far off each position is thought to be; neither undone nor kept.
        refused: called with a sentence where an intention was not carried out.
    """

    def __init__(self, n_frames: int, video: VideoRef | None = None, keeper: Keeper | None = None) -> None:
        """A new document without a file, unless a `keeper` is given; see also `new` and `open`."""
        size = (video.width, video.height) if video else (0, 0)
        super().__init__(Scene.empty(n_frames, size), keeper or MemoryKeeper(), video)
        self.path: Path | None = None

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
        document = cls(contents.scene.table.n_frames, contents.video, keeper)
        document._scene, document.path = contents.scene, path
        document.expected_error = ExpectedErrors(document.table)
        document._history, document.runs = contents.history, contents.runs
        document._next_ids, document._corrections = contents.next_ids, contents.corrections
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
                    store.record(index, step, 0, list(self._keeper.edits(index)), [], self._scene)
                for run_id, info in self.runs.items():
                    store.put_run(run_id, info)
                ids, n_frames = tuple(self.table.ids.tolist()), self.table.n_frames
                touched: list[AnyTouched] = [Touched(ids, 0, n_frames, FIELD_NAMES, tracks=True, anchors=True)]
                touched += [TouchedMask(info.id, tuple(self.masks.frames(info.id))) for info in self.masks.infos]
                touched += [TouchedGroups(tuple(self._scene.groups)), TouchedTakes(tuple(self._scene.takes))]
                for kind, next_id in self._next_ids.items():
                    store.put_next_id(kind, next_id)
                store.put_corrections(self._corrections)
                store.move(self._history.position, touched, self._scene)
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

    def set_view(self, view: ViewTransform) -> None:
        """The video is seen and tracked with this look from now on. Not a step of the history, as `relink`."""
        if self.video is not None and self.video.view != view:
            video = replace(self.video, view=view)
            self._keeper.put_video(video)
            self.video = video

    # -- questions

    def corrections(self) -> list[Correction]:
        """A person's anchors over predictions, oldest first; kept with the project, and not undone."""
        return list(self._corrections)

    def gaps(self, ids: Iterable[int], frame: int) -> list[GapSpan]:
        """What re-tracking around `frame` has to solve; see `find_gaps`."""
        return find_gaps(self.table, ids, frame)

    def anchors(self, track_id: int) -> list[int]:
        """The frames of a track where a person placed or flagged it, ascending. Raises KeyError for an unknown id."""
        return np.flatnonzero(self.table.rows("source")[:, self.table.columns([track_id])[0]] == Source.ANCHOR).tolist()
