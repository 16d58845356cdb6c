"""The lanes themselves: tiles below, selection, range and playhead over them."""

from time import perf_counter

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.panels.timeline.ranges import draw_ranges, draw_read_out, range_text
from app.panels.timeline.state import LANE_HEIGHT, TimelineState
from app.panels.timeline.summary import Block, Part
from app.panels.timeline.tiles import LANES, WIDTH, LaneTiles
from tracker.labels.table import TrackTable

BUDGET = 0.010  # seconds of one paint that may go into drawing tiles anew; the rest follows in the next ones


class Lanes(QWidget):
    """Draws the lanes of the visible tracks; a paint takes no longer than its budget and one tile.

    Attributes:
        tiles: the pictures it draws from.
    """

    def __init__(self, state: TimelineState, parent: QWidget) -> None:
        super().__init__(parent)
        self.tiles = LaneTiles()
        self._state = state
        self._blocks: dict[int, tuple[int, ...]] = {}
        self._blocks_of: tuple[TrackTable, int] | None = None
        self._more = QTimer(self, singleShot=True, interval=0)
        self._more.timeout.connect(self.update)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(self.tr("Lanes"))
        self._refresh_look()

    def sizeHint(self) -> QSize:
        """A few lanes high."""
        return QSize(300, 6 * LANE_HEIGHT)

    @property
    def complete(self) -> bool:
        """Whether everything in view is drawn up to date."""
        return all(self.tiles.is_fresh(key) for key, _, _ in self._visible(self.rect()))

    def changeEvent(self, event: QEvent) -> None:
        """Draw in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._refresh_look()

    def _refresh_look(self) -> None:
        self._ratio = self.devicePixelRatioF()
        self.tiles.set_look(self.palette(), LANE_HEIGHT, self._ratio)
        self.tiles.set_threshold(self._state.view.error_threshold)
        self.update()

    def update_playhead(self, frame: int) -> None:
        """Draw again what the playhead covers at a frame."""
        self.update(QRect(round(self._state.scale.centre_of(frame)) - 1, 0, 3, self.height()))

    def update_threshold(self) -> None:
        """Other errors are to be drawn."""
        self.tiles.set_threshold(self._state.view.error_threshold)
        self.update()

    def update_cells(self, ids: tuple[int, ...] | None, start: int, end: int, part: Part = "cells") -> None:
        """What is known of these tracks on frames start to end (exclusive) has changed: draw again what shows it."""
        self.tiles.invalidate(ids, start, end, part)
        left, right = self._state.scale.x_of(start) - 8, self._state.scale.x_of(end) + 8
        span = QRectF(left, 0, right - left, self.height()).toAlignedRect() & self.rect()
        if ids is None or len(ids) > LANES:
            self.update(span)
            return
        known = [i for i in ids if i in self._state.table]
        for lane in self._state.table.columns(known).tolist():
            self.update(QRect(span.left(), self._state.lane_y(lane), span.width(), LANE_HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the exposed part."""
        painter, exposed = QPainter(self), event.rect()
        self._draw_ground(painter, exposed)
        self._draw_tiles(painter, exposed)
        self._draw_outside(painter)
        self._draw_hidden(painter, exposed)
        draw_ranges(painter, self._state, self)
        if self._state.document is not None:
            x = round(self._state.scale.centre_of(self._state.view.playhead))
            edge = QColor(self.palette().color(QPalette.ColorRole.Base))
            edge.setAlpha(150)
            painter.fillRect(QRect(x - 1, 0, 3, self.height()), edge)
            painter.fillRect(QRect(x, 0, 1, self.height()), self.palette().color(QPalette.ColorRole.Accent))
            self._draw_read_out(painter)

    def _draw_ground(self, painter: QPainter, exposed: QRect) -> None:
        role = QPalette.ColorRole
        painter.fillRect(exposed, self.palette().color(role.Base))
        wash = QColor(self.palette().color(role.Highlight))
        wash.setAlpha(48)
        selected, tracks = set(self._state.view.selection), self._state.table.tracks
        line = QColor(self.palette().color(role.Mid))
        line.setAlpha(110)
        for lane in self._state.lanes(self.height()):
            area = QRect(exposed.left(), self._state.lane_y(lane), exposed.width(), LANE_HEIGHT)
            if tracks[lane].id in selected:
                painter.fillRect(area, wash)
            painter.fillRect(QRect(area.left(), area.bottom(), area.width(), 1), line)

    def _draw_tiles(self, painter: QPainter, exposed: QRect) -> None:
        deadline, late = perf_counter() + BUDGET, False
        for (block, number), first, area in self._visible(exposed):
            key = (block, number)
            pixmap = self.tiles.pixmap(key)
            if not self.tiles.is_fresh(key):
                if perf_counter() < deadline:
                    pixmap = self.tiles.render(Block(self._state.table, self._state.errors, block, first), number)
                else:
                    late = True
            if pixmap is not None:
                painter.drawPixmap(area.topLeft(), pixmap)
        if late:
            self._more.start()

    def _visible(self, exposed: QRect) -> list[tuple[tuple[tuple[int, ...], int], int, QRectF]]:
        """Key, first column and place of each tile in a part of the view, row by row."""
        if self.devicePixelRatioF() != self._ratio:  # moved to another screen
            self._refresh_look()
        state, ratio = self._state, self._ratio
        self.tiles.set_zoom(state.scale.pixels_per_frame * ratio)
        lanes, offset = state.lanes(self.height()), state.scale.offset
        if not len(lanes):
            return []
        last = (min(exposed.right() + 1, int(state.scale.x_of(state.scale.frame_count)) + 8) + offset) * ratio
        numbers = range(int((exposed.left() + offset) * ratio) // WIDTH, int(last) // WIDTH + 1)
        found = []
        for block in range(lanes.start // LANES, (lanes.stop - 1) // LANES + 1):
            ids, y = self._block(block), state.lane_y(block * LANES)
            if y > exposed.bottom() or y + len(ids) * LANE_HEIGHT <= exposed.top():
                continue
            for number in numbers:
                area = QRectF(
                    (number * WIDTH - round(offset * ratio)) / ratio, y, WIDTH / ratio, len(ids) * LANE_HEIGHT
                )
                found.append(((ids, number), block * LANES, area))
        return found

    def _block(self, block: int) -> tuple[int, ...]:
        """The ids of a block of lanes; tiles belong to them, so that other tracks may come and go."""
        table = self._state.table
        if self._blocks_of != (table, table.track_revision):
            self._blocks, self._blocks_of = {}, (table, table.track_revision)
        if block not in self._blocks:
            self._blocks[block] = tuple(t.id for t in table.tracks[block * LANES : (block + 1) * LANES])
        return self._blocks[block]

    def _draw_hidden(self, painter: QPainter, exposed: QRect) -> None:
        """Dim the lanes of tracks that are not shown on the picture."""
        veil = QColor(self.palette().color(QPalette.ColorRole.Base))
        veil.setAlpha(150)
        for lane in self._state.lanes(self.height()) if self._state.view.hidden else ():
            if self._state.table.tracks[lane].id in self._state.view.hidden:
                painter.fillRect(QRect(exposed.left(), self._state.lane_y(lane), exposed.width(), LANE_HEIGHT), veil)

    def _draw_read_out(self, painter: QPainter) -> None:
        drag, cells = self._state.drag, self._state.view.cell_range
        if self._state.document is not None and drag is not None and drag.active and cells is not None:
            draw_read_out(painter, self, drag.pointer, range_text(self._state.document, cells))

    def _draw_outside(self, painter: QPainter) -> None:
        """Dim what lies outside of the in and out points."""
        if self._state.view.loop_range is None:
            return
        start, end = (self._state.scale.x_of(frame) for frame in self._state.view.loop_range)
        veil = QColor(self.palette().color(QPalette.ColorRole.Window))
        veil.setAlpha(150)
        painter.fillRect(QRectF(0, 0, max(0.0, start), self.height()), veil)
        painter.fillRect(QRectF(end, 0, max(0.0, self.width() - end), self.height()), veil)
