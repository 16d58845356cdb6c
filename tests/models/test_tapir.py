"""TAPIR, BootsTAPIR and the causal one against the numbers of the published networks."""

from functools import cache
from typing import NamedTuple

import pytest
import torch

from tests.models.tap_reference import (
    FEATURES,
    LOGITS,
    TRACKS,
    assert_recipe,
    case,
    load_recipe_weights,
    needs,
    official_keys,
    queries_of,
)
from tests.reference import Arrays, as_video, assert_close
from tracker.models.tapir import CausalState, Tapir, TapirConfig, join_states
from tracker.models.tapnet import ClipFeatures, Guess, join_guesses, refinement_resolutions, scaled, to_output

CASES = (
    "tapir_panning_init128",
    "tapir_panning_256",
    "tapir_single",
    "bootstapir_init128",
    "bootstapir_256",
    "bootstapir_multires",
)
TINY = {"resolution": (64, 64), "channels": (8, 8, 12, 12), "mixer_width": 32, "mixer_blocks": 2}


class Run(NamedTuple):
    """One fixture, tracked."""

    model: Tapir
    expected: Arrays
    features: ClipFeatures
    stages: list[Guess]


def build(config: TapirConfig, weights: dict[str, torch.Tensor]) -> Tapir:
    """A network that shares its weights with others."""
    with torch.device("meta"):
        model = Tapir(config)
    model.load_state_dict(weights, assign=True)
    return model.eval()


@cache
def recipe_weights(boots: bool) -> dict[str, torch.Tensor]:
    model = Tapir(TapirConfig(pyramid_level=int(boots), extra_convs=boots))
    load_recipe_weights(model)
    return model.state_dict()


def run(name: str) -> Run:
    facts, expected = case("tapir", name)
    boots = facts["config"] != "tapir_panning"
    resolution = (facts["initial_resolution"][0], facts["initial_resolution"][1])
    config = TapirConfig(int(boots), boots, "causal" in name, resolution, square_sampling="nonsquare" in name)
    model = build(config, recipe_weights(boots))
    with torch.inference_mode():
        features = model.encode(as_video(expected["frames"]))
        return Run(model, expected, features, model.track(features, queries_of(expected)))


@pytest.fixture(scope="module", autouse=True)
def forget():
    """Weights of all networks are some hundred megabytes."""
    yield
    recipe_weights.cache_clear()


KEYS = ("tracks", "occlusion", "expected_dist")


def assert_guess(run: Run, found: Guess, wanted: list) -> None:
    """`found` has tracks in pixels of the network; `wanted`, by `KEYS`, are as in the fixtures, of the video."""
    tracks, occlusion, expected_dist = wanted
    assert_close(scaled(found.tracks, run.model.config.resolution, run.features.size), tracks, TRACKS, "tracks")
    assert_close(found.occlusion, occlusion, LOGITS, "occlusion")
    assert_close(found.expected_dist, expected_dist, LOGITS, "expected distance")


def assert_stages(run: Run, stages: list[Guess], part: str) -> None:
    expected = run.expected
    last = run.model.settle(stages)
    assert_guess(run, last, [expected[f"{part}/{key}"] for key in KEYS])
    iterations = [expected[f"{part}/iter_{key}"] for key in KEYS]
    assert len(stages) == len(iterations[0]) + 1
    for stage, *wanted in zip(stages[:-1], *iterations, strict=True):
        assert_guess(run, stage, wanted)


@needs("tapir")
@pytest.mark.parametrize(
    ("name", "boots", "count"), [("tapir_panning", False, 31_072_327), ("bootstapir_v2", True, 54_699_335)]
)
def test_state_dict_is_the_official_one_and_the_recipe_is_right(name, boots, count):
    weights = recipe_weights(boots)
    assert {key: tuple(value.shape) for key, value in weights.items()} == official_keys("tapir", name)
    assert sum(value.numel() for value in weights.values()) == count
    assert_recipe("tapir", f"keys_{name}.tsv", weights)


