"""The difference lane: how far the selected tracks are now from what a kept take says of them."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.document.project import Document
from app.document.takes import Take
from app.panels.timeline.drawing import error_colour, lane_pixmap
from app.panels.timeline.names import NAMES_WIDTH
from app.panels.timeline.scale import TimeScale
from app.panels.timeline.state import TimelineState
from app.panels.wording import number
from app.theme import SPACE_M, SPACE_S

HEIGHT = 34
HIGHEST = 64.0  # pixels of difference that fill the lane; the height grows with the logarithm
MOST_TRACKS = 8  # the ones that were selected last
CHUNK = 4096  # frames that are asked for together
CLEAR, LOW, HIGH, LINE = range(4)


class Differences:
    """The greatest difference of some tracks on each frame, asked for piece by piece."""

    def __init__(self, document: Document, take_id: int, ids: tuple[int, ...]) -> None:
        self.take_id, self.ids = take_id, ids
        self._document = document
        self._values = np.full(document.table.n_frames, np.nan, np.float32)
        self._valid = np.zeros(-(-document.table.n_frames // CHUNK), dtype=bool)

    def invalidate(self, ids: Iterable[int] | None, start: int, end: int) -> None:
        """The cells of these tracks (None for all) on frames start to end (exclusive) have changed."""
        if ids is None or not set(self.ids).isdisjoint(ids):
            self._valid[start // CHUNK : -(-end // CHUNK)] = False

    def columns(self, scale: TimeScale) -> NDArray[np.float32]:
        """(W,) the greatest difference of each pixel column of a view; NaN where nothing can be compared."""
        edges = (np.arange(scale.width + 1) + scale.offset) / scale.pixels_per_frame
        inside = np.flatnonzero(edges[:-1] < scale.frame_count)
        result = np.full(scale.width, np.nan, np.float32)
        if len(inside):
            starts = edges[: len(inside)].astype(np.intp)
            end = max(int(starts[-1]) + 1, min(scale.frame_count, int(edges[len(inside)])))
            values = self._read(int(starts[0]), end)
            result[inside] = np.fmax.reduceat(values, starts - starts[0])
        return result

    def _read(self, start: int, end: int) -> NDArray[np.float32]:
        for chunk in range(start // CHUNK, -(-end // CHUNK)):
            if not self._valid[chunk]:
                first, last = chunk * CHUNK, min(len(self._values), (chunk + 1) * CHUNK)
                found = self._document.take_difference(self.take_id, self.ids, first, last)
                self._values[first:last] = np.fmax.reduce(found, axis=1)
                self._valid[chunk] = True
        return self._values[start:end]


class DifferenceLane(QWidget):
    """Draws the differences over the time; only there while a take is looked at."""

    def __init__(self, state: TimelineState, parent: QWidget) -> None:
        super().__init__(parent)
        self._state = state
        self._differences: Differences | None = None
        self._picture: tuple[tuple[object, ...], QPixmap, float] | None = None
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Difference from the take"))
        self.setToolTip(self.tr("How many pixels the selected tracks are away from the take"))

    @property
    def take(self) -> Take | None:
        """The take that is compared with."""
        document = self._state.document
        takes = () if document is None else document.takes
        return next((take for take in takes if take.id == self._state.view.take), None)

    def refresh(self) -> None:
        """The take, the selection or the look is another one."""
        take, document, table = self.take, self._state.document, self._state.table
        self._picture = None
        ids = () if take is None else tuple(i for i in self._state.view.selection if i in table and i in take.ids)
        ids = ids[-MOST_TRACKS:]
        old = self._differences
        if document is None or take is None or not ids:
            self._differences = None
        elif old is None or (old.take_id, old.ids) != (take.id, ids):
            self._differences = Differences(document, take.id, ids)
        self.update()

    def forget(self) -> None:
        """What was known may be wrong now."""
        self._differences = None
        self.refresh()

    def update_cells(self, ids: tuple[int, ...] | None, start: int, end: int) -> None:
        """The cells of these tracks on frames start to end (exclusive) have changed."""
        if self._differences is not None:
            self._differences.invalidate(ids, start, end)
            self._picture = None
            self.update()

    def update_playhead(self, frame: int) -> None:
        """Draw again what the playhead covers at a frame."""
        self.update(QRect(round(self._state.scale.centre_of(frame)) - 1, 0, 3, self.height()))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the exposed part."""
        painter, palette, role = QPainter(self), self.palette(), QPalette.ColorRole
        painter.fillRect(event.rect(), palette.color(role.AlternateBase))
        if self._differences is None:
            painter.setPen(palette.color(role.PlaceholderText))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._reason())
        else:
            pixmap, greatest = self._drawn(self._differences)
            painter.drawPixmap(0, 0, pixmap)
            self._draw_greatest(painter, greatest)
        painter.fillRect(0, self.height() - 1, self.width(), 1, palette.color(role.Mid))
        x = round(self._state.scale.centre_of(self._state.view.playhead))
        painter.fillRect(QRect(x, 0, 1, self.height()), palette.color(role.Accent))

    def _reason(self) -> str:
        if self._state.view.selection:
            return self.tr("The selected tracks are not in this take")
        return self.tr("Select tracks to see how far they are from the take")

    def _drawn(self, differences: Differences) -> tuple[QPixmap, float]:
        """The picture of what is in view, and the greatest difference there."""
        scale, threshold = self._state.scale, self._state.view.error_threshold
        key = scale.width, scale.offset, scale.pixels_per_frame, threshold, self.palette().cacheKey()
        if self._picture is None or self._picture[0] != key:
            columns = differences.columns(scale)
            known = columns[np.isfinite(columns)]
            pixmap = lane_pixmap(_bars(columns, self.height(), threshold), _colours(self.palette()), 1.0)
            self._picture = key, pixmap, float(known.max()) if len(known) else np.nan
        return self._picture[1:]

    def _draw_greatest(self, painter: QPainter, greatest: float) -> None:
        if greatest != greatest:
            text = self.tr("Nothing to compare here")
        else:
            text = self.tr("up to {0}\u00a0px").format(number(greatest, 1))
        width = QFontMetrics(self.font()).horizontalAdvance(text) + 2 * SPACE_S
        area = QRect(self.width() - width - SPACE_S, 2, width, 16)
        ground = QColor(self.palette().color(QPalette.ColorRole.AlternateBase))
        ground.setAlpha(200)
        painter.fillRect(area, ground)
        painter.setPen(self.palette().color(QPalette.ColorRole.Text))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)


