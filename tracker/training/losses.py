"""The losses of CoTracker3's first training stage (Karaev et al. 2024, section 3.3; the published training code).

Every number is in pixels of the video that was given. What is summed over points and frames is divided per clip and
then averaged over the clips, so that a batch counts as the published training's one clip on each of many devices does.

Labels that people corrected are not all alike: where clips have weights, means over positions are weighted ones, and
where clips say what was judged, visibility and confidence are means over that alone.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from tracker.models.output import WindowIterations
from tracker.training.samples import Clips

DISCOUNT = 0.8  # an iteration counts this much less than the one after it
CONFIDENT_WITHIN = 12.0  # pixels


@dataclass(frozen=True)
class LossConfig:
    """What counts how much; the defaults are the published ones."""

    huber_delta: float = 6.0  # pixels, of visible points: quadratic below, straight above
    visible: float = 0.05
    invisible: float = 0.01
    visibility: float = 1.0  # 0 where nothing is to be learned of it
    confidence: float = 1.0  # likewise
    matching: float = 0.0  # of the whole-frame search, for a network that matches
    choice: float = 0.0  # of choosing between first guess and refinement, likewise

    def __post_init__(self) -> None:
        factors = (self.visible, self.invisible, self.visibility, self.confidence, self.matching, self.choice)
        if self.huber_delta <= 0 or min(factors) < 0:
            raise ValueError("huber_delta must be more than 0, the factors must not be negative")


PUBLISHED = LossConfig()


class Losses(NamedTuple):
    """Scalars. The parts are as they are before they are multiplied by their factors and added up to `total`."""

    total: Tensor
    track: Tensor  # Huber, of visible points
    invisible: Tensor  # absolute error, of hidden points
    visibility: Tensor
    confidence: Tensor
    matching: Tensor  # cross-entropy of the whole-frame search; 0 for a network without one
    choice: Tensor  # likewise of the choice between first guess and refinement


def stage_one_loss(
    windows: list[WindowIterations],
    clips: Clips,
    queries: Tensor,
    kind: Literal["online", "offline"],
    config: LossConfig = PUBLISHED,
    matching: tuple[Tensor, Tensor] | None = None,
) -> Losses:
    """How wrong all refinement iterations of all windows are.

    Args:
        windows: what the network gives; frames beyond the end of the clips are left out.
        clips: the truth.
        queries: (B, N, 3) t, x, y. An online network answers for a point from its query on, an offline one everywhere.
        config: what counts how much.
        matching: the losses of the whole-frame search and of the choice, from a network that matches.
    """
    valid = clips.valid
    if kind == "online":
        frames = torch.arange(valid.shape[1], device=valid.device)
        valid = valid & (queries[:, None, :, 0].long() <= frames[:, None])
    parts = [_window_losses(window, clips, valid, config.huber_delta) for window in windows]
    track, invisible, visibility, confidence = torch.stack(parts).mean(0)
    searched, chosen = matching or (track.new_zeros(()), track.new_zeros(()))
    total = config.visible * track + config.invisible * invisible
    total = total + config.visibility * visibility + config.confidence * confidence
    total = total + config.matching * searched + config.choice * chosen
    return Losses(total, track, invisible, visibility, confidence, searched, chosen)


def _window_losses(window: WindowIterations, clips: Clips, valid: Tensor, huber_delta: float) -> Tensor:
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
    weight = None if clips.weight is None else clips.weight[:, inside]
    judged = None if clips.judged is None else clips.judged[:, inside]
    return torch.stack(
        [
            _discounted(_masked_mean(_huber(error, huber_delta), valid & visible, weight)),
            _discounted(_masked_mean(error.abs().mean(-1), valid & ~visible, weight)),
            _judged_mean(seen, judged),
            _judged_mean(sure * visible, judged),
        ]
    )


def _huber(error: Tensor, delta: float) -> Tensor:
    """(..., 2) -> (...): quadratic up to the delta, straight beyond it; the mean of x and y."""
    size = error.abs()
    return torch.where(size <= delta, 0.5 * size.square(), delta * (size - delta / 2)).mean(-1)


def _judged_mean(values: Tensor, judged: Tensor | None) -> Tensor:
    """(I, B, S, N) -> (): the mean of all, as published, or of what was judged in each clip, then of the clips."""
    return values.mean() if judged is None else _masked_mean(values, judged).mean()


def _masked_mean(values: Tensor, mask: Tensor, weight: Tensor | None = None) -> Tensor:
    """(I, B, S, N) and (B, S, N) -> (I,): the mean of each clip's points that count, then of the clips."""
    weights = mask.to(values.dtype)
    if weight is not None:
        weights = weights * weight
    return ((values * weights).sum((-2, -1)) / (1e-6 + weights.sum((-2, -1)))).mean(-1)


def _discounted(losses: Tensor) -> Tensor:
    """(I,) -> (): the mean over the iterations, the last counting most."""
    powers = torch.arange(len(losses) - 1, -1, -1, device=losses.device, dtype=losses.dtype)
    return (DISCOUNT**powers * losses).mean()


def _binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits.float(), target.float(), reduction="none")
