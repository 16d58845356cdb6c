"""Kubric MOVi-F as CoTracker3 trains on it, and what our own CoTracker export writes.

`<root>/<sequence>/frames/*.png|jpg`, sorted by name, and `<root>/<sequence>/<sequence>.npy`, a pickled dict of `coords`
float (N, T, 2) pixels and `visibility` bool (N, T), where **True means occluded**. `<sequence>_valid.npy`, bool (N, T),
may say which cells are to be used; without it all are.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.cotracker_folder import read_mask
from tracker.labels.plain_pickle import load_plain_npy
from tracker.training.sequences import Labels, checked_labels, folders_in, pictures_in


@dataclass(frozen=True)
class KubricSequence:
    """The folder of one sequence."""

    path: Path

    def pictures(self) -> list[Path]:
        return pictures_in(self.path / "frames")

    def labels(self, frames: NDArray[np.int64], frame_count: int) -> Labels:
        path = self.path / f"{self.path.name}.npy"
        content = load_plain_npy(path)
        if not isinstance(content, dict) or not {"coords", "visibility"} <= content.keys():
            raise InputError(f"{path}: the labels lack coords or visibility")
        coords, occluded = np.asarray(content["coords"]), np.asarray(content["visibility"])
        if coords.ndim != 3 or occluded.dtype != np.bool_:
            raise InputError(f"{path}: expected coords (points, frames, 2) and visibility of bools")
        valid = read_mask(self.path / f"{self.path.name}_valid.npy", occluded.shape)
        whole = checked_labels(path, coords.swapaxes(0, 1), ~occluded.T, valid.T, frame_count)
        return Labels._make(array[frames] for array in whole)


def find_sequences(root: Path) -> list[KubricSequence]:
    """The sequences below a folder, by name: folders that hold frames or labels of their own name.

    Raises:
        InputError: the folder cannot be read.
    """
    return [
        KubricSequence(child)
        for child in folders_in(root)
        if (child / "frames").is_dir() or (child / f"{child.name}.npy").exists()
    ]
