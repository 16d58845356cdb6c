"""What a person asks of a solve, and what came of it, as the solve panel and the window pass it on."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tracker.inference.solves import SolveKind

Insert = Literal["none", "checker", "picture"]
KIND_OF_COUNT: dict[int, SolveKind] = {1: "translation", 2: "similarity", 3: "affine"}


@dataclass(frozen=True)
class SolveSettings:
    """What to solve and to show.

    Attributes:
        source: "chosen": the tracks `chosen`; "visible": all that are not hidden; "group": those of `group`.
        kind: None for as much as the number of tracks allows.
        robust: leave outliers out.
        reference: the frame whose picture stands still.
        insert: what lies over the plate; "picture" is the file `picture`.
        opacity: of the insert, 0..1.
    """

    source: Literal["chosen", "visible", "group"] = "chosen"
    chosen: tuple[int, ...] = ()
    group: str = ""
    kind: SolveKind | None = None
    robust: bool = True
    reference: int = 0
    insert: Insert = "none"
    picture: str = ""
    opacity: float = 0.8

    def kind_for(self, n_tracks: int) -> SolveKind:
        """The kind that so many tracks are solved with."""
        return self.kind or KIND_OF_COUNT.get(n_tracks, "homography")


@dataclass(frozen=True)
class SolveReport:
    """How well N tracks fit over T frames; all distances in pixels on the reference frame.

    Attributes:
        ids: the tracks.
        frame_mean, frame_max: (T,) over the tracks that carry the frame's transform; NaN where it is not solved.
        carrying, usable: (T,) how many tracks carry it, and are seen there and on the reference frame.
        known: (T,) bool: whether the frame has been looked at since the last change.
        track_mean, track_max, track_worst: (N,) over the frames on which a track is usable, and the frame of the
            largest; NaN and -1 where there is none.
    """

    ids: tuple[int, ...]
    kind: SolveKind
    reference: int
    frame_mean: NDArray[np.float32]
    frame_max: NDArray[np.float32]
    carrying: NDArray[np.int32]
    usable: NDArray[np.int32]
    known: NDArray[np.bool_]
    track_mean: NDArray[np.float32]
    track_max: NDArray[np.float32]
    track_worst: NDArray[np.intp]
