"""Tracks on the moving clip as a tracker leaves them, and bridges that stop half-way."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.document.project import Document
from app.document.runs import RunInfo
from app.window import MainWindow
from tests.window.conftest import FRAMES, drift
from tracker.inference.bridge import BridgeRun
from tracker.inference.gaps import Bridged
from tracker.inference.session import Prediction
from tracker.labels.table import Cells

FIRST, SECOND = (100.0, 80.0), (200.0, 150.0)
OTHERS = ((60.0, 50.0), (150.0, 50.0), (240.0, 60.0), (50.0, 180.0), (140.0, 190.0), (250.0, 190.0))  # for neighbours
CTRL = Qt.KeyboardModifier.ControlModifier


def truth(point: tuple[float, float], frame: int) -> NDArray[np.float64]:
    """Where a point of frame 0 is."""
    return np.add(point, drift(frame) - drift(0))


def followed(
    document: Document, *points: tuple[float, float], off: slice = slice(0), by: float = 15.0, end: int = FRAMES
) -> list[int]:
    """Tracks from frame 0 on that a run has followed up to `end`, the first one `by` pixels off on the frames `off`."""
    ids = document.add_tracks([[0, *point] for point in points])
    xy = np.array([[truth(point, frame) for point in points] for frame in range(end)], np.float32)
    xy[off, 0] += by
    run = document.begin_run(RunInfo("made"))
    sure = np.full(xy.shape[:2], 0.95, np.float32)
    document.apply_prediction(run, Prediction(0, np.array(ids, np.int64), xy, sure, sure))
    document.end_run(run, "done")
    return ids


def everything(document: Document) -> Cells:
    """All cells as they are now."""
    return document.table.read(document.table.ids, 0, FRAMES)


def select_at(qtbot, window: MainWindow, track_id: int, frame: int) -> None:
    """Select a track and wait until a frame is on screen, and the menus know."""
    window.view.select([track_id])
    window.navigation.go_to(frame)
    qtbot.waitUntil(lambda: window.canvas.frame == frame and not window._refresh_timer.isActive(), timeout=10_000)


def put_right(window: MainWindow, place: tuple[float, float] | NDArray[np.float64]) -> None:
    """Ctrl+click where the selected track belongs."""
    QTest.mouseClick(
        window.canvas.viewport, Qt.MouseButton.LeftButton, CTRL, window.canvas.to_view(float(place[0]), float(place[1]))
    )


def solving(qtbot, window: MainWindow) -> AbstractContextManager:
    """What is done inside starts bridges; at its end all of them are over."""
    return qtbot.waitSignal(window.bridging.running_changed, timeout=30_000, check_params_cb=lambda on: not on)


def messages_of(window: MainWindow) -> list[tuple[str, str]]:
    """What bridges will say, with its kind."""
    said: list[tuple[str, str]] = []
    window.bridging.message.connect(lambda text, kind: said.append((text, kind)))
    return said


def halt_bridges(monkeypatch: pytest.MonkeyPatch, count: int = 1, after: int = 0) -> list[BridgeRun]:
    """The next `count` bridges stop after so many pieces, and wait to be cancelled; they are listed when they begin."""
    begun: list[BridgeRun] = []

    class Halting(BridgeRun):
        def __iter__(self) -> Iterator[Bridged]:
            begun.append(self)
            if len(begun) > count:
                yield from super().__iter__()
                return
            for number, bridged in enumerate(super().__iter__() if after else ()):
                if number == after:
                    break
                yield bridged
            assert self._cancelled.wait(30), "nobody has cancelled it"

    monkeypatch.setattr("tracker.inference.bridge.BridgeRun", Halting)
    return begun
