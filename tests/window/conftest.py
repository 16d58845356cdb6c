"""A window on a real clip whose motion is known."""

import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from app.files import Files
from app.settings import Settings
from app.window import MainWindow
from tests.label_sets import make_set
from tracker.labels.label_set import LabelSet
from tracker.video import VideoWriter

FRAMES, WIDTH, HEIGHT = 60, 320, 240


def drift(frame: float) -> NDArray[np.float64]:
    """How far the picture has moved since frame 0, in pixels."""
    return np.array([12 * np.sin(frame / 9), 8 * np.sin(frame / 7)])


@pytest.fixture(scope="session")
def moving_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 frames of a textured picture that moves by `drift`."""
    path = tmp_path_factory.mktemp("clips") / "moving.mp4"
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 2.5)
    texture = np.clip((texture - texture.mean()) * 5 + 128, 0, 255)
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25)) as writer:
        for frame in range(FRAMES):
            dx, dy = drift(frame)
            move = np.array([[1, 0, dx], [0, 1, dy]])
            moved = cv2.warpAffine(
                texture, move, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
            )
            writer.write(moved.astype(np.uint8))
    return path


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The messages of error boxes, which do not open."""
    shown: list[str] = []
    monkeypatch.setattr(QMessageBox, "open", lambda self: shown.append(self.text()))
    return shown


@pytest.fixture
def window(qtbot, errors: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """An empty main window, which closes without asking."""
    monkeypatch.setattr(Files, "may_close", lambda self: True)
    window = MainWindow(Settings())
    qtbot.addWidget(window)
    window.resize(1280, 800)
    with qtbot.waitExposed(window):
        window.show()
    yield window
    window.close()


@pytest.fixture
def opened(qtbot, window: MainWindow, moving_clip: Path) -> MainWindow:
    """The window with the clip open and its first frame shown."""
    with qtbot.waitSignal(window.playback.frame_shown, timeout=10_000):
        window.files.open_path(moving_clip)
    return window


@pytest.fixture
def click(opened: MainWindow) -> Callable[..., None]:
    """Clicks into the picture at image coordinates."""

    def act(x: float, y: float, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.mouseClick(opened.canvas.viewport, Qt.MouseButton.LeftButton, modifier, opened.canvas.to_view(x, y))

    return act


@pytest.fixture(scope="session")
def made_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_set(folder / "labels", folder / "videos")
    return folder


@pytest.fixture
def label_set(made_set: Path, tmp_path: Path) -> LabelSet:
    """A copy of its own; the videos lie where they did."""
    shutil.copytree(made_set / "labels", tmp_path / "work" / "labels")
    return LabelSet.open(tmp_path / "work" / "labels")
