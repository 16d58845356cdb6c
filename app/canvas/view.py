"""The video view."""

from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QTimer, Signal
from PySide6.QtWidgets import QStackedLayout, QWidget

from app import theme
from app.canvas.add_tool import AddTool
from app.canvas.appearance import Appearance
from app.canvas.empty_state import EmptyState
from app.canvas.frame_item import FrameItem
from app.canvas.highlight_item import HighlightItem
from app.canvas.loupe import Loupe
from app.canvas.mapping import Mapping
from app.canvas.overlay_item import OverlayItem
from app.canvas.select_tool import SelectTool
from app.canvas.tool import Pointer, Tool
from app.canvas.viewport import Viewport
from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from tracker.labels.table import TrackTable

HIT_RADIUS = 10.0  # pixels on screen within which a point is meant
LARGEST_SCALE = 128.0
SMALLEST_OF_FIT = 0.25
CLOSE_SCALE = 6.0  # what `zoom_to` goes to at least
FIT_MARGIN = 8.0
NUDGES_TOGETHER_MS = 800  # nudges that follow each other so closely are one step of undo
OVERLAY_FIELDS = ("selection", "colour_by", "threshold", "trail_length", "show_trails", "hide_others")


class CanvasView(QWidget):
    """Shows a frame with its points and lets a person add, select and move them.

    Points are drawn on, and edits go to, the frame that is on screen (`frame`), so that what a person clicks is what
    they see even while a later frame is still being decoded.

    Signals:
        hint: a sentence on why something did not happen.
        hovered: pixel position (x, y) under the pointer; `unhovered` when there is none.
        context_requested: (track id or None, global position) where a menu is wanted.
    """

    hint = Signal(str)
    hovered = Signal(float, float)
    unhovered = Signal()
    context_requested = Signal(object, QPoint)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document: Document | None = None
        self.view = view
        self.frame = -1
        self._gestures = count(1)
        self._fitted = True
        self._pointer: Pointer | None = None
        self._loupe_wanted = False
        self._nudged: tuple[int, int, int] | None = None  # track, frame, gesture
        self._build()
        self._nudge_timer = QTimer(self)
        self._nudge_timer.setSingleShot(True)
        self._nudge_timer.setInterval(NUDGES_TOGETHER_MS)
        self._nudge_timer.timeout.connect(self._end_nudge)
        ends: list[Callable[[], None]] = []
        self._document_ends = ends
        view_end = view.changed.subscribe(self._view_changed)
        # Not a method of this widget: by then its Qt half is gone.
        self.destroyed.connect(lambda: [end() for end in (*ends, view_end)])
        self.set_document(document)

    def _build(self) -> None:
        self.graphics = Viewport(self)
        self.viewport: QWidget = self.graphics.viewport()
        self._box = pg.ViewBox(invertY=True, lockAspect=True, enableMouse=False, enableMenu=False, defaultPadding=0)
        self.graphics.setCentralItem(self._box)
        self._frame_item = FrameItem()
        self._frame_item.setZValue(0)
        self._box.addItem(self._frame_item, ignoreBounds=True)
        self._box.sigResized.connect(self._resized)
        self._empty = EmptyState(self)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.graphics)
        self._stack.addWidget(self._empty)
        self._loupe = Loupe(self.viewport, self._paint_loupe_points)
        self.setFocusProxy(self.graphics)
        for widget in (self, self.graphics):
            widget.setAccessibleName(self.tr("Video"))
            widget.setAccessibleDescription(
                self.tr("The picture with its points. All points can be reached from the track list as well.")
            )
        self._appearance: Appearance | None = None
        self._overlay: OverlayItem | None = None
        self._highlight: HighlightItem | None = None
        self.set_placeholder()
        self._dress()

    # -- what is shown

    def set_document(self, document: Document | None) -> None:
        """Show the points of this document; the picture of the old one is taken away."""
        while self._document_ends:
            self._document_ends.pop()()
        self._nudge_timer.stop()
        self._nudged = None
        # New tools: what was being done was done to the old document.
        self._tools: dict[str, Tool] = {"select": SelectTool(self), "add": AddTool(self)}
        self.tool = self._tools[self.view.tool]
        for item in (self._overlay, self._highlight):
            if item is not None:
                self._box.removeItem(item)
        self.document = document
        self._appearance = self._overlay = self._highlight = None
        if document is not None:
            self._appearance = Appearance(document.table, self.view)
            self._overlay = OverlayItem(self, self._appearance)
            self._highlight = HighlightItem(self, self._appearance)
            self._overlay.setZValue(1)
            self._highlight.setZValue(2)
            self._box.addItem(self._overlay, ignoreBounds=True)
            self._box.addItem(self._highlight, ignoreBounds=True)
            self._document_ends.append(document.changed.subscribe(self._document_changed))
        self.set_placeholder()

    def set_placeholder(self, title: str | None = None, detail: str | None = None) -> None:
        """Show a text instead of a picture until the next `set_frame`."""
        self._empty.set_text(
            title if title is not None else self.tr("Open or drop a video"),
            detail if detail is not None else self.tr("A video file, or a folder of numbered pictures"),
        )
        self.frame = -1
        self._fitted = True
        self._stack.setCurrentWidget(self._empty)

    def set_frame(self, index: int, image: NDArray[np.uint8]) -> None:
        """Show frame `index`: (H, W, 4) uint8 blue, green, red, unused; not copied, so it must not change.

        Raises:
            ValueError: the array has another form.
        """
        size = self._frame_item.size
        self._frame_item.set_image(image)
        self.frame = index
        if self._stack.currentWidget() is not self.graphics:
            self._stack.setCurrentWidget(self.graphics)
            self.graphics.setFocus()  # the keys belong to the picture from the start
        if self._frame_item.size != size or self._fitted:
            self.fit()
        self._update_overlay()
        self._update_loupe()

    def paint_now(self) -> None:
        """Paint at once, without waiting for the event loop (for measuring)."""
        self.viewport.repaint()

    def _update_overlay(self) -> None:
        for item in (self._overlay, self._highlight):
            if item is not None:
                item.update()

    def _document_changed(self, change: Change) -> None:
        if self._overlay is None or change.kind in ("runs", "history"):
            return
        if change.kind == "cells":
            oldest = self.frame - self.view.trail_length
            if change.start > self.frame or change.end <= oldest:
                return
        self._overlay.trails.invalidate()
        self._update_overlay()
        self._update_loupe()

    def _view_changed(self, name: str) -> None:
        if name == "tool":
            self.tool.finish()
            self.tool = self._tools[self.view.tool]
            if self._pointer is not None:
                self.viewport.setCursor(self.tool.cursor(self._pointer))
        elif name in OVERLAY_FIELDS:
            self._update_overlay()
            self._update_loupe()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._dress()

    def _dress(self) -> None:
        self.graphics.setBackground(theme.canvas_colour(self.palette()))

    # -- where things are

    def mapping(self) -> Mapping:
        """Where picture pixels lie in the viewport now."""
        transform = self._box.childTransform() * self._box.sceneTransform() * self.graphics.viewportTransform()
        return Mapping(transform.m11(), transform.dx(), transform.dy())

    def to_view(self, x: float, y: float) -> QPoint:
        """The viewport's pixel that shows the picture position (x, y)."""
        place = self.mapping().to_view(x, y) - self._half_pixel()
        return QPoint(round(place.x()), round(place.y()))

    def from_view(self, point: QPointF | QPoint) -> tuple[float, float]:
        """The picture position (x, y) below the middle of a viewport pixel."""
        return self.mapping().to_image(QPointF(point) + self._half_pixel())

    def _half_pixel(self) -> QPointF:
        """The pointer's position names a pixel by its corner; what is meant is its middle."""
        half = 0.5 / self.viewport.devicePixelRatioF()
        return QPointF(half, half)

    def in_picture(self, x: float, y: float) -> bool:
        """Whether a position lies on the picture."""
        width, height = self._frame_item.size
        return self.frame >= 0 and -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5

    def position(self, track_id: int) -> tuple[float, float] | None:
        """Where a track is on the shown frame, None where that is not known."""
        table = self._shown_table()
        if table is None or track_id not in table:
            return None
        x, y = table.rows("xy")[self.frame, table.columns([track_id])[0]].tolist()
        return (x, y) if np.isfinite(x) and np.isfinite(y) else None

    def hit(self, point: QPointF) -> int | None:
        """The nearest drawn track within `HIT_RADIUS` of a viewport position; a selected one wins over its equals."""
        table = self._shown_table()
        if table is None or self._appearance is None or not table.n_tracks:
            return None
        target = point + self._half_pixel()
        offsets = self.mapping().points(table.rows("xy")[self.frame]) - np.array([target.x(), target.y()])
        distance = np.hypot(offsets[:, 0], offsets[:, 1])
        distance[~self._appearance.drawn(self.frame)] = np.inf
        distance[self._appearance.selected()] -= 0.5
        nearest = int(np.argmin(distance))
        return int(self._appearance.ids[nearest]) if distance[nearest] <= HIT_RADIUS else None

    def tracks_in(self, area: QRectF) -> list[int]:
        """The drawn tracks inside a rectangle of the viewport."""
        table = self._shown_table()
        if table is None or self._appearance is None:
            return []
        places = self.mapping().points(table.rows("xy")[self.frame])
        inside = self._appearance.drawn(self.frame)
        inside &= (places[:, 0] >= area.left()) & (places[:, 0] <= area.right())
        inside &= (places[:, 1] >= area.top()) & (places[:, 1] <= area.bottom())
        ids: list[int] = self._appearance.ids[inside].tolist()
        return ids

    def _shown_table(self) -> TrackTable | None:
        if self.document is None or not 0 <= self.frame < self.document.table.n_frames:
            return None
        return self.document.table

    # -- zoom and pan

    def fit(self) -> None:
        """Show the whole picture, and keep doing so when the window's size changes."""
        self._fitted = True
        width, height = self._frame_item.size
        if width and height:
            self._look(self._fit_scale(), (width - 1) / 2, (height - 1) / 2)

    def zoom(self, factor: float, at: QPointF) -> None:
        """Zoom so that the pixel below a viewport position stays there."""
        mapping = self.mapping()
        smallest = min(self._fit_scale() * SMALLEST_OF_FIT, LARGEST_SCALE)
        scale = min(LARGEST_SCALE, max(smallest, mapping.scale * factor))
        at = at + self._half_pixel()
        x, y = mapping.to_image(at)
        centre_x = x + (self.viewport.width() / 2 - at.x()) / scale
        centre_y = y + (self.viewport.height() / 2 - at.y()) / scale
        self._fitted = False
        self._look(scale, centre_x, centre_y)

    def pan(self, by: QPointF) -> None:
        """Shift the picture by viewport pixels."""
        mapping = self.mapping()
        middle = QPointF(self.viewport.width() / 2, self.viewport.height() / 2)
        self._fitted = False
        self._look(mapping.scale, *mapping.to_image(middle - by))

    def zoom_to(self, track_id: int) -> None:
        """Go close to a track, if it has a position on the shown frame."""
        place = self.position(track_id)
        if place is not None:
            self._fitted = False
            self._look(max(CLOSE_SCALE, self.mapping().scale), *place)

    def _fit_scale(self) -> float:
        width, height = self._frame_item.size
        if not width or not height:
            return 1.0
        room = self.viewport.size()
        across = (room.width() - 2 * FIT_MARGIN) / width
        down = (room.height() - 2 * FIT_MARGIN) / height
        return max(1e-3, min(LARGEST_SCALE, across, down))

    def _look(self, scale: float, x: float, y: float) -> None:
        width, height = self.viewport.width() / scale, self.viewport.height() / scale
        self._box.setRange(QRectF(x - width / 2, y - height / 2, width, height), padding=0)
        self._update_overlay()
        self._update_loupe()

    def _resized(self) -> None:
        if self._fitted:
            self.fit()

    # -- edits

    def new_gesture(self) -> int:
        """A number for a drag, so that its edits become one step of undo."""
        return next(self._gestures)

    def place(self, track_id: int, frame: int, x: float, y: float, gesture: int | None = None) -> bool:
        """Put a track here, kept inside the picture; says so where the document refuses. Gives whether it was done."""
        if self.document is None:
            return False
        width, height = self._frame_item.size
        x, y = min(max(x, -0.5), width - 0.5), min(max(y, -0.5), height - 0.5)
        done = self.document.place_anchor(track_id, frame, x, y, gesture=gesture, initiator=self)
        if not done:
            self.hint.emit(self.tr("This track is locked: unlock it to move it."))
        return done

    def place_selected(self, x: float, y: float) -> None:
        """Put the selected track here on the shown frame."""
        track_id = self.view.primary
        if self.document is None or track_id is None or track_id not in self.document.table:
            self.hint.emit(self.tr("Select a track first, then Ctrl+click puts it there."))
        elif not self.in_picture(x, y):
            self.hint.emit(self.tr("Points can only be placed inside the picture."))
        else:
            self.place(track_id, self.frame, x, y)

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected track by picture pixels on the shown frame. Quick nudges become one step of undo."""
        track_id = self.view.primary
        place = self.position(track_id) if track_id is not None else None
        if track_id is None or place is None:
            self.hint.emit(self.tr("Select a track that has a position on this frame to nudge it."))
            return
        if self._nudged is None or self._nudged[:2] != (track_id, self.frame):
            self._nudged = (track_id, self.frame, self.new_gesture())
        self.place(track_id, self.frame, place[0] + dx, place[1] + dy, self._nudged[2])
        self._nudge_timer.start()

    def _end_nudge(self) -> None:
        self._nudged = None
        if self.document is not None:
            self.document.end_gesture()

    # -- pointer

    def hover(self, pointer: Pointer) -> None:
        """The pointer is here."""
        self._pointer = pointer
        self.viewport.setCursor(self.tool.cursor(pointer))
        if self._highlight is not None:
            track = self.hit(pointer.view)
            if track != self._highlight.hovered:
                self._highlight.hovered = track
                self._highlight.update()
        if self.in_picture(pointer.x, pointer.y):
            self.hovered.emit(pointer.x, pointer.y)
        else:
            self.unhovered.emit()
        self._update_loupe()

    def unhover(self) -> None:
        """The pointer has left."""
        self._pointer = None
        if self._highlight is not None:
            self._highlight.hovered = None
            self._highlight.update()
        self.unhovered.emit()
        self._update_loupe()

    def set_band(self, band: QRectF | None) -> None:
        """Show the box being drawn, in viewport pixels."""
        if self._highlight is not None:
            self._highlight.band = band
            self._highlight.update()

    def set_loupe(self, on: bool) -> None:
        """Show a magnifying glass beside the pointer, or put it away."""
        self._loupe_wanted = on
        self._update_loupe()

    def _update_loupe(self) -> None:
        pointer = self._pointer
        shown = self._loupe_wanted and pointer is not None and self.frame >= 0
        self._loupe.setVisible(shown)
        if shown and pointer is not None:
            mapping = self.mapping()
            x, y = self.from_view(pointer.view)
            self._loupe.look_at(self._frame_item.image, x, y, pointer.view.toPoint(), mapping.scale)

    def _paint_loupe_points(self, *seen: Any) -> None:
        if self._overlay is not None:
            self._overlay.paint_points(*seen)
