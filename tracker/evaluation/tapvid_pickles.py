"""The pickles of TAP-Vid: DAVIS and RoboTAP (a dict of records), RGB-Stacking and Kinetics (lists, in shards).

A record is `video`, uint8 (T, H, W, 3) RGB or T JPEG pictures, `points` (N, T, 2) x, y as fractions of the frame,
counted from its corner, and `occluded` bool (N, T). As the benchmark prescribes, frames are brought to 256x256. Pickles
are read without running anything in them.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.labelled import LabelledVideo, check_arrays
from tracker.evaluation.metrics import METRIC_SIDE
from tracker.evaluation.pictures import Picture, PictureFrames, resize_lanczos
from tracker.files import InputError
from tracker.labels.tapvid import read_records

SIZE = (METRIC_SIDE, METRIC_SIDE)


class TapvidPickles:
    """A pickle, or all pickles of a folder; one of them is in memory at a time.

    Raises:
        InputError: there is no such file or folder, or no pickle in it.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder")
        self.name = f"tapvid:{path}"
        self.skipped: list[str] = []
        self._files = sorted(path.glob("*.pkl")) if path.is_dir() else [path]
        if not self._files:
            raise InputError(f"{path}: no .pkl file in this folder")

    def videos(self, names: frozenset[str] = frozenset()) -> Iterator[LabelledVideo]:
        """See `EvaluationDataset`. Videos are named as in the file, those of a list by the file and their number."""
        for path in self._files:
            try:
                records = read_records(path, f"{path.stem}:")
            except InputError as error:
                if len(self._files) == 1:
                    raise
                self._skip(error)
                continue
            for name in list(records):
                record = records.pop(name)
                if names and name not in names:
                    continue
                try:
                    yield _labelled(path, name, record)
                except InputError as error:
                    self._skip(error)

    def _skip(self, error: InputError) -> None:
        if str(error) not in self.skipped:
            self.skipped.append(str(error))


def _labelled(path: Path, name: str, record: Any) -> LabelledVideo:
    """Raises InputError where the record is damaged; a picture that is no JPEG shows when it is decoded."""
    if not isinstance(record, dict) or not {"video", "points", "occluded"} <= record.keys():
        raise InputError(f"{path}: the record {name} lacks video, points or occluded")
    video, points, occluded = record["video"], record["points"], record["occluded"]
    if wrong := check_arrays(points, occluded, occluded):
        raise InputError(f"{path}: the record {name} is damaged, {wrong}")
    raw = isinstance(video, np.ndarray) and video.ndim == 4 and video.shape[3] == 3 and video.dtype == np.uint8
    jpeg = not raw and isinstance(video, np.ndarray | list) and all(isinstance(picture, bytes) for picture in video)
    if not (raw or jpeg) or len(video) != occluded.shape[1] or len(video) == 0:
        raise InputError(f"{path}: the record {name} is damaged, its video is not {occluded.shape[1]} pictures")
    located = np.isfinite(points).all(axis=2)
    return LabelledVideo(
        name,
        (np.where(located[..., None], points, 0) * METRIC_SIDE - 0.5).astype(np.float32),
        ~occluded & located,
        occluded | located,
        SIZE,
        partial(_open, f"{path}: the record {name}", video),
    )


def _open(place: str, video: NDArray[Any]) -> PictureFrames:
    """At 256x256, made once: a benchmark clip takes some 50 MB, and single-point mode passes over it many times."""
    made: dict[int, Picture] = {}

    def read(index: int) -> Picture:
        if index not in made:
            picture = _decode(place, index, video[index])
            made[index] = picture if picture.shape[:2] == SIZE else resize_lanczos(picture, *SIZE)
        return made[index]

    return PictureFrames(read, len(video), SIZE)


def _decode(place: str, index: int, picture: Any) -> Picture:
    if isinstance(picture, np.ndarray):
        return picture
    decoded = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise InputError(f"{place} is damaged, its picture {index} is no JPEG")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
