"""Mouse and wheel events that QTest cannot make: moves with a button held, and the wheel with keys."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.canvas import CanvasView

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NO_BUTTON = Qt.MouseButton.NoButton
NO_KEY = Qt.KeyboardModifier.NoModifier
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


def move(canvas: CanvasView, place: QPoint, held: Qt.MouseButton = LEFT, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    """The pointer comes here with a button held."""
    where = QPointF(canvas.viewport.mapToGlobal(place))
    QApplication.sendEvent(
        canvas.viewport, QMouseEvent(QEvent.Type.MouseMove, QPointF(place), where, NO_BUTTON, held, keys)
    )


def stroke(
    canvas: CanvasView,
    path: Sequence[tuple[float, float]],
    keys: Qt.KeyboardModifier = NO_KEY,
    button: Qt.MouseButton = LEFT,
    release: bool = True,
) -> None:
    """Press at the first picture position, go along the others, and let go at the last."""
    points = [canvas.to_view(*place) for place in path]
    QTest.mousePress(canvas.viewport, button, keys, points[0])
    for point in points[1:]:
        move(canvas, point, button, keys)
    if release:
        QTest.mouseRelease(canvas.viewport, button, keys, points[-1])


def click(
    canvas: CanvasView, x: float, y: float, keys: Qt.KeyboardModifier = NO_KEY, button: Qt.MouseButton = LEFT
) -> None:
    """At a picture position."""
    QTest.mouseClick(canvas.viewport, button, keys, canvas.to_view(x, y))


def wheel(canvas: CanvasView, place: QPoint, notches: int, keys: Qt.KeyboardModifier = NO_KEY) -> None:
    """Turn the wheel here."""
    where, delta = QPointF(canvas.viewport.mapToGlobal(place)), QPoint(0, 120 * notches)
    phase = Qt.ScrollPhase.NoScrollPhase
    QApplication.sendEvent(
        canvas.viewport, QWheelEvent(QPointF(place), where, QPoint(), delta, NO_BUTTON, keys, phase, False)
    )
