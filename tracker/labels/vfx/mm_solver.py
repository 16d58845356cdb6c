"""MM Solver's `.uv`, version 1: the open format of a matchmove solver for Maya, with a weight for every key.

The number of points; then for each its name, the number of its keys and rows `frame u v weight`, u and v from 0 to 1
over the picture from its bottom-left corner. Frames carry the plate's numbers. A gap is where no row is.
"""

from collections.abc import Iterator
from pathlib import Path

from tracker.labels.conventions import UNIT_UP
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.text import rows
from tracker.labels.vfx.rows import Block, check_normalised, counted_tracks, write_blocks

CONVENTION = UNIT_UP


def write_mm_solver(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write version 1. Raises InputError where nothing or nowhere is to be written."""
    return write_blocks(tracks, path, options, CONVENTION, _pieces)


def _pieces(count: int, blocks: Iterator[Block]) -> Iterator[str]:
    yield f"{count}\n"
    for block in blocks:
        yield f"{block.name}\n{len(block.frames)}\n"
        yield rows("%d %.10f %.10f %.6f\n", block.frames, block.x, block.y, block.confidence)


def read_mm_solver(path: Path, video: VideoFacts) -> TrackFile:
    """Read version 1; the weight may be missing.

    Raises:
        InputError: not such a file, or a bad line, named by its number.
    """
    found = []
    for track, rest in counted_tracks(path):
        check_normalised(path, track)
        if rest.shape[1]:
            track.confidence = rest[:, 0].tolist()
        found.append(track)
    return tracks_from_keys(path, video, CONVENTION, found)


register(
    Format(
        name="mm-solver",
        title="MM Solver",
        suffix=".uv",
        audience="vfx",
        convention=CONVENTION,
        carries="positions on the frames where a point is visible, confidence as weight, names",
        loses="hidden frames (gaps), approval, groups; names keep letters, digits and _",
        write=write_mm_solver,
        read=read_mm_solver,
        rounding=1e-6,
        hidden=("gap", "linear"),
        untested="It is written from the format's description; no file of the program was at hand to compare with.",
    )
)
