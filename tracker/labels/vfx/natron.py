"""A Python script for Natron's script editor that makes a Tracker node with these tracks; Natron has no import of them.

Positions are canonical pixels: from the bottom-left corner, pixel centres at .5, x stretched by the pixel aspect ratio.
Frames are the timeline's, which follow the plate. A track is switched off where its point is hidden. Built from the
manual (Effect, Tracker, Track, Double2DParam); plain enough for both Pythons that Natron has had, 2.7 and 3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tracker.files import InputError
from tracker.labels.conventions import PLATE_FRAMES, RASTER_UP, Positions
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.plate import Plate
from tracker.labels.text import plain_names, write_text
from tracker.labels.vfx.blender import data_lines, read_data


def _stretched(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return RASTER_UP.to_file(xy, size_wh, plate) * (float(plate.pixel_aspect), 1.0)


def _from_stretched(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return RASTER_UP.from_file(np.asarray(xy, np.float64) / (float(plate.pixel_aspect), 1.0), size_wh, plate)


CONVENTION = replace(
    RASTER_UP,
    pixels="pixels from the bottom-left corner, y up, pixel centres at .5, x times the pixel aspect ratio",
    frames=f"{PLATE_FRAMES}, as on the timeline",
    to_file=_stretched,
    from_file=_from_stretched,
)

_HEAD = """\
# Makes a Tracker node in Natron: open this in the script editor and run it.
FIRST = %d  # the number of the plate's first picture on the timeline
# Each track: its name, and a line per key: the frame, x and y in canonical pixels from the bottom-left corner, and a 1
# where the point is hidden.
TRACKS = [
"""
_TAIL = """\
]


def add_track(tracker, name, text):
    track = tracker.createTrack()
    track.setScriptName(name)
    centre, enabled = track.getParam("centerPoint"), track.getParam("enabled")
    enabled.setValueAtTime(False, FIRST)
    before = None
    for line in text.split("\\n"):
        cells = line.split()
        frame = int(cells[0])
        if before is not None and frame > before + 1:
            enabled.setValueAtTime(False, before + 1)
        centre.setValueAtTime(float(cells[1]), frame, 0)
        centre.setValueAtTime(float(cells[2]), frame, 1)
        enabled.setValueAtTime(len(cells) == 3, frame)
        before = frame
    enabled.setValueAtTime(False, before + 1)


try:
    project = app
except NameError:
    project = app1
node = project.createNode("fr.inria.built-in.Tracker")
tracker = node.tracker if hasattr(node, "tracker") else node.getTrackerContext()
for name, text in TRACKS:
    add_track(tracker, name, text)
"""


def write_script(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the script. Raises InputError where there is nothing to write or the path cannot be written."""
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a position to write")
    names = plain_names([track.name for track in keys])
    write_text(path, _pieces(tracks, keys, names, options))
    changed = {track.name: name for track, name in zip(keys, names, strict=True) if track.name != name}
    cells = sum(len(track.frames) for track in keys)
    note = "Open the script in Natron's script editor and run it there."
    return Written(len(keys), tracks.n_tracks - len(keys), cells, note, changed)


def _pieces(
    tracks: TrackFile, keys: Sequence[TrackKeys], names: Sequence[str], options: ExportOptions
) -> Iterator[str]:
    yield _HEAD % CONVENTION.first_number(options)
    yield from data_lines(tracks, keys, names, options, CONVENTION)
    yield _TAIL


def read_script(path: Path, video: VideoFacts) -> TrackFile:
    """Read the tracks of a script that `write_script` made; nothing in it is run. Raises InputError."""
    return tracks_from_keys(path, video, CONVENTION, read_data(path))


register(
    Format(
        name="natron",
        title="Natron script",
        suffix=".py",
        audience="vfx",
        convention=CONVENTION,
        carries="positions, plain names; a track is switched off on frames on which its point is hidden",
        loses="confidence, groups",
        write=write_script,
        read=read_script,
        imports=False,
        rounding=1e-4,
        hidden=("gap", "flag", "linear"),
        untested="Nobody has run this script in Natron yet; look at the first and the last key.",
    )
)
