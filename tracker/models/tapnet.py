"""What TAPIR (Doersch et al. 2023) and LocoTrack (Cho et al. 2024) share: image features, sampling, the first guess.

Inside these networks positions are x, y with (0, 0) at the *corner* of the top-left pixel, so that its centre is 0.5;
they are kept in pixels of the network's own resolution, whatever the size of the video. `to_network` and `to_output`
convert at the border. "Cells" are the same in pixels of a feature grid.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tracker.models.correlation import gather_neighbourhoods, interpolate_neighbourhoods
from tracker.models.encoder import normalise_features
from tracker.models.output import TrackOutput

CHANNELS = (64, 128, 256, 256)
STRIDES = (1, 2, 2, 1)
MULTIPLE = 8  # of which frame sides must be: the stride of the coarsest features
RADIUS = 3  # of the patches that are correlated
TEMPERATURE = 20.0
SOFT_RADIUS = 5  # cells round the best one that a first guess is averaged over
TOKENS_IN_CPU_CACHE = 128  # points x frames gathered at once on a CPU
CPU_TOKENS, GPU_TOKENS = 4096, 1 << 16  # points x frames in work at once where the caller does not say

Size = tuple[int, int]  # (height, width)
Ask = Callable[[], object]  # called before every piece of work; what it raises ends it


class Guess(NamedTuple):
    """Where N points are thought to be on T frames, at one stage of the refinement."""

    tracks: Tensor  # (B, N, T, 2) x, y from the corner, in pixels of the network's resolution
    occlusion: Tensor  # (B, N, T) logits that the point is hidden
    expected_dist: Tensor  # (B, N, T) logits that the position is far off


class FeatureGrid(NamedTuple):
    """Features of a clip at one resolution, whose vectors have length 1."""

    resolution: Size
    levels: list[Tensor]  # (B, T, h, w, C)


class ClipFeatures(NamedTuple):
    """Encoded frames."""

    size: Size  # of the frames that they were made from
    grids: list[FeatureGrid]  # the first is for the first guess; the others are refined on, one after the other

    @property
    def length(self) -> int:
        """T, the frames."""
        return self.grids[0].levels[0].shape[1]


# -- image features


class SameConv2d(nn.Conv2d):
    """A convolution whose output has ceil(n / stride) pixels; the odd pixel of padding is at the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        for axis in (1, 0):
            size, kernel, stride = x.shape[axis - 2], self.kernel_size[axis], self.stride[axis]
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            pads += [total // 2, total - total // 2]
        return super().forward(F.pad(x, pads))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a skip path, each after an instance norm with learned scale and a ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, project: bool) -> None:
        super().__init__()
        self.proj_conv = SameConv2d(inputs, outputs, 1, stride=stride, bias=False) if project else None
        self.bn_0 = nn.InstanceNorm2d(inputs, affine=True)
        self.conv_0 = SameConv2d(inputs, outputs, 3, stride=stride, bias=False)
        self.conv_1 = SameConv2d(outputs, outputs, 3, bias=False)
        self.bn_1 = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn_0(x))
        skip = x if self.proj_conv is None else self.proj_conv(y)
        return self.conv_1(F.relu(self.bn_1(self.conv_0(y)))) + skip


