"""The losses against the reference, and against sums done by hand."""

import math

import numpy as np
import pytest
import torch

from tests.reference import fixture, needs_reference
from tracker.models.output import WindowIterations
from tracker.training.losses import LossConfig, Losses, stage_one_loss
from tracker.training.samples import Clips


def one_window(tracks, visibility=None, confidence=None, start=0):
    """(I, B, S, N, 2) tracks; the logits are 0 where not given."""
    tracks = torch.as_tensor(tracks, dtype=torch.float32)
    zeros = torch.zeros(tracks.shape[:-1])
    return WindowIterations(
        start, tracks, zeros if visibility is None else visibility, zeros if confidence is None else confidence
    )


def truth(tracks, visible=None, valid=None):
    tracks = torch.as_tensor(tracks, dtype=torch.float32)
    ones = torch.ones(tracks.shape[:-1], dtype=torch.bool)
    video = torch.zeros(*tracks.shape[:2], 3, 8, 8)
    return Clips(
        video,
        tracks,
        ones if visible is None else torch.as_tensor(visible),
        ones if valid is None else torch.as_tensor(valid),
    )


@needs_reference
def test_reference():
    data = {key: torch.from_numpy(np.asarray(value)) for key, value in fixture("losses_and_helpers").items()}
    count, frames = data["pred"].shape[0], data["pred"].shape[3]
    # The windows of the fixture are independent: they are laid one after the other.
    windows = [
        WindowIterations(
            window * frames,
            data["pred"][window],
            torch.logit(data["vis_prob"][window].double()),
            torch.logit(data["conf_prob"][window].double()),
        )
        for window in range(count)
    ]
    tracks, visible, valid = (data[key].transpose(0, 1).flatten(1, 2) for key in ("gt", "vis", "valid"))
    losses = stage_one_loss(windows, truth(tracks, visible > 0, valid > 0), torch.zeros(1, 6, 3), "offline")
    names = ("total", "track_huber_visible", "track_l1_invisible", "visibility_bce", "confidence_bce")
    assert float(losses.matching) == float(losses.choice) == 0
    for loss, name in zip(losses[:-2], names, strict=True):
        assert float(loss) == pytest.approx(float(data[name]), rel=1e-5), name


def test_by_hand():
    # One clip, one frame, two points: one visible and off by (2, 8) and then (0, 1), one hidden and off by (3, 5).
    tracks = [[[[[2, 8], [3, 5]]]], [[[[0, 1], [3, 5]]]]]
    losses = stage_one_loss(
        [one_window(tracks)], truth(torch.zeros(1, 1, 2, 2), [[[True, False]]]), torch.zeros(1, 2, 3), "offline"
    )
    first, second = (0.5 * 2**2 + 6 * (8 - 3)) / 2, 0.5 / 2
    assert float(losses.track) == pytest.approx((0.8 * first + second) / 2)
    assert float(losses.invisible) == pytest.approx((0.8 * 4 + 4) / 2)
    assert float(losses.visibility) == pytest.approx(math.log(2))
    assert float(losses.confidence) == pytest.approx(math.log(2) / 2)  # the hidden point counts as nothing
    assert float(losses.total) == pytest.approx(
        0.05 * losses.track + 0.01 * losses.invisible + losses.visibility + losses.confidence
    )


@pytest.mark.parametrize(("distance", "close"), [(11.99, True), (12.0, True), (12.01, False)])
def test_confident_within_twelve_pixels(distance, close):
    logit = torch.full((1, 1, 1, 1), 3.0)
    losses = stage_one_loss(
        [one_window([[[[[distance, 0.0]]]]], confidence=logit)],
        truth(torch.zeros(1, 1, 1, 2)),
        torch.zeros(1, 1, 3),
        "offline",
    )
    assert float(losses.confidence) == pytest.approx(math.log1p(math.exp(-3)) + (0 if close else 3), rel=1e-5)


def test_online_counts_from_the_query_on():
    tracks = torch.zeros(1, 1, 4, 1, 2)
    tracks[:, :, :2] = 100.0  # wrong before the query on frame 2
    queries = torch.tensor([[[2.0, 0, 0]]])
    clips = truth(torch.zeros(1, 4, 1, 2))
    assert float(stage_one_loss([one_window(tracks)], clips, queries, "online").track) == 0
    assert float(stage_one_loss([one_window(tracks)], clips, queries, "offline").track) > 100


