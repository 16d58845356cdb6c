"""Mocha's tracking exports, which are other programs' formats: After Effects keyframe text (Corner Pin, CC Power Pin,
Transform) and Nuke scripts (CornerPin2D, Tracker). What a file is shows in its text; the readers of those formats read
it.

Mocha asks that it be used on a clip of the same rate, size and pixel aspect, from the first frame on. Its shape exports
are mattes, which say nothing of where a point goes.
"""

import re
from dataclasses import replace
from pathlib import Path

from tracker.files import InputError
from tracker.labels.conventions import RASTER_DOWN
from tracker.labels.formats import Format, VideoFacts, find_format, register
from tracker.labels.native import TrackFile
from tracker.labels.text import read_text

CONVENTION = replace(
    RASTER_DOWN,
    pixels="those of After Effects text or Nuke scripts, whichever the file is",
    frames="from 0 in After Effects text, the plate's numbers in a Nuke script",
)

_SHAPES = re.compile(r"mocha shape|mask shape|shape_data|gmask|^\s*(roto|rotopaint|splinewarp\d?) \{", re.I | re.M)
_NUKE = re.compile(r"^\s*(CornerPin2D|Tracker[34]|set cut_paste_input)\b", re.M)


def read_mocha(path: Path, video: VideoFacts) -> TrackFile:
    """Read a tracking export; see the formats after-effects and nuke for what can be wrong with one.

    Raises:
        InputError: the file holds shapes, or is neither kind of text.
    """
    text = read_text(path)
    if text.startswith("Adobe After Effects") and not _SHAPES.search(text):
        reader = find_format("after-effects").read
    elif _NUKE.search(text) and not _SHAPES.search(text):
        reader = find_format("nuke").read
    elif _SHAPES.search(text):
        raise InputError(f"{path}: these are shapes (mattes), not tracks; export the tracking data from Mocha instead")
    else:
        raise InputError(f"{path}: this is no tracking data of Mocha: neither After Effects text nor a Nuke script")
    assert reader is not None
    return reader(path, video)


register(
    Format(
        name="mocha",
        title="Mocha's tracking exports",
        suffix=".txt",
        audience="vfx",
        convention=CONVENTION,
        carries="the positions of points and corners",
        loses="it can only be imported; shapes are not read",
        read=read_mocha,
    )
)
