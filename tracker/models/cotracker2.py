"""CoTracker2 and 2.1 (Karaev et al., "CoTracker: It is Better to Track Together", 2024), a teacher of CoTracker3.

Every frame is encoded once. A point is described by one feature vector, which is read at its query and then refined
together with its position: on every frame of a window separately, a few times over. Visibility is read off the refined
vector at the end. Windows of 8 frames (2.1: 16) begin half a window after one another, from the positions and
visibilities of the one before, but from the vector of the query.

Positions are x, y with whole numbers at pixel centres. "Feature pixels" are image pixels divided by the stride.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tracker.models.correlation import (
    TOKENS_IN_CPU_CACHE,
    build_pyramid,
    gather_neighbourhoods,
    interpolate_neighbourhoods,
    sample_templates,
)
from tracker.models.embedding import frequency_ladder, position_embedding, time_embedding
from tracker.models.encoder import FeatureEncoder
from tracker.models.estimate import Estimate, carry_over, first_guess, join_windows
from tracker.models.output import TrackOutput
from tracker.models.updateformer import UpdateFormer

WAVES = 64  # sines and cosines of a displacement, for x and for y
PRESUMED_VISIBLE = 10.0  # logit of a point that no window has seen yet
CERTAIN = 100.0  # logit whose sigmoid is 1 in float32: this network says nothing of confidence


@dataclass(frozen=True)
class CoTracker2Config:
    """The released checkpoints use the defaults: with `window` 8 for version 2 and 16 for 2.1."""

    window: int = 8  # frames refined together
    resolution: tuple[int, int] = (384, 512)  # (height, width) that frames are brought to; sets the size of `pos_emb`
    stride: int = 4  # image pixels per feature pixel
    encoder_channels: tuple[int, int, int, int] = (64, 96, 128, 128)
    feature_channels: int = 128
    levels: int = 4
    radius: int = 3
    width: int = 384
    depth: int = 6
    heads: int = 8
    mlp_ratio: int = 4
    virtual_tracks: int = 64
    iterations: int = 6

    def __post_init__(self) -> None:
        if self.window < 2 or self.window % 2:
            raise ValueError(f"a window of {self.window} frames has no halves")
        if self.token_inputs % 4:
            raise ValueError(f"{self.token_inputs} numbers per token, but the position embedding needs a multiple of 4")

    @property
    def kind(self) -> Literal["online"]:
        """It always runs window by window."""
        return "online"

    @property
    def area_resize(self) -> bool:
        """Frames are sampled between corner pixels, as in training, and not shrunk by averaging areas."""
        return False

    @property
    def step(self) -> int:
        """Frames from one window to the next."""
        return self.window // 2

    @property
    def patch(self) -> int:
        """Positions at which one level is correlated."""
        return (2 * self.radius + 1) ** 2

    @property
    def token_inputs(self) -> int:
        """The embedded displacement, correlations, the point's vector, whether the frame counts, and visibility."""
        return 2 + 2 * WAVES + self.levels * self.patch + self.feature_channels + 2


