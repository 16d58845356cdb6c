"""`trackwright track`: track points through a video and write a track file."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.looks import look_through, missing_note
from app.cli.places import check_output
from app.cli.progress import progress_bar
from tracker.files import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from app.cli.points import Points
    from tracker.inference.session import Prediction, Tracker
    from tracker.labels import TrackFile
    from tracker.video import FrameSource


class Sample(StrEnum):
    """Ways to choose points on a frame."""

    sift = "sift"
    corners = "corners"
    grid = "grid"
    random = "random"


class Mode(StrEnum):
    """How a network runs: window by window, or over the whole clip."""

    online = "online"
    offline = "offline"


class Device(StrEnum):
    """Where a network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


@dataclass(frozen=True)
class Span:
    """Frames to track, `end` exclusive."""

    start: int
    end: int


def track(
    video: Annotated[Path, typer.Argument(help="A video file, a folder of frames, or a pattern such as a.%04d.png.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="The track file (.npz) to write.")],
    points: Annotated[Path | None, typer.Option(help="Query points: a CSV with header frame,x,y[,name].")] = None,
    grid: Annotated[int | None, typer.Option(min=1, help="Query a grid of N x N points.")] = None,
    sample: Annotated[Sample | None, typer.Option(help="Query points chosen on one frame.")] = None,
    count: Annotated[int, typer.Option(min=1, help="How many points --sample may choose.")] = 100,
    mask: Annotated[Path | None, typer.Option(help="A picture, not 0 where --grid or --sample may put points.")] = None,
    query_frame: Annotated[int | None, typer.Option(help="Frame of --grid and --sample; default --start.")] = None,
    model: Annotated[
        str | None, typer.Option(help="A tracker by name or a file; models lists them, and marks the default.")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="How a network runs.")] = Mode.online,
    backward: Annotated[bool, typer.Option("--backward", help="Also track from the queries to --start.")] = False,
    start: Annotated[int, typer.Option(min=0, help="First frame to track; frames count from 0.")] = 0,
    end: Annotated[int | None, typer.Option(help="One past the last frame to track; default all.")] = None,
    device: Annotated[Device, typer.Option(help="Where a network runs.")] = Device.auto,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Visible from this value of visibility times confidence on, else occluded; the default is the "
            "tracker's own: 0.6 for CoTracker3 unless its weights say another, 0.25 for lucas-kanade (while it holds a "
            "point).",
        ),
    ] = None,
    view: Annotated[
        str | None,
        typer.Option(
            help="What the files hold: display, srgb (scene-linear light), log (densities), or an OpenColorIO "
            "configuration; default by the kind of file."
        ),
    ] = None,
    exposure: Annotated[float, typer.Option(help="Stops by which the pictures are raised before tracking.")] = 0.0,
    gamma: Annotated[float, typer.Option(help="Gamma of the pictures; above 1 is brighter.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Track points through a video, or through numbered pictures, which may lack some.

    Before its query (without --backward) and outside --start to --end a track stays unlabelled; outside the frame it is
    out of view. The query itself is written as an anchor. Frames that a sequence lacks are gone across and stay
    unlabelled.
    """
    if sum(choice is not None for choice in (points, grid, sample)) != 1:
        raise InputError("which points? give one of --points, --grid and --sample")
    if points is not None and (mask is not None or query_frame is not None):
        raise InputError("--mask and --query-frame go with --grid or --sample, not with --points")
    check_output(out, video, points, mask)

    from app.cli.points import choose_points
    from tracker.inference import default_tracker, load_tracker
    from tracker.labels import write_tracks
    from tracker.video import open_source

    with open_source(video, threads="auto") as source:
        look_through(source, view, exposure, gamma)
        span = _span(source, start, end)
        method = sample.value if sample else None
        chosen = choose_points(source, span, points, grid, method, count, mask, query_frame)
        _check_present(source, chosen)
        tracker = load_tracker(model or default_tracker().name, device.value, mode.value)
        threshold = tracker.visible_above if threshold is None else threshold
        began = time.perf_counter()
        tracks, frames = run_tracker(source, tracker, chosen, span, backward, threshold)
        seconds = time.perf_counter() - began
        note, missing = missing_note(source), len(source.missing)
    write_tracks(out, tracks)
    result = _result(out, tracks, span, tracker) | {"seconds": seconds, "frames_per_second": frames / seconds}
    sentence = f"{_sentence(result)}; {note}" if note else _sentence(result)
    typer.echo(json.dumps(result | {"missing": missing}) if as_json else sentence)


def _check_present(source: "FrameSource", points: "Points") -> None:
    """Raises InputError where a point starts on a frame of which there is no picture."""
    for (frame, _, _), name in zip(points.queries, points.names, strict=True):
        if round(float(frame)) in source.missing:
            missing = f"frame {round(float(frame)) + source.first_frame_number}, a missing one"
            raise InputError(f"{source.path.parent / source.name}: point {name} starts on {missing}")


def _span(source: "FrameSource", start: int, end: int | None) -> Span:
    last = source.frame_count if end is None else end
    if not 0 <= start < last <= source.frame_count:
        asked = f"--start {start} --end {last}"
        raise InputError(f"{source.path}: {asked} are not within its frames, 0 to {source.frame_count} exclusive")
    return Span(start, last)


def run_tracker(
    source: "FrameSource", tracker: "Tracker", points: "Points", span: Span, backward: bool, threshold: float
) -> tuple["TrackFile", int]:
    """Track; gives the tracks, and how many frames were tracked. No frame is kept.

    Raises:
        InputError: a frame cannot be decoded.
    """
    import numpy as np

    from tracker.inference import TrackRun
    from tracker.labels import TrackFile

    tracks = TrackFile.empty(len(points.queries), source.pts, source.time_base, (source.width, source.height))
    tracks.names, tracks.query_points = points.names, points.queries
    query_frames = np.rint(points.queries[:, 0]).astype(np.int64)
    ids = np.arange(len(points.queries), dtype=np.int64)
    frames = 0
    for back in (False, True) if backward else (False,):
        rows = np.flatnonzero(query_frames > span.start) if back else ids
        if len(rows) == 0:
            continue
        run = TrackRun(source, tracker, points.queries[rows], ids[rows], start=span.start, end=span.end, backward=back)
        with progress_bar("Tracking backward" if back else "Tracking", span.end - span.start) as update:
            for prediction in run:
                _take(tracks, prediction, query_frames, back)
                update(run.frames_done, run.frames_total)
        frames += run.frames_done
    _label(tracks, query_frames, threshold)
    return tracks, frames


def _take(tracks: "TrackFile", prediction: "Prediction", query_frames: "NDArray[np.int64]", back: bool) -> None:
    """Write what is predicted from the queries on, or when `back` before them; later predictions win."""
    import numpy as np

    rows, times = prediction.ids, slice(prediction.first_frame, prediction.end_frame)
    moments = np.arange(times.start, times.stop)[:, None]
    known = np.isfinite(prediction.tracks).all(axis=2) & ((moments < query_frames[rows]) == back)
    for cells, values in (
        (tracks.xy, prediction.tracks),
        (tracks.visibility, prediction.visibility),
        (tracks.confidence, prediction.confidence),
    ):
        window = cells[rows, times].swapaxes(0, 1)
        window[known] = values[known]
        cells[rows, times] = window.swapaxes(0, 1)


def _label(tracks: "TrackFile", query_frames: "NDArray[np.int64]", threshold: float) -> None:
    """Put states and sources on the predicted cells, and the queries in as anchors."""
    import numpy as np

    from app.document.runs import predicted_states
    from tracker.labels import Source, State

    known = np.isfinite(tracks.xy).all(axis=2)
    states = predicted_states(tracks.xy, tracks.visibility, tracks.confidence, threshold, tracks.size_wh)
    tracks.state[known], tracks.source[known] = states[known], Source.MODEL
    at = np.arange(tracks.n_tracks), query_frames
    tracks.xy[at] = tracks.query_points[:, 1:]
    tracks.state[at], tracks.source[at] = State.VISIBLE, Source.ANCHOR
    tracks.visibility[at] = tracks.confidence[at] = np.nan


def _result(out: Path, tracks: "TrackFile", span: Span, tracker: "Tracker") -> dict[str, object]:
    from tracker.labels import State

    counts = Counter(tracks.state.ravel().tolist())
    return {
        "output": str(out),
        "tracker": tracker.name,
        "device": tracker.device,
        "tracks": tracks.n_tracks,
        "frames": tracks.n_frames,
        "start": span.start,
        "end": span.end,
        "cells": {state.name.lower(): counts[state] for state in State},
    }


def _sentence(result: dict[str, object]) -> str:
    cells = result["cells"]
    assert isinstance(cells, dict)
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in cells.items())
    return (
        f"{result['output']}: {result['tracks']} tracks over {result['frames']} frames by {result['tracker']} "
        f"on {result['device']}, {result['frames_per_second']:.1f} frames/s; cells: {counts}"
    )
