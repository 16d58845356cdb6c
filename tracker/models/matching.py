"""Matching by similarity, for networks that are too small, or trained too little, to learn it from correlations.

The 4-D correlation compares every place of a patch around the guess with every place of the template. Averaged over
the pairs with the same offset it says how well the whole template fits when it is moved by that offset. The soft
maximum of these scores is a displacement in closed form: the network only has to learn when to believe it.
The whole-frame search compares one vector with every place of a frame (TAPIR, Doersch et al. 2023, section 3.1).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tracker.models.correlation import correlate, gather_neighbourhoods, interpolate_neighbourhoods
from tracker.models.output import Choice

SEARCH_LEVEL = 1  # of the pyramid: coarse enough to be cheap and smooth, fine enough for the refinement to go on from
DISTANCE_COSTS = 0.1  # of similarity, times the logarithm of the distance: there are more places further away
SEARCH_GAIN = 0.2  # by which the whole template must fit better elsewhere, on the mean of the levels


class Matching(nn.Module):
    """Displacements per pyramid level from averaged correlations, and the scale of similarities.

    Args:
        levels: of the pyramid.
        radius: of patch and template; displacements reach one pixel further on each level.
    """

    VALUES = 4  # per level and token: displacement x and y, best score, score of staying

    def __init__(self, levels: int, radius: int) -> None:
        super().__init__()
        self.levels = levels
        # Similarities of unit vectors lie in -1..1; this makes logits of them.
        self.log_scale = nn.Parameter(torch.full((levels,), math.log(15.0)))
        self.search_log_scale = nn.Parameter(torch.full((2,), math.log(15.0)))
        average, offsets = offset_average(radius)
        self.average: Tensor
        self.offsets: Tensor
        self.register_buffer("average", average, persistent=False)
        self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, correlation: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """(..., Q * Q) of `correlate` -> (..., 2) displacement in its pixels, (..., 4) values for the token."""
        # In full precision whatever the correlation is: the displacement is added to the coordinates.
        with torch.autocast(correlation.device.type, enabled=False):
            scores = correlation.to(self.average.dtype) @ self.average
            weights = torch.softmax(scores * self.log_scale[level].exp(), dim=-1)
            moved = weights @ self.offsets
        stay = scores[..., scores.shape[-1] // 2]
        best = scores.amax(-1)
        return moved, torch.cat([moved / self.offsets.amax(), best[..., None], stay[..., None]], dim=-1)

    def similarities(self, level: Tensor, templates: Tensor) -> Tensor:
        """One vector per point against whole frames: (B, T, h, w, C), (B, N, Q, C) -> (B, N, T, h * w) in -1..1."""
        middle = templates[:, :, templates.shape[2] // 2]
        return torch.einsum("bnc,btsc->bnts", middle, level.flatten(2, 3))

    @torch.no_grad()
    def search(self, pyramid: list[Tensor], templates: list[Tensor], coords: Tensor, max_tokens: int) -> Tensor:
        """Move guesses to another place in the frame where the template fits far better.

        Args:
            pyramid: levels of (B, T, h, w, C).
            templates: levels of (B, N, Q, C); a point of zeros stays where it is.
            coords: (B, N, T, 2) guesses in feature pixels of level 0.
            max_tokens: bounds the memory, not the result: 512 times as many similarities are held at once.

        Returns:
            (B, N, T, 2) guesses.
        """
        places = pyramid[SEARCH_LEVEL][0, ..., 0].numel()
        size = max(1, min(max_tokens * 512 // max(1, places), max_tokens // max(1, coords.shape[2])))
        pieces = []
        for first in range(0, max(1, coords.shape[1]), size):
            some = slice(first, first + size)
            pieces.append(self._search(pyramid, [one[:, some] for one in templates], coords[:, some]))
        return torch.cat(pieces, dim=1)

    def _search(self, pyramid: list[Tensor], templates: list[Tensor], coords: Tensor) -> Tensor:
        scale = 2**SEARCH_LEVEL
        height, width = pyramid[SEARCH_LEVEL].shape[2:4]
        y, x = torch.meshgrid(*(torch.arange(size, device=coords.device) for size in (height, width)), indexing="ij")
        places = torch.stack([x, y], dim=-1).view(-1, 2) * scale
        distance = torch.cdist(coords.float(), places.to(torch.float32).expand(len(coords), 1, -1, -1)) / scale
        similarity = self.similarities(pyramid[SEARCH_LEVEL], templates[SEARCH_LEVEL])
        found = places[(similarity - DISTANCE_COSTS * distance.log1p()).argmax(-1)].to(coords.dtype)
        radius = (math.isqrt(templates[0].shape[2]) - 1) // 2
        found = found + self(correlate(pyramid[0], templates[0], found, radius), 0)[0].to(coords.dtype)
        gain = fits(pyramid, templates, found, radius) - fits(pyramid, templates, coords, radius)
        return torch.where((gain.mean(-1) > SEARCH_GAIN)[..., None], found, coords)

    def search_logits(self, pyramid: list[Tensor], templates: list[Tensor]) -> list[Tensor]:
        """Logits of every place of every frame on the two finest levels, (B, N, T, h, w), for the matching loss."""
        logits = []
        for i in range(SEARCH_LEVEL + 1):
            similarity = self.similarities(pyramid[i].float(), templates[i].float())
            logits.append((similarity * self.search_log_scale[i].exp()).unflatten(-1, pyramid[i].shape[2:4]))
        return logits


def choice_loss(choices: list[Choice], starts: list[int], coords: Tensor, counted: Tensor) -> Tensor:
    """Cross-entropy of the choice between first guess and refinement, weighed by how much depends on it.

    Args:
        choices, starts: of every window, and its first frame.
        coords: (B, N, T, 2) true positions in feature pixels.
        counted: (B, N, T) bool, what counts.
    """
    losses = []
    for choice, start in zip(choices, starts, strict=True):
        stop = min(start + choice.begun.shape[2], coords.shape[2])
        length, truth = stop - start, coords[:, :, start:stop]
        begun = (choice.begun[:, :, :length] - truth).norm(dim=-1)
        refined = (choice.refined[:, :, :length] - truth).norm(dim=-1)
        # Half a feature pixel decides which thresholds a position meets; more than one makes no more difference.
        weight = (begun - refined).abs().clamp_max(1.0) * counted[:, :, start:stop]
        target = (begun <= refined).to(weight.dtype)
        loss = F.binary_cross_entropy_with_logits(choice.keep[..., :length].float(), target, reduction="none")
        losses.append((loss * weight).sum() / weight.sum().clamp_min(1.0))
    return torch.stack(losses).mean()


def offset_average(radius: int) -> tuple[Tensor, Tensor]:
    """The matrix (Q * Q, D) that averages a 4-D correlation over pairs with one offset, and the D offsets (D, 2).

    Always on the CPU: a network that is made on the "meta" device, to be filled from a file, has no other copy of them.
    """
    side, reach = 2 * radius + 1, radius + 1
    axis = torch.arange(side, device="cpu")
    places = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)  # x slowly, y fast
    difference = (places[:, None] - places[None]).view(-1, 2)
    steps = torch.arange(-reach, reach + 1, device="cpu")
    offsets = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1).view(-1, 2)
    matrix = (difference[:, None] == offsets[None]).all(-1).float()
    return matrix / matrix.sum(0, keepdim=True), offsets.float()


class Chooser(nn.Module):
    """Whether the first guess or the refined position of a window is nearer the truth, from how well both fit.

    It looks at two frames before and two after, as one of the two is seldom right for a single frame.

    Args:
        levels: of the pyramid.
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(2 * levels + 3, 32, 5, padding=2, padding_mode="replicate")
        self.conv2 = nn.Conv1d(32, 1, 1)
        nn.init.zeros_(self.conv2.weight)
        assert self.conv2.bias is not None
        nn.init.ones_(self.conv2.bias)  # flow is better than an untrained network

    def forward(self, begun: Tensor, refined: Tensor, moved: Tensor, visibility: Tensor, confidence: Tensor) -> Tensor:
        """Logits (B, N, T) that the first guess is nearer.

        Args:
            begun, refined: (B, N, T, levels) `likeness` of the two.
            moved: (B, N, T, 2) feature pixels from one to the other.
            visibility, confidence: (B, N, T) logits.
        """
        distance = moved.norm(dim=-1).log1p()
        state = torch.stack([distance, visibility.detach() / 4, confidence.detach() / 4], dim=-1)
        values = torch.cat([4 * (begun + refined), 8 * (begun - refined), state], dim=-1)
        hidden = F.relu(self.conv1(values.flatten(0, 1).transpose(1, 2)))
        return self.conv2(hidden).view(moved.shape[:3])


