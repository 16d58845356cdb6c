"""Writing overlays and stabilised pictures of a video, frame after frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.rendering.marks import LIGHT, shade, text_height, text_width, write
from app.rendering.output import Output, Report, open_output, sound_of
from app.rendering.overlay import Look, Overlay, scaled
from app.rendering.stabilised import Lock, Stabiliser
from tracker.labels import TrackFile
from tracker.video import FrameSource

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Rendered:
    """What was written.

    Attributes:
        frames: how many.
        width, height: of each, in pixels.
        first_number, last_number: of the first and the last frame.
        missing: frames that the sequence lacks; the one before was shown in their place, and marked.
        held: frames without a solve, which moved as the one before them.
        sound: whether the video's sound is with them.
    """

    output: str
    frames: int
    width: int
    height: int
    first_number: int
    last_number: int
    missing: int = 0
    held: int = 0
    sound: bool = False


def render_overlay(
    source: FrameSource, tracks: TrackFile, look: Look, output: Output, report: Report, scale: float = 1.0
) -> Rendered:
    """Write the video with the tracks in it, or the tracks alone where the output has alpha.

    Args:
        tracks: of the whole video.
        scale: pixels that one pixel of the video becomes; what is drawn keeps its size.

    Raises:
        InputError: a frame cannot be read, or the output cannot be written.
    """
    size = max(1, round(source.width * scale)), max(1, round(source.height * scale))
    overlay = Overlay(scaled(tracks, size) if size != tracks.size_wh else tracks, look)

    def drawn(picture: Picture, index: int) -> Picture:
        fitting = picture if size == (source.width, source.height) else _resized(picture, size)
        return overlay.draw(fitting, index)

    pictures = _alone(overlay, output) if output.alpha else _made(source, output, drawn)
    return _write(source, output, size, pictures, report)


def render_stabilised(
    source: FrameSource, tracks: TrackFile, lock: Lock, output: Output, report: Report
) -> tuple[Rendered, int]:
    """Write the video so that the locked tracks hold still; gives the reference frame too.

    Raises:
        InputError: nothing can be locked to, a frame cannot be read, or the output cannot be written.
    """

    def solving(*_: int) -> None:
        report(0, output.count)

    stabiliser = Stabiliser(tracks, lock, output.start, output.end, output.first_number, solving)
    pictures = _made(source, output, stabiliser.picture)
    held = int(stabiliser.held[output.start : output.end].sum())
    return _write(source, output, stabiliser.size_wh, pictures, report, held), stabiliser.reference


def _made(source: FrameSource, output: Output, make: Callable[[Picture, int], Picture]) -> Iterator[Picture]:
    missing = set(source.missing)
    for index, picture in enumerate(source.frames(output.start, output.end), output.start):
        made = make(picture, index)
        if index in missing:
            _mark_missing(made, f"frame {output.first_number + index} is missing")
        yield made


def _alone(overlay: Overlay, output: Output) -> Iterator[Picture]:
    for index in range(output.start, output.end):
        yield overlay.draw_alone(index)


def _mark_missing(image: Picture, text: str) -> None:
    height = text_height(image.shape[0])
    wide = text_width(text, height)
    left, middle = (image.shape[1] - wide) / 2, image.shape[0] / 2
    shade(image, round(left - height), round(middle - 1.5 * height), round(wide + 2 * height), round(3 * height))
    write(image, text, left, middle + height / 2, height, LIGHT)


def _resized(picture: Picture, size: tuple[int, int]) -> Picture:
    way = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.uint8)


def _write(
    source: FrameSource,
    output: Output,
    size: tuple[int, int],
    pictures: Iterator[Picture],
    report: Report,
    held: int = 0,
) -> Rendered:
    sound = sound_of(source, output) is not None
    with open_output(output, source, *size) as writer:
        for done, picture in enumerate(pictures, start=1):
            writer.write(picture)
            report(done, output.count)
    inside = sum(output.start <= index < output.end for index in source.missing)
    return Rendered(
        str(output.path),
        output.count,
        *size,
        first_number=output.first_number + output.start,
        last_number=output.first_number + output.end - 1,
        missing=0 if output.alpha and not held else inside,
        held=held,
        sound=sound,
    )
