"""How long the window takes from a correction to the redrawn track, and to undo a large run."""

import time
from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QApplication

from app.bench_rows import HEIGHT, WIDTH, Row, fill, rest, row, wait
from app.document.project import Document
from app.window import MainWindow
from tracker.inference.trackers import default_tracker
from tracker.labels import Source

SPAN = 101  # frames, both ends anchored: one correction in the middle solves 98 of them anew
CORRECTIONS = 12
OFF_BY = 2.0  # pixels that the corrections go to and fro
TRACKS, WINDOW, STEP = 500, 16, 8
UNDOS = 10


def measure_corrections(window: MainWindow) -> list[Row]:
    """A track of the default tracker is put right in its middle, again and again; features are kept from its run."""
    document, middle = window.document, SPAN // 2
    assert document is not None
    window.tracking.tracker = tracker = default_tracker().name
    (track,) = document.add_tracks([[0, WIDTH / 2, HEIGHT / 2]])
    window.view.select([track])
    running = window.tracking.running_changed
    wait(running, partial(window.tracking.run, "forward", 0, SPAN), lambda: not window.tracking.running)
    document.place_anchor(track, SPAN - 1, *_place(window, track, SPAN - 1))
    if window.view.playhead != middle:
        wait(window.playback.frame_shown, lambda: setattr(window.view, "playhead", middle))
    x, y = _place(window, track, middle)
    wall, cpu = [], []
    for k in range(CORRECTIONS):
        rest(200)
        began, began_cpu = time.perf_counter(), time.process_time()
        document.place_anchor(track, middle, x + (-1) ** k * OFF_BY, y)
        correct = partial(window.bridging.correct, track, middle)
        wait(window.bridging.running_changed, correct, lambda: not window.bridging.running)
        window.canvas.paint_now()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - began_cpu)
        _check_solved(document, track)
    act = f"correction to redrawn track, {SPAN - 1} frames, features cached, {tracker}"
    return [row(act, wall, "1000"), row("— CPU time of all threads", cpu, "–")]


def _check_solved(document: Document, track: int) -> None:
    """A correction that was not solved has no figure. Raises RuntimeError."""
    newest = max(document.runs)
    cells, middle = document.table.read([track], 0, SPAN), SPAN // 2
    around = [k for k in range(1, SPAN - 1) if k != middle]
    if not (cells.source[around] == Source.BRIDGE).all() or (cells.run_id[around] != newest).any():
        raise RuntimeError("the correction was not solved")


def _place(window: MainWindow, track: int, frame: int) -> tuple[float, float]:
    assert window.document is not None
    x, y = window.document.table.read([track], frame, frame + 1).xy[0, 0].tolist()
    return x, y


def measure_undo(window: MainWindow) -> list[Row]:
    """A run of many tracks, written window by window, is undone and done again, until all is painted."""
    document = window.document
    assert document is not None
    fill(document, TRACKS, WINDOW, STEP)
    undone: list[tuple[float, float]] = []
    again: list[tuple[float, float]] = []
    for _ in range(UNDOS):
        rest(200)
        undone.append(_times(window.editing.undo))
        rest(200)
        again.append(_times(window.editing.redo))
    rows = []
    for act, times in (("undo", undone), ("redo", again)):
        wall, cpu = zip(*times, strict=True)
        rows.append(row(f"{act} of a run of {TRACKS} tracks × {document.table.n_frames} frames", list(wall), "100"))
        rows.append(row("— CPU time", list(cpu), "100"))
    return rows


def _times(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds of wall time and of the GUI thread's CPU time that an act and its painting take."""
    wall, cpu = time.perf_counter(), time.thread_time()
    act()
    QApplication.processEvents()
    return time.perf_counter() - wall, time.thread_time() - cpu
