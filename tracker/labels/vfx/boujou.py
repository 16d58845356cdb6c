"""boujou's feature tracks as text: comments, the last of which names the columns, then `name  view  x  y`.

`view` is the frame. y runs down. Where the half pixel lies is not settled: the one public converter writes y one pixel
lower and one frame earlier than it reads, and no file of the program with a known position is at hand. This follows
what that converter reads: y is measured from a line one pixel below the picture's top edge.
"""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tracker.labels.conventions import Convention, Positions
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.plate import Plate
from tracker.labels.text import bad_line, read_text, rows
from tracker.labels.vfx.rows import Block, by_first_word, check_width, track_of_rows, write_blocks

_OFFSET = np.array([0.5, -0.5])


def _to_file(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return np.asarray(xy, np.float64) + _OFFSET


def _from_file(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return np.asarray(xy, np.float64) - _OFFSET


CONVENTION = Convention(
    "pixels from the left edge, y down from one pixel below the top edge (not tested)",
    "from the left edge and one pixel below the top edge (not tested)",
    "from 1, the first frame of the video, unless you choose",
    1,
    False,
    _to_file,
    _from_file,
)


def write_boujou(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write feature tracks. Raises InputError where nothing or nowhere is to be written."""
    return write_blocks(tracks, path, options, CONVENTION, _pieces)


def _pieces(count: int, blocks: Iterator[Block]) -> Iterator[str]:
    yield "# boujou 2d tracks export: text\n# boujou version: 4.1.0 28444 \n"
    yield f"# Creation date : {time.asctime()}\n# \n# track_id    view      x    y\n"
    for block in blocks:
        yield rows(f"{block.name}  %d  %.3f  %.3f\n", block.frames, block.x, block.y)


def read_boujou(path: Path, video: VideoFacts) -> TrackFile:
    """Read feature tracks.

    Raises:
        InputError: not such a file, or a bad line, named by its number.
    """
    text = read_text(path)
    if re.search(r"^\s*#\s*track_id\s+view\s+x\s+y\s*$", text, re.M) is None:
        raise bad_line(path, 1, "there is no line '# track_id  view  x  y', as feature tracks of boujou have it")
    groups = by_first_word(text)
    found = [_track(path, name, *groups[name]) for name in groups if not name.startswith("#")]
    return tracks_from_keys(path, video, CONVENTION, found)


def _track(path: Path, name: str, rests: list[str], lines: list[int]) -> ReadTrack:
    track, behind = track_of_rows(path, name, [rest.split() for rest in rests], lines)
    check_width(path, behind, lines, 0)
    return track


register(
    Format(
        name="boujou",
        title="boujou",
        suffix=".txt",
        audience="vfx",
        convention=CONVENTION,
        carries="positions on the frames where a point is visible, names",
        loses="hidden frames (gaps), confidence, approval, groups; names keep letters, digits and _",
        write=write_boujou,
        read=read_boujou,
        rounding=5e-4,
        hidden=("gap", "linear"),
        untested="Nobody here could try it in boujou: y may be two pixels off, frames by one; compare a track first.",
    )
)
