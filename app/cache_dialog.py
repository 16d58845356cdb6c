"""How much memory and disk Trackwright may keep what it knows of frames in, and how much it does."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.settings import Settings
from tracker.inference.feature_cache import CacheState, default_budget, feature_cache

GIBIBYTE = 1 << 30
REFRESH_MS = 1000


def apply_cache_settings(settings: Settings) -> None:
    """Bound the feature cache of this process as the person wants it."""
    cache = feature_cache()
    cache.max_bytes = settings.feature_cache_bytes
    if cache.disk is not None:
        cache.disk.max_bytes = settings.feature_disk_bytes


class CacheDialog(QDialog):
    """Bounds and fill of the feature cache; what is chosen holds at once."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setWindowTitle(self.tr("Feature cache"))
        about = QLabel(
            self.tr(
                "What a network has seen of each frame is kept, so that a correction is solved again without decoding "
                "or encoding anything. What falls out of memory is found again on the disk, also after a restart."
            )
        )
        about.setWordWrap(True)
        about.setMinimumWidth(420)
        self.memory_box = self._size_box(default_budget() / GIBIBYTE * 4, settings.feature_cache_bytes)
        self.disk_box = self._size_box(1024, settings.feature_disk_bytes)
        self.memory_bar, self.disk_bar = QProgressBar(), QProgressBar()
        self.memory_box.setAccessibleName(self.tr("Memory for features"))
        self.disk_box.setAccessibleName(self.tr("Disk space for features"))
        self.note = QLabel()
        self.note.setWordWrap(True)
        form = QFormLayout()
        form.addRow(self.tr("In memory, at most"), self.memory_box)
        form.addRow("", self.memory_bar)
        form.addRow(self.tr("On disk, at most"), self.disk_box)
        form.addRow("", self.disk_bar)
        clear = QPushButton(self.tr("Empty the memory"))
        clear.clicked.connect(self._clear)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.addButton(clear, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for part in (about, self.note):
            layout.addWidget(part)
        layout.addLayout(form)
        layout.addWidget(buttons)
        self.memory_box.valueChanged.connect(self._memory_chosen)
        self.disk_box.valueChanged.connect(self._disk_chosen)
        timer = QTimer(self)
        timer.timeout.connect(self._refresh)
        timer.start(REFRESH_MS)
        self._refresh()

    def _size_box(self, largest: float, value: int) -> QDoubleSpinBox:
        box = QDoubleSpinBox(minimum=0.0, maximum=largest, singleStep=0.5, decimals=1, suffix=self.tr(" GiB"))
        box.setValue(value / GIBIBYTE)
        box.setKeyboardTracking(False)
        return box

    def _memory_chosen(self, value: float) -> None:
        self._settings.feature_cache_bytes = int(value * GIBIBYTE)
        self._apply()

    def _disk_chosen(self, value: float) -> None:
        self._settings.feature_disk_bytes = int(value * GIBIBYTE)
        self._apply()

    def _apply(self) -> None:
        apply_cache_settings(self._settings)
        self._refresh()

    def _clear(self) -> None:
        feature_cache().clear()
        self._refresh()

    def _refresh(self) -> None:
        state = feature_cache().state
        self._fill(self.memory_bar, state.used_bytes, state.max_bytes)
        self._fill(self.disk_bar, state.disk_used_bytes or 0, state.disk_max_bytes or 0)
        warning = self._warning(state)
        self.note.setText(warning)
        self.note.setVisible(bool(warning))

    def _warning(self, state: CacheState) -> str:
        return state.warning or ""

    def _fill(self, bar: QProgressBar, used: int, most: int) -> None:
        bar.setRange(0, 1000)
        bar.setValue(round(1000 * min(1.0, used / max(1, most))))
        bar.setFormat(self.tr("{0:.2f} of {1:.1f} GiB used").format(used / GIBIBYTE, most / GIBIBYTE))
