"""The filmstrip panel: the patches of the selected track over time, to be judged at a glance and corrected in place."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedLayout, QStyle, QVBoxLayout, QWidget

from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.filmstrip.bar import FIT, FilmstripBar
from app.panels.filmstrip.cells import Cell, TrackCells, range_to_show, reference
from app.panels.filmstrip.correction import Correction
from app.panels.filmstrip.feed import PatchFeed
from app.panels.filmstrip.layout import StripLayout, comfortable_side, largest_that_fits, lay_out, step_that_fits
from app.panels.filmstrip.reference import ReferencePatch
from app.panels.filmstrip.strip import Strip
from app.panels.filmstrip.tooltip import cell_text
from app.panels.subscriptions import Subscriptions
from app.theme import SPACE_L
from app.workers.patches import Patch
from tracker.video import ViewTransform

LEAST_PATCH, MOST_PATCH = 24, 128  # pixels of the video across a patch
PART_OF_PICTURE = 12  # of the shorter side of the video, unless a person chose another size
DEFAULT_PATCH = 48  # where nothing is known of the video
ZOOM_STEP = 1.25
AHEAD = 300  # patches around those in view that are made ready for scrolling


class Filmstrip(QWidget):
    """Patches of the primary track. It moves the playhead of the view and places anchors; nothing else.

    Signals:
        corrected(int, int): a person dragged a track on a frame to another place: id and frame.
        hint(str): a sentence for the status bar.
    """

    corrected = Signal(int, int)
    hint = Signal(str)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._document: Document | None = None
        self._cells: TrackCells | None = None
        self._chosen_patch: int | None = None
        self._dirty: tuple[int, int] | None = None
        self._subscriptions = Subscriptions(self)
        self.feed = PatchFeed(self)
        self.bar, self.reference = FilmstripBar(), ReferencePatch()
        self.strip = Strip(self.feed.crop, self.feed.failure, self._tip)
        self.empty_label = QLabel()
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self.refresh)
        self._lay_out()
        self._connect()
        self.set_document(document)

    def sizeHint(self) -> QSize:
        """Room for a few rows."""
        return QSize(800, 200)

    def set_document(self, document: Document | None) -> None:
        """Show another document, or nothing."""
        self.strip.cancel_drag()
        self.release()
        self._document, self._cells = document, None
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
            self._subscriptions.add(document.expected_error.changed, self._document_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self.refresh()

    def set_source(self, path: str | Path | None, view: ViewTransform | None = None) -> None:
        """Cut the patches out of this video, seen this way; the thread of the one before ends."""
        self.feed.set_source(path, view)
        self.refresh()

    def release(self) -> None:
        """Stop listening to document and view."""
        self._subscriptions.release()
        self._soon.stop()

    def stop(self) -> None:
        """End the thread; it starts again when patches are wanted."""
        self.feed.stop()

    # -- building

    def _lay_out(self) -> None:
        self.empty_label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty_label.setWordWrap(True)
        self.empty_label.setEnabled(False)  # quiet text
        self.empty_label.setContentsMargins(SPACE_L, 0, SPACE_L, 0)
        self.strip.setAccessibleName(self.tr("Patches"))
        self.setAccessibleName(self.tr("Filmstrip"))
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.reference)
        row.addWidget(self.strip, 1)
        self._pages = QStackedLayout()
        self._pages.addWidget(body)
        self._pages.addWidget(self.empty_label)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        column.addLayout(self._pages, 1)

    def _connect(self) -> None:
        self.bar.changed.connect(self.refresh)
        self.bar.zoomed.connect(self.zoom)
        self.strip.zoomed.connect(self.zoom)
        self.strip.went.connect(self._go_to)
        self.reference.went.connect(self._go_to)
        self.strip.pressed.connect(self._prepare)
        self.strip.dragged.connect(self._drag)
        self.strip.dropped.connect(self._drop)
        self.strip.scrolled.connect(self._soon.start)
        self.feed.arrived.connect(self._patches_arrived)
        self.feed.failed.connect(self._feed_failed)

    # -- what has changed

    def _document_changed(self, change: Change) -> None:
        primary = self._view.primary
        if change.kind == "cells":
            if change.ids is None or primary in change.ids:
                start, end = self._dirty or (change.start, change.end)
                self._dirty = min(start, change.start), max(end, change.end)
                self._soon.start()
        elif change.kind in ("tracks", "all"):
            self._cells = None
            self._soon.start()

    def _view_changed(self, name: str) -> None:
        if name == "playhead":
            self.strip.set_playhead(self._view.playhead)
            if self.bar.nearest:
                self._soon.start()
        elif name in ("selection", "cell_range", "loop_range", "error_threshold"):
            self._soon.start()

    def changeEvent(self, event: QEvent) -> None:
        """Another font or style leaves another room for the strip."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Nothing is decoded for a hidden panel."""
        super().showEvent(event)
        self._soon.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """A drag cannot go on."""
        super().hideEvent(event)
        self.strip.cancel_drag()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The thread ends with it."""
        super().closeEvent(event)
        self.stop()

    def refresh(self) -> None:
        """Bring all up to date with document and view."""
        self._soon.stop()
        if self.strip.correction is not None:
            return  # nothing may move under the mouse; the end of the drag brings it up to date
        self._read_cells()
        reason = self._why_empty()
        self.empty_label.setText(reason)
        self._pages.setCurrentIndex(int(bool(reason)))
        self._show_cells()
        self._describe()
        self._ask()

    def _read_cells(self) -> None:
        document, primary = self._document, self._view.primary
        dirty, self._dirty = self._dirty, None
        if document is None or primary is None or primary not in document.table:
            self._cells = None
            return
        if self._cells is None or self._cells.track_id != primary:
            self._cells = TrackCells(document, primary)
        self._cells.set_range(*range_to_show(document, self._view, primary))
        if dirty is not None:
            self._cells.refresh(*dirty)

    def _why_empty(self) -> str:
        if self._document is None or self._cells is None:
            return self.tr("Select a track to see its patches.")
        if self.feed.broken:
            return self.feed.broken
        if not self._cells.n_placed:
            return self.tr("This track has no position here yet: track it, or choose other frames.")
        return ""

    # -- the strip

    @property
    def patch_size(self) -> int:
        """Pixels of the video across a patch."""
        if self._chosen_patch is not None:
            return self._chosen_patch
        video = None if self._document is None else self._document.video
        if video is None:
            return DEFAULT_PATCH
        return max(LEAST_PATCH, min(MOST_PATCH, round(min(video.width, video.height) / PART_OF_PICTURE / 2) * 2))

    def zoom(self, notches: int) -> None:
        """Show less of the video in every patch, or more where `notches` is negative."""
        wanted = round(self.patch_size / ZOOM_STEP**notches / 2) * 2
        self._chosen_patch = max(LEAST_PATCH, min(MOST_PATCH, wanted))
        self.refresh()

    def _show_cells(self) -> None:
        size = self.patch_size
        self.bar.show_zoom(size)
        self.strip.threshold = self._view.error_threshold
        layout = self._choose_layout()
        self.strip.show_cells(self._cells, layout, size)
        self.strip.set_playhead(self._view.playhead, follow=False)

    def _choose_layout(self) -> StripLayout:
        room = self.strip.maximumViewportSize()
        width, height = max(1, room.width()), max(1, room.height())
        cells, side = self._cells, self.bar.side
        if cells is None:
            return StripLayout(0, 64, 1)
        count = cells.end - cells.start
        if self.bar.step == FIT:
            cells.set_step(step_that_fits(count, width, height, *(() if side is None else (side,))))
            fitting = largest_that_fits(len(cells), width, height) if side is None else None
            return fitting or lay_out(len(cells), width, height, side or comfortable_side(height))
        cells.set_step(self.bar.step)
        layout = lay_out(len(cells), width, height, side or comfortable_side(height))
        bar = self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        if layout.rows == 1 and layout.size[0] > width:
            return StripLayout(len(cells), side or comfortable_side(height - bar), len(cells))
        if layout.size[1] > height:
            return lay_out(len(cells), width - bar, height, layout.side)
        return layout

    def _describe(self) -> None:
        cells = self._cells
        name = cells.document.table.track(cells.track_id).name if cells is not None else ""
        self.strip.setAccessibleName(self.tr("Patches of {0}").format(name) if name else self.tr("Patches"))
        if cells is None or not len(cells):
            self.bar.summary.setText(name)
            return
        ends = (cells.document.number_of(frame) for frame in (cells.start, cells.end - 1))
        frames = self.tr("frames {0} to {1}").format(*ends)
        if cells.step == 1:
            text = self.tr("{0}: {1}").format(name, frames)
        else:
            text = self.tr("{0}: {1}, the worst of every {2}").format(name, frames, cells.step)
        self.bar.summary.setText(text)
        self.bar.summary.setToolTip(text)

    def _tip(self, cell: Cell) -> str:
        assert self._document is not None
        return cell_text(self._document, cell, self.feed.failure(cell.frame))

    # -- patches

    def _ask(self) -> None:
        """Want the reference and the patches in view, then those around them."""
        if not self.isVisible():
            return
        cells, size = self._cells, self.patch_size
        at_reference = self._reference_patch()
        self._show_reference(at_reference)
        visible = [] if cells is None else self.strip.visible_indices()
        urgent = [patch for index in visible if cells and (patch := cells.patch(index, size))]
        correction = self.strip.correction
        if correction is not None:
            urgent = [correction.patch, correction.surroundings, *urgent]
        if at_reference is not None:
            urgent.insert(0, at_reference)
        later = [] if cells is None or not visible else islice(_around(visible, len(cells)), AHEAD)
        self.feed.want(urgent, (patch for index in later if cells and (patch := cells.patch(index, size))))

    def _reference_patch(self) -> Patch | None:
        if self._document is None or self._cells is None:
            return None
        near = self._view.playhead if self.bar.nearest else None
        found = reference(self._document, self._cells.track_id, near)
        return None if found is None else Patch(*found, self.patch_size)

    def _show_reference(self, patch: Patch | None) -> None:
        caption = self.tr("No anchor")
        if patch is not None and self._document is not None:
            caption = self.tr("Anchor {0}").format(self._document.number_of(patch.frame))
        self.reference.show_patch(patch, None if patch is None else self.feed.crop(patch), caption)

    def _patches_arrived(self, patches: tuple[Patch, ...]) -> None:
        self._show_surroundings()
        self._show_reference(self.reference.patch)
        self.strip.update_frames(patch.frame for patch in patches)

    def _feed_failed(self, message: str) -> None:
        self.hint.emit(message)
        self._soon.start()
        self.strip.viewport().update()

    # -- what a person does

    def _go_to(self, frame: int) -> None:
        self._view.playhead = frame

    def _prepare(self, index: int) -> None:
        """The mouse is down: what lies around the patch is needed should it be dragged."""
        self.strip.correction = None
        patch = None if self._cells is None else self._cells.patch(index, self.patch_size)
        if patch is not None and self._document is not None and self._cells is not None:
            self.strip.correction = Correction(self._document, self._cells.track_id, patch, self.feed.crop(patch))
            self._ask()
            self._show_surroundings()

    def _show_surroundings(self) -> None:
        correction = self.strip.correction
        if correction is not None and (crop := self.feed.crop(correction.surroundings)) is not None:
            correction.show_surroundings(crop)

    def _drag(self, index: int, dx: float, dy: float) -> None:
        correction = self.strip.correction
        if correction is None:
            if self._cells is not None:
                frame = self._cells.document.number_of(int(self._cells.frames[index]))
                self.hint.emit(self.tr("There is no position on frame {0} to drag: click to go there.").format(frame))
            self.strip.cancel_drag()
        elif not correction.drag(dx, dy):
            self.strip.cancel_drag()

    def _drop(self, keep: bool) -> None:
        correction, self.strip.correction = self.strip.correction, None
        if correction is None:
            return
        if keep:
            correction.finish()
        else:
            correction.cancel()
        kept = keep and correction.moved
        if kept:
            self._keep_picture(correction)
        self.refresh()
        if kept:
            self.corrected.emit(correction.track_id, correction.frame)

    def _keep_picture(self, correction: Correction) -> None:
        """Go on showing the frame, and at once: its patch at the new place is at hand already."""
        if self._cells is not None:
            self._cells.pin(correction.frame)
        self._read_cells()
        if self._cells is None or self._cells.track_id != correction.track_id:
            return
        index, crop = self._cells.index_of(correction.frame), correction.picture()
        patch = None if index is None else self._cells.patch(index, correction.patch.size)
        if patch is not None and crop is not None and correction.is_exact:
            self.feed.put(patch, crop)


def _around(visible: list[int], count: int) -> Iterator[int]:
    """The other cells, from those in view outwards, those after them first."""
    first, last = visible[0], visible[-1]
    for distance in range(1, max(first, count - 1 - last) + 1):
        if last + distance < count:
            yield last + distance
        if first - distance >= 0:
            yield first - distance
