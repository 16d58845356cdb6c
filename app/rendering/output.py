"""Where pictures go: a movie or numbered pictures, with the clock, the sound and the pixel shape of their video."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np

from tracker.files import InputError
from tracker.labels import TrackFile
from tracker.video import FrameSource, VideoReader, VideoWriter
from tracker.video.decoder import open_container, picture_stream
from tracker.video.index import load_index
from tracker.video.picture_writer import PictureWriter, numbered_name, picture_pattern
from tracker.video.sound import Sound
from tracker.video.writer import FrameTimes, encoding_of

OutputCodec = Literal["h264", "prores", "png"]
Report = Callable[[int, int], None]  # what is done, and what there is to do; may raise to leave

SUFFIXES: dict[str, OutputCodec] = {".mp4": "h264", ".m4v": "h264", ".mov": "prores", ".png": "png"}
LARGEST_SIDE = 16_384  # pixels: what H.264 encoders and picture viewers take
FOREIGN = frozenset({".avi", ".mkv", ".webm", ".gif", ".mxf", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".dpx"})


@dataclass(frozen=True)
class Output:
    """What is written, and of which frames.

    Attributes:
        path: a movie, the pattern of numbered pictures, or a folder for them.
        alpha: transparency is kept: ProRes 4444 or RGBA pictures.
        sound: keep the video's sound, where the kind of file can hold it.
        start, end: frames from 0, end exclusive.
        first_number: the number of frame 0 in the names of pictures and where numbers are burnt in.
        fps: rate of the movie; None: the video's.
    """

    path: Path
    codec: OutputCodec
    alpha: bool = False
    sound: bool = True
    start: int = 0
    end: int = 1
    first_number: int = 0
    fps: Fraction | None = None

    @property
    def count(self) -> int:
        """How many frames."""
        return self.end - self.start


def codec_of(path: Path, wanted: OutputCodec | None = None) -> OutputCodec:
    """How an output is encoded by its name, or as it is wanted.

    Raises:
        InputError: the name does not go with that, or says nothing.
    """
    suffix = path.suffix.lower()
    is_pattern = any(sign in path.name for sign in "#%") and suffix in ("", ".png")
    if suffix in FOREIGN:
        raise InputError(f"{path}: write .mp4 (H.264), .mov (ProRes or H.264), or .png pictures as name.####.png")
    by_name = "png" if is_pattern or path.is_dir() or not suffix else SUFFIXES.get(suffix, "h264")
    if wanted is None or wanted == by_name or (wanted == "h264" and suffix == ".mov"):
        return wanted or by_name
    right = {"h264": ".mp4 or .mov", "prores": ".mov", "png": "name.####.png or a folder"}[wanted]
    raise InputError(f"{path}: {wanted} goes into {right}")


def frame_range(source: FrameSource, start: int | None, end: int | None) -> tuple[int, int]:
    """The frames meant, end exclusive.

    Raises:
        InputError: there are no such frames.
    """
    first, last = start or 0, source.frame_count if end is None else end
    if not 0 <= first < last <= source.frame_count:
        raise InputError(
            f"{source.path}: there are no frames {first} to {last} (exclusive), the video has 0 to {source.frame_count}"
        )
    return first, last


def check_fits(tracks: TrackFile, of: Path, source: FrameSource) -> None:
    """Raise InputError where the tracks, read from `of`, are of another video."""
    if (source.frame_count, source.width, source.height) != (tracks.n_frames, *tracks.size_wh):
        raise InputError(
            f"{of}: the tracks are of {tracks.n_frames} frames of {tracks.size_wh[0]}x{tracks.size_wh[1]}, "
            f"the video has {source.frame_count} of {source.width}x{source.height}"
        )


def open_output(output: Output, source: FrameSource, width: int, height: int) -> VideoWriter | PictureWriter:
    """What writes frames of this size. Raises InputError where it cannot be what is asked for."""
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise InputError(f"{output.path}: {width}x{height} pixels: pictures have 1 to {LARGEST_SIDE} a side")
    if output.codec == "png":
        pattern = picture_pattern(output.path, Path(source.name).stem.rstrip("#._- ") or "frame")
        number = output.first_number + output.start
        _check_not_the_plate(pattern, range(number, output.first_number + output.end), source)
        return PictureWriter(pattern, number, width, height, alpha=output.alpha)
    encoding_of(output.codec, output.alpha)
    return VideoWriter(
        output.path,
        width,
        height,
        output.fps or source.fps,
        codec=output.codec,
        alpha=output.alpha,
        pixel_aspect=pixel_aspect(source),
        times=None if output.fps else variable_times(source, output.start, output.end),
        sound=sound_of(source, output),
    )


def _check_not_the_plate(pattern: Path, numbers: range, source: FrameSource) -> None:
    if isinstance(source, VideoReader) or pattern.parent.resolve() != source.path.parent.resolve():
        return
    name = next((name for n in numbers if (pattern.parent / (name := numbered_name(pattern.name, n))).exists()), None)
    if name is not None:
        raise InputError(f"{pattern.parent / name}: this is beside the plate's pictures and may be one of them")


def pixel_aspect(source: FrameSource) -> Fraction:
    """Width of a displayed pixel by its height; pictures have square ones."""
    if not isinstance(source, VideoReader):
        return Fraction(1)
    with open_container(source.path) as container:
        aspect = picture_stream(container, source.path).sample_aspect_ratio or Fraction(1)
    return 1 / aspect if load_index(source.path).orientation.transpose else aspect


def variable_times(source: FrameSource, start: int, end: int) -> FrameTimes | None:
    """When the frames are shown, from 0; None where they come at the source's rate, up to the grain of its clock."""
    pts = source.pts[start:end] - source.pts[start]
    even = np.arange(end - start) / float(source.fps * source.time_base)
    return None if np.abs(pts - even).max() <= 1 else FrameTimes(pts, source.time_base)


def sound_of(source: FrameSource, output: Output) -> Sound | None:
    """The sound of the frames that are written; None where there is none or none is wanted."""
    if not (output.sound and source.has_audio) or output.codec == "png":
        return None
    begin = Fraction(int(source.pts[output.start])) * source.time_base
    if output.end < source.frame_count:
        return Sound(source.path, begin, Fraction(int(source.pts[output.end])) * source.time_base)
    last = Fraction(int(source.pts[-1])) * source.time_base
    return Sound(source.path, begin, last + 1 / source.fps)
