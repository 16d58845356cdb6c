"""TAPIR and LocoTrack behind the interface of a session, in small configurations."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.inference.scenes import panning
from tests.small_models import small_clip, some_queries
from tracker.files import InputError
from tracker.inference.causal_session import CausalSession
from tracker.inference.clip_session import ClipSession
from tracker.inference.run import TrackRun
from tracker.inference.session import Cancelled, Prediction
from tracker.inference.tapnet import TapnetTracker
from tracker.models.locotrack import LocoTrack, LocoTrackConfig
from tracker.models.tapir import Tapir, TapirConfig
from tracker.models.tapnet import ClipNetwork
from tracker.video import VideoWriter, open_source

WIDTH, HEIGHT = 120, 80
CHANNELS = (8, 8, 12, 12)


def network(kind: str) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        if kind == "locotrack":
            return LocoTrack(LocoTrackConfig("small", (64, 64), iterations=2, channels=CHANNELS)).eval()
        size: Any = {"resolution": (64, 64), "channels": CHANNELS, "mixer_width": 24, "mixer_blocks": 2}
        return Tapir(TapirConfig(causal=kind == "causal", iterations=2, **size)).eval()


def ask_network(model: ClipNetwork, clip: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """(T, N, 4) what the network itself says, in pixels of the video."""
    resized = np.stack([cv2.resize(frame, (64, 64), interpolation=cv2.INTER_LINEAR) for frame in clip])
    scale = np.array([64 / WIDTH, 64 / HEIGHT], np.float32)
    rows = np.column_stack([queries[:, 0], (queries[:, 1:] + 0.5) * scale - 0.5])
    with torch.inference_mode():
        found = model(torch.from_numpy(resized).permute(0, 3, 1, 2)[None], torch.from_numpy(rows)[None])
    tracks = (found.tracks[0].numpy() + 0.5) / scale - 0.5
    return np.dstack([tracks, found.visibility[0].numpy(), found.confidence[0].numpy()])


def values(prediction: Prediction | None) -> np.ndarray:
    assert prediction is not None
    return np.dstack([prediction.tracks, prediction.visibility, prediction.confidence])


def together(predictions: list[Prediction | None], length: int, ids: list[int]) -> np.ndarray:
    """(T, N, 4) with newer values over older ones."""
    table = np.full((length, len(ids), 4), np.nan, np.float32)
    for part in predictions:
        if part is not None:
            columns = [ids.index(known) for known in part.ids.tolist()]
            table[part.first_frame : part.end_frame, columns] = values(part)
    return table


# -- the whole clip at once


@pytest.mark.parametrize("kind", ["tapir", "locotrack"])
def test_clip_is_tracked_as_the_network_does_from_the_query_on(kind):
    model, clip, queries = network(kind), small_clip(7, WIDTH, HEIGHT), some_queries(0, 3, 6)
    expected = ask_network(model, clip, queries)
    session = ClipSession(model, WIDTH, HEIGHT)
    session.add_points(queries[:2], np.array([4, 5]))
    assert session.step(clip[:4]) is None
    session.add_points(np.vstack([queries[2:], some_queries(30, 3)]), np.array([6, 7, 8]))
    session.remove_points([8, 99])
    kept = session.snapshot()
    session.step(clip[:2])
    session.restore(kept)
    session.step(clip[4:])
    assert (session.frames_seen, session.earliest_query) == (7, 0)
    prediction = session.finish()
    found = values(prediction)
    assert prediction is not None
    assert (prediction.first_frame, prediction.ids.tolist()) == (0, [4, 5, 6, 7])
    for i, (t, x, y) in enumerate(queries):
        start = int(t)
        assert np.isnan(found[:start, i]).all()
        np.testing.assert_allclose(found[start + 1 :, i], expected[start + 1 :, i], atol=1e-3)
        np.testing.assert_allclose(found[start, i], [x, y, 1, expected[start, i, 3]], atol=1e-4)
    assert np.isnan(found[:, 3]).all()  # its frame never came
    assert session.finish() is None


def test_clip_can_be_stopped():
    session = ClipSession(network("tapir"), WIDTH, HEIGHT)
    session.add_points(some_queries(0), np.array([1]))
    session.step(small_clip(3, WIDTH, HEIGHT))
    answers = iter([False, False, False, False, True])
    with pytest.raises(Cancelled):
        session.finish(should_stop=lambda: next(answers))
    assert session.finish() is not None


def test_clip_without_frames_or_points():
    model = network("tapir")
    assert ClipSession(model, WIDTH, HEIGHT).finish() is None
    session = ClipSession(model, WIDTH, HEIGHT)
    session.step(small_clip(2, WIDTH, HEIGHT))
    assert session.finish() is None
    with pytest.raises(ValueError, match="takes no more frames"):
        session.step(small_clip(2, WIDTH, HEIGHT))


def test_smaller_pieces_when_memory_runs_out(monkeypatch, caplog):
    model, clip = network("locotrack"), small_clip(3, WIDTH, HEIGHT)

    def track() -> np.ndarray:
        session = ClipSession(model, WIDTH, HEIGHT)
        session.add_points(some_queries(0, 1), np.array([1, 2]))
        session.step(clip)
        return values(session.finish())

    expected, sizes, whole = track(), [], LocoTrack.track

    def scarce(self, *args, max_tokens, **options):
        sizes.append(max_tokens)
        if len(sizes) < 3:
            raise torch.OutOfMemoryError("no memory left")
        return whole(self, *args, max_tokens=max_tokens, **options)

    monkeypatch.setattr(LocoTrack, "track", scarce)
    np.testing.assert_allclose(track(), expected, atol=1e-4)
    assert sizes == [sizes[0], sizes[0] // 2, sizes[0] // 4]
    assert "Out of memory" in caplog.text


# -- frame by frame


@pytest.mark.parametrize("step", [1, 3, 8])
def test_pieces_of_any_size_give_the_same(step):
    model, clip, queries = network("causal"), small_clip(8, WIDTH, HEIGHT), some_queries(0, 0, 2, 5, 20)
    ids = [3, 1, 2, 7, 9]
    session = CausalSession(model, WIDTH, HEIGHT)
    session.add_points(queries, np.array(ids))
    parts = [session.step(clip[i : i + step]) for i in range(0, 8, step)]
    assert session.finish() is None
    found = together(parts, 8, ids)
    for i, (t, x, y) in enumerate(queries):
        start = min(int(t), 8)
        assert np.isnan(found[:start, i]).all()
        if start < 8:
            np.testing.assert_allclose(found[start:, i], alone(model, clip, queries[i]), atol=1e-3)
            assert tuple(found[start, i, :3]) == (x, y, 1)


def alone(model: Tapir, clip: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(T, 4) one point from its frame on, all frames at once."""
    session, start = CausalSession(model, WIDTH, HEIGHT), int(query[0])
    session.add_points((query - [start, 0, 0])[None].astype(np.float32), np.array([0]))
    return values(session.step(clip[start:]))[:, 0]


