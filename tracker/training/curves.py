"""Random numbers and random curves over time: smooth, straight, sudden, jittering.

Curves are small: they live on the CPU in float64.
"""

import math

import torch
from torch import Tensor

OVERSAMPLED = 4  # samples of a curve in a frame's time
DOUBLE = torch.float64

# How often the path of something slow, of middle speed or fast is smooth, straight, stop-and-go, jerky, jittering.
PATH_SHARES = torch.tensor(
    [[0.5, 0.2, 0.2, 0.1, 0.0], [0.45, 0.2, 0.15, 0.15, 0.05], [0.4, 0.15, 0.15, 0.2, 0.1]], dtype=DOUBLE
)


def uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=DOUBLE) * (high - low) + low


def log_uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return uniform(shape, math.log(low), math.log(high), generator).exp()


def chance(shape: tuple[int, ...], probability: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=DOUBLE) < probability


class Curves:
    """Random curves over the moments -1 .. frames, `OVERSAMPLED` samples a frame."""

    def __init__(self, frames: int, generator: torch.Generator) -> None:
        self.frames = frames
        self.generator = generator
        self.moments = torch.arange((frames + 1) * OVERSAMPLED + 1, dtype=DOUBLE) / OVERSAMPLED - 1

    def smooth(self, *shape: int, fastest: float = 0.15) -> Tensor:
        """Noise with a random cut-off, root mean square 1: (*shape, M)."""
        waves = (*shape, 3, 1)
        frequency = log_uniform(waves, 0.5 / self.frames, fastest, self.generator)
        phase = uniform(waves, 0, 2 * math.pi, self.generator)
        weight = uniform(waves, 0.2, 1, self.generator)
        noise = (weight * torch.cos(2 * math.pi * frequency * self.moments + phase)).sum(-2)
        return noise / weight.square().sum(-2).div(2).sqrt()

    def integrate(self, velocity: Tensor) -> Tensor:
        """The path of a velocity (units in a frame's time), 0 at a random frame."""
        path = velocity.cumsum(-1) / OVERSAMPLED
        anchor = torch.randint(OVERSAMPLED, path.shape[-1] - OVERSAMPLED, path.shape[:-1], generator=self.generator)
        return path - path.gather(-1, anchor[..., None])

    def sway(self, *shape: int, speed: Tensor) -> Tensor:
        """A curve within -1..1 that wanders at about `speed` (shape) in a frame's time."""
        start = uniform(shape, -1, 1, self.generator)[..., None]
        return torch.sin(start + self.integrate(self.smooth(*shape) * speed[..., None]))

    def velocities(self, tempo: Tensor) -> Tensor:
        """Velocity profiles of about unit speed, of a kind drawn for a `tempo` (shape) of 0, 1, 2: (*shape, 2, M)."""
        shape = tuple(tempo.shape)
        smooth = self.smooth(*shape, 2)
        straight = uniform((*shape, 1, 1), 0, 2 * math.pi, self.generator)
        straight = torch.cat([straight.cos(), straight.sin()], -2).expand_as(smooth)
        gate = torch.sigmoid(6 * self.smooth(*shape, 1, fastest=0.25))
        kinds = torch.stack([smooth, straight, straight * gate * 1.5, self._jerks(shape), self._jitter(shape)])
        shares = PATH_SHARES[tempo.flatten()]
        kind = torch.multinomial(shares, 1, generator=self.generator).view(1, *shape, 1, 1)
        return kinds.gather(0, kind.expand(1, *smooth.shape))[0]

    def _jerks(self, shape: tuple[int, ...]) -> Tensor:
        """Still, but for three sudden moves."""
        moves = (*shape, 1, 3, 1)
        time = uniform(moves, 0, self.frames, self.generator)
        width = log_uniform(moves, 0.3, 1.5, self.generator)
        strength = torch.randn((*shape, 2, 3, 1), generator=self.generator, dtype=DOUBLE)
        return (strength * torch.exp(-0.5 * ((self.moments - time) / width).square())).sum(-2)

    def _jitter(self, shape: tuple[int, ...]) -> Tensor:
        """A velocity that is new in every frame; turns back on average."""
        steps = torch.randn((*shape, 2, self.frames + 3), generator=self.generator, dtype=DOUBLE)
        steps = (steps[..., 1:] - steps[..., :-1]) / math.sqrt(2)
        return steps.repeat_interleave(OVERSAMPLED, -1)[..., : len(self.moments)]


def fold(path: Tensor, reach: Tensor) -> Tensor:
    """A path that bounces off -reach and reach."""
    return ((path + reach).remainder(4 * reach) - 2 * reach).abs() - reach


def at(curves: Tensor, clip: Tensor, moment: Tensor) -> Tensor:
    """Curves (B, ..., M) of clips ``clip`` (F,) at moments ``moment`` (F,) in frames: (F, ...)."""
    place = (moment.to(DOUBLE) + 1) * OVERSAMPLED
    first = place.floor().long().clamp(0, curves.shape[-1] - 2)
    part = (place - first).view(-1, *[1] * (curves.dim() - 2))
    moved = curves.movedim(-1, 1)
    return torch.lerp(moved[clip, first], moved[clip, first + 1], part)
