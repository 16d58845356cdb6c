"""The names of numbered pictures: which files belong to one sequence, and which number each of them has.

A name may hold several numbers (shot_v002.1001.exr, plate.1001.2k.exr). The frame number is the last run of digits
that is neither a version after a v nor the start of a word as in 2k; where there is none, the last run of the name.
Digits at the end of a word are the number, all of them (name1001.exr). A minus counts only after a dot, an underscore
or nothing (a.-0003.exr), for elsewhere it is a dash.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tracker.files import InputError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".dpx"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".m4v", ".gif", ".mxf"})
_DIGITS = re.compile(r"\d+")
_SIGN = re.compile(r"(?:^|[._])(-)$")
_VERSION = re.compile(r"(?:^|[^A-Za-z])[vV]$")
_PLACE = re.compile(r"#+|%0(?P<c>\d+)d|%d|\$F(?P<houdini>\d+)?")


class SequenceName(NamedTuple):
    """What the names of a sequence share: all but the number."""

    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.before}#{self.after}"


class _Numbered(NamedTuple):
    name: SequenceName
    number: int


@dataclass(frozen=True)
class NumberedPictures:
    """The pictures of one sequence by frame number. Numbers between the first and the last may be missing."""

    name: SequenceName
    paths: dict[int, Path]

    @cached_property
    def first(self) -> int:
        """The lowest frame number."""
        return min(self.paths)

    @cached_property
    def count(self) -> int:
        """Frames from the first number to the last, missing ones included."""
        return max(self.paths) - self.first + 1

    @property
    def looks_like_frames(self) -> bool:
        """False where the numbers are dates or the like: most of them would be missing."""
        return self.count <= 10 * len(self.paths) + 1000

    def file_name(self, number: int) -> str:
        """What the picture of this number is called, or would be where it is missing."""
        path = self.paths.get(number)
        if path is not None:
            return path.name
        known = min(self.paths, key=lambda other: abs(other - number))
        text = self.paths[known].name.removeprefix(self.name.before).removesuffix(self.name.after).lstrip("-")
        return f"{self.name.before}{'-' if number < 0 else ''}{abs(number):0{len(text)}d}{self.name.after}"


def pictures_of_folder(folder: Path) -> NumberedPictures:
    """The one sequence in a folder; files that are no pictures do not count. A lone picture needs no number.

    Raises:
        InputError: no pictures, several sequences, or pictures without frame numbers.
    """
    pictures = [path for path in _list(folder) if _is_picture(path)]
    if not pictures:
        raise InputError(f"{folder}: the folder holds no pictures (PNG, JPEG, TIFF, EXR or DPX)")
    if len(pictures) == 1:
        return _group(pictures)[0] if _split(pictures[0]) else _single(pictures[0])
    unnumbered = [path.name for path in pictures if _split(path) is None]
    if unnumbered:
        raise InputError(f"{folder}: the picture {unnumbered[0]} has no frame number in its name")
    sequences = _group(pictures)
    if len(sequences) > 1:
        names = ", ".join(str(sequence.name) for sequence in sequences[:3])
        raise InputError(f"{folder}: the folder holds {len(sequences)} picture sequences ({names}); open one of them")
    if not sequences[0].looks_like_frames:
        raise InputError(f"{folder}: the numbers in the pictures' names are too far apart to be frame numbers")
    return sequences[0]


def pictures_around(path: Path) -> NumberedPictures:
    """The sequence that a picture belongs to; the picture alone where its name has no number or no neighbour."""
    mine = _split(path)
    if mine is None:
        return _single(path)
    others = ((other, _split(other)) for other in _list(path.parent) if _is_picture(other))
    (sequence,) = _group([other for other, split in others if split is not None and split.name == mine.name])
    return sequence if sequence.looks_like_frames else _single(path)


def pictures_of_pattern(pattern: Path) -> NumberedPictures | None:
    """The sequence that a name such as shot.####.exr, shot.%04d.exr or shot.$F4.exr stands for; None for other names.

    Raises:
        InputError: no picture has such a name.
    """
    places = list(_PLACE.finditer(pattern.name))
    if not places or pattern.suffix.lower() not in PICTURE_SUFFIXES:
        return None
    place = places[-1]
    name = SequenceName(pattern.name[: place.start()], pattern.name[place.end() :])
    width = int(place["c"] or place["houdini"] or place[0].count("#"))
    # Padded to a width, a number that is longer has no leading zero; a single #, %d or $F stands for any number.
    digits = rf"\d{{{width}}}|[1-9]\d{{{width},}}" if width > 1 else r"\d+"
    sign = "-?" if _SIGN.search(name.before + "-") else ""
    number = re.compile(f"{re.escape(name.before)}({sign}(?:{digits})){re.escape(name.after)}")
    found = ((number.fullmatch(path.name), path) for path in _list(pattern.parent))
    numbered = [(int(hit[1]), path) for hit, path in found if hit]
    if not numbered:
        raise InputError(f"{pattern}: no picture has a name like this")
    return NumberedPictures(name, _by_number(numbered))


def _list(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except PermissionError as error:
        raise InputError(f"{folder}: no permission to read this folder") from error
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read ({error.strerror})") from error


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _split(path: Path) -> _Numbered | None:
    """The frame number in a name, and what is around it; None where there is no digit."""
    stem = path.stem
    runs = list(_DIGITS.finditer(stem))
    if not runs:
        return None
    run = next((run for run in reversed(runs) if _stands_alone(stem, run)), runs[-1])
    signed = _SIGN.search(stem[: run.start()]) is not None
    start = run.start() - signed
    name = SequenceName(stem[:start], stem[run.end() :] + path.suffix)
    return _Numbered(name, -int(run[0]) if signed else int(run[0]))


def _stands_alone(stem: str, run: re.Match[str]) -> bool:
    return not _VERSION.search(stem[: run.start()]) and not stem[run.end() : run.end() + 1].isalpha()


def _single(path: Path) -> NumberedPictures:
    split = _split(path)
    return NumberedPictures(SequenceName(path.stem, path.suffix), {split.number if split else 0: path})


def _group(paths: Iterable[Path]) -> list[NumberedPictures]:
    groups: dict[SequenceName, list[tuple[int, Path]]] = defaultdict(list)
    for path in paths:
        split = _split(path)
        if split is not None:
            groups[split.name].append((split.number, path))
    return [NumberedPictures(name, _by_number(numbered)) for name, numbered in groups.items()]


def _by_number(numbered: list[tuple[int, Path]]) -> dict[int, Path]:
    paths: dict[int, Path] = {}
    for number, path in numbered:
        if number in paths:
            raise InputError(f"{path}: {paths[number].name} has the same frame number {number}")
        paths[number] = path
    return paths
