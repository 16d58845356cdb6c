"""Labels of a video that nobody labelled: what trackers, its teachers, say of points in it (as CoTracker3 does)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.inference.sampling import METHODS
from tracker.labels.label_file import LabelFile, Opinions, Origin, Teacher
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State
from tracker.training.agreement import agree
from tracker.training.label_passes import Said, in_frame, round_trip, track_shot
from tracker.training.label_queries import TooFewPoints, shot_queries
from tracker.training.teachers import LoadedTeacher
from tracker.video import FrameSource, content_hash, open_source
from tracker.video.cuts import find_shots

ALL = "all"  # in place of a drawn teacher's name
TRIP = "{} (round trip)"

# Tracks end with their shot, but a label file has a cell for every track on every frame of the video.
CELL_BYTES = 21
OPINION_BYTES = 9
FILE_BYTES = 1 << 30

Shot = tuple[int, int]


class Skipped(InputError):
    """A video that cannot be labelled. The message names it and says why."""


@dataclass(frozen=True)
class LabelSettings:
    """How videos are labelled.

    Attributes:
        teachers: trackers by name or file, see `load_teachers`.
        ensemble: every shot by all teachers, and it is kept what each said; else by one that is drawn by chance.
        round_trip: where one teacher labels a shot, also track back to the queries, so that there is a disagreement.
            Several teachers lie apart by themselves, which tells more.
        sampling: where points start, see `shot_queries`.
        points: in each shot.
        frames: of a shot on which they start.
        seed: of the frames and of the draw of teachers; the video's content is drawn in.
        min_frames: a shorter shot is left out.
        max_frames: a longer shot is labelled in pieces, which bounds the memory.
        device: where the teachers run, as for `load_tracker`. The labels do not say so.
    """

    teachers: tuple[str, ...]
    ensemble: bool = False
    round_trip: bool = True
    sampling: str = "sift"
    points: int = 384
    frames: int = 8
    seed: int = 0
    min_frames: int = 16
    max_frames: int = 240
    device: str = "auto"

    def __post_init__(self) -> None:
        """Raises InputError for a choice that there is not, and numbers that make no sense."""
        if self.sampling not in METHODS:
            raise InputError(f"{self.sampling}: there is no such way to sample; there are {', '.join(METHODS)}")
        if min(self.points, self.frames, self.min_frames) < 1:
            raise InputError("points, the frames they start on and the least frames of a shot must be 1 or more")
        if self.max_frames < 2 * self.min_frames - 1:
            raise InputError(
                f"shots in pieces of at most {self.max_frames} frames and at least {self.min_frames}: not every shot "
                f"can be cut so; allow {2 * self.min_frames - 1} or more"
            )

    def describe(self, teachers: Sequence[LoadedTeacher]) -> dict[str, Any]:
        """All that the labels depend on, as plain values: two jobs of one description make the same labels."""
        return {"teachers": [asdict(one.teacher) for one in teachers], **self.plain()}

    def plain(self) -> dict[str, Any]:
        """The settings but the teachers and the device."""
        return {name: value for name, value in asdict(self).items() if name not in ("teachers", "device")}


@dataclass(frozen=True)
class _Label:
    """Labels of the points of one shot: (N, S) each, xy (N, S, 2); opinions (K, N, S) in the order of `_speakers`."""

    shot: Shot
    drawn: str
    queries: NDArray[np.float32]
    xy: NDArray[np.float32]
    visible: NDArray[np.bool_]
    visibility: NDArray[np.float32]
    confidence: NDArray[np.float32]
    disagreement: NDArray[np.float16]
    opinions: tuple[Said, ...] = ()


def label_video(path: str | Path, settings: LabelSettings, teachers: Sequence[LoadedTeacher]) -> LabelFile:
    """Label one video, shot by shot. The same video and settings give the same labels, wherever and whenever.

    A track belongs to one shot and is unlabelled outside; it is named "s0-001" after it, and the shot is its group.
    Frames are decoded anew for every pass, none is kept.

    Raises:
        Skipped: no shot is long enough and has enough points.
        InputError: the video cannot be read.
    """
    with open_source(path, threads="auto") as source:
        identity = content_hash(source)
        seed = [settings.seed, int(identity[:15], 16)]
        labels, reason = [], ""
        shots = _pieces(find_shots(source), settings)
        for number in _chosen(path, source, settings, teachers, len(shots), seed):
            try:
                labels.append(_label_shot(source, shots[number], settings, teachers, [*seed, number]))
            except TooFewPoints as error:
                reason = reason or f"frames {shots[number][0]} to {shots[number][1]}: {error}"
        if not shots:
            reason = f"no shot has {settings.min_frames} frames, the video has {source.frame_count}"
        if not labels:
            raise Skipped(f"{path}: {reason}")
        origin = Origin(
            video=str(path),
            content_hash=identity,
            shots=tuple(label.shot for label in labels),
            drawn=tuple(label.drawn for label in labels),
            teachers=tuple(one.teacher for one in teachers),
            settings=settings.plain(),
        )
        opinions = _opinions(labels, settings, origin.teachers, source.frame_count) if settings.ensemble else None
        return LabelFile(_tracks(labels, source), origin, opinions)


def _pieces(shots: Sequence[Shot], settings: LabelSettings) -> list[Shot]:
    """The shots that are long enough, those that are too long in pieces of about equal length."""
    pieces = []
    for start, end in shots:
        count = -(-(end - start) // settings.max_frames)
        edges = [start + (end - start) * k // count for k in range(count + 1)]
        pieces += list(pairwise(edges))
    return [(start, end) for start, end in pieces if end - start >= settings.min_frames]


def _chosen(
    path: str | Path,
    source: FrameSource,
    settings: LabelSettings,
    teachers: Sequence[LoadedTeacher],
    count: int,
    seed: list[int],
) -> list[int]:
    """The numbers of the shots to label: all, or as many drawn by chance as fit into a file of `FILE_BYTES`."""
    bytes_of_shot = settings.points * source.frame_count * CELL_BYTES
    if settings.ensemble:
        bytes_of_shot += (
            settings.points
            * source.frame_count
            * OPINION_BYTES
            * len(_speakers(settings, [one.teacher for one in teachers]))
        )
    fitting = FILE_BYTES // bytes_of_shot
    if fitting == 0:
        raise Skipped(f"{path}: {source.frame_count} frames are too many for {settings.points} points; cut it first")
    if count <= fitting:
        return list(range(count))
    drawn = np.random.default_rng([*seed, count]).choice(count, fitting, replace=False)
    return sorted(drawn.tolist())


def _label_shot(
    source: FrameSource, shot: Shot, settings: LabelSettings, teachers: Sequence[LoadedTeacher], seed: list[int]
) -> _Label:
    queries = shot_queries(
        source, shot, sampling=settings.sampling, points=settings.points, frames=settings.frames, seed=seed
    )
    asked = list(teachers)
    if not settings.ensemble:
        asked = [asked[int(np.random.default_rng([*seed, 1]).integers(len(asked)))]]
    said, trips = [], []
    for one in asked:
        said.append(track_shot(source, one.tracker, queries, shot))
        if settings.round_trip and len(asked) == 1:
            trips.append(round_trip(source, one.tracker, said[-1], queries, shot))
    label = agree(
        np.stack([one.xy for one in said]),
        np.stack([one.visible for one in said]),
        np.nan_to_num(np.stack([one.visibility * one.confidence for one in said])),
        trips=np.stack([one.xy for one in trips]) if trips else None,
        query_frames=np.rint(queries[:, 0]).astype(np.int64) - shot[0],
    )
    if not settings.ensemble:
        own = said[0]
        probabilities = own.visibility, own.confidence
        return _Label(shot, asked[0].teacher.name, queries, own.xy, own.visible, *probabilities, label.disagreement)
    probabilities = _shared(np.stack([one.visibility for one in said]), label.certainty)
    return _Label(shot, ALL, queries, label.xy, label.visible, *probabilities, label.disagreement, (*said, *trips))


def _shared(
    visibility: NDArray[np.float32], certainty: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Visibility and confidence of a label of K opinions, of their visibility (K, N, S) and mean certainty (N, S).

    The mean visibility, and the mean confidence weighted by it: their product is the mean certainty, as of one opinion.
    """
    told = np.isfinite(visibility)
    count = told.sum(axis=0)
    mean = np.where(told, visibility, 0).sum(axis=0) / np.maximum(count, 1)
    seen = np.where(mean > 0, mean, 1)
    shared = np.where(count > 0, mean, np.nan), np.where(count > 0, certainty / seen, np.nan)
    return shared[0].astype(np.float32), shared[1].astype(np.float32)


