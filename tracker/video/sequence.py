"""Numbered pictures as a video: PNG, JPEG, TIFF, OpenEXR and DPX, decoded by FFmpeg."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

import av
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.video.picture import PictureConverter, PixelFormat, orientation_of

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".dpx"})
_SIGNATURES = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "mjpeg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"\x76\x2f\x31\x01": "exr",
    b"SDPX": "dpx",
    b"XPDS": "dpx",
}
_DECODER_OPTIONS = {"exr": {"apply_trc": "iec61966_2_1"}}  # scene-linear light is shown with the sRGB curve
_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*)", re.DOTALL)
_PATTERN = re.compile(r"(?P<before>.*?)(?P<place>#+|%0(?P<digits>\d+)d|%d)(?P<after>.*)", re.DOTALL)


class SequenceName(NamedTuple):
    """What the names of a sequence share: all but the number, the last run of digits before the suffix."""

    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.before}#{self.after}"


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
    name = _split(path)
    if name is None:
        return _single(path)
    (sequence,) = _group([other for other in _list(path.parent) if _is_picture(other) and _split(other) == name])
    return sequence if sequence.looks_like_frames else _single(path)


def pictures_of_pattern(pattern: Path) -> NumberedPictures | None:
    """The sequence that a name such as shot.####.exr or shot.%04d.exr stands for; None for any other name.

    Raises:
        InputError: no picture has such a name.
    """
    match = _PATTERN.fullmatch(pattern.name)
    if match is None or pattern.suffix.lower() not in PICTURE_SUFFIXES:
        return None
    name = SequenceName(match["before"], match["after"])
    width = int(match["digits"] or match["place"].count("#"))
    # Padded to a width, a number that is longer has no leading zero; a single # or %d stands for any number.
    digits = rf"\d{{{width}}}|[1-9]\d{{{width},}}" if width > 1 else r"\d+"
    number = re.compile(f"{re.escape(name.before)}({digits}){re.escape(name.after)}")
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


def _split(path: Path) -> SequenceName | None:
    match = _NUMBERED.fullmatch(path.stem)
    return SequenceName(match["before"], match["after"] + path.suffix) if match else None


def _number(path: Path) -> int:
    match = _NUMBERED.fullmatch(path.stem)
    assert match is not None
    return int(match["number"])


def _single(path: Path) -> NumberedPictures:
    number = _number(path) if _split(path) else 0
    return NumberedPictures(SequenceName(path.stem, path.suffix), {number: path})


def _group(paths: Iterable[Path]) -> list[NumberedPictures]:
    groups: dict[SequenceName, list[tuple[int, Path]]] = defaultdict(list)
    for path in paths:
        name = _split(path)
        if name is not None:
            groups[name].append((_number(path), path))
    return [NumberedPictures(name, _by_number(numbered)) for name, numbered in groups.items()]


def _by_number(numbered: list[tuple[int, Path]]) -> dict[int, Path]:
    paths: dict[int, Path] = {}
    for number, path in numbered:
        if number in paths:
            raise InputError(f"{path}: {paths[number].name} has the same frame number {number}")
        paths[number] = path
    return paths


def decode_picture(path: Path) -> av.VideoFrame:
    """Decodes one picture file, whatever its suffix claims.

    Raises:
        InputError: the file cannot be read, is no picture of a known kind, or is damaged.
    """
    try:
        data = path.read_bytes()
    except PermissionError as error:
        raise InputError(f"{path}: no permission to read this file") from error
    except OSError as error:
        raise InputError(f"{path}: the picture cannot be read ({error.strerror})") from error
    codec = picture_codec(data)
    if codec is None:
        raise InputError(f"{path}: {'not a PNG, JPEG, TIFF, EXR or DPX picture' if data else 'the file is empty'}")
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.options = _DECODER_OPTIONS.get(codec, {})
    context.thread_count = 1  # frame threads would only delay the one frame
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.FFmpegError as error:
        raise InputError(f"{path}: the picture is damaged and cannot be decoded") from error
    if not frames:
        raise InputError(f"{path}: the picture is damaged and cannot be decoded")
    return frames[0]


def picture_codec(data: bytes) -> str | None:
    """FFmpeg's decoder for a picture file that starts with `data`, by its signature; None if it is none of ours."""
    return next((codec for signature, codec in _SIGNATURES.items() if data.startswith(signature)), None)


