"""`trackwright train` from end to end, and what it refuses."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from app.cli.train import find_config
from tests.cli.commandline import refusal, run
from tests.small_models import SMALL
from tracker.checkpoints import load_checkpoint, load_cotracker3
from tracker.training.state import read_start

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tiny(tmp_path):
    """A configuration that trains in a second."""
    path = tmp_path / "tiny.toml"
    model = {**SMALL, "depth": 1, "width": 24, "heads": 2, "resolution": (32, 32)}
    lines = ["[model]", *(f"{k} = {list(v) if isinstance(v, tuple) else v}" for k, v in model.items())]
    lines += ["[data]", "size = [32, 32]", "frames = 10", "points = 6", "objects = [1, 2]"]
    lines += ["[optimiser]", "steps = 3", "[train]", "iterations = 2", "log_every = 1"]
    lines += ["validate_every = 2", "validation_clips = 1", 'licence = "CC0-1.0"']
    path.write_text("\n".join(lines))
    return path


def test_train_and_go_on(tmp_path, tiny):
    out = tmp_path / "out"
    first = run("train", "--config", tiny, "-o", out, "--steps", 2, "--device", "cpu")
    assert first.exit_code == 0, first.output
    assert re.search(rf"^{out}: the last step asked for; 2 steps, 2 clips, \d+ seconds, .*total \d", first.stdout)
    assert [line.split(" (")[0] for line in first.stderr.splitlines()[:2]] == ["step 1", "step 2"]
    figures = re.search(r"validation: held delta_avg ([\d.]+), held AJ ([\d.]+), held OA ([\d.]+)", first.stderr)
    assert figures
    assert all(0 <= float(figure) <= 100 for figure in figures.groups())

    second = run("train", "--config", tiny, "--resume", out, "--device", "cpu")
    assert second.exit_code == 0, second.output
    assert "going on after step 2" in second.stderr
    assert f"{out}: finished; 3 steps, 3 clips" in second.stdout

    whole = tmp_path / "whole"
    run("train", "--config", tiny, "-o", whole, "--device", "cpu")
    states = [torch.load(folder / "state.pt", weights_only=True)["weights"] for folder in (out, whole)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    info = load_checkpoint(out)[1]
    assert (info.dtype, info.licence, info.source) == ("float16", "CC0-1.0", "trained by trackwright train")


def test_weights_can_track(tmp_path, tiny):
    from tracker.inference import load_tracker

    out = tmp_path / "out"
    assert run("train", "--config", tiny, "-o", out, "--steps", 1, "--device", "cpu").exit_code == 0
    assert load_tracker(out / "weights.safetensors", "cpu").name.startswith("cotracker3-online")


def test_another_seed_and_only_weights_in_pieces(tmp_path, tiny):
    folders = []
    for seed in (1, 2):
        folders.append(tmp_path / f"seed{seed}")
        options = ("--steps", 1, "--device", "cpu", "--seed", seed, "--no-optimiser-state", "--shard-mib", 1)
        assert run("train", "--config", tiny, "-o", folders[-1], *options).exit_code == 0
        assert sorted(path.name for path in folders[-1].iterdir()) == ["tensorboard", "weights"]
    first, second = (load_checkpoint(folder)[0].state_dict() for folder in folders)
    assert not torch.equal(first["fnet.conv1.weight"], second["fnet.conv1.weight"])
    again = run("train", "--config", tiny, "--resume", folders[0], "-o", tmp_path / "third", "--steps", 1)
    assert "weights alone, the optimiser starts afresh" in again.stderr


def test_minutes(tmp_path, tiny):
    text = tiny.read_text().replace("steps = 3", "steps = 100000").replace("log_every = 1", "log_every = 100000")
    tiny.write_text(text.replace("validate_every = 2", "validate_every = 0"))
    result = run("train", "--config", tiny, "-o", tmp_path / "out", "--minutes", 0.02, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "the time is over" in result.stdout


def test_ground_truth_of_ones_own(tmp_path, tiny):
    message = refusal("train", "--config", tiny, "-o", tmp_path / "out", "--validate", f"npz:{tmp_path / 'absent'}")
    assert "absent" in message
    assert "--validate films" in refusal("train", "--config", tiny, "-o", tmp_path / "out2", "--validate", "films")


def test_ctrl_c_saves_and_says_130(tmp_path, tiny):
    text = tiny.read_text().replace("steps = 3", "steps = 100000").replace("validate_every = 2", "validate_every = 0")
    tiny.write_text(text)
    command = [
        sys.executable,
        "main.py",
        "train",
        "--config",
        str(tiny),
        "-o",
        str(tmp_path / "out"),
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("step 1 ")
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "stopping after this step" in errors
    steps = int(re.search(r"out: stopped; (\d+) steps", said)[1])  # type: ignore[index]
    start = read_start(tmp_path / "out", load_cotracker3(tmp_path / "out")[0].config)
    assert start.state is not None
    assert start.state["step"] == steps >= 1


def test_refused(tmp_path, tiny):
    out = tmp_path / "out"
    names = "there are compact, compact-gpu, full-offline, full-online"
    assert names in refusal("train", "--config", "huge", "-o", out)
    assert "absent.toml: there is no such file" in refusal("train", "--config", tmp_path / "absent.toml", "-o", out)
    assert "--minutes 0.0: must be more than 0" in refusal("train", "--config", tiny, "--minutes", 0)
    assert "there is no such file or folder" in refusal("train", "--config", tiny, "--resume", tmp_path / "absent")
    (tmp_path / "pictures").mkdir()
    assert "pictures" in refusal("train", "--config", tiny, "-o", out, "--textures", tmp_path / "pictures")
    assert not (out / "weights.safetensors").exists()


def test_a_checkpoint_of_another_shape(tmp_path, tiny):
    assert run("train", "--config", tiny, "-o", tmp_path / "out", "--steps", 1, "--device", "cpu").exit_code == 0
    message = refusal("train", "--config", "compact", "--resume", tmp_path / "out")
    assert re.search(r"state\.pt: a network with \w+ = .*, the configuration says", message)
    assert "holds a training already" in refusal("train", "--config", tiny, "-o", tmp_path / "out")


def test_textures_only_for_synthetic_clips(tmp_path, tiny):
    lines = tiny.read_text().replace("objects = [1, 2]", 'kind = "kubric"\nfolder = "x"')
    tiny.write_text(lines)
    assert "--textures go with synthetic clips" in refusal("train", "--config", tiny, "--textures", tmp_path)


def test_names_of_configurations(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config("compact").parent.name == "training"
    Path("mine.toml").write_text("")
    assert find_config("mine.toml") == Path("mine.toml")
