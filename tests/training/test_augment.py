"""Augmentations: what happens to the picture happens to the tracks."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.training.augment import (
    Augmentation,
    augment,
    blur,
    erase,
    flip,
    inside,
    jitter_colour,
    move,
    random_crop,
    resample,
)
from tracker.training.samples import Clips

NOTHING = Augmentation(crop=(48, 64), eraser=0, jitter=0, blur=0, spatial=0, flip_horizontal=0, flip_vertical=0)
SMALL = Augmentation(crop=(64, 80), eraser_side=(2, 20), padding=8, offset_drift=5)
SIGMA, REACH = 2.0, 12

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=15, deadline=None)


def chance(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(seed: int, batch: int = 2, frames: int = 4, points: int = 9, size: tuple[int, int] = (48, 64)) -> Clips:
    generator = chance(seed)
    video = torch.rand((batch, frames, 3, *size), generator=generator) * 255
    extent = torch.tensor([size[1] - 1, size[0] - 1])
    tracks = torch.rand((batch, frames, points, 2), generator=generator) * extent
    valid = torch.rand((batch, frames, points), generator=generator) < 0.9
    return Clips(video, tracks, valid & (torch.rand(valid.shape, generator=generator) < 0.7), valid)


def dots(seed: int, frames: int = 6, size: tuple[int, int] = (80, 104)) -> Clips:
    """Black clips with one soft dot that jumps about, and its track."""
    height, width = size
    tracks = torch.rand((2, frames, 1, 2), generator=chance(seed)) * torch.tensor([width - 1, height - 1])
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    apart = (x - tracks[..., 0, 0, None, None]) ** 2 + (y - tracks[..., 0, 1, None, None]) ** 2
    video = 255 * torch.exp(-apart / (2 * SIGMA**2))[:, :, None].expand(-1, -1, 3, -1, -1)
    here = torch.ones((2, frames, 1), dtype=torch.bool)
    return Clips(video, tracks, here, here)


def is_whole(clips: Clips) -> torch.Tensor:
    """(B, T): the dot lies in the frame with all its light."""
    height, width = clips.video.shape[-2:]
    return inside(clips.tracks[:, :, 0] - REACH, (height - 2 * REACH, width - 2 * REACH))


def assert_on_dots(clips: Clips, compared: torch.Tensor) -> None:
    """The dots' centres of mass are where the tracks say, to 0.1 px."""
    height, width = clips.video.shape[-2:]
    light = clips.video.mean(2).double()
    total = light.sum((-2, -1)).clamp(min=1e-9)
    x = (light.sum(-2) * torch.arange(width)).sum(-1) / total
    y = (light.sum(-1) * torch.arange(height)).sum(-1) / total
    off = (torch.stack([x, y], -1) - clips.tracks[:, :, 0])[compared].abs()
    assert (off < 0.1).all(), off.max()


@few
@given(seeds)
def test_padding_scale_and_crop_keep_the_track_on_its_dot(seed: int) -> None:
    before = dots(seed)
    after = move(before, SMALL, chance(seed + 1))
    assert after.video.shape == (2, 6, 3, 64, 80)
    assert_on_dots(after, is_whole(before) & is_whole(after))


def test_most_moved_dots_can_be_compared() -> None:
    compared = sum(int((is_whole(dots(n)) & is_whole(move(dots(n), SMALL, chance(n)))).sum()) for n in range(5))
    assert compared > 12  # of 60


@few
@given(seeds)
def test_flips_keep_the_track_on_its_dot(seed: int) -> None:
    before = dots(seed)
    after = flip(before, torch.tensor([0, 1]), torch.tensor([1]))
    assert not torch.equal(after.tracks, before.tracks)
    assert_on_dots(after, is_whole(before))


@few
@given(seeds)
def test_a_crop_keeps_the_track_on_its_dot(seed: int) -> None:
    before = dots(seed)
    after = random_crop(before, (64, 80), chance(seed))
    assert_on_dots(after, is_whole(before) & is_whole(after))


