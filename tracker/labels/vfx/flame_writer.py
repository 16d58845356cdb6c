"""Writing Flame's `.stabilizer`, version 6.0; `tracker.labels.vfx.flame` says what is in it.

The channels of a tracker must come in one order, and the first shift must be the whole number 0, or the last tracker
loses its motion, as users of the public converter found out.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tracker.labels.conventions import FROM_1, RASTER_UP
from tracker.labels.formats import ExportOptions, Written
from tracker.labels.native import TrackFile
from tracker.labels.text import rows
from tracker.labels.vfx.rows import Block, write_blocks

CONVENTION = replace(RASTER_UP, frames=FROM_1, first=1, fixed=True)
# Top-left, top-right, bottom-right, bottom-left, as Flame names them since 2014.
CORNERS_2014 = ("tracker0_1", "tracker1_1", "tracker1_0", "tracker0_0")

_HEADING = """\
StabilizerFileVersion 6.0
CreationDate {date}


NbTrackers {count}
Selected 0
FrameWidth {width}
FrameHeight {height}
AutoKey yes
MotionPath yes
Icons yes
AutoPan no
EditMode 0
Format 0
Padding
	Red 0
	Green 100
	Blue 0
Oversampling no
Opacity 50
Zoom 3
Field no
Backward no
Anim
"""
_FIXED = "Channel {}\n\tExtrapolation {}\n\tValue {:g}\n\tColour 50 50 50\n\tEnd\n"
_REFERENCE = """\
Channel {name}
	Extrapolation constant
	Value {value:.3f}
	Colour 50 50 50
	KeyVersion 1
	Size 1
	Key 0
		Frame {frame}
		Value {value:.3f}
		Interpolation constant
		LeftSlope 2.400
		RightSlope 2.400
		End
	End
"""
_LOCKED = """\
	Key {0}
		Frame {0}
		Value 0
		ValueLock yes
		DeleteLock yes
		Interpolation constant
		End
"""
_NO_MOVE = (
    "Channel {}\n\tExtrapolation constant\n\tValue 0\n\tColour 50 50 50\n\tSize 2\n\tKeyVersion 1\n"
    + _LOCKED.format(0) + _LOCKED.format(1) + "\tEnd\n"
)  # fmt: skip
_SHIFT = "Channel {}\n\tExtrapolation constant\n\tValue 0\n\tKeyVersion 1\n\tSize {}\n"
_CURVE = "\t\tCurveMode hermite\n\t\tCurveOrder linear\n\t\tEnd\n"
_FIRST_KEY = "\tKey 0\n\t\tFrame {}\n\t\tValue 0\n" + _CURVE
_KEY = "\tKey %d\n\t\tFrame %d\n\t\tValue %.3f\n" + _CURVE
_OFFSET = "Channel {}\n\tExtrapolation constant\n\tValue 0\n\tEnd\n"
_TRACKER = """\
Tracker {}
	Active yes
	Colour
		Red 0
		Green 100
		Blue 0
	FixedRef yes
	FixedX no
	FixedY no
	Tolerance 100
	OffsetsX 0
	OffsetsY 0
	FirstRefFrame {}
"""


def write_flame(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write version 6.0; trackers are numbered. Raises InputError where nothing or nowhere is to be written."""
    pieces = partial(_pieces, tracks.size_wh)
    return write_blocks(tracks, path, options, CONVENTION, pieces, lambda names: _numbered(len(names)))


def _numbered(count: int) -> list[str]:
    return [f"tracker{number + 1}" for number in range(count)]


def write_corner_pin(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    """Write four tracks, top-left, top-right, bottom-right and bottom-left, as the corners of version 6.0.

    Raises:
        InputError: nothing or nowhere is to be written.
    """

    def pieces(count: int, blocks: Iterator[Block]) -> Iterator[str]:
        # By name they stand in Flame's own order.
        return _pieces(tracks.size_wh, count, iter(sorted(blocks, key=lambda block: block.name)))

    return write_blocks(tracks, path, options, CONVENTION, pieces, lambda names: list(CORNERS_2014))


def _pieces(size_wh: tuple[int, int], count: int, blocks: Iterator[Block]) -> Iterator[str]:
    yield _HEADING.format(date=time.asctime(), count=count, width=size_wh[0], height=size_wh[1])
    references = []
    for block in blocks:
        yield from _channels(block, size_wh)
        references.append(int(block.frames[0]))
    yield "ChannelEnd\n"
    yield from (_TRACKER.format(number, first) for number, first in enumerate(references))
    yield "End\n"


def _channels(block: Block, size_wh: tuple[int, int]) -> Iterator[str]:
    """The channels of one tracker, in the one order that works."""
    name = block.name
    yield _FIXED.format(f"{name}/track/x", "constant", size_wh[0] / 2)
    yield _FIXED.format(f"{name}/track/y", "constant", size_wh[1] / 2)
    for box, side in (("track", 15), ("ref", 10)):
        for edge in ("width", "height"):
            yield _FIXED.format(f"{name}/{box}/{edge}", "linear", side)
    # Shifts are taken from the references as they are written, so that rounding does not add up.
    starts = {"x": round(float(block.x[0]), 3), "y": round(float(block.y[0]), 3)}
    for axis, start in starts.items():
        yield _REFERENCE.format(name=f"{name}/ref/{axis}", value=start, frame=block.frames[0])
    for axis in starts:
        yield _NO_MOVE.format(f"{name}/ref/d{axis}")
    for axis, values in (("x", block.x), ("y", block.y)):
        yield _SHIFT.format(f"{name}/shift/{axis}", len(values)) + _FIRST_KEY.format(block.frames[0])
        yield rows(_KEY, range(1, len(values)), block.frames[1:], starts[axis] - values[1:])
        yield "\tEnd\n"
    for axis in starts:
        yield _OFFSET.format(f"{name}/offset/{axis}")
