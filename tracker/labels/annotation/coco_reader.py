"""Reading COCO keypoint files, ours (see `tracker.labels.annotation.coco`) and other people's."""

import re
from array import array
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.annotation.json_file import read_json
from tracker.labels.conventions import OURS
from tracker.labels.formats import VideoFacts
from tracker.labels.keys import FARTHEST
from tracker.labels.native import TrackFile
from tracker.labels.table import Source, State

VERSION = 1

_STATES = {state.name.lower(): int(state) for state in State if state != State.UNLABELLED}
_SOURCES = {source.name.lower(): int(source) for source in Source}
_UNSAID = -1


@dataclass(frozen=True)
class _Columns:
    """A annotations, one entry each; `points` holds their numbers one after the other, from `starts` on."""

    numbers: NDArray[np.int64]
    images: NDArray[np.int64]
    categories: NDArray[np.int64]
    instances: NDArray[np.int64]
    counts: NDArray[np.int64]
    states: NDArray[np.int64]
    sources: NDArray[np.int64]
    approved: NDArray[np.bool_]
    visibility: NDArray[np.float32]
    confidence: NDArray[np.float32]
    points: NDArray[np.float64]
    starts: NDArray[np.int64]


_WHOLE = ("numbers", "images", "categories", "instances", "counts", "states", "sources")


class _Found:
    """The annotations with keypoints, gathered as plain numbers while the file is read: dicts would take gigabytes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows, self._points = array("d"), array("d")

    def __len__(self) -> int:
        return len(self._rows) // 10

    def take(self, item: dict[str, Any]) -> dict[str, Any] | None:
        """Keeps an annotation and gives None in its place; other objects stay as they are."""
        if "keypoints" not in item or "image_id" not in item:
            return item
        try:
            told = item.get("attributes") or {}
            instance = item.get("track_id")
            if instance is None:
                instance = told.get("track_id", told.get("object_id"))
            self._rows.extend(
                (
                    item.get("id", _UNSAID),
                    item["image_id"],
                    item.get("category_id", 1),
                    _UNSAID if instance is None else instance,
                    len(item["keypoints"]),
                    _STATES.get(told.get("state", ""), _UNSAID),
                    _SOURCES.get(told.get("source", ""), _UNSAID),
                    told.get("approved", False),
                    told.get("visibility", nan),
                    item.get("score", nan),
                )
            )
            self._points.extend(item["keypoints"])
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise InputError(f"{self._path}: annotation {str(item.get('id'))[:40]}: {error}") from error
        return None

    def columns(self) -> _Columns:
        """What was found, as arrays. Raises InputError where an id is no whole number."""
        columns = np.array(self._rows).reshape(-1, 10).T
        broken = np.flatnonzero(~((columns[:5] == np.round(columns[:5])) & (np.abs(columns[:5]) < 2**53)).all(axis=0))
        if len(broken):
            raise InputError(f"{self._path}: annotation {columns[0, broken[0]]:g}: an id is no whole number")
        whole = columns[:7].astype(np.int64)
        unknown = columns[8:].astype(np.float32)
        return _Columns(
            **dict(zip(_WHOLE, whole, strict=True)),
            approved=columns[7] != 0,
            visibility=unknown[0],
            confidence=unknown[1],
            points=np.array(self._points),
            starts=np.cumsum(whole[4]) - whole[4],
        )


def read_coco(path: Path, video: VideoFacts) -> TrackFile:
    """Read tracks of keypoints.

    Args:
        video: `record` says which of several videos is meant, by name or number.

    Raises:
        InputError: not such a file, of another video, or an annotation that cannot be one; names it by its id.
    """
    found = _Found(path)
    content = read_json(path, found.take)
    if not isinstance(content, dict) or not all(_are_objects(content.get(key)) for key in ("images", "categories")):
        raise InputError(f"{path}: this is no COCO file with images, annotations and categories")
    info = content.get("info")
    version = info.get("trackwright_version", VERSION) if isinstance(info, dict) else VERSION
    if version != VERSION:
        raise InputError(f"{path}: version {str(version)[:40]} of these annotations is not known here, {VERSION} is")
    named = content.get("tracks") if _are_objects(content.get("tracks")) else []
    if content.get("annotations") is None or not (len(found) or "tracks" in content):
        raise InputError(f"{path}: there is not one annotation with keypoints")
    try:
        images = _images(path, content, video)
        return _tracks(path, video, found.columns(), images, content["categories"], named or [])
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: an image, category or track lacks an id or is damaged ({error})") from error


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _images(path: Path, content: dict[str, Any], video: VideoFacts) -> dict[int, int]:
    """The index of the frame that each image is, by the image's id."""
    images = content["images"]
    videos = content.get("videos") if _are_objects(content.get("videos")) else []
    names = {item["id"]: str(item.get("name", item["id"])) for item in videos or []}
    wanted = sorted({image.get("video_id", _UNSAID) for image in images})
    if len(wanted) > 1:
        fitting = [item for item in wanted if video.record in (names.get(item), str(item))]
        if not fitting:
            listed = ", ".join(names.get(item, str(item)) for item in wanted[:20])
            raise InputError(f"{path}: which video is meant: {listed}?")
        images = [image for image in images if image.get("video_id", _UNSAID) == fitting[0]]
        wanted = fitting
    for item in videos or []:
        length = item.get("length") or len(video.pts)
        if wanted == [item["id"]] and length != len(video.pts):
            raise InputError(f"{path}: the labels are of {length} frames, the video has {len(video.pts)}")
    first = OURS.first_number(video)
    return {image["id"]: _frame(path, image, video, first) for image in images}


