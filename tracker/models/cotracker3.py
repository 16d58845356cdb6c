"""CoTracker3 (Karaev et al., "CoTracker3: Simpler and Better Point Tracking by Pseudo-Labelling Real Videos", 2024).

Every frame is encoded once. A point is described by a 7x7 patch of features around its query (the template) on four
pyramid levels. Its positions on all frames of a window are then refined together, a few times over: correlate the
patch around the present guess with the template, look at all points and frames with a transformer, move the guess.

The offline network does this once for the whole video, the online one for windows of 16 frames, each starting 8 frames
after the one before and from its result. They are the same network with the same state-dict keys.

Positions are x, y with whole numbers at pixel centres. "Feature pixels" are image pixels divided by the stride.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tracker.models.correlation import build_pyramid, sample_templates
from tracker.models.embedding import FOURIER_SCALES, displacements, fourier_embedding, time_embedding
from tracker.models.encoder import FeatureEncoder, normalise_features
from tracker.models.estimate import Estimate, carry_over, first_guess, join_windows
from tracker.models.guess import follow_flow_in_batch, grey_frames
from tracker.models.held import Held, correlate_both, fit_both, keep_held
from tracker.models.matching import SEARCH_LEVEL, Chooser, Matching
from tracker.models.output import Choice, TrackOutput, WindowIterations
from tracker.models.updateformer import Mlp, UpdateFormer

TOKENS_ON_CPU = 512  # correlated and embedded at once on a CPU, whatever the memory: larger pieces leave its caches


@dataclass(frozen=True)
class CoTracker3Config:
    """The released checkpoints use the defaults, with `window` 16 online and 60 offline. Smaller ones are for CPUs."""

    kind: Literal["online", "offline"] = "online"
    window: int = 16  # online: frames refined together; offline: frames that the time embedding was made for
    resolution: tuple[int, int] = (384, 512)  # (height, width) that frames are brought to, and displacements' unit
    stride: int = 4  # image pixels per feature pixel
    encoder_channels: tuple[int, int, int, int] = (64, 96, 128, 128)
    feature_channels: int = 128
    levels: int = 4
    radius: int = 3
    correlation_hidden: int = 384
    correlation_channels: int = 256
    width: int = 384
    depth: int = 3
    heads: int = 8
    mlp_ratio: int = 4
    virtual_tracks: int = 64
    iterations: int = 6
    # What follows is ours, off in the released checkpoints.
    matching: bool = False  # a matching step before every update and a search of the whole frame; see `Matching`
    flow: bool = False  # first guesses follow optical flow instead of standing still
    area_resize: bool = False  # frames are shrunk by averaging areas, not by sampling between corner pixels

    def __post_init__(self) -> None:
        if self.matching and (self.levels <= SEARCH_LEVEL or self.radius < 1):
            raise ValueError(f"matching needs at least {SEARCH_LEVEL + 1} levels and a radius of 1")

    @property
    def step(self) -> int:
        """Frames from one online window to the next."""
        return self.window // 2

    @property
    def patch(self) -> int:
        """Positions in a template."""
        return (2 * self.radius + 1) ** 2

    @property
    def token_inputs(self) -> int:
        """Visibility, confidence, correlations, and the embedded displacements to the frames before and after."""
        matched = self.levels * Matching.VALUES if self.matching else 0
        return 2 + self.levels * self.correlation_channels + 4 + 2 * 4 * FOURIER_SCALES + matched


class CoTracker3(nn.Module):
    """The network. See `forward` for whole videos; a session uses the parts that `forward` is made of."""

    def __init__(self, config: CoTracker3Config) -> None:
        super().__init__()
        self.config = config
        self.fnet = FeatureEncoder(config.encoder_channels, config.feature_channels, config.stride)
        self.corr_mlp = Mlp(config.patch**2, config.correlation_hidden, config.correlation_channels)
        self.matching = Matching(config.levels, config.radius) if config.matching else None
        self.chooser = Chooser(config.levels) if config.matching else None
        gates = {"gate_head": config.levels} if config.matching else {}
        self.updateformer = UpdateFormer(
            config.token_inputs,
            config.width,
            config.depth,
            config.heads,
            config.mlp_ratio,
            config.virtual_tracks,
            outputs={"flow_head": 2, "vis_conf_head": 2, **gates},
        )
        if config.matching:
            # Matches are believed little before training has shown where they are right.
            nn.init.constant_(self.updateformer.get_submodule("gate_head").bias, -2.0)  # type: ignore[arg-type]
        self.time_emb: Tensor
        self.register_buffer("time_emb", time_embedding(config.window, config.token_inputs))

    def forward(
        self,
        video: Tensor,
        queries: Tensor,
        iters: int | None = None,
        *,
        all_iterations: bool = False,
        disturbance: Tensor | None = None,
    ) -> TrackOutput:
        """Track points through whole videos.

        Args:
            video: (B, T, 3, H, W) RGB 0..255; H and W are multiples of the stride. It is used at this size.
            queries: (B, N, 3) t, x, y: the frame and the pixel position each track starts from.
            iters: refinement iterations; the configuration's where None.
            all_iterations: give every iteration of every window too, and what the matching loss needs, for training.
            disturbance: (B, N, T, 2) pixels added to the first guesses, so that training sees bad ones.

        An online network runs over overlapping windows and pads the last one by repeating the last frame. A video
        shorter than a window is one window (the published code gives zeros for eight frames or fewer).

        Raises:
            ValueError: H or W is not a multiple of the stride, or too small for the pyramid.
        """
        features = self.encode(video.flatten(0, 1)).unflatten(0, video.shape[:2])
        frames, points = queries[..., 0].long(), queries[..., 1:].to(features.dtype) / self.config.stride
        greys = grey_frames(video) if self.config.flow else None
        moved = None if disturbance is None else disturbance / self.config.stride
        choices: list[Choice] = []
        history = self.track(features, frames, points, iters, greys=greys, disturbance=moved, choices=choices)
        whole = join_windows([(start, iterations[-1]) for start, iterations in history], video.shape[1])
        tracks, visibility, confidence = self.report(whole)
        windows, logits = None, None
        if all_iterations:
            windows = [self._report_iterations(*window) for window in history]
            if self.matching is not None:
                pyramid = self.pyramid(features)
                logits = self.matching.search_logits(pyramid, self.templates(pyramid, frames, points))
        return TrackOutput(tracks, visibility.sigmoid(), confidence.sigmoid(), windows, logits, choices)

    def encode(self, images: Tensor, at_once: int | None = None) -> Tensor:
        """Level-0 features: (T, 3, H, W) 0..255 -> (T, H / stride, W / stride, C), every vector of length 1.

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
        pieces = images.split(max(1, at_once))
        return torch.cat([normalise_features(self.fnet(2 * (piece / 255) - 1)) for piece in pieces])

    @property
    def smallest_side(self) -> int:
        """The smallest frame side in pixels that leaves a pixel on the last pyramid level."""
        return max(16, self.config.stride * 2 ** (self.config.levels - 1))

    def pyramid(self, features: Tensor) -> list[Tensor]:
        """(B, T, h, w, C) -> the levels, each half the size of the one before."""
        return build_pyramid(features, self.config.levels)

    def templates(self, pyramid: list[Tensor], frames: Tensor, points: Tensor) -> list[Tensor]:
        """The patches that describe points: (B, N, patch, C) per level.

        Args:
            pyramid: levels of (B, T, h, w, C).
            frames: (B, N) integer, which of the T frames each point is taken from (clamped).
            points: (B, N, 2) feature pixels of level 0.
        """
        frames = frames.clamp(0, pyramid[0].shape[1] - 1)
        return [sample_templates(level, frames, points / 2**i, self.config.radius) for i, level in enumerate(pyramid)]

    def track(
        self,
        features: Tensor,
        frames: Tensor,
        points: Tensor,
        iters: int | None = None,
        *,
        greys: NDArray[np.uint8] | None = None,
        disturbance: Tensor | None = None,
        **limits: Any,
    ) -> list[tuple[int, list[Estimate]]]:
        """Track from features: one window offline, overlapping ones online.

        Args:
            features: (B, T, h, w, C) of level 0.
            frames: (B, N) integer query frames.
            points: (B, N, 2) query positions in feature pixels.
            greys: (B, T, H, W) the frames in grey, for a network whose guesses follow flow.
            disturbance: (B, N, T, 2) feature pixels added to the first guesses.
            limits: `max_tokens`, `before_iteration` and `choices` of `refine`.

        Returns:
            (first frame, estimate after each iteration) of every window. The last window of an online network may reach
            beyond the video.
        """
        pyramid = self.pyramid(features)
        templates = self.templates(pyramid, frames, points)
        length = features.shape[1]
        if self.config.kind == "offline":
            guess = self.follow(first_guess(points, length), frames, pyramid, templates, greys)
            return [(0, self.refine(pyramid, templates, _disturb(guess, disturbance), iters, **limits))]
        window, step = self.config.window, self.config.step
        history: list[tuple[int, list[Estimate]]] = []
        for start in range(0, max(1, length - step), step):
            inside = torch.arange(start, start + window, device=features.device).clamp_max(length - 1)
            started = (frames < start + window)[..., None, None]
            guess, known_until = first_guess(points, window), frames - start
            if history:
                overlap, carried = history[-1][1][-1].frames(step, window), frames < start + window - step
                guess = carry_over(guess, overlap, carried)
                known_until = torch.where(carried, window - step - 1, known_until)
            known = [template * started for template in templates]
            seen = [level[:, inside] for level in pyramid]
            seen_greys = None if greys is None else greys[:, inside.cpu().numpy()]
            guess = self.follow(guess, known_until, seen, known, seen_greys)
            guess = _disturb(guess, None if disturbance is None else disturbance[:, :, inside])
            history.append((start, self.refine(seen, known, guess, iters, **limits)))
        return history

    def follow(
        self,
        guess: Estimate,
        known_until: Tensor,
        pyramid: list[Tensor],
        templates: list[Tensor],
        greys: NDArray[np.uint8] | None,
        max_tokens: int = 4096,
    ) -> Estimate:
        """The guess, with the frames after the last known one filled by optical flow and a search of the whole frame.

        Does nothing for a network that was not made for it.

        Args:
            guess: what is known, over T frames.
            known_until: (B, N) the last frame whose position is known.
            pyramid, templates, max_tokens: as in `refine`.
            greys: (B, T, H, W) the frames in grey.

        Raises:
            ValueError: the network follows flow and there are no `greys`.
        """
        coords = guess.coords.detach()
        unknown = (torch.arange(coords.shape[2], device=coords.device) > known_until[..., None])[..., None]
        if self.config.flow:
            if greys is None:
                raise ValueError("this network needs the frames in grey too")
            pixels = (coords * self.config.stride).float().cpu().numpy().copy()
            follow_flow_in_batch(greys, pixels, known_until.cpu().numpy())
            coords = torch.where(unknown, torch.from_numpy(pixels).to(coords) / self.config.stride, coords)
        first = max(0, int(known_until.min()) + 1) if known_until.numel() else coords.shape[2]
        if self.matching is not None and first < coords.shape[2]:
            later = [level[:, first:].contiguous() for level in pyramid]
            found = self.matching.search(later, templates, coords[:, :, first:], max_tokens)
            coords = torch.where(unknown, torch.cat([coords[:, :, :first], found], dim=2), coords)
        return Estimate(coords, guess.visibility, guess.confidence)

    def refine(
        self,
        pyramid: list[Tensor],
        templates: list[Tensor],
        guess: Estimate,
        iters: int | None = None,
        *,
        max_tokens: int = 4096,
        before_iteration: Callable[[], None] | None = None,
        choices: list[Choice] | None = None,
        held: Held | None = None,
    ) -> list[Estimate]:
        """Refine one window; the estimate after each iteration, the last being the result.

        A network that matches adds one more: on every frame the refined position or the guess it began with, which
        the network thinks nearer. Flow is more exact than a small network where it is right at all.

        Args:
            pyramid: levels of (B, T, h, w, C).
            templates: levels of (B, N, patch, C); all zeros for a point that has not started.
            guess: where to begin.
            iters: how often; the configuration's where None.
            max_tokens: about how many of the N * T tokens are worked on at once. Bounds the memory, not the result.
            before_iteration: called before every iteration; may raise to stop.
            choices: where to add what that choice was made from, which training needs.
            held: positions that stay as they are, and templates from there.
        """
        if torch.is_autocast_enabled(pyramid[0].device.type):
            reduced = torch.get_autocast_dtype(pyramid[0].device.type)
            pyramid = [level.to(reduced) for level in pyramid]
            templates = [template.to(reduced) for template in templates]
        time = self._time_embedding(guess.coords.shape[2])
        history = []
        guess = guess._replace(coords=keep_held(held, guess.coords))
        begun = guess.coords.detach()
        for _ in range(self.config.iterations if iters is None else iters):
            if before_iteration is not None:
                before_iteration()
            guess = Estimate(guess.coords.detach(), guess.visibility, guess.confidence)
            tokens, matched = self._tokens(pyramid, templates, guess, time, max_tokens, held)
            delta = self.updateformer(tokens, max_tokens).to(guess.coords.dtype)
            coords = guess.coords + delta[..., :2]
            if matched is not None:
                coords = coords + (matched * delta[..., 4:, None].sigmoid()).sum(-2)
            guess = Estimate(
                keep_held(held, coords), guess.visibility + delta[..., 2], guess.confidence + delta[..., 3]
            )
            history.append(guess)
        if self.chooser is not None and history:
            refined = guess.coords.detach()
            scores = [self._scores(pyramid, templates, coords, max_tokens, held) for coords in (begun, refined)]
            keep = self.chooser(*scores, refined - begun, guess.visibility, guess.confidence)
            if choices is not None:
                choices.append(Choice(begun, refined, keep))
            history.append(guess._replace(coords=torch.where(keep[..., None] > 0, begun, guess.coords)))
        return history

    def _scores(
        self, pyramid: list[Tensor], templates: list[Tensor], coords: Tensor, max_tokens: int, held: Held | None
    ) -> Tensor:
        """(B, N, T, levels) how like the templates the frames are at `coords`, some points at a time."""
        size = max(1, min(max_tokens, TOKENS_ON_CPU) // coords.shape[2])
        pieces = []
        for first in range(0, max(1, coords.shape[1]), size):
            some = slice(first, first + size)
            few, radius = [one[:, some] for one in templates], self.config.radius
            pieces.append(fit_both(held, some, pyramid, few, coords[:, some], radius))
        return torch.cat(pieces, dim=1)

    def _tokens(
        self,
        pyramid: list[Tensor],
        templates: list[Tensor],
        guess: Estimate,
        time: Tensor,
        max_tokens: int,
        held: Held | None,
    ) -> tuple[Tensor, Tensor | None]:
        """The transformer's input (B, N, T, width), computed for some points at a time, and what matching found.

        That is a displacement per level (B, N, T, levels, 2) in feature pixels, for a network that matches.
        """
        moved = fourier_embedding(displacements(guess.coords) / self._displacement_unit(guess.coords))
        state = torch.cat([guess.visibility[..., None], guess.confidence[..., None]], dim=-1)
        if guess.coords.device.type == "cpu":
            max_tokens = min(max_tokens, TOKENS_ON_CPU)
        size = max(1, max_tokens // guess.coords.shape[2])
        tokens, found = [], []
        for first in range(0, max(1, guess.coords.shape[1]), size):
            some = slice(first, first + size)
            coords = guess.coords[:, some]
            parts, steps = [state[:, some]], []
            for i, (level, template) in enumerate(zip(pyramid, templates, strict=True)):
                places, radius = coords / 2**i, self.config.radius
                correlation = correlate_both(held, i, some, level, template[:, some], places, radius)
                parts.append(self.corr_mlp(correlation))
                if self.matching is not None:
                    step, values = self.matching(correlation, i)
                    steps.append(step * 2**i)
                    parts.append(values.to(correlation.dtype))
            inputs = torch.cat([*parts, moved[:, some]], dim=-1) + time
            tokens.append(self.updateformer.input_transform(inputs))
            if steps:
                found.append(torch.stack(steps, dim=-2))
        return torch.cat(tokens, dim=1), torch.cat(found, dim=1) if found else None

    def _displacement_unit(self, like: Tensor) -> Tensor:
        """Displacements are fractions of the working resolution, whatever the size of the frames given."""
        height, width = self.config.resolution
        return like.new_tensor([width, height, width, height]) / self.config.stride

    def _time_embedding(self, length: int) -> Tensor:
        """(1, length, inputs): the buffer, stretched or shrunk to this many frames."""
        if length == self.time_emb.shape[1]:
            return self.time_emb
        rows = self.time_emb.transpose(1, 2)
        return F.interpolate(rows, length, mode="linear", align_corners=False).transpose(1, 2)

    def report(self, estimate: Estimate) -> tuple[Tensor, Tensor, Tensor]:
        """Tracks (B, T, N, 2) in image pixels, visibility and confidence logits (B, T, N)."""
        tracks = estimate.coords.transpose(1, 2) * self.config.stride
        return tracks, estimate.visibility.transpose(1, 2), estimate.confidence.transpose(1, 2)

    def _report_iterations(self, start: int, iterations: list[Estimate]) -> WindowIterations:
        tracks, visibility, confidence = zip(*map(self.report, iterations), strict=True)
        return WindowIterations(start, torch.stack(tracks), torch.stack(visibility), torch.stack(confidence))


def _disturb(guess: Estimate, disturbance: Tensor | None) -> Estimate:
    if disturbance is None:
        return guess
    return Estimate(guess.coords + disturbance, guess.visibility, guess.confidence)
