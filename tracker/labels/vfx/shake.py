"""Shake's tracker text, which Nuke's CameraTracker imports too, where the tracks are called usertrack0, usertrack1, ….

Per track two lines of heads (`TrackName NAME`, the columns' titles), a row of frame, x, y and correlation per key, and
an empty line; gaps have no rows. Three decimals, as Shake writes them. Pixels on the raster from the bottom-left, pixel
centres at .5; frames as the plate numbers them. Correlation is 1 where the match is perfect. Source: files of Shake.
"""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tracker.files import InputError
from tracker.labels.conventions import RASTER_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, TrackKeys, keys_of, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, plain_names, read_text, rows, to_float, to_frame, write_text

_TITLES = "   Frame             X             Y   Correlation\n"
_HEAD = re.compile(r"\s*TrackName\s*(.*)", re.IGNORECASE)


def write_shake(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write all tracks that have a key. Raises InputError where there are none, or the path cannot be written."""
    keys = _keys(tracks, path, options)
    return _write(tracks, keys, plain_names([track.name for track in keys]), path, options)


def write_cameratracker(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """The same under the names that Nuke's CameraTracker asks for."""
    keys = _keys(tracks, path, options)
    return _write(tracks, keys, [f"usertrack{number}" for number in range(len(keys))], path, options)


def _keys(tracks: TrackFile, path: Path, options: ExportOptions) -> list[TrackKeys]:
    keys = keys_of(tracks, options.hidden or "gap")
    if not keys:
        raise InputError(f"{path}: no track has a position to write")
    return keys


def _write(
    tracks: TrackFile, keys: Sequence[TrackKeys], names: Sequence[str], path: Path, options: ExportOptions
) -> Written:
    def blocks() -> Iterator[str]:
        first = RASTER_UP.first_number(options)
        for done, (track, name) in enumerate(zip(keys, names, strict=True), start=1):
            xy = RASTER_UP.to_file(track.xy, tracks.size_wh, options.plate)
            yield f"TrackName {name}\n{_TITLES}"
            yield rows("%8.2f %13.3f %13.3f %13.3f\n", track.frames + first, xy[:, 0], xy[:, 1], track.confidence)
            yield "\n"
            options.report(done, len(keys))

    write_text(path, blocks())
    changed = {track.name: name for track, name in zip(keys, names, strict=True) if track.name != name}
    cells = sum(len(track.frames) for track in keys)
    return Written(len(keys), tracks.n_tracks - len(keys), cells, names=changed)


def read_shake(path: Path, video: VideoFacts) -> TrackFile:
    """The tracks of a file, in its order; the correlation may be missing.

    Raises:
        InputError: no such file, or a bad line, named by its number.
    """
    found: list[ReadTrack] = []
    lines = read_text(path).split("\n")
    heads = [number for number, line in enumerate(lines) if "rackname" in line.lower() and _HEAD.match(line)]
    if any(line.strip() for line in lines[: heads[0] if heads else None]):
        raise bad_line(path, 1, "expected TrackName and the name of a track")
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        head = _HEAD.match(lines[start])
        assert head is not None
        found.append(_track(path, head[1].strip(), lines[start + 1 : end], start + 2))
    return tracks_from_keys(path, video, RASTER_UP, found)


def _track(path: Path, name: str, lines: Sequence[str], first_line: int) -> ReadTrack:
    if not lines or lines[0].split()[:3] != ["Frame", "X", "Y"]:
        raise bad_line(path, first_line, "expected the columns' titles Frame, X, Y and Correlation")
    width = len(lines[0].split())
    numbers: list[int] = []
    found: list[str] = []
    for number, line in enumerate(lines[1:], start=first_line + 1):
        cells = line.split()
        if cells and len(cells) != width:
            raise bad_line(path, number, f"expected {width} numbers, not {len(cells)}")
        if cells:
            numbers.append(number)
            found += cells
    return track_of_cells(path, name, numbers, found)


def track_of_cells(path: Path, name: str, lines: Sequence[int], cells: Sequence[str]) -> ReadTrack:
    """The track of rows of frame, x, y and perhaps a confidence: their lines, and their cells one after the other.

    Raises:
        InputError: a cell is no such number; names the line.
    """
    track = ReadTrack(name)
    if not lines:
        return track
    width = len(cells) // len(lines)
    try:
        values = list(map(float, cells))
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)) or not all(map(float.is_integer, values[::width])):
        for at, cell in enumerate(cells):  # the slow way, which names the cell
            (to_float if at % width else to_frame)(cell, path, lines[at // width])
    track.frames, track.lines = list(map(int, values[::width])), list(lines)
    track.xy = list(zip(values[1::width], values[2::width], strict=True))
    track.confidence = values[3::width] if width > 3 else []
    return track


register(
    Format(
        name="shake",
        title="Shake",
        suffix=".txt",
        audience="vfx",
        convention=RASTER_UP,
        carries="positions, names of plain letters, confidence as correlation; gaps have no rows",
        loses="other characters in names, groups, every state but visible, confidence beyond three decimals",
        write=write_shake,
        read=read_shake,
        rounding=5e-4,
        hidden=("gap", "linear"),
    )
)
register(
    Format(
        name="nuke-cameratracker",
        title="Nuke CameraTracker",
        suffix=".txt",
        audience="vfx",
        convention=RASTER_UP,
        carries="positions, confidence as correlation; gaps have no rows",
        loses="names (they become usertrack0, usertrack1, …), groups, every state but visible",
        write=write_cameratracker,
        read=read_shake,
        imports=False,
        rounding=5e-4,
        hidden=("gap", "linear"),
        untested="Nobody here could try whether CameraTracker takes other names too.",
    )
)
