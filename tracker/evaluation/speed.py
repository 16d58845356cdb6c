"""How fast CoTracker3 is on this machine, and how much faster than its straightforward form.

The weights are made up: speed does not depend on them. Times are the best of a few runs, taken in turns, because other
programs only ever make a run slower. What counts is the ratio of two times of the same moment. On a CPU the processor
time is given beside the time on the clock: it tells the same story more steadily where other programs run.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.evaluation.straightforward import straightforward_windows
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.online import OnlineSession
from tracker.models import build_model
from tracker.models.cotracker3 import CoTracker3
from tracker.models.estimate import join_windows

TOLERANCE = 5e-3  # pixels; what the third window of the reference fixtures is allowed
HEAD_SCALE = 0.015  # of the made-up heads: points wander about a pixel per iteration, as in the reference fixtures
BARS = {"speedup at 100 points": 1.8, "speedup at 400 points": 2.5, "cached pass at 1 point": 4.0}

Progress = Callable[[str], None]
Timed = tuple["Watch", NDArray[np.float32]]  # how long the steps took, and the tracks (T, N, 2)
Runs = dict[str, Callable[[], Timed]]


def run_speed_bench(
    points: Sequence[int] = (1, 100, 400),
    device: str = "cpu",
    dtype: str = "float32",
    compare: bool = True,
    *,
    mode: str = "online",
    windows: int = 2,
    repeats: int = 3,
    model: CoTracker3 | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Time tracking at the working resolution.

    Args:
        points: how many points, one measurement each.
        device: "cpu" or "cuda".
        dtype: "float32" or "bfloat16" (autocast).
        compare: measure the straightforward form too and compare the numbers; for float32 online.
        mode: "online" (a step is a window of 16 frames, 8 of them new) or "offline" (a clip as long as the windows).
        windows: per run, at least 2; the first one, of which all frames are new, is not counted.
        repeats: runs of each kind, of which the fastest counts.
        model: another configuration than the full-size one.
        progress: told what is being measured.

    Returns:
        A plain dict for JSON: "machine", "settings", "rows" (one per number of points: seconds per online step or
        offline clip) and
        "bars" (the measured ratios beside those asked for, where they were measured).

    Raises:
        ValueError: an unknown dtype or mode, fewer than 2 windows, or a comparison that is not possible.
    """
    if windows < 2:
        raise ValueError("the first window is not counted: at least 2 are needed")
    if dtype not in ("float32", "bfloat16") or mode not in ("online", "offline"):
        raise ValueError(f"unknown dtype {dtype!r} or mode {mode!r}")
    if compare and (dtype, mode) != ("float32", "online"):
        raise ValueError("the straightforward form is for float32 online: give compare=False")
    model = (model or made_up_model(mode)).to(device)
    frames = made_up_frames(model, windows)
    rows = []
    for count in points:
        if progress is not None:
            progress(f"{count} points")
        rows.append(_measure(model, frames, count, dtype, compare, repeats))
    height, width = model.config.resolution
    settings = {
        "mode": mode,
        "dtype": dtype,
        "device": device,
        "resolution": f"{width}x{height}",
        "frames": len(frames),
        "iterations": model.config.iterations,
    }
    return {"machine": describe_machine(device), "settings": settings, "rows": rows, "bars": _bars(rows)}