@few
@given(seeds)
def test_all_moves_and_blur_keep_the_track_on_its_dot(seed: int) -> None:
    before = dots(seed)
    after = augment(before, replace(SMALL, eraser=0, jitter=0, blur=1), chance(seed))
    assert_on_dots(after, is_whole(before) & is_whole(after))


@few
@given(seeds)
def test_two_flips_are_none(seed: int) -> None:
    clips = noise(seed)
    for horizontal, vertical in (([0], [1]), ([0, 1], []), ([1], [0, 1])):
        rows = torch.tensor(horizontal), torch.tensor(vertical, dtype=torch.int64)
        twice = flip(flip(clips, *rows), *rows)
        torch.testing.assert_close(twice.tracks, clips.tracks, rtol=0, atol=1e-5)
        assert torch.equal(twice.video, clips.video)
        assert torch.equal(twice.visible, clips.visible)


@few
@given(seeds)
def test_nothing_happens_at_probability_zero(seed: int) -> None:
    clips = noise(seed)
    after = augment(clips, NOTHING, chance(seed))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(after[:4], clips[:4], strict=True))


@few
@given(seeds)
def test_the_input_stays_and_the_seed_decides(seed: int) -> None:
    clips = noise(seed, size=(80, 104))
    kept = Clips._make(None if part is None else part.clone() for part in clips)
    sure = replace(SMALL, jitter=1, blur=1)
    once, again = augment(clips, sure, chance(seed)), augment(clips, sure, chance(seed))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(clips[:4], kept[:4], strict=True))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(once[:4], again[:4], strict=True))
    assert once.video.shape == (2, 4, 3, 64, 80)
    assert once.video.isfinite().all()
    assert once.tracks.isfinite().all()
    assert not (once.visible & ~clips.visible).any()
    assert inside(once.tracks, (64, 80))[once.visible].all()


@few
@given(seeds)
def test_the_eraser_hides_exactly_the_points_under_it(seed: int) -> None:
    clips = noise(seed, points=200)
    after = erase(clips, replace(SMALL, eraser=1), chance(seed))
    assert torch.equal(after.video[:, 0], clips.video[:, 0])
    painted = (after.video != clips.video).any(2)  # noise differs from its mean nearly surely
    x, y = (clips.tracks + 0.5).floor().long().unbind(-1)
    batch, frame = torch.meshgrid(torch.arange(2), torch.arange(4), indexing="ij")
    under = painted[batch[..., None], frame[..., None], y, x]
    assert torch.equal(after.visible, clips.visible & ~under)
    assert torch.equal(after.tracks, clips.tracks)
    assert painted[:, 1:].any((-2, -1)).all()


def test_a_lone_rectangle_has_its_mean_colour() -> None:
    clips = noise(3, batch=1, frames=2)
    after = erase(clips, replace(SMALL, eraser=1, eraser_count=(1, 1), eraser_side=(9, 9)), chance(0))
    painted = (after.video != clips.video).any(2)[0, 1]
    assert 0 < painted.sum() <= 81
    mean = clips.video[0, 1][:, painted].mean(1)
    torch.testing.assert_close(after.video[0, 1][:, painted], mean[:, None].expand(-1, int(painted.sum())))


def test_colour_jitter_keeps_greys_grey_and_changes_each_frame() -> None:
    grey = torch.full((2, 3, 3, 8, 8), 100.0)
    after = jitter_colour(grey, replace(NOTHING, jitter=1), chance(0))
    torch.testing.assert_close(after, after[:, :, :1].expand_as(after), rtol=0, atol=0.05)
    brightness = after.mean((2, 3, 4)).flatten()
    assert len(brightness.unique()) == 6
    assert ((brightness > 79.9) & (brightness < 120.1)).all()


