"""Procedural textures, silhouettes and what cameras do to clips."""

import dataclasses

import pytest
import torch

from tracker.training.photometric import PhotometricConfig, degrade
from tracker.training.textures import PROCEDURAL, procedural, silhouettes

NONE = PhotometricConfig(**{field.name: 0.0 for field in dataclasses.fields(PhotometricConfig)})


@pytest.mark.parametrize("kind", range(len(PROCEDURAL)), ids=[maker.__name__ for maker in PROCEDURAL])
def test_every_texture_is_in_range_and_differs_from_the_next(kind: int) -> None:
    made = procedural(2, 48, torch.Generator().manual_seed(0), [kind, kind])
    assert made.shape == (2, 3, 48, 48)
    assert made.min() >= 0
    assert made.max() <= 1
    assert (made[0] - made[1]).abs().mean() > 0.01
    assert made[0].std() > 0.003


def test_kinds_are_put_in_the_order_asked_for() -> None:
    plain = [maker.__name__ for maker in PROCEDURAL].index("_plain")
    grain = [maker.__name__ for maker in PROCEDURAL].index("_grain")
    made = procedural(3, 64, torch.Generator().manual_seed(1), [plain, grain, plain])
    rough = (made[..., 1:] - made[..., :-1]).abs().mean((1, 2, 3))
    assert rough[1] > 2 * rough[0]
    assert rough[1] > 2 * rough[2]


def test_silhouettes_have_a_surface_and_a_clear_border() -> None:
    alpha = silhouettes(60, 64, torch.Generator().manual_seed(2))
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert (alpha > 0.9).float().mean((1, 2)).min() > 0.02
    border = torch.cat([alpha[:, 0], alpha[:, -1], alpha[:, :, 0], alpha[:, :, -1]])
    assert border.max() == 0


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("effect", [field.name for field in dataclasses.fields(PhotometricConfig)])
def test_every_effect_changes_clips_within_the_range(effect: str, batch: int) -> None:
    video = torch.rand(batch, 4, 3, 22, 30, generator=torch.Generator().manual_seed(3)) * 255
    config = dataclasses.replace(NONE, **{effect: 1.0})
    made = degrade(video.clone(), config, torch.Generator(), torch.Generator())
    assert made.shape == video.shape
    assert made.min() >= 0
    assert made.max() <= 255
    assert (made - video).abs().mean() > 0.5


def test_without_effects_only_rounding_is_left() -> None:
    video = torch.rand(1, 2, 3, 16, 16) * 255
    assert torch.equal(degrade(video.clone(), NONE, torch.Generator(), torch.Generator()), video.round())


def test_compression_keeps_flat_colours_and_places() -> None:
    video = torch.zeros(1, 1, 3, 32, 32)
    video[..., 11:22, 9:20] = 200
    made = degrade(video.clone(), dataclasses.replace(NONE, compression=1.0), torch.Generator(), torch.Generator())
    assert (made - video).abs().mean() < 25
    x = torch.arange(32.0)
    for dim in (-1, -2):
        before, after = (((v.sum((0, 1, 2)).sum(dim)) * x).sum() / v.sum() for v in (video, made))
        assert (before - after).abs() < 0.5
