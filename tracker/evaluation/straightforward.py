"""CoTracker3's online run written down step by step, with nothing done cleverly: what the fast one is checked against.

Every window encodes all of its frames, features are sampled with `grid_sample`, products and attention are einsums, and
the virtual tracks are tokens like others. It takes its weights from a `CoTracker3` and computes the same function.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tracker.models.cotracker3 import CoTracker3
from tracker.models.embedding import displacements, fourier_embedding
from tracker.models.estimate import Estimate, carry_over, first_guess, join_windows
from tracker.models.updateformer import Attention, CrossBlock, Mlp, SelfBlock


def track_straightforwardly(
    model: CoTracker3, video: Tensor, queries: Tensor, iters: int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Run an online network over a video, window by window.

    Args:
        video: (T, 3, H, W) RGB 0..255 at the size to work in.
        queries: (N, 3) t, x, y.

    Returns:
        tracks (T, N, 2) in pixels, visibility and confidence (T, N) as probabilities.
    """
    windows = list(straightforward_windows(model, video, queries, iters))
    tracks, visibility, confidence = model.report(join_windows(windows, len(video)))
    return tracks[0], visibility[0].sigmoid(), confidence[0].sigmoid()


def straightforward_windows(
    model: CoTracker3, video: Tensor, queries: Tensor, iters: int | None = None
) -> Iterator[tuple[int, Estimate]]:
    """The first frame and the result of one window after the other; arguments as in `track_straightforwardly`."""
    window, step, length = model.config.window, model.config.step, len(video)
    times, points = queries[:, 0].long(), queries[:, 1:] / model.config.stride
    templates: list[Tensor] = []
    last: Estimate | None = None
    for start in range(0, max(1, length - step), step):
        inside = torch.arange(start, start + window).clamp_max(length - 1).to(video.device)
        pyramid = _pyramid(model, video[inside])
        new = (times < start + window) & (times >= (0 if last is None else start + window - step))
        frames = (times - start).clamp(0, window - 1)
        found = [_sample(model, level, frames[:, None], (points / 2**i)[:, None]) for i, level in enumerate(pyramid)]
        fresh = [patches[:, 0] * new[:, None, None] for patches in found]
        templates = [old + more for old, more in zip(templates, fresh, strict=True)] if templates else fresh
        guess = first_guess(points[None], window)
        if last is not None:
            guess = carry_over(guess, last.frames(step, window), (times < start + window - step)[None])
        for _ in range(model.config.iterations if iters is None else iters):
            guess = _iterate(model, pyramid, templates, guess)
        last = guess
        yield start, guess


def _pyramid(model: CoTracker3, images: Tensor) -> list[Tensor]:
    """(S, 3, H, W) -> levels of (S, C, h, w)."""
    features = model.fnet(2 * (images / 255) - 1)
    pyramid = [features / features.square().sum(1, keepdim=True).clamp_min(1e-12).sqrt()]
    for _ in range(model.config.levels - 1):
        pyramid.append(F.avg_pool2d(pyramid[-1], 2))
    return pyramid


def _sample(model: CoTracker3, level: Tensor, frames: Tensor, centres: Tensor) -> Tensor:
    """Patches of the (S, C, h, w) maps: frames (N, T) and centres (N, T, 2) -> (N, T, patch, C)."""
    radius = model.config.radius
    line = torch.arange(-radius, radius + 1.0, device=level.device)
    offsets = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1).flatten(0, 1)  # x is the slow axis
    places = centres[:, :, None] + offsets
    t = frames[:, :, None, None].expand(-1, -1, len(offsets), 1).to(places.dtype)
    sizes = places.new_tensor([level.shape[3], level.shape[2], level.shape[0]])
    grid = torch.cat([places, t], dim=-1) * 2 / (sizes - 1).clamp_min(1) - 1
    volume = level.transpose(0, 1)[None]  # (1, C, S, h, w)
    found = F.grid_sample(volume, grid[None], mode="bilinear", padding_mode="border", align_corners=True)
    return found[0].permute(1, 2, 3, 0)


