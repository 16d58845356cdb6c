"""The motion of layers and cameras: still, slow, fast and sudden, and the homographies it makes.

World coordinates have their origin at the centre of the frame and half the frame's long side as their unit; a layer's
plane spans -1..1. Poses are small: they live on the CPU in float64.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from tracker.training.curves import DOUBLE, Curves, at, chance, fold, log_uniform, uniform

BENDS = 2  # waves that bend a layer
CONTRACTION = 0.4  # bound of the Lipschitz constant of the bending: the inverse converges at least at this rate

# Frame widths in a frame's time of slow, middle and fast clips, and how often a clip is which.
SPEEDS = torch.tensor([[0.0005, 0.006], [0.006, 0.04], [0.05, 0.35]], dtype=DOUBLE)
SPEED_SHARES = torch.tensor([0.35, 0.40, 0.25], dtype=DOUBLE)
CROSSING = 0.3  # share of the objects that cross the frame in any clip, hiding what is below
PARTS = 0.25  # share of the objects that are joined to the one below and swing on it, as limbs do


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


class _Pace(NamedTuple):
    """How fast things of B clips are, in frame widths in a frame's time."""

    tempo: Tensor  # (B,) 0 slow, 1 middle, 2 fast
    clip: Tensor  # (B,)
    layer: Tensor  # (B, L)
    crossing: Tensor  # (B, L) bool


class Motion:
    """The motion of B clips of L layers (background and L - 1 objects in depth order) over `frames` frames.

    ``scale`` multiplies all speeds. ``parent`` (B, L) names the layer that a part is joined to, itself for others.
    """

    def __init__(self, clips: int, layers: int, frames: int, scale: float, generator: torch.Generator) -> None:
        curves = Curves(frames, generator)
        pace = _draw_pace(clips, layers, frames, scale, generator)
        self.parent = _draw_parents(clips, layers, generator)
        self._camera = _camera_curves(curves, pace)
        self._layers = torch.cat(
            [_place_curves(curves, pace), _turn_curves(curves, pace), _look_curves(curves, pace)], 2
        )
        self._joints = _joint_curves(curves, pace)
        self._bend = _draw_bend((clips, layers, BENDS), generator)
        self._background = torch.stack(
            [uniform((clips,), 0.05, 0.6, generator), *uniform((2, clips), -0.35, 0.35, generator)], -1
        )
        parallax = _draw_parallax((clips, layers), generator)
        self._parallax = parallax.gather(1, self.parent)

    @property
    def reach(self) -> Tensor:
        """(B, L): how far beyond -1..1 a plane point can lie whose texture point is within -1..1."""
        return self._bend.amplitude.norm(dim=-1).sum(-1)

    def poses(self, clip: Tensor, moment: Tensor) -> Poses:
        """The poses of clips ``clip`` (F,) at moments ``moment`` (F,), in frames."""
        layer = at(self._layers, clip, moment)
        x, y, size, angle, tilt_x, tilt_y, *bends, gain = layer.unbind(-1)
        still = torch.zeros_like(x[:, 0])
        far = self._background[clip].unbind(-1)
        own = _plane_homography(x, y, size, angle, tilt_x, tilt_y)
        own[:, 0] = _plane_homography(still, still, far[0], still, far[1], far[2])
        parent = self.parent[clip]
        joined = parent != torch.arange(parent.shape[1])
        root = own.gather(1, parent[..., None, None].expand_as(own))
        limb = root @ _joint_homography(at(self._joints, clip, moment))
        world = torch.where(joined[..., None, None], limb, own)
        world = _camera_homography(at(self._camera, clip, moment), self._parallax[clip]) @ world
        amplitude, frequency, phase = (tensor[clip] for tensor in self._bend)
        return Poses(world, Bend(amplitude * torch.stack(bends, -1)[..., None], frequency, phase), gain)


def _draw_pace(clips: int, layers: int, frames: int, scale: float, generator: torch.Generator) -> _Pace:
    tempo = torch.multinomial(SPEED_SHARES, clips, replacement=True, generator=generator)
    low, high = SPEEDS[tempo].log().unbind(-1)
    clip = (low + (high - low) * uniform((clips,), 0, 1, generator)).exp()
    shape = (clips, layers)
    layer = clip[:, None] * chance(shape, 0.85, generator) * log_uniform(shape, 0.2, 1.5, generator)
    crossing = chance(shape, CROSSING, generator) & chance((clips, 1), 0.85, generator)
    crossing[:, 0] = False
    across = log_uniform(shape, 0.5, 2.5, generator) / frames
    return _Pace(tempo, clip * scale, torch.where(crossing, torch.maximum(layer, across), layer) * scale, crossing)


