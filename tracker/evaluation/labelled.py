"""Ground truth to score a tracker against, one video at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray


class Frames(Protocol):
    """Frames in order, closed by the end of a `with` block. A `FrameSource` is one."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    def frames(self, start: int, stop: int, step: int = 1) -> Iterator[NDArray[np.uint8]]: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


@dataclass(frozen=True)
class LabelledVideo:
    """A video and the true tracks of N points on T frames.

    Attributes:
        tracks: (N, T, 2) float32 x, y in pixels of the frames that `open` gives, (0, 0) = centre of the top-left pixel.
            They mean something where visible, or labelled and `dense`.
        visible: (N, T) bool: seen.
        labelled: (N, T) bool: the truth is known; the rest counts for nothing.
        size_wh: of the frames.
        open: gives the frames, at least T. Raises InputError, also while they are read.
        dense: positions are right where a point is hidden too, and "first" asks for each track on frame 0.
    """

    name: str
    tracks: NDArray[np.float32]
    visible: NDArray[np.bool_]
    labelled: NDArray[np.bool_]
    size_wh: tuple[int, int]
    open: Callable[[], Frames]
    dense: bool = False

    def first_frames(self, count: int) -> "LabelledVideo":
        """The same video cut to its first frames."""
        some = slice(count)
        return replace(
            self, tracks=self.tracks[:, some], visible=self.visible[:, some], labelled=self.labelled[:, some]
        )


class EvaluationDataset(Protocol):
    """Videos with ground truth."""

    @property
    def name(self) -> str:
        """As in a report."""

    @property
    def skipped(self) -> list[str]:
        """What could not be read so far, a sentence for each, none twice."""

    def videos(self, names: frozenset[str] = frozenset()) -> Iterator[LabelledVideo]:
        """One after the other; only the named ones where names are given. One that cannot be read is in `skipped`.

        Raises:
            InputError: nothing can be read, or a name is known not to exist.
        """


def check_arrays(tracks: Any, visible: Any, labelled: Any) -> str | None:
    """What is wrong with the three arrays of a `LabelledVideo`; None where they fit together."""
    if not all(isinstance(part, np.ndarray) for part in (tracks, visible, labelled)):
        return "its tracks are not arrays"
    if visible.ndim != 2 or labelled.shape != visible.shape or tracks.shape != (*visible.shape, 2):
        return f"arrays of shapes {tracks.shape}, {visible.shape} and {labelled.shape} do not fit together"
    if tracks.dtype.kind != "f" or visible.dtype != bool or labelled.dtype != bool:
        return f"expected floats and two arrays of flags, found {tracks.dtype}, {visible.dtype} and {labelled.dtype}"
    return None
