"""The right end of the status bar: pixel, tracker, device, memory, frame cache and whether all is saved."""

import os
from pathlib import Path

import psutil
from PySide6.QtCore import QEvent, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMainWindow, QWidget

from app.panels.buttons import live_icon
from app.panels.wording import number
from app.theme import SPACE_M, SPACE_S

MEMORY_EVERY_MS = 2000
MEBIBYTE = 1024**2


class _Fact(QWidget):
    """An icon and a short text; nothing at all while there is no text."""

    def __init__(self, icon_name: str, name: str) -> None:
        super().__init__()
        self._icon_name = icon_name
        self._name = name
        self._icon, self._text = QLabel(), QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_S)
        row.addWidget(self._icon)
        row.addWidget(self._text)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._draw_icon()
        self.show_text("")

    @property
    def text(self) -> str:
        """What stands there."""
        return self._text.text()

    def show_text(self, text: str, hint: str = "") -> None:
        """Show another text; `hint` is added to the tool tip."""
        self._text.setText(text)
        self.setToolTip(f"{self._name}: {hint or text}")
        self._text.setAccessibleName(f"{self._name}: {text}")
        self.setVisible(bool(text))

    def keep_width(self, widest: str) -> None:
        """Leave room for this text, so that the bar does not twitch while the text changes."""
        self._text.setMinimumWidth(self.fontMetrics().horizontalAdvance(widest))

    def changeEvent(self, event: QEvent) -> None:
        """Take the icon in the colours of another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()

    def _draw_icon(self) -> None:
        self._icon.setPixmap(live_icon(self._icon_name, self.palette()).pixmap(QSize(14, 14)))


class StatusWidgets(QWidget):
    """Facts in one row. In a main window it takes its place at the right end of the status bar by itself.

    The memory is measured every two seconds while the row can be seen.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pixel = _Fact("mdi6.crosshairs", self.tr("Pixel under the pointer"))
        self.model = _Fact("mdi6.vector-polyline", self.tr("Tracker"))
        self.device = _Fact("mdi6.chip", self.tr("Device"))
        self.memory = _Fact("mdi6.memory", self.tr("Memory in use"))
        self.cache = _Fact("mdi6.filmstrip", self.tr("Frames in memory"))
        self.features = _Fact("mdi6.database-outline", self.tr("Features in memory"))
        self.saved = _Fact("mdi6.content-save-check-outline", self.tr("Project"))
        row = QHBoxLayout(self)
        row.setContentsMargins(SPACE_M, 0, SPACE_M, 0)
        row.setSpacing(2 * SPACE_M)
        for fact in (self.pixel, self.model, self.device, self.cache, self.features, self.memory, self.saved):
            row.addWidget(fact)
        self.pixel.keep_width("0000.0, 0000.0")
        self._process = psutil.Process(os.getpid())
        self._timer = QTimer(self)
        self._timer.setInterval(MEMORY_EVERY_MS)
        self._timer.timeout.connect(self._measure)
        if isinstance(parent, QMainWindow):
            parent.statusBar().addPermanentWidget(self)

    def set_pixel(self, x: float, y: float) -> None:
        """The position under the pointer, in pixels of the video."""
        self.pixel.show_text(f"{x:.1f}, {y:.1f}")

    def clear_pixel(self) -> None:
        """The pointer is not over the picture."""
        self.pixel.show_text("")

    def set_model(self, title: str) -> None:
        """The tracker in use."""
        self.model.show_text(title)

    def set_device(self, device: str) -> None:
        """Where it runs."""
        self.device.show_text(device)

    def set_saved(self, path: Path | None) -> None:
        """The project file that holds every edit; None while nothing is open."""
        self.saved.show_text(self.tr("All changes saved") if path is not None else "", str(path))

    def set_cache(self, used_bytes: int, max_bytes: int) -> None:
        """How full the cache of decoded frames is."""
        share = round(100 * used_bytes / max(1, max_bytes))
        hint = self.tr("{0} of {1} MiB").format(number(used_bytes / MEBIBYTE), number(max_bytes / MEBIBYTE))
        self.cache.show_text(self.tr("{0} %").format(share), hint)

    def set_features(self, used_bytes: int, max_bytes: int, warning: str | None) -> None:
        """How full the cache of the networks' features is; nothing while it is empty."""
        hint = self.tr("{0} of {1} MiB").format(number(used_bytes / MEBIBYTE), number(max_bytes / MEBIBYTE))
        text = self.tr("{0} %").format(round(100 * used_bytes / max(1, max_bytes))) if used_bytes else ""
        self.features.show_text(text, "\n".join([hint, *([warning] if warning else [])]))

    def showEvent(self, event: QShowEvent) -> None:
        """Measure from now on."""
        super().showEvent(event)
        self._measure()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nobody looks: stop measuring."""
        super().hideEvent(event)
        self._timer.stop()

    def _measure(self) -> None:
        used = self._process.memory_info().rss / MEBIBYTE
        text = (
            self.tr("{0} GiB").format(number(used / 1024, 1))
            if used >= 1024
            else self.tr("{0} MiB").format(number(used))
        )
        self.memory.show_text(text)
