"""One open video stream and its decoder: frames in presentation order from any key frame on."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from tracker.files import InputError

Threads = Literal["slice", "auto"]
# Only here do dropped non-reference pictures leave every later picture exact to the bit; in H.265 a "sub-layer
# non-reference" picture may still be the reference of a higher temporal layer.
_SKIPPING_CODECS = frozenset({"h264"})


def decoder_thread_count() -> int:
    """One core is left to the window."""
    return max(1, (os.cpu_count() or 1) - 1)


def open_container(path: Path) -> InputContainer:
    """Opens a media file; nothing is fetched from a network, whatever the file refers to.

    Raises:
        InputError: the file is missing, empty, not readable, or not a media file.
    """
    try:
        with path.open("rb") as handle:
            if not handle.read(1):
                raise InputError(f"{path}: the file is empty")
    except FileNotFoundError as error:
        raise InputError(f"{path}: the file does not exist") from error
    except PermissionError as error:
        raise InputError(f"{path}: no permission to read this file") from error
    except OSError as error:
        raise InputError(f"{path}: the file cannot be read ({error.strerror})") from error
    try:
        return av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a video, or cut off so early that its contents cannot be found") from error


def picture_stream(container: InputContainer, path: Path) -> VideoStream:
    """The main video stream; cover pictures of sound files do not count.

    Raises:
        InputError: there is none.
    """
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if container.format.name == "tty" or not streams:
        reason = "there is sound but no video in this file" if container.streams.audio else "there is no video in it"
        raise InputError(f"{path}: {reason}")
    # The choice players and the ffmpeg command make: what the file marks as its default, then the largest.
    return max(
        streams, key=lambda stream: (bool(stream.disposition & Disposition.default), stream.width * stream.height)
    )


class StreamDecoder:
    """Decodes the video stream of a file. Packets that cannot be decoded are passed over. Belongs to one thread."""

    def __init__(self, path: Path, threads: Threads) -> None:
        """
        Raises:
            InputError: the file holds no video, or one in a format that cannot be decoded.
        """
        self._path = path
        self._threads = threads
        self._open()

    def _open(self) -> None:
        self._container = open_container(self._path)
        try:
            self._stream = picture_stream(self._container, self._path)
            context = self._stream.codec_context
            context.thread_type = "SLICE" if self._threads == "slice" else "AUTO"
            context.thread_count = decoder_thread_count()
            context.open()
        except InputError:
            self.close()
            raise
        except av.FFmpegError as error:
            self.close()
            raise InputError(f"{self._path}: the video's format cannot be decoded ({error.strerror})") from error
        self._can_skip = context.name in _SKIPPING_CODECS
        self._pending: deque[av.VideoFrame] = deque()
        self._packets = self._read_packets()
        self._flushed = False

    def _read_packets(self) -> Iterator[av.Packet]:
        try:
            # Empty packets stand for repeated pictures in AVI and for the end; a decoder takes both for the end.
            yield from (packet for packet in self._container.demux(self._stream) if packet.size)
        except (av.FFmpegError, OSError):
            return  # a damaged file ends here

    def restart(self, threads: Threads | None = None) -> None:
        """Goes to the very start, optionally with another kind of threads; works where seeking does not."""
        self._threads = threads or self._threads
        self.close()
        self._open()

    def seek(self, pts: int) -> None:
        """Goes to the key frame at `pts` (stream time base); to the very start if the file cannot seek."""
        try:
            self._container.seek(pts, backward=True, stream=self._stream)
        except (av.FFmpegError, OSError):
            self.restart()
            return
        self._pending.clear()
        self._packets = self._read_packets()
        self._flushed = False

    def next_frame(self, skip_before: int | None = None) -> av.VideoFrame | None:
        """The next frame in presentation order, None at the end.

        Args:
            skip_before: frames with an earlier pts may be left out where that saves work and changes no other frame.
        """
        while not self._pending and not self._flushed:
            packet = next(self._packets, None)
            self._flushed = packet is None
            if packet is not None and self._can_skip:
                early = skip_before is not None and packet.pts is not None and packet.pts < skip_before
                self._stream.codec_context.skip_frame = "NONREF" if early else "DEFAULT"
            try:
                self._pending.extend(self._stream.codec_context.decode(packet))
            except av.FFmpegError:
                continue
        return self._pending.popleft() if self._pending else None

    def close(self) -> None:
        """Releases the file."""
        self._container.close()