def test_a_point_added_on_the_last_frame_seen_is_as_if_asked_for_before():
    model, clip, queries = network("causal"), small_clip(7, WIDTH, HEIGHT), some_queries(0, 3, 6)
    before, later = CausalSession(model, WIDTH, HEIGHT), CausalSession(model, WIDTH, HEIGHT)
    before.add_points(queries, np.array([0, 1, 2]))
    expected = together([before.step(clip)], 7, [0, 1, 2])
    later.add_points(queries[:1], np.array([0]))
    parts = [later.step(clip[:4])]
    assert (later.frames_seen, later.earliest_query) == (4, 3)
    later.add_points(queries[1:2], np.array([1]))
    parts.append(later.step(clip[4:]))
    assert parts[-1] is not None
    assert (parts[-1].first_frame, parts[-1].end_frame) == (3, 7)
    later.add_points(queries[2:], np.array([2]))
    parts.append(later.finish())
    np.testing.assert_allclose(together(parts, 7, [0, 1, 2]), expected, atol=1e-3)
    assert later.finish() is None


def test_snapshots_removal_and_stopping_leave_no_trace():
    model, clip = network("causal"), small_clip(9, WIDTH, HEIGHT)
    session = CausalSession(model, WIDTH, HEIGHT)
    session.add_points(some_queries(0, 1), np.array([0, 1]))
    session.step(clip[:3])
    kept = session.snapshot()
    expected = values(session.step(clip[3:6]))
    session.restore(kept)
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        session.step(clip[3:6], should_stop=lambda: next(answers))
    assert session.frames_seen == 3
    np.testing.assert_array_equal(values(session.step(clip[3:6])), expected)
    session.restore(kept)
    session.remove_points([0, 99])
    found = session.step(clip[3:6])
    assert found is not None
    assert found.ids.tolist() == [1]
    np.testing.assert_allclose(values(found), expected[:, 1:], atol=1e-3)
    session.remove_points([1])
    assert session.step(clip[6:]) is None