class BlockGroup(nn.Module):
    """Two blocks, of which the first changes the channels and the size."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        first, second = ResidualBlock(inputs, outputs, stride, True), ResidualBlock(outputs, outputs, 1, False)
        self.blocks = nn.ModuleList([first, second])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class ResNet(nn.Module):
    """Four groups at 1/2, 1/4, 1/8 and 1/8 of the image. Norms are per frame, so a frame depends on no other."""

    def __init__(self, channels: tuple[int, int, int, int] = CHANNELS) -> None:
        super().__init__()
        self.initial_conv = SameConv2d(3, channels[0], 7, stride=2, bias=False)
        inputs = (channels[0], *channels[:-1])
        self.block_groups = nn.ModuleList(map(BlockGroup, inputs, channels, STRIDES))

    def forward(self, images: Tensor) -> list[Tensor]:
        """(T, 3, H, W) in -1..1 -> what each group gives, (T, C, h, w)."""
        x, outputs = self.initial_conv(images), []
        for group in self.block_groups:
            x = group(x)
            outputs.append(x)
        return outputs


def refinement_resolutions(size: Size, initial: Size) -> list[Size]:
    """From `initial` to the size of the video in steps of at most two; `initial` alone for videos not larger."""
    steps = math.ceil(max(math.log2(side / start) for side, start in zip(size, initial, strict=True))) + 1
    if steps <= 1:
        return [initial]

    def side(axis: int, step: int) -> int:
        start = initial[axis]
        return int(start * (size[axis] / start) ** (step / (steps - 1))) // MULTIPLE * MULTIPLE

    return [(side(0, step), side(1, step)) for step in range(steps)]


def network_images(frames: Tensor, resolution: Size) -> Tensor:
    """(T, 3, H, W) 0..255 -> (T, 3, h, w) in -1..1, resized bilinearly with half-pixel centres and no anti-aliasing."""
    images = frames.to(torch.promote_types(frames.dtype, torch.float32)) / 255 * 2 - 1
    if images.shape[-2:] == resolution:
        return images
    return F.interpolate(images, resolution, mode="bilinear", align_corners=False)


# -- sampling


def sample_volume(grid: Tensor, times: Tensor, centres: Tensor, radius: int = 0) -> Tensor:
    """Patches round points of a clip, interpolated in time as well; places outside read the border.

    Args:
        grid: (B, T, h, w, C).
        times: (B, N) frames; a fraction blends two of them.
        centres: (B, N, 2) x, y in cells.

    Returns:
        (B, N, K, K, C) with K = 2 * radius + 1, the first axis y.
    """
    batch, length = grid.shape[:2]
    times = times.clamp(0, length - 1)
    before = times.floor()
    first = torch.arange(batch, device=grid.device)[:, None] * length

    def at(frames: Tensor) -> Tensor:
        maps = (first + frames.long()).flatten()
        return interpolate_neighbourhoods(*gather_neighbourhoods(grid, maps, centres.flatten(0, 1) - 0.5, radius))

    share = (times - before).to(grid.dtype).flatten()[:, None, None, None]
    values = torch.lerp(at(before), at((before + 1).clamp_max(length - 1)), share)
    return values.transpose(1, 2).unflatten(0, times.shape)


def correlate_patches(level: Tensor, vectors: Tensor, centres: Tensor) -> Tensor:
    """Products of every vector of the 7x7 patch round a position with Q vectors; zero where the patch leaves the grid.

    Args:
        level: (B, T, h, w, C).
        vectors: (B, N, T, Q, C), or (B, N, 1, Q, C) for the same on all frames.
        centres: (B, N, T, 2) x, y in cells.

    Returns:
        (B, N, T, 7, 7, Q), y before x.
    """
    count, length = centres.shape[1:3]
    size = max(1, TOKENS_IN_CPU_CACHE // length) if level.device.type == "cpu" else max(1, count)
    pieces = zip(vectors.split(size, 1), centres.split(size, 1), strict=True)
    return torch.cat([_correlate_patches(level, *piece) for piece in pieces], dim=1)


def _correlate_patches(level: Tensor, vectors: Tensor, centres: Tensor) -> Tensor:
    batch, count, length = centres.shape[:3]
    places = centres.flatten(0, 2) - 0.5
    maps = torch.arange(batch * length, device=level.device).view(batch, 1, length).expand(batch, count, length)
    values, fractions = gather_neighbourhoods(level, maps.flatten(), places, RADIUS)
    rows = vectors.flatten(0, 2)  # (G, Q, C): one set for every token, or for all frames of a point
    together = length if vectors.shape[2] == 1 else 1
    patches = values.reshape(len(rows), together * (2 * RADIUS + 2) ** 2, rows.shape[-1])
    products = torch.bmm(patches, rows.transpose(1, 2))
    products = products.view(*values.shape[:3], rows.shape[1])
    offsets = torch.arange(-RADIUS, RADIUS + 2, device=level.device)
    x, y = (places.floor()[:, axis, None] + offsets for axis in (0, 1))
    inside_x, inside_y = (x >= 0) & (x < level.shape[3]), (y >= 0) & (y < level.shape[2])
    products = products * (inside_x[:, :, None] & inside_y[:, None, :])[..., None]
    return interpolate_neighbourhoods(products, fractions).transpose(1, 2).unflatten(0, (batch, count, length))


def soft_argmax(heat: Tensor) -> Tensor:
    """(..., h, w) -> (..., 2) x, y in cells: the mean of the cells near the best one, by a softmax over all of them."""
    height, width = heat.shape[-2:]
    weights = (heat.flatten(-2) * TEMPERATURE).softmax(-1)
    best = weights.argmax(-1, keepdim=True)
    x = torch.arange(width, device=heat.device, dtype=heat.dtype).repeat(height)
    y = torch.arange(height, device=heat.device, dtype=heat.dtype).repeat_interleave(width)
    near = (x - best % width).square() + (y - best // width).square() < SOFT_RADIUS**2
    weights = weights * near
    cells = torch.stack([x, y], dim=1) + 0.5
    return weights @ cells / weights.sum(-1, keepdim=True).clamp_min(1e-12)


# -- the border of the network


def scaled(points: Tensor, size: Size, to: Size) -> Tensor:
    """(..., 2) x, y from the corner in a picture of `size` -> the same place in one of the size `to`."""
    return points * points.new_tensor([to[1] / size[1], to[0] / size[0]])


def to_network(queries: Tensor, size: Size, resolution: Size) -> Tensor:
    """(B, N, 3) t, x, y in pixels of a video of `size`, from the first centre -> of the network, from the corner."""
    return torch.cat([queries[..., :1], scaled(queries[..., 1:] + 0.5, size, resolution)], dim=-1)


def to_video(tracks: Tensor, size: Size, resolution: Size) -> Tensor:
    """(B, N, T, 2) in pixels of the network, from the corner -> (B, T, N, 2) of the video, from the first centre."""
    return (scaled(tracks, resolution, size) - 0.5).transpose(1, 2)


def to_output(guess: Guess, size: Size, resolution: Size) -> TrackOutput:
    """In pixels of a video of `size`, and with probabilities."""
    visibility, confidence = ((-logits).sigmoid().transpose(1, 2) for logits in (guess.occlusion, guess.expected_dist))
    return TrackOutput(to_video(guess.tracks, size, resolution), visibility, confidence)


def place_queries(tracks: Tensor, queries: Tensor) -> Tensor:
    """(B, N, T, 2) tracks with the positions of `queries` (B, N, 3) on the frames nearest to their times."""
    frames = torch.arange(tracks.shape[2], device=tracks.device)
    there = frames == queries[..., :1].round()
    return torch.where(there[..., None], queries[:, :, None, 1:].to(tracks.dtype), tracks)


def points_at_once(count: int, length: int, max_tokens: int | None, device: torch.device) -> list[slice]:
    """Pieces of `count` points whose points x frames are within `max_tokens`; points do not depend on one another."""
    tokens = max_tokens or (CPU_TOKENS if device.type == "cpu" else GPU_TOKENS)
    size = max(1, tokens // max(1, length))
    return [slice(start, start + size) for start in range(0, max(1, count), size)]


def join_guesses(pieces: Sequence[Sequence[Guess]], axis: int = 1) -> list[Guess]:
    """The stages of all points from those of pieces of the points; with `axis` 2 from those of pieces of the clip."""
    stages = zip(*pieces, strict=True)
    return [Guess(*(torch.cat(parts, axis) for parts in zip(*stage, strict=True))) for stage in stages]


# -- the frame of the networks


class ClipConfig(Protocol):
    """What the configurations have in common."""

    @property
    def resolution(self) -> Size:
        """Of the first guess, and the unit of positions."""

    @property
    def iterations(self) -> int:
        """Refinement iterations on every resolution."""


class ClipNetwork(nn.Module, ABC):
    """A network that tracks points, each for itself, through a whole clip: encode, guess, refine."""

    config: ClipConfig

    def forward(self, video: Tensor, queries: Tensor, iters: int | None = None) -> TrackOutput:
        """Track points through whole videos.

        A video larger than the configured resolution is refined on larger ones, up to its own.

        Args:
            video: (B, T, 3, H, W) RGB 0..255; H and W are multiples of 8.
            queries: (B, N, 3) t, x, y: the frame and the pixel position that each track is known at.
            iters: refinement iterations on every resolution; the configuration's where None.

        Raises:
            ValueError: H or W is not a multiple of 8.
        """
        features = self.encode(video)
        found = self.settle(self.track(features, queries, iters), iters)
        return to_output(found, features.size, self.config.resolution)

    def encode(self, video: Tensor, at_once: int | None = None, ask: Ask | None = None) -> ClipFeatures:
        """Features of (B, T, 3, H, W) RGB 0..255 frames. A frame's depend on no other.

        `at_once` frames are encoded together; where None, as many as suits the device. `ask` is called before each
        such piece, and what it raises ends the encoding.

        Raises:
            ValueError: H or W is not a multiple of 8.
        """
        size = (video.shape[-2], video.shape[-1])
        if any(side % MULTIPLE or side < MULTIPLE for side in size):
            raise ValueError(f"frames of {size[1]}x{size[0]}: both sides must be multiples of {MULTIPLE} pixels")
        at_once = at_once or (16 if video.is_cuda else 1)
        pieces = video.flatten(0, 1).split(at_once)

        def encoded(frames: Tensor, resolution: Size) -> list[Tensor]:
            if ask is not None:
                ask()
            return [normalise_features(level) for level in self.feature_maps(network_images(frames, resolution))]

        resolutions = self.resolutions(size)
        grids: dict[Size, FeatureGrid] = {}
        for resolution in dict.fromkeys(resolutions):
            maps = zip(*(encoded(piece, resolution) for piece in pieces), strict=True)
            levels = [torch.cat(parts).unflatten(0, video.shape[:2]) for parts in maps]
            grids[resolution] = FeatureGrid(resolution, self.pyramid(levels))
        return ClipFeatures(size, [grids[resolution] for resolution in resolutions])

    def track(
        self,
        features: ClipFeatures,
        queries: Tensor,
        iters: int | None = None,
        *,
        max_tokens: int | None = None,
        before_iteration: Ask | None = None,
    ) -> list[Guess]:
        """Every stage of tracking: the first guess, then every iteration of every resolution.

        Args:
            features: of the clip.
            queries, iters: as in `forward`.
            max_tokens: points x frames in work at once; results do not depend on it.
        """
        known = to_network(queries, features.size, self.config.resolution)
        pieces = points_at_once(queries.shape[1], features.length, max_tokens, queries.device)
        iters = iters or self.config.iterations
        return join_guesses([self.track_piece(features, known[:, rows], iters, before_iteration) for rows in pieces])

    @abstractmethod
    def resolutions(self, size: Size) -> list[Size]:
        """Of the grids for videos of this size."""

    @abstractmethod
    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """(T, 3, h, w) in -1..1 -> the maps that are kept, (T, C, h', w') each, not normalised."""

    def pyramid(self, levels: list[Tensor]) -> list[Tensor]:
        """The levels of a grid from the normalised maps, (B, T, h, w, C) each."""
        return levels

    @abstractmethod
    def track_piece(self, features: ClipFeatures, queries: Tensor, iters: int, ask: Ask | None) -> list[Guess]:
        """As `track`, for `queries` (B, N, 3) in the network's pixels."""

    @abstractmethod
    def settle(self, stages: list[Guess], iters: int | None = None) -> Guess:
        """The answer from the stages of `track`."""
