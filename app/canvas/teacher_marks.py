"""How the teachers of a label set are told apart: a mark, a pattern of lines and a colour for each."""

from dataclasses import dataclass
from math import cos, pi, sin

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app import theme

RADIUS = 5.0  # logical pixels
LINE = 2.0
COLOURS = ((255, 200, 255), (120, 220, 255), (255, 214, 102), (170, 235, 160), (255, 160, 122), (200, 185, 255))
PATTERNS = ((9.0, 1.5), (3.0, 1.5), (1.0, 1.0), (6.0, 1.5, 1.0, 1.5), (6.0, 1.5, 1.0, 1.5, 1.0, 1.5), (3.0, 4.0))


@dataclass(frozen=True)
class Look:
    """One teacher's."""

    corners: tuple[tuple[float, float], ...]
    pattern: tuple[float, ...]
    colour: tuple[int, int, int]

    def pen(self) -> QPen:
        """For its path."""
        pen = QPen(QColor(*self.colour), LINE)
        pen.setDashPattern(list(self.pattern))
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        return pen

    def draw(self, painter: QPainter, centre: QPointF, *, filled: bool) -> None:
        """Its mark: filled where it called the point visible, hollow where hidden."""
        shape = QPolygonF([QPointF(centre.x() + RADIUS * x, centre.y() + RADIUS * y) for x, y in self.corners])
        painter.setBrush(QColor(*self.colour) if filled else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(*theme.OUTLINE, 215), 3.4 if not filled else 1.2))
        painter.drawPolygon(shape)
        if not filled:
            painter.setPen(QPen(QColor(*self.colour), LINE))
            painter.drawPolygon(shape)


def _regular(count: int, turn: float, inner: float = 1.0) -> tuple[tuple[float, float], ...]:
    """The corners of a regular polygon; of a star where every second one lies nearer."""
    steps = count if inner == 1.0 else 2 * count
    radii = [1.15 if k % 2 == 0 or inner == 1.0 else inner for k in range(steps)]
    return tuple(
        (radius * sin(turn + 2 * pi * k / steps), -radius * cos(turn + 2 * pi * k / steps))
        for k, radius in enumerate(radii)
    )


SHAPES = (
    _regular(4, pi / 4),  # a square
    _regular(3, 0.0),  # a triangle
    _regular(3, pi),  # a triangle on its tip
    _regular(4, 0.0, 0.45),  # a star
    _regular(6, pi / 6),  # a hexagon
    _regular(4, pi / 4, 0.45),  # a cross of blades
)


def look(place: int) -> Look:
    """That of the teacher at a place; they come round again after six."""
    return Look(SHAPES[place % len(SHAPES)], PATTERNS[place % len(PATTERNS)], COLOURS[place % len(COLOURS)])
