"""What all sources of frames have in common, and how to open one."""

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.video.decoder import Threads
from tracker.video.names import PICTURE_SUFFIXES, pictures_around, pictures_of_folder, pictures_of_pattern
from tracker.video.picture import PixelFormat
from tracker.video.reader import VideoReader
from tracker.video.sequence import ImageSequence
from tracker.video.view_transform import ViewTransform

_HASHED_SAMPLES = 5


class FrameSource(Protocol):
    """Frames by their index in presentation order, from 0. `VideoReader` and `ImageSequence` say what each means.

    A source belongs to one thread at a time: open one per thread.
    """

    path: Path
    name: str
    frame_count: int
    width: int
    height: int
    fps: Fraction
    pts: NDArray[np.int64]
    time_base: Fraction
    first_frame_number: int
    has_audio: bool
    codec: str
    missing: tuple[int, ...]
    view: ViewTransform

    def frame(self, index: int) -> NDArray[np.uint8]: ...
    def frames(self, start: int, stop: int, step: int = 1) -> Iterator[NDArray[np.uint8]]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


def open_source(
    path: str | Path,
    pixel_format: PixelFormat = "rgb24",
    threads: Threads = "slice",
    view: ViewTransform | None = None,
) -> FrameSource:
    """Opens a video file, a folder of numbered pictures, one picture (and with it the sequence it belongs to), or a
    sequence named as shot.####.exr, shot.%04d.exr or shot.$F4.exr.

    Args:
        pixel_format: "rgb24" for (H, W, 3) RGB, "bgra" for (H, W, 4) opaque BGRA.
        threads: "slice" to answer single frames soon, "auto" to read long stretches fast. Pictures need neither.
        view: how the stored numbers are shown; where None, by the kind of the file: scene-linear light for EXR,
            densities for DPX that says so, and everything else as it is.

    Raises:
        InputError: nothing there can be shown; the message names the file and the reason.
    """
    path = Path(path)
    if path.is_dir():
        return ImageSequence(pictures_of_folder(path), pixel_format, view)
    if path.exists():
        if path.suffix.lower() in PICTURE_SUFFIXES:
            return ImageSequence(pictures_around(path), pixel_format, view)
        return VideoReader(path, pixel_format, threads, view)
    pictures = pictures_of_pattern(path)
    if pictures is None:
        raise InputError(f"{path}: the file does not exist")
    return ImageSequence(pictures, pixel_format, view)


def content_hash(source: FrameSource) -> str:
    """A SHA-256 (hex) by which a moved or renamed video is recognised.

    It covers the size, the frame times and a few sampled frames as they are stored, compressed, so that it depends on
    neither the decoder nor the pixel format. Sources of other kinds are sampled decoded.
    """
    digest = hashlib.sha256(f"{source.frame_count} {source.width} {source.height}".encode())
    digest.update(np.ascontiguousarray(source.pts, "<i8").tobytes())
    if isinstance(source, VideoReader | ImageSequence):
        samples = source.sampled_bytes(_HASHED_SAMPLES)
    else:
        places = np.linspace(0, source.frame_count - 1, min(_HASHED_SAMPLES, source.frame_count))
        samples = [source.frame(int(place)).tobytes() for place in places]
    for sample in samples:
        digest.update(hashlib.sha256(sample).digest())
    return digest.hexdigest()
