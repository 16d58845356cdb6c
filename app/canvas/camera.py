"""What part of the picture is on screen: fit, zoom and pan."""

from collections.abc import Callable
from typing import Any

import numpy as np
from PySide6.QtCore import QPoint, QPointF, QRectF
from PySide6.QtWidgets import QGraphicsView, QWidget

from app.canvas.mapping import Mapping, Warp

LARGEST_SCALE = 128.0
SMALLEST_OF_FIT = 0.25
CLOSE_SCALE = 6.0  # what `go_close` goes to at least
FIT_MARGIN = 8.0


class Camera:
    """Looks at a picture through a view box of pyqtgraph.

    Args:
        graphics: the view that shows the box.
        box: the `ViewBox` that holds the picture.
        picture: (width, height) of the picture, zeros while there is none.
        moved: called when another part is shown.

    Attributes:
        fitted: whether the whole picture is to be shown, also when the window's size changes.
        warp: carries the shown picture to the plane that is looked at; None while they are the same.
    """

    def __init__(
        self, graphics: QGraphicsView, box: Any, picture: Callable[[], tuple[int, int]], moved: Callable[[], None]
    ) -> None:
        self._graphics = graphics
        self._viewport: QWidget = graphics.viewport()
        self._box = box
        self._picture = picture
        self._moved = moved
        self.fitted = True
        self.warp: Warp | None = None
        box.sigResized.connect(self._resized)

    # -- where things are

    def mapping(self) -> Mapping:
        """Where picture pixels lie in the viewport now."""
        transform = self._box.childTransform() * self._box.sceneTransform() * self._graphics.viewportTransform()
        return Mapping(transform.m11(), transform.dx(), transform.dy(), self.warp)

    def to_view(self, x: float, y: float) -> QPoint:
        """The viewport's pixel that shows the picture position (x, y)."""
        place = self.mapping().to_view(x, y) - self.half_pixel()
        return QPoint(round(place.x()), round(place.y()))

    def from_view(self, point: QPointF | QPoint) -> tuple[float, float]:
        """The picture position (x, y) below the middle of a viewport pixel."""
        return self.mapping().to_image(QPointF(point) + self.half_pixel())

    def half_pixel(self) -> QPointF:
        """The pointer's position names a pixel by its corner; what is meant is its middle."""
        half = 0.5 / self._viewport.devicePixelRatioF()
        return QPointF(half, half)

    # -- moving

    def fit(self) -> None:
        """Show the whole picture, and keep doing so when the window's size changes."""
        self.fitted = True
        width, height = self._picture()
        if width and height:
            self._look(self._fit_scale(), (width - 1) / 2, (height - 1) / 2)

    def zoom(self, factor: float, at: QPointF) -> None:
        """Zoom so that the pixel below a viewport position stays there."""
        mapping = self.mapping().flat
        smallest = min(self._fit_scale() * SMALLEST_OF_FIT, LARGEST_SCALE)
        scale = min(LARGEST_SCALE, max(smallest, mapping.scale * factor))
        at = at + self.half_pixel()
        x, y = mapping.to_image(at)
        centre_x = x + (self._viewport.width() / 2 - at.x()) / scale
        centre_y = y + (self._viewport.height() / 2 - at.y()) / scale
        self.fitted = False
        self._look(scale, centre_x, centre_y)

    def pan(self, by: QPointF) -> None:
        """Shift the picture by viewport pixels."""
        mapping = self.mapping().flat
        middle = QPointF(self._viewport.width() / 2, self._viewport.height() / 2)
        self.fitted = False
        self._look(mapping.scale, *mapping.to_image(middle - by))

    def shift(self, dx: float, dy: float) -> None:
        """Look so many pixels of the plane farther right and down, at the same size."""
        mapping = self.mapping().flat
        middle = QPointF(self._viewport.width() / 2, self._viewport.height() / 2)
        x, y = mapping.to_image(middle)
        self.fitted = False
        self._look(mapping.scale, x + dx, y + dy)

    def go_close(self, x: float, y: float) -> None:
        """Put a position into the middle, large."""
        self.fitted = False
        self._look(max(CLOSE_SCALE, self.mapping().scale), *self._on_plane(x, y))

    def show(self, area: QRectF) -> None:
        """Put a part of the picture, in its pixels, into the middle, whole and as large as it can be."""
        self.fitted = False
        room = self._viewport.size()
        scale = min(room.width() / max(1.0, area.width()), room.height() / max(1.0, area.height()))
        self._look(min(LARGEST_SCALE, scale), *self._on_plane(area.center().x(), area.center().y()))

    def _on_plane(self, x: float, y: float) -> tuple[float, float]:
        place_x, place_y = self.mapping().plane(np.array([x, y])).tolist()
        return place_x, place_y

    def _fit_scale(self) -> float:
        width, height = self._picture()
        if not width or not height:
            return 1.0
        room = self._viewport.size()
        across = (room.width() - 2 * FIT_MARGIN) / width
        down = (room.height() - 2 * FIT_MARGIN) / height
        return max(1e-3, min(LARGEST_SCALE, across, down))

    def _look(self, scale: float, x: float, y: float) -> None:
        width, height = self._viewport.width() / scale, self._viewport.height() / scale
        self._box.setRange(QRectF(x - width / 2, y - height / 2, width, height), padding=0)
        self._moved()

    def _resized(self) -> None:
        if self.fitted:
            self.fit()
