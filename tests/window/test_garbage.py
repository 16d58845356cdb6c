"""Cycles are collected by the GUI thread alone."""

import gc
import threading
import weakref

from PySide6.QtCore import QObject

from app.garbage import GarbageCollector


class Knot(QObject):
    """Kept alive by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.me = self


def test_a_knot_of_objects_dies_in_the_thread_of_the_collector(qtbot) -> None:
    keeper = QObject()
    GarbageCollector(keeper)
    assert not gc.isenabled()
    died: list[int] = []
    weakref.finalize(Knot(), lambda: died.append(threading.get_ident()))

    def litter() -> None:
        for _ in range(3 * gc.get_threshold()[0]):
            some: list[object] = []
            some.append(some)

    thread = threading.Thread(target=litter)
    thread.start()
    thread.join()
    assert died == []
    qtbot.waitUntil(lambda: bool(died), timeout=10_000)
    assert died == [threading.get_ident()]
    keeper.deleteLater()
    qtbot.waitUntil(gc.isenabled, timeout=5_000)
    gc.disable()
