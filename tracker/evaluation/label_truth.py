"""Ground truth from a label set: what people placed or approved in it, to score trackers against."""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tracker.evaluation.labelled import LabelledVideo
from tracker.files import InputError
from tracker.labels.label_set import LabelSet, Trust, Verdict, trust_of
from tracker.labels.native import TrackFile
from tracker.labels.table import State
from tracker.video import content_hash, open_source

NOTES = {
    Trust.PERSON: "what people placed or approved",
    Trust.ACCEPTED: "labels of trackers that people accepted unchanged, which favours those trackers and their pupils",
    Trust.UNDECIDED: "labels of trackers at which nobody looked, which shows likeness to those trackers, not accuracy",
}


class LabelTruth(NamedTuple):
    """Videos to score on.

    Attributes:
        videos: those that have truth.
        skipped: a sentence for each of the others.
        note: what the truth is, one sentence for a report; "" where there is none.
    """

    videos: list[LabelledVideo]
    skipped: list[str]
    note: str


def labelled_videos(
    label_set: LabelSet, names: Collection[str] | None = None, *, trust: Trust | None = None
) -> LabelTruth:
    """The videos of a label set with the truth that holds now.

    A cell is labelled where it is trusted enough, and says where the point is or that it is not seen. Each track is to
    be asked for from its first labelled frame on which it is visible ("first").

    Args:
        names: only these videos, with or without the part of the hash that ends their names; all where None.
        trust: what cells must have at least. Where None: for each video `Trust.PERSON` if it has such cells, else
            `Trust.ACCEPTED`.

    Raises:
        InputError: the set cannot be read, or a name is not in it.
    """
    known = label_set.names()
    wanted = {name: [one for one in known if name in (one, one.rpartition("-")[0])] for name in names or ()}
    if unknown := sorted(name for name, found in wanted.items() if not found):
        raise InputError(f"{label_set.folder}: there is no video {unknown[0]} in this label set")
    chosen = set(known) if names is None else {one for found in wanted.values() for one in found}
    verdicts, threshold = label_set.verdicts(), label_set.bulk_threshold()
    videos: list[LabelledVideo] = []
    skipped: list[str] = []
    used: dict[Trust, int] = {}
    for name in sorted(chosen):
        try:
            video, level = _labelled(label_set, name, verdicts.get(name, "open"), threshold, trust)
        except InputError as error:
            skipped.append(str(error))
            continue
        videos.append(video)
        used[level] = used.get(level, 0) + 1
    return LabelTruth(videos, skipped, _note(used))


def _labelled(
    label_set: LabelSet, name: str, verdict: Verdict, threshold: float | None, trust: Trust | None
) -> tuple[LabelledVideo, Trust]:
    """Raises InputError where there is no truth, or the video is not what was labelled."""
    place = label_set.labels_path(name)
    if verdict == "rejected":
        raise InputError(f"{place}: this video was rejected")
    tracks = label_set.read_current(name)
    cells = trust_of(tracks, verdict, threshold)
    level = trust
    if level is None:
        level = Trust.PERSON if _truth(tracks, cells >= Trust.PERSON)[0].any() else Trust.ACCEPTED
    visible, labelled = _truth(tracks, cells >= level)
    if not visible.any():
        raise InputError(f"{place}: nobody placed, approved or accepted a visible point in it")
    origin = label_set.read(name).origin
    path = _checked_video(place, (Path(origin.video), label_set.folder / origin.video), origin.content_hash, tracks)
    xy = np.where(visible[..., None], tracks.xy, np.float32(np.nan)).astype(np.float32)
    opened = partial(open_source, path, threads="auto")
    return LabelledVideo(name, xy, visible, labelled, tracks.size_wh, opened), level


def _truth(tracks: TrackFile, trusted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N, T) where a point is known to be visible, and where it is known at all."""
    visible = trusted & (tracks.state == State.VISIBLE) & np.isfinite(tracks.xy).all(axis=2)
    hidden = trusted & ((tracks.state == State.OCCLUDED) | (tracks.state == State.OUT_OF_VIEW))
    return visible, visible | hidden


def _checked_video(place: Path, candidates: Sequence[Path], expected: str, tracks: TrackFile) -> Path:
    """The first of the candidates that is there, if it is the video that was labelled."""
    video = next((path for path in candidates if path.exists()), None)
    if video is None:
        raise InputError(f"{place}: its video {candidates[0]} is not there any more")
    with open_source(video) as source:
        same = content_hash(source) == expected
        size = source.frame_count == tracks.n_frames and (source.width, source.height) == tracks.size_wh
    if not (same and size):
        raise InputError(f"{place}: its video {video} changed since it was labelled")
    return video


def _note(used: dict[Trust, int]) -> str:
    """One sentence."""
    parts = [f"{NOTES[level]} ({count} of {sum(used.values())} videos)" for level, count in sorted(used.items())[::-1]]
    if len(used) == 1:
        return f"The truth is {NOTES[next(iter(used))]}."
    return f"The truth is {'; '.join(parts)}." if parts else ""
