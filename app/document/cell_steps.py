"""What a person says of single positions and of spans of them."""

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from app.document import marks
from app.document.corrections import Correction, correction_of
from app.document.edits import Patch, make_patch
from app.document.steps import Steps, counted
from tracker.labels.table import Cells, State

FLAGS = {State.VISIBLE: "Visible", State.OCCLUDED: "Occluded", State.OUT_OF_VIEW: "Out of view"}


class CellSteps(Steps):
    """Anchors, flags and approval. `Document` is what to use."""

    def place_anchor(
        self, track_id: int, frame: int, x: float, y: float, gesture: int | None = None, initiator: object = None
    ) -> bool:
        """A person puts a track where it is on one frame, in pixels. False where that was refused.

        Calls with the same `gesture` number, of one track or several, become one step; call `end_gesture` when the
        mouse is let go. A person's own occluded flag on the frame stays; any other cell becomes visible. An anchor that
        was there is replaced. Places outside of the picture, and frames past a track's end, are refused.

        Raises:
            ValueError: the position is not finite, or the frame is outside of the video.
        """
        track_id, frame = int(track_id), int(frame)  # numpy's integers fit neither JSON nor the database
        if not (math.isfinite(x) and math.isfinite(y) and 0 <= frame < self.table.n_frames):
            raise ValueError(f"no anchor can be at frame {frame}, {x}, {y}")
        if self._gesture is None or self._gesture.number != gesture:
            self._settle()
        if not self._unlocked([track_id]) or not self._may_lie(track_id, frame, x, y):
            return False
        before = self.table.read([track_id], frame, frame + 1)
        after = marks.anchored(before, np.array([[[x, y]]], dtype=np.float32))
        patch = make_patch([track_id], frame, before, after)
        label = f"Move {self.table.track(track_id).name}"
        if gesture is not None:
            self._move_in_gesture(gesture, (track_id, frame), before, patch, label, initiator)
        elif patch:
            correction = correction_of(track_id, frame, before, (x, y), self._shown_error(track_id, frame))
            corrections = [] if correction is None else [correction]
            self._keeper.put_corrections(corrections)
            self.do(patch, label, initiator)
            self._corrections += corrections
        return True

    def _may_lie(self, track_id: int, frame: int, x: float, y: float) -> bool:
        """Whether a track can be at a place; says why not."""
        track = self.table.track(track_id)
        if not self._inside(x, y):
            self.refused(f"{track.name} cannot be placed outside of the picture: flag it as out of view instead")
            return False
        if track.end is not None and frame >= track.end:
            self.refused(f"{track.name} ends at frame {self.number_of(track.end - 1)}: let it go on to place it here")
            return False
        return True

    def clear(self, ids: Iterable[int], start: int, end: int, initiator: object = None) -> None:
        """Cells on frames start to end (exclusive) become unlabelled, anchors and approved ones too."""
        self._settle()
        self._mark(self._unlocked(ids), start, end, marks.cleared, "Clear", initiator)

    def reject(self, ids: Iterable[int], start: int, end: int, initiator: object = None) -> None:
        """What labels say on frames start to end (exclusive) is wrong, and nobody says what is right: they become
        unlabelled, anchors and approved ones too."""
        self._settle()
        start, end = max(int(start), 0), min(int(end), self.table.n_frames)
        patch = self._marked(self._unlocked(ids), start, end, marks.cleared)
        if patch:
            label = counted("Reject", list(patch.ids))
            whole = (start, end) == (0, self.table.n_frames)
            frames = "" if whole else f", frames {self.number_of(start)}–{self.number_of(end - 1)}"
            self.do(patch, label + frames, initiator)

    def set_state(self, ids: Iterable[int], start: int, end: int, state: State, initiator: object = None) -> None:
        """A person says what the tracks are on frames start to end (exclusive); the cells become anchors.

        Occluded keeps a position that is known, out of view has none. Visible takes a flag back: where no position is
        known the cell becomes unlabelled again.
        """
        if state == State.UNLABELLED:
            self.clear(ids, start, end, initiator)
            return
        self._settle()
        self._mark(self._unlocked(ids), start, end, lambda cells: marks.flagged(cells, state), FLAGS[state], initiator)

    def flag_spans(
        self, spans: Mapping[int, Iterable[tuple[int, int]]], state: State, initiator: object = None
    ) -> None:
        """The same for spans (start, end) of their own of each track, as one step; occluded or out of view."""
        self._settle()
        patches = [
            patch
            for track_id in self._unlocked(spans)
            for start, end in spans[track_id]
            if (patch := self._marked([track_id], start, end, lambda cells: marks.flagged(cells, state)))
        ]
        ids = list(dict.fromkeys(i for patch in patches for i in patch.ids))
        self.do(patches, counted(FLAGS[state], ids), initiator)

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
        approvals = self._approvals(spans) if approved and patches else []
        self._keeper.put_corrections(approvals)
        verb = "Approve" if approved else "Take approval back from"
        self.do(patches, counted(verb, [i for patch in patches for i in patch.ids]), initiator)
        self._corrections += approvals

    def _approvals(self, spans: Mapping[int, tuple[int, int]]) -> list[Correction]:
        """One entry of the log for each span: where the greatest error was expected, there was none."""
        found = []
        for track_id in self._present(spans):
            start, end = max(spans[track_id][0], 0), min(spans[track_id][1], self.table.n_frames)
            expected = self.expected_error.uncalibrated([track_id], start, end)[:, 0]
            if start < end and np.nanmax(np.append(expected, 0)) > 0:
                worst = int(np.nanargmax(expected))
                cells = self.table.read([track_id], start + worst, start + worst + 1)
                entry = correction_of(track_id, start + worst, cells, None, float(expected[worst]))
                found += [entry] if entry else []
        return found

    def _mark(
        self, ids: list[int], start: int, end: int, mark: Callable[[Cells], Cells], verb: str, initiator: object
    ) -> None:
        patch = self._marked(ids, start, end, mark)
        if patch:
            self.do(patch, counted(verb, list(patch.ids)), initiator)

    def _marked(self, ids: list[int], start: int, end: int, mark: Callable[[Cells], Cells]) -> Patch | None:
        """What marking these cells changes, None where nothing."""
        start, end = max(int(start), 0), min(int(end), self.table.n_frames)
        if not ids or start >= end:
            return None
        before = self.table.read(ids, start, end)
        after = mark(before)
        for k, over in enumerate(self.table.track(i).end for i in ids):
            if over is not None and over < end:  # nothing is said of a track that is over
                rows = slice(max(over - start, 0), None)
                for name, array in before.arrays().items():
                    getattr(after, name)[rows, k] = array[rows, k]
        return make_patch(ids, start, before, after)
