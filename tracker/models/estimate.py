"""What is believed of tracks while they are refined, and how windows begin and are joined."""

from typing import NamedTuple

import torch
from torch import Tensor


class Estimate(NamedTuple):
    """What is believed of N points over T frames, between two iterations."""

    coords: Tensor  # (B, N, T, 2) feature pixels
    visibility: Tensor  # (B, N, T) logits
    confidence: Tensor  # (B, N, T) logits

    def frames(self, start: int, stop: int) -> "Estimate":
        return Estimate(*(part[:, :, start:stop] for part in self))


def first_guess(points: Tensor, length: int) -> Estimate:
    """The query position on every frame, nothing known of visibility: (B, N, 2) -> N points over `length` frames."""
    zeros = points.new_zeros(*points.shape[:2], length)
    return Estimate(points[:, :, None].expand(-1, -1, length, -1), zeros, zeros)


def carry_over(guess: Estimate, overlap: Estimate, carried: Tensor) -> Estimate:
    """Begin a window with the result of the one before, for the points where `carried` (B, N) is true.

    The overlapping frames take their old values and the new frames the value of the last of them.
    """
    length = guess.coords.shape[2]
    index = torch.arange(length, device=carried.device).clamp_max(overlap.coords.shape[2] - 1)
    parts = []
    for fresh, old in zip(guess, overlap, strict=True):
        chosen = carried.view(*carried.shape, *[1] * (fresh.ndim - 2))
        parts.append(torch.where(chosen, old[:, :, index], fresh))
    return Estimate(*parts)


def join_windows(windows: list[tuple[int, Estimate]], length: int) -> Estimate:
    """One estimate over `length` frames; where windows overlap the later one counts."""
    pieces = []
    ends = [*(start for start, _ in windows[1:]), length]
    for (start, estimate), end in zip(windows, ends, strict=True):
        pieces.append(estimate.frames(0, end - start))
    return Estimate(*(torch.cat(parts, dim=2) for parts in zip(*pieces, strict=True)))
