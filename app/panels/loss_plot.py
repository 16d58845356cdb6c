"""The losses of a training by step, and the scores on held videos as marks."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor, QPalette, QPen
from PySide6.QtWidgets import QWidget

from app.panels.curves.plot import FrameAxis, legible
from app.panels.line_legend import Entry, LineLegend
from app.panels.wording import number
from app.workers.training_record import Stepped, Validated

HEIGHT = 190
REDRAW_MS = 200  # a step may take a millisecond
SMOOTH = 0.9  # of what the line was before; losses of single clips jump about
FAINT = 70  # alpha of the total as it was measured
POINTS = 2000  # of a line

# Lines by style and shade (Okabe and Ito), so that they are told apart without colours.
STYLES = {
    "total": (Qt.PenStyle.SolidLine, None, 2),
    "track": (Qt.PenStyle.SolidLine, (86, 180, 233), 1),
    "invisible": (Qt.PenStyle.DashLine, (230, 159, 0), 1),
    "visibility": (Qt.PenStyle.DotLine, (0, 158, 115), 1),
    "confidence": (Qt.PenStyle.DashDotLine, (204, 121, 167), 1),
    "matching": (Qt.PenStyle.DashDotDotLine, (213, 94, 0), 1),
    "choice": (Qt.PenStyle.DashLine, (0, 114, 178), 1),
}


class LossPlot(pg.PlotWidget):
    """Steps from left to right, losses upwards by their logarithm; each is smoothed, the total also shown as it is.

    Attributes:
        lines: what is drawn, by the name of the loss.
        legend: which is which; to stand below the plot.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, background=None, axisItems={"bottom": FrameAxis()})
        self._steps: list[int] = []
        self._raw: list[float] = []
        self._smooth: dict[str, list[float]] = {name: [] for name in STYLES}
        self._marks: list[tuple[Validated, pg.InfiniteLine]] = []
        self._later = QTimer(self, singleShot=True, interval=REDRAW_MS)
        self._later.timeout.connect(self._draw)
        self.setMinimumHeight(HEIGHT)
        self.setAccessibleName(self.tr("Losses by step"))
        plot = self.getPlotItem()
        plot.setLogMode(y=True)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(x=False, y=False)
        plot.showGrid(y=True, alpha=0.25)
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.getAxis("left").setWidth(38)
        self.legend = LineLegend()
        self.lines = {name: pg.PlotDataItem(connect="finite") for name in STYLES}
        self._faint = pg.PlotDataItem(connect="finite")
        for item in (self._faint, *reversed(self.lines.values())):
            plot.addItem(item)
        self.dress()

    def sizeHint(self) -> QSize:
        """Wider than high."""
        return QSize(300, HEIGHT)

    def clear_run(self) -> None:
        """Show another run, of which nothing is known yet."""
        self._steps, self._raw = [], []
        self._smooth = {name: [] for name in STYLES}
        for _, line in self._marks:
            self.getPlotItem().removeItem(line)
        self._marks = []
        self._draw()

    def add(self, event: Stepped | Validated) -> None:
        """The next one. A step that was there already takes the place of what came after it."""
        if isinstance(event, Validated):
            self._add_mark(event)
        else:
            self._cut(event.step)
            self._steps.append(event.step)
            self._raw.append(event.losses["total"])
            for name, values in self._smooth.items():
                new = event.losses.get(name, 0.0)
                values.append(SMOOTH * values[-1] + (1 - SMOOTH) * new if values else new)
        if not self._later.isActive():
            self._later.start()

    def _cut(self, step: int) -> None:
        while self._steps and self._steps[-1] >= step:
            self._steps.pop()
            for values in (self._raw, *self._smooth.values()):
                values.pop()
        while self._marks and self._marks[-1][0].step >= step:
            self.getPlotItem().removeItem(self._marks.pop()[1])

    def _add_mark(self, event: Validated) -> None:
        (value,) = list(event.figures.values())[:1]
        line = pg.InfiniteLine(
            event.step, label=number(value, 1), labelOpts={"position": 0.92, "movable": False}, pen=self._mark_pen()
        )
        line.label.setColor(self.palette().color(QPalette.ColorRole.WindowText))
        self.getPlotItem().addItem(line, ignoreBounds=True)
        self._marks.append((event, line))
        self.setToolTip(self.tr("Marks: {0} of the held videos at that step").format(next(iter(event.figures))))

    @property
    def steps(self) -> list[int]:
        """Those that are drawn, or will be in a moment."""
        return list(self._steps)

    @property
    def marks(self) -> list[Validated]:
        """The scores that are shown."""
        return [event for event, _ in self._marks]

    def _draw(self) -> None:
        self._later.stop()
        some = slice(None, None, 1 + len(self._steps) // POINTS)
        steps = np.array(self._steps[some], np.float64)
        for name, line in self.lines.items():
            line.setData(steps, _positive(self._smooth[name][some]))
        self._faint.setData(steps, _positive(self._raw[some]))
        self._show_legend()
        shown = f"{self._smooth['total'][-1]:.4g}" if self._steps else ""
        self.setAccessibleDescription(self.tr("Total loss {0}").format(shown) if shown else "")

    def _show_legend(self) -> None:
        """Only the lines that are not zero throughout."""
        names = [name for name, values in self._smooth.items() if any(values[-1:])]
        held = [Entry(self.tr("δavg, held"), self._mark_pen())] if self._marks else []
        self.legend.set_entries([*(Entry(name, self._pen(name)) for name in names), *held])

    # -- the look

    def dress(self) -> None:
        """Draw in the colours of the palette."""
        role, palette = QPalette.ColorRole, self.palette()
        for name in ("left", "bottom"):
            self.getAxis(name).setPen(palette.color(role.Mid))
            self.getAxis(name).setTextPen(palette.color(role.PlaceholderText))
        self.getPlotItem().getViewBox().setBackgroundColor(palette.color(role.Base))
        for name, line in self.lines.items():
            line.setPen(self._pen(name))
        faint = QColor(self._colour("total"))
        faint.setAlpha(FAINT)
        self._faint.setPen(pg.mkPen(faint, width=1))
        self._show_legend()
        for _, line in self._marks:
            line.setPen(self._mark_pen())
            line.label.setColor(palette.color(role.WindowText))

    def _colour(self, name: str) -> QColor:
        shade = STYLES[name][1]
        return self.palette().color(QPalette.ColorRole.Text) if shade is None else legible(shade, self.palette())

    def _pen(self, name: str) -> QPen:
        style, _, width = STYLES[name]
        return pg.mkPen(self._colour(name), width=width, style=style)

    def _mark_pen(self) -> QPen:
        return pg.mkPen(self.palette().color(QPalette.ColorRole.WindowText), width=1, style=Qt.PenStyle.DotLine)


def _positive(values: list[float]) -> np.ndarray:
    found = np.array(values, np.float64)
    return np.where(found > 0, found, np.nan)
