"""What the canvas shows for a frame whose picture a sequence lacks."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QImage, QPainter, QTransform

GROUND, STRIPES, TEXT = QColor(38, 38, 38), QColor(66, 66, 66), QColor(225, 225, 225)
STRIPES_ACROSS = 24  # over the height of the picture
LINES_DOWN = 14  # of the large text


def missing_card(size: tuple[int, int], title: str, detail: str) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 blue, green, red, unused: a hatched card with two lines of text.

    Args:
        size: width and height of the video in pixels.
    """
    width, height = size
    picture = np.empty((height, width, 4), np.uint8)
    image = QImage(picture.data, width, height, 4 * width, QImage.Format.Format_RGB32)
    image.fill(GROUND)
    painter = QPainter(image)
    hatching = QBrush(STRIPES, Qt.BrushStyle.BDiagPattern)
    hatching.setTransform(QTransform.fromScale(*[max(1.0, height / STRIPES_ACROSS / 8)] * 2))
    painter.fillRect(image.rect(), hatching)
    painter.setPen(TEXT)
    line = max(6.0, min(height, width) / LINES_DOWN)
    middle = QRectF(0, height / 2 - 1.5 * line, width, 1.5 * line)
    for text, size_px in ((title, line), (detail, line * 0.55)):
        font = QFont(painter.font())
        font.setPixelSize(max(4, round(size_px)))
        painter.setFont(font)
        painter.drawText(middle, Qt.AlignmentFlag.AlignCenter, text)
        middle.translate(0, 1.5 * line)
    painter.end()
    return picture
