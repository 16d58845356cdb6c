"""Positions that are known: they are given to every refinement iteration and come out of it unchanged."""

from typing import NamedTuple

import torch
from torch import Tensor

from tracker.models.correlation import correlate
from tracker.models.matching import fits


class Held(NamedTuple):
    """What is known of N points over T frames of a window, and what they look like at the other known end."""

    known: Tensor  # (B, N, T) bool
    coords: Tensor  # (B, N, T, 2) feature pixels; anything where not known
    templates: list[Tensor]  # levels of (B, N, patch, C), from the other end
    share: Tensor  # (B, N, T) how much the other end's template counts on a frame, 0..1


def keep_held(held: Held | None, coords: Tensor) -> Tensor:
    """(B, N, T, 2) with the known positions in their places."""
    if held is None:
        return coords
    return torch.where(held.known[..., None], held.coords.to(coords.dtype), coords)


def correlate_both(
    held: Held | None, index: int, points: slice, level: Tensor, template: Tensor, coords: Tensor, radius: int
) -> Tensor:
    """As `correlation.correlate` for the level `index` and some of the points, with the other end's template too."""
    one = correlate(level, template, coords, radius)
    if held is None:
        return one
    other = correlate(level, held.templates[index][:, points].to(template.dtype), coords, radius)
    return torch.lerp(one, other, held.share[:, points, :, None].to(one.dtype))


def fit_both(
    held: Held | None, points: slice, pyramid: list[Tensor], templates: list[Tensor], coords: Tensor, radius: int
) -> Tensor:
    """As `matching.fits` for some of the points, with the other end's template too."""
    one = fits(pyramid, templates, coords, radius)
    if held is None:
        return one
    other = fits(pyramid, [part[:, points].to(templates[0].dtype) for part in held.templates], coords, radius)
    return torch.lerp(one, other, held.share[:, points, :, None].to(one.dtype))
