"""Sessions and clips against the published predictors."""

import re

import numpy as np
import pytest
import torch

from tests.reference import assert_close, fixture, needs_reference, reference_model
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.offline import OfflineClip
from tracker.inference.online import OnlineSession
from tracker.inference.resolution import WorkingResolution, support_grid
from tracker.inference.session import Prediction
from tracker.models.cotracker3 import CoTracker3
from tracker.models.estimate import Estimate, join_windows

pytestmark = needs_reference

TRACKS, LATE_TRACKS, PREDICTOR_TRACKS = 2e-3, 5e-3, 5e-3
PROBABILITIES, LOGITS = 2e-4, 1e-3


class Everything:
    """All that a session has given so far: the newer value wins."""

    def __init__(self) -> None:
        self.parts: list[Prediction] = []

    def take(self, prediction: Prediction | None) -> None:
        assert prediction is not None
        self.parts.append(prediction)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        length, count = max(part.end_frame for part in self.parts), len(self.parts[0].ids)
        tracks = np.zeros((length, count, 2))
        visibility, confidence = np.zeros((length, count)), np.zeros((length, count))
        for part in self.parts:
            rows = slice(part.first_frame, part.end_frame)
            tracks[rows], visibility[rows], confidence[rows] = part.tracks, part.visibility, part.confidence
        return tracks, visibility, confidence


@pytest.fixture(scope="module")
def cache() -> FeatureCache:
    """Shared by all: they look at the same frames."""
    return FeatureCache(4 << 30)


def model_session(model: CoTracker3, frames: np.ndarray, cache: FeatureCache) -> OnlineSession:
    """A session that works at the size of the frames and shows what the network fills in before queries."""
    expected = fixture("online_model")
    height, width = frames.shape[1:3]
    session = OnlineSession(
        model,
        width,
        height,
        iters=int(expected["iters"]),
        cache=cache,
        resolution=(height, width),
        mask_before_query=False,
    )
    session.add_points(expected["queries"], np.arange(len(expected["queries"])))
    return session


def test_online_model_chunk_by_chunk(cache, monkeypatch):
    expected, frames = fixture("online_model"), fixture("frames_model")["frames"]
    model, _ = reference_model("online")
    session, everything = model_session(model, frames, cache), Everything()
    windows: list[tuple[int, Estimate]] = []
    refine = model.refine

    def remember(*args, **options):
        history = refine(*args, **options)
        windows.append((int(expected["window_starts"][len(windows)]), history[-1]))
        return history

    monkeypatch.setattr(model, "refine", remember)
    for k in range(len(expected["window_starts"])):
        end = len(expected[f"step{k}_tracks"])
        everything.take(session.step(frames[session.frames_seen : end]))
        tracks, visibility, confidence = everything.arrays()
        assert_close(tracks, expected[f"step{k}_tracks"], TRACKS if k < 2 else LATE_TRACKS, f"tracks of step {k}")
        assert_close(visibility, expected[f"step{k}_vis_prob"], PROBABILITIES, f"visibility of step {k}")
        assert_close(confidence, expected[f"step{k}_conf_prob"], PROBABILITIES, f"confidence of step {k}")
        _, visibility_logits, confidence_logits = model.report(join_windows(windows, end))
        assert_close(visibility_logits, expected[f"step{k}_vis_logit"], LOGITS, f"visibility logits of step {k}")
        assert_close(confidence_logits, expected[f"step{k}_conf_logit"], LOGITS, f"confidence logits of step {k}")


def test_online_model_with_a_short_last_chunk(cache):
    expected, frames = fixture("online_model"), fixture("frames_model")["frames"]
    model, _ = reference_model("online")
    end = int(expected["tail_chunk_frames"][1])
    session, everything = model_session(model, frames, cache), Everything()
    everything.take(session.step(frames[:end]))
    everything.take(session.finish())
    tracks, visibility, confidence = everything.arrays()
    assert_close(tracks, expected["tail_tracks"], TRACKS, "tracks")
    assert_close(visibility, expected["tail_vis_prob"], PROBABILITIES, "visibility")
    assert_close(confidence, expected["tail_conf_prob"], PROBABILITIES, "confidence")


def assert_visible(probability: np.ndarray, expected: np.ndarray, threshold: float) -> None:
    """The published flags, wherever the probability is not within a hair of the threshold."""
    clear = np.abs(probability - threshold) >= 1e-3
    assert clear.mean() > 0.99
    np.testing.assert_array_equal((probability > threshold)[clear], expected[clear])


def on_model(space: WorkingResolution, tracks: np.ndarray) -> np.ndarray:
    return tracks * np.array(space.scale)


def grid_queries(space: WorkingResolution, size: int, frame: int) -> np.ndarray:
    points = space.to_video(support_grid(size, space.resolution)).numpy()
    return np.column_stack([np.full(len(points), frame), points]).astype(np.float32)


