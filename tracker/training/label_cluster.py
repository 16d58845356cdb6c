"""Labelling over a Ray cluster: an actor for every graphics card, or for a few CPUs, and videos as its tasks.

Every node needs the same Trackwright, and must see the videos, the weights of the teachers and the folder of the labels
under the same paths. Labels do not depend on which node makes them.
"""

import json
import logging
import os
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracker.files import InputError
from tracker.labels.label_set import LABELS, LabelSet
from tracker.training.label_job import ATTEMPTS, LabelTask, TaskResult, do_task
from tracker.training.pseudo_labels import LabelSettings
from tracker.training.teachers import LoadedTeacher, load_teachers

OUTSTANDING = 2  # tasks given to a worker: one to work on, and one so that it need not wait
POLL = 1.0  # seconds to wait for a result, and between looks at which nodes there are
KNOCK = 10.0  # seconds for the head to answer
PATIENCE = 300.0  # seconds without any worker, after which the job ends


class RayExecutor:
    """Runs a labelling job on the nodes of a Ray cluster; an `Executor`.

    A worker whose process or node is lost is replaced as soon as a node has room for one, also a node that joined
    later. What it was working on is done again, elsewhere or there, up to `ATTEMPTS` times.

    Attributes:
        lost: how many workers the last run lost.
        left_out: of the last run a sentence for each node that could not be used.
    """

    def __init__(self, address: str, *, cpus_per_worker: int = 1) -> None:
        """
        Args:
            address: "auto" for the cluster that this machine is a node of, or "HOST:PORT" of the head of that one.
            cpus_per_worker: how many CPUs a worker without a graphics card takes of its node.

        Raises:
            InputError: Ray is not installed.
        """
        self._address, self._cpus = address, cpus_per_worker
        self._ray = _import_ray()
        self.lost = 0
        self.left_out: list[str] = []

    def run(self, tasks: Sequence[LabelTask], settings: LabelSettings, folder: Path) -> Iterator[TaskResult | None]:
        """Results as they come, None where nothing came for a while; who stops asking for them ends the workers.

        Raises:
            InputError: no cluster answers, it has no device of the kind that is asked for, or no node sees the folder,
                the weights and the place of the videos as this one does; or all nodes were lost.
        """
        self.lost, self.left_out = 0, []
        try:
            _knock(self._address)
            self._ray.init(address=self._address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, TimeoutError, RuntimeError, ValueError, OSError) as error:
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise InputError(f"{self._address}: no Ray cluster that can be used answers there ({reason})") from error
        try:
            yield from _Job(self, self._ray, tasks, settings, folder, self._cpus).results()
        finally:
            self._ray.shutdown()


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when it is imported: nothing is told to anyone
    try:
        import ray
    except ImportError as error:
        raise InputError("ray is not installed; a cluster needs it: pip install trackwright[cluster]") from error
    return ray


def _knock(address: str) -> None:
    """Raise OSError where nobody listens: Ray itself would go on trying for longer than anyone waits."""
    host, _, port = address.rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=KNOCK).close()


class _Worker:
    """The actor: in a process of its own on some node, with the teachers loaded once."""

    def __init__(self) -> None:
        self._teachers: list[LoadedTeacher] = []

    def prepare(self, settings: LabelSettings, folder: Path, description: Mapping[str, Any], place: Path) -> str:
        """Get ready. What is in the way, in one sentence, or nothing.

        Args:
            description: of the label set, as the driver sees it.
            place: the driver's current folder, from which paths of videos may count.
        """
        try:
            os.chdir(place)
        except OSError:
            return f"{place}: this folder is not there"
        try:
            found = LabelSet.open(folder).description()
            if found != description:
                return f"{folder}: this is another folder there"
            if not os.access(folder / LABELS, os.W_OK):
                return f"{folder / LABELS}: this folder cannot be written there"
            _compute_in_one_thread()
            self._teachers = load_teachers(settings.teachers, settings.device)
        except InputError as error:
            return str(error)
        told = json.loads(json.dumps(settings.describe(self._teachers)))
        differing = sorted(name for name, value in told.items() if found.get(name) != value)
        return f"{folder}: other {', '.join(differing)} than those of this job are there" if differing else ""

    def do(self, task: LabelTask, settings: LabelSettings, folder: Path) -> TaskResult:
        """Label one video."""
        return do_task(task, settings, folder, self._teachers)


