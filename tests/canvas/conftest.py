"""A real document of known points, and a canvas that shows them."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QColor, QImage

from app.canvas import CanvasView
from app.document.project import Document
from app.document.video_ref import VideoRef
from app.document.view_state import ViewState
from tracker.labels.table import Cells, Source, State

WIDTH, HEIGHT, FRAMES = 320, 240, 40


@dataclass
class Stage:
    """A canvas on screen with its document and view state."""

    canvas: CanvasView
    document: Document
    view: ViewState

    def add(self, points: list[tuple[float, float]], confidence: float = 1.0, step: float = 0.0) -> list[int]:
        """Model-made tracks, visible on all frames, that move `step` pixels right a frame."""
        ids = self.document.add_tracks([[0, x, y] for x, y in points])
        cells = Cells.empty(self.document.table.n_frames, len(ids))
        cells.xy[:] = points
        cells.xy[..., 0] += step * np.arange(self.document.table.n_frames)[:, None]
        cells.state[:] = State.VISIBLE
        cells.source[:] = Source.MODEL
        cells.visibility[:] = 1.0
        cells.confidence[:] = confidence
        self.document.table.write(ids, 0, cells)
        self.canvas.set_frame(self.canvas.frame, grey())
        return ids

    def grab(self) -> QImage:
        """What the viewport shows."""
        return self.canvas.viewport.grab().toImage()

    def position(self, track: int) -> tuple[float, float]:
        """Where a track is on the shown frame; it must have a place there."""
        place = self.canvas.position(track)
        assert place is not None
        return place

    def at(self, x: float, y: float) -> QPoint:
        """Viewport pixel of a picture position."""
        return self.canvas.to_view(x, y)


def grey(width: int = WIDTH, height: int = HEIGHT, value: int = 100) -> np.ndarray:
    """A plain read-only picture as the decoder gives it."""
    image = np.full((height, width, 4), value, dtype=np.uint8)
    image[..., 3] = 255
    image.flags.writeable = False
    return image


@pytest.fixture
def make_stage(qtbot) -> Callable[..., Stage]:
    def make(frames: int = FRAMES, size: tuple[int, int] = (800, 600)) -> Stage:
        view = ViewState()
        pts = np.arange(frames, dtype=np.int64)
        video = VideoRef("/clips/street.mp4", frames, WIDTH, HEIGHT, Fraction(25), Fraction(1, 25), pts)
        document = Document(frames, video)
        canvas = CanvasView(document, view)
        qtbot.addWidget(canvas)
        canvas.resize(*size)
        canvas.show()
        qtbot.waitExposed(canvas)
        canvas.set_frame(0, grey())
        return Stage(canvas, document, view)

    return make


@pytest.fixture
def stage(make_stage) -> Stage:
    return make_stage()


def rgb(colour: QColor) -> tuple[int, int, int]:
    """Red, green, blue, 0..255."""
    return colour.red(), colour.green(), colour.blue()


def centre_of(canvas: CanvasView) -> QPointF:
    """The middle of the viewport."""
    return QPointF(canvas.viewport.rect().center())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The offscreen platform complains about each window that has a smallest size; that says nothing about us."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.qt_log_ignore("propagateSizeHints", extend=True))
