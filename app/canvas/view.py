"""The video view."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Signal
from PySide6.QtWidgets import QStackedLayout, QWidget

from app import theme
from app.canvas.appearance import Appearance
from app.canvas.brush import stepped_size
from app.canvas.camera import Camera
from app.canvas.empty_state import EmptyState
from app.canvas.frame_item import FrameItem
from app.canvas.layers import WATCHED, Layers
from app.canvas.loupe import Loupe
from app.canvas.mapping import Mapping
from app.canvas.mask_item import MaskItem
from app.canvas.missing_card import missing_card
from app.canvas.picking import Picker
from app.canvas.placing import Placing
from app.canvas.preview import Preview
from app.canvas.tool import Pointer, Tool
from app.canvas.tool_item import ToolItem
from app.canvas.tools import make_tools
from app.canvas.viewport import Viewport
from app.curation.teachers import TeacherPaths
from app.document.project import Document
from app.document.view_state import ViewState

INSERT_LAYER, TOOL_LAYER = 0.5, 100.0  # between the picture and the layers of a document, and above them


class CanvasView(QWidget):
    """Shows a frame with its points and masks, and lets a person work on them with the tool in hand.

    Points are drawn on, and edits go to, the frame that is on screen (`frame`), so that what a person clicks is what
    they see even while a later frame is still being decoded.

    Signals:
        hint: a sentence on why something did not happen.
        hovered: pixel position (x, y) under the pointer; `unhovered` when there is none.
        context_requested: (track id or None, global position) where a menu is wanted.
        corrected: (track id, frame) after a gesture that put an anchor where a prediction was, or moved an anchor that
            predictions hang on; once per gesture, at its end.

    Attributes:
        camera: what part of the picture is seen.
        placing: anchors placed by hand.
        picker: which tracks a place on screen means.
        preview: the view locked to tracks, stabilised, or with an insert.
        dragging: whether the left button is held.
    """

    hint = Signal(str)
    hovered = Signal(float, float)
    unhovered = Signal()
    context_requested = Signal(object, QPoint)
    corrected = Signal(int, int)

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document: Document | None = None
        self.view = view
        self.frame = -1
        self.is_missing = False  # the shown frame has no picture: nothing can be placed on it
        self.dragging = False
        self.pointer: Pointer | None = None  # None while it is elsewhere
        self._loupe_wanted = False
        self._layers: Layers | None = None
        self._hidden_masks: frozenset[int] = frozenset()
        self.placing = Placing(self)
        self.picker = Picker(self)
        self._build()
        ends: list[Callable[[], None]] = [view.changed.subscribe(self._view_changed)]
        # Not a method of this widget: by then its Qt half is gone.
        self.destroyed.connect(lambda: [end() for end in ends])
        self.set_document(document)

    def _build(self) -> None:
        self.graphics = Viewport(self)
        self.viewport: QWidget = self.graphics.viewport()
        self._box = pg.ViewBox(invertY=True, lockAspect=True, enableMouse=False, enableMenu=False, defaultPadding=0)
        self.graphics.setCentralItem(self._box)
        self._frame_item = FrameItem()
        self._frame_item.setZValue(0)
        self._tool_item = ToolItem(self)
        self._tool_item.setZValue(TOOL_LAYER)
        for item in (self._frame_item, self._tool_item):
            self._box.addItem(item, ignoreBounds=True)
        self.camera = Camera(self.graphics, self._box, lambda: self.picture_size, self.overlay_changed)
        self.preview = Preview(self, self._frame_item)
        self.preview.insert.setZValue(INSERT_LAYER)
        self._box.addItem(self.preview.insert, ignoreBounds=True)
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
        self._dress()

    # -- what is shown

    def set_document(self, document: Document | None) -> None:
        """Show the points of this document; the picture of the old one is taken away."""
        self.placing.forget()
        if self._layers is not None:
            self._layers.remove()
        self.document = document
        # New tools: what was being done was done to the old document.
        self._tools: dict[str, Tool] = make_tools(self)
        self.tool = self._tools[self.view.tool]
        self._hidden_masks = frozenset()
        self._layers = None if document is None else Layers(self, document, self._box)
        self._tool_item.proposed = None
        self.set_placeholder()
        self.preview.set_document(document)

    def set_placeholder(self, title: str | None = None, detail: str | None = None) -> None:
        """Show a text instead of a picture until the next `set_frame`."""
        self._empty.set_text(
            title if title is not None else self.tr("Open or drop a video"),
            detail if detail is not None else self.tr("A video file, or a folder of numbered pictures"),
        )
        self.frame = -1
        self.camera.fitted = True
        self._stack.setCurrentWidget(self._empty)

    def set_frame(self, index: int, image: NDArray[np.uint8]) -> None:
        """Show frame `index`: (H, W, 4) uint8 blue, green, red, unused; not copied, so it must not change.

        Raises:
            ValueError: the array has another form.
        """
        size = self.picture_size
        if index != self.frame:
            self.tool.leave_frame()
        self._frame_item.set_image(image)
        self.frame, self.is_missing = index, False
        if self._stack.currentWidget() is not self.graphics:
            self._stack.setCurrentWidget(self.graphics)
            self.graphics.setFocus()  # the keys belong to the picture from the start
        if self.picture_size != size or self.camera.fitted:
            self.fit()
        self.preview.refresh()
        self.overlay_changed()

    def set_missing(self, index: int, size: tuple[int, int], title: str, detail: str) -> None:
        """Show that there is no picture of frame `index`, in a video of this width and height."""
        self.set_frame(index, missing_card(size, title, detail))
        self.is_missing = True

    def set_preview(self, points: NDArray[np.float32] | None) -> None:
        """Propose points (K, 2) float32 on the picture, or take the proposal away."""
        self._tool_item.proposed = points
        self._tool_item.update()

    def set_teachers(self, paths: TeacherPaths | None) -> None:
        """What the teachers of a label set said of this document's tracks, or None."""
        if self._layers is not None:
            self._layers.teachers.set_paths(paths)

    def set_hidden_masks(self, ids: frozenset[int]) -> None:
        """Do not draw these masks."""
        self._hidden_masks = frozenset(ids)
        if self._layers is not None:
            self._layers.masks.update()

    @property
    def hidden_masks(self) -> frozenset[int]:
        """The masks that are not drawn."""
        return self._hidden_masks

    @property
    def picture_size(self) -> tuple[int, int]:
        """(width, height) of the shown frame, zeros before the first one."""
        return self._frame_item.size

    @property
    def picture(self) -> NDArray[np.uint8] | None:
        """(H, W, 4) uint8 blue, green, red, unused of the shown frame; None before one and where it is missing."""
        return self._frame_item.array if self.frame >= 0 and not self.is_missing else None

    @property
    def appearance(self) -> Appearance | None:
        """How the points look; None without a document."""
        return None if self._layers is None else self._layers.appearance

    @property
    def mask_item(self) -> MaskItem | None:
        """The layer of masks; None without a document."""
        return None if self._layers is None else self._layers.masks

    def paint_now(self) -> None:
        """Paint at once, without waiting for the event loop (for measuring)."""
        self.viewport.repaint()

    def overlay_changed(self) -> None:
        """Paint everything anew that lies over the picture."""
        if self._layers is not None:
            self._layers.update()
        self._tool_item.update()
        self._update_loupe()

    def update_area(self, area: QRectF) -> None:
        """Paint only a rectangle of the viewport anew."""
        self.viewport.update(area.toAlignedRect().adjusted(-1, -1, 1, 1))

    def _view_changed(self, name: str) -> None:
        if name == "tool":
            self.tool.finish()
            self.tool = self._tools[self.view.tool]
            if self.pointer is not None:
                self.viewport.setCursor(self.tool.cursor(self.pointer))
            self._tool_item.update()
        elif name == "brush_size":
            self._tool_item.update()
        elif name in ("lock", "stabilise"):
            self.preview.view_changed(name)
        elif name in WATCHED:
            self.overlay_changed()

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
        return self.camera.mapping()

    def to_view(self, x: float, y: float) -> QPoint:
        """The viewport's pixel that shows the picture position (x, y)."""
        return self.camera.to_view(x, y)

    def from_view(self, point: QPointF | QPoint) -> tuple[float, float]:
        """The picture position (x, y) below the middle of a viewport pixel."""
        return self.camera.from_view(point)

    def in_picture(self, x: float, y: float) -> bool:
        """Whether a position lies on a picture."""
        width, height = self.picture_size
        return self.frame >= 0 and not self.is_missing and -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5

    def position(self, track_id: int) -> tuple[float, float] | None:
        """Where a track is on the shown frame, None where that is not known."""
        return self.picker.position(track_id)

    def hit(self, point: QPointF) -> int | None:
        """The track that a viewport position means."""
        return self.picker.hit(point)

    def fit(self) -> None:
        """Show the whole picture, and keep doing so when the window's size changes."""
        self.camera.fit()
        self.camera.fitted = not self.view.lock  # what is locked stays where it then is

    def zoom_to(self, track_id: int) -> None:
        """Go close to a track, if it has a position on the shown frame."""
        place = self.position(track_id)
        if place is not None:
            self.camera.go_close(*place)

    # -- edits

    def new_gesture(self) -> int:
        """A number for a drag, so that its edits become one step of undo."""
        return self.placing.new_gesture()

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected track by picture pixels on the shown frame. Quick nudges become one step of undo."""
        self.placing.nudge(dx, dy)

    def resize_brush(self, steps: float) -> None:
        """Make the brush larger by so many steps, or smaller where negative."""
        self.view.brush_size = stepped_size(self.view.brush_size, steps)

    # -- pointer

    def hover(self, pointer: Pointer) -> None:
        """The pointer is here."""
        self.pointer = pointer
        self.viewport.setCursor(self.tool.cursor(pointer))
        self._set_hovered(self.hit(pointer.view) if self.tool.picks_tracks else None)
        if self.in_picture(pointer.x, pointer.y):
            self.hovered.emit(pointer.x, pointer.y)
        else:
            self.unhovered.emit()
        self._update_loupe()

    def unhover(self) -> None:
        """The pointer has left."""
        self.pointer = None
        self._set_hovered(None)
        self._tool_item.update()
        self.unhovered.emit()
        self._update_loupe()

    def _set_hovered(self, track: int | None) -> None:
        if self._layers is not None and self._layers.highlight.hovered != track:
            self._layers.highlight.hovered = track
            self._layers.highlight.update()

    def set_band(self, band: QRectF | None) -> None:
        """Show the box being drawn, in viewport pixels."""
        if self._layers is not None:
            self._layers.highlight.band = band
            self._layers.highlight.update()

    def set_loupe(self, on: bool) -> None:
        """Show a magnifying glass beside the pointer, or put it away."""
        self._loupe_wanted = on
        self._update_loupe()

    def _update_loupe(self) -> None:
        pointer = self.pointer
        shown = self._loupe_wanted and pointer is not None and self.frame >= 0
        self._loupe.setVisible(shown)
        if shown and pointer is not None:
            x, y = self.from_view(pointer.view)
            self._loupe.look_at(self._frame_item.image, x, y, pointer.view.toPoint(), self.mapping().scale)

    def _paint_loupe_points(self, *seen: Any) -> None:
        if self._layers is not None:
            self._layers.overlay.paint_points(*seen)
