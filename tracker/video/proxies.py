"""Pictures of slow sequences as they are seen, kept on disk: shown and tracked a second time without decoding.

Measured on two cores: a picture of a 4K half-float EXR takes 0.26 s (ZIP) or 0.29 s (PIZ) to decode and view, one of 2K
with an ACES view of OpenColorIO 0.4 s or more; read back from here, 0.04 s and 0.01 s. The numbers are stored as they
are: packing the 4K picture as PNG took 0.6 s, unpacking 0.16 s.
"""

import logging
import os
import shutil
import struct
import threading
import uuid
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracker.video.index import cache_folder
from tracker.video.view_transform import ViewTransform

log = logging.getLogger(__name__)

DEFAULT_BYTES = 8 << 30
SLOW_SECONDS = 0.05  # a picture that took longer to make is kept
SUFFIX, PART = ".rgb", ".part"
HEADER = struct.Struct("<8sIIQ")  # magic, height, width, sum of the bytes that follow
MAGIC = b"TWPROXY\1"

Picture = NDArray[np.uint8]


class ProxyStore:
    """RGB pictures by key in a folder, shared by threads and processes; the least recently used ones go.

    Args:
        folder: made when the first picture is written.
        max_bytes: of disk; never more than half of what would be free without this folder.
    """

    def __init__(self, folder: Path, max_bytes: int = DEFAULT_BYTES) -> None:
        self._folder, self._max_bytes = folder, max_bytes
        self._bound = max_bytes
        self._used: int | None = None  # None before the folder was looked at
        self._lock = threading.Lock()
        self._broken = False

    def get(self, key: str) -> Picture | None:
        """(H, W, 3) uint8 RGB, read-only, or None. One that is damaged is deleted."""
        path = self._path(key)
        try:
            data = np.fromfile(path, np.uint8)
        except OSError:
            return None
        picture = _unpack(data)
        with suppress(OSError):  # another process was faster, or the folder is read-only
            path.unlink() if picture is None else os.utime(path)
        return picture

    def put(self, key: str, picture: Picture) -> None:
        """Keep (H, W, 3) uint8 RGB. A disk that is full or cannot be written to is left alone from then on."""
        path, size = self._path(key), picture.nbytes + HEADER.size
        with self._lock:
            if self._broken or path.exists():
                return
            part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}{PART}")
            try:
                if self._used is None or self._used + size > self._bound:
                    self._clean_up(size)
                if size > self._bound:
                    return
                self._folder.mkdir(parents=True, exist_ok=True)
                with part.open("wb") as file:
                    file.write(HEADER.pack(MAGIC, *picture.shape[:2], _sum(picture)))
                    file.write(np.ascontiguousarray(picture).data)
                os.replace(part, path)
                self._used = (self._used or 0) + size
            except OSError as error:
                with suppress(OSError):
                    part.unlink()
                self._broken = True
                log.warning("%s: pictures are not kept any more (%s)", self._folder, error.strerror)

    def _path(self, key: str) -> Path:
        return self._folder / (key + SUFFIX)

    def _clean_up(self, room: int) -> None:
        """Look what is there, and delete the least recently used until there is `room`, and some more."""
        entries = list(os.scandir(self._folder)) if self._folder.is_dir() else []
        files = sorted((stat.st_mtime, stat.st_size, entry.path) for entry in entries if (stat := _stat(entry)))
        used = sum(size for _, size, _ in files)
        there = next(folder for folder in (self._folder, *self._folder.parents) if folder.is_dir())
        self._bound = min(self._max_bytes, (shutil.disk_usage(there).free + used) // 2)
        if used + room > self._bound:
            for _, size, path in files:
                if used + room <= self._bound * 0.9:
                    break
                with suppress(OSError):
                    os.unlink(path)
                used -= size
        self._used = used


def proxy_store() -> ProxyStore:
    """The one of this process for the user's cache folder."""
    folder = cache_folder() / "plates"
    with _lock:
        return _stores.setdefault(folder, ProxyStore(folder))


def proxy_key(path: Path, view: ViewTransform) -> str | None:
    """Names a picture file as it is now, seen this way; None where it cannot be asked."""
    try:
        stat = path.stat()
    except OSError:
        return None
    facts = repr((str(path.resolve()), stat.st_size, stat.st_mtime_ns, view.key))
    return blake2b(facts.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


_lock = threading.Lock()
_stores: dict[Path, ProxyStore] = {}


def _stat(entry: "os.DirEntry[str]") -> os.stat_result | None:
    with suppress(OSError):  # deleted just now
        return entry.stat()
    return None


def _sum(picture: Picture) -> int:
    return int(np.sum(picture, dtype=np.uint64))


def _unpack(data: Picture) -> Picture | None:
    """The picture in a file; None where it is not exactly what `put` wrote."""
    if len(data) < HEADER.size:
        return None
    magic, height, width, total = HEADER.unpack(data[: HEADER.size].tobytes())
    body = data[HEADER.size :]
    if magic != MAGIC or len(body) != 3 * height * width or _sum(body) != total:
        return None
    picture = body.reshape(height, width, 3)
    picture.flags.writeable = False
    return picture
