"""LocoTrack against the numbers of the published network."""

from functools import cache

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
from tracker.models.locotrack import HIGH, HIGHEST, LOW, LocoTrack, LocoTrackConfig
from tracker.models.tapnet import ClipFeatures, scaled, to_network, to_output

CASES = ("small_init128", "small_nonsquare", "small_single", "base_init128", "base_multires", "base_256")
KEYS = ("tracks", "occlusion", "expected_dist")
SIZES = (("small", 8_236_133), ("base", 11_519_717))


def build(config: LocoTrackConfig) -> LocoTrack:
    """A network that shares the recipe's weights with others."""
    with torch.device("meta"):
        model = LocoTrack(config)
    model.load_state_dict(recipe_weights(config.size), assign=True)
    return model.eval()


@cache
def recipe_weights(size) -> dict[str, torch.Tensor]:
    model = LocoTrack(LocoTrackConfig(size))
    load_recipe_weights(model)
    return model.state_dict()


@pytest.fixture(scope="module", autouse=True)
def forget():
    yield
    recipe_weights.cache_clear()


@needs("locotrack")
@pytest.mark.parametrize(("size", "count"), SIZES)
def test_state_dict_is_the_official_one_and_the_recipe_is_right(size, count):
    weights = recipe_weights(size)
    assert {key: tuple(value.shape) for key, value in weights.items()} == official_keys(
        "locotrack", f"locotrack_{size}"
    )
    assert sum(value.numel() for value in weights.values()) == count
    assert_recipe("locotrack", f"keys_locotrack_{size}.tsv", weights)


@needs("locotrack")
@pytest.mark.parametrize("name", CASES)
def test_features_and_every_iteration(name):
    facts, expected = case("locotrack", name)
    resolution = (facts["initial_resolution"][0], facts["initial_resolution"][1])
    model = build(LocoTrackConfig(facts["model_size"], resolution))
    with torch.inference_mode():
        features = model.encode(as_video(expected["frames"]))
        stages = model.track(features, queries_of(expected))
        assert_features(model, features, expected)
        assert_parts(model, expected)
    wanted = [[*expected[f"out/iter_{key}"], expected[f"out/{key}"]] for key in KEYS]
    for stage, tracks, occlusion, expected_dist in zip(stages, *wanted, strict=True):
        assert_close(scaled(stage.tracks, resolution, features.size), tracks, TRACKS, "tracks")
        assert_close(stage.occlusion, occlusion, LOGITS, "occlusion")
        assert_close(stage.expected_dist, expected_dist, LOGITS, "expected distance")
    if "inference/tracks" in expected:  # the published convenience call
        output = to_output(model.settle(stages), features.size, resolution)
        assert_close(output.tracks, expected["inference/tracks"].transpose(0, 2, 1, 3) - 0.5, TRACKS, "tracks")
        seen = (output.visibility * output.confidence > 0.5).numpy()
        assert (seen == ~expected["inference/occluded"].transpose(0, 2, 1)).all()


def assert_features(model: LocoTrack, features: ClipFeatures, expected: Arrays) -> None:
    resolutions = expected["mid/resolutions"].tolist()
    assert [list(grid.resolution) for grid in features.grids] == [resolutions[0], resolutions[-1]]
    grid = features.grids[0]
    supports = model.supports(grid, to_network(queries_of(expected), features.size, model.config.resolution))
    for level, name, every in ((HIGH, "hires0", 8), (LOW, "lowres0", 4), (HIGHEST, "highest0", 16)):
        found = grid.levels[level][:, 0, ::every, ::every]
        assert_close(found, expected[f"mid/{name}_sub{every}"], FEATURES, name)
        assert_close(supports[level][:, :, 3, 3], expected[f"mid/query_{name}"], FEATURES, f"{name} query")
    assert_close(supports[LOW][:, 0], expected["mid/query_lowres_support0_first_point"], FEATURES, "support")


def assert_parts(model: LocoTrack, expected: Arrays) -> None:
    found = model.cmdtop[0](torch.from_numpy(expected["unit/corr_encoder0_in"]))
    assert_close(found, expected["unit/corr_encoder0_out"], FEATURES, "correlation encoder")
    found = model.torch_pips_mixer(torch.from_numpy(expected["unit/mixer_in"]))
    assert_close(found, expected["unit/mixer_out"], 1e-3, "mixer")


# -- without fixtures, in a small configuration

QUERIES = torch.tensor([[[0, 10.0, 12.0], [2, 40.0, 30.0], [3, 5.5, 60.0]]])


def tiny(size="small") -> LocoTrack:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return LocoTrack(LocoTrackConfig(size, (64, 64), channels=(8, 8, 12, 12))).eval()


def clip(length: int) -> torch.Tensor:
    return torch.rand(1, length, 3, 64, 64, generator=torch.Generator().manual_seed(length)) * 255


def test_points_and_videos_do_not_depend_on_one_another():
    model, video = tiny(), torch.cat([clip(5), clip(5).flip(1)])
    queries = torch.cat([QUERIES, QUERIES.flip(1)])
    with torch.inference_mode():
        features = model.encode(video)
        whole = model.settle(model.track(features, queries))
        pieces = model.settle(model.track(features, queries, max_tokens=5))
        alone = model(video[1:], queries[1:, 2:])
        output = model(video, queries)
    torch.testing.assert_close(pieces, whole, atol=1e-4, rtol=1e-4)
    for found, wanted in zip(alone[:3], output[:3], strict=True):
        torch.testing.assert_close(found, wanted[1:, :, 2:], atol=1e-3, rtol=1e-3)


def test_fewer_iterations_are_the_first_ones():
    model, video = tiny("base"), clip(1)
    with torch.inference_mode():
        features = model.encode(video)
        two, four = model.track(features, QUERIES, 2), model.track(features, QUERIES)
    assert (len(two), len(four)) == (3, 5)
    torch.testing.assert_close(two[2], four[2])


def test_no_points():
    output = tiny()(clip(3), torch.zeros(1, 0, 3))
    assert [tuple(part.shape) for part in output[:3]] == [(1, 3, 0, 2), (1, 3, 0), (1, 3, 0)]


def test_wrong_input():
    with pytest.raises(ValueError, match="both sides must be multiples of 8 pixels"):
        tiny()(clip(2)[..., :60], QUERIES)
