"""Which tracks are meant: by a place on screen, a box, or a loop drawn by hand."""

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF

from tracker.labels.table import TrackTable

if TYPE_CHECKING:
    from app.canvas.view import CanvasView

HIT_RADIUS = 10.0  # pixels on screen within which a point is meant


class Picker:
    """Finds tracks on the shown frame of a canvas; what is not drawn is not found."""

    def __init__(self, canvas: "CanvasView") -> None:
        self._canvas = canvas

    def position(self, track_id: int) -> tuple[float, float] | None:
        """Where a track is on the shown frame, in pixels of the picture; None where that is not known."""
        table = self._table()
        if table is None or track_id not in table:
            return None
        x, y = table.rows("xy")[self._canvas.frame, table.columns([track_id])[0]].tolist()
        return (x, y) if np.isfinite(x) and np.isfinite(y) else None

    def hit(self, point: QPointF) -> int | None:
        """The nearest track within `HIT_RADIUS` of a viewport position; a selected one wins over its equals."""
        appearance = self._canvas.appearance
        table = self._table()
        if table is None or appearance is None or not table.n_tracks:
            return None
        target = point + self._canvas.camera.half_pixel()
        offsets = self._places(table) - np.array([target.x(), target.y()])
        distance = np.hypot(offsets[:, 0], offsets[:, 1])
        distance[~appearance.drawn(self._canvas.frame)] = np.inf
        distance[appearance.selected()] -= 0.5
        nearest = int(np.argmin(distance))
        return int(appearance.ids[nearest]) if distance[nearest] <= HIT_RADIUS else None

    def in_box(self, area: QRectF) -> list[int]:
        """The tracks inside a rectangle of the viewport."""
        table = self._table()
        if table is None:
            return []
        places = self._places(table)
        inside = (places[:, 0] >= area.left()) & (places[:, 0] <= area.right())
        inside &= (places[:, 1] >= area.top()) & (places[:, 1] <= area.bottom())
        return self._drawn(inside)

    def in_loop(self, corners: NDArray[np.float64]) -> list[int]:
        """The tracks inside a polygon (n, 2) of viewport positions, to the pixel; by parity where it crosses itself."""
        table = self._table()
        if table is None or len(corners) < 3:
            return []
        view = self._canvas.viewport
        area = np.zeros((view.height(), view.width()), np.uint8)
        cv2.fillPoly(area, [np.floor(corners).astype(np.int32)], 1)
        places = np.floor(np.nan_to_num(self._places(table), nan=-1.0))
        columns, rows = np.clip(places, -1, [view.width(), view.height()]).astype(np.intp).T
        inside = (columns >= 0) & (columns < view.width()) & (rows >= 0) & (rows < view.height())
        inside[inside] = area[rows[inside], columns[inside]] > 0
        return self._drawn(inside)

    def _drawn(self, wanted: NDArray[np.bool_]) -> list[int]:
        appearance = self._canvas.appearance
        if appearance is None:
            return []
        ids: list[int] = appearance.ids[wanted & appearance.drawn(self._canvas.frame)].tolist()
        return ids

    def _places(self, table: TrackTable) -> NDArray[np.float64]:
        return self._canvas.mapping().points(table.rows("xy")[self._canvas.frame])

    def _table(self) -> TrackTable | None:
        document, frame = self._canvas.document, self._canvas.frame
        return document.table if document is not None and 0 <= frame < document.table.n_frames else None
