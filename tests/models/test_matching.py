"""Matching by similarity: its averages, displacements, search and loss against cases worked out by hand."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.small_models import small_clip, small_model, some_queries
from tracker.models.correlation import build_pyramid, correlate, sample_templates
from tracker.models.cotracker3 import CoTracker3Config
from tracker.models.estimate import Estimate, first_guess
from tracker.models.matching import (
    SEARCH_LEVEL,
    Matching,
    choice_loss,
    likeness,
    matching_loss,
    offset_average,
)
from tracker.models.output import Choice

RADIUS = 2


def random_features(*shape: int) -> Tensor:
    return F.normalize(torch.randn(*shape, 32, generator=torch.Generator().manual_seed(3)), dim=-1)


def strict_matching(levels: int = 2) -> Matching:
    """So sure of the best score that soft maxima are hard ones."""
    matching = Matching(levels, RADIUS)
    torch.nn.init.constant_(matching.log_scale, math.log(500.0))
    return matching


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_the_average_is_that_of_the_pairs_with_one_offset(radius):
    side = 2 * radius + 1
    correlation = torch.rand(side**4, dtype=torch.float64)
    average, offsets = offset_average(radius)
    found = correlation @ average.double()
    pairs = correlation.view(side, side, side, side)  # place in the frame x, y, then place in the template x, y
    assert len(offsets) == (side + 2) ** 2
    for score, (dx, dy) in zip(found.tolist(), offsets.int().tolist(), strict=True):
        values = [
            pairs[x + dx, y + dy, x, y].item()
            for x in range(side)
            for y in range(side)
            if 0 <= x + dx < side and 0 <= y + dy < side
        ]
        assert math.isclose(score, sum(values) / len(values), abs_tol=1e-7)


@pytest.mark.parametrize("moved", [(0, 0), (1, 0), (-1, 2), (0, -3), (3, 3)])
def test_a_template_moved_by_whole_pixels_gives_that_displacement(moved):
    level = random_features(1, 1, 20, 24)
    place = torch.tensor([[[11.0, 9.0]]])
    template = sample_templates(level, torch.zeros(1, 1, dtype=torch.long), place, RADIUS)
    guess = (place - torch.tensor(moved))[:, :, None]
    found, values = strict_matching()(correlate(level, template, guess, RADIUS), 0)
    torch.testing.assert_close(found[0, 0, 0], torch.tensor(moved).float(), atol=1e-4, rtol=0)
    assert values.shape == (1, 1, 1, Matching.VALUES)
    torch.testing.assert_close(values[..., :2] * (RADIUS + 1), found)
    best, stay = values[0, 0, 0, 2:].tolist()
    assert math.isclose(best, 1, abs_tol=1e-4)
    assert (stay > 0.999) == (moved == (0, 0))


def test_displacements_stay_in_full_precision_under_autocast():
    level = random_features(1, 1, 20, 24)
    places = torch.tensor([[[11.3, 9.6]]])
    template = sample_templates(level, torch.zeros(1, 1, dtype=torch.long), places, RADIUS)
    correlation = correlate(level, template, places[:, :, None] + 0.4, RADIUS)
    matching = Matching(1, RADIUS)
    expected = matching(correlation, 0)
    with torch.autocast("cpu", torch.bfloat16):
        found = matching(correlation, 0)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_the_search_finds_a_far_place_and_moves_nothing_without_need():
    # Pairs of equal pixels, so that the second level has vectors of length 1 too.
    pyramid = build_pyramid(random_features(1, 3, 16, 20).repeat_interleave(2, 2).repeat_interleave(2, 3), 2)
    frames, places = torch.tensor([[0, 1, 2, 0]]), torch.tensor([[[8.0, 10.0], [34.0, 24.0], [18.0, 6.0], [6.0, 6.0]]])
    templates = [sample_templates(level, frames, places / 2**i, RADIUS) for i, level in enumerate(pyramid)]
    for template in templates:
        template[:, 3] = 0  # its frame has not come yet
    coords = torch.tensor([24.3, 15.7]).expand(1, 4, 3, 2).clone()
    coords[0, 2, 2] = torch.tensor([18.05, 6.0])  # almost right already
    found = strict_matching(2).search(pyramid, templates, coords, 4096)
    torch.testing.assert_close(found[0, 0, 0], places[0, 0], atol=0.05, rtol=0)
    torch.testing.assert_close(found[0, 1, 1], places[0, 1], atol=0.05, rtol=0)
    assert torch.equal(found[0, 2, 2], coords[0, 2, 2])
    assert torch.equal(found[0, 3], coords[0, 3])


def test_the_search_in_pieces_finds_the_same():
    pyramid = build_pyramid(random_features(2, 5, 24, 32), 2)
    frames, places = torch.randint(5, (2, 30)), torch.rand(2, 30, 2) * 20
    templates = [sample_templates(level, frames, places / 2**i, RADIUS) for i, level in enumerate(pyramid)]
    coords = torch.rand(2, 30, 5, 2) * 24
    matching = strict_matching(2)
    whole = matching.search(pyramid, templates, coords, 10**6)
    assert not torch.equal(whole, coords)
    for size in (1, 20, 100):
        torch.testing.assert_close(matching.search(pyramid, templates, coords, size), whole, atol=1e-4, rtol=0)


def test_the_loss_of_a_hand_computed_case():
    logits = torch.tensor([0.5, 1.0, -1.0, 2.0]).view(1, 1, 1, 2, 2).expand(1, 1, 3, 2, 2)
    places = torch.tensor([[[[0.25, 0.5], [-7.0, -7.0], [0.0, 0.0]]]])  # in between, outside, not counted
    counted = torch.tensor([[[True, True, False]]])
    total = math.log(sum(map(math.exp, (0.5, 1.0, -1.0, 2.0))))
    between = 0.375 * 0.5 + 0.125 * 1.0 + 0.375 * -1.0 + 0.125 * 2.0
    fine = (total - between + total - 0.5) / 2
    assert math.isclose(matching_loss([logits], places, counted).item(), fine, rel_tol=1e-5)
    coarse = torch.zeros(1, 1, 3, 1, 3)  # says nothing: one of three
    both = matching_loss([logits, coarse], places, counted).item()
    assert math.isclose(both, (fine + math.log(3)) / 2, rel_tol=1e-5)
    assert matching_loss([logits], places, torch.zeros_like(counted)).item() == 0


def test_the_loss_is_least_where_the_search_is_right_and_pulls_there():
    logits = torch.zeros(1, 1, 1, 6, 8, requires_grad=True)
    place, counted = torch.tensor([[[[5.0, 2.0]]]]), torch.ones(1, 1, 1, dtype=torch.bool)
    loss = matching_loss([logits], place, counted)
    assert math.isclose(loss.item(), math.log(48), rel_tol=1e-5)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.argmin() == 2 * 8 + 5
    assert (logits.grad < 0).sum() == 1


def test_the_search_logits_are_largest_at_the_query_on_its_own_frame():
    model = small_model(matching=True)
    video = torch.from_numpy(small_clip(3, 96, 64)).permute(0, 3, 1, 2)[None].float()
    with torch.no_grad():
        output = model(video, torch.tensor([[[1.0, 40.0, 24.0]]]), all_iterations=True)
    assert output.search_logits is not None
    assert [logits.shape for logits in output.search_logits] == [(1, 1, 3, 16, 24), (1, 1, 3, 8, 12)]
    for i, logits in enumerate(output.search_logits):
        place = logits[0, 0, 1].argmax().item()
        assert divmod(place, logits.shape[-1]) == (24 // 4 // 2**i, 40 // 4 // 2**i)


def test_training_reaches_every_weight():
    model = small_model(matching=True, flow=True).train()
    assert model.chooser is not None
    torch.nn.init.normal_(model.chooser.conv2.weight)  # zeros would let nothing through
    video = torch.from_numpy(small_clip(20, 96, 64)).permute(0, 3, 1, 2)[None].float()
    output = model(video, torch.from_numpy(some_queries(0, 3, 9))[None], iters=2, all_iterations=True)
    assert output.windows is not None
    assert output.search_logits is not None
    loss = sum(window.tracks.square().mean() + window.visibility_logits.mean() for window in output.windows)
    loss = loss + sum(window.confidence_logits.mean() for window in output.windows)
    truth, counted = torch.rand(1, 3, 20, 2) * 16, torch.ones(1, 3, 20, dtype=torch.bool)
    assert output.choices is not None
    starts = [window.start for window in output.windows]
    loss = loss + choice_loss(output.choices, starts, truth, counted)
    (loss + matching_loss(output.search_logits, truth, counted)).backward()
    without = [
        name for name, weights in model.named_parameters() if weights.grad is None or not weights.grad.abs().sum() > 0
    ]
    assert all(name.endswith("bias") and "gate" not in name and "chooser" not in name for name in without), without


def test_the_result_is_the_first_guess_where_the_network_says_so():
    model = small_model(matching=True)
    assert model.chooser is not None
    torch.nn.init.normal_(model.chooser.conv2.weight)
    pyramid = model.pyramid(random_features(1, 16, 16, 24)[..., :16])
    points = torch.rand(1, 5, 2, generator=torch.Generator().manual_seed(1)) * 14
    templates = model.templates(pyramid, torch.zeros(1, 5, dtype=torch.long), points)
    guess = first_guess(points, 16)
    with torch.no_grad():
        choices: list[Choice] = []
        model.refine(pyramid, templates, guess, choices=choices)
        assert model.chooser.conv2.bias is not None
        model.chooser.conv2.bias -= choices[0].keep.median()  # so that some are kept
        *refined, last = model.refine(pyramid, templates, guess, choices=choices)
    assert len(refined) == model.config.iterations
    choice = choices[1]
    assert torch.equal(choice.begun, guess.coords)
    assert torch.equal(choice.refined, refined[-1].coords)
    kept = choice.keep > 0
    assert 0 < kept.sum() < kept.numel()
    assert torch.equal(last.coords[kept], guess.coords[kept])
    assert torch.equal(last.coords[~kept], refined[-1].coords[~kept])
    assert torch.equal(last.visibility, refined[-1].visibility)


def test_a_place_is_as_like_the_template_as_their_vectors_at_the_same_offsets():
    level = random_features(1, 2, 10, 12)
    templates = sample_templates(level, torch.tensor([[0]]), torch.tensor([[[5.0, 4.0]]]), RADIUS)
    places = torch.tensor([[[[5.0, 4.0], [6.0, 3.0]]]])
    found = likeness(level, templates, places, RADIUS)
    other = sample_templates(level, torch.tensor([[1]]), places[:, :, 1], RADIUS)
    assert math.isclose(found[0, 0, 0].item(), templates.square().sum(-1).mean().item(), rel_tol=1e-5)
    assert math.isclose(found[0, 0, 1].item(), (templates * other).sum(-1).mean().item(), rel_tol=1e-4, abs_tol=1e-6)


def test_an_untrained_choice_keeps_the_first_guess():
    model = small_model(matching=True)
    video = torch.from_numpy(small_clip(8, 96, 64)).permute(0, 3, 1, 2)[None].float()
    queries = torch.from_numpy(some_queries(0, 1))[None]
    with torch.no_grad():
        output = model(video, queries, all_iterations=True)
    assert output.choices is not None
    first = output.choices[0].begun.transpose(1, 2)[:, :8] * model.config.stride
    assert torch.equal(output.tracks, first)


def test_the_loss_of_a_choice_worked_out_by_hand():
    truth = torch.tensor([[[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]]])
    # The window begins on frame 1 and reaches a frame beyond the clip: frames 1, 2, 3 count, but for frame 3.
    begun = torch.tensor([[[[1.0, 1.3], [5.0, 6.0], [3.0, 3.0], [9.0, 9.0]]]])
    refined = torch.tensor([[[[1.5, 1.0], [2.0, 2.0], [0.0, 3.0], [9.0, 9.0]]]])
    keep = torch.tensor([[[0.4, -0.7, 5.0, 5.0]]])
    counted = torch.tensor([[[True, True, True, False]]])
    nearer_guess, nearer_refined = math.log1p(math.exp(-0.4)), math.log1p(math.exp(-0.7))
    # The guess is nearer by 0.2; the refinement by 5, which counts as 1. Weights of less than 1 altogether count as 1.
    both = choice_loss([Choice(begun, refined, keep)], [1], truth, counted)
    assert math.isclose(both.item(), (0.2 * nearer_guess + 1.0 * nearer_refined) / 1.2, rel_tol=1e-5)
    counted[..., 2] = False
    alone = choice_loss([Choice(begun, refined, keep)], [1], truth, counted)
    assert math.isclose(alone.item(), 0.2 * nearer_guess, rel_tol=1e-5)
    two = choice_loss([Choice(begun, refined, keep), Choice(truth, refined, keep)], [1, 4], truth, counted)
    assert math.isclose(two.item(), alone.item() / 2, rel_tol=1e-5)  # a window beyond the clip says nothing


def test_what_is_found_moves_the_guess_as_far_as_the_gate_says():
    model = small_model(matching=True)
    flow, gate = (model.updateformer.get_submodule(name) for name in ("flow_head", "gate_head"))
    assert isinstance(flow, torch.nn.Linear)
    assert isinstance(gate, torch.nn.Linear)
    assert model.matching is not None
    torch.nn.init.zeros_(flow.weight)
    torch.nn.init.zeros_(gate.weight)
    features, guess = random_features(1, 1, 16, 24)[..., :16], torch.tensor([[[11.0, 7.0]]])
    pyramid = model.pyramid(features)
    templates = model.templates(pyramid, torch.zeros(1, 1, dtype=torch.long), guess + 1)
    found = [
        model.matching(correlate(level, template, guess[:, :, None] / 2**i, RADIUS), i)[0] * 2**i
        for i, (level, template) in enumerate(zip(pyramid, templates, strict=True))
    ]
    zeros = torch.zeros(1, 1, 1)
    for bias in ((-100.0, -100.0), (100.0, -100.0), (0.0, 0.0)):
        gate.bias.data = torch.tensor(bias)
        shares = torch.tensor(bias).sigmoid()
        moved = model.refine(pyramid, templates, Estimate(guess[:, :, None], zeros, zeros), 1)[0].coords
        expected = guess[:, :, None] + found[0] * shares[0] + found[1] * shares[1]
        torch.testing.assert_close(moved, expected, atol=1e-4, rtol=0)


def test_videos_of_a_batch_are_independent_and_pieces_do_not_matter():
    model = small_model(matching=True, flow=True).double()
    video = torch.from_numpy(small_clip(20, 96, 64)).permute(0, 3, 1, 2)[None].double()
    both, asked = torch.cat([video, video.flip(1)]), torch.from_numpy(some_queries(0, 4, 17, 9)).view(2, 2, 3).double()
    with torch.no_grad():
        together = model(both, asked)
        alone = [model(both[i : i + 1], asked[i : i + 1]).tracks[0] for i in range(2)]
        torch.testing.assert_close(together.tracks, torch.stack(alone), atol=1e-6, rtol=0)
        pyramid = model.pyramid(model.encode(video[0, :16])[None])
        points = torch.rand(1, 40, 2, dtype=torch.float64) * 15
        templates = model.templates(pyramid, torch.zeros(1, 40, dtype=torch.long), points)
        guess = Estimate(points[:, :, None].expand(-1, -1, 16, -1), *torch.zeros(2, 1, 40, 16, dtype=torch.float64))
        whole, piece = (model.refine(pyramid, templates, guess, max_tokens=size)[-1] for size in (10**6, 40))
    torch.testing.assert_close(whole.coords, piece.coords, atol=1e-7, rtol=0)


@pytest.mark.parametrize("options", [{"levels": SEARCH_LEVEL}, {"radius": 0}])
def test_there_must_be_a_level_to_search_and_room_to_move(options):
    with pytest.raises(ValueError, match="matching needs at least 2 levels and a radius of 1"):
        CoTracker3Config(matching=True, **options)
    CoTracker3Config(**options)