def test_what_is_kept_does_not_grow_with_the_frames():
    session = CausalSession(network("causal"), WIDTH, HEIGHT)
    session.add_points(some_queries(0, 0), np.array([0, 1]))
    sizes = []
    for _ in range(3):
        session.step(small_clip(4, WIDTH, HEIGHT))
        followed = session.snapshot().followed
        assert followed is not None
        tensors = (*followed.described, *followed.state)
        sizes.append(sum(tensor.untyped_storage().nbytes() for tensor in tensors))
    assert len(set(sizes)) == 1


@pytest.mark.parametrize("kind", [ClipSession, CausalSession])
def test_wrong_input(kind):
    session = kind(network("causal"), WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="frames of shape"):
        session.step(small_clip(2, 64, 64))
    with pytest.raises(ValueError, match="is before frame 0"):
        session.add_points(some_queries(-1), np.array([0]))
    session.add_points(some_queries(1), np.array([0]))
    with pytest.raises(ValueError, match="followed already"):
        session.add_points(some_queries(1), np.array([0]))


def test_only_a_causal_network_runs_frame_by_frame():
    with pytest.raises(ValueError, match="only a causal network"):
        CausalSession(network("tapir"), WIDTH, HEIGHT)
    session = CausalSession(network("causal"), WIDTH, HEIGHT)
    session.step(small_clip(4, WIDTH, HEIGHT))
    with pytest.raises(ValueError, match="is before frame 3"):
        session.add_points(some_queries(2), np.array([0]))


# -- as a tracker


@pytest.mark.parametrize(
    ("kind", "mode", "session", "name"),
    [
        ("tapir", "auto", ClipSession, "tapir"),
        ("locotrack", "offline", ClipSession, "locotrack-small"),
        ("causal", "auto", CausalSession, "tapir-online"),
        ("causal", "online", CausalSession, "tapir-online"),
        ("causal", "offline", ClipSession, "tapir-online"),
    ],
)
def test_tracker_opens_the_session_that_suits(kind, mode, session, name):
    info = SimpleNamespace(path=Path("folder/weights.pt"), visible_above=None)
    tracker = TapnetTracker(network(kind), info, mode=mode)
    assert isinstance(tracker.session(WIDTH, HEIGHT), session)
    assert (tracker.name, tracker.device, tracker.visible_above) == (f"{name} (weights.pt)", "cpu", 0.5)
    assert TapnetTracker(network(kind), None, "mine", allow_untrained=True).name == "mine"


def test_tracker_says_what_cannot_be():
    info = SimpleNamespace(path=Path("weights.pt"), visible_above=0.4)
    assert TapnetTracker(network("tapir"), info).visible_above == 0.4
    with pytest.raises(ValueError, match="tracks nothing"):
        TapnetTracker(network("tapir"), None)
    with pytest.raises(InputError, match=r"weights\.pt: weights of locotrack-small need a whole clip"):
        TapnetTracker(network("locotrack"), info, mode="online")


@pytest.mark.parametrize("kind", ["locotrack", "causal"])
@pytest.mark.parametrize("backward", [False, True])
def test_a_run_over_decoded_video(tmp_path, kind, backward):
    with VideoWriter(tmp_path / "clip.mp4", WIDTH, HEIGHT, Fraction(25)) as writer:
        for frame in panning(np.arange(24).reshape(12, 2) / 4, WIDTH, HEIGHT):
            writer.write(frame)
    tracker = TapnetTracker(network(kind), None, allow_untrained=True)
    with open_source(tmp_path / "clip.mp4") as source:
        first = np.array([[5, 40, 30]], np.float32)
        run = TrackRun(source, tracker, first, np.array([0]), start=0, end=12, backward=backward)
        parts = list(run)
        reach = list(range(5, -1, -1) if backward else range(5, 12))
        session = tracker.session(WIDTH, HEIGHT)
        session.add_points(first * np.array([0, 1, 1], np.float32), np.array([0]))
        frames = np.stack([source.frame(i) for i in reach])
    expected = together([session.step(frames), session.finish()], len(reach), [0])
    found = together(list(parts), 12, [0])
    np.testing.assert_allclose(found[reach], expected, atol=1e-3)
    assert np.isnan(found[[i for i in range(12) if i not in reach], 0, 0]).all()
