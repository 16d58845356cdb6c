"""What the measurements of the window share: figures, waiting for the window, and documents to measure with."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEventLoop, QTimer

from app.document.project import Document, RunInfo
from tracker.inference.session import Prediction
from tracker.labels import Source, State

FRAMES, WIDTH, HEIGHT = 300, 1920, 1080
TIMEOUT_MS = 120_000


@dataclass(frozen=True)
class Row:
    """One figure: milliseconds at the median and the 95th percentile of `count` tries; `bar` in words."""

    act: str
    p50_ms: float
    p95_ms: float
    count: int
    bar: str


def row(act: str, times: list[float], bar: str) -> Row:
    """The figure of some times in seconds."""
    p50, p95 = np.percentile(times, [50, 95]) * 1000
    return Row(act, float(p50), float(p95), len(times), bar)


def rows_of_lengths(act: str, few: list[float], many: list[float]) -> list[Row]:
    """The figures of the same act on 1,000 and on 100,000 frames, the second one with their ratio."""
    ratio = float(np.median(many) / np.median(few))
    return [
        row(f"{act} × 1,000 frames, CPU time", few, "–"),
        row(f"{act} × 100,000 frames, CPU time", many, f"within 10 %; is {ratio:.2f} ×"),
    ]


def wait(signal: Any, act: Callable[[], object], until: Callable[[], bool] = lambda: True) -> float:
    """Seconds from `act` until a signal finds it to be so; the signal may come at once.

    Raises:
        TimeoutError: it did not come.
    """
    loop, heard = QEventLoop(), []

    def hear(*_: object) -> None:
        if until():
            heard.append(time.perf_counter())
            loop.quit()

    signal.connect(hear)
    start = time.perf_counter()
    act()
    if not heard:
        QTimer.singleShot(TIMEOUT_MS, loop, loop.quit)
        loop.exec()
    signal.disconnect(hear)
    if not heard:
        raise TimeoutError("the window did not answer")
    return heard[0] - start


def rest(milliseconds: int) -> None:
    """Let the window do what it has to do."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop, loop.quit)
    loop.exec()


def fill(document: Document, n_tracks: int, window: int = 4096, step: int = 4096) -> None:
    """A run of tracks that wander over a 1080p picture, with all confidences, in windows as a tracker gives them."""
    rng = np.random.default_rng(2)
    n_frames = document.table.n_frames
    start = rng.uniform((100, 100), (WIDTH - 100, HEIGHT - 100), (n_tracks, 2)).astype(np.float32)
    ids = np.array(document.add_tracks(np.hstack([np.zeros((n_tracks, 1), np.float32), start])), dtype=np.int64)
    run = document.begin_run(RunInfo(tracker="bench"))
    phases = rng.uniform(0, 2 * np.pi, (n_tracks, 2)).astype(np.float32)
    for first in range(0, n_frames, step):
        t = np.arange(first, min(first + window, n_frames), dtype=np.float32)[:, None, None]
        xy: NDArray[np.float32] = start + 60 * np.sin(t / 30 + phases)
        certainty = rng.uniform(0, 1, xy.shape[:2]).astype(np.float32)
        document.apply_prediction(run, Prediction(first, ids, xy, certainty, np.ones_like(certainty)))
    document.end_run(run, "done")


def filled_table(n_frames: int, n_tracks: int) -> Document:
    """Tracks of all confidences and expected errors, put straight into the table: no history to hold in memory."""
    rng, document = np.random.default_rng(3), Document(n_frames)
    points = np.hstack([np.zeros((n_tracks, 1)), rng.uniform((100, 100), (WIDTH - 100, HEIGHT - 100), (n_tracks, 2))])
    ids, table = document.add_tracks(points.astype(np.float32)), document.table
    for start in range(0, n_frames, 4096):
        rows = slice(start, min(start + 4096, n_frames))
        shape = rows.stop - rows.start, n_tracks
        table.rows("xy")[rows] = points[:, 1:]
        table.rows("state")[rows], table.rows("source")[rows] = State.VISIBLE, Source.MODEL
        table.rows("confidence")[rows] = table.rows("visibility")[rows] = rng.random(shape, dtype=np.float32)
        document.expected_error.write(ids, start, rng.random(shape, dtype=np.float32) * 6)
    return document
