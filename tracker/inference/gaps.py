"""What is asked of a bridge and what it answers. Apart from it, since those who ask need no network."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracker.inference.session import Prediction

Anchor = tuple[float, float, float]  # frame, x, y in pixels of the displayed frame


@dataclass(frozen=True)
class Gap:
    """Frames of one track that are to be found anew.

    Attributes:
        id: of the track. One that has several gaps in a call is solved one gap after the other.
        left, right: frame, x, y of the anchors on both sides; one may be missing.
        start, end: the frames to give, end exclusive, strictly between the anchors.
        others: further anchors of the track, the nearest first: they show what the point looks like, too.
        known: (end - start, 2) where it was thought to be until now, NaN where nobody said. It stays
            to the bit where it fits and no other path fits clearly better.
    """

    id: int
    left: Anchor | None
    right: Anchor | None
    start: int
    end: int
    others: tuple[Anchor, ...] = ()
    known: NDArray[np.float32] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Remark:
    """What a person should know of the frames [start, end) of a track.

    "cut": another scene lies between, what neither side reaches was left out. "hidden": the point is hidden all
    through. "apart": both directions lead to different places, and nothing says which is right.
    """

    id: int
    start: int
    end: int
    reason: Literal["cut", "hidden", "apart"]


@dataclass(frozen=True)
class Bridged:
    """What became known. NaN positions where nothing is claimed; where also confidence is NaN nothing was asked."""

    prediction: Prediction
    remarks: tuple[Remark, ...] = ()
