"""A labelling job: which videos of many are to be labelled, each of them by somebody, and what came of it.

The label set is the job's memory: what lies there is done, a file lies there whole or not at all, and it says of which
content it is. So a job that was ended in any way goes on when it is started again. One job works on a set at a time.
"""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from tracker.files import InputError, describe_os_error
from tracker.labels.label_file import read_origin, write_labels
from tracker.labels.label_set import DESCRIPTION, LABELS, LabelSet
from tracker.training.pseudo_labels import LabelSettings, label_video
from tracker.training.teachers import LoadedTeacher, load_teachers
from tracker.video import content_hash, open_source

log = logging.getLogger(__name__)

HASH_LETTERS = 8  # of a content hash in the name of its labels
STEM_LETTERS = 100  # of a video's name, which may be as long as a file system allows
ATTEMPTS = 3  # at a video whose worker dies


@dataclass(frozen=True)
class LabelTask:
    """One video to label: the name that its labels get, where it is, what it holds, and how many frames that is."""

    name: str
    path: str
    content_hash: str
    frames: int = 0


@dataclass(frozen=True)
class TaskResult:
    """What came of a task: labels of `points` tracks over `frames` frames, or the reason why there are none."""

    task: LabelTask
    frames: int
    seconds: float
    reason: str | None
    points: int = 0


class Executor(Protocol):
    """Somebody who gets tasks done with `do_task`: processes of this machine, or a cluster."""

    def run(self, tasks: Sequence[LabelTask], settings: LabelSettings, folder: Path) -> Iterator[TaskResult | None]:
        """The results in any order, each as soon as it is there; now and then None, so that one can ask for the end.

        A task whose worker was lost is tried again, `ATTEMPTS` times in all. Closing the iterator ends the work.

        Raises:
            InputError: the teachers cannot be loaded, or labels cannot be written.
        """


@dataclass(frozen=True)
class Plan:
    """What there is to do: tasks, videos (paths) that get no labels and why, names of labels that are there already."""

    tasks: list[LabelTask] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class JobProgress:
    """How far a job is.

    Attributes:
        stage: first all videos are looked at, then those without labels are labelled.
        done, total: videos.
        frames, point_frames: labelled by now, and the sum of tracks times frames.
        seconds: of this stage by now.
        left: seconds that it will take yet, None while nobody knows.
    """

    stage: Literal["looking", "labelling"]
    done: int
    total: int
    frames: int = 0
    point_frames: int = 0
    seconds: float = 0.0
    left: float | None = None


@dataclass(frozen=True)
class JobSummary:
    """What a job came to.

    Attributes:
        labelled, already: videos labelled by this run of the job, and before it.
        skipped: the videos (paths) without labels of their own, and why.
        frames, point_frames: labelled by this run, and the sum of tracks times frames.
        seconds: that labelling took by the clock.
        stopped: it was asked to stop before all was done.
    """

    labelled: int
    already: int
    skipped: dict[str, str]
    frames: int
    point_frames: int
    seconds: float
    stopped: bool


Report = Callable[[JobProgress], object]
ShouldStop = Callable[[], bool]


def do_task(task: LabelTask, settings: LabelSettings, folder: Path, teachers: Sequence[LoadedTeacher]) -> TaskResult:
    """Label one video and put the labels into the set in `folder`. What is wrong with the video is in the result.

    Raises:
        InputError: the labels cannot be written. Then nothing else can: the job is over.
    """
    began = time.perf_counter()

    def ended(reason: str | None, frames: int = 0, points: int = 0) -> TaskResult:
        return TaskResult(task, frames, time.perf_counter() - began, reason, points)

    try:
        labels = label_video(task.path, settings, teachers)
    except InputError as error:
        return ended(_without_path(error, task.path))
    except Exception as error:  # one video in 100,000 must not end the job
        log.exception("Labelling %s failed", task.path)
        return ended(f"this is a fault in Trackwright, please report it: {error!r}")
    if labels.origin.content_hash != task.content_hash:
        return ended("its content changed while the job ran")
    write_labels(LabelSet(folder).labels_path(task.name), labels)
    return ended(None, labels.tracks.n_frames, labels.tracks.n_tracks)


def plan(
    videos: Sequence[str | Path],
    label_set: LabelSet,
    report: Report = lambda progress: None,
    should_stop: ShouldStop = lambda: False,
) -> Plan:
    """Look at all videos, and at what is in the set.

    A video is recognised by its content. Of several with the same content the first is labelled. A video that was
    labelled and changed since is listed, and its labels stay: a person may have worked on them.
    """
    by_hash, by_path = _labelled(label_set)
    names = set(by_hash.values())
    made, first = Plan(), dict[str, str]()
    began = time.monotonic()
    paths = list(dict.fromkeys(map(str, videos)))
    # One after the other: in Python 3.11.7 threads that read arrays at once may fail (python/cpython#106905).
    for number, path in enumerate(paths, start=1):
        if should_stop():
            break
        found = _identify(path)
        report(JobProgress("looking", number, len(paths), seconds=time.monotonic() - began))
        if isinstance(found, InputError):
            made.skipped[path] = _without_path(found, path)
            continue
        identity, frames = found
        if identity in first:
            made.skipped[path] = f"the same video as {first[identity]}"
            continue
        first[identity] = path
        labelled = by_path.get(os.path.abspath(path))
        if identity in by_hash:
            made.done.append(by_hash[identity])
        elif labelled is not None:
            made.skipped[path] = (
                f"its content changed since it was labelled as {labelled}; those labels stay as they are, choose "
                "another folder to label it anew"
            )
        else:
            name = _name(path, identity, names)
            names.add(name)
            made.tasks.append(LabelTask(name, path, identity, frames))
    return made


