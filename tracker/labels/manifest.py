"""The manifest beside an export: what was written, of which video, by which conventions, from which runs."""

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from tracker.files import atomic_output
from tracker.labels.formats import ExportOptions, Format, Written
from tracker.labels.native import TrackFile
from tracker.labels.selection import Selection
from tracker.labels.table import Source, State

SUFFIX = ".manifest.json"
MANIFEST_VERSION = 1


@dataclass(frozen=True)
class Model:
    """A tracker whose predictions are among the tracks; the licence is that of its weights, "" where nobody knows."""

    name: str
    licence: str = ""


@dataclass(frozen=True)
class Provenance:
    """Where tracks come from.

    Attributes:
        video: path of the video, "" where nobody said.
        video_hash: `tracker.video.content_hash`, "" where nobody computed it.
        fps: average frames per second.
        models: those that predicted anything.
    """

    video: str = ""
    video_hash: str = ""
    fps: Fraction | None = None
    models: Sequence[Model] = field(default_factory=tuple)


def manifest_path(path: Path) -> Path:
    """Where the manifest of an export lies."""
    return path.with_name(path.name + SUFFIX)


def write_manifest(
    tracks: TrackFile,
    path: Path,
    entry: Format,
    options: ExportOptions,
    written: Written,
    chosen: Selection,
    origin: Provenance,
) -> Path:
    """Write the manifest of the export at `path`. Raises InputError where it cannot be written."""
    target = manifest_path(path)
    with atomic_output(target) as part:
        text = json.dumps(_content(tracks, path, entry, options, written, chosen, origin), indent=1, ensure_ascii=False)
        part.write_text(text + "\n", encoding="utf-8")
    return target


def _content(
    tracks: TrackFile,
    path: Path,
    entry: Format,
    options: ExportOptions,
    written: Written,
    chosen: Selection,
    origin: Provenance,
) -> dict[str, Any]:
    first = entry.convention.first_number(options)
    end = tracks.n_frames if chosen.end is None else chosen.end
    return {
        "manifest_version": MANIFEST_VERSION,
        "export": path.name,
        "format": {"name": entry.name, "title": entry.title, "loses": entry.loses},
        "conventions": {
            "pixels": entry.convention.pixels,
            "frames": entry.convention.frames,
            "number_of_first_frame": first,
            "pixel_aspect": str(options.plate.pixel_aspect),
            "hidden": (options.hidden or entry.hidden[0]) if entry.hidden else "states are written",
            "gaps": (options.gaps or entry.gaps[0]) if entry.gaps else "cells are written as they are",
        },
        "video": {
            "name": Path(origin.video).name or options.name,
            "path": origin.video,
            "hash": origin.video_hash,
            "size": list(tracks.size_wh),
            "rate": str(origin.fps or options.plate.fps),
            "frames": tracks.n_frames,
            "exported_frames": [first + chosen.start, first + end - 1],
            "time_base": str(tracks.time_base),
            "pts": tracks.pts.tolist(),
        },
        "tracks": {
            "written": written.tracks,
            "left_out": written.left_out,
            "cells": written.cells,
            "names": written.names,
            "per_state": _counts(tracks.state, State),
            "per_source": _counts(tracks.source[tracks.state > 0], Source),
            "approved": int(tracks.approved.sum()),
        },
        "models": [{"name": model.name, "licence": model.licence} for model in origin.models],
        "note": written.note,
        "versions": {"trackwright": _version(), "python": platform.python_version(), "numpy": np.__version__},
    }


def _counts(values: np.ndarray, kind: type[State] | type[Source]) -> dict[str, int]:
    return {member.name.lower(): int((values == member).sum()) for member in kind}


def _version() -> str:
    try:
        return version("trackwright")
    except PackageNotFoundError:
        return "unknown"
