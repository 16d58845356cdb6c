"""LocoTrack (Cho et al., "Local All-Pair Correspondence for Point Tracking", 2024).

TAPIR's plan with other parts: the first guess is made from the costs of two feature maps; refinement correlates a 7x7
patch round the guess with a 7x7 patch round the query, all pairs, on three maps, and a small transformer looks at all
frames of a point. Points do not depend on one another.

Inside, positions are as in `tracker.models.tapnet`.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tracker.models.embedding import FOURIER_SCALES, displacements, fourier_embedding
from tracker.models.tapnet import (
    CHANNELS,
    RADIUS,
    Ask,
    ClipFeatures,
    ClipNetwork,
    FeatureGrid,
    Guess,
    ResNet,
    SameConv2d,
    Size,
    correlate_patches,
    place_queries,
    refinement_resolutions,
    sample_volume,
    scaled,
    soft_argmax,
)

SIDE = 2 * RADIUS + 1
HIGH, LOW, HIGHEST = range(3)  # the levels of a grid, in the order in which they are correlated
HEAD_WIDTH = 64
SLOPE_BASE = 24.0
LAYERS = 3
CORRELATION = 2 * 128  # values that a level's correlations are made into
UNREAD = 384  # further outputs of the mixer that no part of the published network reads; they have weights


class Layout(NamedTuple):
    """What the sizes differ in."""

    heads: int
    stages: tuple[tuple[int, int, int], ...]  # of the correlation encoder: channels, kernel, stride


LAYOUTS = {
    "small": Layout(4, ((64, 5, 4), (128, 2, 2))),
    "base": Layout(6, ((64, 3, 2), (128, 3, 2), (128, 2, 2))),
}


@dataclass(frozen=True)
class LocoTrackConfig:
    """The published networks are the two sizes with the other fields as they are."""

    size: Literal["small", "base"] = "base"
    resolution: Size = (256, 256)  # (height, width) of the first guess, and the unit of positions
    iterations: int = 4
    channels: tuple[int, int, int, int] = CHANNELS  # of the image features; fewer for tests and experiments


class CorrelationEncoder(nn.Module):
    """All products of two 7x7 patches -> 256 values: seen from the one patch, and from the other."""

    def __init__(self, stages: tuple[tuple[int, int, int], ...]) -> None:
        super().__init__()
        layers, inputs = [], SIDE**2
        for outputs, kernel, stride in stages:
            convolution = SameConv2d(inputs, outputs, kernel, stride=stride)
            layers.append(nn.Sequential(convolution, nn.GroupNorm(outputs // 16, outputs), nn.ReLU()))
            inputs = outputs
        self.conv = nn.Sequential(*layers)

    def forward(self, products: Tensor) -> Tensor:
        """(M, 7, 7, 7, 7), y, x round the guess, then y, x round the query -> (M, 256)."""
        there = products.flatten(1, 2)  # the positions round the guess are channels
        back = products.flatten(3, 4).permute(0, 3, 1, 2)  # those round the query
        return torch.cat([self.conv(images).mean((-2, -1)) for images in (back, there)], dim=-1)


class Attention(nn.Module):
    """Over the frames of a point. Half of the heads see the past, half the future, and near frames better than far."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_proj = nn.Linear(width, width)
        self.key_proj = nn.Linear(width, width)
        self.value_proj = nn.Linear(width, width)
        self.final_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """(M, T, width) and a (heads, T, T) bias -> (M, T, width)."""
        parts = (self.query_proj(x), self.key_proj(x), self.value_proj(x))
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias[None])
        return self.final_proj(found.transpose(1, 2).flatten(-2))


def distance_bias(length: int, heads: int, device: torch.device) -> Tensor:
    """(heads, T, T) by frame that asks and frame that is asked: minus infinity where a head does not look."""
    times = torch.arange(length, device=device, dtype=torch.float32)
    ago = times[:, None] - times
    half = heads // 2
    slopes = SLOPE_BASE ** (-torch.arange(1, half + 1, device=device) / half)
    past = (-slopes[:, None, None] * ago).masked_fill(ago < 0, -torch.inf)
    return torch.cat([past, past.transpose(1, 2)])


class Layer(nn.Module):
    """Attention and a feed-forward part, each on normalised input and added to it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.layer_norm1 = nn.LayerNorm(width)
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = x + self.attn(self.layer_norm1(x), bias)
        return x + self.dense(self.layer_norm2(x))


class Transformer(nn.Module):
    """The layers and the norm after them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(LAYERS))
        self.ln_out = nn.LayerNorm(width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x, bias)
        return self.ln_out(x)


