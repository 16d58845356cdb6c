"""Where tracks start from in training, and labels that would spoil it."""

import pytest
import torch

from tests.training.made import moving_clips
from tracker.training.queries import first_queries, sample_queries, without_faults


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def clips_with_gaps():
    clips = moving_clips(3, chance(), frames=7, points=8)
    visible = torch.rand(clips.visible.shape, generator=chance(1)) < 0.4
    visible[:, 5] |= ~visible.any(1)
    return clips._replace(visible=visible)


def on_track(clips, queries):
    frames = queries[..., 0].long()
    batch, points = torch.meshgrid(torch.arange(3), torch.arange(8), indexing="ij")
    assert clips.visible[batch, frames, points].all()
    assert torch.equal(clips.tracks[batch, frames, points], queries[..., 1:])
    return frames


def test_online():
    clips = clips_with_gaps()
    first = clips.visible.long().argmax(1)
    seen = set()
    for seed in range(40):
        frames = on_track(clips, sample_queries(clips, "online", chance(seed)))
        assert torch.equal(frames[:, 2:], first[:, 2:])
        seen |= {(0, int(frame)) for frame in frames[0, :1]}
    assert seen == {(0, int(frame)) for frame in clips.visible[0, :, 0].nonzero()}


def test_offline():
    clips = clips_with_gaps()
    counts = torch.zeros(8, 7)
    for seed in range(60):
        frames = on_track(clips, sample_queries(clips, "offline", chance(seed)))
        counts[torch.arange(8), frames[0]] += 1
    assert torch.equal(counts > 0, clips.visible[0].T)  # every visible frame is taken at some time, no other ever


def test_same_chance_same_queries():
    clips = clips_with_gaps()
    assert torch.equal(sample_queries(clips, "offline", chance(4)), sample_queries(clips, "offline", chance(4)))


def test_first():
    clips = clips_with_gaps()
    assert torch.equal(on_track(clips, first_queries(clips)), clips.visible.long().argmax(1))


def test_labels_that_are_not_valid_are_no_queries():
    clips = clips_with_gaps()
    clips = clips._replace(visible=torch.ones_like(clips.visible), valid=clips.visible)
    assert torch.equal(first_queries(clips)[..., 0].long(), clips.valid.long().argmax(1))


@pytest.mark.parametrize("fault", ["track", "video", "infinite", "far"])
def test_faults_cost_one_clip(fault):
    clips = clips_with_gaps()
    queries = first_queries(clips)
    if fault == "track":
        clips.tracks[1, 3, 2, 0] = torch.nan
    elif fault == "video":
        clips.video[1, 0, 0, 0, 0] = torch.nan
    elif fault == "infinite":
        clips.tracks[1, 3, 2, 0] = torch.inf
    else:
        queries[1, 4, 2] = 1501
    whole, asked = without_faults(clips, queries)
    assert not whole.valid[1].any()
    assert whole.valid[[0, 2]].all()
    assert (asked[1] == 1).all()
    assert torch.equal(asked[[0, 2]], queries[[0, 2]])
    assert all(part.isfinite().all() for part in (whole.video, whole.tracks, asked))


def test_a_point_never_seen_does_not_count():
    clips = clips_with_gaps()
    clips.visible[0, :, 5] = False
    whole, asked = without_faults(clips, first_queries(clips))
    assert float(asked[0, 5, 0]) == 0
    assert not whole.valid[0, :, 5].any()
    assert int(whole.valid.sum()) == 3 * 7 * 8 - 7
