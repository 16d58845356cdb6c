"""Draws layered scenes: textures of planes under homographies and bending, exact for points and pixels alike.

A pixel looks its colour up by world -> plane (the inverse homography) -> texture (bending). A point of a texture goes
the other way: the bending is a contraction away from the identity, so a fixed-point iteration inverts it.
"""

from typing import NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.training.motion import Bend, Poses

TILE = 16  # pixels; objects are drawn only in the tiles that they may touch
STEPS = 18  # of the inversion of the bending: CONTRACTION ** 18 < 1e-7


class Textures(NamedTuple):
    """What B clips of L layers look like; colours are multiplied by alpha.

    The clips' textures of a layer lie under one another in one picture, so that any mixture of clips is one look-up.
    """

    background: Tensor  # (3, B * Sb, Sb) float32 0..1, mirrored beyond -1..1
    objects: Tensor  # (L - 1, 4, B * S, S) float32 0..1, alpha 0 at the border

    @classmethod
    def pile(cls, backgrounds: Tensor, objects: Tensor) -> Self:
        """From textures (B, 3, Sb, Sb) and (B, L - 1, 4, S, S)."""
        return cls(backgrounds.transpose(0, 1).flatten(1, 2), objects.permute(1, 2, 0, 3, 4).flatten(2, 3))


class View(NamedTuple):
    """Poses of F frames on the drawing device."""

    forward: Tensor  # (F, L, 3, 3) float32, plane -> world
    inverse: Tensor  # (F, L, 3, 3) float32, world -> plane
    bend: Bend  # (F, L, ...) float32
    gain: Tensor  # (F, L) float32
    boxes: Tensor  # (F, L, 4) float64 on the CPU: least x, y, greatest x, y of a layer in the world

    bent: tuple[bool, ...]  # L, whether any frame bends a layer at all

    @classmethod
    def of(cls, poses: Poses, reach: Tensor, device: torch.device) -> Self:
        """``reach`` (F, L): how far beyond -1..1 a plane is to be drawn."""
        forward = poses.homography
        inverse = torch.linalg.inv(forward)
        inverse = inverse / inverse[..., 2:, 2:]
        bent = tuple(poses.bend.amplitude.movedim(1, 0).flatten(1).any(1).tolist())
        moved = (tensor.to(device, torch.float32) for tensor in (forward, inverse, *poses.bend, poses.gain))
        on_device = tuple(moved)
        return cls(on_device[0], on_device[1], Bend(*on_device[2:5]), on_device[5], _boxes(forward, 1 + reach), bent)

    def frames(self, chosen: slice | Tensor) -> Self:
        """The same view of some of the frames."""
        rest = self.forward[chosen], self.inverse[chosen], Bend(*(b[chosen] for b in self.bend)), self.gain[chosen]
        boxes = self.boxes[chosen if isinstance(chosen, slice) else chosen.cpu()]
        return type(self)(*rest, boxes, self.bent)

    def bend_of(self, layer: int, frames: slice | Tensor) -> Bend | None:
        """How one layer is bent in some of the frames; None where it never is."""
        return Bend(*(tensor[frames, layer] for tensor in self.bend)) if self.bent[layer] else None


def _boxes(forward: Tensor, side: Tensor) -> Tensor:
    corner = torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], dtype=forward.dtype)
    corners = F.pad(side[..., None, None] * corner, (0, 1), value=1.0)
    seen = corners @ forward.mT
    behind = (seen[..., 2] < 0.05).any(-1)
    seen = seen[..., :2] / seen[..., 2:].clamp(min=0.05)
    boxes = torch.cat([seen.amin(-2), seen.amax(-2)], -1)
    return torch.where(behind[..., None], torch.tensor([-9.0, -9, 9, 9], dtype=boxes.dtype), boxes)


def project(homography: Tensor, points: Tensor) -> Tensor:
    """(..., 3, 3), (..., P, 2) -> (..., P, 2)."""
    h = homography[..., None, :, :]
    x, y = points[..., 0], points[..., 1]
    weight = h[..., 2, 0] * x + h[..., 2, 1] * y + h[..., 2, 2]
    u = (h[..., 0, 0] * x + h[..., 0, 1] * y + h[..., 0, 2]) / weight
    v = (h[..., 1, 0] * x + h[..., 1, 1] * y + h[..., 1, 2]) / weight
    return torch.stack([u, v], -1)


def _displacement(bend: Bend, points: Tensor) -> Tensor:
    """How far the bending moves plane points (..., P, 2); the bend is (..., K, 2)."""
    total = torch.zeros_like(points)
    for k in range(bend.phase.shape[-1]):
        frequency, amplitude = bend.frequency[..., k, :], bend.amplitude[..., k, :]
        wave = points[..., 0] * frequency[..., :1] + points[..., 1] * frequency[..., 1:] + bend.phase[..., k, None]
        total = total + wave.sin()[..., None] * amplitude[..., None, :]
    return total


def to_texture(inverse: Tensor, bend: Bend | None, world: Tensor) -> Tensor:
    """World points (..., P, 2) -> texture points; without a bend where the plane is flat."""
    plane = project(inverse, world)
    return plane if bend is None else plane + _displacement(bend, plane)


