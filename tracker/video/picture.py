"""From a decoded frame to the array that is shown: colour conversion and orientation."""

from typing import Literal, NamedTuple, cast

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

PixelFormat = Literal["rgb24", "bgra"]


class Orientation(NamedTuple):
    """How stored pixels become displayed ones: first the axes are swapped, then the result is mirrored."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The view (H, W, C) of the stored pixels that is displayed."""
        if self.transpose:
            pixels = pixels.transpose(1, 0, 2)
        return pixels[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    def displayed_size(self, width: int, height: int) -> tuple[int, int]:
        """Displayed (width, height) of a stored picture."""
        return (height, width) if self.transpose else (width, height)


# By quarter turns counter-clockwise.
_ROTATIONS = (
    Orientation(),
    Orientation(transpose=True, flip_y=True),
    Orientation(flip_x=True, flip_y=True),
    Orientation(transpose=True, flip_x=True),
)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """The nearest quarter turn and mirroring of the frame's display matrix (ISO/IEC 14496-12, 8.3.2 "matrix")."""
    try:
        matrix = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV up to 18.1 refuses frames with side data it has no name for, EXIF among them
        return _ROTATIONS[frame.rotation // 90 % 4]
    if matrix is None:
        return Orientation()
    # A stored pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift.
    a, b, _, c, d = np.frombuffer(memoryview(cast(bytes, matrix)), np.int32)[:5].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)


class PictureConverter:
    """Makes displayed pictures of one size from decoded frames.

    swscale does the colour conversion with the matrix and range the stream is tagged with, and with FFmpeg's default
    (BT.601, limited) where it is not tagged. Pixels that are not square stay as they are stored.
    """

    def __init__(self, pixel_format: PixelFormat, width: int, height: int, orientation: Orientation) -> None:
        """`width` and `height` are the displayed ones; stored frames of another size are scaled to them."""
        self._pixel_format = pixel_format
        self._stored_size = orientation.displayed_size(width, height)
        self._orientation = orientation
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """(H, W, 3) RGB or (H, W, 4) BGRA uint8, C-contiguous and read-only; BGRA is opaque."""
        width, height = self._stored_size
        # swscale leaves the last columns of bgra unwritten when the width is no multiple of 8, and keeps transparency.
        detour = self._pixel_format == "bgra" and (width % 8 != 0 or _has_alpha(frame))
        # One thread: with several, swscale's bgra overruns rows into the next thread's part.
        converted = self._reformatter.reformat(
            frame, width, height, "rgb24" if detour else self._pixel_format, threads=1
        )
        pixels = _pixels_of(converted)
        if detour:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGRA).astype(np.uint8, copy=False)
        pixels = np.ascontiguousarray(self._orientation.apply(pixels))
        pixels.flags.writeable = False
        return pixels


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _pixels_of(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The pixels of a packed frame without the padding of its rows; a view, which keeps the frame alive."""
    plane = frame.planes[0]
    channels = len(frame.format.components)
    rows = np.frombuffer(memoryview(cast(bytes, plane)), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width * channels].reshape(frame.height, frame.width, channels)
