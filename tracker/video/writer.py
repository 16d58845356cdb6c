"""Writing a video that every player shows: H.264 in MP4."""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.video.decoder import decoder_thread_count


class VideoWriter:
    """Writes RGB frames as H.264, yuv420p, BT.709, at a constant rate. A context manager.

    The file appears when the block ends well; a block that fails leaves what was there before. yuv420p needs even
    sizes: an odd width or height grows by one, the last column or row repeated, so that nothing is cut off and every
    pixel keeps its place.
    """

    def __init__(self, path: str | Path, width: int, height: int, fps: Fraction) -> None:
        """`width` and `height` are those of the frames that `write` gets."""
        self._path = Path(path)
        self._size = (height, width)
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        self._fps = Fraction(fps).limit_denominator(1_000_000)
        self._stack = ExitStack()
        self._written = 0

    def __enter__(self) -> Self:
        """
        Raises:
            InputError: the folder is missing or not writable.
        """
        with ExitStack() as stack:
            part = stack.enter_context(atomic_output(self._path))
            self._container = stack.enter_context(
                av.open(f"file:{part}", "w", format="mp4", options={"movflags": "+faststart"})
            )
            stream = self._container.add_stream("libx264", rate=self._fps, options={"preset": "veryfast", "crf": "18"})
            assert isinstance(stream, VideoStream)
            self._stream = stream
            stream.height, stream.width = (side + side % 2 for side in self._size)
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.time_base = 1 / self._fps
            context.thread_count = decoder_thread_count()
            context.colorspace, context.color_range = 1, ColorRange.MPEG  # 1: BT.709 (ITU-T H.273)
            context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
            self._reformatter = VideoReformatter()
            self._stack = stack.pop_all()
        return self

    def write(self, rgb: NDArray[np.uint8]) -> None:
        """Appends a frame (height, width, 3) uint8 RGB.

        Raises:
            ValueError: another shape or type.
        """
        if rgb.shape != (*self._size, 3) or rgb.dtype != np.uint8:
            raise ValueError(f"a frame is {(*self._size, 3)} uint8, not {rgb.shape} {rgb.dtype}")
        padded = np.pad(rgb, self._padding, mode="edge") if any(after for _, after in self._padding) else rgb
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), "rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = self._written, 1 / self._fps
        self._container.mux(self._stream.encode(frame))
        self._written += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            if not self._written:
                raise InputError(f"{self._path}: a video needs at least one frame")
            self._container.mux(self._stream.encode(None))
