"""`trackwright bench ui`: how fast the real window is, on a real 1080p H.264 file, beside the bars it should meet."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.bench_long import LENGTHS, measure_long
from app.bench_loop import measure_corrections, measure_undo
from app.bench_rows import FRAMES, HEIGHT, WIDTH, Row, fill, rest, row, rows_of_lengths, wait
from app.document.project import Document
from app.settings import Settings
from app.theme import apply_theme
from app.window import MainWindow, application
from tracker.video import VideoWriter


def run_ui_bench(progress: Callable[[str], object] = lambda _: None) -> dict[str, object]:
    """Measure every act; the result can be written as JSON."""
    apply_theme(application(), "dark")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "bench.mp4"
        progress("making a 1080p H.264 clip")
        write_clip(clip)
        bench = _Bench(clip)
        for name, measure in bench.measures():
            progress(name)
            rows += measure()
        bench.close()
    return {"rows": [asdict(row) for row in rows], "platform": QApplication.platformName()}


def format_ui_table(result: dict[str, object]) -> str:
    """The result as a Markdown table."""
    lines = ["| act | p50 ms | p95 ms | n | bar |", "|---|---|---|---|---|"]
    rows = result["rows"]
    assert isinstance(rows, list)
    lines += [f"| {r['act']} | {r['p50_ms']:.1f} | {r['p95_ms']:.1f} | {r['count']} | {r['bar']} |" for r in rows]
    return "\n".join(lines)


def write_clip(path: Path) -> None:
    """A textured picture that drifts, with the encoder's usual distance of 250 frames between key frames."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (HEIGHT // 4 + 80, WIDTH // 4 + 80, 3), dtype=np.uint8)
    big = cv2.resize(cv2.GaussianBlur(small, (0, 0), 1.2), None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    with VideoWriter(path, WIDTH, HEIGHT, Fraction(25)) as writer:
        for i in range(FRAMES):
            x, y = int(150 + 140 * np.sin(i / 40)), int(150 + 140 * np.cos(i / 55))
            writer.write(np.ascontiguousarray(big[y : y + HEIGHT, x : x + WIDTH]))


class _Bench:
    """The window under test. Times are wall times in the GUI thread, painting included."""

    def __init__(self, clip: Path) -> None:
        self._clip = clip
        self._rng = np.random.default_rng(1)
        self.window = MainWindow(Settings())
        self.window.resize(1600, 950)
        self.window.show()
        self._open()

    def measures(self) -> list[tuple[str, Callable[[], list[Row]]]]:
        """What is measured, in order."""
        return [
            ("random seeks", self.random_seek),
            ("neighbouring frames", self.neighbour),
            ("cached steps", self.cached_step),
            ("overlays", self.overlay),
            ("clicks", self.click),
            ("stalls during a run", self.stalls),
            ("corrections", self.corrections),
            ("undo of a large run", self.undo),
            ("long videos", self.long_video),
            ("timeline and canvas of long videos", self.long_panels),
        ]

    def close(self) -> None:
        """Close the window without asking."""
        self._discard()
        self.window.close()

    def _open(self) -> None:
        wait(self.window.playback.frame_shown, lambda: self.window.files.open_path(self._clip))

    def _show(self, frame: int) -> float:
        """Seconds until the frame is decoded and painted."""
        window = self.window
        if frame == window.view.playhead:
            frame += 1
        waited = wait(window.playback.frame_shown, lambda: setattr(window.view, "playhead", frame))
        start = time.perf_counter()
        window.canvas.paint_now()
        return waited + time.perf_counter() - start

    def _cold(self) -> None:
        """A new decoder with an empty cache, standing on the first frame."""
        playback, source = self.window.playback, self.window.source
        assert source is not None
        self.window.view.playhead = 0
        wait(playback.frame_shown, lambda: playback.open(source, self.window.settings.frame_cache_bytes))

    def random_seek(self) -> list[Row]:
        """To frames that are not in memory, each time with a cold cache."""
        times = []
        for frame in self._rng.integers(20, FRAMES - 20, 12).tolist():
            self._cold()
            times.append(self._show(frame))
        return [row("random seek, 1080p, GOP 250, cold", times, "≤ one GOP; 120 once cached")]

    def neighbour(self) -> list[Row]:
        """The next frame right after a seek, while prefetching has only begun."""
        times = []
        for frame in self._rng.integers(20, FRAMES - 40, 12).tolist():
            self._cold()
            self._show(frame)
            times.append(self._show(frame + 1))
        return [row("neighbouring frame, not cached", times, "40")]

    def cached_step(self) -> list[Row]:
        """Steps over frames that lie in memory."""
        self._show(100)
        rest(1500)
        return [row("step to a cached frame", [self._show(f) for f in range(101, 121)], "16")]

    def overlay(self) -> list[Row]:
        """The part of painting that points and 60-frame trails take, on single steps."""
        canvas, view = self.window.canvas, self.window.view
        image = self.window.playback.current_image()
        assert image is not None

        def steps() -> list[float]:
            times = []
            for frame in range(79, 111):
                start = time.perf_counter()
                canvas.set_frame(frame, image)
                canvas.paint_now()
                times.append(time.perf_counter() - start)
            return times[2:]

        rows = []
        for n_points, bar in ((1000, "6"), (5000, "16")):
            view.trail_length = 60
            canvas.set_document(Document(FRAMES))
            picture = float(np.median(steps()))
            document = Document(FRAMES)
            fill(document, n_points)
            canvas.set_document(document)
            rows.append(row(f"overlay of {n_points:,} points, 60-frame trails", [t - picture for t in steps()], bar))
        canvas.set_document(self.window.document)
        canvas.set_frame(view.playhead, image)
        return rows

    def click(self) -> list[Row]:
        """From the mouse button to the painted marker, the project file written."""
        window, times = self.window, []
        window.view.tool = "add"
        for x, y in self._rng.uniform((100, 100), (WIDTH - 100, HEIGHT - 100), (20, 2)).tolist():
            point = window.canvas.to_view(x, y)
            start = time.perf_counter()
            QTest.mouseClick(window.canvas.viewport, Qt.MouseButton.LeftButton, pos=point)
            window.canvas.paint_now()
            times.append(time.perf_counter() - start)
        window.view.tool = "select"
        return [row("click to marker", times, "30")]

    def stalls(self) -> list[Row]:
        """The longest time that the GUI thread did not answer while 100 points are tracked."""
        window, gaps = self.window, [0.0]
        assert window.document is not None
        points = self._rng.uniform((50, 50), (WIDTH - 50, HEIGHT - 50), (80, 2))
        window.document.add_tracks(np.hstack([np.zeros((80, 1)), points]))
        last = time.perf_counter()
        ticker = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=5)

        def tick() -> None:
            nonlocal last
            now = time.perf_counter()
            gaps.append(max(0.0, now - last - 0.005))
            last = now

        loop = QEventLoop()
        window.tracking.running_changed.connect(lambda on: None if on else loop.quit())
        ticker.timeout.connect(tick)
        ticker.start()
        window.view.selection = ()
        window.run("forward")
        loop.exec()
        ticker.stop()
        return [
            row("GUI thread blocked during a run of 100 points", gaps, "50"),
            row("— the longest time", [max(gaps)], "50"),
        ]

    def long_video(self) -> list[Row]:
        """A frame change with all panels painted, 200 tracks over few and over many frames."""
        times: list[list[float]] = []
        self._discard()
        for n_frames in LENGTHS:
            document = Document(n_frames)
            fill(document, 200)
            self.window.set_document(document, None)
            times.append(self._window_changes(n_frames))
        return rows_of_lengths("whole window, frame change, 200 tracks", *times)

    def _window_changes(self, n_frames: int) -> list[float]:
        window, times = self.window, []
        window.grab()
        for frame in np.linspace(10, n_frames - 70, 20).astype(int).tolist():
            window.view.playhead = frame
            window.grab()
            start = time.thread_time()
            window.view.playhead = frame + 1
            window.grab()
            times.append(time.thread_time() - start)
        return times

    def corrections(self) -> list[Row]:
        """On the clip, with the default tracker."""
        return measure_corrections(self.window)

    def undo(self) -> list[Row]:
        """In a new project on the clip."""
        self._open_anew()
        return measure_undo(self.window)

    def long_panels(self) -> list[Row]:
        """Timeline and canvas."""
        self._open_anew()
        picture = self.window.playback.current_image()
        assert picture is not None
        picture = picture.copy()
        self._discard()
        return measure_long(self.window, picture)

    def _open_anew(self) -> None:
        self._discard()
        self._open()

    def _discard(self) -> None:
        """Close what is open; nothing of it is to be found again."""
        if self.window.document is not None:
            self.window.document.close(discard=True)
        self.window.set_document(None, None)
