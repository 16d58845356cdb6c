"""Whether frame changes and zoom steps take as long on 100,000 frames as on 1,000: in CPU time of the GUI thread.

It is the ratio that counts, and the machine may be busy.
"""

import time

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF

from app.bench_rows import Row, filled_table, rest, rows_of_lengths
from app.window import MainWindow

LENGTHS = 1000, 100_000
TRACKS = 500
ROUNDS = 8  # by turns; the quietest counts, since others use the machine too


def measure_long(window: MainWindow, picture: NDArray[np.uint8]) -> list[Row]:
    """Timeline and canvas, each with few and with many frames.

    Args:
        picture: (H, W, 4) uint8, what the canvas shows on all frames.
    """
    measures = {
        f"timeline, frame change, {TRACKS} tracks": _timeline_changes,
        f"timeline, zoom step, {TRACKS} tracks": _timeline_zooms,
        f"canvas, frame change, {TRACKS} tracks": lambda window, n: _canvas_changes(window, n, picture),
        f"canvas, zoom step, {TRACKS} tracks": lambda window, n: _canvas_zooms(window, n, picture),
    }
    times: dict[tuple[str, int], list[list[float]]] = {}
    documents = [filled_table(n_frames, TRACKS) for n_frames in LENGTHS]
    for _ in range(ROUNDS):
        for n_frames, document in zip(LENGTHS, documents, strict=True):
            window.set_document(document, None)
            rest(300)
            for act, measure in measures.items():
                times.setdefault((act, n_frames), []).append(measure(window, n_frames))
    window.set_document(None, None)
    quietest = {case: min(rounds, key=np.median) for case, rounds in times.items()}
    return [each for act in measures for each in rows_of_lengths(act, *(quietest[act, n] for n in LENGTHS))]


def _timeline_changes(window: MainWindow, n_frames: int) -> list[float]:
    timeline, view, times = window.timeline, window.view, []
    for frame in np.linspace(10, n_frames - 70, 40).astype(int).tolist():
        view.playhead = frame
        _settle(window)
        start = time.thread_time()
        view.playhead = frame + 1
        timeline.grab()
        times.append(time.thread_time() - start)
    return times


def _timeline_zooms(window: MainWindow, _n_frames: int) -> list[float]:
    """Steps of the wheel from the whole video on, until all in view is drawn; what is read the first time aside."""
    timeline, times = window.timeline, []
    for round_ in range(3):
        timeline.fit()
        _settle(window)
        for _ in range(12):
            start = time.thread_time()
            timeline.zoom(1.25)
            _settle(window)
            if round_:
                times.append(time.thread_time() - start)
    return times


def _settle(window: MainWindow) -> None:
    lanes = window.timeline.lanes
    lanes.repaint()
    while not lanes.complete:
        lanes.repaint()


def _canvas_changes(window: MainWindow, n_frames: int, picture: NDArray[np.uint8]) -> list[float]:
    canvas, times = window.canvas, []
    for frame in np.linspace(70, n_frames - 70, 40).astype(int).tolist():
        canvas.set_frame(frame, picture)
        canvas.paint_now()
        start = time.thread_time()
        canvas.set_frame(frame + 1, picture)
        canvas.paint_now()
        times.append(time.thread_time() - start)
    return times


def _canvas_zooms(window: MainWindow, n_frames: int, picture: NDArray[np.uint8]) -> list[float]:
    canvas, times = window.canvas, []
    canvas.set_frame(n_frames // 2, picture)
    canvas.fit()
    canvas.paint_now()
    middle = QPointF(canvas.viewport.rect().center())
    for factor in [*[1.2] * 8, *[1 / 1.2] * 8] * 3:
        start = time.thread_time()
        canvas.camera.zoom(factor, middle)
        canvas.paint_now()
        times.append(time.thread_time() - start)
    return times
