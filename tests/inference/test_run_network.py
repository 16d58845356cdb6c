"""Runs with a real, small, untrained CoTracker3: what a run does must not depend on the tracker."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.inference.networks import COUNT, make_network_folder, query, table
from tracker.files import InputError
from tracker.inference import TrackRun, load_tracker
from tracker.models.cotracker3 import CoTracker3
from tracker.video import open_source


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_network_folder(tmp_path_factory.mktemp("network"))


@pytest.fixture(autouse=True)
def one_thread():
    """Threads of so small a network would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def source(folder):
    with open_source(folder / "panning.mp4") as source:
        yield source


def test_a_checkpoint_file_becomes_a_tracker(folder):
    tracker = load_tracker(folder / "online.safetensors", device="cpu")
    assert tracker.name == "cotracker3-online (online.safetensors)"
    assert tracker.device == "cpu"
    assert load_tracker(folder / "offline.safetensors", mode="offline").name.startswith("cotracker3-offline")
    with pytest.raises(InputError, match="mode offline"):
        load_tracker(folder / "offline.safetensors", mode="online")


def test_no_graphics_card_is_said(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="no graphics card"):
        load_tracker(folder / "online.safetensors", device="cuda")
    assert load_tracker(folder / "online.safetensors", device="auto").device == "cpu"


def test_a_file_that_is_no_checkpoint(tmp_path):
    (tmp_path / "wrong.pth").write_text("not weights")
    with pytest.raises(InputError, match=r"wrong\.pth"):
        load_tracker(tmp_path / "wrong.pth")


@pytest.mark.parametrize("kind", ["online", "offline"])
@pytest.mark.parametrize("backward", [False, True])
def test_a_run_gives_what_the_session_gives_and_nothing_before_the_query(folder, source, kind, backward):
    tracker = load_tracker(folder / f"{kind}.safetensors", device="cpu", mode=kind)
    run = TrackRun(source, tracker, query(12), np.array([0]), start=0, end=COUNT, backward=backward)
    tracks = table(list(run))
    reach = range(12, -1, -1) if backward else range(12, COUNT)
    session = tracker.session(source.width, source.height)
    session.add_points(query(0), np.array([0]))
    frames = np.stack([source.frame(i) for i in reach])
    parts = [session.step(frames[i : i + tracker.step_frames]) for i in range(0, len(frames), tracker.step_frames)]
    want = table([part for part in [*parts, session.finish()] if part is not None])[: len(frames)]
    np.testing.assert_array_equal(tracks[list(reach)], want)
    assert np.isfinite(want).all()
    assert np.isnan(tracks[[i for i in range(COUNT) if i not in reach]]).all()


def test_points_behind_the_window_are_caught_up_from_cached_features(folder, source, monkeypatch):
    tracker = load_tracker(folder / "online.safetensors", device="cpu")
    encoded: list[int] = []
    encode = CoTracker3.encode

    def counting(model, images, *args):
        encoded.append(len(images))
        return encode(model, images, *args)

    monkeypatch.setattr(CoTracker3, "encode", counting)
    run = TrackRun(source, tracker, query(0), np.array([0]), start=0, end=COUNT)
    found = []
    for prediction in run:
        if prediction.first_frame == 8:
            run.add_points(np.concatenate([query(3), query(25)]), np.array([1, 2]))
        found.append(prediction)
    assert np.isfinite(table(found, 1)[3:]).all()
    assert np.isnan(table(found, 1)[:3]).all()
    assert np.isfinite(table(found, 2)[25:]).all()
    assert sum(encoded) == COUNT
    assert run.frames_done == run.frames_total == COUNT + COUNT - 3


def test_cancel_ends_a_window_that_goes_on(folder, source, monkeypatch):
    tracker = load_tracker(folder / "online.safetensors", device="cpu")
    run = TrackRun(source, tracker, query(0), np.array([0]), start=0, end=COUNT)
    refine, windows = CoTracker3.refine, []

    def cancelling(*args, **kwargs):
        windows.append(True)
        run.cancel()
        return refine(*args, **kwargs)

    monkeypatch.setattr(CoTracker3, "refine", cancelling)
    assert list(run) == []
    assert len(windows) == 1
