"""Nuke's CornerPin2D node: four tracks that pin a picture to a plane.

The knobs to1 to to4 are the corners bottom-left, bottom-right, top-right and top-left, each two curves; from1 to from4
are the corners of what is pinned: the whole plate's, or, where a reference frame was chosen, the four tracks as they
lie on that frame, which moves the plate itself. Pixels on the raster from the bottom-left, pixel centres at .5; frames
as the plate numbers them. Mocha's "Nuke Corner Pin" is the same node. Source: nodes copied out of Nuke.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.conventions import RASTER_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import plain_names, write_text
from tracker.labels.vfx.nuke_curves import PREAMBLE, Node, Script, curve_text

CORNERS = ("top-left", "top-right", "bottom-right", "bottom-left")
_KNOBS = ("to4", "to3", "to2", "to1")  # of CORNERS


def write_corner_pin(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write four tracks, ordered as CORNERS, as one node.

    Raises:
        InputError: a corner has no key, or the path cannot be written.
    """
    keys = keys_of(tracks, options.hidden or "gap")
    if len(keys) != len(CORNERS):
        raise InputError(f"{path}: a corner pin needs a position for each of its four corners")
    write_text(path, _node(tracks, keys, options))
    return Written(4, tracks.n_tracks - 4, sum(len(corner.frames) for corner in keys))


def _node(tracks: TrackFile, keys: list[TrackKeys], options: ExportOptions) -> Iterator[str]:
    yield f"{PREAMBLE}CornerPin2D {{\n"
    first = RASTER_UP.first_number(options)
    for done, (knob, corner) in enumerate(reversed(list(zip(_KNOBS, keys, strict=True))), start=1):
        xy = RASTER_UP.to_file(corner.xy, tracks.size_wh, options.plate)
        frames = corner.frames + first
        yield f"{knob} {{{curve_text('L', frames, xy[:, 0])} {curve_text('L', frames, xy[:, 1])}}}\n"
        options.report(done, len(CORNERS))
    for number, (x, y) in enumerate(_pinned(tracks, keys, options).tolist(), start=1):
        yield f"from{number} {{{x:.6f} {y:.6f}}}\n"
    name = plain_names([f"CornerPin_{options.name}"])[0]
    yield f"name {name}\nselected true\nxpos 0\nypos 0\n}}\n"


def _pinned(tracks: TrackFile, keys: list[TrackKeys], options: ExportOptions) -> NDArray[np.float64]:
    """(4, 2) corners of what is pinned, in the file's pixels and the node's order."""
    if options.reference_frame is None:
        width, height = tracks.size_wh
        return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    quad = tracks.xy[[corner.row for corner in reversed(keys)], options.reference_frame].astype(np.float64)
    return RASTER_UP.to_file(quad, tracks.size_wh, options.plate)


def read_corner_pin(path: Path, video: VideoFacts) -> TrackFile:
    """The corners of every CornerPin2D of a script, each node's as CORNERS.

    Raises:
        InputError: no Nuke script, no such node in it, or nothing in it moves; names the line.
    """
    script = Script(path)
    nodes = script.nodes("CornerPin2D")
    if not nodes:
        raise InputError(f"{path}: there is no CornerPin2D node in this script")
    found = [track for node in nodes for track in pin_corners(script, node, len(nodes) > 1)]
    if not found:
        raise InputError(f"{path}: line {nodes[0].line}: no corner of the CornerPin2D node has keys")
    return tracks_from_keys(path, video, RASTER_UP, found)


def pin_corners(script: Script, node: Node, several: bool) -> Iterator[ReadTrack]:
    """The corners of one node that have keys; `several`: the script has other nodes, so that they go by its name."""
    for corner, knob in zip(CORNERS, _KNOBS, strict=True):
        cells = script.items(node.knobs[knob]) if knob in node.knobs else []
        track = script.track(f"{node.name} {corner}" if several else corner, *cells) if len(cells) == 2 else None
        if track is not None:
            yield track


register(
    Format(
        name="nuke-corner-pin",
        title="Nuke CornerPin2D",
        suffix=".nk",
        pastes=True,
        audience="vfx",
        convention=RASTER_UP,
        carries="the positions of four corners; gaps are left out of their curves",
        loses="names, groups, confidence and every state but visible; Nuke runs straight through a gap",
        write=write_corner_pin,
        read=read_corner_pin,
        rounding=1e-6,
        hidden=("gap", "linear"),
        corners=True,
    )
)
