"""How fast one worker labels a video, and what the time goes into."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.inference.session import FrameKey, Prediction, Tracker, TrackingSession
from tracker.labels.label_file import write_labels
from tracker.training.label_queries import shot_queries
from tracker.training.pseudo_labels import LabelSettings, label_video
from tracker.training.teachers import LoadedTeacher
from tracker.video import FrameSource, open_source
from tracker.video.cuts import find_shots

STAGES = ("cuts", "queries", "decoding", "tracking", "writing")


@dataclass
class _Times:
    """Seconds by the clock and of the processors, by stage."""

    clock: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        began = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.clock[stage] = self.clock.get(stage, 0.0) + time.perf_counter() - began[0]
            self.cpu[stage] = self.cpu.get(stage, 0.0) + time.process_time() - began[1]


def measure_labelling(
    video: Path,
    teachers: Sequence[LoadedTeacher],
    settings: LabelSettings,
    tell: Callable[[str], object] = lambda text: None,
) -> list[dict[str, Any]]:
    """Label a video with each of the teachers alone, as a worker of a job does, in this process.

    Returns:
        For each teacher a plain dict for JSON: "teacher", "device", "video", "width", "height", "frames", "tracks",
        "bytes" of the label file, "seconds" and "cpu_seconds" of all of it, "stages" (their processor seconds, and
        "rest"), "frames_per_cpu_second", "point_frames_per_cpu_second" (cells of the label: tracks times the frames of
        their shots) and the same "per_second" by the clock.

    Raises:
        InputError: the video cannot be labelled.
    """
    rows = []
    for one in teachers:
        tell(f"{video.name} with {one.teacher.name}")
        rows.append(_measure(video, one, replace(settings, teachers=(one.teacher.name,), ensemble=False)))
    return rows


def _measure(video: Path, one: LoadedTeacher, settings: LabelSettings) -> dict[str, Any]:
    times = _Times()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "labels.npz"
        with times.of("all"):
            labels = label_video(video, settings, [replace(one, tracker=_TimedTracker(one.tracker, times))])
            with times.of("writing"):
                write_labels(path, labels)
        size = path.stat().st_size
    with open_source(video, threads="auto") as source:
        _measure_again(source, labels.origin.shots, settings, times)
    cells = int((labels.tracks.state != 0).sum())
    clock, cpu = times.clock["all"], times.cpu["all"]
    stages = {stage: times.cpu[stage] for stage in STAGES}
    return {
        "teacher": one.teacher.name,
        "device": one.tracker.device,
        "video": video.name,
        "width": labels.tracks.size_wh[0],
        "height": labels.tracks.size_wh[1],
        "frames": labels.tracks.n_frames,
        "tracks": labels.tracks.n_tracks,
        "bytes": size,
        "seconds": clock,
        "cpu_seconds": cpu,
        "stages": {**stages, "rest": cpu - sum(stages.values())},
        "frames_per_second": labels.tracks.n_frames / clock,
        "frames_per_cpu_second": labels.tracks.n_frames / cpu,
        "point_frames_per_second": cells / clock,
        "point_frames_per_cpu_second": cells / cpu,
    }


def _measure_again(
    source: FrameSource, shots: Sequence[tuple[int, int]], settings: LabelSettings, times: _Times
) -> None:
    """What lies in the middle of labelling and costs little, once more by itself."""
    with times.of("cuts"):
        find_shots(source)
    for shot in shots:
        with times.of("queries"):
            queries = shot_queries(
                source, shot, sampling=settings.sampling, points=settings.points, frames=settings.frames
            )
        starts = np.rint(queries[:, 0]).astype(int)
        with times.of("decoding"):  # out from the first query to the end, and from the last one back
            for _ in source.frames(int(starts.min()), shot[1]):
                pass
            for _ in source.frames(int(starts.max()), shot[0] - 1, -1):
                pass


class _TimedTracker:
    """A tracker whose sessions count the time they take."""

    def __init__(self, tracker: Tracker, times: _Times) -> None:
        self._tracker, self._times = tracker, times
        self.name, self.device = tracker.name, tracker.device
        self.visible_above, self.step_frames = tracker.visible_above, tracker.step_frames

    def session(
        self, width: int, height: int, *, cache: Any = None, frame_key: FrameKey | None = None
    ) -> "_TimedSession":
        return _TimedSession(self._tracker.session(width, height, cache=cache, frame_key=frame_key), self._times)


class _TimedSession:
    def __init__(self, session: TrackingSession, times: _Times) -> None:
        self._session, self._times = session, times

    @property
    def frames_seen(self) -> int:
        return self._session.frames_seen

    @property
    def earliest_query(self) -> int:
        return self._session.earliest_query

    def add_points(self, queries: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
        self._session.add_points(queries, ids)

    def remove_points(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        self._session.remove_points(ids)

    def step(self, frames: NDArray[np.uint8]) -> Prediction | None:
        with self._times.of("tracking"):
            return self._session.step(frames)

    def finish(self) -> Prediction | None:
        with self._times.of("tracking"):
            return self._session.finish()

    def snapshot(self) -> Any:
        return self._session.snapshot()

    def restore(self, snapshot: Any) -> None:
        self._session.restore(snapshot)
