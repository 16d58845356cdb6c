"""Local 4-D correlation (LocoTrack, Cho et al. 2024) as CoTracker3 uses it: a 7x7 patch against a 7x7 template.

The straightforward way samples 49 feature vectors per point, frame and level by bilinear interpolation. All 49 share
one fractional offset, so here the 8x8 whole-pixel neighbourhood is gathered, multiplied with the template, and only
the small products are interpolated. That is the same number, because both steps are linear, for a sixth of the time.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

TOKENS_IN_CPU_CACHE = (
    64  # points x frames gathered at once on a CPU: more leave its caches and take up to twice as long
)


def build_pyramid(features: Tensor, levels: int) -> list[Tensor]:
    """(B, T, h, w, C) -> `levels` maps, each a 2x2 average of the one before (odd sizes are floored)."""
    pyramid = [features]
    for _ in range(levels - 1):
        images = pyramid[-1].flatten(0, 1).permute(0, 3, 1, 2)  # a view in channels-last memory
        pooled = F.avg_pool2d(images, 2).permute(0, 2, 3, 1).contiguous()
        pyramid.append(pooled.unflatten(0, features.shape[:2]))
    return pyramid


def gather_neighbourhoods(level: Tensor, frames: Tensor, centres: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """The whole-pixel neighbourhoods that the samples at `centres` + (-radius..radius) are interpolated from.

    Args:
        level: (B, T, h, w, C) contiguous feature maps.
        frames: (P,) indices into the B * T maps.
        centres: (P, 2) x, y in pixels of these maps; places outside read the border pixel.

    Returns:
        (P, K, K, C) vectors with K = 2 * radius + 2, the first axis x; and (P, 2) fractions of a pixel.
    """
    height, width, channels = level.shape[2:]
    # Beyond this distance every sample is a border pixel: clamping changes nothing and keeps the integers small.
    reach = centres.new_tensor([width + radius, height + radius])
    centres = torch.minimum(centres.clamp_min(-radius - 1.0), reach)
    corner = centres.floor()
    offsets = torch.arange(-radius, radius + 2, device=level.device)
    x = (corner[:, 0].long()[:, None] + offsets).clamp(0, width - 1)  # (P, K)
    y = (corner[:, 1].long()[:, None] + offsets).clamp(0, height - 1)
    rows = (frames * (height * width))[:, None, None] + y[:, None, :] * width + x[:, :, None]
    vectors = level.reshape(-1, channels).index_select(0, rows.flatten())
    return vectors.view(*rows.shape, channels), centres - corner


def interpolate_neighbourhoods(values: Tensor, fractions: Tensor) -> Tensor:
    """(P, K, K, D) values at whole pixels, (P, 2) fractions -> (P, K-1, K-1, D) bilinear values."""
    x, y = fractions.to(values.dtype)[:, :, None, None, None].unbind(1)
    values = torch.lerp(values[:, :-1], values[:, 1:], x)
    return torch.lerp(values[:, :, :-1], values[:, :, 1:], y)


def sample_templates(level: Tensor, frames: Tensor, centres: Tensor, radius: int) -> Tensor:
    """The patch around each query point.

    Args:
        level: (B, T, h, w, C).
        frames: (B, N) integer frame of each query point, in 0..T-1.
        centres: (B, N, 2) x, y in pixels of this level.

    Returns:
        (B, N, (2 * radius + 1)**2, C); the positions run over x slowly and over y fast.
    """
    batch, count = frames.shape
    maps = frames + torch.arange(batch, device=frames.device)[:, None] * level.shape[1]
    vectors, fractions = gather_neighbourhoods(level, maps.flatten(), centres.flatten(0, 1), radius)
    return interpolate_neighbourhoods(vectors, fractions).reshape(batch, count, -1, level.shape[-1])


def correlate(level: Tensor, templates: Tensor, centres: Tensor, radius: int) -> Tensor:
    """Products of every vector of the patch around `centres` with every vector of the template.

    Args:
        level: (B, T, h, w, C).
        templates: (B, N, Q, C) with Q = (2 * radius + 1)**2.
        centres: (B, N, T, 2) x, y in pixels of this level, one for every frame.

    Returns:
        (B, N, T, Q * Q): the position in the frame is slow, the position in the template fast.
    """
    count, length = centres.shape[1:3]
    if level.device.type != "cpu" or count * length <= TOKENS_IN_CPU_CACHE:
        return _correlate(level, templates, centres, radius)
    size = max(1, TOKENS_IN_CPU_CACHE // length)
    pieces = zip(templates.split(size, 1), centres.split(size, 1), strict=True)
    return torch.cat([_correlate(level, *piece, radius) for piece in pieces], dim=1)


def _correlate(level: Tensor, templates: Tensor, centres: Tensor, radius: int) -> Tensor:
    batch, count, length = centres.shape[:3]
    side = 2 * radius + 2
    maps = torch.arange(batch * length, device=level.device).view(batch, 1, length).expand(batch, count, length)
    vectors, fractions = gather_neighbourhoods(level, maps.flatten(), centres.flatten(0, 2), radius)
    products = torch.bmm(
        vectors.view(batch * count, length * side * side, -1), templates.flatten(0, 1).transpose(1, 2)
    )  # (B*N, T*K*K, Q)
    products = products.view(batch * count * length, side, side, -1)
    return interpolate_neighbourhoods(products, fractions).reshape(batch, count, length, -1)
