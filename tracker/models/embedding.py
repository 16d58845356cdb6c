"""Numbers as waves: displacements and time, as the transformer is given them."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

FOURIER_SCALES = 10  # displacements are embedded at scales 1, 2, 4 .. 512


def displacements(coords: Tensor) -> Tensor:
    """(B, N, T, 2) -> (B, N, T, 4): from the next frame, and from the frame before; zero beyond the ends."""
    steps = coords[:, :, 1:] - coords[:, :, :-1]
    return torch.cat([F.pad(-steps, (0, 0, 0, 1)), F.pad(steps, (0, 0, 1, 0))], dim=-1)


def fourier_embedding(values: Tensor) -> Tensor:
    """(..., D) -> (..., D + 2 * D * scales): the values, their sines, then their cosines, scale by scale."""
    scales = 2.0 ** torch.arange(FOURIER_SCALES, device=values.device, dtype=values.dtype)
    scaled = (values[..., None, :] * scales[:, None]).flatten(-2)
    return torch.cat([values, scaled.sin(), (scaled + math.pi / 2).sin()], dim=-1)


def frequency_ladder(values: Tensor, channels: int) -> Tensor:
    """(..., D) -> (..., D * (1 + channels)): the values, then for each of them `channels` sines and cosines in turn.

    Frequencies are the multiples of 2000 / channels from 0 to just below 1000, as in CoTracker2.
    """
    frequencies = torch.arange(0, channels, 2, device=values.device, dtype=values.dtype) * (1000 / channels)
    angles = values[..., None] * frequencies
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1)  # (..., D, channels / 2, 2)
    return torch.cat([values, waves.flatten(-3)], dim=-1)


def time_embedding(length: int, channels: int) -> Tensor:
    """(1, length, channels): sines, then cosines, of the frame number at falling frequencies."""
    half = channels // 2
    # On the CPU also where models are made on the meta device, on which `arange` loads the compiler for a second.
    frequencies = 10000.0 ** -(torch.arange(half, dtype=torch.float64, device="cpu") / half)
    angles = torch.arange(length, dtype=torch.float64, device="cpu")[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()[None]


def position_embedding(height: int, width: int, channels: int) -> Tensor:
    """(1, channels, height, width): half of the channels are the `time_embedding` of x, the other half that of y."""
    x, y = (time_embedding(size, channels // 2)[0].T for size in (width, height))
    return torch.cat([x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)])[None]
