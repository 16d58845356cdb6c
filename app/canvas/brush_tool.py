"""Paint a mask by hand, or wipe it away."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QRadialGradient

from app import theme
from app.canvas.brush import Bitmap, Stroke
from app.canvas.mask_tools import MaskTool, Target
from app.canvas.tool import Pointer

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

RIM = 7.0  # pixels of the view over which the cursor fades out beyond the brush's edge
SIGN = 3.5  # arm of the plus or minus in its middle
SIGN_FROM = 9.0  # radius on screen from which there is room for it


@dataclass
class _Act:
    """What goes on between press and release."""

    target: Target
    frame: int
    before: Bitmap
    stroke: Stroke
    paints: bool
    right: bool


class BrushTool(MaskTool):
    """Each stroke is one step of undo. The right button, or Ctrl, does the opposite while it is held.

    Args:
        paints: whether the left button paints; else it wipes away.
    """

    takes_right = True
    sized = True

    def __init__(self, canvas: "CanvasView", paints: bool) -> None:
        super().__init__(canvas)
        self._paints = paints
        self._act: _Act | None = None
        self._drawn = QRectF()  # where the cursor was painted last

    def press(self, pointer: Pointer) -> None:
        """Begin a stroke."""
        if self._act is not None:
            return
        canvas, paints = self.canvas, self._does_paint(pointer)
        target = self.target()
        if target is None:
            return
        if target.id is None and not paints:
            canvas.hint.emit(canvas.tr("There is no mask to wipe away: paint one first."))
            return
        before = self.held(target)
        stroke = Stroke(before, canvas.view.brush_size, paints)
        self._act = _Act(target, canvas.frame, before, stroke, paints, pointer.right)
        if canvas.mask_item is not None:
            canvas.mask_item.begin_stroke(target.id, stroke.bitmap, target.colour, target.matte)
        self._go_on(pointer)

    def move(self, pointer: Pointer) -> None:
        """Paint up to here, and take the cursor along."""
        if self._act is not None:
            self._go_on(pointer)
        ring = self._ring(pointer.view)
        self.canvas.update_area(ring.united(self._drawn))

    def release(self, pointer: Pointer) -> None:
        """Keep the stroke."""
        if self._act is not None and pointer.right == self._act.right:
            self._go_on(pointer)
            self.finish()

    def double_click(self, pointer: Pointer) -> None:
        """A second dab."""
        self.press(pointer)

    def cancel(self) -> bool:
        """Drop the stroke."""
        act, self._act = self._act, None
        if act is not None and self.canvas.mask_item is not None:
            self.canvas.mask_item.end_stroke()
        return act is not None

    def finish(self) -> None:
        """Keep the stroke as far as it is."""
        act, self._act = self._act, None
        if act is None:
            return
        if not np.array_equal(act.before, act.stroke.bitmap):
            label = self.canvas.tr("Paint mask") if act.paints else self.canvas.tr("Erase mask")
            self.keep(act.target, act.frame, act.stroke.bitmap, label)
        if self.canvas.mask_item is not None:
            self.canvas.mask_item.end_stroke()

    def leave_frame(self) -> None:
        """A stroke belongs to the frame on which it began."""
        self.finish()

    def cursor(self, pointer: Pointer) -> Qt.CursorShape:
        """None: the brush itself is drawn."""
        return Qt.CursorShape.BlankCursor

    # -- the cursor

    def paint(self, painter: QPainter) -> None:
        """A ring of the brush's size with a rim that fades out, and a sign of what it does."""
        pointer = self.canvas.pointer
        if pointer is None:
            return
        centre, radius = pointer.view + self.canvas.camera.half_pixel(), self._radius()
        self._drawn = self._ring(pointer.view)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outer = radius + RIM
        fade = QRadialGradient(centre, outer)
        fade.setColorAt(0.0, QColor(255, 255, 255, 0))
        fade.setColorAt(max(0.0, radius / outer - 0.001), QColor(255, 255, 255, 0))
        fade.setColorAt(radius / outer, QColor(255, 255, 255, 110))
        fade.setColorAt(1.0, QColor(255, 255, 255, 0))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(fade))
        painter.drawEllipse(centre, outer, outer)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        paints = self._act.paints if self._act is not None else self._does_paint(pointer)
        for colour, width in ((QColor(*theme.OUTLINE, 190), 3.0), (QColor(*theme.HALO), 1.3)):
            pen = QPen(colour, width)
            if not paints:
                pen.setDashPattern([4.0 * 1.3 / width, 3.0 * 1.3 / width])
            painter.setPen(pen)
            painter.drawEllipse(centre, radius, radius)
            painter.setPen(QPen(colour, width))
            if radius >= SIGN_FROM:
                painter.drawLine(QLineF(centre - QPointF(SIGN, 0), centre + QPointF(SIGN, 0)))
                if paints:
                    painter.drawLine(QLineF(centre - QPointF(0, SIGN), centre + QPointF(0, SIGN)))

    def _radius(self) -> float:
        """Of the brush, in pixels of the view."""
        return max(1.5, self.canvas.view.brush_size / 2 * self.canvas.mapping().scale)

    def _ring(self, view: QPointF) -> QRectF:
        reach = max(self._radius(), SIGN) + RIM + 2
        return QRectF(view.x() - reach, view.y() - reach, 2 * reach, 2 * reach)

    # -- the stroke

    def _does_paint(self, pointer: Pointer) -> bool:
        other = pointer.right or pointer.holds(Qt.KeyboardModifier.ControlModifier)
        return self._paints != other

    def _go_on(self, pointer: Pointer) -> None:
        assert self._act is not None
        area = self._act.stroke.to(pointer.x, pointer.y)
        if area is not None and self.canvas.mask_item is not None:
            self.canvas.mask_item.stroke_changed(area)
