"""How fast CoTracker3 is on this machine, and how much faster than its straightforward form.

The weights are made up: speed does not depend on them. Times are the best of a few runs, taken in turns, because other
programs only ever make a run slower. What counts is the ratio of two times of the same moment. On a CPU the processor
time is given beside the time on the clock: it tells the same story more steadily where other programs run.
"""

import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.evaluation.straightforward import track_straightforwardly
from tracker.inference.features import FeatureCache
from tracker.inference.online import OnlineSession
from tracker.models import build_model
from tracker.models.cotracker3 import CoTracker3

TOLERANCE = 5e-3  # pixels; what the third window of the reference fixtures is allowed
HEAD_SCALE = 0.015  # of the made-up heads: points wander about a pixel per iteration, as in the reference fixtures
BARS = {"speedup at 100 points": 1.8, "speedup at 400 points": 2.5, "cached pass at 1 point": 4.0}

Progress = Callable[[str], None]
Runs = dict[str, Callable[[], Any]]


def run_speed_bench(
    points: Sequence[int] = (1, 100, 400),
    device: str = "cpu",
    dtype: str = "float32",
    compare: bool = True,
    *,
    mode: str = "online",
    windows: int = 2,
    repeats: int = 2,
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
        windows: per run.
        model: another configuration than the full-size one.
        progress: told what is being measured.

    Returns:
        A plain dict for JSON: "machine", "settings", "rows" (one per number of points: seconds for a whole run) and
        "bars" (the measured ratios beside those asked for, where they were measured).

    Raises:
        ValueError: an unknown dtype or mode, or a comparison that is not possible.
    """
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
        runs = {"seconds": lambda: _run_whole(model, frames, queries, autocast)}
    else:
        cache = FeatureCache(8 << 30)
        run_session(model, frames, queries, autocast, cache)
        runs = {
            "seconds": lambda: run_session(model, frames, queries, autocast),
            "cached_seconds": lambda: run_session(model, frames, queries, autocast, cache),
        }
    if compare:
        runs["straightforward_seconds"] = lambda: _run_straightforward(model, frames, queries)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    times, results = _time_in_turns(runs, repeats, device)
    row: dict[str, Any] = {"points": count, **times, "frames_per_second": len(frames) / times["seconds"]}
    if device.type == "cuda":
        row["peak_bytes"] = torch.cuda.max_memory_allocated(device)
    if compare:
        difference = float(np.abs(results["seconds"] - results["straightforward_seconds"]).max())
        row["speedup"] = times["straightforward_seconds"] / times["seconds"]
        row["cached_speedup"] = times["straightforward_seconds"] / times["cached_seconds"]
        if device.type == "cpu":
            row["cpu_speedup"] = times["cpu_straightforward_seconds"] / times["cpu_seconds"]
            row["cpu_cached_speedup"] = times["cpu_straightforward_seconds"] / times["cpu_cached_seconds"]
        row |= {"largest_difference_px": difference, "same_numbers": difference <= TOLERANCE}
    return row


def _time_in_turns(runs: Runs, repeats: int, device: torch.device) -> tuple[dict[str, float], dict[str, Any]]:
    """Seconds per run, and on a CPU those of its processors as "cpu_..."; and what each run gave."""
    times: dict[str, float] = {}
    results = {}
    for _ in range(repeats):
        for name, run in runs.items():
            began, cpu_began = time.perf_counter(), time.process_time()
            results[name] = run()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            else:
                cpu = time.process_time() - cpu_began
                times[f"cpu_{name}"] = min(times.get(f"cpu_{name}", cpu), cpu)
            elapsed = time.perf_counter() - began
            times[name] = min(times.get(name, elapsed), elapsed)
    return times, results


def run_session(
    model: CoTracker3,
    frames: NDArray[np.uint8],
    queries: NDArray[np.float32],
    autocast: torch.dtype | None = None,
    cache: FeatureCache | None = None,
) -> NDArray[np.float32]:
    """One pass of an online session, as the window does it: tracks (T, N, 2)."""
    session = OnlineSession(model, frames.shape[2], frames.shape[1], cache=cache, autocast=autocast)
    session.add_points(queries, np.arange(len(queries)))
    tracks = np.zeros((len(frames), len(queries), 2), np.float32)
    for start in range(0, len(frames), model.config.step):
        found = session.step(frames[start : start + model.config.step])
        if found is not None:
            tracks[found.first_frame : found.end_frame] = found.tracks
    return tracks


def _run_whole(
    model: CoTracker3, frames: NDArray[np.uint8], queries: NDArray[np.float32], autocast: torch.dtype | None
) -> torch.Tensor:
    device = model.time_emb.device
    video = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2)[None].float()
    with torch.inference_mode(), torch.autocast(device.type, autocast, enabled=autocast is not None):
        return model(video, torch.from_numpy(queries)[None].to(device)).tracks


def _run_straightforward(
    model: CoTracker3, frames: NDArray[np.uint8], queries: NDArray[np.float32]
) -> NDArray[np.float32]:
    device = model.time_emb.device
    video = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        return track_straightforwardly(model, video, torch.from_numpy(queries).to(device))[0].cpu().numpy()


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


def format_speed_table(result: dict[str, Any]) -> str:
    """The result of `run_speed_bench` as a table in Markdown, with the machine above and the bars below."""
    machine, settings, rows = result["machine"], result["settings"], result["rows"]
    columns = [key for key in COLUMNS if any(key in row for row in rows)]
    lines = [
        ", ".join(f"{key} {value}" for key, value in machine.items()),
        ", ".join(f"{key} {value}" for key, value in settings.items()),
        "",
        "| " + " | ".join(COLUMNS[key][0] for key in columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(format(row[key], COLUMNS[key][1]) for key in columns) + " |" for row in rows),
        "",
        *(
            f"{bar['name']}: {bar['measured']:.2f} ({'at least' if bar['reached'] else 'BELOW'} {bar['asked']} asked)"
            for bar in result["bars"]
        ),
    ]
    return "\n".join(lines)
