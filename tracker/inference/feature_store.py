"""Features of frames on disk: found again after a restart, bounded, shared by processes, and never trusted unchecked.

One file holds one frame. Measured with frames of 0.8 MB, files of their own are read about as fast as blocks of 64
frames (0.34 and 0.29 ms a frame) and written in 2 ms a frame rather than 1, by a thread; and only they can be discarded
and aged one by one without a lock between processes.
"""

import errno
import logging
import os
import shutil
import struct
import threading
import time
import uuid
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracker.files import describe_os_error

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

DEFAULT_DISK_BYTES = 8 << 30
QUEUED_BYTES = 64 << 20  # what may wait to be written; further frames are not written
SUFFIX, PART = ".frame", ".part"
STALE_SECONDS = 3600.0  # a part file of this age is what a crash left

MAGIC, VERSION = b"TWFRAME\0", 1
SEAL = struct.Struct("<8sI")  # magic, checksum of all that follows
# Version, number type, grey height and width, feature height, width and channels, key; then features and grey.
HEADER = struct.Struct("<HHIIIII16s12x")
DTYPES = ("float32", "float16", "bfloat16")


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


class _File(NamedTuple):
    used: float  # seconds, when it was last read or written
    size: int
    path: str


class FeatureStore:
    """Entries by 16-byte keys in a folder. Any thread; any number of processes may share the folder.

    Writing never makes a tracker wait: a thread does it that is there only while there is something to write, and
    what comes faster than the disk takes is not written. Features are stored in half precision: unit vectors lose no
    more than 2.5e-4 of a component.

    Args:
        folder: made when the first entry is written.
        max_bytes: of disk; never more than half of what would be free without this folder. The least recently used
            entries are deleted.
    """

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_DISK_BYTES) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._bound = max_bytes
        self._used: int | None = None
        self._unseen = 0  # bytes written since the folder was last looked at: others write too
        self._lock = threading.Lock()
        self._queue: deque[tuple[bytes, FrameEntry]] = deque()
        self._queued = 0
        self._look = True
        self._closed = False
        self._thread: threading.Thread | None = None
        self.warning: str | None = None
        """Why nothing is written any more, in one sentence; None while all is well."""

    @property
    def used_bytes(self) -> int | None:
        """Disk that the entries took when the folder was last looked at, and what was written since; None before."""
        return self._used

    @property
    def max_bytes(self) -> int:
        """Disk that the entries may take. Setting it lower deletes what is too much, in the thread."""
        return self._bound

    @max_bytes.setter
    def max_bytes(self, max_bytes: int) -> None:
        with self._lock:
            self._max_bytes = self._bound = max_bytes
            self._look = True
            self._wake()

    def get(self, key: bytes) -> FrameEntry | None:
        """The entry of this key, or None. One that is damaged in any way is deleted."""
        if self._look:
            with self._lock:
                self._wake()
        path = self._path(key)
        try:
            data = np.fromfile(path, np.uint8)
        except OSError:
            return None
        entry = _unpack(key, data)
        with suppress(OSError):  # another process was faster, or the folder is read-only
            path.unlink() if entry is None else os.utime(path)
        return entry

    def put(self, key: bytes, entry: FrameEntry) -> bool:
        """Have an entry with features written soon. Returns False where it will not be."""
        with self._lock:
            fits = self._queued + entry.bytes <= QUEUED_BYTES or not self._queue
            if self._closed or self.warning is not None or entry.features is None or not fits:
                return False
            self._queue.append((key, entry))
            self._queued += entry.bytes
            self._wake()
            return True

    def close(self) -> None:
        """Write what waits and end the thread. Later entries are not written; reading goes on."""
        with self._lock:
            self._closed, thread = True, self._thread
        if thread is not None:
            thread.join()

    def _path(self, key: bytes) -> Path:
        name = key.hex()
        return self._folder / name[:2] / (name + SUFFIX)

    # -- in the thread

    def _wake(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="feature store")
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                look, self._look = self._look, False
                if not (look or self._queue):
                    self._thread = None
                    return
                key, entry = self._queue[0] if self._queue else (b"", None)
            try:
                if look:
                    self._clean_up(0)
                if entry is not None:
                    self._write(key, entry)
            except OSError as error:
                self._give_up(error)
            if entry is not None:
                with self._lock:
                    self._queue.popleft()
                    self._queued -= entry.bytes

    def _write(self, key: bytes, entry: FrameEntry) -> None:
        path = self._path(key)
        data = None if self.warning is not None or path.exists() else _pack(key, entry)
        if data is None or len(data) > self._bound:
            return
        if (self._used or 0) + len(data) > self._bound or self._unseen > self._bound // 16:
            self._clean_up(len(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{PART}")
        try:
            part.write_bytes(data)
            os.replace(part, path)
        except OSError:
            part.unlink(missing_ok=True)
            if path.exists():  # another process wrote it just now, and reads it
                return
            raise
        self._used = (self._used or 0) + len(data)
        self._unseen += len(data)

    def _give_up(self, error: OSError) -> None:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = str(describe_os_error(self._folder, error)).removeprefix(f"{self._folder}: ")
        what = "features of further frames are kept in memory only" if full else "features are kept in memory only"
        if self.warning is None:
            self.warning = f"{self._folder}: {reason}; {what}"
            log.warning("%s", self.warning)

    def _clean_up(self, room: int) -> None:
        """Look what is there, and delete the least recently used until there is `room`, and some more."""
        files = sorted(self._files())
        used = sum(file.size for file in files)
        self._bound = min(self._max_bytes, (self._free() + used) // 2)
        if used + room > self._bound:
            for file in files:
                if used + room <= self._bound * 0.9:
                    break
                _delete(file.path)
                used -= file.size
        self._used, self._unseen = used, 0

    def _free(self) -> int:
        there = next((folder for folder in (self._folder, *self._folder.parents) if folder.is_dir()), Path())
        return shutil.disk_usage(there).free

    def _files(self) -> Iterator[_File]:
        """The entries. What a crash left half written is deleted on the way."""
        now = time.time()
        folders = [entry.path for entry in os.scandir(self._folder) if entry.is_dir()] if self._folder.is_dir() else []
        for folder in folders:
            for entry in os.scandir(folder):
                try:
                    stat = entry.stat()
                except OSError:
                    continue  # deleted just now
                if entry.name.endswith(SUFFIX):
                    yield _File(stat.st_mtime, stat.st_size, entry.path)
                elif entry.name.endswith(PART) and now - stat.st_mtime > STALE_SECONDS:
                    _delete(entry.path)


def _delete(path: str) -> None:
    with suppress(OSError):  # another process was faster, or reads it on a system that does not let go of it
        os.unlink(path)


def _pack(key: bytes, entry: FrameEntry) -> bytes | None:
    """An entry as a file; None where its numbers do not fit in half precision."""
    assert entry.features is not None
    with np.errstate(over="ignore"):
        # Not torch's conversion, which would start threads of its own from this one.
        half = np.ascontiguousarray(entry.features.float().numpy().astype(np.float16))
    if not np.isfinite(half).all():
        return None
    dtype = DTYPES.index(str(entry.features.dtype).removeprefix("torch."))
    header = HEADER.pack(VERSION, dtype, *entry.grey.shape, *half.shape, key)
    body = header + half.tobytes() + np.ascontiguousarray(entry.grey).tobytes()
    return SEAL.pack(MAGIC, zlib.crc32(body)) + body


def _unpack(key: bytes, data: NDArray[np.uint8]) -> FrameEntry | None:
    """The entry in a file; None where it is not exactly what `_pack` wrote for this key."""
    import torch

    if len(data) < SEAL.size + HEADER.size:
        return None
    magic, checksum = SEAL.unpack(data[: SEAL.size].tobytes())
    body, payload = data[SEAL.size :], data[SEAL.size + HEADER.size :]
    if magic != MAGIC or zlib.crc32(body.data) != checksum:
        return None
    version, dtype, height, width, *shape, name = HEADER.unpack(body[: HEADER.size].tobytes())
    split = 2 * shape[0] * shape[1] * shape[2]
    if (version, name) != (VERSION, key) or len(payload) != split + height * width:
        return None
    half = torch.from_numpy(payload[:split].view(np.float16).reshape(shape))
    # A copy: a view would keep the whole file in memory.
    return FrameEntry(payload[split:].reshape(height, width).copy(), half.to(getattr(torch, DTYPES[dtype])))
