"""What is known of frames that were seen before, so that none is decoded or encoded twice. Needs no torch by itself."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import psutil

from tracker.inference.feature_store import FeatureStore, FrameEntry
from tracker.video.index import cache_folder


@dataclass(frozen=True)
class CacheState:
    """What a cache holds, for display.

    Attributes:
        frames: that are in main memory.
        used_bytes, max_bytes: of main memory.
        disk_used_bytes, disk_max_bytes: of disk; None where there is no disk tier, or nobody has looked at it yet.
        warning: why nothing is written to disk any more, in one sentence; None while all is well.
    """

    frames: int
    used_bytes: int
    max_bytes: int
    disk_used_bytes: int | None = None
    disk_max_bytes: int | None = None
    warning: str | None = None


def default_budget() -> int:
    """Bytes of main memory for features: a quarter of what the machine has."""
    return int(psutil.virtual_memory().total) // 4


class FeatureCache:
    """Features and grey pictures of frames, the least recently used dropped first. Any thread.

    Keys come from a frame, the encoder's weights and the working resolution (`FrameEncoder`), so one cache serves any
    videos, directions and models, and a frame that changed on disk never gets old features.

    Args:
        max_bytes: of main memory; a quarter of the machine's where None.
        disk: where entries that last are written too, and looked for when they have left main memory.
    """

    def __init__(self, max_bytes: int | None = None, disk: FeatureStore | None = None) -> None:
        self._disk = disk
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

    @property
    def disk(self) -> FeatureStore | None:
        """Where entries are written too."""
        return self._disk

    @property
    def state(self) -> CacheState:
        """What it holds now."""
        state = CacheState(len(self), self._bytes, self._max_bytes)
        if self._disk is None:
            return state
        disk = self._disk
        return replace(state, disk_used_bytes=disk.used_bytes, disk_max_bytes=disk.max_bytes, warning=disk.warning)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: bytes, *, lasting: bool = False) -> FrameEntry | None:
        """What is known of a frame, or None. Where it is `lasting`, it is looked for on disk too."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                return entry
        if lasting and self._disk is not None and (entry := self._disk.get(key)) is not None:
            self._keep(key, entry)
        return entry

    def put(self, key: bytes, entry: FrameEntry, *, lasting: bool = False) -> None:
        """Keep an entry; one that is larger than the whole cache is not kept. A `lasting` one is written to disk."""
        self._keep(key, entry)
        if lasting and self._disk is not None:
            self._disk.put(key, entry)

    def close(self) -> None:
        """Write what waits to be written to disk, and nothing afterwards."""
        if self._disk is not None:
            self._disk.close()

    def clear(self) -> None:
        """Drop everything that is in main memory."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def _keep(self, key: bytes, entry: FrameEntry) -> None:
        with self._lock:
            self._bytes -= old.bytes if (old := self._entries.pop(key, None)) else 0
            if entry.bytes <= self._max_bytes:
                self._entries[key] = entry
                self._bytes += entry.bytes
                self._drop_until_it_fits()

    def _drop_until_it_fits(self) -> None:
        while self._bytes > self._max_bytes:
            self._bytes -= self._entries.popitem(last=False)[1].bytes


def feature_cache() -> FeatureCache:
    """The cache of an application for all its trackers, with the user's cache folder as its disk."""
    with _making:
        return _cache_with_disk(cache_folder() / "features")


_making = threading.Lock()  # two threads that ask first must get the same one


@lru_cache(maxsize=1)
def _cache_with_disk(folder: Path) -> FeatureCache:
    return FeatureCache(disk=FeatureStore(folder))
