"""Whether trackers that disagree are wrong: how well doubts tell bad labels from good ones.

The measure is the area under the ROC curve of a doubt for "more than 4 px off at 256x256" (pixels of TAP-Vid's metric):
how often a bad cell is doubted more than a good one. 1 is always, 0.5 is chance.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.evaluate import to_metric_pixels
from tracker.evaluation.labelled import Frames, LabelledVideo
from tracker.evaluation.metrics import METRIC_SIDE
from tracker.evaluation.predictors import Clip, Floats, predict
from tracker.evaluation.queries import sample_queries
from tracker.files import InputError
from tracker.inference.session import Tracker

BAD = 4.0  # pixels at 256x256
BAR = 0.8  # the area that a doubt worth its name reaches
JOB = "doubt"

Flags = NDArray[np.bool_]
Tell = Callable[[str], object]


@dataclass(frozen=True)
class ClipOpinions:
    """What K trackers say of the N points of a clip that has T frames, each asked for from its first visible frame.

    Attributes:
        names: of the trackers.
        xy: (K, N, T, 2) float32 pixels of the video; means nothing before a point's query.
        back: the same on the way back: each tracker asked, on the reversed clip, from where its own way out ended.
        certainty: (K, N, T) float32, visibility times confidence, 0 where nothing is said.
        visible: (K, N, T) bool, as each tracker is meant to be read.
        query_frames: (N,) int64.
        truth: (N, T, 2) float32 pixels.
        counted: (N, T) bool: labelled, visible, and after the query.
    """

    video: str
    names: tuple[str, ...]
    size_wh: tuple[int, int]
    xy: Floats
    back: Floats
    certainty: Floats
    visible: Flags
    query_frames: NDArray[np.int64]
    truth: Floats
    counted: Flags

    def apart(self, one: Floats, other: Floats) -> NDArray[np.float64]:
        """(..., 2), (..., 2) pixels of the video -> (...) distances in pixels at 256x256."""
        moved = to_metric_pixels(one, self.size_wh) - to_metric_pixels(other, self.size_wh)
        return np.asarray(np.linalg.norm(moved, axis=-1))


class Label(NamedTuple):
    """What opinions come to: (N, T, 2) pixels, and how much each cell is doubted (N, T); NaN is most."""

    xy: Floats
    doubt: NDArray[Any]


Combine = Callable[[ClipOpinions], Label]


def area_under_curve(doubt: NDArray[Any], bad: Flags) -> float:
    """The area under the ROC curve by the rank statistic of Mann and Whitney; equal doubts count half.

    Args:
        doubt: (M,) numbers; NaN is taken for more than any other.
        bad: (M,) bool.

    Returns:
        NaN where all are bad or none is.
    """
    count = int(bad.sum())
    if count == 0 or count == len(bad):
        return float("nan")
    known = np.where(np.isnan(doubt), np.inf, doubt.astype(np.float64))
    _, places, equal = np.unique(known, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(equal) - (equal - 1) / 2)[places]
    return float((ranks[bad].sum() - count * (count + 1) / 2) / (count * (len(bad) - count)))


def ask_all(video: LabelledVideo, trackers: Sequence[Tracker], tell: Tell = lambda text: None) -> ClipOpinions | None:
    """Each tracker's way out and back; None where no point is visible.

    Raises:
        InputError: a frame cannot be decoded.
    """
    asked = sample_queries(~video.visible, video.tracks, "first")
    queries = asked.query_points[:, [0, 2, 1]].astype(np.float32)
    length = video.visible.shape[1]
    if len(queries) == 0:
        return None
    ways, backs, certainties, visible = [], [], [], []
    with video.open() as source:
        clip = Clip(source, length)
        for tracker in trackers:
            tell(f"{video.name} with {tracker.name}")
            found = predict(tracker, clip, queries)
            ends = np.column_stack([np.zeros(len(queries)), _inside(found.tracks[:, -1], video.size_wh)])
            back = predict(tracker, Clip(_Reversed(source, length), length), ends.astype(np.float32))
            ways.append(found.tracks)
            backs.append(back.tracks[:, ::-1])
            certainties.append(np.nan_to_num(found.certainty))
            visible.append(found.certainty >= tracker.visible_above)
    after = np.arange(length) > queries[:, :1]
    return ClipOpinions(
        video.name,
        tuple(tracker.name for tracker in trackers),
        video.size_wh,
        np.stack(ways),
        np.stack(backs),
        np.stack(certainties).astype(np.float32),
        np.stack(visible),
        queries[:, 0].astype(np.int64),
        asked.target_points.astype(np.float32),
        ~asked.occluded & video.labelled[asked.trackgroup] & after,
    )


class _Reversed:
    """The first `length` frames of a source, the last one first."""

    def __init__(self, source: Frames, length: int) -> None:
        self._source, self._last = source, length - 1
        self.width, self.height = source.width, source.height

    def frames(self, start: int, stop: int, step: int = 1) -> Iterator[NDArray[np.uint8]]:
        return self._source.frames(self._last - start, self._last - stop, -step)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _inside(places: Floats, size_wh: tuple[int, int]) -> Floats:
    return np.clip(np.nan_to_num(places), 0, np.array(size_wh, np.float32) - 1)


def doubts(said: ClipOpinions, label: Label) -> dict[str, NDArray[Any]]:
    """Ways to doubt the cells of a label, (N, T) each: distances in pixels at 256x256, and lack of certainty."""
    pairs = {
        f"{said.names[a]} and {said.names[b]} apart": said.apart(said.xy[a], said.xy[b])
        for a, b in combinations(range(len(said.names)), 2)
    }
    found: dict[str, NDArray[Any]] = dict(pairs)
    if len(pairs) > 1:
        found["farthest two"] = np.stack(list(pairs.values())).max(axis=0)
        found["mean distance from label"] = said.apart(said.xy, label.xy[None]).mean(axis=0)
    for name, out, back in zip(said.names, said.xy, said.back, strict=True):
        miss = said.apart(out, back)
        found[f"round trip of {name}"] = miss
        reached = np.where(np.arange(miss.shape[1]) >= said.query_frames[:, None], miss, 0)
        found[f"round trip of {name}, worst so far"] = np.fmax.accumulate(reached, axis=1)
    found["1 - mean certainty"] = 1 - said.certainty.mean(axis=0)
    found["share of votes for hidden"] = 1 - said.visible.mean(axis=0)
    found[JOB] = label.doubt
    return found


@dataclass(frozen=True)
class _Cells:
    """The counted cells of one clip."""

    group: str
    video: str
    bad: Flags
    doubts: Mapping[str, NDArray[Any]]


def measure_agreement(
    videos: Iterable[tuple[str, LabelledVideo]],
    trackers: Sequence[Tracker],
    combine: Combine,
    tell: Tell = lambda text: None,
) -> dict[str, Any]:
    """How well each doubt tells bad labels from good ones, clip by clip, over groups of clips, and over all.

    Args:
        videos: each with the name of its group.
        combine: makes one label of the opinions.
        tell: told what is being measured.

    Returns:
        A plain dict for JSON: "trackers", "clips" (group, video, cells, and the share of them that is bad), "areas"
        ({doubt: {video: area}}), and "groups" ({group: {doubt: {"mean": over its clips, "pooled": all cells as one}}});
        an area is None where a clip is all bad or all good, and such clips are in no mean.

    Raises:
        InputError: no clip could be measured.
    """
    clips: list[_Cells] = []
    for group, video in videos:
        said = ask_all(video, trackers, tell)
        if said is not None and said.counted.any():
            clips.append(_judge(group, said, combine(said)))
    if not clips:
        raise InputError("there is no clip with a visible point to measure on")
    areas = {
        name: {clip.video: _plain(area_under_curve(clip.doubts[name], clip.bad)) for clip in clips}
        for name in clips[0].doubts
    }
    groups = {group: [clip for clip in clips if clip.group == group] for group in dict.fromkeys(c.group for c in clips)}
    return {
        "trackers": [tracker.name for tracker in trackers],
        "bad_above": BAD,
        "at": METRIC_SIDE,
        "clips": [
            {"group": clip.group, "video": clip.video, "cells": len(clip.bad), "bad": float(clip.bad.mean())}
            for clip in clips
        ],
        "areas": areas,
        "groups": {group: _summary(some, areas) for group, some in {**groups, "all": clips}.items()},
    }


def _judge(group: str, said: ClipOpinions, label: Label) -> _Cells:
    error = said.apart(label.xy, said.truth)[said.counted]
    bad = ~(error <= BAD)  # no position is bad
    return _Cells(group, said.video, bad, {name: doubt[said.counted] for name, doubt in doubts(said, label).items()})


def _summary(
    clips: Sequence[_Cells], areas: Mapping[str, Mapping[str, float | None]]
) -> dict[str, dict[str, float | None]]:
    bad = np.concatenate([clip.bad for clip in clips])
    summary = {}
    for name, by_clip in areas.items():
        known = [area for clip in clips if (area := by_clip[clip.video]) is not None]
        pooled = area_under_curve(np.concatenate([clip.doubts[name] for clip in clips]), bad)
        summary[name] = {"mean": float(np.mean(known)) if known else None, "pooled": _plain(pooled)}
    return summary


def _plain(area: float) -> float | None:
    return None if np.isnan(area) else area


def format_agreement(result: Mapping[str, Any]) -> str:
    """Two Markdown tables of what `measure_agreement` gives: the doubts over groups, and over the clips."""
    groups = result["groups"]
    head = ["doubt", *(f"{group}, {kind}" for group in groups for kind in ("mean", "pooled"))]
    over_groups = [
        [name, *(_percent(groups[group][name][kind]) for group in groups for kind in ("mean", "pooled"))]
        for name in result["areas"]
    ]
    names = list(result["areas"])
    over_clips = [
        [clip["video"], f"{clip['cells']:,}", _percent(clip["bad"])]
        + [_percent(result["areas"][name][clip["video"]]) for name in names]
        for clip in result["clips"]
    ]
    return "\n\n".join((_table(head, over_groups), _table(["clip", "cells", "bad", *names], over_clips)))


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
