"""The network against the numbers of the published one, from the image to the last iteration."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.reference import FOLDER, as_video, assert_close, fixture, needs_reference, reference_model
from tracker.models.cotracker3 import TrackOutput
from tracker.models.embedding import fourier_embedding

pytestmark = needs_reference

TRACKS, PROBABILITIES, LOGITS, TOKENS = 2e-3, 2e-4, 1e-3, 5e-4


class Taps:
    """Records what goes through modules while a model runs."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._handles: list[Any] = []
        self.inputs: dict[str, list[np.ndarray]] = defaultdict(list)
        self.outputs: dict[str, list[np.ndarray]] = defaultdict(list)

    def __enter__(self) -> "Taps":
        for name in (
            "fnet",
            "corr_mlp",
            "updateformer",
            "updateformer.input_transform",
            "updateformer.time_blocks.0",
            "updateformer.space_virtual2point_blocks.0",
            "updateformer.space_virtual_blocks.0",
            "updateformer.space_point2virtual_blocks.0",
        ):
            self._handles.append(self._model.get_submodule(name).register_forward_hook(self._hook(name)))
        return self

    def _hook(self, name: str):
        def record(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            if name != "fnet" or not self.outputs[name]:
                self.inputs[name].append(inputs[0].numpy())
                self.outputs[name].append(output.numpy())

        return record

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()


@pytest.fixture(scope="module")
def offline() -> tuple[TrackOutput, Taps]:
    model, checksum = reference_model("offline")
    expected = fixture("offline_model")
    assert checksum == int(expected["weights_checksum"])
    frames = fixture("frames_model")["frames"][: len(expected["tracks"])]
    queries = torch.from_numpy(expected["queries"])[None]
    with Taps(model) as taps, torch.no_grad():
        return model(as_video(frames), queries, int(expected["iters"]), all_iterations=True), taps


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_state_dict_has_the_official_keys_and_shapes(kind):
    lines = (FOLDER / f"state_dict_{kind}.tsv").read_text().splitlines()[1:]
    official = {line.split("\t")[0]: line.split("\t")[1] for line in lines}
    model, checksum = reference_model(kind)
    assert {key: "x".join(map(str, value.shape)) for key, value in model.state_dict().items()} == official
    assert checksum == int(fixture(f"{kind}_model")["weights_checksum"])


def test_offline_results(offline):
    output, _ = offline
    expected = fixture("offline_model")
    assert_close(output.tracks, expected["tracks"], TRACKS, "tracks")
    assert_close(output.visibility, expected["vis_prob"], PROBABILITIES, "visibility")
    assert_close(output.confidence, expected["conf_prob"], PROBABILITIES, "confidence")


def test_offline_iterations(offline):
    (window,) = offline[0].windows
    expected = fixture("offline_model")
    assert window.start == 0
    assert_close(window.tracks, expected["coords_per_iter"], TRACKS, "coords")
    assert_close(window.visibility_logits, expected["vis_logit_per_iter"], LOGITS, "visibility")
    assert_close(window.confidence_logits, expected["conf_logit_per_iter"], LOGITS, "confidence")


def test_encoder(offline):
    expected = fixture("offline_model")["fnet_frame0_s4"]
    found = offline[1].outputs["fnet"][0][0, :, ::4, ::4]
    assert_close(found, expected, 1e-3, "features")


def test_templates():
    model, _ = reference_model("offline")
    expected = fixture("offline_model")
    queries = torch.from_numpy(expected["queries"][expected["selected_tracks"]])[None]
    times = queries[..., 0].long()
    frames = fixture("frames_model")["frames"][: int(times.max()) + 1]
    with torch.no_grad():
        features = model.encode(as_video(frames)[0])[None]
        templates = model.templates(model.pyramid(features), times, queries[..., 1:] / model.config.stride)
    for level in (0, 3):
        found = templates[level][0].transpose(0, 1)
        assert_close(found, expected[f"support_feat_level{level}"], 2e-5, f"level {level}")


def test_correlation(offline):
    expected, taps = fixture("offline_model"), offline[1]
    levels = len(expected["corr_volume_iter0"])
    # Called for every level of one piece of points, then of the next.
    volumes, embeddings = taps.inputs["corr_mlp"], taps.outputs["corr_mlp"]
    points, pieces = len(expected["queries"]), len(volumes) // levels // int(expected["iters"])
    by_level = [np.concatenate([volumes[p * levels + i][0] for p in range(pieces)]) for i in range(levels)]
    assert len(by_level[0]) == points
    for row, (frame, point) in enumerate(expected["corr_volume_rows"]):
        for level in range(levels):
            found = by_level[level][point, frame]
            assert_close(found, expected["corr_volume_iter0"][level, row], 2e-5, f"level {level}, row {row}")
    level0 = np.concatenate([embeddings[p * levels][0] for p in range(pieces)])
    found = level0[expected["selected_tracks"]].transpose(1, 0, 2)
    assert_close(found, expected["corr_emb_level0_iter0"], TOKENS, "correlation embedding")


def test_tokens(offline):
    expected, taps = fixture("offline_model"), offline[1]
    chosen = expected["selected_tracks"]
    calls = taps.inputs["updateformer.input_transform"]
    pieces = len(calls) // int(expected["iters"])
    for iteration in (0, 1):
        tokens = np.concatenate([call[0] for call in calls[iteration * pieces : (iteration + 1) * pieces]])
        wanted = expected[f"transformer_input_iter{iteration}"]
        assert_close(tokens[chosen], wanted, TOKENS, f"tokens of iteration {iteration}")
    outputs = taps.outputs["updateformer.input_transform"][:pieces]
    embedded = np.concatenate([output[0] for output in outputs])
    assert_close(embedded[chosen], expected["tokens_after_input_transform"], TOKENS, "input layer")


def test_transformer(offline):
    expected, taps = fixture("offline_model"), offline[1]
    chosen = expected["selected_tracks"]
    virtual = expected["virtual_after_virtual2point0"].shape[1]

    def first(name: str) -> np.ndarray:
        return taps.outputs[f"updateformer.{name}"][0][0]

    assert_close(first("time_blocks.0")[chosen], expected["tokens_after_time_block0"], TOKENS, "time block")
    found = first("space_virtual2point_blocks.0")[:virtual].transpose(1, 0, 2)
    assert_close(found, expected["virtual_after_virtual2point0"], TOKENS, "virtual to point")
    found = first("space_virtual_blocks.0")[:virtual].transpose(1, 0, 2)
    assert_close(found, expected["virtual_after_virtual_self0"], TOKENS, "virtual")
    found = first("space_point2virtual_blocks.0")[chosen].transpose(1, 0, 2)
    assert_close(found, expected["points_after_point2virtual0"], TOKENS, "point to virtual")
    assert_close(taps.outputs["updateformer"][0][0], expected["delta_iter0"], TOKENS, "updates")


def test_time_embedding():
    model, _ = reference_model("offline")
    expected = fixture("offline_model")
    rows = expected["time_emb_first_rows"]
    assert_close(model.time_emb[0, : len(rows)], rows, 1e-6, "buffer")
    stride = int(expected["time_emb_column_stride"])
    lengths = [int(key.removeprefix("time_emb_T")) for key in expected if key.startswith("time_emb_T")]
    assert lengths
    for length in lengths:
        found = model._time_embedding(length)[0, :, ::stride]
        assert_close(found, expected[f"time_emb_T{length}"], 1e-6, f"{length} frames")


def test_displacement_embedding():
    helpers = fixture("losses_and_helpers")
    found = fourier_embedding(torch.from_numpy(helpers["posenc_in"]))
    np.testing.assert_allclose(found, helpers["posenc_out"], rtol=1e-5, atol=1e-6)


def test_online_network_over_a_whole_video():
    model, _ = reference_model("online")
    expected = fixture("online_model")
    frames = fixture("frames_model")["frames"][: int(expected["full_T"])]
    queries = torch.from_numpy(expected["full_queries"])[None]
    with torch.no_grad():
        output = model(as_video(frames), queries, int(expected["iters"]))
    assert_close(output.tracks, expected["full_tracks"], TRACKS, "tracks")
    assert_close(output.visibility, expected["full_vis_prob"], PROBABILITIES, "visibility")
    assert_close(output.confidence, expected["full_conf_prob"], PROBABILITIES, "confidence")
