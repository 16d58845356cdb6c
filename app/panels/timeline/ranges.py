"""A rectangle of frames and lanes: how it is drawn with the mouse, what it says, and how it looks."""

from PySide6.QtCore import QCoreApplication, QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPalette, QPen
from PySide6.QtWidgets import QApplication, QWidget

from app.document.project import Document
from app.panels.timeline.state import LANE_HEIGHT, TimelineState
from app.panels.wording import number
from app.theme import SPACE_M, SPACE_S

CellRange = tuple[tuple[int, ...], int, int]


class RangeDrag:
    """The drag that draws a range; below a few pixels it is only a click.

    Attributes:
        active: whether it has become a drag.
        pointer: where the mouse is, in the lanes.
    """

    def __init__(self, state: TimelineState, start: QPoint) -> None:
        self.active = False
        self.pointer = start
        self._state = state
        self._start = start
        self._from = state.lane_near(start.y()), state.scale.frame_at(start.x())

    def move(self, point: QPoint) -> None:
        """The mouse is there now."""
        self.pointer = point
        far = (point - self._start).manhattanLength() >= QApplication.startDragDistance()
        self.active = self.active or far
        if not self.active:
            return
        lanes = sorted((self._from[0], self._state.lane_near(point.y())))
        frames = sorted((self._from[1], self._state.scale.frame_at(point.x())))
        ids = tuple(track.id for track in self._state.table.tracks[lanes[0] : lanes[1] + 1])
        self._state.view.cell_range = ids, frames[0], frames[1] + 1


def range_text(document: Document, cells: CellRange) -> str:
    """Frames, how many, for how long, and of how many tracks."""
    ids, start, end = cells
    translate, fps = QCoreApplication.translate, document.video.fps if document.video else None
    count, first, last = end - start, document.number_of(start), document.number_of(end - 1)
    parts = [
        translate("Timeline", "Frame {0}").format(first)
        if count == 1
        else translate("Timeline", "Frames {0}\u2013{1}").format(first, last),
        translate("Timeline", "{0} frames").format(count) if count > 1 else "",
        f"{number(count / float(fps), 2)}\u00a0s" if fps else "",
        translate("Timeline", "{0} tracks").format(len(ids)) if len(ids) > 1 else "",
    ]
    return "  ·  ".join(part for part in parts if part)


def range_areas(state: TimelineState) -> list[QRectF]:
    """Where the chosen cells lie in the lanes: one rectangle for each stretch of neighbouring tracks."""
    if state.view.cell_range is None:
        return []
    ids, start, end = state.view.cell_range
    left, right = state.scale.x_of(start), state.scale.x_of(end)
    lanes = sorted(state.table.columns(i for i in ids if i in state.table).tolist())
    areas: list[QRectF] = []
    for k, lane in enumerate(lanes):
        if k and lane == lanes[k - 1] + 1:
            areas[-1].setBottom(state.lane_y(lane) + LANE_HEIGHT)
        else:
            areas.append(QRectF(left, state.lane_y(lane), max(2.0, right - left), LANE_HEIGHT))
    return areas


def draw_ranges(painter: QPainter, state: TimelineState, widget: QWidget) -> None:
    """The marquee over the lanes."""
    accent = QColor(widget.palette().color(QPalette.ColorRole.Accent))
    wash = QColor(accent)
    wash.setAlpha(46)
    view = QRectF(widget.rect()).adjusted(-4, -4, 4, 4)
    for area in range_areas(state):
        shown = area & view  # Qt would count every dash of a border that is far longer than the view
        painter.fillRect(shown, wash)
        for colour, style in (
            (widget.palette().color(QPalette.ColorRole.Base), Qt.PenStyle.SolidLine),
            (widget.palette().color(QPalette.ColorRole.Text), Qt.PenStyle.DashLine),
        ):
            painter.setPen(QPen(colour, 1, style))
            painter.drawRect(shown.adjusted(0, 0, -1, -1))


def read_out_area(widget: QWidget, pointer: QPoint, text: str) -> QRect:
    """Where the read-out of a drag stands: beside the pointer, inside of the widget."""
    metrics = QFontMetrics(widget.font())
    width, height = metrics.horizontalAdvance(text) + 2 * SPACE_M, metrics.height() + 2 * SPACE_S
    x = max(0, min(widget.width() - width, pointer.x() + SPACE_M * 2))
    above = pointer.y() - height - SPACE_M
    y = above if above >= 0 else min(widget.height() - height, pointer.y() + SPACE_M * 2)
    return QRect(x, max(0, y), width, height)


def draw_read_out(painter: QPainter, widget: QWidget, pointer: QPoint, text: str) -> None:
    """What the range that is being drawn holds."""
    area, role = read_out_area(widget, pointer, text), QPalette.ColorRole
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(widget.palette().color(role.Mid))
    painter.setBrush(widget.palette().color(role.ToolTipBase))
    painter.drawRoundedRect(QRectF(area).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    painter.setPen(widget.palette().color(role.ToolTipText))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