class Mixer(nn.Module):
    """What every refinement iteration asks for new positions and logits."""

    def __init__(self, inputs: int, outputs: int, heads: int) -> None:
        super().__init__()
        self.heads, width = heads, heads * HEAD_WIDTH
        self.transformer = Transformer(width, heads)
        self.input_proj = nn.Linear(inputs, width)
        self.output_proj = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(M, T, inputs) -> (M, T, outputs), for any T."""
        bias = distance_bias(x.shape[1], self.heads, x.device).to(x.dtype)
        return self.output_proj(self.transformer(self.input_proj(x), bias))


class LocoTrack(ClipNetwork):
    """The network. The levels of a feature grid are 1/4, 1/8 and 1/2 of its resolution."""

    config: LocoTrackConfig

    def __init__(self, config: LocoTrackConfig) -> None:
        super().__init__()
        self.config = config
        layout = LAYOUTS[config.size]
        self.resnet_torch = ResNet(config.channels)
        inputs = 2 + 3 * CORRELATION + 4 + 2 * 4 * FOURIER_SCALES
        self.torch_pips_mixer = Mixer(inputs, 4 + UNREAD, layout.heads)
        self.cmdtop = nn.ModuleList(CorrelationEncoder(layout.stages) for _ in range(3))
        self.cost_conv = SameConv2d(2, 1, 3)
        self.occ_linear = nn.Linear(6, 2)

    def resolutions(self, size: Size) -> list[Size]:
        """The configured one for the first guess, and the one that is refined on, which may be the same."""
        return [self.config.resolution, refinement_resolutions(size, self.config.resolution)[-1]]

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """See `ClipNetwork`."""
        highest, high, _, low = self.resnet_torch(images)
        return [high, low, highest]

    def track_piece(self, features: ClipFeatures, queries: Tensor, iters: int, ask: Ask | None) -> list[Guess]:
        """See `ClipNetwork`."""
        first, grid = features.grids
        guess = self._first_guess(first, self.supports(first, queries, 0))
        stages = [guess._replace(tracks=place_queries(guess.tracks, queries))]
        supports = [support.flatten(2, 3)[:, :, None] for support in self.supports(grid, queries)]
        for _ in range(iters):
            if ask is not None:
                ask()
            stages.append(self._refine(grid, stages[-1], supports))
        return stages

    def settle(self, stages: list[Guess], iters: int | None = None) -> Guess:
        """The last stage."""
        return stages[-1]

    def supports(self, grid: FeatureGrid, queries: Tensor, radius: int = RADIUS) -> list[Tensor]:
        """(B, N, K, K, C) of each level round `queries` (B, N, 3) in the network's pixels, with K = 2 * radius + 1."""
        times, places = queries[..., 0], queries[..., 1:]
        return [sample_volume(level, times, self._in_cells(places, level), radius) for level in grid.levels]

    def _first_guess(self, grid: FeatureGrid, vectors: list[Tensor]) -> Guess:
        """Each frame searched on its own. `vectors` are (B, N, 1, 1, C)."""
        low, high = (
            torch.einsum("bnc,bthwc->bnthw", vectors[level][:, :, 0, 0], grid.levels[level]) for level in (LOW, HIGH)
        )
        shape, size = high.shape[:3], (high.shape[3], high.shape[4])
        low = F.interpolate(low.flatten(0, 1), size, mode="bilinear", align_corners=False)
        costs = torch.stack([low.flatten(0, 1), high.flatten(0, 2)], dim=1)  # (M, 2, h, w)
        tracks = scaled(soft_argmax(self.cost_conv(costs)[:, 0]), size, self.config.resolution)
        logits = self.occ_linear(torch.cat([costs.mean((-2, -1)), costs.amax((-2, -1)), costs.amin((-2, -1))], dim=-1))
        occlusion, expected_dist = logits.unflatten(0, shape).unbind(-1)
        return Guess(tracks.unflatten(0, shape), occlusion, expected_dist)

    def _refine(self, grid: FeatureGrid, guess: Guess, supports: list[Tensor]) -> Guess:
        """One iteration. `supports` are (B, N, 1, 49, C)."""
        shape = guess.occlusion.shape
        values = [torch.stack([guess.occlusion, guess.expected_dist], dim=-1)]
        for level, support, encoder in zip(grid.levels, supports, self.cmdtop, strict=True):
            products = correlate_patches(level, support, self._in_cells(guess.tracks, level))
            products = products.flatten(0, 2).unflatten(-1, (SIDE, SIDE))
            values.append(encoder(products).unflatten(0, shape))
        values.append(fourier_embedding(self._displacements(grid, guess.tracks)))
        update = self.torch_pips_mixer(torch.cat(values, dim=-1).flatten(0, 1)).unflatten(0, shape[:2])
        step, occlusion, expected_dist, _ = update.split([2, 1, 1, UNREAD], dim=-1)
        return Guess(
            guess.tracks + scaled(step, grid.resolution, self.config.resolution),
            guess.occlusion + occlusion[..., 0],
            guess.expected_dist + expected_dist[..., 0],
        )

    def _displacements(self, grid: FeatureGrid, tracks: Tensor) -> Tensor:
        """(B, N, T, 4) from the next frame and from the one before, as a share of the configured resolution."""
        height, width = self.config.resolution
        steps = displacements(scaled(tracks, self.config.resolution, grid.resolution))
        return steps / steps.new_tensor([width, height, width, height])

    def _in_cells(self, points: Tensor, level: Tensor) -> Tensor:
        return scaled(points, self.config.resolution, (level.shape[2], level.shape[3]))
