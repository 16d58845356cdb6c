"""Python's cycle collector in the GUI thread alone.

It runs in whatever thread happens to allocate, and takes widgets along that are in cycles. A widget that dies in
another thread than its own takes the program down, or holds two threads up for good: one has Python's lock, one Qt's.
"""

import gc

from PySide6.QtCore import QObject, QTimer

EVERY_MS = 250


class GarbageCollector(QObject):
    """While it lives nothing is collected but by its timer, when as much is due as Python would wait for."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        timer = QTimer(self)
        timer.timeout.connect(collect_due)
        timer.start(EVERY_MS)
        self.destroyed.connect(gc.enable)


def collect_due() -> None:
    """Collect the oldest generation whose count is over its threshold."""
    counts, thresholds = gc.get_count(), gc.get_threshold()
    for generation in (2, 1, 0):
        if counts[generation] > thresholds[generation]:
            gc.collect(generation)
            return
