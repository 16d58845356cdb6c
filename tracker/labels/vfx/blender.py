"""A Python script that fills the movie clip editor of Blender (3.4 to 5.0), which has no import of tracks.

Run it from the text editor with the clip open, or as `blender --background --python FILE -- PLATE [OUT.blend]`.

A marker lies at 0 to 1 over the picture from its bottom-left corner; the script holds pixels from that corner, with
centres at .5, and divides by the plate's size, so that a clip of smaller pictures of the same shape works too. Markers
count in clip time: the first picture is 1 even when its file is plate.1001.exr. A frame on which the point is hidden
gets a muted marker, which the solver passes over, and one follows the last key, because Blender would carry the track
on. These calls were tried in Blender 3.4, 4.5 and 5.0; positions come back from there to within 0.0001 px.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tracker.files import InputError
from tracker.labels.conventions import FROM_1, RASTER_UP, Convention
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import read_text, rows, write_text

CONVENTION = replace(RASTER_UP, frames=f"{FROM_1} (clip time)", first=1, fixed=True)

_LONGEST_NAME = 63  # bytes of UTF-8 that Blender keeps of a name

_HEAD = """\
# Adds tracks to a movie clip of Blender 3.4 to 5.0. Open the plate in the movie clip editor and run this in the text
# editor, or: blender --background --python THIS_FILE -- PLATE [OUT.blend]
import sys

WIDTH, HEIGHT, FIRST = %d, %d, %d  # the plate's size, and the number of its first picture
# Each track: its name, and a line per key: the frame (1 is the clip's first picture), x and y in pixels from the
# bottom-left corner, and a 1 where the point is hidden.
TRACKS = [
"""
_TAIL = """\
]


def add_tracks(clip):
    width, height = clip.size[0] or WIDTH, clip.size[1] or HEIGHT
    if abs(width * HEIGHT - height * WIDTH) > max(width, height, WIDTH, HEIGHT):
        raise RuntimeError(f"the clip has {width}x{height} pixels, the tracks are of {WIDTH}x{HEIGHT}")
    for name, text in TRACKS:
        add_track(clip, name, [line.split() for line in text.split("\\n")])


def add_track(clip, name, lines):
    keys = {int(frame): (float(x) / WIDTH, float(y) / HEIGHT, bool(hidden)) for frame, x, y, *hidden in lines}
    first, last = min(keys), max(keys)
    markers = clip.tracking.tracks.new(name=name, frame=first).markers
    for frame in range(first, last + 1):
        if frame in keys:
            u, v, hidden = keys[frame]
        else:  # Blender would go on tracking through a gap without a marker
            hidden = True
        put(markers, frame, u, v, hidden)
    if last < clip.frame_duration:  # the track ends here
        put(markers, last + 1, u, v, True)


def put(markers, frame, u, v, muted):
    markers.insert_frame(frame, co=(u, v))
    markers.find_frame(frame).mute = muted


def main():
    import bpy

    args = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if args:
        clip = bpy.data.movieclips.load(args[0])
        clip.frame_start = FIRST  # the clip lies at its own numbers in the scene
        clip.use_fake_user = True  # a clip that nothing refers to is not saved
    else:
        clip = getattr(bpy.context, "edit_movieclip", None) or next(iter(bpy.data.movieclips), None)
    if clip is None:
        raise RuntimeError("open the plate in the movie clip editor first")
    add_tracks(clip)
    print(f"{len(TRACKS)} tracks added to {clip.name}")
    if len(args) > 1:
        bpy.ops.wm.save_as_mainfile(filepath=args[1])


if __name__ == "__main__":
    main()
"""


def write_script(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write the script. Raises InputError where there is nothing to write or the path cannot be written."""
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a position to write")
    write_text(path, _pieces(tracks, keys, options))
    long = {track.name: _cut(track.name) for track in keys if _cut(track.name) != track.name}
    note = "Open the plate in Blender's movie clip editor, then run this script in the text editor."
    return Written(len(keys), tracks.n_tracks - len(keys), sum(len(track.frames) for track in keys), note, long)


def _cut(name: str) -> str:
    return name.encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore")


def _pieces(tracks: TrackFile, keys: Sequence[TrackKeys], options: ExportOptions) -> Iterator[str]:
    yield _HEAD % (*tracks.size_wh, options.plate.first_frame)
    yield from data_lines(tracks, keys, [_cut(track.name) for track in keys], options, CONVENTION)
    yield _TAIL


def data_lines(
    tracks: TrackFile, keys: Sequence[TrackKeys], names: Sequence[str], options: ExportOptions, convention: Convention
) -> Iterator[str]:
    """The entries of a script's list of tracks: a name, and a text with a line "frame x y" per key, and a 1 behind it
    where the point is hidden.

    One string per track, because a million numbers as Python literals take minutes to load.
    """
    for done, (track, name) in enumerate(zip(keys, names, strict=True), start=1):
        xy = convention.to_file(track.xy, tracks.size_wh, options.plate)
        hidden = ["" if visible else " 1" for visible in track.visible.tolist()]
        frames = track.frames + convention.first_number(options)
        lines = rows("%d %.6f %.6f%s\n", frames, xy[:, 0], xy[:, 1], hidden).rstrip("\n")
        yield f'({name!a}, """{lines}"""),\n'
        options.report(done, len(keys))


def read_script(path: Path, video: VideoFacts) -> TrackFile:
    """Read the tracks of a script that `write_script` made; nothing in it is run. Raises InputError."""
    return tracks_from_keys(path, video, CONVENTION, read_data(path))


def read_data(path: Path) -> list[ReadTrack]:
    """The tracks of a script with entries made by `data_lines`. Raises InputError where it is none, or cut off."""
    _, found, rest = read_text(path).partition("\nTRACKS = ")
    data, ended, _ = rest.partition("\n]\n")
    if not found or not ended:
        raise InputError(f"{path}: this is no script with tracks, or it is cut off")
    try:
        return [_track(name, text) for name, text in ast.literal_eval(f"{data}]")]
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError, AttributeError) as error:
        raise InputError(f"{path}: the tracks in this script cannot be read: {error}") from error


def _track(name: str, text: str) -> ReadTrack:
    track = ReadTrack(name)
    for line in text.split("\n"):
        frame, x, y, *hidden = line.split()
        track.add(int(frame), float(x), float(y))
        track.visible.append(not hidden)
    return track


register(
    Format(
        name="blender",
        title="Blender script",
        suffix=".py",
        audience="vfx",
        convention=CONVENTION,
        carries="positions, names up to 63 bytes; muted markers on frames on which the point is hidden",
        loses="confidence, groups",
        write=write_script,
        read=read_script,
        imports=False,
        rounding=1e-4,
        hidden=("gap", "flag", "linear"),
    )
)
