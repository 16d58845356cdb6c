"""Shots whose tracks are known exactly: a texture that drifts, and tracks that drift with it."""

from pathlib import Path

import numpy as np

from tests.cli.commandline import STEP, drifting_clip
from tracker.labels import Source, State, TrackFile, write_tracks
from tracker.video import open_source

POINTS = ((40.0, 60.0), (100.0, 50.0), (60.0, 90.0), (110.0, 95.0))


def known_tracks(video: Path, points: tuple[tuple[float, float], ...] = POINTS) -> TrackFile:
    """Tracks that move as `drifting_clip` does, all visible, with confidences that rise over the frames."""
    with open_source(video) as source:
        tracks = TrackFile.empty(len(points), source.pts, source.time_base, (source.width, source.height))
    steps = np.arange(tracks.n_frames)[:, None] * np.array(STEP)
    tracks.xy[:] = np.array(points)[:, None] + steps
    tracks.state[:], tracks.source[:] = State.VISIBLE, Source.MODEL
    tracks.visibility[:] = 1
    tracks.confidence[:] = np.linspace(0.2, 1, tracks.n_frames, dtype=np.float32)
    tracks.query_from_first_visible()
    return tracks


def shot(folder: Path, frames: int = 8) -> tuple[Path, Path]:
    """A clip of 160x120 and its track file."""
    video = drifting_clip(folder / "shot.mp4", frames)
    write_tracks(folder / "shot.npz", known_tracks(video))
    return video, folder / "shot.npz"
