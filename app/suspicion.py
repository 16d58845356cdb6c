"""Works out expected errors in the background, some frames at a time, and what is to be reviewed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from app.document.changes import Change
from app.document.corrections import Correction
from app.document.project import Document
from app.document.view_state import ViewState
from app.workers.jobs import Job, run_job
from tracker.inference.error_model import ErrorModel, Judgement
from tracker.inference.lucas_kanade import LucasKanade
from tracker.inference.signals import measure_signals, pixel_scale
from tracker.inference.suspicion import Suspect, find_suspects
from tracker.labels.table import Cells

CELLS_AT_ONCE = 1_000_000  # that one job works on: a few seconds
MARGIN = 256  # frames on both sides that signals look at
QUIET_MS = 250  # after a change
QUIET_RUNNING_MS = 3000  # while a run writes window after window


@dataclass(frozen=True)
class _Piece:
    """What one job gets, all its own: the cells of frames `low` and on, of which `start` to `end` are wanted."""

    cells: Cells
    ids: tuple[int, ...]
    low: int
    start: int
    end: int
    size: tuple[int, int]
    lucas_kanade: tuple[int, ...]  # runs
    threshold: float
    model: ErrorModel
    shipped: ErrorModel


@dataclass(frozen=True)
class _Found:
    piece: _Piece
    errors: NDArray[np.float32]  # of the wanted frames, by the shipped model
    suspects: list[Suspect]


class Suspicion(QObject):
    """Keeps `document.expected_error` up to date.

    Signals:
        found(list of Suspect): everything above the threshold, worst first, when all has been looked at.
        busy: something has changed and is being looked at.
    """

    found = Signal(object)
    busy = Signal()

    def __init__(self, view: ViewState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._unsubscribe = lambda: None
        self._job: Job | None = None
        self._dirty: set[int] = set()  # numbers of the blocks of frames that are to be looked at
        self._suspects: dict[int, list[Suspect]] = {}  # by block
        self._corrections = -1
        self._shipped: ErrorModel | None = None
        self._model: ErrorModel | None = None
        self._running = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._work)
        # Not a method of this object: by then its Qt half is gone.
        end = view.changed.subscribe(lambda name: self._all_dirty() if name == "error_threshold" else None)
        self.destroyed.connect(lambda: end())

    def set_document(self, document: Document | None) -> None:
        """Look at this document."""
        self._unsubscribe()
        self._timer.stop()
        if self._job is not None:
            self._job.stop()
            self._job = None
        self._document = document
        self._suspects, self._corrections = {}, -1
        if document is not None:
            self._unsubscribe = document.changed.subscribe(self._changed)
            self._all_dirty()

    @property
    def running(self) -> bool:
        """Whether a run or bridge goes on: what it writes is not looked at every time, and it gets the processor."""
        return self._running

    @running.setter
    def running(self, running: bool) -> None:
        ended = self._running and not running
        self._running = running
        if ended and self._timer.isActive():
            self._timer.start(QUIET_MS)

    def close(self) -> None:
        """End the thread."""
        self.set_document(None)

    # -- what is to be looked at

    @property
    def _block_frames(self) -> int:
        assert self._document is not None
        return max(MARGIN, CELLS_AT_ONCE // max(1, self._document.table.n_tracks))

    def _changed(self, change: Change) -> None:
        document = self._document
        if document is None or change.kind not in ("cells", "tracks", "all"):
            return
        if change.kind != "cells":
            self._all_dirty()
            return
        first, last = max(0, change.start - MARGIN), min(document.table.n_frames, change.end + MARGIN)
        self._mark(range(first // self._block_frames, (last - 1) // self._block_frames + 1))

    def _all_dirty(self) -> None:
        if self._document is not None:
            self._suspects.clear()
            self._mark(range(-(-self._document.table.n_frames // self._block_frames)))

    def _mark(self, blocks: Sequence[int]) -> None:
        self._dirty.update(blocks)
        self.busy.emit()
        if self._job is None:
            self._timer.start(QUIET_RUNNING_MS if self.running else QUIET_MS)

    # -- looking

    def _work(self) -> None:
        document = self._document
        if document is None or document.video is None or self._job is not None:
            return
        self._refit(document)
        if not self._dirty:
            self._tell()
            return
        block = min(self._dirty)
        self._dirty.discard(block)
        frames = self._block_frames
        start, end = block * frames, min(document.table.n_frames, (block + 1) * frames)
        if start >= end or not document.table.n_tracks:
            self._suspects.pop(block, None)
            self._timer.start(0)
            return
        low, high = max(0, start - MARGIN), min(document.table.n_frames, end + MARGIN)
        ids = tuple(document.table.ids.tolist())
        assert self._model is not None
        assert self._shipped is not None
        piece = _Piece(
            cells=document.table.read(ids, low, high),
            ids=ids,
            low=low,
            start=start,
            end=end,
            size=(document.video.width, document.video.height),
            lucas_kanade=tuple(run for run, info in document.runs.items() if info.tracker == LucasKanade.name),
            threshold=self._view.error_threshold,
            model=self._model,
            shipped=self._shipped,
        )
        self._job = run_job(
            lambda _job: _look(piece),
            self.tr("Looking for suspicious spans"),
            self,
            on_result=lambda found: self._take(block, found),
            on_error=self._failed,
        )

    def _refit(self, document: Document) -> None:
        """Let the project's own corrections have their say, now and then."""
        if self._shipped is None:
            self._shipped = self._model = ErrorModel.shipped()
        corrections = document.corrections()
        if document.video is None or self._corrections == len(corrections):
            return
        self._corrections = len(corrections)
        size = (document.video.width, document.video.height)
        self._model = model = self._shipped.fitted(judgements(corrections), size)
        scale = pixel_scale(size)
        document.expected_error.calibrate(lambda errors: scale * model.adjusted(errors / scale))

    def _take(self, block: int, found: _Found) -> None:
        self._job = None
        if self._document is None:
            return
        piece = found.piece
        self._document.expected_error.write(piece.ids, piece.start, found.errors)
        self._suspects[block] = found.suspects
        self._timer.start(0)

    def _failed(self, _message: str) -> None:
        self._job = None  # the log has it; what is known stays
        self._timer.start(0)

    def _tell(self) -> None:
        together = joined([suspect for block in sorted(self._suspects) for suspect in self._suspects[block]])
        self.found.emit(sorted(together, key=lambda suspect: -suspect.error_px))


