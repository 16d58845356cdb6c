"""The videos of label sets that can be trained on, and what is believed of their cells."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels import State
from tracker.labels.label_file import Origin, read_origin
from tracker.labels.label_set import LabelSet, Trust, Verdict, trust_of
from tracker.video import content_hash, open_source

TrustName = Literal["person", "accepted", "all"]
LEAST = {"person": Trust.PERSON, "accepted": Trust.ACCEPTED, "all": Trust.UNDECIDED}
WANTED = {
    "person": "nothing was placed or approved by a person",
    "accepted": "nothing was accepted or placed by a person",
    "all": "nothing has a label",
}
REJECTED = "rejected by a person"
GUESSES_HIDDEN = "tapir"  # teachers of this family do not know where a hidden point is


@dataclass(frozen=True)
class TrainingVideo:
    """One video of a label set.

    Attributes:
        labels: the set.
        name: of the video in the set.
        path: where the video lies.
        size_wh: width and height of its frames.
        frame_count: of the video.
        origin: where its labels come from.
        verdict, threshold: what people decided, as the training found it.
    """

    labels: LabelSet
    name: str
    path: Path
    size_wh: tuple[int, int]
    frame_count: int
    origin: Origin
    verdict: Verdict
    threshold: float | None

    @property
    def shots(self) -> tuple[tuple[int, int], ...]:
        """(first frame, end) of the stretches between cuts."""
        return self.origin.shots or ((0, self.frame_count),)


class VideoCells(NamedTuple):
    """What is believed of N tracks over the T frames of a video."""

    xy: NDArray[np.float32]
    """(N, T, 2) pixels of the video; finite."""
    visible: NDArray[np.bool_]
    """(N, T)."""
    valid: NDArray[np.bool_]
    """(N, T) the position may be used."""
    person: NDArray[np.bool_]
    """(N, T) a person placed or approved it."""


class FoundVideos(NamedTuple):
    """What label sets hold."""

    videos: list[TrainingVideo]
    skipped: dict[str, str]
    """The reason for each name that cannot be used."""


def find_videos(sets: Sequence[LabelSet], trust: TrustName) -> FoundVideos:
    """The videos that can be trained on, in order of set and name; what cannot be used is passed over with a reason.

    Raises:
        InputError: nothing of a set is left; the sentence says why.
    """
    videos: list[TrainingVideo] = []
    skipped: dict[str, str] = {}
    for labels in sets:
        names, verdicts, threshold = labels.names(), labels.verdicts(), labels.bulk_threshold()
        if not names:
            raise InputError(f"{labels.folder}: the label set is empty")
        before = len(videos)
        reasons: dict[str, str] = {}
        for name in names:
            try:
                videos.append(_usable(labels, name, verdicts.get(name, "open"), threshold, trust))
            except InputError as error:
                reasons[name] = str(error).removeprefix(f"{name}: ")
        if len(videos) == before:
            raise InputError(f"{labels.folder}: {_summary(reasons)}")
        skipped |= reasons
    return FoundVideos(videos, skipped)


def _summary(reasons: dict[str, str]) -> str:
    commonest, count = Counter(reasons.values()).most_common(1)[0]
    if count == len(reasons):
        return f"none of its {count} videos can be used: {commonest}" if count > 1 else f"its video: {commonest}"
    name = next(name for name, reason in reasons.items() if reason == commonest)
    return f"none of its {len(reasons)} videos can be used; {name}: {commonest}"


def _usable(labels: LabelSet, name: str, verdict: Verdict, threshold: float | None, trust: TrustName) -> TrainingVideo:
    """Raise InputError where a video or its labels cannot be used."""
    if verdict == "rejected":
        raise InputError(f"{name}: {REJECTED}")
    origin = read_origin(labels.labels_path(name))
    path = video_path(labels, origin)
    with open_source(path) as source:
        found, size, count = content_hash(source), (source.width, source.height), source.frame_count
    if found != origin.content_hash:
        raise InputError(f"{path}: has changed since it was labelled")
    video = TrainingVideo(labels, name, path, size, count, origin, verdict, threshold)
    if not read_cells(video, trust).valid.any():
        raise InputError(f"{name}: {WANTED[trust]}")
    return video


def video_path(labels: LabelSet, origin: Origin) -> Path:
    """Where the video of labels lies: at its path, or at that path from the set's folder on.

    Raises:
        InputError: it is in neither place.
    """
    given = Path(origin.video)
    for path in (given, labels.folder / given):
        if path.exists():
            return path
    raise InputError(f"{given}: the video is not there any more")


def read_cells(video: TrainingVideo, trust: TrustName) -> VideoCells:
    """What may be believed of a video's tracks: cells of at least this trust.

    A position that a tracker gave with no confidence at all is none, and neither is that of a hidden point where the
    teacher was TAPIR (the published recipe leaves these out), unless a person approved it.

    Raises:
        InputError: the labels cannot be read, or are not of this video.
    """
    tracks = video.labels.read_current(video.name)
    if (tracks.n_frames, tracks.size_wh) != (video.frame_count, video.size_wh):
        raise InputError(f"{video.name}: its labels have another number of frames or another size than the video")
    cells = trust_of(tracks, video.verdict, video.threshold)
    person = cells == Trust.PERSON
    visible = tracks.state == State.VISIBLE
    valid = (cells >= LEAST[trust]) & tracks.located
    for (start, end), teacher in zip(video.origin.shots, video.origin.drawn, strict=False):
        if GUESSES_HIDDEN in teacher.lower():
            valid[:, start:end] &= visible[:, start:end] | person[:, start:end]
    return VideoCells(np.where(valid[..., None], tracks.xy, np.float32(0)), visible, valid, person)
