"""CoTracker2: against the numbers of the published network, and what a small one promises."""

from collections import defaultdict

import numpy as np
import pytest
import torch
from torch import nn

from tests.reference import as_video, assert_close
from tests.reference import fixture as shared_fixture
from tests.reference_cotracker2 import FOLDER, PROBABILITIES, TRACKS, fixture, needs_reference, reference_model
from tests.small_cotracker2 import small_cotracker2
from tests.small_models import small_clip, some_queries
from tracker.models.cotracker2 import CoTracker2, CoTracker2Config, correlate_vectors
from tracker.models.estimate import Estimate
from tracker.models.output import TrackOutput

TAPPED = ("fnet", "updateformer.input_transform", "updateformer")


class Recorded:
    """What the network made of the fixture's video on its way."""

    def __init__(self, model: CoTracker2) -> None:
        self.inputs: dict[str, list[np.ndarray]] = defaultdict(list)
        self.outputs: dict[str, list[np.ndarray]] = defaultdict(list)
        self.refined: list[list[Estimate]] = []
        expected = fixture("window16_whole_video")
        handles = [model.get_submodule(name).register_forward_hook(self._hook(name)) for name in TAPPED]
        refine = model.refine

        def remember(*args, **options) -> list[Estimate]:
            self.refined.append(refine(*args, **options))
            return self.refined[-1]

        model.refine = remember  # type: ignore[method-assign]
        try:
            with torch.no_grad():
                video = as_video(shared_fixture("frames_model")["frames"][: int(expected["T"])])
                queries = torch.from_numpy(expected["queries"])[None]
                self.output: TrackOutput = model(video, queries, int(expected["iters"]))
        finally:
            del model.refine  # the method of the class is there again
            for handle in handles:
                handle.remove()

    def _hook(self, name: str):
        def record(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            self.inputs[name].append(inputs[0].numpy())
            self.outputs[name].append(output.numpy())

        return record


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    model, checksum = reference_model(16)
    assert checksum == int(fixture("window16_whole_video")["weights_checksum"])
    return Recorded(model)


def relative(expected: np.ndarray, tolerance: float = 1e-4) -> float:
    return tolerance * float(np.abs(expected).max())


@needs_reference
@pytest.mark.parametrize("window", [8, 16])
def test_state_dict_has_the_official_keys_and_shapes(window):
    lines = (FOLDER / f"state_dict_window{window}.tsv").read_text().splitlines()[1:]
    official = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
    with torch.device("meta"):
        model = CoTracker2(CoTracker2Config(window=window))
    state = model.state_dict()
    assert {key: "x".join(map(str, value.shape)) for key, value in state.items()} == official
    assert len(state) == 321
    assert sum(value.numel() for value in model.parameters()) == 45_458_787


@needs_reference
def test_whole_video(recorded):
    expected = fixture("window16_whole_video")
    assert_close(recorded.output.tracks, expected["tracks"], TRACKS, "tracks")
    assert_close(recorded.output.visibility, expected["vis_prob"], PROBABILITIES, "visibility")
    assert bool((recorded.output.confidence == 1).all())
    assert len(recorded.refined) == int(expected["num_windows"])


@needs_reference
def test_first_window(recorded):
    expected, window = fixture("window16_whole_video"), recorded.refined[0]
    model, _ = reference_model(16)
    found = np.concatenate([model.report(estimate)[0].numpy() for estimate in window])
    assert_close(found, expected["coords_per_iter_window0"], TRACKS, "coords of the iterations")
    visibility = model.report(window[-1])[1].sigmoid()
    assert_close(visibility, expected["vis_prob_window0"], PROBABILITIES, "visibility")


@needs_reference
def test_features(recorded):
    expected = fixture("window16_whole_video")
    wanted = expected["fnet_frame0_s4"]
    assert_close(recorded.outputs["fnet"][0][0, :, ::4, ::4], wanted, relative(wanted), "encoder")
    model, _ = reference_model(16)
    features = torch.from_numpy(np.stack([one[0] for one in recorded.outputs["fnet"]])).permute(0, 2, 3, 1)
    queries = torch.from_numpy(expected["queries"])[None]
    pyramid = model.pyramid(features.contiguous()[None])
    (found,) = model.templates(pyramid, queries[..., 0].long(), queries[..., 1:] / model.config.stride)
    assert_close(found, expected["track_feat"], relative(expected["track_feat"]), "vectors of the points")


@needs_reference
@pytest.mark.parametrize(("window", "tolerance", "apart"), [(0, 2e-4, 0), (1, 1e-3, 5.5e-5)])
def test_tokens(recorded, window, tolerance, apart):
    """Positions that a second window begins with differ by rounding, `apart` feature pixels: float32 does no better.

    The waves of a displacement differ by that times their frequency, up to 969 rad per feature pixel.
    """
    expected, calls = fixture("window16_whole_video"), recorded.inputs["updateformer.input_transform"]
    pieces = len(calls) // int(expected["num_windows"]) // int(expected["iters"])
    first = window * pieces * int(expected["iters"])
    tokens = np.concatenate([call[0] for call in calls[first : first + pieces]])
    wanted = expected[f"transformer_input_window{window}_iter0"]
    allowed = np.full(wanted.shape[-1], tolerance)
    allowed[2:130] += apart * np.tile(np.repeat(np.arange(32) * 31.25, 2), 2)
    assert_close(tokens[expected["selected_tracks"]] / allowed, wanted / allowed, 1, "tokens in units of tolerance")


@needs_reference
def test_updates(recorded):
    wanted = fixture("window16_whole_video")["delta_window0_iter0_first6"]
    found = recorded.outputs["updateformer"][0][0, ..., :6]
    assert_close(found, wanted, relative(wanted), "updates")


@needs_reference
def test_tables():
    expected, (model, _) = fixture("window16_whole_video"), reference_model(16)
    assert_close(model.time_emb[0, :, ::37], expected["time_emb_every37"], 1e-6, "time")
    assert_close(model.pos_emb[0, ::57, ::8, ::8], expected["pos_emb_c57_s8"], 1e-6, "position")


def test_correlation_is_that_of_sampled_vectors():
    """Another way to the same numbers: sample the patch from the map, border pixels outside, then multiply."""
    random = torch.Generator().manual_seed(3)
    level, vectors = torch.randn(2, 3, 6, 8, 5, generator=random), torch.randn(2, 4, 3, 5, generator=random)
    centres = torch.rand(2, 4, 3, 2, generator=random) * 14 - 3
    found = correlate_vectors(level, vectors, centres, radius=2)
    offsets = torch.stack(torch.meshgrid(*[torch.arange(-2.0, 3.0)] * 2, indexing="ij"), dim=-1).reshape(25, 2)
    for b, n, t in np.ndindex(2, 4, 3):
        grid = (centres[b, n, t] + offsets) * 2 / torch.tensor([7.0, 5.0]) - 1
        image = level[b, t].permute(2, 0, 1)[None]
        patch = nn.functional.grid_sample(image, grid[None, None], padding_mode="border", align_corners=True)[0, :, 0]
        wanted = (vectors[b, n, t] @ patch) / 5**0.5
        np.testing.assert_allclose(found[b, n, t], wanted, atol=1e-5)


def clip_tensor(length: int) -> torch.Tensor:
    return torch.from_numpy(small_clip(length, 96, 64)).permute(0, 3, 1, 2)[None].float()


def run(model: CoTracker2, queries: np.ndarray, length: int = 10) -> torch.Tensor:
    with torch.no_grad():
        return model(clip_tensor(length), torch.from_numpy(queries)[None]).tracks[0]


def test_points_that_have_not_started_do_not_disturb_others_but_for_the_quirk():
    """The published network masks the wrong side when there are as many points as virtual tracks."""
    model = small_cotracker2(window=4)
    for others, apart in ((3, False), (4, True), (5, False)):
        queries = some_queries(0, 0, *[9] * others)
        assert (len(queries) == model.config.virtual_tracks) == apart
        moved = queries.copy()
        moved[2:, 1:] += 9
        # Frames of the windows before the others start: all but those of the last one.
        difference = (run(model, queries)[:6, :2] - run(model, moved)[:6, :2]).abs().max()
        assert (float(difference) > 1e-4) == apart


def test_videos_of_a_batch_are_independent():
    model, clips = small_cotracker2(), torch.cat([clip_tensor(6), clip_tensor(6).flip(1)])
    queries = torch.from_numpy(np.stack([some_queries(0, 2, 5), some_queries(5, 0, 1)]))
    with torch.no_grad():
        both = model(clips, queries)
        for i in range(2):
            one = model(clips[i : i + 1], queries[i : i + 1])
            np.testing.assert_allclose(both.tracks[i], one.tracks[0], atol=1e-3)
            np.testing.assert_allclose(both.visibility[i], one.visibility[0], atol=1e-4)


@pytest.mark.parametrize("length", [1, 3, 4, 5, 9])
def test_any_length_and_no_points(length):
    tracks = run(small_cotracker2(window=4), some_queries(0, length - 1), length)
    assert tracks.shape == (length, 2, 2)
    assert bool(tracks.isfinite().all())
    assert run(small_cotracker2(window=4), np.zeros((0, 3), np.float32), length).shape == (length, 0, 2)


def test_gradients_reach_all_parameters():
    model = small_cotracker2()
    output = model(clip_tensor(8), torch.from_numpy(some_queries(0, 3))[None])
    (output.tracks.sum() + output.visibility.sum()).backward()
    assert [name for name, value in model.named_parameters() if value.grad is None] == []


def test_wrong_sizes():
    with pytest.raises(ValueError, match="no halves"):
        CoTracker2Config(window=7)
    with pytest.raises(ValueError, match="a multiple of 4"):
        CoTracker2Config(feature_channels=129)
    with pytest.raises(ValueError, match="multiples of 4"):
        small_cotracker2().encode(torch.zeros(1, 3, 66, 64))
    with pytest.raises(ValueError, match="at least 32"):
        small_cotracker2().encode(torch.zeros(1, 3, 0, 64))
