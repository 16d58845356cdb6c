"""Brings the wanted patches to the filmstrip: asks only for those that are not here, drops those no longer wanted."""

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.workers.patches import CACHE_BYTES, Crop, Patch, PatchesFailed, PatchesReady, PatchRequest, PatchWorker
from tracker.video import ViewTransform


class PatchFeed(QObject):
    """The patches of one video at a time; its thread runs from the first want on.

    Signals:
        arrived(tuple[Patch, ...]): these wanted patches are here now.
        failed(str): a frame or the whole video cannot be read; said once for each.

    Attributes:
        broken: why no patch of the video can be had; empty while nothing is known against it.
    """

    arrived = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.broken = ""
        self._path: str | Path | None = None
        self._view: ViewTransform | None = None
        self._worker: PatchWorker | None = None
        self._generation = 0
        self._wanted: set[Patch] = set()
        self._crops: dict[Patch, Crop] = {}
        self._failures: dict[int, str] = {}
        self._last: tuple[tuple[Patch, ...], tuple[Patch, ...]] = ((), ())

    def set_source(self, path: str | Path | None, view: ViewTransform | None = None) -> None:
        """Cut out of this video, seen this way, from now on, or of none."""
        self.stop()
        self._path, self._view, self.broken = path, view, ""
        self._wanted, self._crops, self._failures = set(), {}, {}

    def stop(self) -> None:
        """End the thread; a later want starts another one."""
        self._generation += 1
        self._last = ((), ())
        if self._worker is not None:
            self._worker.stop()
            self._worker.deleteLater()
            self._worker = None

    def want(self, urgent: Iterable[Patch], later: Iterable[Patch] = ()) -> None:
        """These are to be at hand, the urgent ones first; of the later ones no more than fit the memory."""
        now = tuple(dict.fromkeys(urgent))
        room = CACHE_BYTES - sum(4 * patch.size**2 for patch in now)
        rest = []
        for patch in dict.fromkeys(later):
            room -= 4 * patch.size**2
            if room < 0:
                break
            rest.append(patch)
        self._wanted = {*now, *rest}
        self._crops = {patch: crop for patch, crop in self._crops.items() if patch in self._wanted}
        missing = tuple(filter(self._is_missing, now)), tuple(filter(self._is_missing, rest))
        if missing == self._last or self._path is None or self.broken:
            return
        self._last = missing
        self._generation += 1
        if self._worker is None:
            if not any(missing):
                return
            self._worker = self._start()
        self._worker.want(PatchRequest(self._generation, *missing))

    def _is_missing(self, patch: Patch) -> bool:
        return patch not in self._crops and patch.frame not in self._failures

    def crop(self, patch: Patch) -> Crop | None:
        """The patch, if it is here."""
        return self._crops.get(patch)

    def put(self, patch: Patch, crop: Crop) -> None:
        """Keep a patch that came another way."""
        self._crops[patch] = crop

    def failure(self, frame: int) -> str:
        """Why a frame cannot be read, empty where that is not known."""
        return self._failures.get(frame, "")

    @property
    def complete(self) -> bool:
        """Whether all that is wanted is here, as far as it can be had."""
        return self._path is None or bool(self.broken) or not any(map(self._is_missing, self._wanted))

    def _start(self) -> PatchWorker:
        assert self._path is not None
        worker = PatchWorker(self._path, parent=self, view=self._view)
        worker.ready.connect(self._take)
        worker.failed.connect(self._fail)
        worker.start()
        return worker

    def _take(self, ready: PatchesReady) -> None:
        if ready.generation != self._generation:
            return  # the newer want asks for those again that still count; the thread has them at hand
        self._crops.update(zip(ready.patches, ready.crops, strict=True))
        self.arrived.emit(ready.patches)

    def _fail(self, failure: PatchesFailed) -> None:
        if failure.generation != self._generation:
            return
        if failure.frame is None:
            self.broken = failure.message
        else:
            self._failures[failure.frame] = failure.message
        self.failed.emit(failure.message)
