"""What the colours and shapes of the overlay mean, and the threshold below which points count as unsure."""

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app import theme
from app.canvas.appearance import Shape
from app.canvas.atlas import draw_mark
from app.document.view_state import ViewState
from tracker.labels.table import Source

STEP = 0.05  # of an arrow key
BAR_HEIGHT = 8
HANDLE = 6.0
SWATCH = 10


class ThresholdBar(QWidget):
    """The colours from unsure to sure, with a handle at the threshold."""

    def __init__(self, view: ViewState) -> None:
        super().__init__()
        self._view = view
        self.setFixedHeight(26)
        self.setMinimumWidth(120)
        self.setMaximumWidth(240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(self.tr("Confidence threshold"))
        self.describe()

    def describe(self) -> None:
        """Bring texts and picture up to date with the threshold."""
        percent = round(self._view.threshold * 100)
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
        if self._view.colour_by == "confidence":
            ramp = theme.confidence_ramp()
            strip = np.full((1, len(ramp), 4), 255, dtype=np.uint8)
            strip[0, :, :3] = ramp[:, ::-1]
            image = QImage(strip.data, len(ramp), 1, QImage.Format.Format_RGB32)
            painter.drawImage(bar, image)
        else:
            painter.fillRect(bar, self.palette().color(QPalette.ColorRole.Mid))
        x = bar.left() + bar.width() * self._view.threshold
        veil = self.palette().color(QPalette.ColorRole.Window)
        veil.setAlpha(150)
        painter.fillRect(QRectF(bar.left(), bar.top() + BAR_HEIGHT * 0.4, x - bar.left(), BAR_HEIGHT * 0.6), veil)
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
        self._view.threshold = round(min(1.0, max(0.0, (x - bar.left()) / bar.width())), 2)

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
        self._view.threshold = round(min(1.0, max(0.0, self._view.threshold + step)), 2)


class Marks(QWidget):
    """Each shape, and where points are coloured by it each source, with its meaning."""

    def __init__(self, view: ViewState) -> None:
        super().__init__()
        self._view = view
        self.setFixedHeight(26)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Legend"))
        self.setAccessibleDescription(", ".join(text for _, text in self._shapes()))

    def _shapes(self) -> list[tuple[Shape, str]]:
        return [
            (Shape.DISC, self.tr("visible")),
            (Shape.RING, self.tr("unsure")),
            (Shape.BROKEN_RING, self.tr("occluded")),
            (Shape.DIAMOND, self.tr("placed by you")),
        ]

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
        if name in ("threshold", "colour_by"):
            self._show()

    def _show(self) -> None:
        titles = {
            "confidence": self.tr("Colour: confidence"),
            "track": self.tr("Colour: track"),
            "source": self.tr("Colour: source"),
        }
        self._title.setText(titles[self._view.colour_by])
        self._low.setText(self.tr("unsure"))
        self._high.setText(self.tr("sure"))
        self.bar.describe()
        self._marks.update()