def made_up_model(mode: str = "online") -> CoTracker3:
    """A full-size network with random weights that make points wander, so that all code has something to do."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(f"cotracker3-{mode}").eval()
        assert isinstance(model, CoTracker3)
        for name, weights in model.updateformer.named_parameters():
            if name.endswith("head.weight"):
                torch.nn.init.normal_(weights, std=HEAD_SCALE)
    return model


def made_up_frames(model: CoTracker3, windows: int) -> NDArray[np.uint8]:
    """(T, H, W, 3): smooth noise that drifts, as many frames as the windows need."""
    height, width = model.config.resolution
    count = (windows + 1) * model.config.step if model.config.kind == "online" else 8 * (windows + 1)
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.uniform(0, 255, (1, 3, height // 8 + 8, width // 8 + 8)))
    size = (height + 2 * count, width + 2 * count)
    big = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 255).byte()[0].permute(1, 2, 0).numpy()
    return np.stack([big[2 * t : 2 * t + height, t : t + width] for t in range(count)])


def _measure(
    model: CoTracker3, frames: NDArray[np.uint8], count: int, dtype: str, compare: bool, repeats: int
) -> dict[str, Any]:
    height, width = model.config.resolution
    random = np.random.default_rng(count)
    places = random.uniform((8, 8), (width - 8, height - 8), (count, 2))
    queries = np.column_stack([np.zeros(count), places]).astype(np.float32)
    autocast = None if dtype == "float32" else torch.bfloat16
    device = model.time_emb.device
    runs: Runs
    if model.config.kind == "offline":
        runs = {"seconds": lambda: _time_clip(model, frames, queries, autocast)}
    else:
        cache = FeatureCache(8 << 30)
        _time_session(model, frames, queries, autocast, cache)
        runs = {
            "seconds": lambda: _time_session(model, frames, queries, autocast),
            "cached_seconds": lambda: _time_session(model, frames, queries, autocast, cache),
        }
    if compare:
        runs["straightforward_seconds"] = lambda: _time_straightforward(model, frames, queries)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times, results = _time_in_turns(runs, repeats, device)
    covered = model.config.step if model.config.kind == "online" else len(frames)
    row: dict[str, Any] = {"points": count, **times, "frames_per_second": covered / times["seconds"]}
    if device.type == "cuda":
        row["peak_bytes"] = torch.cuda.max_memory_allocated(device)
    if compare:
        row |= _compare(times, results)
    return row


def _compare(times: dict[str, float], results: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cpu in ("", "cpu_") if "cpu_seconds" in times else ("",):
        found[f"{cpu}speedup"] = times[f"{cpu}straightforward_seconds"] / times[f"{cpu}seconds"]
        found[f"{cpu}cached_speedup"] = times[f"{cpu}straightforward_seconds"] / times[f"{cpu}cached_seconds"]
    difference = float(np.abs(results["seconds"] - results["straightforward_seconds"]).max())
    return {**found, "largest_difference_px": difference, "same_numbers": difference <= TOLERANCE}


class Watch:
    """Adds up the time of the blocks it is entered for, on the clock and of the processors."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.seconds = self.cpu_seconds = 0.0

    def __enter__(self) -> None:
        self._began = self._now()

    def __exit__(self, *_: object) -> None:
        now = self._now()
        self.seconds += now[0] - self._began[0]
        self.cpu_seconds += now[1] - self._began[1]

    def _now(self) -> tuple[float, float]:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter(), time.process_time()


def _time_in_turns(
    runs: Runs, repeats: int, device: torch.device
) -> tuple[dict[str, float], dict[str, NDArray[np.float32]]]:
    """Seconds by name, and on a CPU those of its processors as "cpu_..."; and the tracks."""
    times: dict[str, float] = {}
    results = {}
    for _ in range(repeats):
        for name, run in runs.items():
            watch, results[name] = run()
            times[name] = min(times.get(name, watch.seconds), watch.seconds)
            if device.type == "cpu":
                times[f"cpu_{name}"] = min(times.get(f"cpu_{name}", watch.cpu_seconds), watch.cpu_seconds)
    return times, results


def _time_session(
    model: CoTracker3,
    frames: NDArray[np.uint8],
    queries: NDArray[np.float32],
    autocast: torch.dtype | None = None,
    cache: FeatureCache | None = None,
) -> Timed:
    """An online session as the window runs it: seconds per step after the first window."""
    session = OnlineSession(model, frames.shape[2], frames.shape[1], cache=cache, autocast=autocast)
    session.add_points(queries, np.arange(len(queries)))
    tracks = np.zeros((len(frames), len(queries), 2), np.float32)
    window, step = model.config.window, model.config.step
    first = session.step(frames[:window])
    assert first is not None
    tracks[:window] = first.tracks
    watch = Watch(model.time_emb.device)
    for start in range(window, len(frames), step):
        with watch:
            found = session.step(frames[start : start + step])
        assert found is not None
        tracks[found.first_frame : found.end_frame] = found.tracks
    return _per_step(watch, (len(frames) - window) // step), tracks


def _time_clip(
    model: CoTracker3, frames: NDArray[np.uint8], queries: NDArray[np.float32], autocast: torch.dtype | None
) -> Timed:
    watch, device = Watch(model.time_emb.device), model.time_emb.device
    with torch.inference_mode(), torch.autocast(device.type, autocast, enabled=autocast is not None), watch:
        video = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2)[None].float()
        tracks = model(video, torch.from_numpy(queries)[None].to(device)).tracks[0]
    return watch, tracks.cpu().numpy()