def assert_features(run: Run) -> None:
    model, expected, features, _ = run
    assert [list(grid.resolution) for grid in features.grids] == expected["mid/resolutions"].tolist()
    high, low = features.grids[0].levels[:2]
    assert_close(low[:, 0, ::4, ::4], expected["mid/lowres0_sub4"], FEATURES, "low")
    assert_close(high[:, 0, ::8, ::8], expected["mid/hires0_sub8"], FEATURES, "high")
    with torch.inference_mode():
        described = model.describe(features, queries_of(expected))[0]
    high_query, low_query = described.split([128, 256], dim=-1)
    assert_close(low_query, expected["mid/query_lowres0"], FEATURES, "low query")
    assert_close(high_query, expected["mid/query_hires0"], FEATURES, "high query")


@needs("tapir")
@pytest.mark.parametrize("name", CASES)
def test_features_and_every_iteration(name):
    found = run(name)
    assert_features(found)
    assert_stages(found, found.stages, "out")


@needs("tapir")
def test_video_that_is_not_square():
    """As published, and with x sampled rightly, which is how it is by default."""
    published = run("bootstapir_nonsquare")
    assert_features(published)
    assert_stages(published, published.stages, "out")
    model = build(TapirConfig(1, True, resolution=(64, 64)), recipe_weights(True))
    with torch.inference_mode():
        stages = model.track(published.features, queries_of(published.expected))
    assert_stages(published, stages, "out_square_bug_fixed")


@needs("tapir")
def test_forward_speaks_of_pixels_from_their_centres():
    found = run("tapir_single")
    with torch.inference_mode():
        output = found.model(as_video(found.expected["frames"]), queries_of(found.expected))
    wanted = found.expected["out/tracks"].transpose(0, 2, 1, 3) - 0.5
    assert_close(output.tracks, wanted, TRACKS, "tracks")
    for found_part, key in ((output.visibility, "occlusion"), (output.confidence, "expected_dist")):
        logits = torch.from_numpy(found.expected[f"out/{key}"]).transpose(1, 2)
        assert_close(found_part, (1 - logits.sigmoid()).numpy(), LOGITS, key)


@needs("tapir")
def test_causal_network_at_once_and_in_pieces():
    found = run("causal_init128")
    assert_features(found)
    assert_stages(found, found.stages, "out")
    for frames in (1, 3, 8):
        stages, state = frame_by_frame(found, frames)
        wanted = [found.expected[f"online/{key}"] for key in KEYS]
        for stage, *values in zip(stages, *wanted, strict=True):
            assert_guess(found, stage, values)
        first, last = (found.expected[f"online/final_state_{key}"] for key in STATES)
        assert_close(state.narrow[:, :, 0, 0], first, 1e-3, "state of the first convolution")
        assert_close(state.wide[:, :, -1, -1], last, 1e-3, "state of the last convolution")


STATES = ("iter0_block0_causal_1", "last_block11_causal_2")


def frame_by_frame(run: Run, frames: int) -> tuple[list[Guess], CausalState]:
    """Every stage of all frames, given so many at a time, and the state after them."""
    model, expected, features, _ = run
    queries = queries_of(expected)
    pieces = []
    with torch.inference_mode():
        described = model.describe(features, queries)
        state = model.new_state(1, queries.shape[1])
        for start in range(0, features.length, frames):
            stages, state = model.step_stages(cut(features, start, start + frames), described, state)
            pieces.append(stages)
    return join_guesses(pieces, axis=2), state


def cut(features: ClipFeatures, start: int, end: int) -> ClipFeatures:
    grids = [grid._replace(levels=[level[:, start:end] for level in grid.levels]) for grid in features.grids]
    return features._replace(grids=grids)


# -- without fixtures, in a small configuration


def tiny(**options) -> Tapir:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Tapir(TapirConfig(**{**TINY, **options})).eval()


