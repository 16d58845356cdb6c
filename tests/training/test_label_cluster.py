"""A Ray cluster labels as one machine does, also when a node dies."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.training.label_on_cluster import SETTINGS
from tests.training.moving_clips import pan, write_clip
from tracker.files import InputError
from tracker.labels.label_set import LabelSet
from tracker.training import label_cluster
from tracker.training.label_cluster import RayExecutor
from tracker.training.label_job import ATTEMPTS, LabelTask, TaskResult, do_task, run_job
from tracker.training.pseudo_labels import LabelSettings
from tracker.training.teachers import load_teachers

pytest.importorskip("ray", reason="ray is not installed (the extra cluster)")

ROOT = Path(__file__).parents[2]


class Here:
    """Works in this process."""

    def run(self, tasks: Sequence[LabelTask], settings: LabelSettings, folder: Path) -> Iterator[TaskResult]:
        teachers = load_teachers(settings.teachers, "cpu")
        return (do_task(task, settings, folder, teachers) for task in tasks)


def label_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "labels").iterdir()}


def test_a_cluster_that_loses_a_node_makes_the_labels_that_one_machine_makes(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for number in range(12):
        write_clip(videos / f"{number}.mkv", pan(number, 16))
    (videos / "broken.mkv").write_bytes(b"no video")
    command = [sys.executable, "-m", "tests.training.label_on_cluster", str(videos), str(tmp_path / "cluster")]
    # Sockets lie in this folder, and their names must be short.
    with tempfile.TemporaryDirectory(prefix="tw", ignore_cleanup_errors=True) as short:
        own = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_TMPDIR": short}
        done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["labelled"] == 12
    assert list(told["skipped"]) == [str(videos / "broken.mkv")]
    assert told["killed"] == 1
    assert told["lost"] <= 1, "none where the other node had done all the rest by then"
    run_job(sorted(videos.iterdir()), SETTINGS, tmp_path / "local", Here())
    assert label_files(tmp_path / "cluster") == label_files(tmp_path / "local")
    assert LabelSet.open(tmp_path / "cluster").description() == LabelSet.open(tmp_path / "local").description()


# -- what a worker looks for before it works


def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **other: Any) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(label_cluster, "_compute_in_one_thread", lambda: None)
    description = json.loads(json.dumps(SETTINGS.describe(load_teachers(SETTINGS.teachers, "cpu"))))
    labels = LabelSet.create(tmp_path / "set", description)
    given = {"settings": SETTINGS, "folder": labels.folder, "description": labels.description(), "place": tmp_path}
    return label_cluster._Worker().prepare(**{**given, **other})


def test_a_worker_that_finds_everything_is_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert prepared(tmp_path, monkeypatch) == ""


def test_a_worker_says_what_it_does_not_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    away = tmp_path / "away"
    assert prepared(tmp_path, monkeypatch, place=away) == f"{away}: this folder is not there"
    assert "there is no label set here" in prepared(tmp_path, monkeypatch, folder=away)
    assert "another folder there" in prepared(tmp_path, monkeypatch, description={"format_version": 1})
    oracle = LabelSettings(teachers=("oracle",))
    assert "no such tracker" in prepared(tmp_path, monkeypatch, settings=oracle)
    others = replace(SETTINGS, points=13)
    assert "other points than those of this job" in prepared(tmp_path, monkeypatch, settings=others)


# -- how the driver takes losses, with a cluster that does as it is told


class Died(Exception):
    """Of a worker."""


class Failed(Exception):
    """Of what a worker ran."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class PretendedRay:
    """Does calls in the order in which they were made; `answers` says what comes of each on its node."""

    exceptions = SimpleNamespace(RayError=Died, RayTaskError=Failed)

    def __init__(self, answers: Callable[[str, str, str], Any], *nodes: dict[str, float]) -> None:
        self._answers = answers
        self._nodes = [
            {"NodeID": f"{n}" * 56, "NodeManagerHostname": f"host{n}", "Alive": True, "Resources": resources}
            for n, resources in enumerate(nodes)
        ]
        self._calls: dict[int, tuple[str, str, Any]] = {}
        self.hired: list[str] = []
        self.most = 0
        self.ended = False

    def init(self, **options: object) -> None:
        pass

    def shutdown(self) -> None:
        self.ended = True

    def nodes(self) -> list[dict[str, Any]]:
        return self._nodes

    def remote(self, **options: object) -> Callable[[type], Any]:
        return lambda kind: SimpleNamespace(options=self._options)

    def _options(self, scheduling_strategy: Any, **needs: float) -> Any:
        node = f"host{scheduling_strategy.node_id[0]}"

        def hire() -> Any:
            self.hired.append(f"{node} {needs}")
            calls = {name: SimpleNamespace(remote=self._method(node, name)) for name in ("prepare", "do")}
            return SimpleNamespace(**calls)

        return SimpleNamespace(remote=hire)

    def _method(self, node: str, name: str) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            number = max(self._calls, default=0) + 1
            self._calls[number] = node, name, arguments[0]
            return number

        return call

    def wait(self, refs: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        self.most = max(self.most, len(refs))
        return [min(refs)], []

    def get(self, ref: int) -> Any:
        node, name, first = self._calls[ref]
        result = self._answers(node, name, getattr(first, "name", ""))
        if isinstance(result, Exception):
            raise result
        return TaskResult(first, 1, 0.0, None) if name == "do" and result is None else result or ""

    def kill(self, actor: object) -> None:
        pass


def run_pretended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ray: PretendedRay, tasks: int = 5, device: str = "auto"
) -> tuple[dict[str, str | None], RayExecutor]:
    """The reasons by task."""
    monkeypatch.setattr(label_cluster, "_import_ray", lambda: ray)
    monkeypatch.setattr(label_cluster, "POLL", 0.0)
    monkeypatch.setattr(label_cluster, "PATIENCE", 0.0)
    settings = replace(SETTINGS, device=device)
    folder = LabelSet.create(tmp_path / "set", {}).folder
    executor = RayExecutor("anywhere", cpus_per_worker=2)
    asked = [LabelTask(f"v{number}", f"v{number}.mkv", "") for number in range(tasks)]
    try:
        results = [result for result in executor.run(asked, settings, folder) if result is not None]
    finally:
        assert ray.ended
    assert len(results) == len({result.task.name for result in results})
    return {result.task.name: result.reason for result in results}, executor


