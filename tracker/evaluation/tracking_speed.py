"""How fast a tracker is end to end: from frames as they are decoded to tracks, as the window runs it.

The clip is made up and moves; real footage is neither needed nor would it tell more. Times are the best of a few runs,
because other programs only ever make a run slower.
"""

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tracker.checkpoints import CheckpointInfo
from tracker.evaluation.speed import Watch, describe_machine
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.session import Tracker

SIZE = (854, 480)  # width and height of the clip
FILLING = 2  # calls of `step` with which an online network fills its first window
MARGIN = 8  # pixels from the border to the points
BAR_POINTS, BAR_RATE = 100, 12.0  # what a network for the CPU is asked for: frames/s over cached features

Progress = Callable[[str], None]
Frames = NDArray[np.uint8]


def run_tracker_bench(
    trackers: Sequence[Tracker],
    points: Sequence[int],
    *,
    size: tuple[int, int] = SIZE,
    steps: int = 4,
    repeats: int = 2,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Time trackers on a made clip, on as many threads as torch is set to.

    Args:
        points: how many points, one measurement each.
        size: (width, height) of the clip.
        steps: calls of `step` that count in a run, at least 2; the clip has as many frames as they take.
        repeats: runs of each kind, of which the fastest counts.
        progress: told what is being measured.

    Returns:
        A plain dict for JSON: "machine", "settings", "rows" (what `measure_tracker` and `describe_size` give, one for
        each tracker and number of points) and "bars".
    """
    rows = []
    for tracker in trackers:
        for count in points:
            if progress is not None:
                progress(f"{tracker.name}, {count} points")
            speed = measure_tracker(tracker, count, size=size, steps=steps, repeats=repeats)
            rows.append({"tracker": tracker.name, **describe_size(tracker), **speed})
    device = "cuda" if any(tracker.device == "cuda" for tracker in trackers) else "cpu"
    settings = {"clip": f"{size[0]}x{size[1]}", "steps": steps, "repeats": repeats}
    return {"machine": describe_machine(device), "settings": settings, "rows": rows, "bars": _bars(rows)}


def measure_tracker(
    tracker: Tracker,
    points: int = 100,
    *,
    size: tuple[int, int] = SIZE,
    steps: int = 4,
    repeats: int = 1,
) -> dict[str, Any]:
    """The speed of one tracker with so many points.

    The steps that fill the first window do not count. A tracker that says nothing before the end, such as a network
    that takes the whole clip at once, is timed from the first frame to its answer.

    Returns:
        "device", "points" and "frames_per_second"; of a tracker that keeps features also "cached_frames_per_second", in
        a second session that finds those of the first; on a CPU also "cpu_seconds" and "cached_cpu_seconds", the time
        of its processors per frame.

    Raises:
        ValueError: fewer than 2 steps.
    """
    if steps < 2:
        raise ValueError("at least 2 steps are needed: a window of odd length takes one of them to fill")
    frames = drifting_clip(tracker.step_frames * (FILLING + steps), size)
    random = np.random.default_rng(points)
    places = random.uniform(MARGIN, np.subtract(size, MARGIN), (points, 2))
    queries = np.column_stack([np.zeros(points), places]).astype(np.float32)
    row: dict[str, Any] = {"device": tracker.device, "points": points}
    for _ in range(repeats):
        cache = FeatureCache()
        _keep_best(row, "", _seconds_per_frame(tracker, frames, queries, cache), tracker.device)
        if len(cache):
            _keep_best(row, "cached_", _seconds_per_frame(tracker, frames, queries, cache), tracker.device)
    return row


def _keep_best(row: dict[str, Any], prefix: str, times: tuple[float, float], device: str) -> None:
    rate, cpu = f"{prefix}frames_per_second", f"{prefix}cpu_seconds"
    row[rate] = max(row.get(rate, 0.0), 1 / times[0])
    if device == "cpu":
        row[cpu] = min(row.get(cpu, times[1]), times[1])


def _seconds_per_frame(
    tracker: Tracker, frames: Frames, queries: NDArray[np.float32], cache: FeatureCache
) -> tuple[float, float]:
    """On the clock, and of the processors."""
    session = tracker.session(frames.shape[2], frames.shape[1], cache=cache)
    session.add_points(queries, np.arange(len(queries)))
    device, size = torch.device(tracker.device), tracker.step_frames
    watch, counted, filling = Watch(device), 0, True
    for start in range(0, len(frames), size):
        with watch:
            found = session.step(frames[start : start + size])
        counted += size
        if filling and found is not None:
            watch, counted, filling = Watch(device), 0, False
    if filling:
        with watch:
            session.finish()
    return watch.seconds / counted, watch.cpu_seconds / counted


def describe_size(tracker: Tracker) -> dict[str, int]:
    """The learned "parameters" of a tracker, and the "weight_bytes" that they take in its file."""
    model = getattr(tracker, "model", None)
    if not isinstance(model, torch.nn.Module):
        return {"parameters": 0, "weight_bytes": 0}
    count = sum(parameter.numel() for parameter in model.parameters())
    info: CheckpointInfo | None = getattr(tracker, "info", None)
    dtype: torch.dtype = getattr(torch, info.dtype if info else "float32")
    return {"parameters": count, "weight_bytes": count * dtype.itemsize}


def drifting_clip(count: int, size: tuple[int, int] = SIZE) -> Frames:
    """(count, height, width, 3) uint8: a camera pans, turns and nears, and something passes in front of it."""
    random = np.random.default_rng(0)
    width, height = size
    behind, thing = _clouds(random, size), _clouds(random, size)
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 6, height // 4), 20, 0, 360, (1.0,), -1)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5), np.float32)
    frames = np.empty((count, height, width, 3), np.uint8)
    for t in range(count):
        move = cv2.getRotationMatrix2D((width / 2, height / 2), 0.15 * t, 1 + 0.002 * t)
        move[:, 2] += np.array([2.4, 0.7]) * t
        back = cv2.warpAffine(behind, move, size, borderMode=cv2.BORDER_REFLECT)
        pass_by = np.array([[1, 0, width / 4 - 3.1 * t], [0, 1, 1.3 * t]], np.float32)
        front, share = cv2.warpAffine(thing, pass_by, size), cv2.warpAffine(mask, pass_by, size)[..., None]
        frames[t] = np.clip(back + (front - back) * share, 0, 255)
    return frames


def _clouds(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """(height, width, 3): detail at every scale, the coarser the stronger, as pictures of the world have it."""
    width, height = size
    picture = np.zeros((height, width, 3), np.float32)
    for scale in (2, 4, 8, 16, 32, 64, 128):
        coarse = random.normal(size=(height // scale + 2, width // scale + 2, 3)).astype(np.float32)
        coarse += 2 * coarse.mean(-1, keepdims=True)  # more light and dark than colours
        picture += scale**0.5 * cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(120 + 45 * picture / picture.std(), np.float32)


def _bars(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "name": f"frames/s of {row['tracker']} at {BAR_POINTS} points, cached",
            "asked": BAR_RATE,
            "measured": row["cached_frames_per_second"],
            "reached": row["cached_frames_per_second"] >= BAR_RATE,
        }
        for row in rows
        if row["points"] == BAR_POINTS and "cached_frames_per_second" in row
    ]


COLUMNS = {
    "tracker": ("tracker", "s"),
    "device": ("device", "s"),
    "parameters": ("parameters", ",d"),
    "weight_bytes": ("weight bytes", ",d"),
    "points": ("points", "d"),
    "frames_per_second": ("frames/s", ".1f"),
    "cached_frames_per_second": ("frames/s, cached", ".1f"),
    "cpu_seconds": ("CPU s per frame", ".4f"),
    "cached_cpu_seconds": ("CPU s per frame, cached", ".4f"),
}