class DifferenceHead(QWidget):
    """The head of the lane: the name of the take."""

    def __init__(self, lane: DifferenceLane, parent: QWidget) -> None:
        super().__init__(parent)
        self._lane = lane
        self.setFixedSize(NAMES_WIDTH, HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        painter, role, take = QPainter(self), QPalette.ColorRole, self._lane.take
        painter.fillRect(event.rect(), self.palette().color(role.Window))
        text = self.tr("\u2260 {0}").format("" if take is None else take.name)
        shown = QFontMetrics(self.font()).elidedText(text, Qt.TextElideMode.ElideRight, self.width() - 2 * SPACE_M)
        painter.setPen(self.palette().color(role.WindowText))
        area = self.rect().adjusted(SPACE_M, 0, -SPACE_M, 0)
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        painter.fillRect(0, self.height() - 1, self.width(), 1, self.palette().color(role.Mid))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), self.palette().color(role.Mid))


def _bars(columns: NDArray[np.float32], height: int, threshold: float) -> NDArray[np.uint8]:
    """(height, W) indices: a bar per column, of two tones above and below the threshold, and its line."""
    room = height - 4
    difference = np.nan_to_num(columns, nan=0.0)
    tall = np.ceil(room * np.log1p(np.minimum(difference, HIGHEST)) / np.log1p(HIGHEST))
    above = np.arange(height - 1, -1, -1)[:, None]  # of the bottom
    line = round(room * float(np.log1p(min(threshold, HIGHEST)) / np.log1p(HIGHEST)))
    picture = np.where(above < tall[None], np.where(difference > threshold, HIGH, LOW)[None], CLEAR).astype(np.uint8)
    dashes = np.arange(len(columns)) % 6 < 3
    picture[height - 1 - line, dashes & (picture[height - 1 - line] == CLEAR)] = LINE
    return picture


def _colours(palette: QPalette) -> list[int]:
    low = QColor(palette.color(QPalette.ColorRole.Text))
    low.setAlpha(130)
    line = palette.color(QPalette.ColorRole.PlaceholderText)
    return [colour.rgba() for colour in (QColor(0, 0, 0, 0), low, error_colour(palette), line)]