def test_every_device_works_and_none_gets_more_than_it_can_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = PretendedRay(lambda *call: None, {"CPU": 5}, {"CPU": 8, "GPU": 2}, {"CPU": 1})
    reasons, executor = run_pretended(tmp_path, monkeypatch, ray, 30)
    assert list(reasons.values()) == [None] * 30
    assert ray.hired == ["host0 {'num_cpus': 2}"] * 2 + ["host1 {'num_gpus': 1, 'num_cpus': 1}"] * 2
    assert ray.most == 4 * label_cluster.OUTSTANDING
    assert executor.lost == 0
    cards = PretendedRay(lambda *call: None, {"CPU": 5}, {"CPU": 8, "GPU": 2})
    run_pretended(tmp_path, monkeypatch, cards, device="cuda")
    assert len(cards.hired) == 2
    none = PretendedRay(lambda *call: None, {"CPU": 8, "GPU": 2})
    run_pretended(tmp_path, monkeypatch, none, device="cpu")
    assert none.hired == ["host0 {'num_cpus': 2}"] * 4
    with pytest.raises(InputError, match="no graphics card"):
        run_pretended(tmp_path, monkeypatch, PretendedRay(lambda *call: None, {"CPU": 8}), device="cuda")
    with pytest.raises(InputError, match="no node with 2 CPUs"):
        run_pretended(tmp_path, monkeypatch, PretendedRay(lambda *call: None, {"CPU": 1}))


def test_a_video_that_takes_its_worker_down_is_given_up_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = PretendedRay(lambda node, call, name: Died() if name == "v2" else None, {"CPU": 4})
    reasons, executor = run_pretended(tmp_path, monkeypatch, ray, 8)
    assert sorted(reasons) == [f"v{number}" for number in range(8)]
    assert {name for name, reason in reasons.items() if reason} == {"v2"}
    assert reasons["v2"] == f"the worker that labelled it was lost {ATTEMPTS} times"
    assert executor.lost == ATTEMPTS
    assert len(ray.hired) > ATTEMPTS


def test_a_node_that_is_not_fit_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blind = PretendedRay(
        lambda node, call, name: "cannot see it" if (node, call) == ("host1", "prepare") else None,
        {"CPU": 2},
        {"CPU": 2},
    )
    reasons, executor = run_pretended(tmp_path, monkeypatch, blind)
    assert list(reasons.values()) == [None] * 5
    assert executor.left_out == ["node host1: cannot see it"]
    assert "host1: cannot see it; it is not used" in caplog.text
    full = Failed(InputError("labels: no space left"))
    ray = PretendedRay(
        lambda node, call, name: full if (node, call) == ("host0", "do") else None, {"CPU": 2}, {"CPU": 2}
    )
    reasons, executor = run_pretended(tmp_path, monkeypatch, ray)
    assert sorted(reasons) == [f"v{number}" for number in range(5)]
    assert executor.left_out == ["node host0: labels: no space left"]
    with pytest.raises(InputError, match="node host0: labels: no space left"):
        run_pretended(tmp_path, monkeypatch, PretendedRay(lambda *call: full if call[1] == "do" else None, {"CPU": 4}))
    with pytest.raises(InputError, match="node host0: workers end there while they load"):
        run_pretended(tmp_path, monkeypatch, PretendedRay(lambda *call: Died(), {"CPU": 4}))


def test_a_fault_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Failed(ZeroDivisionError("oh"))
    with pytest.raises(Failed, match="oh"):
        run_pretended(tmp_path, monkeypatch, PretendedRay(lambda *call: fault, {"CPU": 4}))


def test_where_no_cluster_answers_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere(PretendedRay):
        def init(self, **options: object) -> None:
            raise ConnectionError("Could not find any running Ray instance.\nMore text")

    ray = Nowhere(lambda *call: None)
    ray.ended = True
    with pytest.raises(InputError, match=r"anywhere: no Ray cluster .* \(Could not find any running Ray instance\.\)$"):
        run_pretended(tmp_path, monkeypatch, ray)


def test_where_nobody_listens_it_does_not_wait(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    folder = LabelSet.create(tmp_path / "set", {}).folder
    with pytest.raises(InputError, match=f"127.0.0.1:{port}: no Ray cluster .*refused"):
        next(RayExecutor(f"127.0.0.1:{port}").run([], SETTINGS, folder))