def run_job(
    videos: Sequence[str | Path],
    settings: LabelSettings,
    folder: str | Path,
    executor: Executor,
    report: Report = lambda progress: None,
    should_stop: ShouldStop = lambda: False,
) -> JobSummary:
    """Label videos into the set in `folder`, which is made, or gone on with where it is of the same settings.

    What was labelled before the job ends in whatever way stays, and the next one of the same settings goes on.

    Raises:
        InputError: no teacher, one that cannot be loaded, or a folder that holds other things or cannot be written.
    """
    folder = Path(folder)
    description = settings.describe(load_teachers(settings.teachers, "cpu"))
    _sweep(folder)
    label_set = LabelSet.create(folder, description)
    _check_writable(folder)
    made = plan(videos, label_set, report, should_stop)
    tally = _Tally(made, report)
    stopped = should_stop()
    try:
        with closing(_results(executor, made.tasks if not stopped else [], settings, folder)) as results:
            for result in results:
                if result is not None:
                    tally.count(result)
                stopped = should_stop()
                if stopped:
                    break
    except InputError as error:
        raise InputError(f"{error}; {tally.labelled} videos were labelled, the same job goes on after them") from error
    finally:
        with suppress(InputError):  # of a full disk the exception tells
            label_set.write_skipped(tally.skipped)
    return tally.summary(stopped)


def _results(
    executor: Executor, tasks: Sequence[LabelTask], settings: LabelSettings, folder: Path
) -> Generator[TaskResult | None, None, None]:
    """A generator whatever the executor gives, so that it can be closed."""
    if tasks:
        yield from executor.run(tasks, settings, folder)


class _Tally:
    """Counts results, and tells how far the job is."""

    def __init__(self, made: Plan, report: Report) -> None:
        self._plan, self._report = made, report
        self._began = time.monotonic()
        self._frames_gone, self._all_frames = 0, sum(task.frames for task in made.tasks)
        self.skipped = dict(made.skipped)
        self.labelled = self._done = self._frames = self._point_frames = 0

    def count(self, result: TaskResult) -> None:
        self._done += 1
        self._frames_gone += result.task.frames
        if result.reason is None:
            self.labelled += 1
            self._frames += result.frames
            self._point_frames += result.frames * result.points
        else:
            self.skipped[result.task.path] = result.reason
        seconds = time.monotonic() - self._began
        left = seconds * (self._all_frames / self._frames_gone - 1) if self._frames_gone else None
        total = len(self._plan.tasks)
        self._report(JobProgress("labelling", self._done, total, self._frames, self._point_frames, seconds, left))

    def summary(self, stopped: bool) -> JobSummary:
        seconds = time.monotonic() - self._began
        already = len(self._plan.done)
        return JobSummary(self.labelled, already, self.skipped, self._frames, self._point_frames, seconds, stopped)


def _identify(path: str) -> tuple[str, int] | InputError:
    try:
        with open_source(path) as source:
            return content_hash(source), source.frame_count
    except InputError as error:
        return error


def _labelled(label_set: LabelSet) -> tuple[dict[str, str], dict[str, str]]:
    """The names of the labels in a set by the content hash of their video, and by its absolute path.

    Labels that cannot be read do not count: the video is labelled again, and they are replaced.
    """
    by_hash, by_path = {}, {}
    for name in label_set.names():
        with suppress(InputError):
            origin = read_origin(label_set.labels_path(name))
            by_hash[origin.content_hash] = by_path[os.path.abspath(origin.video)] = name
    return by_hash, by_path


def _name(path: str, identity: str, taken: set[str]) -> str:
    stem = Path(path).stem[:STEM_LETTERS]
    letters = HASH_LETTERS
    # 100,000 videos called "video" share eight letters with another one about once.
    while (name := f"{stem}-{identity[:letters]}") in taken:
        letters += 1
    return name


def _sweep(folder: Path) -> None:
    """Take away what a killed job was writing, and a folder that it had not yet made a set of."""
    labels = folder / LABELS
    for left in (*folder.glob(".*.????????"), *labels.glob(".*.????????")):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    if labels.is_dir() and not (folder / DESCRIPTION).exists():
        with suppress(OSError):  # where there is something in it, it is somebody else's
            labels.rmdir()


def _check_writable(folder: Path) -> None:
    try:
        for place in (folder, folder / LABELS):
            handle, probe = tempfile.mkstemp(prefix=".", dir=place)
            os.close(handle)
            os.unlink(probe)
    except OSError as error:
        raise describe_os_error(folder, error) from error


def _without_path(error: InputError, path: str) -> str:
    return str(error).removeprefix(f"{path}: ")
