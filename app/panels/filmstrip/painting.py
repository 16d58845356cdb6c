"""How one cell of the filmstrip looks.

Colour is never the only sign: the border of a frame that is likely wrong is thick and broken by light dashes, one whose
error nobody knows is dotted; anchors are diamonds, approved frames have a tick, occluded ones are hatched, and frames
without a position say why.
"""

from collections.abc import Callable

import cv2
import numpy as np
from PySide6.QtCore import QCoreApplication, QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QImage, QPainter, QPalette, QPen, QPixmap, QPolygonF

from app.panels.filmstrip.cells import Cell
from app.panels.filmstrip.layout import LABEL
from app.theme import HALO, OUTLINE, SOURCE_COLOURS, confidence_ramp
from app.workers.patches import Crop, Patch
from tracker.labels.table import Source, State

THIN, THICK = 2.0, 4.0
DASH = (1.5, 1.5)  # in widths of the pen
RAMP_LEVELS = 64
PIXMAP_BYTES = 32 * 2**20
FADED = 0.4  # of the colour of a frame that is surely right goes
FLAG = 6.0  # half the width of the playhead's mark
SMALL_TEXT = 9  # pixels
WORDS_FROM = 56  # side of a picture from which on there is room for whole words


def error_colour(error_px: float, threshold_px: float, base: QColor) -> QColor:
    """The colour of an expected error: the sure end of the ramp for none, its middle at the threshold.

    What is right is mixed with the base it stands on, so that many good frames do not outshine a bad one.
    """
    certainty = 1 / (1 + max(0.0, error_px) / max(threshold_px, 1e-6))
    level = min(RAMP_LEVELS - 1, int(certainty * RAMP_LEVELS))
    strength = 1 - FADED * max(0.0, 2 * certainty - 1)
    ground = (base.red(), base.green(), base.blue())
    pairs = zip(confidence_ramp(RAMP_LEVELS)[level].tolist(), ground, strict=True)
    return QColor(*(round(under + strength * (over - under)) for over, under in pairs))


def crop_pixmap(crop: Crop, side: int, ratio: float) -> QPixmap:
    """The patch as a square of `side` logical pixels on a screen with `ratio` device pixels for one."""
    pixels = max(1, round(side * ratio))
    way = cv2.INTER_AREA if pixels < len(crop) else cv2.INTER_CUBIC
    scaled = np.ascontiguousarray(cv2.resize(crop, (pixels, pixels), interpolation=way), dtype=np.uint8)
    # Cubic curves overshoot; Qt wants no colour above the opacity.
    scaled[..., :3] = np.minimum(scaled[..., :3], scaled[..., 3:])
    image = QImage(scaled.data, pixels, pixels, 4 * pixels, QImage.Format.Format_ARGB32_Premultiplied)
    pixmap = QPixmap.fromImage(image.copy())  # without the copy it would share the array's memory
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


class CropPixmaps:
    """Patches as they were drawn last, all of one size on screen."""

    def __init__(self) -> None:
        self._look = (0, 0.0)
        self._pixmaps: dict[Patch, QPixmap] = {}

    def get(self, patch: Patch, side: int, ratio: float, crop_of: Callable[[Patch], Crop | None]) -> QPixmap | None:
        """The pixmap of a patch; None where there is no crop of it. `side` and `ratio` as for `crop_pixmap`."""
        if (side, ratio) != self._look or (len(self._pixmaps) + 1) * 4 * (side * ratio) ** 2 > PIXMAP_BYTES:
            self._look, self._pixmaps = (side, ratio), {}
        if patch not in self._pixmaps and (crop := crop_of(patch)) is not None:
            self._pixmaps[patch] = crop_pixmap(crop, side, ratio)
        return self._pixmaps.get(patch)


