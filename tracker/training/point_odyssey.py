"""PointOdyssey.

`<root>/<train|val|test>/<sequence>/anno.npz` with `trajs_2d` (T, N, 2) pixels, `visibs` and `valids` (T, N), and the
pictures `rgbs/rgb_00000.jpg` …. Positions may be infinite or NaN, and only points both visible and valid are seen.
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.training.sequences import Labels, checked_labels, folders_in, pictures_in


@dataclass(frozen=True)
class PointOdysseySequence:
    """The folder of one sequence."""

    path: Path

    def pictures(self) -> list[Path]:
        return pictures_in(self.path / "rgbs")

    def labels(self, frames: NDArray[np.int64], frame_count: int) -> Labels:
        path = self.path / "anno.npz"
        try:
            # numpy leaves a file open that it opened itself and cannot read.
            with path.open("rb") as handle, np.load(handle, allow_pickle=False) as content:
                tracks, visible, valid = (np.asarray(content[key]) for key in ("trajs_2d", "visibs", "valids"))
        except KeyError as error:
            raise InputError(f"{path}: the labels lack trajs_2d, visibs or valids") from error
        except FileNotFoundError as error:
            raise InputError(f"{path}: the file is missing") from error
        except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{path}: this is not a whole .npz file of plain arrays") from error
        whole = checked_labels(path, tracks, visible, valid, frame_count)
        return Labels._make(array[frames] for array in whole)


def find_sequences(root: Path) -> list[PointOdysseySequence]:
    """The sequences of `root`/train, or of `root` itself where it is a split, by name.

    Raises:
        InputError: the folder cannot be read.
    """
    folder = root / "train" if (root / "train").is_dir() else root
    return [
        PointOdysseySequence(child)
        for child in folders_in(folder)
        if (child / "rgbs").is_dir() or (child / "anno.npz").exists()
    ]
