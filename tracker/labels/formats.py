"""The register of label formats: what `export --list` prints and what one round-trip test runs over.

A format is one file in this folder that ends with `register(Format(...))` and is imported in
`tracker/labels/__init__.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.native import TrackFile, read_tracks, write_tracks

Gaps = Literal["drop", "split", "mask"]
Normalisation = Literal["W", "W-1", "raster"]


class Frames(Protocol):
    """Where the writers that store pictures take them from; `tracker.video` sources are such."""

    @property
    def frame_count(self) -> int:
        """T."""

    @property
    def width(self) -> int:
        """Of the displayed frame, pixels."""

    @property
    def height(self) -> int:
        """Of the displayed frame, pixels."""

    def frames(self, start: int, stop: int) -> Iterator[NDArray[np.uint8]]:
        """Frames start to stop (exclusive) in order, each (H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class VideoFacts:
    """What a reader must know of the video that the labels belong to; the fields are those of `TrackFile`."""

    pts: NDArray[np.int64]
    time_base: Fraction
    size_wh: tuple[int, int]

    def empty(self, n_tracks: int) -> TrackFile:
        """Unlabelled tracks over this video."""
        return TrackFile.empty(n_tracks, self.pts, self.time_base, self.size_wh)


@dataclass(frozen=True)
class ExportOptions:
    """What a person may choose about an export; each format uses what concerns it.

    Attributes:
        name: of the record or sequence, usually the video's.
        frames: the pictures, for the formats that store them.
        gaps: what happens to tracks that are unlabelled somewhere, where the format cannot say so: "drop" leaves the
            track out, "split" writes one record per labelled stretch, "mask" writes NaN and a validity mask beside it.
            None: what the format does by itself.
        normalisation: TAP-Vid only, see `tracker.labels.tapvid`.
        jpeg: store pictures as JPEG instead of raw pixels or PNG.
        start_frame: the number that the first frame gets in formats that name frames by number.
    """

    name: str = "video"
    frames: Frames | None = None
    gaps: Gaps | None = None
    normalisation: Normalisation = "W"
    jpeg: bool = False
    start_frame: int = 0


@dataclass(frozen=True)
class Written:
    """What an export wrote.

    Attributes:
        tracks: tracks of the source that are in the output.
        left_out: tracks of the source that are not.
        cells: labelled cells in the output.
        note: a sentence the person should read, or "".
    """

    tracks: int
    left_out: int
    cells: int
    note: str = ""


@dataclass(frozen=True)
class Format:
    """One label format.

    Attributes:
        name: what `--format` takes.
        title: what people call it.
        suffix: of its file, "" where it is a folder.
        keeps: names of the `TrackFile` fields that come back as they were.
        loses: what does not, in words.
        gaps: the ways of dealing with unlabelled cells it offers, its own choice first; empty where it can say them.
        needs_video: the writer stores pictures and wants `ExportOptions.frames`.
        write: (tracks, path, options) -> Written.
        read: (path, video) -> tracks.
    """

    name: str
    title: str
    suffix: str
    keeps: frozenset[str]
    loses: str
    write: Callable[[TrackFile, Path, ExportOptions], Written]
    read: Callable[[Path, VideoFacts], TrackFile]
    gaps: tuple[Gaps, ...] = ()
    needs_video: bool = False


_FORMATS: dict[str, Format] = {}


def register(entry: Format) -> Format:
    """Make a format known. Raises ValueError where the name is taken."""
    if entry.name in _FORMATS:
        raise ValueError(f"the format {entry.name} is registered twice")
    _FORMATS[entry.name] = entry
    return entry


def formats() -> tuple[Format, ...]:
    """All formats, by name."""
    return tuple(_FORMATS[name] for name in sorted(_FORMATS))


def find_format(name: str) -> Format:
    """The format of this name. Raises InputError that lists the names where there is none."""
    if name not in _FORMATS:
        raise InputError(f"{name}: there is no such format, the formats are {', '.join(sorted(_FORMATS))}")
    return _FORMATS[name]


def export_tracks(tracks: TrackFile, path: Path, name: str, options: ExportOptions) -> Written:
    """Write tracks in the format called `name`.

    Raises:
        InputError: no such format, its pictures are missing or of another video, a way with gaps that it does not have,
            nothing to write, or the path cannot be written.
    """
    entry = find_format(name)
    if options.gaps is not None and options.gaps not in entry.gaps:
        offered = ", ".join(entry.gaps) or "none"
        raise InputError(f"{path}: the format {name} has no way '{options.gaps}' with gaps, it has: {offered}")
    if entry.needs_video:
        _check_frames(tracks, path, name, options.frames)
    return entry.write(tracks, path, options)


def _check_frames(tracks: TrackFile, path: Path, name: str, frames: Frames | None) -> None:
    if frames is None:
        raise InputError(f"{path}: the format {name} stores the pictures too, so it needs the video")
    video = (frames.frame_count, frames.width, frames.height)
    if video != (tracks.n_frames, *tracks.size_wh):
        raise InputError(
            f"{path}: the tracks are of {tracks.n_frames} frames of {tracks.size_wh[0]}x{tracks.size_wh[1]}, "
            f"the video has {video[0]} of {video[1]}x{video[2]}"
        )


def spans_by_extent(complete: NDArray[np.bool_]) -> dict[tuple[int, int], list[int]]:
    """The longest unbroken stretches of each row, grouped by (start, end): end exclusive, at least two frames long.

    `complete` is (N, T); the values are row numbers, ascending. Two rows that are complete on the same frames share a
    group, so that tracks without gaps make one group over all frames.
    """
    groups: dict[tuple[int, int], list[int]] = {}
    for row, flags in enumerate(complete):
        edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
        for start, end in edges.reshape(-1, 2).tolist():
            if end - start > 1:
                groups.setdefault((start, end), []).append(row)
    return dict(sorted(groups.items()))


def _write_native(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
    write_tracks(path, tracks)
    return Written(tracks.n_tracks, 0, int((tracks.state > 0).sum()))


def _read_native(path: Path, video: VideoFacts) -> TrackFile:
    tracks = read_tracks(path)
    if tracks.n_frames != len(video.pts) or tracks.size_wh != video.size_wh:
        raise InputError(f"{path}: the tracks belong to another video")
    return tracks


_ALL: Any = frozenset(TrackFile.__dataclass_fields__)
register(
    Format(
        name="npz",
        title="Trackwright track file",
        suffix=".npz",
        keeps=_ALL,
        loses="groups, colours, locks, undo history and runs of a project",
        write=_write_native,
        read=_read_native,
    )
)
