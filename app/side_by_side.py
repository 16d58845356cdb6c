"""A/B in the open video: base and student track the same points, and the difference is shown."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PySide6.QtCore import Signal

from app.document.project import Document
from app.open_document import OnOpenDocument
from app.panels.wording import number

if TYPE_CHECKING:
    from app.window import MainWindow

CHUNK = 4096  # frames that are compared together


class Side(NamedTuple):
    """A tracker by name or file, and what it is called here."""

    tracker: str
    title: str


class Apart(NamedTuple):
    """Where two takes differ most: pixels, the track, the frame; and the median of all."""

    pixels: float
    track_id: int
    frame: int
    median: float


class SideBySide(OnOpenDocument):
    """Tracks copies of points with one tracker, keeps that as a take, and tracks them with the other one.

    The tracks that were there stay as they are; the copies are a group of their own.

    Signals:
        message: a sentence and its kind, as `Tracking.message`.
        finished: a line on where they differ most; "" where it came to nothing.
    """

    message = Signal(str, str)
    finished = Signal(str)

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._sides: list[Side] = []  # that have not tracked yet
        self._done: list[Side] = []
        self._ids: tuple[int, ...] = ()
        self._tracker_before = ""
        self._first_run = 0
        window.tracking.running_changed.connect(self._running_changed)

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return bool(self._tracker_before)

    def start(self, base: Side, student: Side) -> None:
        """Track the selected points, or all, with both."""
        window, document, view = self._window, self._document, self._view
        points = list(view.selection) or document.table.ids.tolist()
        tracks = [document.table.track(track_id) for track_id in points]
        queries = np.array([track.query_point for track in tracks], np.float32)
        group = self.tr("{0} / {1}").format(base.title, student.title)
        self._ids = tuple(document.add_tracks(queries, [f"{track.name} A/B" for track in tracks], group))
        if not self._ids:
            return
        self._tracker_before = window.tracking.tracker
        self._sides, self._done = [base, student], []
        view.selection = self._ids
        view.hide_others = True
        self._next()

    def set_document(self, document: Document | None) -> None:
        """Another document, or none: there is nothing to compare any more."""
        if self.running:
            self._end("")

    def _next(self) -> None:
        side = self._sides.pop(0)
        self._done.append(side)
        tracking, document = self._window.tracking, self._document
        self._first_run = max(document.runs, default=-1) + 1
        self._view.selection = self._ids
        tracking.tracker = side.tracker
        self.message.emit(
            self.tr("Tracking with {0}, {1} of {2}…").format(
                side.title, number(len(self._done)), number(len(self._done) + len(self._sides))
            ),
            "info",
        )
        tracking.run("both", 0, document.table.n_frames)

    def _running_changed(self, running: bool) -> None:
        if running or not self.running or self._window.document is None:
            return
        document = self._document
        outcomes = {info.outcome for run_id, info in document.runs.items() if run_id >= self._first_run}
        if outcomes != {"done"}:
            self.message.emit(self.tr("The comparison was not finished."), "hint")
            self._end("")
            return
        if self._sides:
            self._view.take = document.keep_take(self._ids, self._done[-1].title)
            self._next()
            return
        self._end(self._difference(document))

    def _end(self, line: str) -> None:
        self._window.tracking.tracker = self._tracker_before
        self._tracker_before, self._sides = "", []
        self.finished.emit(line)

    def _difference(self, document: Document) -> str:
        """A line for a person."""
        take = self._view.take
        apart = None if take is None else furthest_apart(document, take, self._ids)
        if apart is None:
            return self.tr("The two cannot be compared here: one of them found nothing.")
        return self.tr("They differ most on frame {0}, {1}: {2} px; {3} px in the median.").format(
            number(document.number_of(apart.frame)),
            document.table.track(apart.track_id).name,
            number(apart.pixels, 1),
            number(apart.median, 1),
        )


def furthest_apart(document: Document, take: int, ids: tuple[int, ...]) -> Apart | None:
    """Where tracks are furthest from a take; None where nothing can be compared."""
    best: tuple[float, int, int] | None = None
    known = []
    for start in range(0, document.table.n_frames, CHUNK):
        pixels = document.take_difference(take, ids, start, min(document.table.n_frames, start + CHUNK))
        finite = np.isfinite(pixels)
        known.append(pixels[finite])
        if finite.any():
            frame, column = np.unravel_index(np.nanargmax(pixels), pixels.shape)
            found = float(pixels[frame, column]), ids[int(column)], start + int(frame)
            best = found if best is None or found[0] > best[0] else best
    return None if best is None else Apart(*best, float(np.median(np.concatenate(known))))