class CellPainter:
    """Draws cells in the colours of a palette."""

    def __init__(self, palette: QPalette, font: QFont, ratio: float) -> None:
        self._base = palette.color(QPalette.ColorRole.AlternateBase)
        self._text = palette.color(QPalette.ColorRole.Text)
        self._faint = palette.color(QPalette.ColorRole.Mid)
        self._dim = palette.color(QPalette.ColorRole.PlaceholderText)
        self.accent = palette.color(QPalette.ColorRole.Accent)
        self._on_accent = palette.color(QPalette.ColorRole.HighlightedText)
        self._small = QFont(font)
        self._small.setPixelSize(SMALL_TEXT)
        self._label = QFont(font)
        self._label.setPixelSize(SMALL_TEXT + 1)
        self._hatch = QBrush(_hatch_tile(ratio))

    def paint(
        self, painter: QPainter, picture: QRect, cell: Cell, pixmap: QPixmap | None, threshold: float, failure: str = ""
    ) -> None:
        """One cell, whose picture fills the rectangle; its border lies around it."""
        painter.fillRect(picture, self._base)
        if not cell.placed or failure:
            self._paint_word(painter, picture, _why_empty(cell, failure, picture.width()))
        elif pixmap is not None:
            painter.drawPixmap(picture, pixmap)
            if cell.state == State.OCCLUDED:
                painter.setBrushOrigin(picture.topLeft())
                painter.fillRect(picture, QColor(*OUTLINE, 80))
                painter.fillRect(picture, self._hatch)
        self._paint_border(painter, picture, cell, threshold)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        if cell.placed:
            paint_ticks(painter, picture)
        if cell.source == Source.ANCHOR:
            _paint_diamond(painter, picture)
        if cell.approved:
            _paint_tick(painter, picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def paint_playhead(self, painter: QPainter, box: QRect, exact: bool) -> None:
        """The cell of the playhead: a frame around it, broken where the cell only stands for the frame."""
        pen = _pen(self.accent, 3, Qt.PenStyle.SolidLine if exact else Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0, 0, -1, -1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(QColor(*OUTLINE), 1))
        painter.setBrush(self.accent)
        x, y = QRectF(box).center().x(), box.top()
        painter.drawPolygon(QPolygonF([QPointF(x - FLAG, y), QPointF(x + FLAG, y), QPointF(x, y + 1.2 * FLAG)]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def paint_offset(self, painter: QPainter, picture: QRect, text: str) -> None:
        """How far a point was dragged, at the lower edge of a picture."""
        painter.setFont(self._label)
        plate = QRect(picture.left(), picture.bottom() - LABEL - 1, picture.width(), LABEL + 2)
        painter.fillRect(plate, QColor(*OUTLINE, 190))
        painter.setPen(QColor(*HALO))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)

    def paint_focus(self, painter: QPainter, box: QRect) -> None:
        """Where the keys are."""
        painter.setPen(QPen(self._text, 1, Qt.PenStyle.DotLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0, 0, -1, -1))

    def paint_label(self, painter: QPainter, rect: QRect, text: str, at_playhead: bool) -> None:
        """A frame number below a picture or beside a row."""
        painter.setFont(self._label)
        if at_playhead:
            width = min(rect.width(), painter.fontMetrics().horizontalAdvance(text) + 8)
            flag = QRect(rect.center().x() - width // 2, rect.top() + 1, width, LABEL - 2)
            painter.fillRect(flag, self.accent)
        painter.setPen(self._on_accent if at_playhead else self._text)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_word(self, painter: QPainter, picture: QRect, word: str) -> None:
        painter.setFont(self._small)
        painter.setPen(self._dim)
        painter.drawText(picture, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, word)

    def _paint_border(self, painter: QPainter, picture: QRect, cell: Cell, threshold: float) -> None:
        known, wrong = cell.error_px == cell.error_px, cell.error_px > threshold
        width = THICK if wrong else THIN
        # The outer edge of every border is the same, so that a thick one grows into the picture.
        rect = QRectF(picture).adjusted(-THIN, -THIN, THIN, THIN).adjusted(width / 2, width / 2, -width / 2, -width / 2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if not cell.placed or not known:
            empty = not cell.placed
            style = Qt.PenStyle.SolidLine if empty else Qt.PenStyle.DotLine
            painter.setPen(_pen(self._faint if empty else self._dim, 1, style))
            painter.drawRect(picture.adjusted(-1, -1, 0, 0))
            return
        painter.setPen(_pen(error_colour(cell.error_px, threshold, self._base), width))
        painter.drawRect(rect)
        if wrong:
            dashes = _pen(QColor(*HALO), 1.5)
            dashes.setDashPattern([DASH[0] * THICK / 1.5, DASH[1] * THICK / 1.5])
            painter.setPen(dashes)
            painter.drawRect(rect)


def paint_ticks(painter: QPainter, picture: QRect) -> None:
    """Where the cross would be, at the edges only: the pixels of the point must be seen."""
    length = max(3.0, picture.width() / 10)
    centre = QRectF(picture).center()
    half = picture.width() / 2
    lines = [
        QLineF(centre + direction * (half - length), centre + direction * half)
        for direction in (QPointF(1, 0), QPointF(-1, 0), QPointF(0, 1), QPointF(0, -1))
    ]
    for colour, width in ((QColor(*OUTLINE, 150), 2.6), (QColor(*HALO, 220), 1.0)):
        painter.setPen(_pen(colour, width))
        painter.drawLines(lines)


def paint_cross(painter: QPainter, picture: QRectF, gap: float) -> None:
    """A cross over the whole picture that leaves its middle free."""
    centre, half = picture.center(), picture.width() / 2
    lines = [
        QLineF(centre + direction * gap, centre + direction * half)
        for direction in (QPointF(1, 0), QPointF(-1, 0), QPointF(0, 1), QPointF(0, -1))
    ]
    for colour, width in ((QColor(*OUTLINE, 170), 3.0), (QColor(*HALO, 230), 1.0)):
        painter.setPen(_pen(colour, width))
        painter.drawLines(lines)


def _why_empty(cell: Cell, failure: str, room: int) -> str:
    whole = room >= WORDS_FROM
    translate = QCoreApplication.translate
    if failure:
        return translate("Filmstrip", "not readable") if whole else translate("Filmstrip", "bad")
    if cell.state == State.OUT_OF_VIEW:
        return translate("Filmstrip", "out of view") if whole else translate("Filmstrip", "out")
    if cell.state == State.OCCLUDED:
        return translate("Filmstrip", "hidden, no position") if whole else translate("Filmstrip", "hid")
    return translate("Filmstrip", "no label") if whole else "–"


def _pen(colour: QColor, width: float, style: Qt.PenStyle = Qt.PenStyle.SolidLine) -> QPen:
    return QPen(colour, width, style, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.MiterJoin)


def _paint_diamond(painter: QPainter, picture: QRect) -> None:
    half = max(5.0, min(7.0, picture.width() / 9))
    centre = QPointF(picture.topLeft()) + QPointF(half, half)
    corners = [centre + QPointF(x, y) * half for x, y in ((0, -1), (1, 0), (0, 1), (-1, 0))]
    painter.setPen(QPen(QColor(*OUTLINE), 1.4))
    painter.setBrush(QColor(*SOURCE_COLOURS[Source.ANCHOR]))
    painter.drawPolygon(QPolygonF(corners))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_tick(painter: QPainter, picture: QRect) -> None:
    size = max(7.0, min(11.0, picture.width() / 5))
    corner = QPointF(picture.right() - size - 1, picture.top() + 2.0)
    points = [corner + QPointF(x, y) * size for x, y in ((0.0, 0.5), (0.38, 0.85), (1.0, 0.1))]
    for colour, width in ((QColor(*OUTLINE), 4.0), (QColor(*HALO), 1.8)):
        painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        painter.drawPolyline(points)


def _hatch_tile(ratio: float) -> QPixmap:
    """Slanted strokes, light with a dark edge, that read over any picture."""
    side = 11
    tile = QPixmap(round(side * ratio), round(side * ratio))
    tile.setDevicePixelRatio(ratio)
    tile.fill(Qt.GlobalColor.transparent)
    painter = QPainter(tile)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for colour, width in ((QColor(*OUTLINE, 120), 2.4), (QColor(*HALO, 180), 1.0)):
        painter.setPen(QPen(colour, width))
        for shift in (-side, 0, side):
            painter.drawLine(QLineF(shift - 2, side + 2, shift + side + 2, -2))
    painter.end()
    return tile