def likeness(level: Tensor, templates: Tensor, coords: Tensor, radius: int) -> Tensor:
    """How like the template the patch around each place is: the mean product of vectors at the same offset.

    Args:
        level: (B, T, h, w, C).
        templates: (B, N, Q, C).
        coords: (B, N, T, 2) in pixels of this level.

    Returns:
        (B, N, T) in -1..1.
    """
    batch, count, length = coords.shape[:3]
    maps = torch.arange(batch * length, device=level.device).view(batch, 1, length).expand(batch, count, length)
    found = interpolate_neighbourhoods(*gather_neighbourhoods(level, maps.flatten(), coords.flatten(0, 2), radius))
    patches = found.view(batch, count, length, *templates.shape[2:])
    return torch.einsum("bntqc,bnqc->bnt", patches, templates) / templates.shape[2]


def fits(pyramid: list[Tensor], templates: list[Tensor], coords: Tensor, radius: int) -> Tensor:
    """(B, N, T, levels) the `likeness` on every level of places (B, N, T, 2) in feature pixels of level 0."""
    levels = enumerate(zip(pyramid, templates, strict=True))
    return torch.stack([likeness(level, one, coords / 2**i, radius) for i, (level, one) in levels], dim=-1)


def matching_loss(logits: list[Tensor], coords: Tensor, counted: Tensor) -> Tensor:
    """Cross-entropy of the whole-frame search against the four pixels around the true place; mean over levels.

    Args:
        logits: per level (B, N, T, h, w).
        coords: (B, N, T, 2) true positions in feature pixels of level 0.
        counted: (B, N, T) bool, what counts.
    """
    losses = []
    for i, values in enumerate(logits):
        height, width = values.shape[-2:]
        log_likelihood = F.log_softmax(values.flatten(-2), dim=-1)
        x, y = (coords / 2**i).unbind(-1)
        x, y = x.clamp(0, max(0, width - 1.001)), y.clamp(0, max(0, height - 1.001))
        left, top = x.floor(), y.floor()
        total = torch.zeros_like(x)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            weight = (1 - (x - left - dx).abs()) * (1 - (y - top - dy).abs())
            index = (top.long() + dy).clamp_max(height - 1) * width + (left.long() + dx).clamp_max(width - 1)
            total = total + weight * log_likelihood.gather(-1, index[..., None])[..., 0]
        losses.append(-(total * counted).sum() / counted.sum().clamp_min(1))
    return torch.stack(losses).mean()
