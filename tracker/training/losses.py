"""The losses of CoTracker3's first training stage (Karaev et al. 2024, section 3.3; the published training code).

Every number is in pixels of the video that was given. What is summed over points and frames is divided per clip and
then averaged over the clips, so that a batch counts as the published training's one clip on each of many devices does.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from tracker.models.output import WindowIterations
from tracker.training.samples import Clips

DISCOUNT = 0.8  # an iteration counts this much less than the one after it
HUBER_DELTA = 6.0  # pixels
VISIBLE_FACTOR, INVISIBLE_FACTOR = 0.05, 0.01
CONFIDENT_WITHIN = 12.0  # pixels


class Losses(NamedTuple):
    """Scalars. The parts are as they are before they are multiplied by their factors and added up to `total`."""

    total: Tensor
    track: Tensor  # Huber, of visible points
    invisible: Tensor  # absolute error, of hidden points
    visibility: Tensor
    confidence: Tensor


def stage_one_loss(
    windows: list[WindowIterations], clips: Clips, queries: Tensor, kind: Literal["online", "offline"]
) -> Losses:
    """How wrong all refinement iterations of all windows are.

    Args:
        windows: what the network gives; frames beyond the end of the clips are left out.
        clips: the truth.
        queries: (B, N, 3) t, x, y. An online network answers for a point from its query on, an offline one everywhere.
    """
    valid = clips.valid
    if kind == "online":
        frames = torch.arange(valid.shape[1], device=valid.device)
        valid = valid & (queries[:, None, :, 0].long() <= frames[:, None])
    parts = [_window_losses(window, clips, valid) for window in windows]
    track, invisible, visibility, confidence = torch.stack(parts).mean(0)
    total = VISIBLE_FACTOR * track + INVISIBLE_FACTOR * invisible + visibility + confidence
    return Losses(total, track, invisible, visibility, confidence)


def _window_losses(window: WindowIterations, clips: Clips, valid: Tensor) -> Tensor:
    """(4,) track, invisible, visibility, confidence of one window."""
    stop = min(window.start + window.tracks.shape[2], clips.tracks.shape[1])
    inside = slice(window.start, stop)
    length = stop - window.start
    truth, visible, valid = clips.tracks[:, inside], clips.visible[:, inside], valid[:, inside]
    predicted = window.tracks[:, :, :length].float()
    error = predicted - truth
    close = error.detach().square().sum(-1) <= CONFIDENT_WITHIN**2
    sure = _binary_cross_entropy(window.confidence_logits[:, :, :length], close)
    seen = _binary_cross_entropy(window.visibility_logits[:, :, :length], visible.expand_as(close))
    return torch.stack(
        [
            _discounted(_masked_mean(_huber(error), valid & visible)),
            _discounted(_masked_mean(error.abs().mean(-1), valid & ~visible)),
            seen.mean(),
            (sure * visible).mean(),
        ]
    )


def _huber(error: Tensor) -> Tensor:
    """(..., 2) -> (...): quadratic up to the delta, straight beyond it; the mean of x and y."""
    size = error.abs()
    return torch.where(size <= HUBER_DELTA, 0.5 * size.square(), HUBER_DELTA * (size - HUBER_DELTA / 2)).mean(-1)


def _masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """(I, B, S, N) and (B, S, N) -> (I,): the mean of each clip's points that count, then of the clips."""
    weights = mask.to(values.dtype)
    return ((values * weights).sum((-2, -1)) / (1e-6 + weights.sum((-2, -1)))).mean(-1)


def _discounted(losses: Tensor) -> Tensor:
    """(I,) -> (): the mean over the iterations, the last counting most."""
    powers = torch.arange(len(losses) - 1, -1, -1, device=losses.device, dtype=losses.dtype)
    return (DISCOUNT**powers * losses).mean()


def _binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits.float(), target.float(), reduction="none")
