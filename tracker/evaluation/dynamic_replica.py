"""Dynamic Replica (Karaev et al., "DynamicStereo", 2023) as CoTracker evaluates on it.

`<root>/<split>/frame_annotations_<split>.jgz` lists the frames; each names a picture and a file of `traj_2d` (N, 3) x,
y, depth in pixels, (0, 0) = centre of the top-left pixel, and `verts_inds_vis` (N,). The left camera's frames count,
and tracks visible on more than 10 of them; every track is asked for at its place on frame 0.
"""

import gzip
import json
import pickle
import zlib
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tracker.evaluation.labelled import LabelledVideo
from tracker.evaluation.pictures import Picture, PictureFrames
from tracker.files import InputError

CAMERA = "left"
LEAST_VISIBLE = 10  # a track must be visible on more frames

Frame = dict[str, Any]


class DynamicReplica:
    """The sequences of one split: its folder, or the root where there is only one.

    Raises:
        InputError: no annotations, several splits, or annotations that cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        pattern = "frame_annotations_*.jgz"
        files = sorted(folder.glob(pattern)) or sorted(folder.glob(f"*/{pattern}"))
        if not files:
            raise InputError(f"{folder}: no {pattern} in this folder nor in a folder in it")
        if len(files) > 1:
            splits = ", ".join(str(file.parent) for file in files)
            raise InputError(f"{folder}: which split is meant: {splits}?")
        self.name = f"dynamic-replica:{folder}"
        self.skipped: list[str] = []
        self._folder = files[0].parent
        self._sequences = _sequences(files[0])

    def videos(self, names: frozenset[str] = frozenset()) -> Iterator[LabelledVideo]:
        """See `EvaluationDataset`; named by sequence."""
        for name, frames in self._sequences.items():
            if names and name not in names:
                continue
            try:
                yield _labelled(self._folder, name, frames)
            except InputError as error:
                if str(error) not in self.skipped:
                    self.skipped.append(str(error))


def _sequences(file: Path) -> dict[str, list[Frame]]:
    found: dict[str, list[Frame]] = defaultdict(list)
    try:
        with gzip.open(file, "rt", encoding="utf-8") as handle:
            for entry in json.load(handle):
                if entry["camera_name"] == CAMERA:
                    found[str(entry["sequence_name"])].append(
                        {
                            "number": int(entry["frame_number"]),
                            "image": str(entry["image"]["path"]),
                            "size": tuple(int(side) for side in entry["image"]["size"]),
                            "tracks": str(entry["trajectories"]["path"]),
                        }
                    )
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: this is not a gzipped list of frame annotations") from error
    return {name: sorted(frames, key=lambda frame: int(frame["number"])) for name, frames in sorted(found.items())}


def _labelled(folder: Path, name: str, frames: list[Frame]) -> LabelledVideo:
    per_frame = [_trajectories(_place(folder, frame["tracks"])) for frame in frames]
    if len({len(visible) for _, visible in per_frame}) > 1 or len({frame["size"] for frame in frames}) > 1:
        raise InputError(f"{folder}: the frames of {name} have different numbers of tracks or sizes")
    tracks, visible = (np.stack(part, axis=1) for part in zip(*per_frame, strict=True))
    located = np.isfinite(tracks).all(axis=2)
    visible &= located
    kept = (visible.sum(axis=1) > LEAST_VISIBLE) & located[:, 0]
    height, width = frames[0]["size"]
    paths = [_place(folder, frame["image"]) for frame in frames]
    return LabelledVideo(
        name,
        np.where(located[..., None], tracks, 0)[kept].astype(np.float32),
        visible[kept],
        located[kept],
        (width, height),
        partial(PictureFrames, partial(_read_picture, paths, (width, height)), len(paths), (width, height)),
        dense=True,
    )


def _place(folder: Path, path: str) -> Path:
    """Paths are given from the split's folder or from the root."""
    inside = folder / path
    return inside if inside.exists() else folder.parent / path


def _trajectories(path: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(N, 2) and (N,) of one frame; a pickle that holds more than tensors is refused."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        places = np.asarray(content["traj_2d"], np.float32)[:, :2]
        visible = np.asarray(content["verts_inds_vis"]).astype(bool)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except pickle.UnpicklingError as error:
        raise InputError(f"{path}: no file of plain tensors, and nothing else is read") from error
    except (OSError, EOFError, RuntimeError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: a trajectory file that is damaged") from error
    if visible.shape != places.shape[:1] or places.shape[1:] != (2,):
        raise InputError(f"{path}: traj_2d and verts_inds_vis do not fit together")
    return places, visible


def _read_picture(paths: list[Path], size_wh: tuple[int, int], index: int) -> Picture:
    picture = cv2.imread(str(paths[index]), cv2.IMREAD_COLOR) if paths[index].is_file() else None
    if picture is None:
        raise InputError(f"{paths[index]}: this picture is missing or damaged")
    if picture.shape[1::-1] != size_wh:
        raise InputError(f"{paths[index]}: a picture of another size than its annotation says")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