class CoTracker2(nn.Module):
    """The network. See `forward` for whole videos; a session uses the parts that `forward` is made of."""

    chooser = None  # it never keeps its first guess

    def __init__(self, config: CoTracker2Config) -> None:
        super().__init__()
        self.config = config
        channels = config.feature_channels
        self.fnet = FeatureEncoder(config.encoder_channels, channels, config.stride)
        self.updateformer = UpdateFormer(
            config.token_inputs,
            config.width,
            config.depth,
            config.heads,
            config.mlp_ratio,
            config.virtual_tracks,
            outputs={"flow_head": 2 + channels},
        )
        self.norm = nn.GroupNorm(1, channels)
        self.track_feat_updater = nn.Sequential(nn.Linear(channels, channels), nn.GELU())
        self.vis_predictor = nn.Sequential(nn.Linear(channels, 1))
        self.time_emb: Tensor
        self.pos_emb: Tensor
        height, width = (side // config.stride for side in config.resolution)
        self.register_buffer("time_emb", time_embedding(config.window, config.token_inputs))
        self.register_buffer("pos_emb", position_embedding(height, width, config.token_inputs))

    def forward(self, video: Tensor, queries: Tensor, iters: int | None = None) -> TrackOutput:
        """Track points through whole videos, over overlapping windows; the last one repeats the last frame.

        A video shorter than a window is one window (the published code gives zeros for half a window or less).
        Before its query frame a point's track means nothing. All points are attended to together, and results change
        by more than rounding for exactly as many as there are virtual tracks (64); see `UpdateFormer.forward`.

        Args:
            video: (B, T, 3, H, W) RGB 0..255; H and W are multiples of the stride. It is used at this size.
            queries: (B, N, 3) t, x, y: the frame and the pixel position each track starts from.
            iters: refinement iterations, at least 1; the configuration's where None.

        Returns:
            Tracks in pixels and visibilities. The confidence is 1 everywhere: the network has none.

        Raises:
            ValueError: H or W is not a multiple of the stride, or too small for the pyramid.
        """
        features = self.encode(video.flatten(0, 1)).unflatten(0, video.shape[:2])
        if queries.shape[1] == 0:
            nothing = features.new_zeros(*video.shape[:2], 0)
            return TrackOutput(nothing[..., None].expand(-1, -1, -1, 2), nothing, nothing)
        frames, points = queries[..., 0].long(), queries[..., 1:].to(features.dtype) / self.config.stride
        windows = self.track(features, frames, points, iters)
        tracks, visibility, confidence = self.report(join_windows(windows, video.shape[1]))
        return TrackOutput(tracks, visibility.sigmoid(), confidence.sigmoid())

    def encode(self, images: Tensor, at_once: int | None = None) -> Tensor:
        """Level-0 features: (T, 3, H, W) 0..255 -> (T, H / stride, W / stride, C), of any length.

        A frame's features depend on no other frame. `at_once` frames are encoded together; where None, all of them
        while gradients are recorded, else as many as suits the device.
        """
        if any(size % self.config.stride or size < self.smallest_side for size in images.shape[-2:]):
            height, width = images.shape[-2:]
            raise ValueError(
                f"frames of {width}x{height}: both sides must be multiples of {self.config.stride} "
                f"and at least {self.smallest_side} pixels"
            )
        if at_once is None:
            at_once = len(images) if torch.is_grad_enabled() else (16 if images.is_cuda else 1)
        maps = [self.fnet(2 * (piece / 255) - 1) for piece in images.split(max(1, at_once))]
        rows = torch.cat(maps).permute(0, 2, 3, 1)
        # Under autocast they are less.
        return rows.to(torch.promote_types(rows.dtype, torch.float32)).contiguous()

    @property
    def smallest_side(self) -> int:
        """The smallest frame side in pixels that leaves a pixel on the last pyramid level."""
        return max(16, self.config.stride * 2 ** (self.config.levels - 1))

    def pyramid(self, features: Tensor) -> list[Tensor]:
        """(B, T, h, w, C) -> the levels, each half the size of the one before."""
        return build_pyramid(features, self.config.levels)

    def templates(self, pyramid: list[Tensor], frames: Tensor, points: Tensor) -> list[Tensor]:
        """The vectors that describe points: a list of one (B, N, 1, C), which is compared with all levels.

        Args:
            pyramid: levels of (B, T, h, w, C).
            frames: (B, N) integer, which of the T frames each point is taken from (clamped).
            points: (B, N, 2) feature pixels of level 0.
        """
        frames = frames.clamp(0, pyramid[0].shape[1] - 1)
        return [sample_templates(pyramid[0], frames, points, radius=0)]

    def first_guess(self, points: Tensor) -> Estimate:
        """Before any window: (B, N, 2) feature pixels -> the query positions on all frames of one, presumed visible."""
        guess = first_guess(points, self.config.window)
        return guess._replace(visibility=torch.full_like(guess.visibility, PRESUMED_VISIBLE))

    def track(
        self, features: Tensor, frames: Tensor, points: Tensor, iters: int | None = None, *, max_tokens: int = 4096
    ) -> list[tuple[int, Estimate]]:
        """Track from features, window by window.

        Args:
            features: (B, T, h, w, C) of level 0.
            frames: (B, N) integer query frames.
            points: (B, N, 2) query positions in feature pixels.
            iters, max_tokens: as in `refine`.

        Returns:
            (first frame, estimate) of every window. The last one may reach beyond the video.
        """
        pyramid = self.pyramid(features)
        templates = self.templates(pyramid, frames, points)
        length, window, step = features.shape[1], self.config.window, self.config.step
        windows: list[tuple[int, Estimate]] = []
        for start in range(0, max(1, length - step), step):
            inside = torch.arange(start, start + window, device=features.device).clamp_max(length - 1)
            since = frames - start
            guess, treated = self.first_guess(points), torch.zeros_like(frames, dtype=torch.bool)
            if windows:
                treated = since < step
                guess = carry_over(guess, windows[-1][1].frames(step, window), treated)
            known = [template * (since < window)[..., None, None] for template in templates]
            seen = [level[:, inside] for level in pyramid]
            history = self.refine(seen, known, guess, iters, since=since, treated=treated, max_tokens=max_tokens)
            windows.append((start, history[-1]))
        return windows

    def refine(
        self,
        pyramid: list[Tensor],
        templates: list[Tensor],
        guess: Estimate,
        iters: int | None = None,
        *,
        since: Tensor,
        treated: Tensor,
        max_tokens: int = 4096,
        before_iteration: Callable[[], None] | None = None,
    ) -> list[Estimate]:
        """Refine one window; the estimate after each iteration, the last being the result.

        Only the last one has a new visibility: until then it is what the window began with.

        Args:
            pyramid: levels of (B, L, h, w, C), L being the length of a window.
            templates: a list of one (B, N, 1, C); zeros for a point that has not started.
            guess: where to begin; see `first_guess`.
            iters: how often, at least once; the configuration's where None.
            since: (B, N) integer, the query frame counted from the window's first one.
            treated: (B, N) bool, whether a window before this one has dealt with the first half of this one.
            max_tokens: about how many of the N * L tokens are worked on at once. Bounds the memory, not the result.
            before_iteration: called before every iteration; may raise to stop.
        """
        time = torch.arange(self.config.window, device=since.device)
        counts = (time >= since[..., None]) & ~(treated[..., None] & (time < self.config.step))
        active = since < self.config.window
        masked = None if bool(active.all()) else active
        place = self._position_embedding(guess.coords[:, :, 0])
        features = templates[0].expand(-1, -1, self.config.window, -1)
        history = []
        for _ in range(self.config.iterations if iters is None else iters):
            if before_iteration is not None:
                before_iteration()
            guess = guess._replace(coords=guess.coords.detach())
            tokens = self._tokens(pyramid, features, guess, counts, place, max_tokens)
            delta = self.updateformer(tokens, max_tokens, masked).to(guess.coords.dtype)
            features = features + self._feature_update(delta[..., 2:])
            guess = guess._replace(coords=guess.coords + delta[..., :2])
            history.append(guess)
        visibility = self.vis_predictor(features)[..., 0].to(guess.visibility.dtype)
        history[-1] = Estimate(guess.coords, visibility, torch.full_like(visibility, CERTAIN))
        return history

    def _feature_update(self, update: Tensor) -> Tensor:
        return self.track_feat_updater(self.norm(update.flatten(0, 2))).view_as(update)

    def _tokens(
        self, pyramid: list[Tensor], features: Tensor, guess: Estimate, counts: Tensor, place: Tensor, max_tokens: int
    ) -> Tensor:
        """The transformer's input (B, N, L, width), computed for some points at a time."""
        on_cpu = guess.coords.device.type == "cpu"
        size = max(1, (TOKENS_IN_CPU_CACHE if on_cpu else max_tokens) // self.config.window)
        state = torch.stack([counts.to(guess.visibility.dtype), guess.visibility], dim=-1)
        tokens = []
        for first in range(0, max(1, guess.coords.shape[1]), size):
            some = slice(first, first + size)
            coords, vectors = guess.coords[:, some], features[:, some]
            moved = frequency_ladder(coords - coords[:, :, :1], WAVES)
            likeness = [
                correlate_vectors(level, vectors, coords / 2**i, self.config.radius) for i, level in enumerate(pyramid)
            ]
            inputs = torch.cat([moved, *likeness, vectors, state[:, some]], dim=-1)
            tokens.append(self.updateformer.input_transform(inputs + place[:, some] + self.time_emb))
        return torch.cat(tokens, dim=1)

    def _position_embedding(self, points: Tensor) -> Tensor:
        """(B, N, 2) feature pixels -> (B, N, 1, inputs), read off the table, which ends at its borders."""
        height, width = self.pos_emb.shape[-2:]
        edge = points.new_tensor([max(width - 1, 1), max(height - 1, 1)])
        grid = (points.detach() * 2 / edge - 1).flatten(0, 1)[None, :, None]
        found = F.grid_sample(self.pos_emb, grid, padding_mode="border", align_corners=True)
        return found[0, :, :, 0].T.unflatten(0, points.shape[:2])[:, :, None]

    def report(self, estimate: Estimate) -> tuple[Tensor, Tensor, Tensor]:
        """Tracks (B, T, N, 2) in image pixels, visibility and confidence logits (B, T, N)."""
        tracks = estimate.coords.transpose(1, 2) * self.config.stride
        return tracks, estimate.visibility.transpose(1, 2), estimate.confidence.transpose(1, 2)


def correlate_vectors(level: Tensor, vectors: Tensor, centres: Tensor, radius: int) -> Tensor:
    """Products of every vector of the patch around `centres` with the point's own, divided by the root of their length.

    Args:
        level: (B, T, h, w, C).
        vectors: (B, N, T, C).
        centres: (B, N, T, 2) x, y in pixels of this level, one for every frame.

    Returns:
        (B, N, T, (2 * radius + 1)**2); the positions run over x slowly and over y fast.
    """
    batch, count, length = centres.shape[:3]
    maps = torch.arange(batch * length, device=level.device).view(batch, 1, length).expand(batch, count, length)
    gathered, fractions = gather_neighbourhoods(level, maps.flatten(), centres.flatten(0, 2), radius)
    rows = vectors.flatten(0, 2)[:, :, None] / level.shape[-1] ** 0.5
    products = torch.bmm(gathered.flatten(1, 2), rows.to(gathered.dtype))  # (P, K*K, 1)
    products = products.view(*gathered.shape[:3], 1)
    return interpolate_neighbourhoods(products, fractions).reshape(batch, count, length, -1)
