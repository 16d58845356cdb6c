"""The patch that all others are compared with, at the left of the strip."""

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.panels.filmstrip.painting import crop_pixmap, paint_ticks
from app.theme import OUTLINE, SPACE_S
from app.workers.patches import Crop, Patch

WIDTH = 132
CAPTION = 18


class ReferencePatch(QWidget):
    """A large patch with a caption.

    Signals:
        went(int): it was clicked; its frame.

    Attributes:
        patch: what is shown, None for nothing.
    """

    went = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.patch: Patch | None = None
        self._crop: Crop | None = None
        self._caption = ""
        self._pixmap: QPixmap | None = None
        self.setFixedWidth(WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        """A square and its caption."""
        return QSize(WIDTH, WIDTH + CAPTION)

    def show_patch(self, patch: Patch | None, crop: Crop | None, caption: str) -> None:
        """Show this patch, as soon as its picture is here."""
        if patch == self.patch and crop is self._crop and caption == self._caption:
            return
        self.patch, self._crop, self._caption, self._pixmap = patch, crop, caption, None
        self.setAccessibleName(caption)
        self.setToolTip(caption if patch is None else self.tr("{0}: click to go there.").format(caption))
        self.update()

    def picture_rect(self) -> QRect:
        """Where the patch lies."""
        side = max(1, min(self.width() - 2 * SPACE_S, self.height() - CAPTION - 2 * SPACE_S))
        return QRect((self.width() - side) // 2, SPACE_S, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The patch in an even frame, and its caption."""
        painter = QPainter(self)
        if self.patch is not None:
            rect = self.picture_rect()
            painter.fillRect(rect, self.palette().color(QPalette.ColorRole.AlternateBase))
            if self._crop is not None:
                ratio = self.devicePixelRatioF()
                if self._pixmap is None or self._pixmap.width() != round(rect.width() * ratio):
                    self._pixmap = crop_pixmap(self._crop, rect.width(), ratio)
                painter.drawPixmap(rect, self._pixmap)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                paint_ticks(painter, rect)
            painter.setPen(QPen(QColor(*OUTLINE), 1))
            painter.drawRect(QRectF(rect).adjusted(-0.5, -0.5, 0.5, 0.5))
            painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
            below = QRect(0, rect.bottom() + 2, self.width(), CAPTION)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, self._caption)
        painter.end()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Go to its frame."""
        inside = self.rect().contains(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and inside and self.patch is not None:
            self.went.emit(self.patch.frame)

    def changeEvent(self, event: QEvent) -> None:
        """Draw in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.update()