def clip(length: int, height: int = 64, width: int = 64) -> torch.Tensor:
    return torch.rand(1, length, 3, height, width, generator=torch.Generator().manual_seed(length)) * 255


QUERIES = torch.tensor([[[0, 10.0, 12.0], [2, 40.0, 30.0], [3, 5.5, 60.0]]])


def test_a_point_does_not_depend_on_the_others():
    model, video = tiny(pyramid_level=1), clip(5)
    with torch.inference_mode():
        features = model.encode(video)
        whole = model.settle(model.track(features, QUERIES))
        pieces = model.settle(model.track(features, QUERIES, max_tokens=5))
        alone = model.settle(model.track(features, QUERIES[:, 1:2]))
    torch.testing.assert_close(pieces, whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(alone.tracks, whole.tracks[:, 1:2], atol=1e-4, rtol=1e-4)


def test_videos_in_a_batch_do_not_see_one_another():
    model, video = tiny(extra_convs=True), torch.cat([clip(4), clip(4).flip(1)])
    queries = torch.cat([QUERIES, QUERIES.flip(1)])
    with torch.inference_mode():
        both, second = model(video, queries), model(video[1:], queries[1:])
    for found, wanted in zip(both[:3], second[:3], strict=True):
        torch.testing.assert_close(found[1:], wanted, atol=1e-3, rtol=1e-3)


def test_a_point_added_later_starts_from_a_state_of_zeros():
    model, video = tiny(causal=True), clip(6)
    with torch.inference_mode():
        described = model.query_features(video, QUERIES)
        first, late = (tuple(grid[:, rows] for grid in described) for rows in (slice(0, 2), slice(2, 3)))
        _, state = model.step(model.encode(video[:, :3]), first, model.new_state(1, 2))
        state = join_states([state, model.new_state(1, 1)])
        together = model.step(model.encode(video[:, 3:]), described, state)[0]
        alone = model.step(model.encode(video[:, 3:]), late, model.new_state(1, 1))[0]
    for found, wanted in zip(together, alone, strict=True):
        torch.testing.assert_close(found[:, :, 2:], wanted, atol=1e-4, rtol=1e-4)


def test_fewer_iterations_are_the_first_ones():
    model, video = tiny(), clip(4)
    with torch.inference_mode():
        features = model.encode(video)
        two, four = model.track(features, QUERIES, 2), model.track(features, QUERIES)
        output = model(video, QUERIES, iters=2)
    assert (len(two), len(four)) == (3, 5)
    torch.testing.assert_close(two[2], four[2])
    torch.testing.assert_close(output, to_output(two[2], features.size, model.config.resolution))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((256, 256), [(256, 256)]),
        ((128, 200), [(256, 256)]),
        ((512, 512), [(256, 256), (512, 512)]),
        ((256, 264), [(256, 256), (256, 264)]),
        ((384, 640), [(256, 256), (312, 400), (384, 640)]),
    ],
)
def test_resolutions_of_a_video(size, expected):
    assert refinement_resolutions(size, (256, 256)) == expected


def test_no_points():
    output = tiny(pyramid_level=1)(clip(3), torch.zeros(1, 0, 3))
    assert [tuple(part.shape) for part in output[:3]] == [(1, 3, 0, 2), (1, 3, 0), (1, 3, 0)]
    model = tiny(causal=True)
    features = model.encode(clip(2))
    described = model.describe(features, torch.zeros(1, 0, 3))
    (tracks, _, _), state = model.step(features, described, model.new_state(1, 0))
    assert tracks.shape == (1, 2, 0, 2)
    assert state.narrow.shape == model.new_state(1, 0).narrow.shape


def test_wrong_input():
    with pytest.raises(ValueError, match="frames of 60x64: both sides must be multiples of 8 pixels"):
        tiny()(clip(2, 64, 60), QUERIES)
    model = tiny()
    with pytest.raises(ValueError, match="only a causal network"):
        model.step(model.encode(clip(1)), (), model.new_state(1, 0))
