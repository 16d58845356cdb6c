"""Small pictures of videos, made in the background and kept in the user's cache folder."""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from app.workers.jobs import Job, run_job
from tracker.files import InputError, atomic_output
from tracker.video import open_source
from tracker.video.index import cache_folder

WIDTH, HEIGHT = 112, 63  # that a picture is made to fit into, in pixels

Find = Callable[[str], Path | None]


class Thumbnails(QObject):
    """Makes a picture of each of many videos, one after the other.

    Signals, in the thread of the GUI:
        ready(name, QImage): the picture of a video.
    """

    ready = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None

    def start(self, names: Sequence[str], find: Find) -> None:
        """Make the pictures of these videos, instead of those that are being made.

        Args:
            find: gives the file of a video, None where it is missing; called in the thread. It may raise InputError.
        """
        self.stop()
        wanted = list(names)
        self._job = run_job(lambda job: self._make_all(job, wanted, find), self.tr("Making small pictures"), self)

    def stop(self) -> None:
        """Make no more."""
        if self._job is not None:
            self._job.stop()
            self._job = None

    def _make_all(self, job: Job, names: Sequence[str], find: Find) -> None:
        for done, name in enumerate(names):
            job.report(done, len(names))
            try:
                video = find(name)
                picture = thumbnail(video) if video is not None else None
            except (InputError, OSError):
                continue  # the row says what is wrong when the video is opened
            if picture is not None:
                self.ready.emit(name, picture)


def thumbnail(video: Path) -> QImage | None:
    """The picture of a video's middle, from the cache where it is there. Raises InputError."""
    entry = _cache_entry(video)
    if entry.exists():
        kept = QImage(str(entry))
        if not kept.isNull():
            return kept
    rgb = _middle(video)
    if rgb is None:
        return None
    height, width = rgb.shape[:2]
    image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    with contextlib.suppress(OSError, InputError):  # a cache that cannot be written costs time, nothing else
        entry.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(entry) as part:
            image.save(str(part), "PNG")  # type: ignore[call-overload]
    return image


def _middle(video: Path) -> NDArray[np.uint8] | None:
    with open_source(video, "rgb24") as source:
        if not source.frame_count:
            return None
        picture = source.frame(source.frame_count // 2)
    height, width = picture.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _cache_entry(video: Path) -> Path:
    try:
        status = video.stat()
    except OSError as error:
        raise InputError(f"{video}: the file does not exist") from error
    key = f"1\n{video.resolve()}\n{status.st_size}\n{status.st_mtime_ns}\n{WIDTH}x{HEIGHT}"
    name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return cache_folder() / "thumbnails" / f"{name}.png"
