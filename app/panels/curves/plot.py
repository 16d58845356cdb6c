"""One plot of the stack: a title, the lines of all tracks, the playhead and the chosen range."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent, MouseDragEvent
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPalette, QPen

from app.panels.curves.lines import LinesItem
from app.panels.curves.series import KINDS, Channel, Thinned
from app.panels.wording import number

AXIS_WIDTH = 46
TITLE_WIDTH = 104  # with the axis as wide as the names in the timeline, so that both show the same time at one place
TICK_DENSITY = 0.4  # numbers must not touch in the lowest rows
FAINT = 95  # alpha of lines where the point is hidden
QUIET = 150  # alpha of the lines of all but the primary track
LEAST_ROW = 40  # pixels
LEAST_CONTRAST = 3.0  # what WCAG 2 asks of graphics


@dataclass(frozen=True)
class Row:
    """What one plot shows.

    Attributes:
        channels: the first is drawn solid, the second one dashed.
        fixed: the range of the values where that is always the same; else it fits what is in view.
        from_zero: whether the axis starts at zero.
    """

    key: str
    channels: tuple[Channel, ...]
    fixed: tuple[float, float] | None = None
    from_zero: bool = False


ROWS = (
    Row("position", ("x", "y")),
    Row("speed", ("speed",), from_zero=True),
    Row("certainty", ("confidence", "visibility"), fixed=(-0.15, 1.15)),
    Row("error", ("error",), from_zero=True),
)


class TimeViewBox(pg.ViewBox):
    """The mouse acts on the time only: left scrubs, with Shift it chooses a range, middle drags, the wheel zooms.

    Signals:
        pressed: frame, as a number with decimals, where the left button clicked or drags.
        range_drawn: first and last frame, with decimals, of a drag with Shift.
        wheeled: steps of the wheel, the frame under the pointer, and whether Shift was held.
    """

    pressed = Signal(float, bool)
    range_drawn = Signal(float, float)
    wheeled = Signal(float, float, bool)

    def __init__(self) -> None:
        super().__init__(enableMenu=False, defaultPadding=0)
        self.setMouseEnabled(x=True, y=False)

    def mouseDragEvent(self, ev: MouseDragEvent, axis: int | None = None) -> None:
        """Scrub, choose, or leave it to pyqtgraph, which drags the view with the middle button."""
        if ev.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(ev, axis)
            return
        ev.accept()
        frame = self.mapToView(ev.pos()).x()
        if ev.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.range_drawn.emit(self.mapToView(ev.buttonDownPos()).x(), frame)
        else:
            self.pressed.emit(frame, True)

    def mouseClickEvent(self, ev: MouseClickEvent) -> None:
        """Go there."""
        if ev.button() == Qt.MouseButton.LeftButton:
            ev.accept()
            self.pressed.emit(self.mapToView(ev.pos()).x(), False)

    def wheelEvent(self, ev: object, axis: int | None = None) -> None:
        """Zoom at the pointer, or scroll with Shift."""
        ev.accept()  # type: ignore[attr-defined]
        shift = bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier)  # type: ignore[attr-defined]
        self.wheeled.emit(ev.delta() / 120, self.mapToView(ev.pos()).x(), shift)  # type: ignore[attr-defined]


class FrameAxis(pg.AxisItem):
    """The frames below a plot, with their numbers.

    Attributes:
        first_number: what a person calls frame 0.
    """

    def __init__(self) -> None:
        super().__init__("bottom")
        self.first_number = 0

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        """At round numbers."""
        first = self.first_number
        levels = super().tickValues(minVal + first, maxVal + first, size)
        return [(spacing, [value - first for value in values]) for spacing, values in levels]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        """The numbers, between frames none."""
        return [f"{value + self.first_number:.0f}" if spacing >= 1 else "" for value in values]


class CurvePlot(pg.PlotItem):
    """The plot of a row.

    Attributes:
        title: stands left of it in the layout.
    """

    def __init__(self, row: Row) -> None:
        self.box = TimeViewBox()
        self.frames = FrameAxis()
        super().__init__(viewBox=self.box, axisItems={"bottom": self.frames})
        self.row = row
        self._lines = LinesItem()
        self.hideButtons()
        self.getAxis("left").setWidth(AXIS_WIDTH)
        self.getAxis("left").setStyle(maxTickLevel=0)
        self.getAxis("left").setTickDensity(TICK_DENSITY)
        if row.fixed is not None:
            self.getAxis("left").setTicks([[(0, "0"), (0.5, number(0.5, 1)), (1, "1")]])
        self.getAxis("bottom").enableAutoSIPrefix(False)
        self.getAxis("bottom").setHeight(18)
        self.box.enableAutoRange(enable=False)
        self.setMinimumHeight(LEAST_ROW)
        self.region = pg.LinearRegionItem(movable=True)
        self.region.setZValue(1)  # below zero the plot would take the mouse first
        self._lines.setZValue(2)
        self.region.hide()
        self.playhead = pg.InfiniteLine(angle=90)
        self.playhead.setZValue(20)
        self.threshold = pg.InfiniteLine(angle=0)
        self.threshold.setZValue(1.5)
        self.marks = pg.ScatterPlotItem(symbol="d", size=10, pxMode=True)
        self.marks.setZValue(10)
        for item in (self._lines, self.region, self.playhead, self.marks):
            self.addItem(item, ignoreBounds=True)
        if row.key == "error":
            self.addItem(self.threshold, ignoreBounds=True)
        self.title = pg.LabelItem(justify="left")

    def set_look(self, palette: QPalette, title: str) -> None:
        """Draw in the colours of a palette."""
        role = QPalette.ColorRole
        dim, accent, text = (palette.color(r) for r in (role.PlaceholderText, role.Accent, role.Text))
        for name in ("left", "bottom"):
            self.getAxis(name).setPen(palette.color(role.Mid))
            self.getAxis(name).setTextPen(dim)
        self.title.setText(title.replace("\n", "<br>"), color=text.name(), size="8pt")
        self.box.setBackgroundColor(palette.color(role.Base))
        self.playhead.setPen(pg.mkPen(accent, width=1))
        wash = QColor(accent)
        wash.setAlpha(46)
        self.region.setBrush(wash)
        hover = QColor(accent)
        hover.setAlpha(70)
        self.region.setHoverBrush(hover)
        for line in self.region.lines:
            line.setPen(pg.mkPen(text, width=1, style=Qt.PenStyle.DashLine))
            line.setHoverPen(pg.mkPen(accent, width=2))
        self.marks.setPen(pg.mkPen(palette.color(role.Base), width=1))
        self.marks.setBrush(pg.mkBrush(text))

    def draw(self, thinned: Thinned, colours: Sequence[QColor]) -> None:
        """Draw the lines of K tracks, the last and primary one over the others."""
        primary = len(colours) - 1
        lines = [
            (_pen(colour, kind, dashed, k == primary), thinned.frames, thinned.values[channel, kind][:, k])
            for k, colour in enumerate(colours)
            for kind in KINDS
            for dashed, channel in enumerate(self.row.channels)
        ]
        self._fit_values(thinned)
        self._lines.set_lines(lines)

    def _fit_values(self, thinned: Thinned) -> None:
        """The axis fits what is in view."""
        if self.row.fixed is not None:
            self.box.setYRange(*self.row.fixed, padding=0)
            return
        extent = thinned.extent(self.row.channels) or (0.0, 1.0)
        low, high = (0.0 if self.row.from_zero else extent[0]), extent[1]
        if self.row.key == "error":
            high = max(high, 1.5 * float(self.threshold.value()))
        room = max(high - low, 1e-3 if self.row.from_zero else 1.0)
        self.box.setYRange(low - 0.12 * room, high + 0.12 * room, padding=0)


def _pen(colour: QColor, kind: str, dashed: int, primary: bool) -> QPen:
    shade = QColor(colour)
    shade.setAlpha(FAINT if kind == "faint" else 255 if primary else QUIET)
    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    return pg.mkPen(shade, width=1, style=Qt.PenStyle.DotLine if kind == "faint" else style)


def legible(colour: tuple[int, int, int], palette: QPalette) -> QColor:
    """The colour of a track, dark enough for a light ground and light enough for a dark one."""
    shade, base = QColor(*colour), palette.color(QPalette.ColorRole.Base)
    light = _luminance(base) > 0.5
    for _ in range(20):
        if _contrast(shade, base) >= LEAST_CONTRAST:
            break
        shade = shade.darker(110) if light else shade.lighter(110)
    return shade


def _contrast(one: QColor, other: QColor) -> float:
    """As WCAG 2 defines it, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: QColor) -> float:
    parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in colour.getRgbF()[:3]]  # type: ignore[index]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