def test_each_strength_does_its_part() -> None:
    video = noise(4).video * 0.4 + 75  # away from 0 and 255, where colours are cut off
    luma = torch.tensor([0.299, 0.587, 0.114])
    only = replace(NOTHING, jitter=1, brightness=0, contrast=0, saturation=0, hue=0)

    def brightness_of(pictures: torch.Tensor) -> torch.Tensor:
        return torch.einsum("c,btchw->bthw", luma, pictures)

    torch.testing.assert_close(jitter_colour(video, only, chance(1)), video, rtol=0, atol=0.05)
    for config in (replace(only, hue=0.08), replace(only, saturation=0.2)):
        after = jitter_colour(video, config, chance(1))
        assert (after - video).abs().mean() > 1
        torch.testing.assert_close(brightness_of(after), brightness_of(video), rtol=0, atol=0.1)
    contrast = jitter_colour(video, replace(only, contrast=0.2), chance(1))
    means = brightness_of(contrast).mean((-2, -1)), brightness_of(video).mean((-2, -1))
    torch.testing.assert_close(*means, rtol=0, atol=0.1)
    ratio = contrast.std((-2, -1)) / video.std((-2, -1))
    assert (ratio.amax(2) - ratio.amin(2) < 1e-3).all()
    assert ((ratio - 1).abs() < 0.21).all()
    assert ((ratio - 1).abs() > 1e-4).all()


def test_blur_spreads_a_point_by_its_sigma() -> None:
    video = torch.zeros((1, 3, 3, 31, 31))
    video[..., 15, 15] = 100.0
    after = blur(video, replace(NOTHING, blur=1, blur_sigma=(1.5, 1.5)), chance(0))
    torch.testing.assert_close(after.sum((-2, -1)), torch.full((1, 3, 3), 100.0))
    place = torch.arange(31) - 15
    variance = (after.sum(-2) * place**2).sum(-1) / 100
    assert ((variance > 2.1) & (variance < 2.26)).all()  # 1.5² less the tails that 11 taps cut off


def test_a_known_scale_and_shift() -> None:
    clips = noise(5, batch=1, frames=1)
    factor, shift = torch.tensor([[[2.0, 1.0]]]), torch.tensor([[[-10.0, 4.0]]])
    after = resample(clips, factor, shift, (48, 64))
    torch.testing.assert_close(after.video[0, 0, :, 4:, 0::2], clips.video[0, 0, :, :-4, 5:37], rtol=0, atol=0.05)
    assert (after.video[0, 0, :, :3] == 0).all()
    torch.testing.assert_close(after.tracks, clips.tracks * factor + shift)
    x, y = after.tracks.unbind(-1)
    assert torch.equal(after.visible, clips.visible & (x >= 0) & (x <= 63) & (y >= 0) & (y <= 47))
    assert (clips.visible & ~after.visible).any()


def test_the_crop_follows_the_points_seen_first() -> None:
    clips = noise(6, batch=1, points=1, size=(100, 100))
    clips.tracks[0, 0, 0] = torch.tensor([70.0, 30.0])
    clips.visible[0, 0, 0] = clips.valid[0, 0, 0] = True
    calm = replace(SMALL, crop=(20, 20), padding=0, scale=(1, 1), scale_drift=0, offset_drift=0)
    after = move(clips, calm, chance(0))
    torch.testing.assert_close(after.tracks[0, 0, 0], torch.tensor([9.5, 9.5]), rtol=0, atol=0.51)
    torch.testing.assert_close(after.tracks - after.tracks[:, :1], clips.tracks - clips.tracks[:, :1])


def test_a_frame_smaller_than_the_crop_is_scaled_up_or_refused() -> None:
    clips = noise(7, size=(32, 32))
    assert move(clips, SMALL, chance(0)).video.shape[-2:] == (64, 80)
    with pytest.raises(ValueError, match="32 × 32 pixels are smaller than the crop, 80 × 64"):
        move(clips, replace(SMALL, spatial=0), chance(0))
