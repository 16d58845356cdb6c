"""How programs count pixels and frames, and the way there and back.

Inside Trackwright (0, 0) is the centre of the top-left pixel, x to the right, y down. On the continuous raster, whose
left and top edges are 0 and whose right edge is W, that pixel's centre is (0.5, 0.5).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.labels.plate import Plate

Positions = NDArray[np.float64]
Convert = Callable[[Positions, tuple[int, int], Plate], Positions]


class Numbering(Protocol):
    """What decides the number of the first frame; `ExportOptions` and `VideoFacts` are such."""

    @property
    def start_frame(self) -> int | None:
        """The number a person chose for the first frame, None where nobody did."""

    @property
    def plate(self) -> Plate:
        """The plate."""


@dataclass(frozen=True)
class Convention:
    """How a format counts pixels and frames.

    Attributes:
        pixels: the coordinates in words, for the documents and the dialog.
        origin: the same for one position: "from the bottom-left".
        frames: the numbers of frames in words.
        first: the number of the video's first frame in the file; None: the plate's.
        fixed: the receiving program always counts like this, so that a person has nothing to choose.
        to_file: our pixels (…, 2) float64, the size (W, H) and the plate to the file's numbers.
        from_file: the inverse.
    """

    pixels: str
    origin: str
    frames: str
    first: int | None
    fixed: bool
    to_file: Convert
    from_file: Convert

    def first_number(self, chosen: Numbering) -> int:
        """The number that the video's first frame has in the file."""
        if chosen.start_frame is not None and not self.fixed:
            return chosen.start_frame
        return chosen.plate.first_frame if self.first is None else self.first


def _same(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return np.asarray(xy, np.float64)


def _down(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return np.asarray(xy, np.float64) + 0.5


def _from_down(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return np.asarray(xy, np.float64) - 0.5


def _up(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    """Its own inverse but for the half pixel in x."""
    xy = np.asarray(xy, np.float64)
    return np.stack([xy[..., 0] + 0.5, size_wh[1] - 0.5 - xy[..., 1]], axis=-1)


def _from_up(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    xy = np.asarray(xy, np.float64)
    return np.stack([xy[..., 0] - 0.5, size_wh[1] - 0.5 - xy[..., 1]], axis=-1)


def _unit_up(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return _up(xy, size_wh, plate) / np.asarray(size_wh, np.float64)


def _from_unit_up(xy: Positions, size_wh: tuple[int, int], plate: Plate) -> Positions:
    return _from_up(np.asarray(xy, np.float64) * np.asarray(size_wh, np.float64), size_wh, plate)


PLATE_FRAMES = "the plate's numbers"
FROM_0 = "from 0, the first frame of the video"
FROM_1 = "from 1, the first frame of the video"

# As inside Trackwright; frames from 0 unless a person chooses otherwise.
OURS = Convention(
    "(0, 0) is the centre of the top-left pixel, y down",
    "from the top-left pixel's centre",
    FROM_0,
    0,
    False,
    _same,
    _same,
)
# The same for formats that know no numbers of frames but their order.
OURS_IN_ORDER = replace(OURS, fixed=True)
# Pixels on the raster, y down or up; pixel centres at .5.
RASTER_DOWN = Convention(
    "pixels from the top-left corner, y down, pixel centres at .5",
    "from the top-left corner",
    PLATE_FRAMES,
    None,
    False,
    _down,
    _from_down,
)
RASTER_UP = Convention(
    "pixels from the bottom-left corner, y up, pixel centres at .5",
    "from the bottom-left corner",
    PLATE_FRAMES,
    None,
    False,
    _up,
    _from_up,
)
# 0 to 1 over the picture from its bottom-left corner.
UNIT_UP = Convention(
    "0 to 1 over the picture from its bottom-left corner, y up",
    "(0 to 1) from the bottom-left corner",
    PLATE_FRAMES,
    None,
    False,
    _unit_up,
    _from_unit_up,
)
