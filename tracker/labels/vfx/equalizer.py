"""Point tracks of 3DEqualizer 4 and 3.

Version 4, "2D tracks": the number of points; then for each its name on a line of its own, the index of its colour (0 is
red), the number of its keys and the rows `frame x y`. Version 3: a heading with the plate's size and length, then for
each point its name and rows that begin with a tab. Both count frames from 1, the first of the camera's sequence, and
pixels from the bottom-left corner with centres at .5, as exports of version 4 show. A gap is where no row is.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tracker.labels.conventions import FROM_1, RASTER_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import bad_line, plain_names, read_text, rows
from tracker.labels.vfx.rows import Block, check_size, counted_tracks, to_count, track_of_rows, write_blocks

CONVENTION = replace(RASTER_UP, frames=FROM_1, first=1, fixed=True)
_names = partial(plain_names, allowed="A-Za-z0-9_ ")
_HEADING = re.compile(r"//\s*3DE Multiple Tracking Curves Export\s+(\d{1,9})\s*x\s*(\d{1,9})\s*\*\s*(\d{1,9})\s*frames")


def write_3de4(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write 2D tracks for version 4. Raises InputError where nothing or nowhere is to be written."""
    return write_blocks(tracks, path, options, CONVENTION, _pieces_4, _names)


def _pieces_4(count: int, blocks: Iterator[Block]) -> Iterator[str]:
    yield f"{count}\n"
    for block in blocks:
        yield f"{block.name}\n0\n{len(block.frames)}\n"
        yield rows("%d %.15f %.15f\n", block.frames, block.x, block.y)


def read_3de4(path: Path, video: VideoFacts) -> TrackFile:
    """Read 2D tracks of version 4; a point without keys comes back as an unlabelled track.

    Raises:
        InputError: not such a file, or a bad line, named by its number.
    """
    found = [track for track, _ in counted_tracks(path, lambda line, at: _check_colour(path, line, at))]
    return tracks_from_keys(path, video, CONVENTION, found)


def _check_colour(path: Path, line: str, at: int) -> None:
    to_count(line, path, at, "a colour")


def write_3de3(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write tracking curves for version 3. Raises InputError where nothing or nowhere is to be written."""
    heading = "// 3DE Multiple Tracking Curves Export {} x {} * {} frames\n".format(*tracks.size_wh, tracks.n_frames)

    def pieces(count: int, blocks: Iterator[Block]) -> Iterator[str]:
        yield heading
        for block in blocks:
            yield f"{block.name}\n"
            yield rows("\t%d\t%.3f\t%.3f\n", block.frames, block.x, block.y)
        yield "\n"

    return write_blocks(tracks, path, options, CONVENTION, pieces, _names)


def read_3de3(path: Path, video: VideoFacts) -> TrackFile:
    """Read tracking curves of version 3.

    Raises:
        InputError: not such a file, one for pictures of another size, or a bad line, named by its number.
    """
    lines = read_text(path).split("\n")
    heading = _HEADING.match(lines[0])
    if heading is None:
        raise bad_line(path, 1, "this is not the heading of 3DEqualizer 3's tracking curves")
    check_size(path, 1, (int(heading[1]), int(heading[2])), video)
    starts = [at for at, line in enumerate(lines) if at and line.strip() and line[0] not in "\t "]
    unnamed = next((at for at, line in enumerate(lines) if at and line.strip()), len(lines))
    if starts[:1] != [unnamed] and unnamed < len(lines):
        raise bad_line(path, unnamed + 1, "expected the name of a point")
    found = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        numbers = [at for at in range(start + 1, end) if lines[at].strip()]
        fields = [lines[at].split() for at in numbers]
        found.append(track_of_rows(path, lines[start].strip(), fields, [at + 1 for at in numbers])[0])
    return tracks_from_keys(path, video, CONVENTION, found)


_LOSES = "hidden frames (gaps), confidence, approval, groups; names keep letters, digits, _ and blanks"

register(
    Format(
        name="3de4",
        title="3DEqualizer 4",
        suffix=".txt",
        audience="vfx",
        convention=CONVENTION,
        carries="positions on the frames where a point is visible, names",
        loses=_LOSES,
        write=write_3de4,
        read=read_3de4,
        hidden=("gap", "linear"),
    )
)
register(
    Format(
        name="3de3",
        title="3DEqualizer 3",
        suffix=".txt",
        audience="vfx",
        convention=CONVENTION,
        carries="positions on the frames where a point is visible, names, the plate's size",
        loses=_LOSES,
        write=write_3de3,
        read=read_3de3,
        rounding=5e-4,
        hidden=("gap", "linear"),
    )
)