def _frame(path: Path, image: dict[str, Any], video: VideoFacts, first: int) -> int:
    size = (image.get("width", video.size_wh[0]), image.get("height", video.size_wh[1]))
    if size != video.size_wh:
        raise InputError(
            f"{path}: image {image['id']} is {size[0]}x{size[1]}, the video is {video.size_wh[0]}x{video.size_wh[1]}"
        )
    number = image.get("frame_id")
    if number is None:
        numbers = re.findall(r"\d+", Path(str(image.get("file_name", ""))).stem)
        if not numbers:
            raise InputError(f"{path}: image {image['id']} has neither a frame_id nor a number in its file name")
        number = int(numbers[-1])
    if not isinstance(number, int) or not 0 <= number - first < len(video.pts):
        last = first + len(video.pts) - 1
        raise InputError(
            f"{path}: image {image['id']}: frame {number} is outside the video's {first} to {last}; "
            "is the first frame's number right?"
        )
    return number - first


def _tracks(
    path: Path,
    video: VideoFacts,
    found: _Columns,
    images: dict[int, int],
    categories: list[dict[str, Any]],
    named: list[dict[str, Any]],
) -> TrackFile:
    frames = _frames_of(path, video, found, images)
    instances = _instances(path, {item["id"]: item for item in categories}, named, found, frames)
    tracks = video.empty(sum(len(instance.names) for instance in instances))
    tracks.names = [name for instance in instances for name in instance.names]
    tracks.groups = [instance.group for instance in instances for _ in instance.names]
    row = 0
    for instance in instances:
        at = frames[instance.which]
        _check_once(path, found, instance, at)
        for keypoint in range(len(instance.names)):
            xyv = found.points[(found.starts[instance.which] + 3 * keypoint)[:, None] + np.arange(3)]
            _fill(path, tracks, row, at, xyv, found, instance.which)
            row += 1
    tracks.query_from_first_visible()
    return tracks


def _frames_of(path: Path, video: VideoFacts, found: _Columns, images: dict[int, int]) -> NDArray[np.int64]:
    """The frame of each annotation, -1 for those of other videos."""
    ids, inverse = np.unique(found.images, return_inverse=True)
    frames = np.array([images.get(image, _UNSAID) for image in ids.tolist()], np.int64)[inverse]
    strange = np.flatnonzero(frames < 0)
    if len(strange) and video.record is None:
        at = strange[0]
        raise InputError(f"{path}: annotation {found.numbers[at]}: there is no image {found.images[at]}")
    return frames


@dataclass(frozen=True)
class _Instance:
    """One instance over the frames.

    Attributes:
        number: its track id, -1 where there is none.
        names: of its tracks, one per keypoint.
        group: of them all.
        which: numbers of its annotations.
    """

    number: int
    names: list[str]
    group: str
    which: NDArray[np.intp]