@pytest.mark.parametrize("case", ["q", "grid"])
def test_online_predictor(case, cache):
    expected, frames = fixture("online_predictor"), fixture("frames_predictor")["frames"]
    model, _ = reference_model("online")
    height, width = frames.shape[1:3]
    space = WorkingResolution(width, height, model.config.resolution)
    support = 6 if case == "q" and expected["q_add_support_grid"] else 0
    session = OnlineSession(model, width, height, support_grid=support, cache=cache, mask_before_query=False)
    queries = expected["q_queries"] if case == "q" else grid_queries(space, int(expected["grid_size"]), 0)
    session.add_points(queries, np.arange(len(queries)))
    steps = sum(bool(re.fullmatch(rf"{case}_step\d+_tracks", key)) for key in expected)
    total = int(expected["grid_T"]) if case == "grid" else len(expected[f"q_step{steps - 1}_tracks"])
    everything = Everything()
    for k in range(steps):
        wanted = expected[f"{case}_step{k}_tracks"]
        found = session.step(frames[session.frames_seen : len(wanted)])
        everything.take(session.finish() if found is None and len(wanted) == total else found)
        tracks, visibility, confidence = everything.arrays()
        assert_close(on_model(space, tracks), on_model(space, wanted), PREDICTOR_TRACKS, f"tracks of step {k}")
        product = expected[f"{case}_step{k}_vis_times_conf"]
        assert_close(visibility * confidence, product, PROBABILITIES, f"probabilities of step {k}")
        assert_visible(visibility * confidence, expected[f"{case}_step{k}_visible"], 0.6)


@pytest.fixture(scope="module")
def clip(cache) -> OfflineClip:
    model, _ = reference_model("offline")
    frames = fixture("frames_predictor")["frames"][: int(fixture("offline_predictor")["T"])]
    clip = OfflineClip(model, frames.shape[2], frames.shape[1], cache=cache)
    for frame in frames:
        clip.add(frame)
    return clip


def offline_queries(case: str, space: WorkingResolution) -> np.ndarray:
    expected = fixture("offline_predictor")
    if f"{case}_queries" in expected:
        return expected[f"{case}_queries"]
    if case == "grid":
        return grid_queries(space, int(expected["grid_size"]), int(expected["grid_query_frame"]))
    mask = torch.from_numpy(expected["mask"])[None, None].float()
    inside = torch.nn.functional.interpolate(mask, space.resolution, mode="nearest")[0, 0].bool()
    grid = support_grid(int(expected["mask_grid_size"]), space.resolution)
    columns, rows = grid.round().long().unbind(1)
    return grid_queries(space, int(expected["mask_grid_size"]), 0)[inside[rows, columns].numpy()]


@pytest.mark.parametrize("case", ["q", "grid", "mask", "back"])
def test_offline_predictor(case, clip):
    expected = fixture("offline_predictor")
    model, _ = reference_model("offline")
    video = fixture("frames_predictor")["frames"][: int(expected["T"])]
    space = WorkingResolution(video.shape[2], video.shape[1], model.config.resolution)
    queries, support = offline_queries(case, space), 0 if case == "grid" else 6
    ahead, back = clip.track_raw(queries, support=support), None
    assert_close(ahead[0], expected[f"{case}_raw_tracks_modelpx"], PREDICTOR_TRACKS, "raw tracks")
    assert_close(ahead[1], expected[f"{case}_raw_vis_prob"], PROBABILITIES, "raw visibility")
    assert_close(ahead[2], expected[f"{case}_raw_conf_prob"], PROBABILITIES, "raw confidence")
    if case == "back":
        mirrored = queries.copy()
        mirrored[:, 0] = len(video) - 1 - queries[:, 0]
        back = clip.track_raw(mirrored, reverse=True)
        assert_close(back[0], expected["back_raw_reversed_tracks_modelpx"], PREDICTOR_TRACKS, "reversed tracks")
        assert_close(back[1], expected["back_raw_reversed_vis_prob"], PROBABILITIES, "reversed visibility")
    result = clip.to_prediction(queries, ahead, back)
    wanted = expected[f"{case}_tracks"]
    assert_close(on_model(space, result.tracks), on_model(space, wanted), PREDICTOR_TRACKS, "tracks")
    assert_visible(result.visibility, expected[f"{case}_visible"], 0.9)


def test_grids():
    helpers = fixture("losses_and_helpers")
    keys = [key for key in helpers if re.match(r"grid_\d+_", key)]
    assert keys
    for key in keys:
        _, size, extent, *around = key.split("_")
        height, width = map(int, extent.split("x"))
        centre = tuple(helpers["grid_center_yx"].tolist()) if around else None
        found = support_grid(int(size), (height, width), centre)
        assert_close(found, helpers[key], 1e-4, key)
