"""Solves: keeps how the picture moves up to date with the tracks, and shows it on the canvas and in its panel."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QFileDialog

from app.canvas.insert_item import checker
from app.clean_up_dialog import CleanUpDialog, open_clean_up
from app.document.changes import Change
from app.document.project import Document
from app.insert_picture import read_insert
from app.solve_blocks import Piece, SolveBlocks
from app.workers.jobs import Job, run_job
from tracker.inference.solves import Solve
from tracker.labels.corners import order_corners
from tracker.labels.table import State

if TYPE_CHECKING:
    from app.window import MainWindow

QUIET_MS = 60  # after a change; what is shown of the shown frame does not wait
TELL_MS = 120  # between two looks at all that is known so far
PICTURES = "*.png *.jpg *.jpeg *.tif *.tiff *.webp *.bmp"
AROUND = 12  # of the shorter side of the picture, how far an insert reaches around tracks that span nothing


class Solving(QObject):
    """Solves what the panel asks for, block by block in the background, and the shown frame at once.

    Nothing is done while neither the panel is in sight nor a preview is on.
    """

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window, self._view, self._panel = window, window.view, window.solve_panel
        self._preview = window.canvas.preview
        self._document: Document | None = None
        self._unsubscribe = lambda: None
        self._blocks: SolveBlocks | None = None
        self._job: Job | None = None
        self._turn = 0  # counts jobs and stops: what an earlier one says is over
        self._reading: Job | None = None
        self._in_sight = False
        self._insert = ""  # what the item shows: "checker" or a file
        self._timer, self._telling = QTimer(self), QTimer(self)
        self._timer.setInterval(QUIET_MS)
        self._timer.timeout.connect(self._work)
        self._telling.setInterval(TELL_MS)
        self._telling.timeout.connect(self._tell)
        for timer in (self._timer, self._telling):
            timer.setSingleShot(True)
        self._panel.settings_changed.connect(self._restart)
        # A panel behind another one is not hidden to Qt; its dock says when it comes into sight.
        window.docks["solve"].visibilityChanged.connect(self._sight_changed)
        self._panel.go_requested.connect(self._go)
        self._panel.picture_requested.connect(self.ask_picture)
        # Not a method of this object: by then its Qt half is gone.
        end = self._view.changed.subscribe(self._view_changed)
        self.destroyed.connect(lambda: end())

    def set_document(self, document: Document | None) -> None:
        """Solve in this document."""
        for dialog in self._window.findChildren(CleanUpDialog):
            dialog.reject()
        self._unsubscribe()
        self._unsubscribe = (lambda: None) if document is None else document.changed.subscribe(self._changed)
        self._stop()
        self._document, self._blocks, self._insert = document, None, ""
        self._panel.set_document(document)
        self._preview.set_motion(None)

    def close(self) -> None:
        """End what goes on in the background."""
        self.set_document(None)

    # -- actions

    def toggle_lock(self) -> None:
        """Keep the selected tracks at one place on the screen, or let go."""
        self._view.lock = () if self._view.lock else self._view.selection

    def may_lock(self) -> bool:
        """Whether there is something to lock to or to let go of."""
        return self._document is not None and bool(self._view.lock or self._view.selection)

    def toggle_stabilise(self) -> None:
        """Show the picture stabilised, or as it is; the selected tracks are solved where nothing else was asked for."""
        if not self._view.stabilise and not self._ids():
            self._panel.use_selection()
        self._view.stabilise = not self._view.stabilise
        if self._view.stabilise and not self._ids():
            self._window.show_message(self.tr("Nothing is solved yet: select tracks, then press “Use selection”."))
            self._window.docks.raise_("solve")

    def solve_selection(self) -> None:
        """Solve the selected tracks, with the shown frame as the reference, and show the panel."""
        self._panel.choose(source="chosen", chosen=self._view.selection, reference=self._view.playhead)
        self._window.docks.raise_("solve")

    def ask_clean_up(self) -> None:
        """Show what could go, and let it go."""
        open_clean_up(self._window)

    def ask_picture(self) -> None:
        """Ask for the picture that is laid over the plate."""
        folder = self._window.settings.last_folder
        filters = self.tr("Pictures ({});;All files (*)").format(PICTURES)
        name, _ = QFileDialog.getOpenFileName(self._window, self.tr("Picture to insert"), folder, filters)
        if name:
            self.insert_picture(Path(name))

    def insert_picture(self, path: Path) -> None:
        """Lay a picture over the plate, once it is read; says where it cannot be."""

        def read(_job: Job) -> NDArray[np.uint8]:
            return read_insert(path)

        def taken(pixels: NDArray[np.uint8]) -> None:
            self._reading = None
            self._insert = str(path)
            self._preview.insert.set_picture(pixels)
            self._panel.set_problem("")
            self._panel.choose(insert="picture", picture=str(path))

        def failed(message: str) -> None:
            self._reading = None
            self._panel.set_problem(message)
            self._window.show_message(message)

        if self._reading is not None:
            self._reading.stop()
        self._reading = run_job(read, self.tr("Reading the picture"), self, on_result=taken, on_error=failed)

    # -- what is to be solved

    def _ids(self) -> tuple[int, ...]:
        """The tracks that the panel asks for, in the order of the table."""
        document, settings = self._document, self._panel.settings
        if document is None:
            return ()
        tracks = document.table.tracks
        if settings.source == "chosen":
            return tuple(i for i in settings.chosen if i in document.table)
        if settings.source == "visible":
            return tuple(track.id for track in tracks if track.id not in self._view.hidden)
        return tuple(track.id for track in tracks if track.group == settings.group)

    @property
    def _active(self) -> bool:
        shown = self._in_sight or self._view.stabilise or self._panel.settings.insert != "none"
        return self._document is not None and shown

    def _restart(self) -> None:
        """Something else is to be solved, or shown of it."""
        if not self._active or self._document is None:
            self._preview.quad = None
            self._preview.set_motion(None)
            return
        settings, ids = self._panel.settings, self._ids()
        key = (ids, settings.reference, settings.kind_for(len(ids)), settings.robust)
        if self._blocks is None or self._blocks.key != key:
            if self._job is not None:
                self._job.cancel()  # it ends by itself, soon
            self._blocks = SolveBlocks(self._document.table, *key) if ids else None
        self._show_preview()
        self._tell()
        self._timer.start(0)

    def _sight_changed(self, in_sight: bool) -> None:
        self._in_sight = in_sight
        self._restart()

    def _view_changed(self, name: str) -> None:
        if name == "stabilise" or (name == "hidden" and self._panel.settings.source == "visible"):
            self._restart()

    def _changed(self, change: Change) -> None:
        if change.kind not in ("cells", "tracks", "groups", "all"):
            return
        blocks = self._blocks
        touches = blocks is not None and (change.ids is None or not set(change.ids).isdisjoint(blocks.ids))
        if blocks is not None and touches:
            if change.kind == "cells":
                blocks.changed(change.start, change.end)
            elif change.kind != "groups":
                blocks.changed(0, blocks.n_frames)
        if change.kind != "cells":
            self._restart()
        elif touches and self._active:
            self._show_preview()
            self._telling.start()
            self._timer.start()

    # -- solving

    def _work(self) -> None:
        """Fit the next block, the one around the playhead first."""
        blocks = self._blocks
        if blocks is None or self._job is not None or not self._active:
            return
        block = blocks.next_block(self._view.playhead)
        if block is None:
            self._tell()
            return
        piece = blocks.piece(block)
        self._turn += 1
        # Told beforehand: a job may be over before this function goes on.
        self._job = run_job(
            lambda job: piece.fit(job.report),
            self.tr("Solving"),
            self,
            on_result=lambda solve: self._take(blocks, block, piece, solve),
            on_error=self._panel.set_problem,
            on_over=partial(self._job_over, self._turn),
        )

    def _take(self, blocks: SolveBlocks, block: int, piece: Piece, solve: Solve) -> None:
        blocks.take(block, piece, solve)
        if not self._telling.isActive():
            self._telling.start()

    def _job_over(self, turn: int) -> None:
        """Done, cancelled or failed: on to the next block, unless all was stopped since."""
        if turn == self._turn:
            self._job = None
            self._timer.start(0)

    def _stop(self) -> None:
        self._timer.stop()
        self._telling.stop()
        self._turn += 1
        for job in (self._job, self._reading):
            if job is not None:
                job.stop()
        self._job = self._reading = None

    # -- showing

    def _tell(self) -> None:
        if self._in_sight and self._document is not None:
            if self._blocks is not None:
                self._blocks.matrix(self._view.playhead)  # the shown frame is always known
            self._panel.set_report(None if self._blocks is None else self._blocks.report())

    def _show_preview(self) -> None:
        """Bring the canvas up to date."""
        settings, preview = self._panel.settings, self._preview
        preview.opacity = settings.opacity
        wanted = settings.picture if settings.insert == "picture" else settings.insert
        if settings.insert == "checker" and self._insert != wanted:
            preview.insert.set_picture(checker())
            self._insert = wanted
        preview.quad = self._quad() if settings.insert != "none" else None
        preview.set_motion(None if self._blocks is None else self._blocks.matrix)

    def _quad(self) -> NDArray[np.float64] | None:
        """The corners of the insert on the reference frame: four tracks in order, else a box around all."""
        document, blocks = self._document, self._blocks
        if document is None or blocks is None:
            self._panel.set_problem("")
            return None
        frame, columns = self._panel.settings.reference, document.table.columns(blocks.ids)
        xy = document.table.rows("xy")[frame][columns].astype(np.float64)
        seen = (document.table.rows("state")[frame][columns] == State.VISIBLE) & np.isfinite(xy).all(axis=1)
        problem, quad = "", None
        if not seen.any():
            problem = self.tr("None of the tracks is seen on the reference frame {}.").format(document.number_of(frame))
        elif len(xy) == 4 and seen.all():
            try:
                quad = xy[order_corners(xy)]
            except ValueError as error:
                problem = f"{str(error)[:1].upper()}{str(error)[1:]}."
        else:
            quad = self._around(document, xy[seen])
        self._panel.set_problem(problem)
        return quad

    def _around(self, document: Document, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """A rectangle around positions (n, 2), with some room where they span next to nothing."""
        video = document.video
        least = min(video.width, video.height) / AROUND if video is not None else 1.0
        low, high = xy.min(axis=0), xy.max(axis=0)
        room = np.maximum(least - (high - low) / 2, 0)
        (left, top), (right, bottom) = low - room, high + room
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])

    def _go(self, frame: int, track_id: int | None) -> None:
        if self._document is None:
            return
        if track_id is not None and track_id in self._document.table:
            self._view.select([track_id])
        self._window.playback.stop()
        self._window.navigation.go_to(frame)