def _instances(
    path: Path,
    categories: dict[int, dict[str, Any]],
    named: list[dict[str, Any]],
    found: _Columns,
    frames: NDArray[np.int64],
) -> list[_Instance]:
    """Those that the file names in their order, then the others by category and id."""
    parts = _by_instance(found, np.flatnonzero(frames >= 0))
    names = {(item.get("category_id", 1), item["id"]): str(item.get("name", item["id"])) for item in named}
    made = []
    for category_id, number in [*names, *(key for key in parts if key not in names)]:
        category = categories.get(category_id)
        if category is None:
            raise InputError(f"{path}: there is no category {category_id}, which track {number} has")
        keypoints = [str(name) for name in category.get("keypoints") or ["point"]]
        which = parts.get((category_id, number), np.zeros(0, np.intp))
        wrong = which[found.counts[which] != 3 * len(keypoints)]
        if len(wrong):
            raise InputError(
                f"{path}: annotation {found.numbers[wrong[0]]}: {found.counts[wrong[0]]} numbers are not x, y, v of "
                f"the {len(keypoints)} keypoints of its category"
            )
        name = names.get((category_id, number), "" if number == _UNSAID else str(number))
        group = str(category.get("group", category.get("name", "")))
        of_tracks = [f"{keypoint} {name}".strip() for keypoint in keypoints]
        made.append(_Instance(number, of_tracks if len(keypoints) > 1 else [name or keypoints[0]], group, which))
    return made


def _by_instance(found: _Columns, kept: NDArray[np.intp]) -> dict[tuple[int, int], NDArray[np.intp]]:
    """The numbers of the annotations of each (category, track id), ascending in both."""
    order = kept[np.lexsort((found.instances[kept], found.categories[kept]))]
    keys = np.stack([found.categories[order], found.instances[order]], axis=1)
    firsts = np.flatnonzero(np.concatenate(([True], (keys[1:] != keys[:-1]).any(axis=1))))[: len(order)]
    parts = np.split(order, firsts[1:]) if len(order) else []
    return {(int(key[0]), int(key[1])): part for key, part in zip(keys[firsts], parts, strict=True)}


def _check_once(path: Path, found: _Columns, instance: _Instance, frames: NDArray[np.int64]) -> None:
    _, once = np.unique(frames, return_index=True)
    if len(once) == len(frames):
        return
    again = int(np.setdiff1d(np.arange(len(frames)), once)[0])
    reason = (
        f"frame {frames[again]} has several instances and they have no track_id"
        if instance.number == _UNSAID
        else f"frame {frames[again]} is given twice for track {instance.number}"
    )
    raise InputError(f"{path}: annotation {found.numbers[instance.which[again]]}: {reason}")


def _fill(
    path: Path,
    tracks: TrackFile,
    row: int,
    frames: NDArray[np.int64],
    xyv: NDArray[np.float64],
    found: _Columns,
    which: NDArray[np.intp],
) -> None:
    """Put the cells of one track into its row."""
    known = xyv[:, 2] > 0
    bad = np.flatnonzero(~np.isin(xyv[:, 2], (0, 1, 2)) | (known & ~(np.abs(xyv[:, :2]) < FARTHEST).all(axis=1)))
    if len(bad):
        x, y, v = xyv[bad[0]].tolist()
        raise InputError(f"{path}: annotation {found.numbers[which[bad[0]]]}: {x:g}, {y:g}, {v:g} is no x, y, v")
    inside = ((xyv[:, :2] >= -0.5) & (xyv[:, :2] <= np.array(tracks.size_wh) - 0.5)).all(axis=1)
    seen = np.where(xyv[:, 2] == 2, State.VISIBLE, State.OCCLUDED)
    guess = np.where(known, np.where(inside, seen, State.OUT_OF_VIEW), State.UNLABELLED)
    told = found.states[which]
    state = np.where(told == _UNSAID, guess, told)
    labelled = state != State.UNLABELLED
    source = found.sources[which]
    tracks.xy[row, frames[known]] = xyv[known, :2]
    tracks.state[row, frames] = state
    tracks.source[row, frames[labelled]] = np.where(source == _UNSAID, Source.IMPORTED, source)[labelled]
    tracks.approved[row, frames] = found.approved[which]
    for field, values in ((tracks.visibility, found.visibility), (tracks.confidence, found.confidence)):
        field[row, frames[labelled]] = values[which][labelled]
