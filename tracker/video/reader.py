"""Frame-accurate reading of a video file."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from tracker.files import InputError
from tracker.video.decoder import StreamDecoder, Threads, open_container, picture_stream
from tracker.video.index import load_index
from tracker.video.picture import PictureConverter, PixelFormat
from tracker.video.view_transform import ViewTransform

_BACKWARD_BYTES = 256 * 2**20  # decoded frames held while reading backwards,
_BACKWARD_FRAMES = 64  # and how many at most: the first one waits for all of them
_SEEK_COST = 4  # frames that may as well be decoded instead of starting anew at a key frame


class VideoReader:
    """The frames of a video file by their number in presentation order.

    A reader belongs to one thread at a time: give every thread its own. Its memory does not grow with the length of
    the video, but for the index (8 bytes a frame). A picture of which only a part can be decoded, as the last one of a
    file that was cut off, is shown the way FFmpeg conceals the loss.

    Attributes:
        frame_count: frames that can be shown, counted from the packets, whatever the file's header claims.
        width, height: displayed size in pixels, rotation applied; pixels that are not square stay as stored.
        fps: average rate. pts: (T,) int64 presentation times in `time_base`, ascending.
        first_frame_number: 0. codec: FFmpeg's name of the decoder. missing: none.
        view: what is done to the pictures once they are RGB; may be set.
    """

    first_frame_number = 0
    missing: tuple[int, ...] = ()

    def __init__(
        self,
        path: str | Path,
        pixel_format: PixelFormat = "rgb24",
        threads: Threads = "slice",
        view: ViewTransform | None = None,
    ) -> None:
        """
        Args:
            pixel_format: "rgb24" gives (H, W, 3) RGB, "bgra" (H, W, 4) opaque BGRA.
            threads: "slice" answers single frames soonest (scrubbing), "auto" reads long stretches fastest.

        Raises:
            InputError: the file cannot be read, is not a video, or has no frame that can be decoded.
        """
        self.path = Path(path)
        self.name = self.path.name
        self._index = index = load_index(self.path)
        self.frame_count = len(index.pts)
        self.width, self.height = index.width, index.height
        self.fps: Fraction = index.fps
        self.pts: NDArray[np.int64] = index.pts
        self.pts.flags.writeable = False
        self.time_base: Fraction = index.time_base
        self.has_audio = index.has_audio
        self.codec = index.codec
        self.view = ViewTransform() if view is None else view
        self._convert = PictureConverter(pixel_format, index.width, index.height, index.orientation)
        self._decoder = StreamDecoder(self.path, threads)
        # The newest frame the decoder gave and its number; -1 before the first, None where it stands is not known.
        self._at: int | None = -1
        self._newest: av.VideoFrame | None = None
        self._lost: set[int] = set()
        self._closed = False

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Exactly frame `index`: (H, W, 3) RGB or (H, W, 4) BGRA uint8, C-contiguous, read-only.

        Raises:
            IndexError: `index` is not in 0 … frame_count − 1.
            InputError: the frame cannot be decoded.
        """
        return self._convert(self._decode(index), self.view)

    def frames(self, start: int, stop: int, step: int = 1) -> Iterator[NDArray[np.uint8]]:
        """The frames of range(start, stop, step) in that order.

        Forward it decodes straight on and never seeks after the start at step 1; backward it decodes in blocks of at
        most 64 frames and 256 MiB. Raises as `frame`, at the frame's turn.
        """
        numbers = range(start, stop, step)
        if step > 0:
            for number in numbers:
                yield self.frame(number)
            return
        done = 0
        while done < len(numbers):
            block = self._decode_block(numbers[done:])
            done += len(block)
            while block:
                frame = block.pop(0)
                if isinstance(frame, InputError):
                    raise frame
                yield self._convert(frame, self.view)

    def _decode_block(self, numbers: range) -> list[av.VideoFrame | InputError]:
        """The first few of the descending `numbers`, decoded upwards."""
        sample = self._newest or self._decode(numbers[0])
        size = sum(plane.buffer_size for plane in sample.planes)
        block: list[av.VideoFrame | InputError] = []
        for number in reversed(numbers[: max(2, min(_BACKWARD_FRAMES, _BACKWARD_BYTES // size))]):
            try:
                block.append(self._decode(number))
            except InputError as error:
                block.append(error)
        block.reverse()
        return block

    def _decode(self, index: int) -> av.VideoFrame:
        if not 0 <= index < self.frame_count:
            raise IndexError(f"frame {index} is not in 0 … {self.frame_count - 1}")
        if self._closed:
            raise RuntimeError(f"the reader of {self.path} is closed")
        if self._newest is not None and self._at == index:
            return self._newest
        if index not in self._lost:
            frame = self._count_to(index) if self._index.counted else self._find(index)
            if frame is not None:
                return frame
            self._lost.add(index)
        raise InputError(f"{self.path}: frame {index} is damaged and cannot be decoded")

    def _count_to(self, index: int) -> av.VideoFrame | None:
        if self._at is None or self._at >= index:
            self._decoder.restart()
            self._at = -1
        for number in range(self._at + 1, index + 1):
            self._newest = self._decoder.next_frame()
            self._at = None if self._newest is None else number
            if self._newest is None:
                return None
        return self._newest

    def _find(self, index: int) -> av.VideoFrame | None:
        """Decodes up to the frame with exactly this pts, from where the decoder stands or from a key frame before."""
        keys = self._index.key_pts
        entry = int(np.searchsorted(keys, self.pts[index], "right")) - 1
        from_key = index - int(np.searchsorted(self.pts, keys[entry])) if entry >= 0 else index
        if self._at is not None and self._at < index and index - self._at <= from_key + _SEEK_COST:
            frame = self._advance(index)
            if frame is not None:
                return frame
        for attempt in range(2):
            if entry - attempt >= 0:
                self._decoder.seek(int(keys[entry - attempt]))
                frame = self._advance(index)
                if frame is not None:
                    return frame
        return self._search_from_start(index)

    def _advance(self, index: int) -> av.VideoFrame | None:
        """Decodes on to frame `index`; None if the decoder passes it or the stream ends before it."""
        want = int(self.pts[index])
        while (frame := self._decoder.next_frame(skip_before=want)) is not None:
            if frame.pts is not None and frame.pts >= want:
                self._remember(frame)
                return frame if frame.pts == want else None
        self._at = self._newest = None
        return None

    def _search_from_start(self, index: int) -> av.VideoFrame | None:
        """The last resort: every frame from the start, without frame threads, which lose good frames near bad ones.

        Every frame that is missing on the way is remembered as lost, so that a damaged stretch costs one search.
        """
        self._decoder.restart("slice")
        seen: set[int] = set()
        last = self.frame_count
        self._at = self._newest = None
        while (frame := self._decoder.next_frame()) is not None:
            if frame.pts is None:
                continue
            self._remember(frame)
            if frame.pts >= self.pts[index]:
                last = int(np.searchsorted(self.pts, frame.pts))
                if frame.pts == self.pts[index]:
                    return frame
                break
            seen.add(frame.pts)
        self._lost.update(number for number in range(last) if int(self.pts[number]) not in seen)
        return None

    def _remember(self, frame: av.VideoFrame) -> None:
        number = int(np.searchsorted(self.pts, np.int64(frame.pts or 0)))
        known = number < self.frame_count and self.pts[number] == frame.pts
        self._at, self._newest = (number, frame) if known else (None, None)

    def sampled_bytes(self, count: int) -> list[bytes]:
        """The compressed bytes of up to `count` key frames spread over the video; the decoder stays where it is."""
        keys = self._index.key_pts
        samples: list[bytes] = []
        with open_container(self.path) as container:
            stream = picture_stream(container, self.path)
            for key in {int(number): None for number in np.linspace(0, len(keys) - 1, min(count, len(keys)))}:
                try:
                    container.seek(int(keys[key]), backward=True, stream=stream)
                    samples.append(bytes(next(packet for packet in container.demux(stream) if packet.size)))
                except (av.FFmpegError, OSError, StopIteration):
                    continue
        return samples

    def close(self) -> None:
        """Releases the file; the reader gives no more frames."""
        self._closed = True
        self._newest = None
        self._decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
