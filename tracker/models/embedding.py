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


def time_embedding(length: int, channels: int) -> Tensor:
    """(1, length, channels): sines, then cosines, of the frame number at falling frequencies."""
    half = channels // 2
    # On the CPU also where models are made on the meta device, on which `arange` loads the compiler for a second.
    frequencies = 10000.0 ** -(torch.arange(half, dtype=torch.float64, device="cpu") / half)
    angles = torch.arange(length, dtype=torch.float64, device="cpu")[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1).float()[None]
