"""The plots below each other, with one time axis, one playhead and one chosen range."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPalette, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.panels.curves.plot import LEAST_ROW, ROWS, TITLE_WIDTH, CurvePlot, TimeViewBox
from app.panels.curves.series import Thinned

BOTTOM_AXIS = 18
ZOOM_STEP = 1.25  # per notch of the wheel
LEAST_FRAMES = 8  # in view
KEEP_AWAY = 0.1  # of the width: how far from the edge a playhead lands that had left the view


# Otherwise moves that follow each other quickly are dropped, and with them, now and then, the last of a drag.
pg.setConfigOption("mouseRateLimit", 0)


class PlotStack(pg.GraphicsLayoutWidget):
    """Plots that share their time.

    Signals:
        view_changed: another part of the time, or another size.
        scrubbed: frame that was clicked or dragged to, and whether it is a drag.
        range_drawn, range_moved: first frame and end (exclusive) of a new range, and of the one that is there.
    """

    view_changed = Signal()
    scrubbed = Signal(int, bool)
    range_drawn = Signal(int, int)
    range_moved = Signal(int, int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys belong to the panel
        self.ci.layout.setContentsMargins(0, 0, 0, 0)
        self.ci.layout.setSpacing(0)
        self.n_frames = 1
        self._following = False
        self.plots: dict[str, CurvePlot] = {}
        self._shown: tuple[str, ...] = ()
        for row in ROWS:
            plot = CurvePlot(row)
            self.plots[row.key] = plot
            plot.box.pressed.connect(lambda frame, dragging: self.scrubbed.emit(self._held(frame), dragging))
            plot.box.range_drawn.connect(self._draw_range)
            plot.box.wheeled.connect(self._wheeled)
            plot.region.sigRegionChanged.connect(self._region_moved)
            plot.region.sigRegionChangeFinished.connect(self._region_moved)  # the last move comes only so
            plot.box.sigXRangeChanged.connect(self._follow)
        self.show_rows([row.key for row in ROWS])

    # -- time

    @property
    def box(self) -> TimeViewBox:
        """Of the uppermost plot."""
        return self.plots[self._shown[0]].box

    def _follow(self, box: TimeViewBox, span: tuple[float, float]) -> None:
        """All plots show the same time. Links of pyqtgraph would leave out what is not on screen."""
        if self._following:
            return
        self._following = True
        for plot in self.plots.values():
            if plot.box is not box:
                plot.box.setXRange(*span, padding=0)
        self._following = False
        self.view_changed.emit()

    @property
    def span(self) -> tuple[int, int]:
        """The frames in view, the end exclusive, with one more at each side."""
        left, right = self.box.viewRange()[0]
        start = max(0, min(self.n_frames - 1, int(left) - 1))
        return start, max(start + 1, min(self.n_frames, int(right) + 2))

    @property
    def plot_width(self) -> int:
        """Of the time axis, in pixels."""
        return max(50, int(self.box.width()))

    def set_frame_count(self, n_frames: int) -> None:
        """Another video."""
        self.n_frames = max(1, n_frames)
        for plot in self.plots.values():
            plot.box.setLimits(xMin=-0.5, xMax=self.n_frames - 0.5, minXRange=min(LEAST_FRAMES, self.n_frames))
        self.fit()

    def set_first_number(self, number: int) -> None:
        """What a person calls frame 0."""
        for plot in self.plots.values():
            plot.frames.first_number = number

    def fit(self) -> None:
        """Show the whole video."""
        self.box.setXRange(-0.5, self.n_frames - 0.5, padding=0)

    def zoom(self, factor: float, frame: float) -> None:
        """What stands at a frame stays there."""
        left, right = self.box.viewRange()[0]
        left, right = frame - (frame - left) / factor, frame + (right - frame) / factor
        self.box.setXRange(max(-0.5, left), min(self.n_frames - 0.5, right), padding=0)

    def scroll(self, frames: float) -> None:
        """By so many frames, at most to the end."""
        left, right = self.box.viewRange()[0]
        moved = max(-0.5 - left, min(self.n_frames - 0.5 - right, frames))
        self.box.setXRange(left + moved, right + moved, padding=0)

    def set_playhead(self, frame: int, follow: bool) -> None:
        """Move the line; the view follows where it would leave it."""
        left, right = self.box.viewRange()[0]
        if follow and not left <= frame <= right:
            away = KEEP_AWAY * (right - left)
            self.scroll(frame - left - away if frame > right else frame - right + away)
        for plot in self.plots.values():
            plot.playhead.setValue(frame)

    def set_range(self, frames: tuple[int, int] | None) -> None:
        """Show a range (first, end), or none."""
        for plot in self.plots.values():
            plot.region.blockSignals(True)
            if frames is not None:
                plot.region.setRegion((frames[0] - 0.5, frames[1] - 0.5))
            plot.region.setVisible(frames is not None)
            plot.region.blockSignals(False)

    # -- rows

    def show_rows(self, keys: Sequence[str]) -> None:
        """Only these plots; the lowest has the numbers."""
        self.ci.clear()
        self._shown = tuple(keys)
        for place, key in enumerate(keys):
            plot = self.plots[key]
            last = place == len(keys) - 1
            plot.getAxis("bottom").setStyle(showValues=last, tickLength=-4 if last else 0)
            plot.getAxis("bottom").setHeight(BOTTOM_AXIS if last else 2)
            self.ci.addItem(plot.title, place, 0)
            self.ci.addItem(plot, place, 1)
        self.ci.layout.setColumnMinimumWidth(0, TITLE_WIDTH)
        self.ci.setGeometry(self.range)  # it shrank while it was empty
        self.setMinimumHeight(min(len(keys), 2) * LEAST_ROW + BOTTOM_AXIS)
        self.view_changed.emit()

    def set_look(self, palette: QPalette, titles: dict[str, str]) -> None:
        """Draw in the colours of a palette."""
        self.setBackground(palette.color(QPalette.ColorRole.Window))
        for key, plot in self.plots.items():
            plot.set_look(palette, titles[key])

    def set_threshold(self, pixels: float, colour: QColor) -> None:
        """Where the line of the threshold stands in the plot of errors."""
        line = self.plots["error"].threshold
        line.setPen(pg.mkPen(colour, width=1, style=Qt.PenStyle.DashLine))
        line.setValue(pixels)

    def draw(
        self,
        thinned: Thinned,
        colours: Sequence[QColor],
        anchors: tuple[NDArray[np.intp], NDArray[np.float32]],
    ) -> None:
        """Draw the lines of K tracks, the primary one last, and diamonds at anchors: frames and (A, 2) positions."""
        for key in self._shown:
            self.plots[key].draw(thinned, colours)
        frames, xy = anchors
        known = np.isfinite(xy).all(axis=1)
        self.plots["position"].marks.setData(np.tile(frames[known], 2).astype(float), xy[known].T.ravel())

    # -- mouse

    def _held(self, frame: float) -> int:
        return max(0, min(self.n_frames - 1, round(frame)))

    def _draw_range(self, first: float, last: float) -> None:
        low, high = sorted((self._held(first), self._held(last)))
        self.range_drawn.emit(low, high + 1)

    def _region_moved(self, region: pg.LinearRegionItem) -> None:
        low, high = region.getRegion()
        start = self._held(low + 0.5)
        self.range_moved.emit(start, max(start + 1, min(self.n_frames, round(high + 0.5))))

    def _wheeled(self, steps: float, frame: float, shift: bool) -> None:
        if shift:
            left, right = self.box.viewRange()[0]
            self.scroll(-steps * 0.1 * (right - left))
        else:
            self.zoom(ZOOM_STEP**steps, frame)

    def resizeEvent(self, ev: QResizeEvent) -> None:
        """Other pixels hold other frames."""
        super().resizeEvent(ev)
        if hasattr(self, "_shown"):  # pyqtgraph resizes while it is being made
            self.view_changed.emit()

    def frame_under(self, x: int) -> int | None:
        """The frame at a pixel of the widget; None beside the plots."""
        position = self.box.mapSceneToView(self.mapToScene(x, 0))
        left, right = self.box.viewRange()[0]
        return self._held(position.x()) if left <= position.x() <= right else None
