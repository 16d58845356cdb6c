"""TAPIR (Doersch et al., "TAPIR: Tracking Any Point with per-frame Initialization and temporal Refinement", 2023).

Every frame is searched for the point on its own: features of the whole frame are compared with those at the query, and
a small network reads off where the point is most likely and whether it is hidden. Then all frames of a point are
refined together, a few times over: correlate a patch round the present guess with the query's features, let a temporal
convolutional mixer look at all frames, move the guess. Points do not depend on one another.

BootsTAPIR (Doersch et al. 2024) is the same network with more of it, trained on real video too. The causal variant
looks only at the past and runs frame by frame with the last rows of its convolutions as state.

Inside, positions are as in `tracker.models.tapnet`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tracker.models.correlation import build_pyramid
from tracker.models.tapir_mixer import PAST, Mixer, Past
from tracker.models.tapnet import (
    CHANNELS,
    RADIUS,
    Ask,
    ClipFeatures,
    ClipNetwork,
    FeatureGrid,
    Guess,
    ResNet,
    Size,
    correlate_patches,
    join_guesses,
    place_queries,
    points_at_once,
    refinement_resolutions,
    sample_volume,
    scaled,
    soft_argmax,
    to_network,
    to_video,
)

PATCH = (2 * RADIUS + 1) ** 2


@dataclass(frozen=True)
class TapirConfig:
    """TAPIR by default; BootsTAPIR has `pyramid_level` 1 and `extra_convs`, its online form is `causal` too."""

    pyramid_level: int = 0  # coarser levels of the low-resolution features that are correlated
    extra_convs: bool = False  # further convolutions on the low-resolution features
    causal: bool = False  # the mixer sees no later frames; weights have the same keys
    resolution: Size = (256, 256)  # (height, width) of the first guess, and the unit of positions
    iterations: int = 4
    # The published code divides x by the height of a grid that it samples. It matters where videos larger than
    # `resolution` are not square, and only helps to compare numbers with that code.
    square_sampling: bool = False
    # Smaller than the published networks for tests and experiments.
    channels: tuple[int, int, int, int] = CHANNELS
    mixer_width: int = 512
    mixer_blocks: int = 12

    @property
    def high(self) -> int:
        """Channels at 1/4 of the resolution."""
        return self.channels[1]

    @property
    def low(self) -> int:
        """Channels at 1/8 of the resolution."""
        return self.channels[3]

    @property
    def levels(self) -> int:
        """Feature maps that are correlated."""
        return self.pyramid_level + 2


QueryFeatures = tuple[Tensor, ...]  # for every grid (B, N, high + low) features at the queries


class CausalState(NamedTuple):
    """The last two inputs of every temporal convolution: I iterations, K blocks. Zeros are a point's beginning."""

    narrow: Tensor  # (B, N, I, K, 2, width)
    wide: Tensor  # (B, N, I, K, 2, 4 * width)

    def select(self, rows: slice | Tensor) -> "CausalState":
        """Those of some points."""
        return CausalState(self.narrow[:, rows], self.wide[:, rows])


def join_states(states: list[CausalState]) -> CausalState:
    """The state of all points from those of pieces of them."""
    return CausalState(*(torch.cat(parts, dim=1) for parts in zip(*states, strict=True)))


def _to_state(kept: list[Past], batch: int, points: int) -> CausalState:
    """From what every iteration kept, (B * N, K, ...) each."""
    return CausalState(*(torch.stack(parts, dim=1).unflatten(0, (batch, points)) for parts in zip(*kept, strict=True)))


# -- parts


class CostHeads(nn.Module):
    """Reads where a point is, and whether it is hidden, off the costs of one frame."""

    def __init__(self) -> None:
        super().__init__()
        self.hid1 = nn.Conv2d(1, 16, 3, padding=1)
        self.hid2 = nn.Conv2d(16, 1, 3, padding=1)
        self.hid3 = nn.Conv2d(16, 32, 3, stride=2)
        self.hid4 = nn.Linear(32, 16)
        self.occ_out = nn.Linear(16, 2)

    def forward(self, costs: Tensor) -> tuple[Tensor, Tensor]:
        """(M, h, w) -> (M, h, w) heat and (M, 2) logits of occlusion and expected distance."""
        seen = F.relu(self.hid1(costs[:, None]))
        pooled = F.relu(self.hid3(F.pad(seen, (0, 2, 0, 2)))).mean((-2, -1))
        return self.hid2(seen)[:, 0], self.occ_out(F.relu(self.hid4(pooled)))


class ExtraConv(nn.Module):
    """A norm over channels and two 3x3 convolutions, which are added to what was normalised."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(channels)
        self.conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.conv_1 = nn.Conv2d(4 * channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer_norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return x + self.conv_1(F.gelu(self.conv(x), approximate="tanh"))


class ExtraConvs(nn.Module):
    """Five of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ExtraConv(channels) for _ in range(5))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