def _iterate(model: CoTracker3, pyramid: list[Tensor], templates: list[Tensor], guess: Estimate) -> Estimate:
    coords = guess.coords[0]
    frames = torch.arange(coords.shape[1], device=coords.device).expand(len(coords), -1)
    parts = [guess.visibility[0][..., None], guess.confidence[0][..., None]]
    for i, (level, template) in enumerate(zip(pyramid, templates, strict=True)):
        patches = _sample(model, level, frames, coords / 2**i)
        parts.append(_mlp(model.corr_mlp, torch.einsum("ntpc,nqc->ntpq", patches, template).flatten(2)))
    height, width = model.config.resolution
    unit = coords.new_tensor([width, height, width, height]) / model.config.stride
    parts.append(fourier_embedding(displacements(coords[None])[0] / unit))
    tokens = torch.cat(parts, dim=-1) + F.interpolate(
        model.time_emb.transpose(1, 2), coords.shape[1], mode="linear", align_corners=False
    ).transpose(1, 2)
    delta = _transform(model, tokens)[None]
    return Estimate(guess.coords + delta[..., :2], guess.visibility + delta[..., 2], guess.confidence + delta[..., 3])


def _transform(model: CoTracker3, inputs: Tensor) -> Tensor:
    """(N, T, inputs) -> (N, T, 4)."""
    former, count, length = model.updateformer, inputs.shape[0], inputs.shape[1]
    virtual = former.virual_tracks[0].expand(-1, length, -1)
    tokens = torch.cat([_linear(former.input_transform, inputs), virtual])
    for i in range(model.config.depth):
        tokens = _self_block(former.time_blocks[i], tokens)  # type: ignore[arg-type]
        frames = tokens.transpose(0, 1)
        points, virtual = frames[:, :count], frames[:, count:]
        virtual = _cross_block(former.space_virtual2point_blocks[i], virtual, points)  # type: ignore[arg-type]
        virtual = _self_block(former.space_virtual_blocks[i], virtual)  # type: ignore[arg-type]
        points = _cross_block(former.space_point2virtual_blocks[i], points, virtual)  # type: ignore[arg-type]
        tokens = torch.cat([points, virtual], dim=1).transpose(0, 1)
    return torch.cat([getattr(former, name)(tokens[:count]) for name in former.head_names], dim=-1)


def _self_block(block: SelfBlock, x: Tensor) -> Tensor:
    normed = block.norm1(x)
    x = x + _attend(block.attn, normed, normed)
    return x + _mlp(block.mlp, block.norm2(x))


def _cross_block(block: CrossBlock, x: Tensor, context: Tensor) -> Tensor:
    x = x + _attend(block.cross_attn, block.norm1(x), block.norm_context(context))
    return x + _mlp(block.mlp, block.norm2(x))


def _mlp(mlp: Mlp, x: Tensor) -> Tensor:
    approximate = "tanh" if mlp.activation == "gelu-tanh" else "none"
    return _linear(mlp.fc2, F.gelu(_linear(mlp.fc1, x), approximate=approximate))


def _attend(attention: Attention, x: Tensor, context: Tensor) -> Tensor:
    """(G, S, D), (G, M, D) -> (G, S, D), within each of the G groups."""
    q = _linear(attention.to_q, x).unflatten(-1, (attention.heads, -1))
    k, v = (part.unflatten(-1, (attention.heads, -1)) for part in _linear(attention.to_kv, context).chunk(2, dim=-1))
    weights = (torch.einsum("gshd,gmhd->ghsm", q, k) * q.shape[-1] ** -0.5).softmax(-1)
    return _linear(attention.to_out, torch.einsum("ghsm,gmhd->gshd", weights, v).flatten(-2))


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    return F.linear(x, layer.weight, layer.bias)
