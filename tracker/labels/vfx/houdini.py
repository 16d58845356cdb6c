"""Houdini's .chan: a table of plain numbers for the File CHOP, one row per frame, one column per channel.

Channels are x, y and visible (1 or 0) of the first track, then of the second, and so on, with tabs between. Nothing
names them, and there is no frame column: the first row is the video's first frame, whose number and rate are given when
it is loaded. A row cannot be left out, so x and y hold the last position where visible is 0 (the first one before it).
Pixels count from the bottom-left corner with centres at .5.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.conventions import RASTER_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, read_text, to_float, write_text

CONVENTION = replace(RASTER_UP, frames="the first row is the video's first frame; its number is given on loading")

_CHANNELS = 3  # of a track: x, y, visible


def write_chan(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write a row for every frame of the video. Raises InputError where there is nothing to write or the path cannot
    be written.
    """
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a visible position to write")
    write_text(path, _pieces(tracks, keys, options))
    order = ", ".join(track.name for track in keys[:10]) + (", …" if len(keys) > 10 else "")
    note = f"The file has no names; channels are x, y, visible of each track in this order: {order}."
    return Written(len(keys), tracks.n_tracks - len(keys), sum(len(track.frames) for track in keys), note)


def _pieces(tracks: TrackFile, keys: list[TrackKeys], options: ExportOptions) -> Iterator[str]:
    table = np.empty((tracks.n_frames, len(keys), _CHANNELS))
    for n, track in enumerate(keys):
        table[:, n, :2] = CONVENTION.to_file(held(track, tracks.n_frames), tracks.size_wh, options.plate)
        table[:, n, 2] = 0
        table[track.frames, n, 2] = 1
    template = "\t".join(["%.6f\t%.6f\t%d"] * len(keys)) + "\n"
    for frame, row in enumerate(table.reshape(tracks.n_frames, -1), start=1):
        yield template % tuple(row.tolist())
        options.report(frame, tracks.n_frames)


def held(keys: TrackKeys, n_frames: int) -> NDArray[np.float64]:
    """Positions (n_frames, 2) on every frame: the last key's where there is none, before the first the first's."""
    last = np.searchsorted(keys.frames, np.arange(n_frames), side="right") - 1
    return keys.xy[np.maximum(last, 0)]


def read_chan(path: Path, video: VideoFacts) -> TrackFile:
    """Read a table of x, y, visible per track with a row for every frame of the video; tracks are named by number.

    Raises:
        InputError: not such a table, another number of rows than the video has frames, or a bad number.
    """
    lines = read_text(path).rstrip().split("\n")
    table = _table(path, lines)
    if len(table) != len(video.pts):
        frames = len(video.pts)
        raise InputError(f"{path}: the table has {len(table)} rows, the video {frames} frames; each needs its row")
    if table.shape[1] % _CHANNELS:
        raise bad_line(path, 1, f"{table.shape[1]} columns are no threes of x, y and visible")
    table = table.reshape(len(table), -1, _CHANNELS)
    bad = np.argwhere((table[..., 2] != 0) & (table[..., 2] != 1))
    if len(bad):
        row, track = bad[0].tolist()
        raise bad_line(path, row + 1, f"visible of track {track + 1} is {table[row, track, 2]:g}, not 0 or 1")
    found = [_track(n, table[:, n], CONVENTION.first_number(video)) for n in range(table.shape[1])]
    return tracks_from_keys(path, video, CONVENTION, found)


def _table(path: Path, lines: list[str]) -> NDArray[np.float64]:
    """Rows of equally many finite numbers."""
    columns = len(lines[0].split())
    table = np.empty((len(lines), columns))
    for at, line in enumerate(lines):
        cells = line.split()
        if len(cells) != columns:
            raise bad_line(path, at + 1, f"expected {columns} values, found {len(cells)}")
        try:
            table[at] = list(map(float, cells))
        except ValueError:
            table[at] = np.nan
        if not np.isfinite(table[at]).all():
            # One by one, to name the one that is wrong.
            table[at] = [to_float(cell, path, at + 1) for cell in cells]
    return table


def _track(n: int, channels: NDArray[np.float64], first: int) -> ReadTrack:
    rows = np.flatnonzero(channels[:, 2])
    x, y = channels[rows, 0].tolist(), channels[rows, 1].tolist()
    return ReadTrack(str(n + 1), (rows + first).tolist(), list(zip(x, y, strict=True)), (rows + 1).tolist())


register(
    Format(
        name="houdini",
        title="Houdini channels",
        suffix=".chan",
        audience="vfx",
        convention=CONVENTION,
        carries="positions, and a channel that says on which frames the point is visible",
        loses="names, confidence, groups, the number of the first frame",
        write=write_chan,
        read=read_chan,
        rounding=1e-4,
        hidden=("gap", "linear"),
        untested="Nobody has loaded this file in Houdini yet; look at the first and the last frame.",
    )
)
