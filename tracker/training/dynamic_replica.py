"""Dynamic Replica.

`<root>/<split>/frame_annotations_<split>.jgz`, a gzipped JSON list with an entry for each picture: `sequence_name`,
`frame_number`, `image` {`path`}, `camera_name` ("left" is used) and `trajectories` {`path`}. The trajectory file is a
torch pickle, one per frame, with `traj_2d` (N, 3), of which x and y are used, and `verts_inds_vis` (N) bool.
"""

import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.training.sequences import Labels, checked_labels


@dataclass(frozen=True)
class DynamicReplicaSequence:
    """One sequence of the annotations, seen by the left camera."""

    path: Path
    """The split's folder and the sequence's name; there need be no folder of that name."""
    images: tuple[Path, ...]
    trajectories: tuple[Path | None, ...]
    """None where the annotations name none."""

    def pictures(self) -> list[Path]:
        return list(self.images)

    def labels(self, frames: NDArray[np.int64], frame_count: int) -> Labels:
        paths = [self.trajectories[frame] for frame in frames]
        tracks, visible = zip(*(self._read_frame(path) for path in paths), strict=True)
        if len({len(positions) for positions in tracks}) != 1:
            raise InputError(f"{self.path}: the frames have different numbers of points")
        seen = np.stack(visible)
        return checked_labels(self.path, np.stack(tracks), seen, np.ones_like(seen), len(frames))

    def _read_frame(self, path: Path | None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        if path is None:
            raise InputError(f"{self.path}: the annotations name no trajectories for a frame")
        return _read_frame(path)


def find_sequences(root: Path) -> list[DynamicReplicaSequence]:
    """The sequences of `root`/train, or of `root` itself where it is a split, by name.

    Raises:
        InputError: the annotations are missing or damaged.
    """
    folder = root / "train" if (root / "train").is_dir() else root
    try:
        annotations = sorted(folder.glob("frame_annotations_*.jgz"))
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror or 'cannot be read'}") from error
    if not annotations:
        raise InputError(f"{folder}: the folder holds no frame_annotations_<split>.jgz")
    sequences: dict[str, list[_Frame]] = {}
    for path in annotations:
        for frame in _read_annotations(path):
            sequences.setdefault(frame.sequence, []).append(frame)
    return [_sequence(folder / name, sequences[name]) for name in sorted(sequences)]


class _Frame(NamedTuple):
    sequence: str
    number: int
    image: Path
    trajectory: Path | None


def _sequence(path: Path, frames: list[_Frame]) -> DynamicReplicaSequence:
    frames = sorted(frames, key=lambda frame: frame.number)
    images = tuple(frame.image for frame in frames)
    return DynamicReplicaSequence(path, images, tuple(frame.trajectory for frame in frames))


def _read_annotations(path: Path) -> list[_Frame]:
    """The pictures of the left camera; paths in the file are below its folder."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            entries = json.load(handle)
        return [_frame(path.parent, entry) for entry in entries if entry["camera_name"] == "left"]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(f"{path}: this is no whole gzipped JSON file") from error
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: an entry lacks one of its names, or its value is of another kind") from error


def _frame(folder: Path, entry: dict[str, Any]) -> _Frame:
    trajectory = entry.get("trajectories")
    return _Frame(
        sequence=str(entry["sequence_name"]),
        number=int(entry["frame_number"]),
        image=folder / str(entry["image"]["path"]),
        trajectory=folder / str(trajectory["path"]) if trajectory else None,
    )


def _read_frame(path: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(N, 2) positions and (N) visibility on one frame."""
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: the file is missing") from error
    except Exception as error:  # a damaged pickle raises almost anything
        raise InputError(f"{path}: this is not a whole PyTorch file of plain tensors") from error
    try:
        positions, visible = torch.as_tensor(content["traj_2d"]), torch.as_tensor(content["verts_inds_vis"])
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"{path}: the file lacks traj_2d or verts_inds_vis") from error
    if positions.ndim != 2 or positions.shape[1] < 2 or visible.shape != positions.shape[:1]:
        raise InputError(f"{path}: traj_2d and verts_inds_vis do not fit together")
    return positions[:, :2].float().numpy(), visible.bool().numpy()