def test_frames_beyond_the_clip_do_not_count():
    within, beyond = torch.ones(1, 1, 4, 1, 2), torch.ones(1, 1, 4, 1, 2)
    beyond[:, :, 2:] = 1e6
    clips = truth(torch.zeros(1, 6, 1, 2))
    losses = stage_one_loss([one_window(within), one_window(beyond, start=4)], clips, torch.zeros(1, 1, 3), "online")
    assert float(losses.track) == pytest.approx(0.5)


def test_a_clip_counts_as_much_as_another():
    """A batch is the mean of its clips, however many points of each may be used."""
    generator = torch.Generator().manual_seed(3)
    predicted = torch.randn(2, 3, 5, 4, 2, generator=generator) * 9
    visible, valid = (torch.rand(3, 5, 4, generator=generator) < 0.6 for _ in range(2))
    logits = torch.randn(2, 2, 3, 5, 4, generator=generator)
    queries = torch.zeros(3, 4, 3)

    def losses(which):
        window = WindowIterations(0, predicted[:, which], logits[0][:, which], logits[1][:, which])
        clips = truth(torch.zeros(3, 5, 4, 2)[which], visible[which], valid[which])
        return stage_one_loss([window], clips, queries[which], "online")

    whole, alone = losses(slice(0, 3)), [losses(slice(i, i + 1)) for i in range(3)]
    for i in range(len(Losses._fields)):
        assert float(whole[i]) == pytest.approx(sum(float(one[i]) for one in alone) / 3, rel=1e-5)


def test_nothing_valid_is_no_error():
    clips = truth(torch.zeros(1, 2, 1, 2), valid=torch.zeros(1, 2, 1, dtype=torch.bool))
    losses = stage_one_loss([one_window(torch.ones(2, 1, 2, 1, 2))], clips, torch.zeros(1, 1, 3), "offline")
    assert (float(losses.track), float(losses.invisible)) == (0, 0)


def random_case(seed=0, batch=2, frames=4, points=5):
    chance = torch.Generator().manual_seed(seed)
    shape = (batch, frames, points)
    tracks = torch.randn(3, *shape, 2, generator=chance) * 9
    logits = [torch.randn(3, *shape, generator=chance) for _ in range(2)]
    visible = torch.rand(shape, generator=chance) < 0.7
    valid = torch.rand(shape, generator=chance) < 0.8
    return [one_window(tracks, *logits)], truth(torch.zeros(*shape, 2), visible, valid), torch.zeros(batch, points, 3)


def test_labels_that_are_all_alike_count_as_published():
    windows, clips, queries = random_case()
    plain = stage_one_loss(windows, clips, queries, "online")
    alike = clips._replace(weight=torch.full_like(clips.tracks[..., 0], 4.0), judged=torch.ones_like(clips.valid))
    for one, other in zip(plain, stage_one_loss(windows, alike, queries, "online"), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_weights_and_judgements_by_hand():
    # Two points off by 1 and by 3, the first four times as trusted and the only one whose visibility was judged.
    windows = [one_window([[[[[1, 1], [3, 3]]]]], visibility=torch.tensor([[[[2.0, -5.0]]]]))]
    clips = truth(torch.zeros(1, 1, 2, 2))
    clips = clips._replace(weight=torch.tensor([[[4.0, 1.0]]]), judged=torch.tensor([[[True, False]]]))
    losses = stage_one_loss(windows, clips, torch.zeros(1, 2, 3), "offline")
    assert float(losses.track) == pytest.approx((4 * 0.5 * 1 + 0.5 * 9) / 5)
    assert float(losses.visibility) == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-4)
    assert float(losses.confidence) == pytest.approx(math.log(2), rel=1e-4)


def test_what_nobody_judged_teaches_nothing_of_visibility():
    windows, clips, queries = random_case()
    losses = stage_one_loss(windows, clips._replace(judged=torch.zeros_like(clips.valid)), queries, "online")
    assert float(losses.visibility) == float(losses.confidence) == 0
    assert float(losses.track) > 0


def test_factors_of_the_second_stage():
    windows, clips, queries = random_case()
    losses = stage_one_loss(windows, clips, queries, "online", LossConfig(visibility=0.0, confidence=0.0))
    assert float(losses.total) == pytest.approx(0.05 * float(losses.track) + 0.01 * float(losses.invisible))
    assert float(losses.visibility) > 0