def _draw_parents(clips: int, layers: int, generator: torch.Generator) -> Tensor:
    """The layer itself, or for a part the root of the layer below it."""
    parent = torch.arange(layers).repeat(clips, 1)
    joined = chance((clips, layers), PARTS, generator)
    for layer in range(2, layers):
        parent[:, layer] = torch.where(joined[:, layer], parent[:, layer - 1], parent[:, layer])
    return parent


def _draw_parallax(shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """How much the pan of the camera moves layers: nearer ones more, some not at all (the camera follows them)."""
    factor = 1 + uniform(shape, 0, 0.15, generator).cumsum(1)
    factor[chance(shape, 0.3, generator)] = 0
    factor[:, 0] = 1
    return factor


def _draw_bend(shape: tuple[int, int, int], generator: torch.Generator) -> Bend:
    """Bends for half of the objects and few backgrounds; the amplitude is a bound that curves then modulate."""
    wave = log_uniform(shape, 1, 5, generator)
    direction = uniform(shape, 0, 2 * math.pi, generator)
    across = direction + uniform(shape, 0, 2 * math.pi, generator)
    bent = chance(shape[:2], 0.5, generator)
    bent[:, 0] &= chance(shape[:1], 0.4, generator)
    strength = uniform(shape, 0, CONTRACTION / BENDS, generator) * bent[..., None]
    return Bend(
        amplitude=(strength / wave)[..., None] * torch.stack([across.cos(), across.sin()], -1),
        frequency=wave[..., None] * torch.stack([direction.cos(), direction.sin()], -1),
        phase=uniform(shape, 0, 2 * math.pi, generator),
    )


def _camera_curves(curves: Curves, pace: _Pace) -> Tensor:
    """Pan x, y, log zoom, roll, tilt x, tilt y: (B, 6, M)."""
    generator, n = curves.generator, len(pace.tempo)
    moving = chance((n,), 0.6, generator)
    speed = pace.clip * moving * uniform((n,), 0.2, 1.2, generator)
    pan = curves.integrate(curves.velocities(pace.tempo)) * 2 * speed[:, None, None]
    pan = fold(pan, uniform((n, 1, 1), 0.3, 1.2, generator))
    shake = chance((n,), 0.4, generator) * log_uniform((n,), 0.0005, 0.01, generator) * (0.2 + moving)
    pan = pan + curves.smooth(n, 2, fastest=0.4) * shake[:, None, None]
    turn = moving * pace.clip * uniform((n,), 0, 3, generator)
    zoom = curves.sway(n, speed=turn) * uniform((n, 1), 0, 0.4, generator)
    roll = curves.sway(n, speed=turn) * uniform((n, 1), 0, 0.3, generator)
    tilt = curves.sway(n, 2, speed=turn[:, None].expand(n, 2)) * 0.05
    return torch.cat([pan, zoom[:, None], roll[:, None], tilt], 1)


def _place_curves(curves: Curves, pace: _Pace) -> Tensor:
    """x and y of every layer: (B, L, 2, M)."""
    generator, shape = curves.generator, tuple(pace.layer.shape)
    tempo = torch.where(pace.crossing, 1, pace.tempo[:, None])
    path = curves.integrate(curves.velocities(tempo)) * 2 * pace.layer[..., None, None]
    wide = torch.where(pace.crossing, 1.3, 0.75)[..., None, None]
    reach = wide * uniform((*shape, 1, 1), 0.3, 1.1, generator)
    centre = uniform((*shape, 2, 1), -0.8, 0.8, generator)
    return torch.where(pace.crossing[..., None, None], 0.5, 1.0) * centre + fold(path, reach)


def _turn_curves(curves: Curves, pace: _Pace) -> Tensor:
    """Log size, angle, tilt x, tilt y of every layer: (B, L, 4, M)."""
    generator, shape = curves.generator, tuple(pace.layer.shape)
    turn = pace.layer * log_uniform(shape, 0.3, 6, generator)
    growth = curves.sway(*shape, speed=turn) * uniform((*shape, 1), 0, 0.5, generator)
    general = uniform((shape[0], 1, 1), -0.3, 0.3, generator)
    size = general + log_uniform((*shape, 1), 0.1, 0.65, generator).log() + growth
    upright = torch.randn((*shape, 1), generator=generator, dtype=DOUBLE) * 0.3
    start = torch.where(chance((*shape, 1), 0.6, generator), upright, uniform((*shape, 1), -3.14, 3.14, generator))
    angle = start + curves.integrate(curves.smooth(*shape) * turn.clamp(max=0.4)[..., None])
    tilt = curves.sway(*shape, 2, speed=turn[..., None].expand(*shape, 2)) * uniform((*shape, 1, 1), 0, 0.9, generator)
    return torch.cat([size[:, :, None], angle[:, :, None], tilt], 2)


def _look_curves(curves: Curves, pace: _Pace) -> Tensor:
    """How far every bend is bent, -1..1, and the brightness: (B, L, K + 1, M)."""
    generator, shape = curves.generator, tuple(pace.layer.shape)
    speed = (pace.layer * 8 + 0.02 * (pace.layer > 0)).clamp(max=1.2)
    bend = curves.sway(*shape, BENDS, speed=speed[..., None].expand(*shape, BENDS))
    drift = curves.sway(*shape, speed=log_uniform(shape, 0.01, 0.5, generator))
    gain = 1 + drift * log_uniform((*shape, 1), 0.01, 0.25, generator)
    return torch.cat([bend, gain[:, :, None]], 2)


def _joint_curves(curves: Curves, pace: _Pace) -> Tensor:
    """For parts: direction and distance of the joint on the parent, swing, length, log size: (B, L, 5, M)."""
    generator, shape = curves.generator, tuple(pace.layer.shape)
    direction = uniform((*shape, 1), 0, 2 * math.pi, generator)
    distance = uniform((*shape, 1), 0.3, 0.8, generator)
    speed = (pace.layer * log_uniform(shape, 2, 12, generator)).clamp(max=0.8)
    swing = direction + uniform((*shape, 1), 0.1, 1.1, generator) * curves.sway(*shape, speed=speed)
    length = uniform((*shape, 1), 0.5, 0.9, generator)
    log_size = log_uniform((*shape, 1), 0.35, 0.85, generator).log()
    return torch.stack([value.expand_as(swing) for value in (direction, distance, swing, length, log_size)], 2)


def _joint_homography(joint: Tensor) -> Tensor:
    """A smaller plane that hangs at a joint of its parent's plane: (..., 5) -> (..., 3, 3)."""
    direction, distance, swing, length, log_size = joint.unbind(-1)
    size, zero = log_size.exp(), torch.zeros_like(swing)
    c, s = size * swing.cos(), size * swing.sin()
    x = distance * direction.cos() + length * c
    y = distance * direction.sin() + length * s
    return torch.stack([c, -s, x, s, c, y, zero, zero, zero + 1], -1).unflatten(-1, (3, 3))


def _plane_homography(x: Tensor, y: Tensor, log_size: Tensor, angle: Tensor, tilt_x: Tensor, tilt_y: Tensor) -> Tensor:
    """A plane of a size, turned in space, seen in perspective, moved: 6 x (...) -> (..., 3, 3)."""
    size, c, s = log_size.exp(), angle.cos(), angle.sin()
    cx, sx, cy, sy = tilt_x.cos(), tilt_x.sin(), tilt_y.cos(), tilt_y.sin()
    depth = size.clamp(max=0.55) * 0.5  # so small that parts, too, stay before the camera
    w0, w1 = -depth * sy, depth * cy * sx
    rows = [
        *(size * (c * cy) + x * w0, size * (c * sy * sx - s * cx) + x * w1, x),
        *(size * (s * cy) + y * w0, size * (s * sy * sx + c * cx) + y * w1, y),
        *(w0, w1, torch.ones_like(x)),
    ]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def _camera_homography(camera: Tensor, parallax: Tensor) -> Tensor:
    """(F, 6), (F, L) -> (F, L, 3, 3)."""
    pan_x, pan_y, zoom, roll, tilt_x, tilt_y = (value[:, None].expand_as(parallax) for value in camera.unbind(-1))
    scale = zoom.exp()
    c, s, one = scale * roll.cos(), scale * roll.sin(), torch.ones_like(scale)
    x, y = -parallax * pan_x, -parallax * pan_y
    rows = [c, -s, c * x - s * y, s, c, s * x + c * y, tilt_x, tilt_y, one + tilt_x * x + tilt_y * y]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))
