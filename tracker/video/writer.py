"""Writing a movie: H.264 in MP4, which every player shows, or ProRes in QuickTime for editing and compositing."""

from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tracker.files import InputError, atomic_output
from tracker.video.decoder import decoder_thread_count
from tracker.video.sound import Sound, SoundTrack

MovieCodec = Literal["h264", "prores"]


class Encoding(NamedTuple):
    """How a movie is encoded: FFmpeg's encoder and its settings, and the multiples that width and height must be of."""

    title: str
    container: str
    encoder: str
    pixel_format: str
    multiples: tuple[int, int]
    options: dict[str, str]


H264 = Encoding("H.264", "mp4", "libx264", "yuv420p", (2, 2), {"preset": "veryfast", "crf": "18"})
PRORES = Encoding("ProRes 422 HQ", "mov", "prores_ks", "yuv422p10le", (2, 1), {"profile": "hq", "vendor": "apl0"})
PRORES_ALPHA = Encoding(
    "ProRes 4444", "mov", "prores_ks", "yuva444p10le", (1, 1), {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}
)


def encoding_of(codec: MovieCodec, alpha: bool) -> Encoding:
    """How a movie of this kind is encoded.

    Raises:
        InputError: H.264 with alpha.
    """
    if codec == "h264" and alpha:
        raise InputError("H.264 has no transparency, write ProRes (.mov) or PNG pictures")
    if codec == "h264":
        return H264
    return PRORES_ALPHA if alpha else PRORES


@dataclass(frozen=True)
class FrameTimes:
    """When each frame of a movie of variable rate is shown.

    Attributes:
        pts: (T,) int64 ascending from 0, in units of `time_base` seconds.
    """

    pts: NDArray[np.int64]
    time_base: Fraction

    def duration(self, index: int) -> int:
        """How long frame `index` is shown; the last one as long as the one before it."""
        steps = np.diff(self.pts)
        return int(steps[min(index, len(steps) - 1)]) if len(steps) else 1


class VideoWriter:
    """Writes RGB or RGBA frames as a movie, BT.709. A context manager.

    The file appears when the block ends well; a block that fails leaves what was there before. H.264 needs even sizes,
    ProRes 422 an even width: an odd width or height grows by one, the last column or row repeated, so that nothing is
    cut off and every pixel keeps its place. Alpha is straight: colours are not multiplied by it.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: Fraction,
        *,
        codec: MovieCodec = "h264",
        alpha: bool = False,
        pixel_aspect: Fraction = Fraction(1),
        times: FrameTimes | None = None,
        sound: Sound | None = None,
    ) -> None:
        """
        Args:
            width, height: of the frames that `write` gets.
            fps: frames per second; exact fractions such as 24000/1001 stay exact.
            alpha: frames are RGBA, and transparency is kept.
            pixel_aspect: width of a pixel by its height.
            times: when the frames are shown, where the rate is not constant.
            sound: what is heard with them.

        Raises:
            InputError: H.264 with alpha.
        """
        self._path = Path(path)
        self._encoding = encoding_of(codec, alpha)
        self._shape = (height, width, 4 if alpha else 3)
        across, down = self._encoding.multiples
        self._padding = ((0, -height % down), (0, -width % across), (0, 0))
        self._fps = Fraction(fps).limit_denominator(1_000_000)
        self._pixel_aspect, self._times, self._sound = pixel_aspect, times, sound
        self._time_base = 1 / self._fps if times is None else times.time_base
        self._stack = ExitStack()
        self._sound_track: SoundTrack | None = None
        self._written = 0

    def __enter__(self) -> Self:
        """
        Raises:
            InputError: the folder cannot be written, this FFmpeg lacks the encoder, or the sound cannot be read.
        """
        encoding = self._encoding
        kind = "mov" if self._path.suffix.lower() == ".mov" else encoding.container
        try:
            av.Codec(encoding.encoder, "w")
        except UnknownCodecError as error:
            raise InputError(
                f"{self._path}: this build of FFmpeg cannot write {encoding.title} (it has no {encoding.encoder})"
            ) from error
        with ExitStack() as stack:
            part = stack.enter_context(atomic_output(self._path))
            self._container = stack.enter_context(
                av.open(f"file:{part}", "w", format=kind, options={"movflags": "+faststart"})
            )
            self._stream = self._add_pictures()
            self._reformatter = VideoReformatter()
            if self._sound is not None:
                self._sound_track = SoundTrack(self._sound, self._container, kind, stack)
            self._stack = stack.pop_all()
        return self

    def _add_pictures(self) -> VideoStream:
        stream = self._container.add_stream(
            self._encoding.encoder, rate=self._fps, options=dict(self._encoding.options)
        )
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = (
            side + more for side, (_, more) in zip(self._shape[:2], self._padding[:2], strict=True)
        )
        stream.pix_fmt = self._encoding.pixel_format
        context = stream.codec_context
        context.time_base = self._time_base
        context.sample_aspect_ratio = self._pixel_aspect
        context.thread_count = decoder_thread_count()
        context.colorspace, context.color_range = 1, ColorRange.MPEG  # 1: BT.709 (ITU-T H.273)
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Appends a frame (height, width, 3) uint8 RGB, or (height, width, 4) RGBA where the movie has alpha.

        Raises:
            ValueError: another shape or type.
        """
        if picture.shape != self._shape or picture.dtype != np.uint8:
            raise ValueError(f"a frame is {self._shape} uint8, not {picture.shape} {picture.dtype}")
        grows = any(after for _, after in self._padding)
        padded = np.pad(picture, self._padding, mode="edge") if grows else picture
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), "rgba" if self._shape[2] == 4 else "rgb24"),
            format=self._encoding.pixel_format,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        at, frame.duration = self._place(self._written)
        frame.pts, frame.time_base = at, self._time_base
        if self._sound_track is not None:
            self._sound_track.write_until(at * self._time_base)
        self._container.mux(self._stream.encode(frame))
        self._written += 1

    def _place(self, index: int) -> tuple[int, int]:
        """When frame `index` is shown and how long, in units of the time base."""
        return (index, 1) if self._times is None else (int(self._times.pts[index]), self._times.duration(index))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            if not self._written:
                raise InputError(f"{self._path}: a video needs at least one frame")
            self._container.mux(self._stream.encode(None))
            if self._sound_track is not None:
                self._sound_track.write_until(None)