class ImageSequence:
    """Numbered pictures as a frame source; frame 0 is the picture with the lowest number.

    A hole in the numbering keeps its place, so that every other frame keeps its number: reading the missing frame
    raises InputError. All pictures must have the size of the first one. EXIF orientation is applied. Pictures
    have no clock: `pts` is 0 … T−1 in 1/fps. Belongs to one thread at a time.

    Attributes:
        first_frame_number: the number in the first picture's name.
        missing: indices (0 … frame_count − 1) for which there is no picture.
    """

    has_audio = False

    def __init__(
        self, pictures: NumberedPictures, pixel_format: PixelFormat = "rgb24", fps: Fraction = Fraction(24)
    ) -> None:
        """
        Raises:
            InputError: the first picture cannot be read.
        """
        self._pictures = pictures
        self.first_frame_number = pictures.first
        self.frame_count = pictures.count
        self.path = pictures.paths[pictures.first]
        self.name = str(pictures.name) if len(pictures.paths) > 1 else self.path.name
        self.fps = fps
        self.time_base = 1 / fps
        self.pts: NDArray[np.int64] = np.arange(self.frame_count, dtype=np.int64)
        self.pts.flags.writeable = False
        present = pictures.paths.keys()
        self.missing = tuple(index for index in range(self.frame_count) if index + pictures.first not in present)
        first = decode_picture(self.path)
        self.width, self.height = _displayed_size(first)
        with self.path.open("rb") as handle:
            self.codec = picture_codec(handle.read(8)) or ""
        self._pixel_format = pixel_format

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Exactly frame `index`: (H, W, 3) RGB or (H, W, 4) opaque BGRA uint8, C-contiguous, read-only.

        Raises:
            IndexError: `index` is not in 0 … frame_count − 1.
            InputError: the picture is missing, damaged, or not of the sequence's size.
        """
        if not 0 <= index < self.frame_count:
            raise IndexError(f"frame {index} is not in 0 … {self.frame_count - 1}")
        number = index + self.first_frame_number
        path = self._pictures.paths.get(number)
        if path is None:
            raise InputError(f"{self.path.parent / self.name}: the picture with frame number {number} is missing")
        frame = decode_picture(path)
        width, height = _displayed_size(frame)
        if (width, height) != (self.width, self.height):
            size = f"{self.width} × {self.height}"
            raise InputError(f"{path}: the picture is {width} × {height} pixels, the first of its sequence {size}")
        return PictureConverter(self._pixel_format, width, height, orientation_of(frame))(frame)

    def frames(self, start: int, stop: int, step: int = 1) -> Iterator[NDArray[np.uint8]]:
        """The frames of range(start, stop, step) in that order. Raises as `frame`, at the frame's turn."""
        for index in range(start, stop, step):
            yield self.frame(index)

    def sampled_bytes(self, count: int) -> list[bytes]:
        """The file contents of up to `count` pictures spread over the sequence."""
        numbers = sorted(self._pictures.paths)
        places = {int(place): None for place in np.linspace(0, len(numbers) - 1, min(count, len(numbers)))}
        try:
            return [self._pictures.paths[numbers[place]].read_bytes() for place in places]
        except OSError as error:
            raise InputError(f"{self.path.parent / self.name}: a picture cannot be read ({error.strerror})") from error

    def close(self) -> None:
        """Nothing is kept open; there for sources to be alike."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _displayed_size(frame: av.VideoFrame) -> tuple[int, int]:
    return orientation_of(frame).displayed_size(frame.width, frame.height)