def to_world(forward: Tensor, bend: Bend, texture: Tensor) -> Tensor:
    """Texture points (..., P, 2) -> world points: the inverse of ``to_texture``."""
    plane = texture
    for _ in range(STEPS):
        plane = texture - _displacement(bend, plane)
    return project(forward, plane)


class Frame(NamedTuple):
    """The size of a frame, and how the world lies in it."""

    height: int
    width: int

    @property
    def unit(self) -> float:
        return max(self.height, self.width) / 2

    def to_world(self, pixels: Tensor) -> Tensor:
        return (pixels - self._centre(pixels)) / self.unit

    def to_pixels(self, world: Tensor) -> Tensor:
        return world * self.unit + self._centre(world)

    def _centre(self, like: Tensor) -> Tensor:
        return torch.tensor([(self.width - 1) / 2, (self.height - 1) / 2], dtype=like.dtype, device=like.device)

    @property
    def tiles(self) -> tuple[int, int]:
        """Rows and columns of tiles that cover the frame."""
        return -(-self.height // TILE), -(-self.width // TILE)


def draw(textures: Textures, view: View, clip: Tensor, frame: Frame) -> Tensor:
    """The frames of a view, of clips ``clip`` (F,): (F, 3, H, W) float32 0..1.

    The canvas is a pile of tiles; every layer is laid over those that it may touch, from the back to the front.
    """
    count, (rows, columns) = len(clip), frame.tiles
    every = torch.cartesian_prod(*(torch.arange(n, device=clip.device) for n in (count, rows, columns)))
    canvas = _look(textures.background, view, 0, clip, every, frame)
    for layer, touched in enumerate(_touched_tiles(view.boxes, frame, clip.device), start=1):
        if len(touched):
            place = (touched[:, 0] * rows + touched[:, 1]) * columns + touched[:, 2]
            colour = _look(textures.objects[layer - 1], view, layer, clip, touched, frame)
            canvas[place] = canvas[place] * (1 - colour[:, 3:]) + colour[:, :3]
    canvas = canvas.view(count, rows, columns, 3, TILE, TILE).permute(0, 3, 1, 4, 2, 5)
    return canvas.reshape(count, 3, rows * TILE, columns * TILE)[..., : frame.height, : frame.width]


def _touched_tiles(boxes: Tensor, frame: Frame, device: torch.device) -> list[Tensor]:
    """For every object the tiles it may touch, (n, 3) on ``device``: frame, row, column."""
    low = (frame.to_pixels(boxes[:, 1:, :2]) - 1) / TILE
    high = (frame.to_pixels(boxes[:, 1:, 2:]) + 1) / TILE
    rows, columns = (torch.arange(n, dtype=boxes.dtype) for n in frame.tiles)
    in_row = (low[..., 1:] < rows + 1) & (high[..., 1:] >= rows)
    in_column = (low[..., :1] < columns + 1) & (high[..., :1] >= columns)
    touched = (in_row[..., :, None] & in_column[..., None, :]).movedim(1, 0)
    tiles = touched.flatten(1).sum(1).tolist()
    return list(touched.nonzero()[:, 1:].to(device).split(tiles))


def _look(textures: Tensor, view: View, layer: int, clip: Tensor, tiles: Tensor, frame: Frame) -> Tensor:
    """What one layer's textures (C, B * S, S) look like in tiles (n, 3): (n, C, TILE, TILE)."""
    index, row, column = tiles.unbind(1)
    line = torch.arange(TILE, device=clip.device)
    y = (row[:, None, None] * TILE + line[:, None]).expand(-1, TILE, TILE)
    x = (column[:, None, None] * TILE + line).expand(-1, TILE, TILE)
    world = frame.to_world(torch.stack([x, y], -1).flatten(1, 2).float())
    point = to_texture(view.inverse[index, layer], view.bend_of(layer, index), world)
    if layer == 0:
        point = mirrored(point)
    colour = sample_layer(textures, clip[index], point).unflatten(2, (TILE, TILE))
    colour[:, :3] *= view.gain[index, layer, None, None, None]
    return colour


def mirrored(points: Tensor) -> Tensor:
    """Points of a texture that goes on beyond -1..1 as its mirror image, folded back into it."""
    return 1 - ((points + 1).remainder(4) - 2).abs()


def sample_layer(textures: Tensor, clip: Tensor, points: Tensor) -> Tensor:
    """A layer's textures (C, B * S, S) at texture points (n, P, 2) of clips ``clip`` (n,): (n, C, P)."""
    size = textures.shape[-1]
    count = textures.shape[-2] // size
    border = 1 - 1 / size  # the middle of the outermost texels: nothing of the next texture comes in
    v = (points[..., 1].clamp(-border, border) + 1 + 2 * clip[:, None]) / count - 1
    grid = torch.stack([points[..., 0], v], -1)[None]
    sampled = F.grid_sample(textures[None], grid, padding_mode="border", align_corners=False)[0]
    return sampled.transpose(0, 1)
