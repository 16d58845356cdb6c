"""`trackwright bench ui`: how fast the real window is, on a real 1080p H.264 file, beside the bars it should meet."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.document.project import Document, RunInfo
from app.settings import Settings
from app.theme import apply_theme
from app.window import MainWindow, application
from tracker.inference.session import Prediction
from tracker.labels import Source, State
from tracker.video import VideoWriter

FRAMES, WIDTH, HEIGHT = 300, 1920, 1080
TIMEOUT_MS = 30_000


@dataclass(frozen=True)
class Row:
    """One figure: milliseconds at the median and the 95th percentile of `count` tries; `bar` in words."""

    act: str
    p50_ms: float
    p95_ms: float
    count: int
    bar: str


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


def _row(act: str, times: list[float], bar: str) -> Row:
    p50, p95 = np.percentile(times, [50, 95]) * 1000
    return Row(act, float(p50), float(p95), len(times), bar)


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
            ("long videos", self.long_video),
            ("the timeline of long videos", self.timeline),
        ]

    def close(self) -> None:
        """Close the window without asking."""
        self.window.set_document(None, None)
        self.window.close()

    def _open(self) -> None:
        self._wait(self.window.playback.frame_shown, lambda: self.window.files.open_path(self._clip))

    def _wait(self, signal: object, act: Callable[[], object]) -> float:
        """Seconds from `act` until `signal`; it may come at once."""
        loop, heard = QEventLoop(), []

        def hear(*_: object) -> None:
            heard.append(time.perf_counter())
            loop.quit()

        signal.connect(hear)  # type: ignore[attr-defined]
        start = time.perf_counter()
        act()
        if not heard:
            QTimer.singleShot(TIMEOUT_MS, loop, loop.quit)
            loop.exec()
        signal.disconnect(hear)  # type: ignore[attr-defined]
        if not heard:
            raise TimeoutError("the window did not answer")
        return heard[0] - start

    def _rest(self, milliseconds: int) -> None:
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop, loop.quit)
        loop.exec()

    def _show(self, frame: int) -> float:
        """Seconds until the frame is decoded and painted."""
        window = self.window
        if frame == window.view.playhead:
            frame += 1
        waited = self._wait(window.playback.frame_shown, lambda: setattr(window.view, "playhead", frame))
        start = time.perf_counter()
        window.canvas.paint_now()
        return waited + time.perf_counter() - start

    def _cold(self) -> None:
        """A new decoder with an empty cache, standing on the first frame."""
        playback, source = self.window.playback, self.window.source
        assert source is not None
        self.window.view.playhead = 0
        self._wait(playback.frame_shown, lambda: playback.open(source, self.window.settings.frame_cache_bytes))

    def random_seek(self) -> list[Row]:
        """To frames that are not in memory, each time with a cold cache."""
        times = []
        for frame in self._rng.integers(20, FRAMES - 20, 12).tolist():
            self._cold()
            times.append(self._show(frame))
        return [_row("random seek, 1080p, GOP 250, cold", times, "≤ one GOP; 120 once cached")]

    def neighbour(self) -> list[Row]:
        """The next frame right after a seek, while prefetching has only begun."""
        times = []
        for frame in self._rng.integers(20, FRAMES - 40, 12).tolist():
            self._cold()
            self._show(frame)
            times.append(self._show(frame + 1))
        return [_row("neighbouring frame, not cached", times, "40")]

    def cached_step(self) -> list[Row]:
        """Steps over frames that lie in memory."""
        self._show(100)
        self._rest(1500)
        return [_row("step to a cached frame", [self._show(f) for f in range(101, 121)], "16")]

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
            rows.append(_row(f"overlay of {n_points:,} points, 60-frame trails", [t - picture for t in steps()], bar))
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
        return [_row("click to marker", times, "30")]

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
            _row("GUI thread blocked during a run of 100 points", gaps, "50"),
            _row("— the longest time", [max(gaps)], "50"),
        ]

    def long_video(self) -> list[Row]:
        """A frame change with all panels painted, 200 tracks over few and over many frames."""
        rows = []
        for n_frames in (1000, 100_000):
            document = Document(n_frames)
            fill(document, 200)
            self.window.set_document(document, None)
            self.window.grab()
            times = []
            for frame in np.linspace(10, n_frames - 70, 20).astype(int).tolist():
                self.window.view.playhead = frame
                self.window.grab()
                start = time.perf_counter()
                self.window.view.playhead = frame + 1
                self.window.grab()
                times.append(time.perf_counter() - start)
            rows.append(_row(f"frame change, 200 tracks × {n_frames:,} frames, whole window", times, "within 10 %"))
        return rows

    def timeline(self) -> list[Row]:
        """Frame changes and zoom steps of the timeline, 500 tracks over few and over many frames."""
        changes: list[list[float]] = []
        zooms: list[list[float]] = []
        for n_frames in (1000, 100_000):
            self.window.set_document(_filled_table(n_frames, 500), None)
            self._rest(300)
            changes.append(self._timeline_changes(n_frames))
            zooms.append(self._timeline_zooms())
        self.window.set_document(None, None)
        rows = []
        for act, (few, many) in (("frame change", changes), ("zoom step", zooms)):
            ratio = float(np.median(many) / np.median(few))
            for n_frames, times in ((1000, few), (100_000, many)):
                bar = "–" if n_frames == 1000 else f"within 10 %; is {ratio:.2f} ×"
                rows.append(_row(f"timeline, {act}, 500 tracks × {n_frames:,} frames, CPU time", times, bar))
        return rows

    def _timeline_changes(self, n_frames: int) -> list[float]:
        """CPU seconds, because the ratio is what counts and the machine may be busy."""
        timeline, view, times = self.window.timeline, self.window.view, []
        for frame in np.linspace(10, n_frames - 70, 40).astype(int).tolist():
            view.playhead = frame
            self._settle_timeline()
            start = time.thread_time()
            view.playhead = frame + 1
            timeline.grab()
            times.append(time.thread_time() - start)
        return times

    def _timeline_zooms(self) -> list[float]:
        """Steps of the wheel from the whole video on, until all in view is drawn; what is read the first time aside."""
        timeline, times = self.window.timeline, []
        for round_ in range(3):
            timeline.fit()
            self._settle_timeline()
            for _ in range(12):
                start = time.thread_time()
                timeline.zoom(1.25)
                self._settle_timeline()
                if round_:
                    times.append(time.thread_time() - start)
        return times

    def _settle_timeline(self) -> None:
        lanes = self.window.timeline.lanes
        lanes.repaint()
        while not lanes.complete:
            lanes.repaint()


def _filled_table(n_frames: int, n_tracks: int) -> Document:
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


def fill(document: Document, n_tracks: int) -> None:
    """Tracks that wander over a 1080p picture, with all confidences."""
    rng = np.random.default_rng(2)
    n_frames = document.table.n_frames
    start = rng.uniform((100, 100), (WIDTH - 100, HEIGHT - 100), (n_tracks, 2)).astype(np.float32)
    ids = np.array(document.add_tracks(np.hstack([np.zeros((n_tracks, 1), np.float32), start])), dtype=np.int64)
    run = document.begin_run(RunInfo(tracker="bench"))
    phases = rng.uniform(0, 2 * np.pi, (n_tracks, 2)).astype(np.float32)
    for first in range(0, n_frames, 4096):
        t = np.arange(first, min(first + 4096, n_frames), dtype=np.float32)[:, None, None]
        xy: NDArray[np.float32] = start + 60 * np.sin(t / 30 + phases)
        certainty = rng.uniform(0, 1, xy.shape[:2]).astype(np.float32)
        document.apply_prediction(run, Prediction(first, ids, xy, certainty, np.ones_like(certainty)))
    document.end_run(run, "done")
