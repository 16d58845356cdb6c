"""Two processes with half a batch each against one with all of it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.label_sets import label_set, write_base
from tests.training.one_of_several import Share, fine_tune, shared_config
from tests.training.test_finetune import TOML
from tracker.files import InputError
from tracker.labels.label_set import Decision
from tracker.training.distributed import Group, joined_group
from tracker.training.finetune import FinetuneSettings, finetune
from tracker.training.loop import Hooks, Trainer
from tracker.training.state import read_start

ROOT = Path(__file__).parents[2]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_are_one(tmp_path):
    """One pair of processes for all of it: they take a while to start."""
    prepare(tmp_path)
    run_processes(2, tmp_path)
    trained_as_one(tmp_path)
    fine_tuned_as_one(tmp_path)
    goes_on_alone(tmp_path)


def prepare(folder):
    """Labels, a base and a configuration for the fine-tuning."""
    labels = label_set(folder, videos=3)
    for name in labels.names():
        labels.decide(Decision("verdict", name, "accepted"))
    write_base(folder / "base.safetensors", matching=True)
    text = TOML.replace("frames = [6, 6]", "frames = [5, 7]") + "disturbance = 2.0\n"
    text = text.replace("learning_rate = 0.01", "learning_rate = 3e-3\nepsilon = 1e-2")
    (folder / "small.toml").write_text(text)


def run_processes(count, folder):
    """As torchrun starts them."""
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    shared |= {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    command = [sys.executable, "-m", "tests.training.one_of_several", str(folder)]
    processes = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(count)
    ]
    try:
        for process in processes:
            said = process.communicate(timeout=240)[0]
            assert process.returncode == 0, said
    finally:
        for process in processes:
            process.kill()
            process.wait()


def trained_as_one(together):
    alone = Trainer(shared_config(1), Share(0, 1))
    summary = alone.run()

    start = read_start(together / "trained", alone.config.model)
    assert start.state is not None
    assert alone.average is not None
    assert start.state["step"] == summary.step == 4
    assert start.state["clips"] == summary.clips == 32
    untrained = Trainer(shared_config(1), Share(0, 1))
    for name, weights in alone.network.named_parameters():
        torch.testing.assert_close(start.weights[name], weights.detach(), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(start.state["average"][name], alone.average.weights[name], atol=1e-5, rtol=1e-5)
    before = {name: weights.detach() for name, weights in untrained.network.named_parameters()}
    moved = max(float((start.weights[name] - weights).abs().max()) for name, weights in before.items())
    assert moved > 1e-3  # so that the tolerance means something


def test_alone_without_torchrun(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    with joined_group("auto") as group:
        assert (group.rank, group.size, group.leads) == (0, 1, True)
        assert group.largest([1.5, 0]) == [1.5, 0]
        assert group.gather("state") == ["state"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a graphics card here")
def test_no_graphics_card():
    with pytest.raises(InputError, match="no graphics card"), joined_group("cuda"):
        pass


def fine_tuned_as_one(together):
    """Queries, disturbances, lengths and synthetic clips hang on the clip's number, not on the process."""
    alone = fine_tune(together, together / "alone", Group())
    two = json.loads((together / "curve.json").read_text())
    assert len(alone) == len(two) == 4
    for step, other in zip(alone, two, strict=True):
        assert step == pytest.approx(other, rel=2e-4, abs=1e-5)
    assert alone[0]["matching"] > 0
    totals = [step["total"] for step in alone]
    assert max(totals) - min(totals) > 1e-2  # the steps are not all alike


def goes_on_alone(together):
    base, tuned = together / "base.safetensors", together / "tuned"
    settings = FinetuneSettings(batch=2, config=together / "small.toml")
    stopped = Hooks(should_stop=lambda: True)
    result = finetune(settings, [together / "labels"], base, tuned, resume=True, hooks=stopped)
    assert (result.summary.reason, result.summary.step, result.summary.clips) == ("stopped", 4, 16)
    start = read_start(tuned, result.base.config)
    assert start.state is not None
    assert start.state["data"] == [{"next": 16}]
