"""The loop of docs/loop.py, whole, with a network that is small and has learned nothing."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.cli.commandline import STEP, drifting_clip
from tests.small_models import small_model
from tracker.checkpoints import save_checkpoint
from tracker.evaluation import LabelledVideo, open_dataset
from tracker.evaluation.effort_clip import ClipFrames, EffortClip
from tracker.inference import LucasKanade
from tracker.labels import Source, State, TrackFile
from tracker.labels.label_set import LabelSet, Trust, trust_of

SIZE, FRAMES = (96, 64), 24
TINY = "[labels]\nsize = [32, 48]\nframes = [8, 8]\npoints = 8\nfastest = 1\n[optimiser]\nbatch = 1\n"


@pytest.fixture(scope="module")
def loop() -> ModuleType:
    path = Path(__file__).parents[1] / "docs" / "loop.py"
    spec = importlib.util.spec_from_file_location("loop_of_the_documents", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two clips that drift, and three points of each."""
    folder = tmp_path / "data"
    (folder / "tracks").mkdir(parents=True)
    (folder / "videos").mkdir()
    starts = np.array([[20, 40], [40, 50], [30, 30]])
    tracks = (starts[:, None] + np.arange(FRAMES)[:, None] * np.array(STEP)).astype(np.float32)
    visible = np.ones(tracks.shape[:2], bool)
    visible[0, 10:14] = False
    for name in ("a", "b"):
        drifting_clip(folder / "videos" / f"{name}.mp4", FRAMES, *SIZE)
        content = {"tracks": tracks, "visible": visible, "evaluate": np.ones_like(visible)}
        np.savez(folder / "tracks" / f"{name}.npz", **content, video=f"videos/{name}.mp4")
    return folder


def test_the_loop_runs_from_end_to_end(
    loop: ModuleType, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    weights, config = tmp_path / "base.safetensors", tmp_path / "tiny.toml"
    save_checkpoint(weights, small_model(), {"licence": "Apache-2.0"})
    config.write_text(TINY)
    work = tmp_path / "work"
    short = ["--steps", 2, "--points", 12, "--human-seconds", 60, "--effort-tracks", 1, "--accept", 2]
    loop.main([str(word) for word in (data, "-o", work, "--model", weights, "--config", config, *short)])
    told = capfd.readouterr().out
    assert "learned from: a; held back: b" in told
    assert [line.split()[2] for line in told.splitlines() if line.startswith("$ ")] == [
        "pseudo-label",
        "finetune",
        "compare",
    ]
    labels = LabelSet.open(work / "labels")
    [name] = labels.names()
    assert f"{name}: " in told
    current = labels.read_current(name)
    assert current.n_tracks > labels.read(name).tracks.n_tracks
    assert (trust_of(current, threshold=labels.bulk_threshold()) == Trust.PERSON).any()
    report = (work / "comparison.md").read_text(encoding="utf-8")
    assert "No better can be shown on one video" in report
    assert "| b |" in report


def curated(loop: ModuleType, video: LabelledVideo, **traits: float) -> tuple[Any, TrackFile]:
    """A person of such traits at work with Lucas-Kanade on one of the clips."""
    with video.open() as opened:
        clip = EffortClip.of(video, ClipFrames(video.name, opened, FRAMES))
        curation = loop.Curation(clip, LucasKanade(), loop.Person(**traits))
        curation.run()
        like = TrackFile.empty(0, np.arange(FRAMES), ClipFrames.time_base, SIZE)
        return curation, curation.tracks_file(video, like)


def test_what_a_person_looked_at_is_near_the_truth(loop: ModuleType, data: Path) -> None:
    [video, _] = open_dataset(f"npz:{data}").videos()
    curation, file = curated(loop, video, noise=0.0)
    assert file.n_tracks == 3
    assert file.approved.all()
    assert (file.state[0, 10:14] == State.OCCLUDED).all()
    assert np.isnan(file.xy[0, 10:14]).all()
    scale = 256 / np.array(SIZE)
    errors = np.linalg.norm((file.xy - video.tracks) * scale, axis=-1)
    assert np.nanmax(errors) <= 4
    assert (file.source == Source.ANCHOR).sum() == 3 + curation.work.corrections
    assert curation.work.seconds == 3 * 4 + 2 * curation.work.looks + 4 * curation.work.corrections


def test_a_person_stops_when_time_is_up_and_rejects_what_stays_wrong(loop: ModuleType, data: Path) -> None:
    [video, _] = open_dataset(f"npz:{data}").videos()
    curation, file = curated(loop, video, budget=7.0)  # one click, one look
    assert (curation.work.looks, curation.work.seconds) == (1, 6)
    assert file.n_tracks == 1
    assert 0 < file.approved.sum() <= loop.SPAN
    curation, file = curated(loop, video, tolerance=-1.0, clicks=2)
    assert sorted(curation.work.rejected) == [0, 1, 2]
    assert file.n_tracks == 0
