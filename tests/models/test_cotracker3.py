"""The network in a small configuration: shapes, gradients, batches, pieces, and its straightforward form."""

import pytest
import torch

from tests.small_models import SMALL, small_clip, small_model, some_queries
from tracker.evaluation.straightforward import track_straightforwardly
from tracker.models import MODELS, build_model
from tracker.models.estimate import first_guess


def video(length: int) -> torch.Tensor:
    return torch.from_numpy(small_clip(length, 96, 64)).permute(0, 3, 1, 2)[None].float()


def queries(*frames: int) -> torch.Tensor:
    return torch.from_numpy(some_queries(*frames))[None]


@pytest.mark.parametrize("kind", ["online", "offline"])
@pytest.mark.parametrize("length", [1, 2, 8, 9, 16, 17, 29])
def test_any_length(kind, length):
    with torch.no_grad():
        output = small_model(kind)(video(length), queries(0, length - 1, length // 2))
    assert output.tracks.shape == (1, length, 3, 2)
    assert output.visibility.shape == output.confidence.shape == (1, length, 3)
    assert output.tracks.isfinite().all()
    assert ((output.visibility > 0) & (output.visibility < 1)).all()
    assert (output.visibility != 0.5).any()  # the network has run, however short the video


@pytest.mark.parametrize("length", [5, 16, 21, 40])
def test_same_numbers_as_the_straightforward_form(length):
    # In float64, where nothing but the order of summation is left to differ.
    model, asked = small_model().double(), queries(0, 3, length // 2, length - 1).double()
    with torch.no_grad():
        found = model(video(length).double(), asked)
        tracks, visibility, confidence = track_straightforwardly(model, video(length)[0].double(), asked[0])
    torch.testing.assert_close(found.tracks[0], tracks, atol=1e-7, rtol=0)
    torch.testing.assert_close(found.visibility[0], visibility, atol=1e-8, rtol=0)
    torch.testing.assert_close(found.confidence[0], confidence, atol=1e-8, rtol=0)
    assert (tracks - asked[0, :, 1:]).abs().max() > 0.5  # points did move


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_videos_of_a_batch_are_independent(kind):
    model = small_model(kind).double()
    both = torch.cat([video(20), video(20).flip(1)]).double()
    asked = torch.cat([queries(0, 4, 17), queries(9, 1, 2)]).double()
    with torch.no_grad():
        together = model(both, asked)
        for i in range(2):
            alone = model(both[i : i + 1], asked[i : i + 1])
            torch.testing.assert_close(together.tracks[i], alone.tracks[0], atol=1e-7, rtol=0)


def test_pieces_do_not_change_the_result():
    model, points = small_model(), torch.rand(1, 23, 2) * 15
    with torch.no_grad():
        pyramid = model.pyramid(model.encode(video(16)[0])[None])
        templates = model.templates(pyramid, torch.zeros(1, 23, dtype=torch.long), points)
        whole, *pieces = (
            model.refine(pyramid, templates, first_guess(points, 16), max_tokens=size)[-1] for size in (10**6, 100, 1)
        )
    for piece in pieces:
        for a, b in zip(whole, piece, strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", ["online", "offline"])
def test_training_reaches_every_weight(kind):
    model = small_model(kind).train()
    output = model(video(20), queries(0, 3, 9), iters=2, all_iterations=True)
    assert [window.start for window in output.windows] == ([0, 8] if kind == "online" else [0])
    for window in output.windows:
        assert window.tracks.shape == (2, 1, 16 if kind == "online" else 20, 3, 2)
    loss = sum(window.tracks.square().mean() + window.confidence_logits.mean() for window in output.windows)
    (loss + sum(window.visibility_logits.mean() for window in output.windows)).backward()
    without = [
        name for name, weights in model.named_parameters() if weights.grad is None or not weights.grad.abs().sum() > 0
    ]
    # A bias before an instance norm, and one that all keys of an attention share, changes nothing by nature.
    assert all(name.endswith("bias") for name in without), without


def test_far_away_and_lost_coordinates_do_no_harm():
    model = small_model()
    guess = first_guess(torch.tensor([[[1e9, -1e9], [3.0, 4.0]]]), 16)
    with torch.no_grad():
        pyramid = model.pyramid(model.encode(video(16)[0])[None])
        templates = model.templates(pyramid, torch.zeros(1, 2, dtype=torch.long), guess.coords[:, :, 0])
        assert all(template.isfinite().all() for template in templates)


@pytest.mark.parametrize("size", [(66, 96), (8, 96)])
def test_sizes_that_do_not_fit(size):
    with pytest.raises(ValueError, match="both sides must be multiples of 4 and at least 16 pixels"):
        small_model()(torch.zeros(1, 3, 3, *size), queries(0))


def test_registry():
    assert {"cotracker3-online", "cotracker3-offline"} <= set(MODELS)
    assert build_model("cotracker3-offline", **SMALL).state_dict()["time_emb"].shape[1] == 60
    with pytest.raises(ValueError, match='there is no model "cotracker4"'):
        build_model("cotracker4")
