"""The parts of the timeline side by side, with one zoom and one scroll position."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollBar, QWidget

from app.document.view_state import ViewState
from app.panels.buttons import IconButton
from app.panels.timeline.difference import DifferenceHead, DifferenceLane
from app.panels.timeline.lanes import Lanes
from app.panels.timeline.names import LaneNames
from app.panels.timeline.ruler import Ruler
from app.panels.timeline.state import LANE_HEIGHT, TimelineState
from app.theme import SPACE_S

ZOOM_STEP = 1.25  # per notch of the wheel
NOTCH = 120  # what Qt reports for one


class TimelineParts(QWidget):
    """Ruler, names, lanes and the lane of differences in a grid with scroll bars."""

    def __init__(self, view: ViewState, parent: QWidget | None) -> None:
        super().__init__(parent)
        self._view = view
        self._state = TimelineState(view)
        self._fitted = True
        self.ruler, self.lanes = Ruler(self._state, self), Lanes(self._state, self)
        self.names = LaneNames(self._state, self)
        self.difference = DifferenceLane(self._state, self)
        self.difference_head = DifferenceHead(self.difference, self)
        self.time_bar = QScrollBar(Qt.Orientation.Horizontal, self)
        self.lane_bar = QScrollBar(Qt.Orientation.Vertical, self)
        self._lay_out()
        self.time_bar.valueChanged.connect(self._scroll_time)
        self.lane_bar.valueChanged.connect(self._scroll_lanes)

    def fit(self) -> None:
        """Show the whole video."""
        self._fitted = True
        self._state.scale.fit()
        self._scale_changed()

    def zoom(self, factor: float, x: float | None = None) -> None:
        """Zoom the time; what stands at pixel `x` of the lanes (default: the playhead, or the middle) stays there."""
        scale = self._state.scale
        if x is None:
            at = scale.centre_of(self._view.playhead)
            x = at if 0 <= at <= scale.width else scale.width / 2
        scale.zoom_to(scale.pixels_per_frame * factor, x)
        self._fitted = scale.pixels_per_frame <= scale.fitting
        self._scale_changed()

    def frame_at(self, x: float) -> int:
        """The frame at a pixel of ruler and lanes."""
        return self._state.scale.frame_at(x)

    def x_of(self, frame: int) -> float:
        """The middle of a frame, in pixels of ruler and lanes."""
        return self._state.scale.centre_of(frame)

    def _lay_out(self) -> None:
        corner = QWidget(self)
        corner.setFixedWidth(self.names.width())
        row = QHBoxLayout(corner)
        row.setContentsMargins(SPACE_S, 0, SPACE_S, 0)
        row.setSpacing(0)
        for icon_name, text, key, act in (
            ("mdi6.magnify-minus-outline", self.tr("Zoom out"), "−", lambda: self.zoom(1 / ZOOM_STEP**2)),
            ("mdi6.arrow-expand-horizontal", self.tr("Show the whole video"), "0", self.fit),
            ("mdi6.magnify-plus-outline", self.tr("Zoom in"), "+", lambda: self.zoom(ZOOM_STEP**2)),
        ):
            row.addWidget(IconButton(icon_name, text, key, act))
        row.addStretch()
        self._grid = grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.setColumnStretch(1, 1)
        grid.addWidget(corner, 0, 0)
        grid.addWidget(self.ruler, 0, 1)
        grid.addWidget(self.difference_head, 1, 0)
        grid.addWidget(self.difference, 1, 1)
        grid.addWidget(self.names, 2, 0)
        grid.addWidget(self.lanes, 2, 1)
        grid.addWidget(self.lane_bar, 2, 2)
        grid.addWidget(self.time_bar, 3, 1)
        self.time_bar.setAccessibleName(self.tr("Shown part of the time"))
        self.lane_bar.setAccessibleName(self.tr("Shown tracks"))

    def _scale_changed(self) -> None:
        self._update_bars()
        self._time_moved()

    def _time_moved(self) -> None:
        for part in (self.ruler, self.difference, self.lanes):
            part.update()

    def _update_bars(self) -> None:
        scale, hidden = self._state.scale, self._state.table.n_tracks * LANE_HEIGHT - self.lanes.height()
        for bar, last, page, value in (
            (self.time_bar, scale.max_offset, scale.width, scale.offset),
            (self.lane_bar, max(0, hidden), self.lanes.height(), self._state.top),
        ):
            bar.setPageStep(page)
            bar.setSingleStep(LANE_HEIGHT)
            bar.setRange(0, last)
            bar.setValue(value)

    def _scroll_time(self, offset: int) -> None:
        if offset != self._state.scale.offset:
            self._state.scale.scroll_to(offset)
            self._time_moved()

    def _scroll_lanes(self, top: int) -> None:
        self._state.top = top
        self.names.update()
        self.lanes.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the zoom, or keep the whole video in view."""
        super().resizeEvent(event)
        self._fit_width()

    def _fit_width(self) -> None:
        self._grid.activate()
        scale = self._state.scale
        scale.width = max(1, self.lanes.width())
        if self._fitted or scale.pixels_per_frame < scale.fitting:
            scale.fit()
        scale.scroll_to(scale.offset)
        self._scale_changed()

    def _scroll_by(self, bar: QScrollBar, angle: int) -> None:
        bar.setValue(bar.value() - round(angle / NOTCH * 3 * LANE_HEIGHT))