def _tracks(labels: Sequence[_Label], source: FrameSource) -> TrackFile:
    count = sum(len(label.queries) for label in labels)
    size = source.width, source.height
    tracks = TrackFile.empty(count, np.asarray(source.pts, np.int64), source.time_base, size)
    tracks.disagreement = np.full(tracks.state.shape, np.nan, np.float16)
    names, groups = [], []
    row = 0
    for number, label in enumerate(labels):
        cells = slice(row, row + len(label.queries)), slice(*label.shot)
        known = np.isfinite(label.xy).all(axis=2)
        state = np.where(label.visible, State.VISIBLE, State.OCCLUDED)
        state = np.where(in_frame(label.xy, source), state, State.OUT_OF_VIEW)
        tracks.xy[cells], tracks.state[cells] = label.xy, np.where(known, state, State.UNLABELLED)
        tracks.visibility[cells], tracks.confidence[cells] = label.visibility, label.confidence
        tracks.source[cells] = np.where(known, Source.MODEL, Source.NONE)
        tracks.disagreement[cells] = label.disagreement
        tracks.query_points[cells[0]] = label.queries
        names += [f"s{number}-{k + 1:03d}" for k in range(len(label.queries))]
        groups += [f"s{number}"] * len(label.queries)
        row += len(label.queries)
    tracks.names, tracks.groups = names, groups
    return tracks


def _speakers(settings: LabelSettings, teachers: Sequence[Teacher]) -> list[str]:
    """Whose opinions are kept, in order."""
    names = [one.name for one in teachers]
    return [*names, TRIP.format(names[0])] if settings.round_trip and len(names) == 1 else names


def _opinions(
    labels: Sequence[_Label], settings: LabelSettings, teachers: Sequence[Teacher], n_frames: int
) -> Opinions:
    speakers = _speakers(settings, teachers)
    shape = len(speakers), sum(len(label.queries) for label in labels), n_frames
    xy, visible = np.full((*shape, 2), np.nan, np.float32), np.zeros(shape, np.bool_)
    row = 0
    for label in labels:
        rows, frames = slice(row, row + len(label.queries)), slice(*label.shot)
        for k, said in enumerate(label.opinions):
            xy[k, rows, frames], visible[k, rows, frames] = said.xy, said.visible
        row = rows.stop
    return Opinions(tuple(speakers), xy, visible)
