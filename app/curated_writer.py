"""Writes what a person made of videos into their label set, in the background, and looks at it anew."""

import contextlib
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from app.curation.curated import write_curated
from app.curation.ranking import Standing, standing_of
from app.workers.jobs import Job, run_job
from tracker.files import InputError
from tracker.labels.label_set import LabelSet
from tracker.labels.native import TrackFile


class CuratedWriter(QObject):
    """One video at a time, the newest state of each.

    Signals:
        written(LabelSet, Standing): the set has it, and this is what is doubtful in it now.
        failed(str): it could not be written; the project has it.
    """

    written = Signal(object, object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job: Job | None = None
        self._waiting: dict[tuple[str, str], Callable[[], tuple[LabelSet, Standing]]] = {}

    def write(self, label_set: LabelSet, name: str, tracks: TrackFile | None) -> None:
        """Write these tracks of a video; None: nothing was changed, only look at it anew."""
        self._waiting[str(label_set.folder), name] = lambda: _write(label_set, name, tracks)
        self._next()

    @property
    def busy(self) -> bool:
        """Whether something is not written yet."""
        return self._job is not None or bool(self._waiting)

    def finish(self) -> None:
        """Wait until all is on the disk."""
        if self._job is not None:
            self._job.stop()  # it does not look whether it was cancelled: what it has begun is done
            self._job = None
        for act in list(self._waiting.values()):
            with contextlib.suppress(InputError):  # the project has it, and another start brings it into the set
                act()
        self._waiting.clear()

    def _next(self) -> None:
        if self._job is not None or not self._waiting:
            return
        act = self._waiting.pop(next(iter(self._waiting)))
        self._job = run_job(
            lambda _job: act(), self.tr("Writing curated labels"), self, on_result=self._done, on_error=self._failed
        )

    def _done(self, result: tuple[LabelSet, Standing]) -> None:
        self._job = None
        self.written.emit(*result)
        self._next()

    def _failed(self, message: str) -> None:
        self._job = None
        self.failed.emit(message)
        self._next()


def _write(label_set: LabelSet, name: str, tracks: TrackFile | None) -> tuple[LabelSet, Standing]:
    if tracks is None:
        tracks = label_set.read_current(name)
    else:
        write_curated(label_set, name, tracks)
    verdict = label_set.verdicts().get(name, "open")
    return label_set, standing_of(name, tracks, verdict, label_set.bulk_threshold())
