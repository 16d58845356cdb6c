"""Where picture pixels lie on the screen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF


@dataclass(frozen=True)
class Mapping:
    """view = image * scale + offset, in logical pixels of the viewport; (0, 0) is the first pixel's centre."""

    scale: float
    offset_x: float
    offset_y: float

    def points(self, xy: NDArray[np.float32]) -> NDArray[np.float64]:
        """(..., 2) float64 view positions of image positions."""
        return xy * self.scale + np.array([self.offset_x, self.offset_y])

    def to_view(self, x: float, y: float) -> QPointF:
        """The view position of an image position."""
        return QPointF(x * self.scale + self.offset_x, y * self.scale + self.offset_y)

    def to_image(self, point: QPointF) -> tuple[float, float]:
        """The image position of a view position."""
        return (point.x() - self.offset_x) / self.scale, (point.y() - self.offset_y) / self.scale
