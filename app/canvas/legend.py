"""What the colours and shapes of the overlay mean, and the threshold below which points count as unsure."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app import theme
from app.canvas import error_ramp
from app.canvas.appearance import Shape
from app.canvas.atlas import draw_mark
from app.document.view_state import ViewState
from tracker.labels.table import Source

STEP = 0.05  # of an arrow key, as a part of the bar
LEAST_PIXELS, MOST_PIXELS = 0.25, 32.0  # of the expected error's threshold
STRIP = 128  # colours along the bar of the expected error
BAR_HEIGHT = 8
HANDLE = 6.0
SWATCH = 10


class ThresholdBar(QWidget):
    """The colours from one end to the other, with a handle at the threshold.

    Where colours tell the expected error, the bar runs from 0 to `MOST_PIXELS`, finer at its lower end.
    """

    def __init__(self, view: ViewState) -> None:
        super().__init__()
        self._view = view
        self.setFixedHeight(26)
        self.setMinimumWidth(120)
        self.setMaximumWidth(240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.describe()

    @property
    def _tells_error(self) -> bool:
        return self._view.colour_by == "error"

    def describe(self) -> None:
        """Bring texts and picture up to date with the threshold."""
        percent, pixels = round(self._view.threshold * 100), f"{self._view.error_threshold:g}"
        if self._tells_error:
            self.setAccessibleName(self.tr("Threshold of the expected error"))
            self.setToolTip(self.tr("Points more than {} px off are drawn as rings. Drag to change.").format(pixels))
            self.setAccessibleDescription(self.tr("{} pixels").format(pixels))
        else:
            self.setAccessibleName(self.tr("Confidence threshold"))
            self.setToolTip(self.tr("Points below {} % are drawn as rings. Drag to change.").format(percent))
            self.setAccessibleDescription(self.tr("{} percent").format(percent))
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as is pleasant."""
        return QSize(180, 26)

    def _bar(self) -> QRectF:
        return QRectF(HANDLE, 6, self.width() - 2 * HANDLE, BAR_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Bar, veil over what counts as unsure, handle."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bar = self._bar()
        ramp = self._ramp()
        if ramp is not None:
            strip = np.full((1, len(ramp), 4), 255, dtype=np.uint8)
            strip[0, :, :3] = ramp[:, ::-1]
            image = QImage(strip.data, len(ramp), 1, QImage.Format.Format_RGB32)
            painter.drawImage(bar, image)
        else:
            painter.fillRect(bar, self.palette().color(QPalette.ColorRole.Mid))
        x = bar.left() + bar.width() * self.place
        veil = self.palette().color(QPalette.ColorRole.Window)
        veil.setAlpha(150)
        unsure = (x, bar.right()) if self._tells_error else (bar.left(), x)
        painter.fillRect(QRectF(unsure[0], bar.top() + BAR_HEIGHT * 0.4, unsure[1] - unsure[0], BAR_HEIGHT * 0.6), veil)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        accent = self.palette().color(QPalette.ColorRole.Accent)
        painter.setPen(QPen(text, 1.5))
        painter.drawLine(QPointF(x, bar.top() - 3), QPointF(x, bar.bottom() + 1))
        painter.setPen(QPen(text, 1))
        painter.setBrush(accent if self.hasFocus() else text)
        tip = bar.bottom() + 1
        corners = [QPointF(x, tip), QPointF(x + HANDLE, tip + 8), QPointF(x - HANDLE, tip + 8)]
        painter.drawPolygon(QPolygonF(corners))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Put the threshold here."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._set(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the threshold."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._set(event.position().x())

    def _set(self, x: float) -> None:
        bar = self._bar()
        self.place = (x - bar.left()) / bar.width()

    @property
    def place(self) -> float:
        """Where the threshold stands on the bar, 0..1; setting it sets that threshold which the colours tell of."""
        if self._tells_error:
            return min(1.0, np.log1p(self._view.error_threshold) / np.log1p(MOST_PIXELS))
        return self._view.threshold

    @place.setter
    def place(self, place: float) -> None:
        place = min(1.0, max(0.0, place))
        if self._tells_error:
            pixels = float(np.expm1(place * np.log1p(MOST_PIXELS)))
            self._view.error_threshold = max(LEAST_PIXELS, round(pixels * 4) / 4)
        else:
            self._view.threshold = round(place, 2)

    def _ramp(self) -> NDArray[np.uint8] | None:
        """(n, 3) colours along the bar; None where colours have no order."""
        if self._tells_error:
            pixels = np.expm1(np.linspace(0, np.log1p(MOST_PIXELS), STRIP)).astype(np.float32)
            return error_ramp.colours()[error_ramp.levels(pixels, self._view.error_threshold)]
        return theme.confidence_ramp() if self._view.colour_by == "confidence" else None

    def event(self, event: QEvent) -> bool:
        """With the focus here, the arrow keys are not the window's."""
        arrows = (Qt.Key.Key_Left, Qt.Key.Key_Right)
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in arrows:
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right move the threshold."""
        step = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        self.place += step


class Marks(QWidget):
    """Each shape, and where points are coloured by it each source, with its meaning."""

    def __init__(self, view: ViewState) -> None:
        super().__init__()
        self._view = view
        self.setFixedHeight(26)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Legend"))
        self.describe()

    def _shapes(self) -> list[tuple[Shape, str]]:
        return [
            (Shape.DISC, self.tr("visible")),
            (Shape.RING, self._unsure()),
            (Shape.BROKEN_RING, self.tr("occluded")),
            (Shape.DIAMOND, self.tr("placed by you")),
        ]

    def _unsure(self) -> str:
        """What a ring says: beyond which threshold a position is."""
        if self._view.colour_by == "error":
            return self.tr("over {} px").format(f"{self._view.error_threshold:g}")
        return self.tr("unsure")

    def describe(self) -> None:
        """Bring texts and picture up to date with the view."""
        self.setAccessibleDescription(", ".join(text for _, text in self._shapes()))
        self.update()

    def _sources(self) -> list[tuple[Source, str]]:
        return [
            (Source.ANCHOR, self.tr("you")),
            (Source.MODEL, self.tr("model")),
            (Source.BRIDGE, self.tr("bridge")),
            (Source.INTERPOLATED, self.tr("interpolated")),
            (Source.IMPORTED, self.tr("imported")),
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """As many as there is room for."""
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        neutral = QColor(*theme.SOURCE_COLOURS[Source.MODEL])
        x, middle = float(theme.SPACE_M), self.height() / 2
        entries: list[tuple[Shape | None, QColor, str]] = []
        if self._view.colour_by == "source":
            entries += [(None, QColor(*theme.SOURCE_COLOURS[source]), name) for source, name in self._sources()]
        entries += [(shape, neutral, name) for shape, name in self._shapes()]
        for shape, colour, name in entries:
            width = SWATCH + 4 + painter.fontMetrics().horizontalAdvance(name) + theme.SPACE_L
            if x + width > self.width():
                break
            if shape is None:
                painter.fillRect(QRectF(x, middle - SWATCH / 2, SWATCH, SWATCH), colour)
            else:
                draw_mark(painter, shape, QPointF(x + SWATCH / 2, middle), colour)
            painter.setPen(text)
            left = x + SWATCH + 5
            painter.drawText(QRectF(left, 0, width, self.height()), Qt.AlignmentFlag.AlignVCenter, name)
            x += width
        painter.end()


class Legend(QWidget):
    """One row to put below the canvas: what colours the points, the ramp with its threshold, and the shapes."""

    def __init__(self, view: ViewState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._title, self._low, self._high = QLabel(), QLabel(), QLabel()
        self.bar = ThresholdBar(view)
        self._marks = Marks(view)
        row = QHBoxLayout(self)
        row.setContentsMargins(theme.SPACE_M, 0, theme.SPACE_M, 0)
        row.setSpacing(theme.SPACE_S)
        row.addWidget(self._title)
        row.addSpacing(theme.SPACE_M)
        row.addWidget(self._low)
        row.addWidget(self.bar, 2)
        row.addWidget(self._high)
        row.addWidget(self._marks, 5)
        for label in (self._low, self._high):
            label.setEnabled(False)
        unsubscribe = view.changed.subscribe(self._view_changed)
        self.destroyed.connect(lambda: unsubscribe())
        self._show()

    def _view_changed(self, name: str) -> None:
        if name in ("threshold", "error_threshold", "colour_by"):
            self._show()

    def _show(self) -> None:
        titles = {
            "confidence": self.tr("Confidence"),
            "error": self.tr("Expected error"),
            "track": self.tr("Colour: track"),
            "source": self.tr("Colour: source"),
        }
        self._title.setText(titles[self._view.colour_by])
        tells_error = self._view.colour_by == "error"
        self._low.setText(self.tr("0 px") if tells_error else self.tr("unsure"))
        self._high.setText(self.tr("{} px").format(f"{MOST_PIXELS:g}") if tells_error else self.tr("sure"))
        self.bar.describe()
        self._marks.describe()
