"""Where training starts its tracks from."""

from typing import Literal

import torch
from torch import Tensor

from tracker.training.samples import Clips

FARTHEST_QUERY = 1500.0  # pixels; a label beyond it is taken for a fault


def sample_queries(clips: Clips, mode: Literal["online", "offline"], generator: torch.Generator) -> Tensor:
    """(B, N, 3) t, x, y: a frame on which each point is visible, and where it is there.

    Offline, the frame is random. Online, it is random for the first quarter of the points and the first visible one for
    the rest (CoTracker3's training on Kubric). A point that is never visible starts from frame 0.

    Args:
        generator: on the CPU; the only source of chance.
    """
    usable = (clips.visible & clips.valid).transpose(1, 2)  # (B, N, T)
    batch, points = usable.shape[:2]
    count = usable.sum(-1)
    chance = torch.rand(batch, points, generator=generator, dtype=torch.float64).to(usable.device)
    chosen = torch.minimum((chance * count).long(), (count - 1).clamp_min(0))  # which of the visible frames
    if mode == "online":
        chosen[:, points // 4 :] = 0
    return _queries(clips, usable, chosen)


def first_queries(clips: Clips) -> Tensor:
    """(B, N, 3) t, x, y: the first frame on which each point is visible, as benchmarks ask."""
    usable = (clips.visible & clips.valid).transpose(1, 2)
    return _queries(clips, usable, torch.zeros_like(usable[..., 0], dtype=torch.long))


def _queries(clips: Clips, usable: Tensor, chosen: Tensor) -> Tensor:
    """The queries at the usable frame (B, N, T) before which `chosen` (B, N) usable frames lie."""
    found = usable & (usable.long().cumsum(-1) - 1 == chosen[..., None])
    frames = found.long().argmax(-1)  # (B, N)
    positions = clips.tracks.gather(1, frames[:, None, :, None].expand(-1, 1, -1, 2))[:, 0]
    return torch.cat([frames[..., None].to(positions.dtype), positions], dim=-1)


def without_faults(clips: Clips, queries: Tensor) -> tuple[Clips, Tensor]:
    """Clips and queries with no label that would spoil the training.

    A clip with a value that is no number, or a query farther out than any frame is wide, does not count: its labels are
    not valid and its queries are 1, as published. A point that is never visible has no query, so it does not count
    either.
    """
    sound = torch.stack([part.flatten(1).isfinite().all(1) for part in (clips.video, clips.tracks)]).all(0)
    sound &= queries.flatten(1).isfinite().all(1) & (queries.flatten(1) <= FARTHEST_QUERY).all(1)
    seen = (clips.visible & clips.valid).any(1, keepdim=True)  # (B, 1, N)
    whole = clips._replace(
        video=clips.video.nan_to_num(0.0, 0.0, 0.0),
        tracks=clips.tracks.nan_to_num(0.0, 0.0, 0.0),
        valid=clips.valid & sound[:, None, None] & seen,
    )
    if clips.judged is not None:
        whole = whole._replace(judged=clips.judged & sound[:, None, None] & seen)
    return whole, torch.where(sound[:, None, None], queries, torch.ones_like(queries))
