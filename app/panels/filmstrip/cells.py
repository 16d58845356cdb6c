"""What the filmstrip shows of one track: which frames, and what is known of each. Arrays only, no Qt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.document.project import Document
from app.document.view_state import ViewState
from app.workers.patches import Patch
from tracker.labels.table import Cells, Source, State


@dataclass(frozen=True)
class Cell:
    """One frame of the track.

    Attributes:
        group: how many frames it stands for, of which it is the worst.
        x, y: pixels, NaN where nothing is known.
        error_px: expected error, NaN where nobody has worked it out.
        certainty: visibility times confidence, NaN where a person placed the point.
    """

    frame: int
    group: int
    x: float
    y: float
    state: State
    source: Source
    approved: bool
    error_px: float
    certainty: float

    @property
    def placed(self) -> bool:
        """Whether there is a position to look at."""
        return self.state in (State.VISIBLE, State.OCCLUDED) and self.x == self.x and self.y == self.y


class TrackCells:
    """The cells of one track on a range of frames, and those of them that are shown: the worst of every `step`.

    Attributes:
        start, end: the range, end exclusive.
        step: how many frames one cell stands for.
        frames: (n,) int64, the frames that are shown, ascending.
    """

    def __init__(self, document: Document, track_id: int) -> None:
        self.document, self.track_id = document, track_id
        self.start = self.end = 0
        self.step = 1
        self.frames: NDArray[np.int64] = np.zeros(0, np.int64)
        self._pinned: set[int] = set()
        self._cells = Cells.empty(0, 1)
        self._errors: NDArray[np.float32] = np.zeros(0, np.float32)

    def __len__(self) -> int:
        return len(self.frames)

    # -- what is shown

    def set_range(self, start: int, end: int) -> None:
        """Show frames start to end (exclusive)."""
        if (start, end) == (self.start, self.end):
            return
        self.start, self.end = start, end
        self._cells = self.document.table.read([self.track_id], start, end)
        self._errors = self.document.expected_error.read([self.track_id], start, end)[:, 0]
        self._choose()

    def set_step(self, step: int) -> None:
        """Show one frame of every `step`."""
        if step != self.step:
            self.step = step
            self._choose()

    def pin(self, frame: int) -> None:
        """Go on showing this frame, also when it is no longer the worst: a person has just corrected it."""
        self._pinned.add(frame)

    def refresh(self, start: int, end: int) -> None:
        """The values on frames start to end (exclusive) have changed."""
        start, end = max(start, self.start), min(end, self.end)
        if start >= end:
            return
        rows = slice(start - self.start, end - self.start)
        fresh = self.document.table.read([self.track_id], start, end)
        for name, array in self._cells.arrays().items():
            array[rows] = getattr(fresh, name)
        self._errors[rows] = self.document.expected_error.read([self.track_id], start, end)[:, 0]
        self._choose()

    def _choose(self) -> None:
        """Of every group the frame that is thought to be farthest off, so that a blip of one frame is not lost."""
        n = self.end - self.start
        if self.step == 1:
            self.frames = np.arange(self.start, self.end, dtype=np.int64)
            return
        doubts = np.full(-(-n // self.step) * self.step, -np.inf)
        doubts[:n] = self._doubts()
        for frame in self._pinned:
            if self.start <= frame < self.end:
                doubts[frame - self.start] = np.inf
        worst = doubts.reshape(-1, self.step).argmax(axis=1)
        self.frames = self.start + np.arange(len(worst)) * self.step + worst

    def _doubts(self) -> NDArray[np.float64]:
        """(F,): the expected error; where it is not known, below all of those, by how unsure the tracker was."""
        errors = self._errors.astype(np.float64)
        unsure = 1 - np.nan_to_num(self._certainty, nan=1.0)
        doubts = np.where(np.isfinite(errors), errors, np.clip(unsure, 0, 1) - 2)
        return np.where(self._cells.state[:, 0] == State.UNLABELLED, -3.0, doubts)

    @property
    def _certainty(self) -> NDArray[np.float32]:
        return self._cells.visibility[:, 0] * self._cells.confidence[:, 0]

    # -- questions

    @property
    def n_placed(self) -> int:
        """How many frames of the range have a position to look at."""
        hidden = np.isin(self._cells.state[:, 0], (State.VISIBLE, State.OCCLUDED))
        return int((hidden & np.isfinite(self._cells.xy[:, 0]).all(axis=1)).sum())

    def cell(self, index: int) -> Cell:
        """What is known of a shown frame."""
        frame = int(self.frames[index])
        row = frame - self.start
        cells = self._cells
        x, y = cells.xy[row, 0].tolist()
        return Cell(
            frame,
            min(self.step, self.end - self.start - index * self.step),
            x,
            y,
            State(int(cells.state[row, 0])),
            Source(int(cells.source[row, 0])),
            bool(cells.approved[row, 0]),
            float(self._errors[row]),
            float(cells.visibility[row, 0] * cells.confidence[row, 0]),
        )

    def index_of(self, frame: int) -> int | None:
        """The cell that shows a frame or stands for it; None outside of the range."""
        return (frame - self.start) // self.step if self.start <= frame < self.end else None

    def patch(self, index: int, size: int) -> Patch | None:
        """What to cut out of the video for a cell; None where there is nothing to look at."""
        cell = self.cell(index)
        return Patch(cell.frame, cell.x, cell.y, size) if cell.placed else None


def range_to_show(document: Document, view: ViewState, track_id: int) -> tuple[int, int]:
    """The chosen cells of the track, else the in-out range, else from its first to its last labelled frame."""
    n_frames = document.table.n_frames
    if view.cell_range is not None and track_id in view.cell_range[0]:
        start, end = view.cell_range[1:]
    elif view.loop_range is not None:
        start, end = view.loop_range
    else:
        column = document.table.columns([track_id])[0]
        labelled = np.flatnonzero(document.table.rows("state")[:, column] != State.UNLABELLED)
        start, end = (int(labelled[0]), int(labelled[-1]) + 1) if len(labelled) else (0, 0)
    return max(0, start), min(n_frames, end)


def reference(document: Document, track_id: int, near: int | None) -> tuple[int, float, float] | None:
    """(frame, x, y) of the anchor with a position that is nearest to the frame `near`, or of the first one.

    A track without such an anchor has its query point, if that is in the picture's time.
    """
    column = document.table.columns([track_id])[0]
    anchors = document.anchors(track_id)
    positions = document.table.rows("xy")[anchors, column]
    placed = np.flatnonzero(np.isfinite(positions).all(axis=1))
    if len(placed):
        best = placed[0] if near is None else placed[np.abs(np.array(anchors)[placed] - near).argmin()]
        x, y = positions[best].tolist()
        return anchors[best], x, y
    frame, x, y = document.table.track(track_id).query_point
    known = np.isfinite((frame, x, y)).all() and 0 <= frame < document.table.n_frames
    return (round(frame), x, y) if known else None
