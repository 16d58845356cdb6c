"""The thread that decodes for the eye: the frame wanted last first, then those around it."""

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QThread, Signal

from app.workers.protocol import failure_message
from tracker.files import InputError
from tracker.video import FrameCache, FrameSource, ViewTransform, open_source

BLOCK = 48  # frames of one stretch of prefetching, at most
AGAINST = 3  # frames against the direction of travel count as this many times as far away

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class FrameReady:
    """A wanted frame: `image` (H, W, 4) uint8 BGRA, read-only, in the `look` that `set_view` gave that number."""

    index: int
    image: Image
    look: int = 0


@dataclass(frozen=True)
class FrameFailed:
    """A wanted frame that cannot be shown; the worker goes on."""

    index: int
    message: str


class DecodeWorker(QThread):
    """Serves one video. `start` it, `want` frames, `stop` it. Frames that a sequence lacks are not answered.

    Signals:
        frame_ready(FrameReady): a frame that was wanted, even if a newer one has been wanted since.
        failed(FrameFailed)
    """

    frame_ready = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        source_path: str | Path,
        cache_bytes: int,
        parent: QObject | None = None,
        view: ViewTransform | None = None,
    ) -> None:
        """
        Args:
            cache_bytes: bound of the decoded frames in memory; a 1080p frame takes 8.3 MB.
            view: as for `open_source`.
        """
        super().__init__(parent)
        self._path = source_path
        self._view = view
        self.look = 0
        """The number of the look that frames are decoded in now."""
        self._cache = FrameCache(cache_bytes)
        self._kept: NDArray[np.bool_] = np.zeros(0, bool)  # which frames were put in the cache
        self._kept_lock = threading.Lock()
        self._changed = threading.Condition()
        self._wanted: tuple[int, int] | None = None
        self._stopping = False

    # -- from the GUI thread

    def want(self, index: int, direction: int = 0) -> None:
        """Show frame `index` next, instead of a want not served yet. `direction` (−1, 0, 1) steers prefetching."""
        with self._changed:
            self._wanted = (index, direction)
            self._changed.notify()

    def set_view(self, view: ViewTransform) -> bool:
        """Show frames this way from now on; those in memory are dropped. False where they are shown so already."""
        with self._changed:
            if view == self._view:
                return False
            self._view = view
            self.look += 1
            self._cache.clear()
            return True

    def cached(self, index: int) -> Image | None:
        """The frame if it is in memory, at once."""
        return self._cache.get(index)

    def nearest_cached(self, index: int) -> tuple[int, Image] | None:
        """The frame in memory that is nearest to `index`, for the eye until the right one is there."""
        kept = self._cached_indices()
        for near in kept[np.argsort(np.abs(kept - index), kind="stable")[:4]].tolist():  # some may go meanwhile
            image = self._cache.get(near)
            if image is not None:
                return near, image
        return None

    def cached_ranges(self) -> list[tuple[int, int]]:
        """What lies in memory, as (start, end) with the end exclusive, ascending."""
        kept = self._cached_indices()
        breaks = np.flatnonzero(np.diff(kept) > 1) + 1
        return [(int(part[0]), int(part[-1]) + 1) for part in np.split(kept, breaks) if len(part)]

    def stop(self) -> None:
        """End the thread and wait for it. The cache is given back."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self.wait()
        self._cache.clear()

    # -- in the thread

    def run(self) -> None:
        """The thread's loop."""
        try:
            source = open_source(self._path, pixel_format="bgra", threads="slice", view=self._view)
        except Exception as error:  # whatever it is, the GUI must hear of it
            self._answer_all(failure_message(error, "Opening the video"))
            return
        with source:
            with self._kept_lock:
                self._kept = np.zeros(source.frame_count, bool)
            while (want := self._next_want()) is not None:
                index, direction = want
                self._serve(source, index)
                self._prefetch(source, index, direction)

    def _next_want(self) -> tuple[int, int] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._wanted is not None)
            want, self._wanted = self._wanted, None
            return None if self._stopping else want

    def _answer_all(self, message: str) -> None:
        while (want := self._next_want()) is not None:
            self.failed.emit(FrameFailed(want[0], message))

    def _serve(self, source: FrameSource, index: int) -> None:
        if index in source.missing:
            return
        look, image = self.look, self._cache.get(index)
        if image is None:
            try:
                image, look = self._decode(source, index)
            except Exception as error:  # one bad frame does not end the worker
                self.failed.emit(FrameFailed(index, failure_message(error, "Decoding the frame")))
                return
        self.frame_ready.emit(FrameReady(index, image, look))

    def _decode(self, source: FrameSource, index: int) -> tuple[Image, int]:
        """The frame, and the number of its look."""
        with self._changed:
            look, source.view = self.look, self._view or source.view
        image = source.frame(index)
        image.flags.writeable = False
        with self._changed:
            if look == self.look:
                self._cache.put(index, image)
                with self._kept_lock:
                    self._kept[index] = True
        return image, look

    def _prefetch(self, source: FrameSource, index: int, direction: int) -> None:
        room = self._cache.max_bytes // (source.width * source.height * 4)
        for stretch in prefetch_stretches(index, direction, room, source.frame_count):
            for near in stretch:
                if self._stopping or self._wanted is not None:
                    return
                if self._cache.get(near) is None:  # a look keeps it from being dropped
                    try:
                        self._decode(source, near)
                    except InputError:  # said when it is wanted
                        continue

    def _cached_indices(self) -> NDArray[np.intp]:
        with self._kept_lock:
            kept = np.flatnonzero(self._kept)
            if len(kept) != len(self._cache):  # some were dropped since
                self._kept[[i for i in kept if int(i) not in self._cache]] = False
                kept = np.flatnonzero(self._kept)
            return kept


def prefetch_stretches(centre: int, direction: int, room: int, frame_count: int) -> list[range]:
    """What to decode around `centre`, nearest first, in ascending stretches of together less than `room` frames.

    Stretches start at multiples of a fixed length, wherever the centre is, so that stepping backwards, which costs a
    seek for each stretch, goes on with the one that was begun instead of starting another at every step.
    """
    size = max(1, min(BLOCK, room // 4))
    own = centre // size * size
    found: list[tuple[int, range]] = [
        (0 if direction >= 0 else 1, range(centre + 1, min(own + size, frame_count))),
        (1 if direction >= 0 else 0, range(own, centre)),
    ]
    blocks = (frame_count + size - 1) // size
    for block in range(blocks):
        distance = block - own // size
        if distance:
            against = direction * distance < 0
            cost = 2 * abs(distance) * (AGAINST if against else 1) + (distance < 0)
            found.append((cost, range(block * size, min((block + 1) * size, frame_count))))
    chosen, left = [], room - 1
    for _, stretch in sorted(found, key=lambda item: item[0]):
        if len(stretch) > left:
            break
        chosen.append(stretch)
        left -= len(stretch)
    return [stretch for stretch in chosen if stretch]
