"""From a decoded frame to the array that is shown: colour conversion and orientation."""

from typing import Literal, NamedTuple, cast

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from tracker.video.view_transform import ViewTransform

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

    def __call__(self, frame: av.VideoFrame, view: ViewTransform) -> NDArray[np.uint8]:
        """(H, W, 3) RGB or (H, W, 4) BGRA uint8, C-contiguous and read-only; BGRA is opaque."""
        if not view.is_identity:
            return finish(view.apply(self._codes(frame)), self._pixel_format, self._orientation)
        # swscale leaves the last columns of bgra unwritten when the width is no multiple of 8, and keeps transparency.
        plain = self._pixel_format == "rgb24" or self._stored_size[0] % 8 != 0 or _has_alpha(frame)
        if plain:
            return finish(_pixels_of(self._reformat(frame, "rgb24")), self._pixel_format, self._orientation)
        return _settled(self._orientation.apply(_pixels_of(self._reformat(frame, "bgra"))))

    def _reformat(self, frame: av.VideoFrame, pixel_format: str) -> av.VideoFrame:
        # One thread: with several, swscale's bgra overruns rows into the next thread's part.
        return self._reformatter.reformat(frame, *self._stored_size, pixel_format, threads=1)

    def _codes(self, frame: av.VideoFrame) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """(H, W, 3) stored RGB, uint16 where there are more than 8 bits."""
        deep = max(component.bits for component in frame.format.components) > 8
        pixels = _pixels_of(self._reformat(frame, "rgb48le" if deep else "rgb24"))
        return pixels.view(np.uint16) if deep else pixels


def finish(rgb: NDArray[np.uint8], pixel_format: PixelFormat, orientation: Orientation) -> NDArray[np.uint8]:
    """Stored RGB (H, W, 3) as the picture that is displayed, C-contiguous and read-only."""
    pixels = rgb if pixel_format == "rgb24" else np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA), np.uint8)
    return _settled(orientation.apply(pixels))


def _settled(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    return pixels


def _has_alpha(frame: av.VideoFrame) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _pixels_of(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The bytes of a packed frame's pixels without the padding of its rows; a view, which keeps the frame alive."""
    plane = frame.planes[0]
    size = frame.format.padded_bits_per_pixel // 8
    rows = np.frombuffer(memoryview(cast(bytes, plane)), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width * size].reshape(frame.height, frame.width, size)