def _compute_in_one_thread() -> None:
    """As on one machine: sums of several threads would make other labels."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@dataclass(eq=False)
class _Hired:
    """A worker as the driver sees it.

    Attributes:
        preparing: what Ray will give for `prepare`; None when it is ready.
        tasks: what it works on, the first one now, by what Ray will give for it.
    """

    actor: Any
    node: str
    host: str
    preparing: Any
    tasks: dict[Any, LabelTask] = field(default_factory=dict)


class _Job:
    """The driver's side of one run."""

    def __init__(
        self,
        executor: RayExecutor,
        ray: Any,
        tasks: Sequence[LabelTask],
        settings: LabelSettings,
        folder: Path,
        cpus: int,
    ) -> None:
        self._executor, self._ray, self._cpus = executor, ray, cpus
        self._settings, self._folder = settings, folder
        self._waiting = deque(tasks)
        self._workers: list[_Hired] = []
        self._strikes: Counter[str] = Counter()  # how often a task lost its worker, or a node one that was preparing
        self._unfit: set[str] = set()  # nodes that are not tried again
        self._given: tuple[Any, ...] = (settings, folder, LabelSet.open(folder).description(), Path.cwd())

    def results(self) -> Iterator[TaskResult | None]:
        """One for each task, and None where nothing came for a while. Raises InputError like `RayExecutor.run`."""
        alone = time.monotonic()
        looked = -POLL
        while self._waiting or any(worker.tasks for worker in self._workers):
            if time.monotonic() - looked >= POLL:
                self._hire()
                looked = time.monotonic()
            self._hand_out()
            owners = {ref: worker for worker in self._workers for ref in (worker.preparing, *worker.tasks) if ref}
            if owners:
                alone = time.monotonic()
                done, _ = self._ray.wait(list(owners), num_returns=1, timeout=POLL)
                for ref in done:
                    yield from self._take(ref, owners[ref])
                if not done:
                    yield None
            elif time.monotonic() - alone > PATIENCE:
                raise InputError("the cluster has no node left to work on; start it again and repeat the command")
            else:
                time.sleep(POLL)
                yield None

    def _hire(self) -> None:
        """A worker for each device that has none, as far as there is work."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        living = [node for node in self._ray.nodes() if node["Alive"]]
        if not self._workers and not any(self._devices(node["Resources"])[0] for node in living):
            kind = "graphics card" if self._settings.device == "cuda" else f"node with {self._cpus} CPUs"
            raise InputError(f"the cluster has no {kind}")
        actor = self._ray.remote(max_restarts=0, max_task_retries=0)(_Worker)
        for node in living:
            count, needs = self._devices(node["Resources"])
            name, host = node["NodeID"], node["NodeManagerHostname"]
            count -= sum(worker.node == name for worker in self._workers)
            for _ in range(0 if name in self._unfit else count):
                if sum(worker.preparing is not None for worker in self._workers) >= len(self._waiting):
                    return
                there = NodeAffinitySchedulingStrategy(name, soft=False)
                hired = actor.options(scheduling_strategy=there, **needs).remote()
                self._workers.append(_Hired(hired, name, host, hired.prepare.remote(*self._given)))

    def _devices(self, resources: Mapping[str, float]) -> tuple[int, dict[str, float]]:
        """How many workers a node takes, and what each of them needs."""
        cards = 0 if self._settings.device == "cpu" else int(resources.get("GPU", 0))
        cpus = resources.get("CPU", 0)
        if cards:
            return cards, {"num_gpus": 1, "num_cpus": min(1, cpus // cards)}
        return (0 if self._settings.device == "cuda" else int(cpus // self._cpus)), {"num_cpus": self._cpus}

    def _hand_out(self) -> None:
        """To whoever has least to do, so that the last tasks are spread."""
        while self._waiting:
            ready = [worker for worker in self._workers if worker.preparing is None]
            worker = min(ready, key=lambda one: len(one.tasks), default=None)
            if worker is None or len(worker.tasks) >= OUTSTANDING:
                return
            task = self._waiting.popleft()
            worker.tasks[worker.actor.do.remote(task, self._settings, self._folder)] = task

    def _take(self, ref: Any, worker: _Hired) -> Iterator[TaskResult]:
        """What became of a task, or of preparing a worker."""
        try:
            value = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            if not isinstance(error.cause, InputError):
                raise
            # Only this node may have lost sight of the folder.
            self._leave_out(worker.node, f"node {worker.host}: {error.cause}")
        except self._ray.exceptions.RayError:
            yield from self._lose(worker)
        else:
            if ref in worker.tasks:
                del worker.tasks[ref]
                yield value
            elif value:
                self._leave_out(worker.node, f"node {worker.host}: {value}")
            else:
                worker.preparing = None

    def _lose(self, worker: _Hired) -> Iterator[TaskResult]:
        """Give its tasks back. What it was working on may be the reason, what it had not begun cannot be."""
        if worker not in self._workers:
            return
        self._executor.lost += 1
        self._dismiss(worker)
        if worker.preparing is not None:
            self._strikes[worker.node] += 1
            if self._strikes[worker.node] >= ATTEMPTS:
                self._leave_out(worker.node, f"node {worker.host}: workers end there while they load their teachers")
        for number, task in reversed(list(enumerate(worker.tasks.values()))):
            self._strikes[task.name] += number == 0
            if self._strikes[task.name] >= ATTEMPTS:
                yield TaskResult(task, 0, 0.0, f"the worker that labelled it was lost {ATTEMPTS} times")
            else:
                self._waiting.appendleft(task)

    def _leave_out(self, node: str, sentence: str) -> None:
        """No workers on this node any more. Raises InputError where that leaves none on any."""
        self._unfit.add(node)
        self._executor.left_out.append(sentence)
        for worker in [one for one in self._workers if one.node == node]:
            self._dismiss(worker)
            self._waiting.extendleft(worker.tasks.values())
        if not self._workers:
            raise InputError(sentence)
        logging.getLogger(__name__).warning("%s; it is not used", sentence)

    def _dismiss(self, worker: _Hired) -> None:
        self._workers.remove(worker)
        self._ray.kill(worker.actor)  # it may still live, cut off: its device must be free for another
