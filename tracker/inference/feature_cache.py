"""What is known of frames that were seen before, so that none is decoded or encoded twice. Needs no torch by itself."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import psutil
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class FrameEntry:
    """What is kept of one frame. Nothing in it may be changed.

    Attributes:
        grey: (h, w) uint8, the picture in grey at the size that a tracker works in.
        features: (h / stride, w / stride, C) on the CPU; None for a tracker that has none.
    """

    grey: NDArray[np.uint8]
    features: "Tensor | None" = None

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return self.grey.nbytes + (0 if self.features is None else self.features.nbytes)


def default_budget() -> int:
    """Bytes of main memory for features: a quarter of what the machine has."""
    return int(psutil.virtual_memory().total) // 4


class FeatureCache:
    """Features and grey pictures of frames, the least recently used dropped first. Any thread.

    Keys come from a frame, the encoder's weights and the working resolution (`FrameEncoder`), so one cache serves any
    videos, directions and models, and a frame that changed on disk never gets old features.

    Args:
        max_bytes: of main memory; a quarter of the machine's where None.
    """

    def __init__(self, max_bytes: int | None = None) -> None:
        self._max_bytes = default_budget() if max_bytes is None else max_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, FrameEntry] = OrderedDict()
        self._bytes = 0

    @property
    def used_bytes(self) -> int:
        """Main memory that the entries take."""
        return self._bytes

    @property
    def max_bytes(self) -> int:
        """Main memory that the entries may take. Setting it lower drops what is too much at once."""
        return self._max_bytes

    @max_bytes.setter
    def max_bytes(self, max_bytes: int) -> None:
        with self._lock:
            self._max_bytes = max_bytes
            self._drop_until_it_fits()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes) -> FrameEntry | None:
        """What is known of a frame, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: bytes, entry: FrameEntry) -> None:
        """Keep an entry. One that is larger than the whole cache is not kept."""
        with self._lock:
            self._bytes -= old.bytes if (old := self._entries.pop(key, None)) else 0
            if entry.bytes <= self._max_bytes:
                self._entries[key] = entry
                self._bytes += entry.bytes
                self._drop_until_it_fits()

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def _drop_until_it_fits(self) -> None:
        while self._bytes > self._max_bytes:
            self._bytes -= self._entries.popitem(last=False)[1].bytes
