"""The sound of a video, carried into another file beside the pictures of the same stretch of time."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition

from tracker.files import InputError
from tracker.video.decoder import open_container

# What players take in these containers; any other sound is made AAC.
COPIED = {
    "mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus"}),
    "mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"}),
}
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_LAYOUTS = frozenset({"mono", "stereo", "3.0", "4.0", "5.0", "5.1"})  # others are mixed down to stereo


@dataclass(frozen=True)
class Sound:
    """A stretch of a video's sound.

    Attributes:
        path: the video.
        start, end: seconds on the clock of the file's timestamps; `start` is when the first picture is shown.
    """

    path: Path
    start: Fraction
    end: Fraction


class SoundTrack:
    """Writes a `Sound` into a container, as far as the pictures are: copied where the container can hold it, else AAC.

    Of several sound tracks it takes the default one. The cut falls on whole packets, some 20 ms long.
    """

    def __init__(self, sound: Sound, container: OutputContainer, kind: str, stack: ExitStack) -> None:
        """
        Args:
            kind: of the container, a key of `COPIED`.
            stack: closes the input.

        Raises:
            InputError: the file cannot be read, or its sound cannot be decoded where it must be.
        """
        self._sound, self._container = sound, container
        self._input = stack.enter_context(open_container(sound.path))
        streams = self._input.streams.audio
        if not streams:
            raise InputError(f"{sound.path}: there is no sound in this file")
        self._stream = max(streams, key=lambda stream: bool(stream.disposition & Disposition.default))
        self._packets = self._copied() if self._name() in COPIED[kind] else self._encoded()
        self._next = next(self._packets, None)

    def _name(self) -> str:
        return self._stream.codec_context.codec.canonical_name

    def write_until(self, seconds: Fraction | None) -> None:
        """Write what sounds before `seconds` after the first picture, or all that is left."""
        while self._next is not None:
            packet = self._next
            if seconds is not None and packet.pts is not None and packet.pts * packet.time_base >= seconds:
                return
            self._container.mux(packet)
            self._next = next(self._packets, None)

    def _stretch(self, before: int = 0) -> Iterator[av.Packet]:
        """The packets that sound within the stretch, and so many before; a damaged file's sound ends at the damage."""
        stream = self._stream
        try:
            if self._sound.start > 0 and stream.time_base:
                self._input.seek(int(self._sound.start / stream.time_base), stream=stream)
            for packet in self._input.demux(stream):
                if packet.pts is None or not packet.size:
                    continue
                if packet.pts * packet.time_base >= self._sound.end:
                    return
                if (packet.pts + (1 + before) * (packet.duration or 1)) * packet.time_base > self._sound.start:
                    yield packet
        except (av.FFmpegError, OSError):
            return

    def _copied(self) -> Iterator[av.Packet]:
        output = self._container.add_stream_from_template(self._stream)
        return self._shifted(output)

    def _shifted(self, output: AudioStream) -> Iterator[av.Packet]:
        # A packet of most codecs is whole only with the one before it; players cut off what is earlier than 0.
        before = 0 if self._name().startswith("pcm") else 1
        for packet in self._stretch(before):
            shift = round(self._sound.start / packet.time_base)
            packet.pts = (packet.pts or 0) - shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = output
            yield packet

    def _encoded(self) -> Iterator[av.Packet]:
        source = self._stream.codec_context
        try:
            source.open()
        except av.FFmpegError as error:
            raise InputError(f"{self._sound.path}: its sound ({self._name()}) cannot be decoded") from error
        rate = min((rate for rate in _AAC_RATES if rate >= source.sample_rate), default=_AAC_RATES[-1])
        known = source.layout.name if source.layout.name in _AAC_LAYOUTS else "stereo"
        layout = "mono" if source.layout.nb_channels == 1 else known  # a WAV file may not name its layout
        output = self._container.add_stream("aac", rate=rate)
        assert isinstance(output, AudioStream)
        output.codec_context.layout, output.codec_context.format = layout, "fltp"
        output.codec_context.bit_rate = 128_000 * max(1, output.codec_context.layout.nb_channels // 2)
        resampler = av.AudioResampler("fltp", layout, rate, frame_size=1024)
        return self._encode(output, resampler)

    def _encode(self, output: AudioStream, resampler: av.AudioResampler) -> Iterator[av.Packet]:
        for frame in self._decoded():
            if frame.time_base:
                frame.pts = (frame.pts or 0) - round(self._sound.start / frame.time_base)
            for part in resampler.resample(frame):
                yield from output.encode(part)
        for part in resampler.resample(None):
            yield from output.encode(part)
        yield from output.encode(None)

    def _decoded(self) -> Iterator[av.AudioFrame]:
        for packet in self._stretch():
            try:
                yield from self._stream.codec_context.decode(packet)
            except av.FFmpegError:
                continue