# -- the network


class Tapir(ClipNetwork):
    """The network. `forward` tracks through whole videos; a causal one can also go on frame by frame with `step`.

    The levels of a feature grid are 1/4 and 1/8 of the resolution, and then averages of the one before.
    """

    config: TapirConfig

    def __init__(self, config: TapirConfig) -> None:
        super().__init__()
        self.config = config
        self.resnet_torch = ResNet(config.channels)
        self.torch_cost_volume_track_mods = CostHeads()
        outputs = 4 + config.high + config.low
        inputs = outputs + PATCH * config.levels
        self.torch_pips_mixer = Mixer(inputs, outputs, config.mixer_width, config.mixer_blocks, config.causal)
        self.extra_convs = ExtraConvs(config.low) if config.extra_convs else None

    def resolutions(self, size: Size) -> list[Size]:
        """The configured one for the first guess, then those that are refined on."""
        return [self.config.resolution, *refinement_resolutions(size, self.config.resolution)]

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """See `ClipNetwork`."""
        _, high, _, low = self.resnet_torch(images)
        return [high, low if self.extra_convs is None else self.extra_convs(low)]

    def pyramid(self, levels: list[Tensor]) -> list[Tensor]:
        """See `ClipNetwork`."""
        return [levels[0], *build_pyramid(levels[1], self.config.levels - 1)]

    def track_piece(self, features: ClipFeatures, queries: Tensor, iters: int, ask: Ask | None) -> list[Guess]:
        """See `ClipNetwork`."""
        described = self._describe(features, queries)
        guess = self._first_guess(features.grids[0], described[0])
        guess = guess._replace(tracks=place_queries(guess.tracks, queries))
        return self._refine(features, described, guess, iters, None, ask)[0]

    def settle(self, stages: list[Guess], iters: int | None = None) -> Guess:
        """The mean of what each resolution came to."""
        every = iters or self.config.iterations
        return Guess(*(torch.stack(parts).mean(0) for parts in zip(*stages[every::every], strict=True)))

    # -- frame by frame

    def query_features(self, frames: Tensor, queries: Tensor) -> QueryFeatures:
        """What describes points on (B, T, 3, H, W) frames; `queries` (B, N, 3) have t in these frames."""
        return self.describe(self.encode(frames), queries)

    def describe(self, features: ClipFeatures, queries: Tensor) -> QueryFeatures:
        """The same of encoded frames."""
        return self._describe(features, to_network(queries, features.size, self.config.resolution))

    def new_state(self, batch: int, points: int, resolutions: int = 1) -> CausalState:
        """The state of points that nothing has been seen of.

        Args:
            resolutions: on how many frames are refined: 1 for frames not larger than the configured resolution.
        """
        config, weight = self.config, self.torch_pips_mixer.linear.weight
        shape = (batch, points, resolutions * config.iterations, config.mixer_blocks, PAST)
        return CausalState(*(weight.new_zeros(*shape, factor * config.mixer_width) for factor in (1, 4)))

    def step(
        self,
        features: ClipFeatures,
        queries: QueryFeatures,
        state: CausalState,
        *,
        max_tokens: int | None = None,
        before_iteration: Ask | None = None,
    ) -> tuple[tuple[Tensor, Tensor, Tensor], CausalState]:
        """Go on over the next frames. One at a time or many at once give the same.

        A point is added by its query features and a state of zeros, at any frame.

        Args:
            features: of the next T frames.
            queries: from `query_features` or `describe`.
            state: from `new_state` or the step before.

        Returns:
            (B, T, N, 2) pixels of the video, (B, T, N) occlusion logits, (B, T, N) logits that the position is far
            off, all after the last iteration; and the state for the next step.

        Raises:
            ValueError: the network is not a causal one.
        """
        stages, state = self.step_stages(features, queries, state, max_tokens, before_iteration)
        tracks = to_video(stages[-1].tracks, features.size, self.config.resolution)
        return (tracks, stages[-1].occlusion.transpose(1, 2), stages[-1].expected_dist.transpose(1, 2)), state

    def step_stages(
        self,
        features: ClipFeatures,
        queries: QueryFeatures,
        state: CausalState,
        max_tokens: int | None = None,
        before_iteration: Ask | None = None,
    ) -> tuple[list[Guess], CausalState]:
        """As `step`, with every stage as in `track`."""
        if not self.config.causal:
            raise ValueError("only a causal network can track frame by frame")
        pieces, states = [], []
        for rows in points_at_once(queries[0].shape[1], features.length, max_tokens, queries[0].device):
            part = tuple(grid[:, rows] for grid in queries)
            guess = self._first_guess(features.grids[0], part[0])
            stages, kept = self._refine(
                features, part, guess, self.config.iterations, state.select(rows), before_iteration
            )
            pieces.append(stages)
            states.append(_to_state(kept, *part[0].shape[:2]))
        return join_guesses(pieces), join_states(states)

    # -- inside

    def _describe(self, features: ClipFeatures, queries: Tensor) -> QueryFeatures:
        times, places = queries[..., 0], queries[..., 1:]
        return tuple(
            torch.cat(
                [sample_volume(level, times, self._in_cells(places, level))[:, :, 0, 0] for level in grid.levels[:2]],
                dim=-1,
            )
            for grid in features.grids
        )

    def _first_guess(self, grid: FeatureGrid, query: Tensor) -> Guess:
        """Each frame searched on its own."""
        level = grid.levels[1]
        costs = torch.einsum("bnc,bthwc->bnthw", query[..., self.config.high :], level)
        shape = costs.shape[:3]
        heat, logits = self.torch_cost_volume_track_mods(costs.flatten(0, 2))
        size = (level.shape[2], level.shape[3])
        tracks = scaled(soft_argmax(heat), size, self.config.resolution).unflatten(0, shape)
        occlusion, expected_dist = logits.unflatten(0, shape).unbind(-1)
        return Guess(tracks, occlusion, expected_dist)

    def _refine(
        self,
        features: ClipFeatures,
        queries: QueryFeatures,
        first: Guess,
        iters: int,
        state: CausalState | None,
        ask: Ask | None,
    ) -> tuple[list[Guess], list[Past]]:
        """All stages from the first guess on, and what a causal network keeps of each iteration."""
        stages, kept = [first], []
        shape = first.occlusion.shape
        for index, (grid, query) in enumerate(zip(features.grids[1:], queries[1:], strict=True)):
            # Only the positions are carried from one resolution to the next.
            guess = first._replace(tracks=stages[-1].tracks)
            described = query[:, :, None].expand(-1, -1, shape[2], -1)
            for i in range(index * iters, (index + 1) * iters):
                if ask is not None:
                    ask()
                past = (state.narrow[:, :, i].flatten(0, 1), state.wide[:, :, i].flatten(0, 1)) if state else None
                values = self._mixer_input(grid, guess, described).flatten(0, 1)
                update, last = self.torch_pips_mixer(values, past)
                guess, described = self._move(grid, guess, described, update.unflatten(0, shape[:2]))
                stages.append(guess)
                kept += [last] if last else []
        return stages, kept

    def _mixer_input(self, grid: FeatureGrid, guess: Guess, described: Tensor) -> Tensor:
        """(B, N, T, inputs). Two zeros stand where other versions of the network are told the position."""
        values = [torch.zeros_like(guess.tracks), torch.stack([guess.occlusion, guess.expected_dist], -1), described]
        high, low = described.split([self.config.high, self.config.low], dim=-1)
        for i, level in enumerate(grid.levels):
            vectors = (high if i == 0 else low)[..., None, :]
            centres = self._in_cells(guess.tracks, level)
            correlate = _correlate_as_square if self.config.square_sampling else correlate_patches
            values.append(correlate(level, vectors, centres).flatten(-3))
        return torch.cat(values, dim=-1)

    def _move(self, grid: FeatureGrid, guess: Guess, described: Tensor, update: Tensor) -> tuple[Guess, Tensor]:
        step, occlusion, expected_dist, change = update.split([2, 1, 1, described.shape[-1]], dim=-1)
        tracks = guess.tracks + scaled(step, grid.resolution, self.config.resolution)
        moved = Guess(tracks, guess.occlusion + occlusion[..., 0], guess.expected_dist + expected_dist[..., 0])
        return moved, described + change

    def _in_cells(self, points: Tensor, level: Tensor) -> Tensor:
        return scaled(points, self.config.resolution, (level.shape[2], level.shape[3]))


def _correlate_as_square(level: Tensor, vectors: Tensor, centres: Tensor) -> Tensor:
    """`correlate_patches` with x taken as if the grid were as wide as it is high, as the published code does."""
    batch, _, length = centres.shape[:3]
    offsets = torch.arange(-RADIUS, RADIUS + 1, device=level.device, dtype=centres.dtype)
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    places = centres[:, :, :, None] + torch.stack([x, y], dim=-1).flatten(0, 1)  # (B, N, T, 49, 2)
    normalised = (2 * places / level.shape[2] - 1).transpose(1, 2).flatten(0, 1)  # (B * T, N, 49, 2)
    images = level.flatten(0, 1).permute(0, 3, 1, 2)
    samples = F.grid_sample(images, normalised, align_corners=False).unflatten(0, (batch, length))
    products = torch.einsum("btcnp,bntc->bntp", samples, vectors[..., 0, :].expand(-1, -1, length, -1))
    return products.unflatten(-1, (2 * RADIUS + 1, -1))[..., None]
