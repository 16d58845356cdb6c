"""The thread that cuts patches out of frames: small pictures centred on a track's position, exact to a fraction of a
pixel. It has a decoder of its own, so that judging a track never disturbs the picture."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QThread, Signal

from app.workers.protocol import failure_message
from tracker.files import InputError
from tracker.video import FrameSource, ViewTransform, open_source

CACHE_BYTES = 64 * 2**20
BATCH = 32  # crops that are told of at once, at most,
BATCH_SECONDS = 0.05  # and how long the first one of them waits

Crop = NDArray[np.uint8]


class Patch(NamedTuple):
    """A square of `size` pixels of the video centred on (x, y) of a frame; two tracks that meet share it."""

    frame: int
    x: float
    y: float
    size: int


@dataclass(frozen=True)
class PatchRequest:
    """What is to be cut out. Within each of the two groups the thread chooses the order.

    Attributes:
        generation: repeated by every answer.
        urgent: those that are seen, which come first.
        later: those that may be seen next.
    """

    generation: int
    urgent: tuple[Patch, ...]
    later: tuple[Patch, ...] = ()


@dataclass(frozen=True)
class PatchesReady:
    """Some of the patches that were asked for.

    Attributes:
        crops: one (size, size, 4) uint8 BGRA picture per patch, premultiplied, clear outside of the frame, read-only.
    """

    generation: int
    patches: tuple[Patch, ...]
    crops: tuple[Crop, ...]


@dataclass(frozen=True)
class PatchesFailed:
    """A frame that cannot be read, or with `frame` None a whole video; the worker goes on."""

    generation: int
    frame: int | None
    message: str


def cut_patch(image: NDArray[np.uint8], x: float, y: float, size: int) -> Crop:
    """(size, size, 4) uint8: what of a BGRA picture (H, W, 4) lies around (x, y), bilinear, clear outside of it.

    The point comes to lie in the exact middle: between the four middle pixels where `size` is even.
    """
    middle = (size - 1) / 2
    place = np.array([[1, 0, x - middle], [0, 1, y - middle]], dtype=np.float64)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image, place, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    crop: Crop = np.asarray(warped, dtype=np.uint8)
    crop.flags.writeable = False
    return crop


class _CropCache:
    """The most recently used crops, bounded in bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._crops: OrderedDict[Patch, Crop] = OrderedDict()

    def get(self, patch: Patch) -> Crop | None:
        crop = self._crops.get(patch)
        if crop is not None:
            self._crops.move_to_end(patch)
        return crop

    def put(self, patch: Patch, crop: Crop) -> None:
        self._crops[patch] = crop
        self._bytes += crop.nbytes
        while self._bytes > self._max_bytes:
            _, dropped = self._crops.popitem(last=False)
            self._bytes -= dropped.nbytes


class PatchWorker(QThread):
    """Serves one video. `start` it, `want` patches, `stop` it. The video is opened by the first want.

    Signals:
        ready(PatchesReady): some patches of the newest want; each patch comes once.
        failed(PatchesFailed)
    """

    ready = Signal(object)
    failed = Signal(object)

    def __init__(
        self,
        source_path: str | Path,
        cache_bytes: int = CACHE_BYTES,
        parent: QObject | None = None,
        view: ViewTransform | None = None,
    ) -> None:
        """
        Args:
            cache_bytes: bound of the crops in memory; one of 64 pixels takes 16 kB.
            view: as for `open_source`.
        """
        super().__init__(parent)
        self._path, self._view = source_path, view
        self._cache = _CropCache(cache_bytes)
        self._changed = threading.Condition()
        self._wanted: PatchRequest | None = None
        self._stopping = False

    # -- from the GUI thread

    def want(self, request: PatchRequest) -> None:
        """Cut these patches next; what is left of an earlier want is dropped, after the frame at hand."""
        with self._changed:
            self._wanted = request
            self._changed.notify()

    def stop(self) -> None:
        """End the thread, after the frame at hand, and wait for it."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self.wait()

    # -- in the thread

    def run(self) -> None:
        """The thread's loop."""
        source: FrameSource | None = None
        try:
            while (request := self._next_want()) is not None:
                if source is None:
                    source = self._open(request.generation)
                if source is not None:
                    self._serve(source, request)
        finally:
            if source is not None:
                source.close()

    def _next_want(self) -> PatchRequest | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._wanted is not None)
            request, self._wanted = self._wanted, None
            return None if self._stopping else request

    def _open(self, generation: int) -> FrameSource | None:
        try:
            return open_source(self._path, pixel_format="bgra", threads="auto", view=self._view)
        except Exception as error:  # whatever it is, the GUI must hear of it
            self.failed.emit(PatchesFailed(generation, None, failure_message(error, "Opening the video")))
            return None

    @property
    def _overtaken(self) -> bool:
        return self._stopping or self._wanted is not None

    def _serve(self, source: FrameSource, request: PatchRequest) -> None:
        for group in (request.urgent, request.later):
            batch = _Batch(request.generation)
            missing: dict[int, list[Patch]] = {}
            for patch in group:
                crop = self._cache.get(patch)
                if crop is None:
                    missing.setdefault(patch.frame, []).append(patch)
                else:
                    batch.add(patch, crop)
            self._tell(batch)  # what was at hand is seen before the first frame is decoded
            for frame in sorted(missing):  # decoding ascends
                if self._overtaken:
                    return
                self._cut(source, frame, missing[frame], batch)
                if batch.is_due:
                    self._tell(batch)
            self._tell(batch)

    def _cut(self, source: FrameSource, frame: int, patches: list[Patch], batch: "_Batch") -> None:
        try:
            if not 0 <= frame < source.frame_count:
                raise InputError(f"{source.path}: there is no frame {frame}, only {source.frame_count} frames")
            image = source.frame(frame)
            crops = [cut_patch(image, patch.x, patch.y, patch.size) for patch in patches]
        except Exception as error:  # one bad frame does not end the worker
            message = failure_message(error, "Cutting out patches")
            self.failed.emit(PatchesFailed(batch.generation, frame, message))
            return
        for patch, crop in zip(patches, crops, strict=True):
            self._cache.put(patch, crop)
            batch.add(patch, crop)

    def _tell(self, batch: "_Batch") -> None:
        if batch.crops:
            self.ready.emit(PatchesReady(batch.generation, tuple(batch.crops), tuple(batch.crops.values())))
            batch.crops = {}


class _Batch:
    """Crops that wait to be told of."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.crops: dict[Patch, Crop] = {}
        self._since = 0.0

    def add(self, patch: Patch, crop: Crop) -> None:
        if not self.crops:
            self._since = time.monotonic()
        self.crops[patch] = crop

    @property
    def is_due(self) -> bool:
        return len(self.crops) >= BATCH or (bool(self.crops) and time.monotonic() - self._since >= BATCH_SECONDS)
