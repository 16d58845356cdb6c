"""The mean residual over the frames of the clip, as a small curve."""

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QWidget

from app.panels.curves.plot import FrameAxis, TimeViewBox
from app.panels.solve_settings import SolveReport

POINTS = 1500  # of the curve; of more frames the largest of several is shown
LEAST_TOP = 0.5  # pixels at the top of the axis, so that a good solve looks good
HEIGHT = 92
AXIS_WIDTH = 34
TOP_MARGIN = 6


class ResidualStrip(pg.PlotWidget):
    """Frames from left to right, pixels upwards; what is not solved is a gap.

    Signals:
        frame_chosen: the frame that was clicked or dragged to.
    """

    frame_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._box = TimeViewBox()
        self._frames = FrameAxis()
        super().__init__(parent, viewBox=self._box, background=None, axisItems={"bottom": self._frames})
        self._n_frames = 0
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName(self.tr("Mean residual of each frame"))
        self.setAccessibleDescription(self.tr("A click goes to the frame. The numbers are in the line above."))
        self.setToolTip(self.tr("Mean residual of each frame, in pixels on the reference frame. Click to go there."))
        self._box.setMouseEnabled(x=False, y=False)
        self._box.enableAutoRange(enable=False)
        self._box.pressed.connect(self._pressed)
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.layout.setContentsMargins(0, TOP_MARGIN, TOP_MARGIN, 0)  # room for half of the uppermost number
        plot.getAxis("left").setWidth(AXIS_WIDTH)
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        self._curve = pg.PlotCurveItem(connect="finite")
        self._playhead = pg.InfiniteLine(angle=90)
        self._reference = pg.InfiniteLine(angle=90)
        for item in (self._reference, self._curve, self._playhead):
            plot.addItem(item, ignoreBounds=True)
        self.dress()

    def sizeHint(self) -> QSize:
        """Low."""
        return QSize(220, HEIGHT)

    def show_report(self, report: SolveReport, first_number: int = 0) -> None:
        """Draw this solve; `first_number` is what a person calls frame 0."""
        if first_number != self._frames.first_number:
            self._frames.first_number = first_number
            self._frames.picture = None  # it was drawn with other numbers
        self._n_frames = len(report.frame_mean)
        frames, values = thinned(report.frame_mean)
        self._curve.setData(frames, values)
        known = values[np.isfinite(values)]
        top = max(LEAST_TOP, 1.15 * float(known.max())) if len(known) else LEAST_TOP
        self._box.setRange(xRange=(-0.5, max(0.5, self._n_frames - 0.5)), yRange=(0, top), padding=0)
        self._reference.setValue(report.reference)

    def show_playhead(self, frame: int) -> None:
        """Mark the shown frame."""
        self._playhead.setValue(frame)

    def dress(self) -> None:
        """Take the colours of the palette."""
        palette, role = self.palette(), QPalette.ColorRole
        accent, text, dim = (palette.color(r) for r in (role.Accent, role.Text, role.PlaceholderText))
        self._box.setBackgroundColor(palette.color(role.Base))
        self._curve.setPen(pg.mkPen(text, width=1))
        self._playhead.setPen(pg.mkPen(accent, width=1))
        self._reference.setPen(pg.mkPen(QColor(dim), width=1, style=Qt.PenStyle.DashLine))
        for name in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(name)
            axis.setPen(palette.color(role.Mid))
            axis.setTextPen(dim)

    def _pressed(self, frame: float, _dragged: bool) -> None:
        if self._n_frames:
            self.frame_chosen.emit(int(np.clip(round(frame), 0, self._n_frames - 1)))


def thinned(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Frames and values of a curve of at most `POINTS` points: of several frames the largest, NaN where all are."""
    stride = -(-len(values) // POINTS) or 1
    padded = np.full(-(-len(values) // stride) * stride, np.nan, np.float32)
    padded[: len(values)] = values
    several = padded.reshape(-1, stride)
    largest = np.where(np.isnan(several), -np.inf, several).max(axis=1, initial=-np.inf)
    middle = np.arange(len(several), dtype=np.float64) * stride + (stride - 1) / 2
    return middle, np.where(np.isfinite(largest), largest, np.nan).astype(np.float32)
