"""Decoded frames kept in memory, and the order in which to decode the ones around the playhead."""

import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray


class FrameCache:
    """The most recently used frames, bounded in bytes. Safe to use from several threads."""

    def __init__(self, max_bytes: int) -> None:
        """A frame that is larger than `max_bytes` alone is not kept."""
        self.max_bytes = max_bytes
        self._frames: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """Memory the kept frames take."""
        return self._bytes

    def get(self, index: int) -> NDArray[np.uint8] | None:
        """The frame, which becomes the most recently used one, or None."""
        with self._lock:
            frame = self._frames.get(index)
            if frame is not None:
                self._frames.move_to_end(index)
            return frame

    def put(self, index: int, frame: NDArray[np.uint8]) -> None:
        """Keeps a frame and drops the least recently used ones that no longer fit."""
        with self._lock:
            old = self._frames.pop(index, None)
            self._bytes -= 0 if old is None else old.nbytes
            if frame.nbytes > self.max_bytes:
                return
            self._frames[index] = frame
            self._bytes += frame.nbytes
            while self._bytes > self.max_bytes:
                _, dropped = self._frames.popitem(last=False)
                self._bytes -= dropped.nbytes

    def __contains__(self, index: object) -> bool:
        with self._lock:
            return index in self._frames

    def __len__(self) -> int:
        with self._lock:
            return len(self._frames)

    def clear(self) -> None:
        """Drops everything."""
        with self._lock:
            self._frames.clear()
            self._bytes = 0


def prefetch_order(centre: int, direction: int, count: int, frame_count: int) -> list[int]:
    """Up to `count` frames around `centre` (not itself) in the order in which they are best decoded.

    Three quarters lie in the direction of travel (`direction` > 0 forward, < 0 backward), half on each side when it is
    0; what one side lacks near an end goes to the other. Each side is a run that ascends, because decoding ascends:
    the run before the centre costs one seek, in descending order it would cost one seek a frame.
    """
    ahead_room, behind_room = frame_count - 1 - centre, centre
    wanted = count - count // 4 if direction > 0 else count // 4 if direction < 0 else (count + 1) // 2
    ahead = min(ahead_room, max(wanted, count - behind_room))
    behind = min(behind_room, count - ahead)
    ahead_run = list(range(centre + 1, centre + 1 + ahead))
    behind_run = list(range(centre - behind, centre))
    return behind_run + ahead_run if direction < 0 else ahead_run + behind_run
