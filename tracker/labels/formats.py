"""The register of label formats: what `export --list` prints and what one round-trip test runs over.

A format is one file in this folder, in `vfx` or in `annotation` that ends with `register(Format(...))`; it is found by
itself. `tracker.labels.exchange` writes and reads them.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.labels.conventions import Convention
from tracker.labels.native import TrackFile
from tracker.labels.plate import Plate

Gaps = Literal["drop", "split", "mask"]
Hidden = Literal["gap", "flag", "linear"]
Normalisation = Literal["W", "W-1", "raster"]
Audience = Literal["labels", "annotation", "vfx"]
Report = Callable[[int, int], None]


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
    """What a reader must know of the video that the labels belong to, and what a person may choose about an import.

    Attributes:
        pts, time_base, size_wh: as in `TrackFile`.
        plate: the video as the program that wrote the file knew it.
        start_frame: the number that the video's first frame has in the file, where a person chose it; None: the
            format's own way (`Convention.first_number`).
        normalisation: TAP-Vid only, what its numbers mean.
        record: name or number of the video, in files that hold several.
    """

    pts: NDArray[np.int64]
    time_base: Fraction
    size_wh: tuple[int, int]
    plate: Plate = field(default_factory=Plate)
    start_frame: int | None = None
    normalisation: Normalisation = "W"
    record: str | None = None

    def empty(self, n_tracks: int) -> TrackFile:
        """Unlabelled tracks over this video."""
        return TrackFile.empty(n_tracks, self.pts, self.time_base, self.size_wh)


def _nobody(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class ExportOptions:
    """What a person may choose about an export; each format uses what concerns it.

    Attributes:
        name: of the record or sequence, usually the video's.
        frames: the pictures, for the formats that store them.
        gaps: what happens to tracks that are unlabelled somewhere, where the format cannot say so: "drop" leaves the
            track out, "split" writes one record per labelled stretch, "mask" writes NaN and a validity mask beside it.
            None: what the format does by itself.
        hidden: what happens to frames on which the point is not visible, in formats of keys: see
            `tracker.labels.keys.keys_of`. None: what the format does by itself.
        normalisation: TAP-Vid only, see `tracker.labels.tapvid`.
        jpeg: store pictures as JPEG instead of raw pixels or PNG.
        plate: the video as the receiving program knows it.
        start_frame: the number of the first frame where a person chose it; None: the format's own way
            (`Convention.first_number`).
        reference_frame: index of the frame whose picture a corner pin starts from; None: its first.
        report: called with (done, total) now and then; may raise, which ends the export and leaves nothing behind.
    """

    name: str = "video"
    frames: Frames | None = None
    gaps: Gaps | None = None
    hidden: Hidden | None = None
    normalisation: Normalisation = "W"
    jpeg: bool = False
    plate: Plate = field(default_factory=Plate)
    start_frame: int | None = None
    reference_frame: int | None = None
    report: Report = _nobody


@dataclass(frozen=True)
class Written:
    """What a writer wrote.

    Attributes:
        tracks: tracks of the source that are in the output.
        left_out: tracks of the source that are not.
        cells: labelled cells in the output.
        note: a sentence the person should read, or "".
        names: for writers that had to change names: the tracks' names to those in the file.
    """

    tracks: int
    left_out: int
    cells: int
    note: str = ""
    names: dict[str, str] = field(default_factory=dict)


Write = Callable[[TrackFile, Path, ExportOptions], Written]
Read = Callable[[Path, VideoFacts], TrackFile]
Check = Callable[[TrackFile, Path, ExportOptions, Written], str]


@dataclass(frozen=True)
class Format:
    """One label format.

    Attributes:
        name: what `--format` takes.
        title: what people call it, with the program's name first.
        suffix: of its file, with the dot; "" where it is a folder.
        replaces: of folders that are made as a whole: raises InputError where what is there may not be replaced.
        audience: who it is for; the dialog groups by it.
        convention: how it counts pixels and frames.
        carries: what it can say, in words: states, confidence, names, groups.
        loses: what it cannot, in words.
        keeps: names of the `TrackFile` fields that come back as they were.
        rounding: pixels by which a position may differ after a round trip.
        write: (tracks, path, options) -> Written; None where it can only be read.
        read: (path, video) -> tracks; None where nothing here can read it back. Raises InputError.
        imports: `read` is offered to people; False where it reads no more than what `write` makes.
        check: (tracks, path, options, written) -> what is wrong with the file that was written, "" for nothing; for
            formats that the usual comparison (`tracker.labels.exchange`) cannot judge.
        gaps: the ways of dealing with unlabelled cells it offers, its own choice first; empty where it can say them.
        hidden: the ways of dealing with hidden frames it offers, its own choice first; empty where it says all states.
        needs_video: the writer stores pictures and wants `ExportOptions.frames`.
        extra: the optional dependency (`pip install trackwright[…]`) it needs, and a module by which to tell; "" none.
        untested: why a person should be careful, as a sentence; "" where files of the application itself were compared.
        suffixes: of the files an import looks for, where it is more than `suffix`.
        corners: writes a corner pin, which is made of exactly four tracks.
        pastes: the program also takes the text from the clipboard.
        normalised: uses `ExportOptions.normalisation`.
        records: its files may hold several videos, of which `VideoFacts.record` names one.
    """

    name: str
    title: str
    suffix: str
    audience: Audience
    convention: Convention
    carries: str
    loses: str
    write: Write | None = None
    read: Read | None = None
    keeps: frozenset[str] = frozenset()
    rounding: float = 0.0
    imports: bool = True
    check: Check | None = None
    gaps: tuple[Gaps, ...] = ()
    hidden: tuple[Hidden, ...] = ()
    needs_video: bool = False
    extra: tuple[str, str] = ("", "")
    untested: str = ""
    suffixes: tuple[str, ...] = ()
    corners: bool = False
    pastes: bool = False
    normalised: bool = False
    records: bool = False
    replaces: Callable[[Path], None] | None = None

    @property
    def readable(self) -> bool:
        """Whether people may import it."""
        return self.read is not None and self.imports

    @property
    def missing(self) -> str:
        """What must be installed before it can be used, as a sentence; "" where nothing must."""
        extra, module = self.extra
        if not extra or importlib.util.find_spec(module) is not None:
            return ""
        return f"{self.title} needs a package that is not installed: pip install 'trackwright[{extra}]'"


_FORMATS: dict[str, Format] = {}


def register(entry: Format) -> Format:
    """Make a format known. Raises ValueError where the name is taken."""
    if entry.name in _FORMATS:
        raise ValueError(f"the format {entry.name} is registered twice")
    _FORMATS[entry.name] = entry
    return entry


@cache
def _find_all() -> None:
    """Import every module beside this one: each registers its formats."""
    package = importlib.import_module("tracker.labels")
    for module in pkgutil.walk_packages(package.__path__, "tracker.labels."):
        importlib.import_module(module.name)


def formats() -> tuple[Format, ...]:
    """All formats, by name."""
    _find_all()
    return tuple(_FORMATS[name] for name in sorted(_FORMATS))


def find_format(name: str) -> Format:
    """The format of this name. Raises InputError that lists the names where there is none."""
    _find_all()
    if name not in _FORMATS:
        raise InputError(f"{name}: there is no such format, the formats are {', '.join(sorted(_FORMATS))}")
    return _FORMATS[name]


def import_extra(module: str, entry: str, path: Path) -> ModuleType:
    """A module of an optional dependency, for the format called `entry`. Raises InputError where it is missing."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{path}: {find_format(entry).missing or f'{module} cannot be imported ({error})'}") from error


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
