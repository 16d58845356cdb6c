"""SynthEyes' "Tracker 2-D Paths": one line `name frame u v outcome` per tracker and frame.

u and v run from -1 to 1 between the centres of the pixels in the corners, v down; the program's own export of trackers
on known corners settles that. The outcome is made of bits: 1 run, 2 enabled, 4 found, 8 key, 16 jumped, 32 out of
sight. A key on the first frame and on the first after a gap is enough: many more of them harm a solve. Names hold no
blanks, and the program's import makes a blank of each _, so words are joined with capitals. Its dialog asks for an
offset of frames, so any first number does.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tracker.labels.conventions import Convention, Positions
from tracker.labels.formats import ExportOptions, Format, VideoFacts, Written, register
from tracker.labels.keys import ReadTrack, tracks_from_keys
from tracker.labels.native import TrackFile
from tracker.labels.plate import Plate
from tracker.labels.text import bad_line, plain_names, read_text, rows
from tracker.labels.vfx.rows import Block, by_first_word, check_normalised, track_of_rows, write_blocks

ENABLED, FOUND, OUT_OF_SIGHT = 2, 4, 32
TRACKED, KEY = 7, 15


def _to_unit(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return 2 * np.asarray(xy, np.float64) / _span(size_wh) - 1


def _from_unit(uv: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return (np.asarray(uv, np.float64) + 1) * _span(size_wh) / 2


def _span(size_wh: tuple[int, int]) -> Positions:
    """From the first pixel's centre to the last one's; a picture one pixel wide has none."""
    return np.maximum(np.array(size_wh, np.float64) - 1, 1)


CONVENTION = Convention(
    "-1 to 1 between the centres of the pixels in the corners, v down",
    "(-1 to 1 between the corner pixels' centres, v down)",
    "from 0, the first frame of the video, unless you choose",
    0,
    False,
    _to_unit,
    _from_unit,
)


def camel_names(names: Sequence[str]) -> list[str]:
    """Names without blanks and _: pt_A becomes ptA; no two alike."""
    words = ([word for word in re.split(r"[\W_]+", name) if word] or ["track"] for name in names)
    return plain_names(["".join([first, *(word[0].upper() + word[1:] for word in rest)]) for first, *rest in words],
                       "A-Za-z0-9")  # fmt: skip


def write_syntheyes(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write 2-D paths. Raises InputError where nothing or nowhere is to be written."""
    return write_blocks(tracks, path, options, CONVENTION, _pieces, camel_names)


def _pieces(count: int, blocks: Iterator[Block]) -> Iterator[str]:
    for block in blocks:
        starts = np.diff(block.frames, prepend=block.frames[0] - 2) > 1
        outcome = np.where(starts, KEY, TRACKED)
        yield rows(f"{block.name} %d %.8f %.8f %d\n", block.frames, block.x, block.y, outcome)


def read_syntheyes(path: Path, video: VideoFacts) -> TrackFile:
    """Read 2-D paths; the outcome may be missing. What was not enabled, not found or out of sight is occluded.

    Raises:
        InputError: not such a file, or a bad line, named by its number.
    """
    groups = by_first_word(read_text(path))
    return tracks_from_keys(path, video, CONVENTION, [_track(path, name, *groups[name]) for name in groups])


def _track(path: Path, name: str, rests: list[str], lines: list[int]) -> ReadTrack:
    if "" in rests:
        reason = f"expected frame, u and v behind {name[:40]!r}; other exports than Tracker 2-D Paths cannot be read"
        raise bad_line(path, lines[rests.index("")], reason)
    fields = [rest.split(None, 4)[:4] for rest in rests]
    track, rest = track_of_rows(path, name, fields, lines)
    check_normalised(path, track)
    if rest.shape[1]:
        outcome = np.nan_to_num(rest[:, 0], nan=TRACKED)
        odd = np.flatnonzero((outcome != np.round(outcome)) | (outcome < 0) | (outcome > 2**31))
        if len(odd):
            raise bad_line(path, lines[odd[0]], f"{fields[odd[0]][3]} cannot be an outcome")
        bits = outcome.astype(np.int64)
        wanted = ENABLED | FOUND
        track.visible = ((bits & (wanted | OUT_OF_SIGHT)) == wanted).tolist()
    return track


register(
    Format(
        name="syntheyes",
        title="SynthEyes 2-D paths",
        suffix=".txt",
        audience="vfx",
        convention=CONVENTION,
        carries="positions on the frames where a point is visible, names",
        loses="hidden frames (gaps), confidence, approval, groups; of names all but letters and digits",
        write=write_syntheyes,
        read=read_syntheyes,
        rounding=5e-5,
        hidden=("gap", "linear"),
    )
)
