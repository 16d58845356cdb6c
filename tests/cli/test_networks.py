"""The command line with a network: a small untrained one, which shows the way and not the quality."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tests.cli.commandline import FRAMES, drifting_clip, points_csv, refusal, run
from tests.inference.networks import small_model
from tracker.checkpoints import save_checkpoint
from tracker.labels import Source, State, read_tracks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip, and weights of both kinds."""
    made = tmp_path_factory.mktemp("networks")
    drifting_clip(made / "clip.mp4")
    kinds: tuple[Literal["online", "offline"], ...] = ("online", "offline")
    for kind in kinds:
        save_checkpoint(made / f"{kind}.safetensors", small_model(kind), {"licence": "none, untrained"})
    return made


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_checkpoint_tracks(folder: Path, mode: str, tmp_path: Path) -> None:
    out = tmp_path / "t.npz"
    points = points_csv(tmp_path / "p.csv", (0, 60, 50), (9, 30, 40))
    weights = folder / f"{mode}.safetensors"
    arguments = ("--points", points, "--model", weights, "--mode", mode, "--device", "cpu", "--backward", "--json")
    result = run("track", folder / "clip.mp4", "-o", out, *arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["tracker"] == f"cotracker3-{mode} ({mode}.safetensors)"
    tracks = read_tracks(out)
    assert tracks.n_frames == FRAMES
    assert (tracks.state != State.UNLABELLED).all()
    model = tracks.source == Source.MODEL
    assert (~model).sum() == 2
    seen = tracks.visibility * tracks.confidence >= 0.6
    inside = tracks.state != State.OUT_OF_VIEW
    np.testing.assert_array_equal(tracks.state[model & inside] == State.VISIBLE, seen[model & inside])


def test_offline_weights_say_that_they_need_the_mode(folder: Path, tmp_path: Path) -> None:
    weights = folder / "offline.safetensors"
    sentence = refusal("track", folder / "clip.mp4", "--grid", 2, "--model", weights, "-o", tmp_path / "t.npz")
    assert sentence.startswith(f"{weights}: ")
    assert "offline" in sentence


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_models_info_tells_what_a_file_holds(folder: Path, kind: str) -> None:
    weights = folder / f"{kind}.safetensors"
    report = json.loads(run("models", "info", weights, "--json").stdout)
    assert report["name"] == f"cotracker3-{kind} ({kind}.safetensors)"
    assert report["licence"] == "none, untrained"
    assert report["bytes"] == weights.stat().st_size
    assert report["parameters"] > 0
    assert report["frames_per_second"] > 0


def test_a_stable_network_tracks_where_no_model_is_named(folder: Path, weights_folder: Path, tmp_path: Path) -> None:
    facts = {"maturity": "stable", "visible_above": "0.3"}
    save_checkpoint(weights_folder / "mini.safetensors", small_model("online"), facts)
    for arguments, name in (((), "mini"), (("--model", "lucas-kanade"), "lucas-kanade")):
        command = ("track", folder / "clip.mp4", "--grid", 2, "-o", tmp_path / "t.npz", "--json", *arguments)
        assert json.loads(run(*command).stdout)["tracker"] == name
        tracks = read_tracks(tmp_path / "t.npz")
        threshold = {"mini": 0.3, "lucas-kanade": 0.25}[name]
        inside = (tracks.source == Source.MODEL) & (tracks.state != State.OUT_OF_VIEW)
        seen = tracks.visibility * tracks.confidence >= threshold
        np.testing.assert_array_equal(tracks.state[inside] == State.VISIBLE, seen[inside])
