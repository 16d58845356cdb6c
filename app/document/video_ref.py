"""What a project knows of its video: enough to find it again and to see whether it is the same."""

import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from tracker.video.view_transform import ViewTransform

if TYPE_CHECKING:
    from tracker.video import FrameSource


@dataclass(frozen=True, eq=False)
class VideoRef:
    """A video that a project refers to, never copies.

    Attributes:
        path: absolute path of the file or the folder of frames.
        frame_count, width, height: T and the displayed size in pixels.
        fps: average frames per second.
        time_base: seconds per unit of `pts`.
        pts: (T,) int64 presentation times.
        first_frame_number: number of the first frame in the file names of a sequence, else 0.
        size: bytes of the file, 0 for a folder.
        content_hash: `tracker.video.content_hash`, "" where nobody computed it.
        relative: the path from the folder of the project, "" where there is none; so a moved folder still opens.
        view: how the pictures are seen and tracked; None for what the kind of file suggests.
    """

    path: str
    frame_count: int
    width: int
    height: int
    fps: Fraction
    time_base: Fraction
    pts: NDArray[np.int64] = field(repr=False)
    first_frame_number: int = 0
    size: int = 0
    content_hash: str = ""
    relative: str = ""
    view: ViewTransform | None = None

    @classmethod
    def of(cls, source: "FrameSource", content_hash: str = "") -> Self:
        """The reference to an open source."""
        path = os.path.abspath(source.path)
        return cls(
            path=path,
            frame_count=source.frame_count,
            width=source.width,
            height=source.height,
            fps=source.fps,
            time_base=source.time_base,
            pts=np.array(source.pts, dtype=np.int64),
            first_frame_number=source.first_frame_number,
            size=_size(Path(path)),
            content_hash=content_hash,
            view=source.view,
        )

    def relink(self, path: str | os.PathLike[str]) -> Self:
        """The same video at another place."""
        found = os.path.abspath(path)
        return replace(self, path=found, size=_size(Path(found)), relative="")

    def beside(self, project: Path) -> Self:
        """The same with the path seen from the folder of this project file."""
        try:
            relative = os.path.relpath(self.path, project.parent)
        except ValueError:  # another drive
            relative = ""
        return replace(self, relative=relative)

    def located(self, project: Path | None) -> Self:
        """The same with `path` where the video is found now; as it is where neither place has it.

        A video that has the known size wins over one that has not, and the place beside the project over the old one:
        a copied folder should play its own copy.
        """
        places = [Path(self.path)]
        if project is not None and self.relative:
            places.insert(0, Path(os.path.normpath(project.parent / self.relative)))
        present = [place for place in places if place.exists()]
        best = next((place for place in present if _size(place) == self.size), present[0] if present else None)
        return self if best is None else replace(self, path=str(best))

    @property
    def missing(self) -> bool:
        """Whether nothing lies at `path`."""
        return not Path(self.path).exists()

    def differences(self, other: "VideoRef") -> list[str]:
        """What tells another video from this one, in words; empty where nothing does. Places do not count."""
        found = []
        if other.frame_count != self.frame_count:
            found.append(f"{other.frame_count} frames instead of {self.frame_count}")
        if (other.width, other.height) != (self.width, self.height):
            found.append(f"{other.width} × {other.height} pixels instead of {self.width} × {self.height}")
        if other.frame_count == self.frame_count and not np.array_equal(
            self.pts * float(self.time_base), other.pts * float(other.time_base)
        ):
            found.append("other frame times")
        if self.content_hash and other.content_hash and self.content_hash != other.content_hash:
            found.append("other pictures")
        return found


def frame_number(video: VideoRef | None, frame: int) -> int:
    """The number that a person sees for a frame: that of the picture file in a sequence, else counted from 0."""
    return frame if video is None else frame + video.first_frame_number


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
