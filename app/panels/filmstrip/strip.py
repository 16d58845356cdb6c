"""The cells themselves: a scrolled field of patches that can be clicked, dragged and walked by keys."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QToolTip, QWidget
from shiboken6 import isValid

from app.panels.filmstrip.cells import Cell, TrackCells
from app.panels.filmstrip.correction import Correction
from app.panels.filmstrip.layout import LABEL, PAD, StripLayout
from app.panels.filmstrip.painting import CellPainter, CropPixmaps, crop_pixmap, paint_cross
from app.panels.wording import number
from app.theme import OUTLINE
from app.workers.patches import Crop, Patch

DRAG_FROM = 4  # pixels; a trembling click moves nothing
CLOSE_UP = 168  # side of the picture that is dragged, where there is room: a pixel of the mouse is a part of one of it
CROSS_GAP = 6.0
OWN_KEYS = {
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
}
GO_KEYS = {Qt.Key.Key_Return, Qt.Key.Key_Enter}


class Strip(QAbstractScrollArea):
    """Shows cells; what is done with them is left to the panel, by signals.

    Signals:
        went(int): a frame was clicked or chosen by keys.
        pressed(int): the mouse is down on a cell, which may become a drag.
        dragged(int, float, float): the picture of a cell was dragged this far since then, in pixels of the video.
        dropped(bool): the mouse was let go; True where a drag is to be kept.
        zoomed(int): notches of the wheel by which the patches should show less of the video.
        scrolled: other cells are in view.

    Attributes:
        layout_: where the cells stand.
        current: the cell that the keys are at.
    """

    went = Signal(int)
    pressed = Signal(int)
    dragged = Signal(int, float, float)
    dropped = Signal(bool)
    zoomed = Signal(int)
    scrolled = Signal()

    def __init__(
        self,
        crop_of: Callable[[Patch], Crop | None],
        failure_of: Callable[[int], str],
        tip_of: Callable[[Cell], str],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._crop_of, self._failure_of, self._tip_of = crop_of, failure_of, tip_of
        self.layout_ = StripLayout(0, 64, 1)
        self.current = 0
        self.cells: TrackCells | None = None
        self.correction: Correction | None = None
        self.threshold = 4.0
        self._playhead = 0
        self._patch_size = 48
        self._press: tuple[QPoint, int] | None = None
        self._dragging = False
        self._focus_before: QWidget | None = None
        self._pixmaps = CropPixmaps()
        self.setFrameShape(QFrame.Shape.NoFrame)
        # A click leaves the keys with the picture, as everywhere: then the arrows step the playhead.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        for bar in (self.horizontalScrollBar(), self.verticalScrollBar()):
            bar.valueChanged.connect(self._scrolled)
        self._refresh_look()

    # -- what is shown

    def show_cells(self, cells: TrackCells | None, layout: StripLayout, patch_size: int) -> None:
        """Show these cells, in this layout."""
        self.cells, self.layout_, self._patch_size = cells, layout, patch_size
        self.current = max(0, min(self.current, layout.count - 1))
        self._update_bars()
        self.viewport().update()

    def set_playhead(self, frame: int, follow: bool = True) -> None:
        """Mark the cell of the playhead, and scroll to it."""
        before, self._playhead = self._playhead, frame
        index = None if self.cells is None else self.cells.index_of(frame)
        if index is not None and index < self.layout_.count:
            self.current = index
            if follow and self._press is None:
                self._bring_into_view(index)
        self.update_frames((before, frame))  # no more than that: it moves with every frame that is played

    def update_frames(self, frames: Iterable[int]) -> None:
        """Draw these frames again."""
        if self._dragging:
            self.viewport().update()
        elif self.cells is not None:
            for frame in frames:
                index = self.cells.index_of(frame)
                if index is not None:
                    self.viewport().update(self._box(index))

    def visible_indices(self) -> list[int]:
        """The cells of which a part is in view."""
        return self._indices_in(self.viewport().rect())

    def _indices_in(self, rect: QRect) -> list[int]:
        place = rect.translated(self._offset)
        return self.layout_.indices_in(place.left(), place.top(), place.right(), place.bottom())

    def cell_rect(self, index: int) -> QRect:
        """Where the picture of a cell lies, in pixels of the viewport."""
        x, y = self.layout_.corner(index)
        return QRect(x + PAD, y + PAD, self.layout_.side, self.layout_.side).translated(-self._offset)

    @property
    def _offset(self) -> QPoint:
        return QPoint(self.horizontalScrollBar().value(), self.verticalScrollBar().value())

    def _update_bars(self) -> None:
        width, height = self.layout_.size
        room = self.viewport().size()
        for bar, whole, page, step in (
            (self.horizontalScrollBar(), width, room.width(), self.layout_.box_width),
            (self.verticalScrollBar(), height, room.height(), self.layout_.box_height),
        ):
            bar.setPageStep(page)
            bar.setSingleStep(step)
            bar.setRange(0, max(0, whole - page))

    def _bring_into_view(self, index: int) -> None:
        """Scroll no more than needed; a cell that was far off comes to the near edge, so that what follows is seen."""
        box = self._box(index)
        view = self.viewport().rect()
        for bar, first, last, room in (
            (self.horizontalScrollBar(), box.left(), box.right(), view.width()),
            (self.verticalScrollBar(), box.top(), box.bottom(), view.height()),
        ):
            if first < 0:
                bar.setValue(bar.value() + (first if last >= 0 else last - room + 1))
            elif last >= room:
                bar.setValue(bar.value() + (last - room + 1 if first < room else first))

    def _box(self, index: int) -> QRect:
        x, y = self.layout_.corner(index)
        return QRect(x, y, self.layout_.box_width, self.layout_.box_height).translated(-self._offset)

    def _scrolled(self) -> None:
        self.viewport().update()
        self.scrolled.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The panel lays the cells out anew; until then the bars must fit."""
        super().resizeEvent(event)
        self._update_bars()
        self.scrolled.emit()

    def changeEvent(self, event: QEvent) -> None:
        """Draw in the colours of another palette."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._refresh_look()

    def _refresh_look(self) -> None:
        self._painter = CellPainter(self.palette(), self.font(), self.devicePixelRatioF())
        self.viewport().update()

    # -- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """The cells in view, then playhead and focus, then what is dragged."""
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self.palette().color(QPalette.ColorRole.Base))
        if self.cells is not None:
            for index in self._indices_in(event.rect()):
                if event.region().intersects(self._box(index)):
                    self._paint_cell(painter, self.cells, index)
            at = self.cells.index_of(self._playhead)
            if at is not None and at < self.layout_.count:
                self._painter.paint_playhead(painter, self._box(at), int(self.cells.frames[at]) == self._playhead)
            if self.hasFocus():
                self._painter.paint_focus(painter, self._box(self.current).adjusted(1, 1, -1, -1))
            if self._dragging and self._press is not None and self.correction is not None:
                self._paint_close_up(painter, self._press[1], self.correction)
        painter.end()

    def _paint_cell(self, painter: QPainter, cells: TrackCells, index: int) -> None:
        cell, rect = cells.cell(index), self.cell_rect(index)
        failure = self._failure_of(cell.frame)
        self._painter.paint(painter, rect, cell, self._pixmap(cell), self.threshold, failure)
        at_playhead, number_text = cell.frame == self._playhead, str(cells.document.number_of(cell.frame))
        if self.layout_.has_labels:
            label = QRect(rect.left() - PAD, rect.bottom() + PAD, rect.width() + 2 * PAD, LABEL)
            self._painter.paint_label(painter, label, number_text, at_playhead)
        elif index % self.layout_.columns == 0:
            beside = QRect(0, rect.top(), rect.left() - PAD, rect.height())
            self._painter.paint_label(painter, beside, number_text, at_playhead)

    def _pixmap(self, cell: Cell) -> QPixmap | None:
        if not cell.placed:
            return None
        patch = Patch(cell.frame, cell.x, cell.y, self._patch_size)
        return self._pixmaps.get(patch, self.layout_.side, self.devicePixelRatioF(), self._crop_of)

    def _paint_close_up(self, painter: QPainter, index: int, correction: Correction) -> None:
        rect = self._close_up(index)
        crop = correction.picture()
        painter.fillRect(rect.adjusted(-3, -3, 3, 3), self._painter.accent)
        painter.fillRect(rect, QColor(*OUTLINE))
        if crop is not None:
            painter.drawPixmap(rect, crop_pixmap(crop, rect.width(), self.devicePixelRatioF()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_cross(painter, QRectF(rect), CROSS_GAP)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        moved = (number(value, 2) for value in (correction.x - correction.patch.x, correction.y - correction.patch.y))
        self._painter.paint_offset(painter, rect, self.tr("moved by {0}, {1} px").format(*moved))

    def _close_up(self, index: int) -> QRect:
        """Where the dragged picture is shown larger: over its cell, inside the view."""
        view = self.viewport().rect().adjusted(3, 3, -3, -3)
        side = max(self.layout_.side, min(CLOSE_UP, view.height(), view.width()))
        rect = QRect(0, 0, side, side)
        rect.moveCenter(self.cell_rect(index).center())
        rect.moveLeft(max(view.left(), min(rect.left(), view.right() - side + 1)))
        rect.moveTop(max(view.top(), min(rect.top(), view.bottom() - side + 1)))
        return rect

    # -- mouse

    def index_at(self, point: QPoint) -> int | None:
        """The cell at a place of the viewport."""
        place = point + self._offset
        return self.layout_.index_at(place.x(), place.y())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left clicks or drags; another button during a drag puts the point back."""
        if event.button() != Qt.MouseButton.LeftButton:
            self.cancel_drag()
            return
        index = self.index_at(event.position().toPoint())
        if index is not None:
            self._press = (event.position().toPoint(), index)
            self.pressed.emit(index)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """After the dead zone the picture follows the pointer."""
        if self._press is None:
            return
        start, index = self._press
        moved = QPointF(event.position() - start)
        if not self._dragging and moved.manhattanLength() >= DRAG_FROM:
            self._dragging = True
            self._focus_before = QApplication.focusWidget()
            self.setFocus(Qt.FocusReason.MouseFocusReason)  # Esc must reach the drag
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
        if self._dragging:
            scale = self._patch_size / self._close_up(index).width()
            self.dragged.emit(index, moved.x() * scale, moved.y() * scale)
            self.viewport().update(self._close_up(index).adjusted(-3, -3, 3, 3))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click goes to the frame, a drag is over."""
        if event.button() != Qt.MouseButton.LeftButton or self._press is None:
            return
        dragged, index = self._dragging, self._press[1]
        self._let_go(dragged)
        if not dragged:
            self._go_to(index)

    def cancel_drag(self) -> None:
        """Put a dragged point back; nothing where the mouse is not down."""
        if self._press is not None:
            self._let_go(False)

    def _let_go(self, keep: bool) -> None:
        if self._dragging:
            if self._focus_before is not None and isValid(self._focus_before):
                self._focus_before.setFocus(Qt.FocusReason.MouseFocusReason)
            else:
                self.clearFocus()
            self._focus_before = None
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        self._press, self._dragging = None, False
        self.dropped.emit(keep)
        self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl shows more or less of the video in every patch, else scroll."""
        angle = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            if not self._dragging and angle.y():
                self.zoomed.emit(1 if angle.y() > 0 else -1)
        else:
            down = self.verticalScrollBar().maximum() > 0
            bar = self.verticalScrollBar() if down else self.horizontalScrollBar()
            bar.setValue(bar.value() - round((angle.y() or angle.x()) / 120 * bar.singleStep()))
        event.accept()

    # -- keys

    def event(self, event: QEvent) -> bool:
        """Its keys are the strip's while it has the focus, before the window's shortcuts."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
            escape = self._dragging and event.key() == Qt.Key.Key_Escape
            if escape or (plain and event.key() in OWN_KEYS | GO_KEYS):
                event.accept()
                return True
        handled = super().event(event)
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._refresh_look()
        return handled

    def viewportEvent(self, event: QEvent) -> bool:
        """Tool tips over cells."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self.cells is not None:
            index = self.index_at(event.pos())
            if index is not None:
                QToolTip.showText(event.globalPos(), self._tip_of(self.cells.cell(index)), self)
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows walk through the cells, Enter goes to the frame, Esc lets a dragged point be."""
        key = event.key()
        if key == Qt.Key.Key_Escape and self._dragging:
            self.cancel_drag()
        elif key in GO_KEYS and self.layout_.count:
            self._go_to(self.current)
        elif key in OWN_KEYS and self.layout_.count:
            self._walk(Qt.Key(key))
        else:
            super().keyPressEvent(event)

    def _walk(self, key: Qt.Key) -> None:
        layout, room = self.layout_, self.viewport().size()
        page = layout.page(room.width(), room.height())
        wanted = {
            Qt.Key.Key_Left: self.current - 1,
            Qt.Key.Key_Right: self.current + 1,
            Qt.Key.Key_Up: layout.below(self.current, -1),
            Qt.Key.Key_Down: layout.below(self.current, 1),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: layout.count,
            Qt.Key.Key_PageUp: self.current - page,
            Qt.Key.Key_PageDown: self.current + page,
        }[key]
        self.current = max(0, min(layout.count - 1, wanted))
        self._bring_into_view(self.current)
        self._describe()
        self.viewport().update()

    def _go_to(self, index: int) -> None:
        if self.cells is not None and index < len(self.cells):
            self.current = index
            self.went.emit(int(self.cells.frames[index]))

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show where the keys are."""
        super().focusInEvent(event)
        self._describe()
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The keys are elsewhere."""
        super().focusOutEvent(event)
        self.viewport().update()

    def _describe(self) -> None:
        """Tell screen readers what the keys are at."""
        if self.cells is not None and self.current < len(self.cells):
            self.setAccessibleDescription(self._tip_of(self.cells.cell(self.current)))
