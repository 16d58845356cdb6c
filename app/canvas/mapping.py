"""Where picture pixels lie on the screen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QTransform

FAR = 1e6  # pixels of the view: what lies farther off, or behind the horizon of a warp, is put there

Warp = tuple[float, ...]  # the nine elements of a 3 x 3 matrix, row by row


@dataclass(frozen=True)
class Mapping:
    """view = plane * scale + offset, in logical pixels of the viewport; (0, 0) is the first pixel's centre.

    The plane is the picture itself, or, while it is shown stabilised, that of the reference frame: `warp` carries the
    shown frame's pixels there.
    """

    scale: float
    offset_x: float
    offset_y: float
    warp: Warp | None = None

    def plane(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """(..., 2) float64 positions on the plane of positions in the shown picture."""
        if self.warp is None:
            return np.asarray(xy, dtype=np.float64)
        return _warped(np.reshape(self.warp, (3, 3)), xy)

    def points(self, xy: NDArray[np.floating]) -> NDArray[np.float64]:
        """(..., 2) float64 view positions of image positions."""
        if self.warp is None:
            return xy * self.scale + np.array([self.offset_x, self.offset_y])
        return np.clip(self.plane(xy) * self.scale + [self.offset_x, self.offset_y], -FAR, FAR)

    def to_view(self, x: float, y: float) -> QPointF:
        """The view position of an image position."""
        if self.warp is not None:
            return QPointF(*self.points(np.array([x, y])).tolist())
        return QPointF(x * self.scale + self.offset_x, y * self.scale + self.offset_y)

    def to_image(self, point: QPointF) -> tuple[float, float]:
        """The image position of a view position."""
        x, y = (point.x() - self.offset_x) / self.scale, (point.y() - self.offset_y) / self.scale
        if self.warp is not None:
            back = np.linalg.inv(np.reshape(self.warp, (3, 3)))
            x, y = _warped(back * np.sign(back[2, 2] or 1.0), np.array([x, y])).tolist()
        return x, y

    @property
    def flat(self) -> "Mapping":
        """The same without the warp: where the plane lies in the viewport."""
        return Mapping(self.scale, self.offset_x, self.offset_y)

    def transform(self) -> QTransform:
        """From image positions to those of the view, for a painter."""
        to_view = QTransform(self.scale, 0.0, 0.0, self.scale, self.offset_x, self.offset_y)
        return to_view if self.warp is None else as_transform(np.reshape(self.warp, (3, 3))) * to_view


def as_transform(matrix: ArrayLike) -> QTransform:
    """A 3 x 3 matrix that carries columns (x, y, 1), in Qt's form, which carries rows."""
    return QTransform(*np.asarray(matrix, dtype=np.float64).T.ravel().tolist())


def as_warp(matrix: NDArray[np.float64]) -> Warp:
    """A 3 x 3 matrix in a form that can be compared."""
    return tuple(matrix.ravel().tolist())


def _warped(matrix: NDArray[np.float64], xy: NDArray[np.floating]) -> NDArray[np.float64]:
    carried = xy @ matrix[:2, :2].T + matrix[:2, 2]
    depth = xy @ matrix[2, :2] + matrix[2, 2]
    ahead = ~(depth <= 1e-9)  # what is not known stays so
    return np.where(ahead[..., None], carried / np.where(ahead, depth, 1.0)[..., None], -FAR)
