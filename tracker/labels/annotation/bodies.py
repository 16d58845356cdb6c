"""Tracks as the points of bodies, the form in which pose programs hold them.

A group is a body (SLEAP: a track, DeepLabCut: an individual, NWB: a container); its tracks are the points of a
skeleton that all bodies share, by name. Tracks without a group make one more body.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.conventions import Convention
from tracker.labels.formats import VideoFacts
from tracker.labels.keys import ReadTrack, TrackKeys, tracks_from_keys
from tracker.labels.native import TrackFile

LARGEST = 50_000_000  # points of a table; a thousand tracks of ten thousand frames in one body are a fifth of it


@dataclass(frozen=True)
class Skeleton:
    """Which point of which body each track is.

    Attributes:
        bodies: their names in order of appearance.
        nodes: the names of points that some body has, in order of appearance.
        places: (body, node) of each track; no two alike.
        names: the tracks' names to those of their points, where a second track of a body had the same one.
    """

    bodies: list[str]
    nodes: list[str]
    places: list[tuple[int, int]]
    names: dict[str, str]


def skeleton_of(keys: Sequence[TrackKeys], ungrouped: str) -> Skeleton:
    """The skeleton of these tracks; those without a group belong to the body called `ungrouped`."""
    bodies: dict[str, int] = {}
    nodes: dict[str, int] = {}
    names: dict[str, str] = {}
    places: dict[tuple[int, int], None] = {}
    for track in keys:
        body = bodies.setdefault(_text(track.group) or ungrouped, len(bodies))
        name = wanted = _text(track.name) or "track"
        number = 2
        while name in nodes and (body, nodes[name]) in places:
            name, number = f"{wanted} {number}", number + 1
        if name != track.name:
            names[track.name] = name
        places[body, nodes.setdefault(name, len(nodes))] = None
    return Skeleton(list(bodies), list(nodes), list(places), names)


def _text(name: str) -> str:
    """Without the zero bytes and halves of letters that files cannot hold."""
    return name.replace("\0", " ").encode("utf-8", "replace").decode()


@dataclass(frozen=True)
class BodyTable:
    """Every point of every body on F frames.

    Attributes:
        frames: (F,) int64 numbers of the frames in the file, ascending.
        xy: (F, B, M, 2) float64 as in the file; NaN where a body's point is not there.
        visible: (F, B, M) bool.
        score: (F, B, M) float64, NaN where nobody said.
        person: (F, B, M) bool, a person placed or approved the point.
    """

    frames: NDArray[np.int64]
    xy: NDArray[np.float64]
    visible: NDArray[np.bool_]
    score: NDArray[np.float64]
    person: NDArray[np.bool_]

    @classmethod
    def empty(cls, path: Path, frames: NDArray[np.int64], bodies: int, nodes: int) -> "BodyTable":
        """A table without a point. Raises InputError where it would be too large."""
        if len(frames) * bodies * nodes > LARGEST:
            raise InputError(
                f"{path}: {bodies} groups with {nodes} different names of points on {len(frames)} frames make too "
                "large a table; give the points of all groups the same names, or take fewer"
            )
        shape = (len(frames), bodies, nodes)
        return cls(
            frames,
            np.full((*shape, 2), np.nan),
            np.zeros(shape, np.bool_),
            np.full(shape, np.nan),
            np.zeros(shape, np.bool_),
        )

    @classmethod
    def of(cls, path: Path, keys: Sequence[TrackKeys], skeleton: Skeleton, person: NDArray[np.bool_]) -> "BodyTable":
        """The table over all frames of the video; `person` (N, T) is of all tracks of the source."""
        table = cls.empty(path, np.arange(person.shape[1]), len(skeleton.bodies), len(skeleton.nodes))
        for track, (body, node) in zip(keys, skeleton.places, strict=True):
            table.xy[track.frames, body, node] = track.xy
            table.visible[track.frames, body, node] = track.visible
            table.score[track.frames, body, node] = track.confidence
            table.person[track.frames, body, node] = person[track.row, track.frames]
        return table

    @property
    def known(self) -> NDArray[np.bool_]:
        """(F, B, M) bool: the point has a position."""
        return np.asarray(np.isfinite(self.xy).all(axis=3))


def tracks_of(
    path: Path,
    video: VideoFacts,
    convention: Convention,
    table: BodyTable,
    groups: Sequence[str],
    nodes: Sequence[str],
    order: Any = None,
) -> TrackFile:
    """Tracks of a table that was read; a point that no body ever has makes none.

    Args:
        groups: of the bodies; "" for the one of tracks without a group.
        order: pairs (body, node), one per track, as the file has them; anything but the places of all points that are
            there is not heeded.

    Raises:
        InputError: as `tracks_from_keys`.
    """
    known = table.known
    places = np.argwhere(known.any(axis=0)).tolist()
    with suppress(TypeError):
        places = order if sorted(order) == places else places
    found, persons = [], []
    for body, node in places:
        at = np.flatnonzero(known[:, body, node])
        track = ReadTrack(nodes[node], group=groups[body])
        track.frames = table.frames[at].tolist()
        track.xy = list(zip(*table.xy[at, body, node].T.tolist(), strict=True))
        track.visible = table.visible[at, body, node].tolist()
        track.confidence = table.score[at, body, node].tolist()
        found.append(track)
        persons.append(table.person[at, body, node])
    tracks = tracks_from_keys(path, video, convention, found)
    for row, person in enumerate(persons):
        tracks.approved[row, np.array(found[row].frames) - convention.first_number(video)] = person
    return tracks
