"""Smooth, sudden, slow and fast motion of layers and cameras, as curves over time, and the homographies they make.

World coordinates have their origin at the centre of the frame and half the frame's long side as their unit; a layer's
plane spans -1..1. Curves and homographies are small: they live on the CPU in float64.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

OVERSAMPLED = 4  # samples of a curve in a frame's time
BENDS = 2  # waves that bend a layer
CONTRACTION = 0.4  # bound of the Lipschitz constant of the bending: the inverse converges at least at this rate
DOUBLE = torch.float64

# Frame widths in a frame's time, and how often a clip is slow, medium or fast.
SPEEDS = torch.tensor([[0.0005, 0.006], [0.006, 0.04], [0.04, 0.2]], dtype=DOUBLE)
SPEED_SHARES = torch.tensor([0.35, 0.40, 0.25], dtype=DOUBLE)
# How often the path of a slow, medium or fast layer is smooth, straight, stop-and-go, jerky, jittering.
PATH_SHARES = torch.tensor(
    [[0.5, 0.2, 0.2, 0.1, 0.0], [0.45, 0.2, 0.15, 0.15, 0.05], [0.4, 0.15, 0.15, 0.2, 0.1]], dtype=DOUBLE
)


class Bend(NamedTuple):
    """Low-frequency displacement of a plane: p -> p + sum_k amplitude_k sin(frequency_k . p + phase_k)."""

    amplitude: Tensor  # (..., K, 2)
    frequency: Tensor  # (..., K, 2)
    phase: Tensor  # (..., K)


class Poses(NamedTuple):
    """Where every layer is at F moments; layer 0 is the background."""

    homography: Tensor  # (F, L, 3, 3) float64, plane -> world
    bend: Bend  # (F, L, ...) float64, applied to the plane when going from the world to the texture
    gain: Tensor  # (F, L) float64, brightness


def uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=DOUBLE) * (high - low) + low


def log_uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return uniform(shape, math.log(low), math.log(high), generator).exp()


def chance(shape: tuple[int, ...], probability: float, generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=DOUBLE) < probability


class _Curves:
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


def _fold(path: Tensor, reach: Tensor) -> Tensor:
    """A path that bounces off -reach and reach."""
    return ((path + reach).remainder(4 * reach) - 2 * reach).abs() - reach


class Motion:
    """The motion of B clips of L layers (background and L - 1 objects in depth order) over `frames` frames."""

    def __init__(self, clips: int, layers: int, frames: int, scale: float, generator: torch.Generator) -> None:
        curves = _Curves(frames, generator)
        tempo = torch.multinomial(SPEED_SHARES, clips, replacement=True, generator=generator)
        low, high = SPEEDS[tempo].log().unbind(-1)
        speed = scale * (low + (high - low) * uniform((clips,), 0, 1, generator)).exp()
        self.tempo = tempo
        self._frames = frames
        self._camera = self._make_camera(curves, tempo, speed)
        self._layers = self._make_layers(curves, tempo, speed, layers)
        self._make_bends(curves, layers)

    def _make_camera(self, curves: _Curves, tempo: Tensor, speed: Tensor) -> Tensor:
        """Pan x, y, log zoom, roll, tilt x, tilt y: (B, 6, M)."""
        generator, n = curves.generator, len(tempo)
        moving = chance((n,), 0.6, generator)
        pace = speed * moving * uniform((n,), 0.2, 1, generator)
        pan = curves.integrate(curves.velocities(tempo)) * 2 * pace[:, None, None]
        pan = _fold(pan, uniform((n, 1, 1), 0.3, 1.2, generator))
        shake = chance((n,), 0.4, generator) * log_uniform((n,), 0.0005, 0.01, generator) * (0.2 + moving)
        pan = pan + curves.smooth(n, 2, fastest=0.4) * shake[:, None, None]
        turn = moving * speed * uniform((n,), 0, 3, generator)
        zoom = curves.sway(n, speed=turn) * uniform((n, 1), 0, 0.4, generator)
        roll = curves.sway(n, speed=turn) * uniform((n, 1), 0, 0.3, generator)
        tilt = curves.sway(n, 2, speed=turn[:, None].expand(n, 2)) * 0.05
        return torch.cat([pan, zoom[:, None], roll[:, None], tilt], 1)

    def _make_layers(self, curves: _Curves, tempo: Tensor, speed: Tensor, layers: int) -> Tensor:
        """x, y, log size, angle, tilt x, tilt y, bends, gain: (B, L, 6 + K + 1, M)."""
        generator, shape = curves.generator, (len(tempo), layers)
        moving = chance(shape, 0.85, generator)
        pace = speed[:, None] * moving * log_uniform(shape, 0.15, 1.5, generator)
        centre = uniform((*shape, 2, 1), -0.9, 0.9, generator)
        reach = uniform((*shape, 1, 1), 0.2, 1.3, generator)
        path = curves.integrate(curves.velocities(tempo[:, None].expand(shape))) * 2 * pace[..., None, None]
        position = centre * 0.8 + _fold(path, reach)
        turn = pace * log_uniform(shape, 0.3, 6, generator)
        angle = uniform((*shape, 1), -math.pi, math.pi, generator) + curves.integrate(
            curves.smooth(*shape) * turn.clamp(max=0.4)[..., None]
        )
        growth = curves.sway(*shape, speed=turn) * uniform((*shape, 1), 0, 0.5, generator)
        size = log_uniform((*shape, 1), 0.09, 0.6, generator).log() + growth
        tilt_reach = uniform((*shape, 1, 1), 0, 0.9, generator)
        tilt = curves.sway(*shape, 2, speed=turn[..., None].expand(*shape, 2)) * tilt_reach
        bend_speed = (pace * 8 + 0.02 * moving)[..., None].expand(*shape, BENDS)
        bend = curves.sway(*shape, BENDS, speed=bend_speed.clamp(max=1.2))
        gain = 1 + curves.sway(*shape, speed=log_uniform(shape, 0.01, 0.5, generator)) * log_uniform(
            (*shape, 1), 0.01, 0.25, generator
        )
        one = [size, angle]
        return torch.cat([position, *(c[:, :, None] for c in one), tilt, bend, gain[:, :, None]], 2)

    def _make_bends(self, curves: _Curves, layers: int) -> None:
        generator, shape = curves.generator, (self._camera.shape[0], layers, BENDS)
        wave = log_uniform(shape, 1, 5, generator)
        direction = uniform(shape, 0, 2 * math.pi, generator)
        self._frequency = wave[..., None] * torch.stack([direction.cos(), direction.sin()], -1)
        across = direction + uniform(shape, 0, 2 * math.pi, generator)
        strength = uniform(shape, 0, CONTRACTION / BENDS, generator) * chance((*shape[:2], 1), 0.5, generator)
        self._amplitude = (strength / wave)[..., None] * torch.stack([across.cos(), across.sin()], -1)
        self._phase = uniform(shape, 0, 2 * math.pi, generator)
        factor = 1 + uniform(shape[:2], 0, 0.15, generator).cumsum(1)
        self.parallax = torch.where(chance(shape[:2], 0.3, generator), 0.0, factor)
        self.parallax[:, 0] = 1

    @property
    def reach(self) -> Tensor:
        """(B, L): how far beyond -1..1 a plane point can lie whose texture point is within -1..1."""
        return self._amplitude.norm(dim=-1).sum(-1)

    def poses(self, clip: Tensor, moment: Tensor) -> Poses:
        """The poses of clips ``clip`` (F,) at moments ``moment`` (F,), in frames."""
        camera = self._interpolate(self._camera, clip, moment)
        layer = self._interpolate(self._layers, clip, moment)
        homography = _layer_homography(layer)
        homography[:, 0] = _background_homography(layer[:, 0])
        world = _camera_homography(camera, self.parallax[clip]) @ homography
        modulation = layer[..., 6 : 6 + BENDS, None]
        bend = Bend(self._amplitude[clip] * modulation, self._frequency[clip], self._phase[clip])
        return Poses(world, bend, layer[..., -1])

    def _interpolate(self, curves: Tensor, clip: Tensor, moment: Tensor) -> Tensor:
        place = (moment.to(DOUBLE) + 1) * OVERSAMPLED
        first = place.floor().long().clamp(0, curves.shape[-1] - 2)
        part = (place - first).view(-1, *[1] * (curves.dim() - 2))
        moved = curves.movedim(-1, 1)
        return torch.lerp(moved[clip, first], moved[clip, first + 1], part)


def _layer_homography(layer: Tensor) -> Tensor:
    """A plane of a size, turned in space, seen in perspective, moved: (..., D) -> (..., 3, 3)."""
    x, y, log_size, angle, tilt_x, tilt_y = layer[..., :6].unbind(-1)
    size, c, s = log_size.exp(), angle.cos(), angle.sin()
    cx, sx, cy, sy = tilt_x.cos(), tilt_x.sin(), tilt_y.cos(), tilt_y.sin()
    depth = size.clamp(max=1) * 0.5
    w0, w1 = -depth * sy, depth * cy * sx
    rows = [
        *(size * (c * cy) + x * w0, size * (c * sy * sx - s * cx) + x * w1, x),
        *(size * (s * cy) + y * w0, size * (s * sy * sx + c * cx) + y * w1, y),
        *(w0, w1, torch.ones_like(x)),
    ]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def _background_homography(layer: Tensor) -> Tensor:
    """The background stays: only its size is its own (the camera moves over it)."""
    still = torch.zeros_like(layer)
    still[..., 2] = 0.25
    return _layer_homography(still)


def _camera_homography(camera: Tensor, parallax: Tensor) -> Tensor:
    """(F, 6), (F, L) -> (F, L, 3, 3)."""
    pan_x, pan_y, zoom, roll, tilt_x, tilt_y = (value[:, None].expand_as(parallax) for value in camera.unbind(-1))
    scale = zoom.exp()
    c, s, one = scale * roll.cos(), scale * roll.sin(), torch.ones_like(scale)
    x, y = -parallax * pan_x, -parallax * pan_y
    rows = [c, -s, c * x - s * y, s, c, s * x + c * y, tilt_x, tilt_y, one + tilt_x * x + tilt_y * y]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
