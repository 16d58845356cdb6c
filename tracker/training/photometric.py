"""What cameras and codecs do to clips: light, shadow, defocus, noise, compression. Positions never change."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class PhotometricConfig:
    """How often clips get each effect."""

    light: float = 0.5  # moving soft shadows and spots of light
    exposure: float = 0.5  # drift of brightness and contrast
    defocus: float = 0.25
    noise: float = 0.5
    compression: float = 0.4
    grey: float = 0.06
    vignette: float = 0.15


def degrade(video: Tensor, config: PhotometricConfig, generator: torch.Generator, choice: torch.Generator) -> Tensor:
    """Effects on clips (B, T, 3, H, W) 0..255; ``choice`` (CPU) draws which clips get which."""
    stages = (
        (config.light, _light),
        (config.exposure, _exposure),
        (config.vignette, _vignette),
        (config.defocus, _defocus),
        (config.grey, _grey),
        (config.noise, _noise),
        (config.compression, _compress),
    )
    for probability, stage in stages:
        chosen = (torch.rand(len(video), generator=choice) < probability).nonzero()[:, 0]
        if len(chosen) == len(video):
            video = stage(video, generator)
        elif len(chosen):
            where = chosen.to(video.device)
            video[where] = stage(video[where], generator)
    return video.clamp_(0, 255).round_()


def _uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low


def _light(video: Tensor, generator: torch.Generator) -> Tensor:
    batch, frames, _, height, width = video.shape
    field = torch.randn(batch, 1, 3, 4, 4, generator=generator, device=video.device)
    field = F.interpolate(field, size=(frames, height, width), mode="trilinear", align_corners=True)
    return video * torch.exp(field * _uniform((batch, 1, 1, 1, 1), 0.05, 0.45, generator)).transpose(1, 2)


def _exposure(video: Tensor, generator: torch.Generator) -> Tensor:
    batch, frames = video.shape[:2]
    drift = torch.randn(batch, 2, max(2, frames // 8), generator=generator, device=video.device)
    drift = F.interpolate(drift, size=frames, mode="linear", align_corners=True)[..., None, None, None]
    return (video - 128) * torch.exp(0.15 * drift[:, 0]) + 128 + 15 * drift[:, 1]


def _vignette(video: Tensor, generator: torch.Generator) -> Tensor:
    height, width = video.shape[-2:]
    y = torch.linspace(-1, 1, height, device=video.device)[:, None]
    x = torch.linspace(-1, 1, width, device=video.device)
    return video * (1 - (x * x + y * y) * _uniform((len(video), 1, 1, 1, 1), 0.1, 0.35, generator))


def _defocus(video: Tensor, generator: torch.Generator) -> Tensor:
    sigma = _uniform((len(video), 1), 0.4, 1.6, generator)
    offset = torch.arange(-4, 5, device=video.device)
    kernel = torch.exp(-0.5 * (offset / sigma).square())
    kernel = kernel / kernel.sum(1, keepdim=True)
    return _weighted(_weighted(video, kernel, -1), kernel, -2)


def _weighted(video: Tensor, kernel: Tensor, dim: int) -> Tensor:
    """Every clip convolved along one dimension with its own kernel (B, 9); faster than a grouped convolution."""
    size, reach = video.shape[dim], kernel.shape[1] // 2
    padding = (reach, reach, 0, 0) if dim == -1 else (0, 0, reach, reach)
    padded = F.pad(video.flatten(0, 1), padding, mode="replicate").unflatten(0, video.shape[:2])
    total = torch.zeros_like(video)
    for tap, weight in enumerate(kernel.T):
        total.addcmul_(padded.narrow(dim, tap, size), weight.view(-1, 1, 1, 1, 1))
    return total


def _grey(video: Tensor, generator: torch.Generator) -> Tensor:
    return video.mean(2, keepdim=True).repeat(1, 1, 3, 1, 1)


def _noise(video: Tensor, generator: torch.Generator) -> Tensor:
    strength = _uniform((len(video), 1, 1, 1, 1), 1, 10, generator)
    return torch.randn(video.shape, generator=generator, device=video.device).mul_(strength).add_(video)


def _compress(video: Tensor, generator: torch.Generator) -> Tensor:
    """Blocks of 8 x 8 cosine coefficients, rounded the more coarsely the finer they are, colour above all."""
    height, width = video.shape[-2:]
    step = torch.exp(_uniform((len(video), 1, 1, 1, 1, 1, 1), math.log(4), math.log(30), generator))
    padded = F.pad(video.flatten(0, 1), (0, -width % 8, 0, -height % 8), mode="replicate").view(
        *video.shape[:3], height + -height % 8, width + -width % 8
    )
    to_opponent = torch.tensor(
        [[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], device=video.device
    )
    planes = torch.einsum("ij,btjhw->btihw", to_opponent, padded)
    order = torch.arange(8, device=video.device, dtype=torch.float32)
    basis = torch.cos(math.pi / 8 * (order + 0.5) * order[:, None]) / 2
    basis[0] /= math.sqrt(2)
    blocks = planes.unflatten(3, (-1, 8)).unflatten(5, (-1, 8)).transpose(4, 5)  # (B, T, 3, rows, columns, 8, 8)
    coefficients = basis @ blocks @ basis.T
    colour = torch.tensor([1.0, 2.0, 2.0], device=video.device).view(3, 1, 1, 1, 1)
    table = step * colour * (1 + 0.4 * (order + order[:, None]))
    coefficients = (coefficients / table).round_() * table
    blocks = basis.T @ coefficients @ basis
    planes = blocks.transpose(4, 5).flatten(5, 6).flatten(3, 4)
    restored = torch.einsum("ij,btjhw->btihw", torch.linalg.inv(to_opponent), planes)
    return restored[..., :height, :width]
