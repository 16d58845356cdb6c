"""Numbered pictures as a video: OpenEXR by its own library; PNG, JPEG, TIFF and DPX decoded by FFmpeg."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, Self

import av
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.video.exr import read_exr
from tracker.video.names import NumberedPictures
from tracker.video.picture import Orientation, PictureConverter, PixelFormat, finish, orientation_of
from tracker.video.proxies import SLOW_SECONDS, proxy_key, proxy_store
from tracker.video.view_transform import ViewTransform, default_view

_SIGNATURES = {
    b"\x89PNG": "png",
    b"\xff\xd8\xff": "mjpeg",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"\x76\x2f\x31\x01": "exr",
    b"SDPX": "dpx",
    b"XPDS": "dpx",
}
_DPX_TRANSFER = 801  # where SMPTE ST 268-1 has the transfer characteristic of the first image element
_DENSITIES = (1, 3)  # printing density, logarithmic
_sizes: dict[tuple[str, int, int], tuple[int, int]] = {}  # of first pictures, by path, bytes and time


class StoredPicture(NamedTuple):
    """A decoded picture file, as it is stored: a frame of FFmpeg's, or the light of an OpenEXR file."""

    content: av.VideoFrame | NDArray[np.float16]
    orientation: Orientation

    @property
    def displayed_size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        if isinstance(self.content, av.VideoFrame):
            return self.orientation.displayed_size(self.content.width, self.content.height)
        return self.content.shape[1], self.content.shape[0]

    def shown(self, pixel_format: PixelFormat, view: ViewTransform) -> NDArray[np.uint8]:
        """(H, W, 3) RGB or (H, W, 4) opaque BGRA uint8, C-contiguous, read-only. Raises InputError as `view` does."""
        if isinstance(self.content, av.VideoFrame):
            return PictureConverter(pixel_format, *self.displayed_size, self.orientation)(self.content, view)
        return finish(view.apply(self.content), pixel_format, self.orientation)


def decode_picture(path: Path) -> StoredPicture:
    """Decodes one picture file, whatever its suffix claims.

    Raises:
        InputError: the file cannot be read, is no picture of a known kind, or is damaged.
    """
    codec = picture_codec(_head(path), path)
    if codec == "exr":
        return StoredPicture(read_exr(path), Orientation())
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1  # frame threads would only delay the one frame
    try:
        frames = [*context.decode(av.Packet(_bytes(path))), *context.decode(None)]
    except av.FFmpegError as error:
        raise InputError(f"{path}: the picture is damaged and cannot be decoded") from error
    if not frames:
        raise InputError(f"{path}: the picture is damaged and cannot be decoded")
    return StoredPicture(frames[0], orientation_of(frames[0]))


def picture_codec(head: bytes, path: Path) -> str:
    """FFmpeg's name of the format of a picture file that starts with `head`, by its signature.

    Raises:
        InputError: it is none of ours.
    """
    codec = next((codec for signature, codec in _SIGNATURES.items() if head.startswith(signature)), None)
    if codec is None:
        raise InputError(f"{path}: {'not a PNG, JPEG, TIFF, EXR or DPX picture' if head else 'the file is empty'}")
    return codec


def _head(path: Path) -> bytes:
    """The start of a file, as far as signatures and what is looked up in headers reach."""
    try:
        with path.open("rb") as file:
            return file.read(_DPX_TRANSFER + 1)
    except OSError as error:
        raise _unreadable(path, error) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> InputError:
    if isinstance(error, PermissionError):
        return InputError(f"{path}: no permission to read this file")
    return InputError(f"{path}: the picture cannot be read ({error.strerror})")


def _holds_densities(codec: str, head: bytes) -> bool:
    return codec == "dpx" and len(head) > _DPX_TRANSFER and head[_DPX_TRANSFER] in _DENSITIES


class ImageSequence:
    """Numbered pictures as a frame source; frame 0 is the picture with the lowest number.

    A hole in the numbering keeps its place, so that every other frame keeps its number. Asked for alone, a frame that
    is missing raises InputError; read through, it shows the last picture before it again, and whoever uses what was
    found there says that nothing is known (`missing`). All pictures must have the size of the first one. EXIF
    orientation is applied. Pictures have no clock: `pts` is 0 … T−1 in 1/fps. Belongs to one thread at a time.

    Attributes:
        first_frame_number: the number in the first picture's name.
        missing: indices (0 … frame_count − 1) for which there is no picture, ascending.
        view: how the numbers in the files are shown; may be set, and the newest picture is not decoded again for it.

    Pictures that are slow to make are kept on disk as they are seen (`tracker.video.proxies`).
    """

    has_audio = False

    def __init__(
        self,
        pictures: NumberedPictures,
        pixel_format: PixelFormat = "rgb24",
        view: ViewTransform | None = None,
        fps: Fraction = Fraction(24),
    ) -> None:
        """
        Args:
            view: by the kind of the first picture where None: `default_view`.

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
        head = _head(self.path)
        self.codec = picture_codec(head, self.path)
        self.view = default_view(self.codec, _holds_densities(self.codec, head)) if view is None else view
        self._newest: tuple[int, StoredPicture] | None = None
        self.width, self.height = self._find_size()
        self._pixel_format = pixel_format

    def file_name(self, index: int) -> str:
        """The name of frame `index`'s picture, also where it is missing."""
        return self._pictures.file_name(index + self.first_frame_number)

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
        if self._newest is not None and self._newest[0] == index:  # perhaps another view of it
            return self._newest[1].shown(self._pixel_format, self.view)
        key = proxy_key(path, self.view)
        kept = proxy_store().get(key) if key else None
        if kept is not None:
            self._check_size(path, kept.shape[1], kept.shape[0])
            return finish(kept, self._pixel_format, Orientation())
        began = time.perf_counter()
        picture = decode_picture(path)
        self._check_size(path, *picture.displayed_size)
        self._newest = (index, picture)
        shown = picture.shown(self._pixel_format, self.view)
        if key and time.perf_counter() - began > SLOW_SECONDS:
            proxy_store().put(key, shown if self._pixel_format == "rgb24" else shown[..., 2::-1])
        return shown

    def _find_size(self) -> tuple[int, int]:
        """That of the first picture; for the next to open it, it is not decoded again."""
        stat = self.path.stat()
        key = (str(self.path), stat.st_size, stat.st_mtime_ns)
        if key not in _sizes:
            self._newest = (0, decode_picture(self.path))
            _sizes[key] = self._newest[1].displayed_size
        return _sizes[key]

    def _check_size(self, path: Path, width: int, height: int) -> None:
        if (width, height) != (self.width, self.height):
            size = f"{self.width} × {self.height}"
            raise InputError(f"{path}: the picture is {width} × {height} pixels, the first of its sequence {size}")

    def frames(self, start: int, stop: int, step: int = 1) -> Iterator[NDArray[np.uint8]]:
        """The frames of range(start, stop, step) in that order; for missing ones the last picture before them.

        Raises as `frame`, at the frame's turn.
        """
        for index in range(start, stop, step):
            yield self.frame(present_frame(self.missing, index))

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


def present_frame(missing: Sequence[int], index: int) -> int:
    """The frame whose picture stands in for frame `index`: itself, or the last before it that is not `missing`.

    Args:
        missing: ascending, without frame 0.
    """
    place = bisect_left(missing, index)
    while 0 <= place < len(missing) and missing[place] == index:
        index, place = index - 1, place - 1
    return index
