"""What each teacher said of a video, in the order in which a canvas asks for it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracker.labels.label_set import LabelSet


@dataclass(frozen=True)
class TeacherPaths:
    """What each of K teachers said, frame by frame, for tracks by their names.

    Attributes:
        names: of the teachers.
        rows: the place of each track.
        xy: (T, K, N, 2) float32 pixels, NaN where it said nothing; time-major, so that a frame is one row.
        visible: (T, K, N) bool.
    """

    names: tuple[str, ...]
    rows: dict[str, int]
    xy: NDArray[np.float32]
    visible: NDArray[np.bool_]


def read_teachers(label_set: LabelSet, name: str) -> TeacherPaths | None:
    """What the teachers said of a video; None where that was not kept. Raises InputError."""
    labels = label_set.read(name)
    said, tracks = labels.opinions, labels.tracks
    if said is None or not said.teachers:
        return None
    return TeacherPaths(
        said.teachers,
        {str(track): row for row, track in enumerate(tracks.names)},
        np.ascontiguousarray(np.moveaxis(said.xy, 2, 0)),
        np.ascontiguousarray(np.moveaxis(said.visible, 2, 0)),
    )
