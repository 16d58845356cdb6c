"""The labels of one video as trackers made them: a native track file that also says who said what.

Readers of tracks read the tracks; `read_labels` gives all of it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.licences import strictest
from tracker.labels.native import TrackFile, load_arrays, read_tracks, write_tracks

ORIGIN, TEACHERS, XY, VISIBLE = "origin", "opinion_teachers", "opinion_xy", "opinion_visible"


@dataclass(frozen=True)
class Teacher:
    """A tracker that made labels.

    Attributes:
        name: as it was chosen.
        licence: of its weights, "" where nobody knows.
        sha256: of its weights file, "" for one that needs none.
    """

    name: str
    licence: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Opinions:
    """What each of K teachers said of N tracks on T frames.

    Attributes:
        teachers: K names; one that tracked in several ways has several.
        xy: (K, N, T, 2) float32 pixels, NaN where it said nothing.
        visible: (K, N, T) bool, it called the point visible.
    """

    teachers: tuple[str, ...]
    xy: NDArray[np.float32]
    visible: NDArray[np.bool_]

    @property
    def votes(self) -> NDArray[np.uint8]:
        """(N, T) how many called the point visible."""
        return self.visible.sum(axis=0, dtype=np.uint8)


@dataclass(frozen=True)
class Origin:
    """Where the labels of a video come from. The same job on the same video says the same, whenever it ran.

    Attributes:
        video: its path, as it was given.
        content_hash: `tracker.video.content_hash` of it.
        shots: (first frame, end) of the stretches between cuts that were labelled.
        drawn: for each shot the name of the teacher that labelled it, "all" where all did.
        teachers: all that could be drawn.
        settings: of the job, plain values.
    """

    video: str
    content_hash: str
    shots: tuple[tuple[int, int], ...] = ()
    drawn: tuple[str, ...] = ()
    teachers: tuple[Teacher, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def licence(self) -> str:
        """The most restrictive of the licences of the teachers that had a say."""
        drawn = set(self.drawn)
        return strictest(one.licence for one in self.teachers if "all" in drawn or one.name in drawn)


@dataclass(frozen=True)
class LabelFile:
    """Labels of one video; `opinions` where all teachers were asked and it was kept what each said."""

    tracks: TrackFile
    origin: Origin
    opinions: Opinions | None = None


def write_labels(path: str | PathLike[str], labels: LabelFile) -> None:
    """Write all of it as one file, whole or not at all; equal labels make equal bytes.

    Raises:
        InputError: the path cannot be written.
        ValueError: the arrays do not fit together.
    """
    further: dict[str, NDArray[Any]] = {ORIGIN: np.array(json.dumps(asdict(labels.origin), sort_keys=True))}
    said = labels.opinions
    if said is not None:
        further |= {TEACHERS: np.array(said.teachers, np.str_), XY: said.xy, VISIBLE: said.visible}
        if fault := _fault(said, labels.tracks):
            raise ValueError(fault)
    # Most of it is empty: a track lives in one shot only.
    write_tracks(path, labels.tracks, further, compressed=True)


def read_labels(path: str | PathLike[str]) -> LabelFile:
    """Read a label file; it is checked whole.

    Raises:
        InputError: no such file, a damaged one, or tracks that say nothing of where they come from.
    """
    path = Path(path)
    tracks = read_tracks(path)
    origin = read_origin(path)
    arrays = load_arrays(path, (TEACHERS, XY, VISIBLE))
    if not arrays:
        return LabelFile(tracks, origin)
    if len(arrays) < 3:
        raise InputError(f"{path}: what the teachers said is incomplete")
    teachers = tuple(str(name) for name in arrays[TEACHERS].reshape(-1))
    opinions = Opinions(teachers, arrays[XY], arrays[VISIBLE])
    if fault := _fault(opinions, tracks):
        raise InputError(f"{path}: {fault}")
    return LabelFile(tracks, origin, opinions)


def read_origin(path: str | PathLike[str]) -> Origin:
    """Only where the labels in a file come from. Raises InputError like `read_labels`."""
    path = Path(path)
    arrays = load_arrays(path, (ORIGIN,))
    try:
        content = json.loads(str(arrays[ORIGIN]))
        return Origin(
            video=str(content["video"]),
            content_hash=str(content["content_hash"]),
            shots=tuple((int(start), int(end)) for start, end in content["shots"]),
            drawn=tuple(map(str, content["drawn"])),
            teachers=tuple(Teacher(**one) for one in content["teachers"]),
            settings=dict(content["settings"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: does not say of which video and by which trackers its labels are") from error


def _fault(said: Opinions, tracks: TrackFile) -> str:
    shape = (len(said.teachers), tracks.n_tracks, tracks.n_frames)
    if said.xy.shape != (*shape, 2) or said.xy.dtype != np.float32:
        return f"{XY} is {said.xy.dtype} of shape {said.xy.shape}, expected float32 of {(*shape, 2)}"
    if said.visible.shape != shape or said.visible.dtype != np.bool_:
        return f"{VISIBLE} is {said.visible.dtype} of shape {said.visible.shape}, expected bool of {shape}"
    return ""
