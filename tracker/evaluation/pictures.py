"""Pictures in memory as a source of frames, and the resampling of the benchmark."""

from collections.abc import Callable, Iterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

LOBES = 3  # of the Lanczos kernel

Picture = NDArray[np.uint8]


class PictureFrames:
    """T frames of one size, each made by `read` when it is asked for."""

    def __init__(self, read: Callable[[int], Picture], count: int, size_wh: tuple[int, int]) -> None:
        self._read, self.frame_count = read, count
        self.width, self.height = size_wh

    def frames(self, start: int, stop: int, step: int = 1) -> Iterator[Picture]:
        """(H, W, 3) uint8 RGB of each of range(start, stop, step). Raises InputError where one cannot be read."""
        return map(self._read, range(start, stop, step))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def resize_lanczos(picture: Picture, width: int, height: int) -> Picture:
    """(H, W, 3) to (height, width, 3) with a Lanczos kernel that widens with the reduction, so that nothing aliases."""
    rows, columns = (_lanczos_matrix(*sizes) for sizes in ((picture.shape[0], height), (picture.shape[1], width)))
    resized = np.einsum("xw,hwc->hxc", columns, picture.astype(np.float32), optimize=True)
    resized = np.einsum("yh,hxc->yxc", rows, resized, optimize=True)
    return np.asarray(np.rint(resized).clip(0, 255).astype(np.uint8))


def _lanczos_matrix(size: int, new_size: int) -> NDArray[np.float32]:
    """(new_size, size) weights whose rows add up to 1."""
    scale = size / new_size
    centres = (np.arange(new_size) + 0.5) * scale - 0.5
    offsets = (np.arange(size) - centres[:, None]) / max(scale, 1.0)
    weights = np.where(np.abs(offsets) < LOBES, np.sinc(offsets) * np.sinc(offsets / LOBES), 0.0)
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)).astype(np.float32))