def _time_straightforward(model: CoTracker3, frames: NDArray[np.uint8], queries: NDArray[np.float32]) -> Timed:
    watch, device = Watch(model.time_emb.device), model.time_emb.device
    with torch.inference_mode():
        video = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float()
        running = straightforward_windows(model, video, torch.from_numpy(queries).to(device))
        windows = [next(running)]
        for _ in range((len(frames) - model.config.window) // model.config.step):
            with watch:
                windows.append(next(running))
        tracks, _, _ = model.report(join_windows(windows, len(frames)))
    return _per_step(watch, len(windows) - 1), tracks[0].cpu().numpy()


def _per_step(watch: Watch, steps: int) -> Watch:
    watch.seconds /= steps
    watch.cpu_seconds /= steps
    return watch


def _bars(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    measured = {f"speedup at {row['points']} points": row.get("speedup") for row in rows}
    measured["cached pass at 1 point"] = next((row.get("cached_speedup") for row in rows if row["points"] == 1), None)
    return [
        {"name": name, "asked": asked, "measured": value, "reached": value >= asked}
        for name, asked in BARS.items()
        if (value := measured.get(name)) is not None
    ]


def describe_machine(device: str) -> dict[str, Any]:
    """Processor, its cores, and the graphics card where one is used."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        if info.exists()
        else []
    )
    machine: dict[str, Any] = {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    if device == "cuda":
        machine["graphics"] = torch.cuda.get_device_name()
    return machine


COLUMNS = {
    "points": ("points", "d"),
    "seconds": ("s", ".2f"),
    "frames_per_second": ("frames/s", ".2f"),
    "cached_seconds": ("s, cached", ".2f"),
    "straightforward_seconds": ("s, straightforward", ".2f"),
    "speedup": ("times as fast", ".2f"),
    "cached_speedup": ("cached", ".2f"),
    "cpu_seconds": ("CPU s", ".2f"),
    "cpu_straightforward_seconds": ("CPU s, straightforward", ".2f"),
    "cpu_speedup": ("by CPU time", ".2f"),
    "cpu_cached_speedup": ("cached, by CPU time", ".2f"),
    "largest_difference_px": ("differs by px", ".1e"),
    "peak_bytes": ("peak bytes", ",d"),
}


def format_speed_table(result: dict[str, Any], known: Mapping[str, tuple[str, str]] = COLUMNS) -> str:
    """The result of `run_speed_bench` as a table in Markdown, with the machine above and the bars below.

    Args:
        known: titles and formats of the columns, by the keys of rows; other keys are left out.
    """
    machine, settings, rows = result["machine"], result["settings"], result["rows"]
    columns = [key for key in known if any(key in row for row in rows)]
    lines = [
        ", ".join(f"{key} {value}" for key, value in machine.items()),
        ", ".join(f"{key} {value}" for key, value in settings.items()),
        "",
        "| " + " | ".join(known[key][0] for key in columns) + " |",
        "|" + "---|" * len(columns),
        *(
            "| " + " | ".join(format(row[key], known[key][1]) if key in row else "" for key in columns) + " |"
            for row in rows
        ),
        "",
        *(
            f"{bar['name']}: {bar['measured']:.2f} ({'at least' if bar['reached'] else 'BELOW'} {bar['asked']} asked)"
            for bar in result["bars"]
        ),
    ]
    return "\n".join(lines)
