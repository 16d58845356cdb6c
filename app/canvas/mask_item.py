"""The masks of the shown frame, and the stroke that is being painted."""

from bisect import bisect_right
from typing import TYPE_CHECKING

import pyqtgraph as pg
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter, QTransform
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.canvas.brush import Area, Bitmap
from app.canvas.mapping import Mapping
from app.canvas.mask_picture import MaskPicture, Style
from app.canvas.overlay_item import EVERYWHERE
from app.document.project import Document

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

Place = tuple[Mapping, tuple[int, int], float]  # mapping, size of the viewport and ratio in device pixels
LARGEST_WARPED = 2048  # pixels of the longer side of a mask that is drawn once for all warps


class MaskItem(pg.GraphicsObject):
    """Paints each mask as it holds on the canvas's frame.

    A picture of a mask is kept as long as the same painted frame is shown in the same place, so that stepping through
    frames costs nothing where masks are only held.
    """

    def __init__(self, canvas: "CanvasView", document: Document) -> None:
        super().__init__()
        self._canvas = canvas
        self._document = document
        self._revisions: dict[int, int] = {}
        self._revision = 0
        self._kept: dict[int, tuple[tuple[object, ...], MaskPicture]] = {}
        self._stroke: tuple[int | None, Bitmap, Style] | None = None
        self._stroke_kept: tuple[Place, MaskPicture] | None = None

    def boundingRect(self) -> QRectF:
        """Everywhere."""
        return EVERYWHERE

    def masks_changed(self, ids: tuple[int, ...] | None) -> None:
        """Some masks are other now; None for all of them."""
        self._revision += 1
        for mask_id in self._kept if ids is None else ids:
            self._revisions[mask_id] = self._revision
        self.update()

    # -- a stroke

    def begin_stroke(self, mask_id: int | None, bitmap: Bitmap, colour: tuple[int, int, int], matte: bool) -> None:
        """Show this bitmap, which will change, in place of a mask (None: in addition to all)."""
        self._stroke = mask_id, bitmap, Style(colour, matte, held=False, active=True)
        self._stroke_kept = None
        self.update()

    def stroke_changed(self, area: Area) -> None:
        """An area of the stroke's bitmap has changed: draw and paint only that."""
        place = self._place()
        if self._stroke is None:
            return
        if self._stroke_kept is None or self._stroke_kept[0] != place:
            self.update()
            return
        if self._canvas.mapping().warp is not None:
            self._stroke_kept[1].redraw(self._stroke[1], area)
            self.update()
            return
        left, top, right, bottom = self._stroke_kept[1].redraw(self._stroke[1], area)
        ratio = place[2]
        if left < right and top < bottom:
            self._canvas.update_area(QRectF(left / ratio, top / ratio, (right - left) / ratio, (bottom - top) / ratio))

    def end_stroke(self) -> None:
        """Show the masks as they are."""
        self._stroke = self._stroke_kept = None
        self.update()

    # -- painting

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw in pixels of the viewport."""
        frame = self._canvas.frame
        if frame < 0:
            return
        painter.resetTransform()
        place = self._place()
        if self._canvas.mapping().warp is not None:
            painter.setTransform(self._from_place(place))
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        replaced = self._stroke[0] if self._stroke is not None else None
        infos = [i for i in self._document.masks.infos if i.id not in self._canvas.hidden_masks and i.id != replaced]
        for info in sorted(infos, key=lambda info: info.id == self._canvas.view.mask):
            picture = self._picture(info.id, frame, place)
            if picture is not None:
                _draw(painter, picture, place[2])
        for gone in set(self._kept) - {info.id for info in infos}:
            del self._kept[gone]
        if self._stroke is not None:
            if self._stroke_kept is None or self._stroke_kept[0] != place:
                _, bitmap, style = self._stroke
                self._stroke_kept = place, MaskPicture(bitmap, style, *place, whole=True)
            _draw(painter, self._stroke_kept[1], place[2])

    def _picture(self, mask_id: int, frame: int, place: Place) -> MaskPicture | None:
        masks = self._document.masks
        frames = masks.frames(mask_id)
        painted = bisect_right(frames, frame)
        if not painted:
            return None
        painted_on = frames[painted - 1]
        info = masks.info(mask_id)
        style = Style(info.colour, info.matte, painted_on != frame, mask_id == self._canvas.view.mask)
        key = (painted_on, self._revisions.get(mask_id, 0), style, place)
        kept = self._kept.get(mask_id)
        if kept is None or kept[0] != key:
            bitmap = masks.bitmap(mask_id, painted_on)
            if bitmap is None:
                return None
            kept = self._kept[mask_id] = key, MaskPicture(bitmap, style, *place)
        return kept[1]

    def _place(self) -> Place:
        """Where pictures of masks are drawn for: the viewport; while the frame is warped, a sheet of their own."""
        view, mapping = self._canvas.viewport, self._canvas.mapping()
        ratio = view.devicePixelRatioF()
        if mapping.warp is None:
            return mapping, (round(view.width() * ratio), round(view.height() * ratio)), ratio
        width, height = self._canvas.picture_size
        scale = min(1.0, LARGEST_WARPED / max(1, width, height))
        return Mapping(scale, scale / 2, scale / 2), (round(width * scale), round(height * scale)), 1.0

    def _from_place(self, place: Place) -> QTransform:
        """From the sheet to the viewport."""
        sheet = place[0]
        back = QTransform(sheet.scale, 0.0, 0.0, sheet.scale, sheet.offset_x, sheet.offset_y).inverted()[0]
        return back * self._canvas.mapping().transform()


def _draw(painter: QPainter, picture: MaskPicture, ratio: float) -> None:
    height, width = picture.pixels.shape
    if not height or not width:
        return
    image = QImage(picture.pixels.data, width, height, width * 4, QImage.Format.Format_ARGB32_Premultiplied)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(QRectF(picture.left / ratio, picture.top / ratio, width / ratio, height / ratio), image)
