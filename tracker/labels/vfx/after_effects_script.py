"""A script for After Effects (File > Scripts > Run Script File) that makes one null object per track in the open
composition, with Position keys.

Pixels count from the top-left corner of the composition with centres at .5, frames from 0. The script refuses a
composition of another size or rate. A null holds still over a gap. Tracks stand in the script as JSON, escaped to
ASCII, so that a name can hold anything. Made from Adobe's scripting guide (`LayerCollection.addNull`,
`Property.setValuesAtTimes`, `Property.setInterpolationTypeAtKey`); ES3, which the program's engine speaks.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tracker.files import InputError
from tracker.labels.conventions import FROM_0, RASTER_DOWN
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import read_text, rows, write_text

CONVENTION = replace(RASTER_DOWN, frames=FROM_0, first=0, fixed=True)

_HEAD = """\
// Makes one null per track in the open composition: run it with File > Scripts > Run Script File.
// Positions are pixels from the top-left corner; frame 0 is the first of the composition.
var WIDTH = %d, HEIGHT = %d, RATE = %d / %d;
// Each track: its name, its frames, and x, y for each of them.
var TRACKS = [
"""
_TAIL = """
];

(function () {
    var comp = app.project.activeItem;
    if (!(comp instanceof CompItem)) {
        alert("Open the composition of the plate first.");
        return;
    }
    if (comp.width !== WIDTH || comp.height !== HEIGHT || Math.abs(comp.frameRate - RATE) > 0.01) {
        alert("These tracks need a composition of " + WIDTH + "x" + HEIGHT + " pixels at " + RATE.toFixed(3) +
            " frames per second; this one has " + comp.width + "x" + comp.height + " at " + comp.frameRate + ".");
        return;
    }
    app.beginUndoGroup("Import tracks");
    try {
        for (var n = TRACKS.length - 1; n >= 0; n--) {  // the last is made first, so that the first lies on top
            addNull(comp, TRACKS[n][0], TRACKS[n][1], TRACKS[n][2]);
        }
    } finally {
        app.endUndoGroup();
    }

    function addNull(comp, name, frames, positions) {
        var layer = comp.layers.addNull(comp.duration);
        layer.name = name;
        var position = layer.property("ADBE Transform Group").property("ADBE Position");
        var times = [];
        for (var i = 0; i < frames.length; i++) {
            times.push(frames[i] * comp.frameDuration);
        }
        position.setValuesAtTimes(times, positions);
        for (var k = 1; k < frames.length; k++) {
            if (frames[k] - frames[k - 1] > 1) {  // a gap: hold, invent no way through it
                position.setInterpolationTypeAtKey(
                    k, KeyframeInterpolationType.LINEAR, KeyframeInterpolationType.HOLD);
            }
        }
    }
}());
"""


def write_script(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the script. Raises InputError where there is nothing to write or the path cannot be written."""
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a visible position to write")
    write_text(path, _pieces(tracks, keys, options))
    cells = sum(len(track.frames) for track in keys)
    note = "Run it in After Effects with the plate's composition open: File > Scripts > Run Script File."
    return Written(len(keys), tracks.n_tracks - len(keys), cells, note)


def _pieces(tracks: TrackFile, keys: Sequence[TrackKeys], options: ExportOptions) -> Iterator[str]:
    yield _HEAD % (*tracks.size_wh, *options.plate.fps.as_integer_ratio())
    for done, track in enumerate(keys, start=1):
        xy = CONVENTION.to_file(track.xy, tracks.size_wh, options.plate)
        frames = rows("%d,", track.frames + CONVENTION.first_number(options)).rstrip(",")
        positions = rows("[%.6f,%.6f],", xy[:, 0], xy[:, 1]).rstrip(",")
        yield f"[{json.dumps(track.name)},[{frames}],\n[{positions}]]{',' if done < len(keys) else ''}\n"
        options.report(done, len(keys))
    yield _TAIL.lstrip("\n")


def read_script(path: Path, video: VideoFacts) -> TrackFile:
    """Read the tracks of a script that `write_script` made; nothing in it is run. Raises InputError."""
    _, found, rest = read_text(path).partition("var TRACKS = ")
    data, ended, _ = rest.partition("\n];\n")
    if not found or not ended:
        raise InputError(f"{path}: this is no script with tracks, or it is cut off")
    try:
        tracks = [_track(entry) for entry in json.loads(f"{data}]")]
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: the tracks in this script cannot be read: {error}") from error
    return tracks_from_keys(path, video, CONVENTION, tracks)


def _track(entry: Any) -> ReadTrack:
    name, frames, positions = entry
    if len(frames) != len(positions):
        raise ValueError(f"the track {name!r} has {len(frames)} frames and {len(positions)} positions")
    return ReadTrack(str(name), frames, positions)


register(
    Format(
        name="after-effects-script",
        title="After Effects script, a null per track",
        suffix=".jsx",
        audience="vfx",
        convention=CONVENTION,
        carries="positions and names, one null per track; a null holds still over a gap",
        loses="confidence, groups, which of the held frames were hidden",
        write=write_script,
        read=read_script,
        imports=False,
        rounding=1e-4,
        hidden=("gap", "linear"),
        untested="Nobody has run this script in After Effects yet; look at the first and the last key.",
    )
)
