"""Nuke's Tracker node: a script to be opened or pasted, with all tracks in one Tracker4 (Nuke 7 and later).

A Tracker4 has a table of 31 columns, of which the position is two curves and `enable` says on which frames the track is
to be used: it is switched off in gaps, which Nuke would else fill, and where a hidden point is kept. `error` is 1 minus
the confidence. Pixels on the raster from the bottom-left, pixel centres at .5; frames as the plate numbers them. Read
as well: Tracker3 (Nuke 5 and 6) and CornerPin2D, all nodes of a script, and so Mocha's exports for Nuke. Source:
scripts written by Nuke 5 to 8.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tracker.files import InputError
from tracker.labels.conventions import RASTER_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, plain_names, write_text
from tracker.labels.vfx.nuke_corner_pin import pin_corners
from tracker.labels.vfx.nuke_curves import NAME_CHARACTERS, PREAMBLE, Curve, Node, Script, Word, curve_text

TABLE_VERSION = "1"
_NEEDED = ("name", "track_x", "track_y")
# Type, shown, width and names of the table's columns.
_NUMBERS = "error_min error_max pattern_x pattern_y pattern_r pattern_t search_x search_y search_r search_t"
_KEYS = (
    "key_track key_search_x key_search_y key_search_r key_search_t key_track_x key_track_y key_track_r key_track_t "
    "key_centre_offset_x key_centre_offset_y"
)
COLUMNS = (
    ("5 1 20", "enable", "e"),
    ("3 1 75", "name", "name"),
    *(("2 1 58", name, name) for name in ("track_x", "track_y")),
    *(("2 1 63", name, name) for name in ("offset_x", "offset_y")),
    *(("4 1 27", name, name) for name in "TRS"),
    ("2 0 45", "error", "error"),
    *(("1 1 0", name, name) for name in _NUMBERS.split()),
    *(("2 1 0", name, name) for name in _KEYS.split()),
)
_TRACKER3_KNOBS = ("track1", "track2", "track3", "track4")
_BOXES = "-32 -32 32 32 -22 -22 22 22"  # the pattern, and how far beyond it is searched: Nuke's own default
_NO_KEYS = " ".join(["{}"] * len(_KEYS.split()))


def write_nuke(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write one Tracker4 with all tracks that have a key.

    Raises:
        InputError: there is nothing to write, or the path cannot be written.
    """
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a position to write")
    names = plain_names([track.name for track in keys], NAME_CHARACTERS)
    write_text(path, _script(tracks, keys, names, options))
    changed = {track.name: name for track, name in zip(keys, names, strict=True) if track.name != name}
    cells = sum(len(track.frames) for track in keys)
    return Written(len(keys), tracks.n_tracks - len(keys), cells, names=changed)


def _script(tracks: TrackFile, keys: list[TrackKeys], names: list[str], options: ExportOptions) -> Iterator[str]:
    yield f"{PREAMBLE}Tracker4 {{\ntracks {{ {{ {TABLE_VERSION} {len(COLUMNS)} {len(keys)} }} \n{{ "
    yield "\n".join(f"{{ {kind} {name} {label} 1 }} " for kind, name, label in COLUMNS)
    yield "\n} \n{ \n"
    for done, (track, name) in enumerate(zip(keys, names, strict=True), start=1):
        yield _row(tracks, track, name, options)
        options.report(done, len(keys))
    first = RASTER_UP.first_number(options)
    node = plain_names([f"Tracks_{options.name}"])[0]
    yield f"}} \n}}\n\nreference_frame {first + (options.reference_frame or 0)}\n"
    yield f"name {node}\nselected true\nxpos 0\nypos 0\n}}\n"


def _row(tracks: TrackFile, track: TrackKeys, name: str, options: ExportOptions) -> str:
    first = RASTER_UP.first_number(options)
    xy = RASTER_UP.to_file(track.xy, tracks.size_wh, options.plate)
    frames, error = track.frames + first, 1 - track.confidence
    cells = (
        _enable(track, tracks.n_frames, first),
        f'"{name}"',
        curve_text("L", frames, xy[:, 0]),
        curve_text("L", frames, xy[:, 1]),
        f"{{curve K x{frames[0]} 0}} {{curve K x{frames[0]} 0}} 1 0 0",
        curve_text("L", frames, error),
        f"{error.min():.6f} {error.max():.6f} {_BOXES} {_NO_KEYS}",
    )
    return f" {{ {' '.join(cells)}  }} \n"


def _enable(track: TrackKeys, n_frames: int, first: int) -> str:
    """On where the point is visible; a key wherever that changes."""
    used = np.zeros(n_frames, np.int64)
    used[track.frames[track.visible]] = 1
    changes = np.concatenate(([0], np.flatnonzero(np.diff(used)) + 1))
    return curve_text("K", changes + first, used[changes], "%d")


