"""Walking the review queue: going to a span, playing it, approving it and going on."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QRectF

from app.document.project import Document
from app.suspicion import Suspicion

if TYPE_CHECKING:
    from app.window import MainWindow

AROUND = 8  # frames that are played before and after a span
SEEN_AROUND = 5  # of the shorter side of the picture, how small a part is seen beyond the span's positions


class Review(QObject):
    """E and Q walk the queue, V approves what is looked at and goes on."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__(window)
        self._window = window
        self._span: tuple[int, int, int] | None = None  # the track and frames that are looked at
        self.suspicion = Suspicion(window.view, self)
        panel = window.review_panel
        self.suspicion.found.connect(panel.show_suspects)
        self.suspicion.busy.connect(panel.show_busy)
        panel.set_loop(window.settings.review_loops)
        panel.loop_changed.connect(self._loop_chosen)
        panel.go_requested.connect(self.go)

    @property
    def loops(self) -> bool:
        """Whether spans are played round and round."""
        return self._window.settings.review_loops

    def set_document(self, document: Document | None) -> None:
        """Review this document."""
        self._span = None
        self._window.review_panel.set_document(document)
        self.suspicion.set_document(document)

    def close(self) -> None:
        """End what goes on in the background."""
        self.suspicion.close()

    def next(self) -> None:
        """To the next span."""
        if not self._window.review_panel.go_next():
            self._window.show_message(self._nothing(self.tr("This is the last span.")))

    def previous(self) -> None:
        """To the span before."""
        if not self._window.review_panel.go_previous():
            self._window.show_message(self._nothing(self.tr("This is the first span.")))

    def _nothing(self, text: str) -> str:
        if self._window.review_panel.queue.left:
            return text
        return self.tr("Nothing left above {:g} px.").format(self._window.view.error_threshold)

    def go(self, track_id: int, start: int, end: int, worst: int) -> None:
        """Show a span: its track alone selected, its worst frame, close up; played if that is wanted."""
        if self.look_at(track_id, start, end, worst, plays=self.loops):
            self._window.docks.raise_("review")

    def look_at(self, track_id: int, start: int, end: int, worst: int, *, plays: bool) -> bool:
        """The same with the panels as they are; False where there is no such track."""
        window, document = self._window, self._window.document
        if document is None or track_id not in document.table:
            return False
        window.playback.stop()
        self._span = (track_id, start, end)
        window.view.select([track_id])
        window.navigation.go_to(worst)
        area = self._surroundings(document, track_id, start, end)
        if area is not None:
            window.canvas.camera.show(area)
        if plays:
            window.view.loop_range = (max(0, start - AROUND), min(document.table.n_frames, end + AROUND))
            window.view.loop = True
            window.playback.play()
        return True

    def _surroundings(self, document: Document, track_id: int, start: int, end: int) -> QRectF | None:
        """The part of the picture in which the track moves meanwhile, and enough around it to know the place by.

        None where it has no position: it may have been cleared since it was looked at.
        """
        xy = document.table.read([track_id], start, end).xy[:, 0]
        xy = xy[np.isfinite(xy).all(axis=1)]
        if not len(xy):
            return None
        low, high = xy.min(axis=0), xy.max(axis=0)
        area = QRectF(*low.tolist(), *(high - low).tolist())
        video = document.video
        around = min(video.width, video.height) / SEEN_AROUND if video is not None else 0.0
        return area.adjusted(-around, -around, around, around)

    def approve(self) -> None:
        """Approve the span that is looked at and go on; where none is, the span around the playhead."""
        span, document = self._looked_at(), self._window.document
        if document is None or span is None:
            self._window.editing.approve()
            return
        document.approve([span[0]], *span[1:])
        self._go_on(self.tr("Approved. {}"))

    def reject(self) -> None:
        """Take away the span that is looked at and go on; where none is, the chosen frames of the selected tracks."""
        span, document, chosen = self._looked_at(), self._window.document, self._window.grouping.span()
        if document is None:
            return
        if self._window.view.cell_range is not None or span is None:
            if chosen is None:
                self._window.show_message(self.tr("Choose frames first: with I and O, or in the timeline."))
            else:
                document.reject(self._window.grouping.ids(), *chosen)
            return
        document.reject([span[0]], *span[1:])
        self._go_on(self.tr("Rejected. {}"))

    def approve_tracks(self) -> None:
        """Approve the selected tracks from their first frame to their last."""
        if self._window.document is not None:
            self._window.document.approve(self._window.view.selection, 0, self._window.document.table.n_frames)

    def reject_tracks(self) -> None:
        """Take away all that is known of the selected tracks."""
        if self._window.document is not None:
            self._window.document.reject(self._window.view.selection, 0, self._window.document.table.n_frames)

    def _looked_at(self) -> tuple[int, int, int] | None:
        """The span that is looked at, if its track is still the one that keys act on."""
        span, document = self._span, self._window.document
        if document is None or span is None or span[0] not in document.table or self._window.view.primary != span[0]:
            return None
        return span

    def _go_on(self, said: str) -> None:
        """The span that is looked at was decided on: to the next one."""
        self._span = None
        panel = self._window.review_panel
        if not (panel.go_on() if panel.queue.current is not None else panel.go_next()):
            self._window.show_message(said.format(self._nothing("")).strip())

    def toggle_loop(self) -> None:
        """Play spans round and round, or not."""
        self._window.review_panel.set_loop(not self.loops)

    def toggle_correct(self) -> None:
        """Solve corrections at once, or only when asked."""
        settings = self._window.settings
        settings.corrects_at_once = not settings.corrects_at_once

    def _loop_chosen(self, on: bool) -> None:
        self._window.settings.review_loops = on
        if not on:
            self._window.playback.stop()
