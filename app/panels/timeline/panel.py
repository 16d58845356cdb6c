"""The timeline panel: puts ruler, names and lanes together, and turns mouse and keys into playhead and selection."""

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.document.changes import Change
from app.document.project import Document
from app.document.view_state import ViewState
from app.panels.subscriptions import Subscriptions
from app.panels.timeline.parts import NOTCH, ZOOM_STEP, TimelineParts
from app.panels.timeline.ranges import RangeDrag, range_text
from app.panels.timeline.state import LANE_HEIGHT
from app.panels.timeline.tooltip import cell_text

KEEP_AWAY = 0.1  # of the width: how far from the edge a playhead lands that had left the view


class Timeline(TimelineParts):
    """Lanes of all tracks. Setting playhead, selection and chosen range of `view` is all that it does."""

    def __init__(self, document: Document | None, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(view, parent)
        self._scrubbing = False
        self._shown_playhead = 0
        self._grip: tuple[QPoint, int, int] | None = None
        self._subscriptions = Subscriptions(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Timeline"))
        self.setMinimumHeight(self.ruler.height() + 2 * LANE_HEIGHT)
        self.set_document(document)

    def set_document(self, document: Document | None) -> None:
        """Show another document, or nothing."""
        self.release()
        self._state.document, self._state.cached, self._state.missing, self._state.top = document, (), (), 0
        self._state.scale.frame_count = max(1, self._state.table.n_frames)
        self.lanes.tiles.clear()
        if document is not None:
            self._subscriptions.add(document.changed, self._document_changed)
            self._subscriptions.add(document.expected_error.changed, self._errors_changed)
        self._subscriptions.add(self._view.changed, self._view_changed)
        self._show_difference(new_document=True)
        self.fit()
        self._describe()

    def release(self) -> None:
        """Stop listening to document and view."""
        self._subscriptions.release()

    def set_missing_frames(self, frames: Sequence[int]) -> None:
        """Show that there are no pictures of these frames, which ascend."""
        numbers = np.asarray(frames, dtype=np.int64)
        parts = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1) if len(numbers) else []
        self._state.missing = tuple((int(part[0]), int(part[-1]) + 1) for part in parts)
        self.ruler.update()

    def set_cached_ranges(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Show which frames are in memory, as (start, end) with the end exclusive."""
        if list(ranges) != list(self._state.cached):
            self._state.cached = tuple(ranges)
            self.ruler.update()

    # -- what has changed

    def _document_changed(self, change: Change) -> None:
        if change.kind == "cells":
            self.lanes.update_cells(change.ids, change.start, change.end)
            self.difference.update_cells(change.ids, change.start, change.end)
        elif change.kind in ("tracks", "all"):
            frame_count = max(1, self._state.table.n_frames)
            self.lanes.tiles.invalidate(change.ids if change.kind == "tracks" else None, 0, frame_count)
            if frame_count != self._state.scale.frame_count:
                self._state.scale.frame_count = frame_count
                self.fit()
            self._update_bars()
            self.names.update()
            self.lanes.update()
        if change.kind in ("tracks", "takes", "all"):
            self._show_difference(new_document=True)

    def _errors_changed(self, change: Change) -> None:
        self.lanes.update_cells(change.ids, change.start, change.end, "errors")

    def _view_changed(self, name: str) -> None:
        if name == "playhead":
            self._playhead_moved()
        elif name == "selection":
            self._show_selected()
            self.names.update()
            self.lanes.update()
            self.difference.refresh()
            self._describe()
        elif name in ("loop_range", "cell_range"):
            self.ruler.update()
            self.lanes.update()
            self._describe()
        elif name == "hidden":
            self.names.update()
            self.lanes.update()
        elif name == "error_threshold":
            self.lanes.update_threshold()
            self.difference.update()
        elif name == "take":
            self._show_difference()

    def _show_difference(self, new_document: bool = False) -> None:
        """The lane of differences is there while a take is looked at."""
        if new_document:
            self.difference.forget()
        self.difference.refresh()
        shown = self.difference.take is not None
        self.difference.setVisible(shown)
        self.difference_head.setVisible(shown)
        self.difference_head.update()

    def _playhead_moved(self) -> None:
        old, new = self._shown_playhead, self._view.playhead
        self._shown_playhead = new
        x, width = self._state.scale.centre_of(new), self._state.scale.width
        if 0 <= x < width or self._scrubbing:
            for frame in (old, new):
                self.ruler.update_playhead(frame)
                self.lanes.update_playhead(frame)
                self.difference.update_playhead(frame)
            return
        ahead = KEEP_AWAY if new > old else 1 - KEEP_AWAY
        self._state.scale.scroll_to(round(x + self._state.scale.offset - ahead * width))
        self._scale_changed()

    def _show_selected(self) -> None:
        """Scroll to the track that was selected last."""
        primary = self._view.primary
        if primary is None or primary not in self._state.table:
            return
        top = int(self._state.table.columns([primary])[0]) * LANE_HEIGHT
        if top < self._state.top:
            self.lane_bar.setValue(top)
        elif top + LANE_HEIGHT > self._state.top + self.lanes.height():
            self.lane_bar.setValue(top + LANE_HEIGHT - self.lanes.height())

    def _describe(self) -> None:
        """Tell screen readers which track is meant, and what is chosen."""
        primary, cells, words = self._view.primary, self._view.cell_range, []
        if primary is not None and primary in self._state.table:
            words.append(self._state.table.track(primary).name)
        if cells is not None and self._state.document is not None:
            words.append(range_text(self._state.document, cells))
        self.setAccessibleDescription(", ".join(words))

    def event(self, event: QEvent) -> bool:
        """Tool tips over cells; and the first layout, when the lanes get their size."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            return self._show_tip(event)
        escape = isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape
        if event.type() == QEvent.Type.ShortcutOverride and escape and self._view.cell_range is not None:
            event.accept()  # else the window's own Esc would take it
            return True
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit_width()
        return handled

    # -- mouse and keys; the parts leave their mouse events to the panel

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Left selects and moves the playhead, with Shift it draws a range; middle drags the view."""
        place = self._place(event)
        if event.button() == Qt.MouseButton.MiddleButton:
            self._grip = (event.position().toPoint(), self._state.scale.offset, self._state.top)
            return
        if event.button() != Qt.MouseButton.LeftButton or place is None:
            super().mousePressEvent(event)
            return
        part, point = place
        timed = part in (self.ruler, self.difference)
        lane = None if timed else self._state.lane_at(point.y())
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if part is self.lanes and event.modifiers() == Qt.KeyboardModifier.ShiftModifier and self._state.table.n_tracks:
            self._state.drag = RangeDrag(self._state, point)
            return
        if plain:
            self._view.cell_range = None
        if lane is not None:
            self._select(lane, event.modifiers())
        if part is not self.names and (plain or timed) and self._state.document is not None:
            self._scrubbing = True
            self._view.playhead = self.frame_at(point.x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the playhead, a range or the view."""
        if self._grip is not None:
            start, offset, top = self._grip
            moved = event.position().toPoint() - start
            self.time_bar.setValue(offset - moved.x())
            self.lane_bar.setValue(top - moved.y())
        elif self._state.drag is not None:
            self._drag_range(event.position().toPoint() - self.lanes.pos())
        elif self._scrubbing:
            self._view.playhead = self.frame_at(event.position().x() - self.lanes.x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """The drag is over."""
        if event.button() == Qt.MouseButton.MiddleButton:
            self._grip = None
        elif event.button() == Qt.MouseButton.LeftButton:
            self._scrubbing = False
            self._end_range(event)

    def _drag_range(self, point: QPoint) -> None:
        """Beyond an edge the view follows."""
        drag, size = self._state.drag, self.lanes.size()
        if drag is None:
            return
        inside = QPoint(max(0, min(size.width() - 1, point.x())), max(0, min(size.height() - 1, point.y())))
        beyond = point - inside
        for bar, pixels in ((self.time_bar, beyond.x()), (self.lane_bar, beyond.y())):
            bar.setValue(bar.value() + max(-LANE_HEIGHT, min(LANE_HEIGHT, pixels)))
        drag.move(inside)
        self.lanes.update()

    def _end_range(self, event: QMouseEvent) -> None:
        """A press with Shift that did not become a drag selects the tracks up to this one."""
        drag, self._state.drag = self._state.drag, None
        if drag is not None and not drag.active:
            lane = self._state.lane_at(drag.pointer.y())
            if lane is not None:
                self._select(lane, event.modifiers())
        self.lanes.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ctrl zooms the time at the pointer, Shift scrolls it, the bare wheel scrolls the lanes."""
        angle = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(ZOOM_STEP ** (angle.y() / NOTCH), event.position().x() - self.lanes.x())
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._scroll_by(self.time_bar, angle.y() or angle.x())
        else:
            self._scroll_by(self.lane_bar, angle.y())
            self._scroll_by(self.time_bar, angle.x())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and down go through the tracks, + - 0 zoom the time, page keys scroll the lanes."""
        key, shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._select_next(1 if key == Qt.Key.Key_Down else -1, shift)
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self._state.document is not None:
            wanted = self._view.playhead + (1 if key == Qt.Key.Key_Right else -1) * (10 if shift else 1)
            self._view.playhead = max(0, min(self._state.scale.frame_count - 1, wanted))
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.zoom(1 / ZOOM_STEP if key == Qt.Key.Key_Minus else ZOOM_STEP)
        elif key == Qt.Key.Key_0:
            self.fit()
        elif key == Qt.Key.Key_Escape and self._view.cell_range is not None:
            self._view.cell_range = None
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            step = self.lane_bar.pageStep()
            self.lane_bar.setValue(self.lane_bar.value() + (step if key == Qt.Key.Key_PageDown else -step))
        else:
            super().keyPressEvent(event)

    def _select(self, lane: int, modifiers: Qt.KeyboardModifier) -> None:
        tracks, primary = self._state.table.tracks, self._view.primary
        if modifiers & Qt.KeyboardModifier.ShiftModifier and primary is not None and primary in self._state.table:
            start = int(self._state.table.columns([primary])[0])
            step = 1 if lane >= start else -1
            new = [tracks[k].id for k in range(start, lane + step, step)]
            chosen = set(new)
            self._view.select([i for i in self._view.selection if i not in chosen] + new)
        else:
            self._view.select([tracks[lane].id], extend=bool(modifiers & Qt.KeyboardModifier.ControlModifier))

    def _select_next(self, step: int, extend: bool) -> None:
        tracks, primary = self._state.table.tracks, self._view.primary
        if not tracks:
            return
        known = primary is not None and primary in self._state.table
        lane = int(self._state.table.columns([primary])[0]) + step if known and primary is not None else 0
        wanted = tracks[max(0, min(len(tracks) - 1, lane))].id
        if extend:
            self._view.select([*(i for i in self._view.selection if i != wanted), wanted])
        else:
            self._view.select([wanted])

    def _place(self, event: QMouseEvent) -> tuple[QWidget, QPoint] | None:
        """Which part is under the pointer, and where in it."""
        point = event.position().toPoint()
        for part in (self.ruler, self.difference, self.lanes, self.names):
            if part.geometry().contains(point):
                return part, point - part.pos()
        return None

    def _show_tip(self, event: QHelpEvent) -> bool:
        point = event.pos() - self.lanes.pos()
        lane = self._state.lane_at(point.y()) if self.lanes.rect().contains(point) else None
        over_ruler = self.ruler.geometry().contains(event.pos())
        if self._state.document is None or (lane is None and not over_ruler):
            QToolTip.hideText()
        else:
            QToolTip.showText(event.globalPos(), cell_text(self._state.document, lane, self.frame_at(point.x())), self)
        return True