def read_nuke(path: Path, video: VideoFacts) -> TrackFile:
    """The tracks of every Tracker4, Tracker3 and CornerPin2D of a script; those without keys are left out.

    Where there is more than one node, each is a group. A key is occluded where `enable` is 0.

    Raises:
        InputError: no Nuke script, no such node in it, a table of another version, or a bad curve; names the line.
    """
    script = Script(path)
    readers = {"Tracker4": _tracker4, "Tracker3": _tracker3, "CornerPin2D": pin_corners}
    nodes = script.nodes(*readers)
    if not nodes:
        raise InputError(f"{path}: there is no Tracker4, Tracker3 or CornerPin2D node in this script")
    found = []
    for node in nodes:
        for track in readers[node.kind](script, node, len(nodes) > 1):
            track.group = node.name if len(nodes) > 1 else ""
            found.append(track)
    if not found:
        raise InputError(f"{path}: line {nodes[0].line}: no track of this script has keys")
    return tracks_from_keys(path, video, RASTER_UP, found)


def _tracker3(script: Script, node: Node, several: bool) -> Iterator[ReadTrack]:
    cells = {knob: script.items(node.knobs[knob]) for knob in _TRACKER3_KNOBS if knob in node.knobs}
    tracks = [script.track(knob, *pair) for knob, pair in cells.items() if len(pair) == 2]
    moving = [track for track in tracks if track is not None]
    for track in moving:
        if several:
            track.name = node.name if len(moving) == 1 else f"{node.name} {track.name}"
        yield track


def _tracker4(script: Script, node: Node, several: bool) -> Iterator[ReadTrack]:
    if "tracks" not in node.knobs:
        return
    parts = script.items(node.knobs["tracks"])
    if len(parts) != 3:
        raise bad_line(script.path, node.line, "the table of this Tracker4 has not three parts")
    head, columns, table = map(script.items, parts)
    line = script.line(parts[0].at)
    if [word.text for word in head[:1]] != [TABLE_VERSION]:
        known = f"this table is of another version than {TABLE_VERSION}, the one that is known here"
        raise bad_line(script.path, line, known)
    if [word.text for word in head[1:]] != [str(len(columns)), str(len(table))]:
        told = " and ".join(word.text for word in head[1:])
        reason = f"{told} columns and tracks are announced, {len(columns)} and {len(table)} are there"
        raise bad_line(script.path, line, reason)
    places = {words[3].text: place for place, words in enumerate(map(script.items, columns)) if len(words) > 3}
    if missing := [name for name in _NEEDED if name not in places]:
        raise bad_line(script.path, line, f"this table has no column {missing[0]}")
    for row in table:
        track = _track(script, row, places, len(columns))
        if track is not None:
            yield track


def _track(script: Script, row: Word, places: dict[str, int], width: int) -> ReadTrack | None:
    """The track of one row of a Tracker4's table; None where it has no keys."""
    cells = script.items(row)
    if len(cells) != width:
        raise bad_line(script.path, script.line(row.at), f"this track has {len(cells)} cells instead of {width}")
    name, x, y = (cells[places[name]] for name in _NEEDED)
    track = script.track(name.text, x, y)
    if track is None:
        return None
    enable = script.curve(cells[places["enable"]]) if "enable" in places else None
    if enable is not None:
        track.visible = _held(enable, track.frames)
    error = script.curve(cells[places["error"]]) if "error" in places else None
    if isinstance(error, Curve) and error.frames == track.frames:
        track.confidence = [1 - value for value in error.values]
    elif isinstance(error, Curve):
        known = dict(zip(error.frames, error.values, strict=True))
        track.confidence = [1 - known.get(frame, math.nan) for frame in track.frames]
    return track


def _held(switch: Curve | float, frames: list[int]) -> list[bool]:
    """Whether a switch is on at each frame: it keeps the state of the key before, and of its first key before that."""
    if isinstance(switch, float):
        return [switch != 0] * len(frames)
    order = np.argsort(switch.frames, kind="stable")
    last = np.searchsorted(np.array(switch.frames)[order], frames, side="right") - 1
    values: list[bool] = (np.array(switch.values)[order][np.maximum(last, 0)] != 0).tolist()
    return values


register(
    Format(
        name="nuke",
        title="Nuke Tracker",
        suffix=".nk",
        pastes=True,
        audience="vfx",
        convention=RASTER_UP,
        carries="positions, names of plain letters, confidence as error, gaps and hidden frames as enable",
        loses="other characters in names, groups, why a point is hidden, who placed it",
        write=write_nuke,
        read=read_nuke,
        rounding=1e-6,
        hidden=("gap", "flag", "linear"),
    )
)