def judgements(corrections: Sequence[Correction]) -> list[Judgement]:
    """What the log of a project says of the shipped model."""
    return [
        Judgement(one.expected_error, one.error_px, one.error_px == 0)
        for one in corrections
        if np.isfinite(one.expected_error)
    ]


def joined(suspects: Sequence[Suspect]) -> list[Suspect]:
    """Stretches that were cut at the border of two blocks are one again."""
    result: list[Suspect] = []
    last: dict[int, int] = {}  # where the last one of a track stands in `result`
    for one in sorted(suspects, key=lambda suspect: (suspect.track_id, suspect.start)):
        before = result[last[one.track_id]] if one.track_id in last else None
        if before is not None and before.end == one.start:
            worse = max(before, one, key=lambda suspect: suspect.error_px)
            result[last[one.track_id]] = replace(worse, start=before.start, end=one.end)
        else:
            last[one.track_id] = len(result)
            result.append(one)
    return result


def _look(piece: _Piece) -> _Found:
    signals = measure_signals(piece.cells, piece.size, piece.lucas_kanade)
    errors = piece.shipped.predict(signals)
    wanted = slice(piece.start - piece.low, piece.end - piece.low)
    inner = signals.frames(wanted)
    cells = piece.cells.select(wanted, slice(None))
    suspects = find_suspects(
        piece.model.predict(inner), inner, cells, piece.ids, piece.threshold, model=piece.model, first_frame=piece.start
    )
    return _Found(piece, errors[wanted], suspects)
