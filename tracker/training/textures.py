"""Textures and silhouettes made on the device: every layer of a synthetic clip looks different."""

import math
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

SENTENCE = "the quick brown fox jumps over lazy dogs 0123456789 ABCDEF track & find? it's 42% (more) [or] less"
TEXT_PAGES = 24


class Maker:
    """Draws random tensors of one device for textures of one size."""

    def __init__(self, size: int, generator: torch.Generator) -> None:
        self.size = size
        self.generator = generator
        self.device = generator.device
        line = torch.linspace(-1, 1, size, device=self.device)
        self.y, self.x = torch.meshgrid(line, line, indexing="ij")

    def uniform(self, *shape: int, low: float = 0, high: float = 1) -> Tensor:
        return torch.rand(shape, generator=self.generator, device=self.device) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def octaves(self, count: int, channels: int, coarsest: int, levels: int, persistence: float) -> Tensor:
        """Noise of many scales, about -1..1: (count, channels, size, size)."""
        total = torch.zeros(count, channels, self.size, self.size, device=self.device)
        weights = [persistence**level for level in range(levels)]
        for level, weight in enumerate(weights):
            cells = min(coarsest * 2**level, self.size)
            grid = self.normal(count, channels, cells, cells)
            if cells < self.size:
                mode = "bicubic" if level == 0 else "bilinear"
                grid = F.interpolate(grid, size=(self.size, self.size), mode=mode, align_corners=False)
            total += weight * grid
        return total / math.sqrt(sum(weight**2 for weight in weights))

    def colours(self, count: int, number: int) -> Tensor:
        """Colours that differ in lightness more than in hue, as things do: (count, number, 3, 1, 1) 0..1."""
        light = self.uniform(count, number, 1)
        return (light + 0.25 * self.normal(count, number, 3)).clamp(0, 1)[..., None, None]

    def directed(self, count: int) -> tuple[Tensor, Tensor]:
        """Coordinates along and across a random direction: 2 x (count, 1, size, size)."""
        angle = self.uniform(count, 1, 1, 1, high=2 * math.pi)
        along = self.x * angle.cos() + self.y * angle.sin()
        return along, self.y * angle.cos() - self.x * angle.sin()

    def mix(self, weight: Tensor) -> Tensor:
        """Two random colours mixed: (count, 1, size, size) 0..1 -> (count, 3, size, size)."""
        colours = self.colours(weight.shape[0], 2)
        return torch.lerp(colours[:, 0], colours[:, 1], weight)


def _clouds(maker: Maker, count: int) -> Tensor:
    light, tint = maker.octaves(count, 1, 3, 6, 0.75), maker.octaves(count, 3, 3, 6, 0.75)
    return 0.5 + 0.2 * light + 0.1 * maker.uniform(count, 1, 1, 1) * tint + 0.12 * maker.normal(count, 3, 1, 1)


def _grain(maker: Maker, count: int) -> Tensor:
    """Earth, gravel, fur: one lightness field of fine scales in two colours."""
    return maker.mix(torch.sigmoid(1.5 * maker.octaves(count, 1, 6, 5, 0.95)))


def _plain(maker: Maker, count: int) -> Tensor:
    """Hardly any texture: a gradient and a trace of noise."""
    along, _ = maker.directed(count)
    return maker.mix((0.5 + 0.5 * along).clamp(0, 1)) * 0.6 + 0.2 + 0.02 * maker.octaves(count, 3, 4, 4, 0.9)


def _stripes(maker: Maker, count: int) -> Tensor:
    along, across = maker.directed(count)
    wobble = maker.octaves(count, 1, 2, 2, 0.5) * maker.uniform(count, 1, 1, 1, high=0.15)
    frequency = maker.uniform(count, 1, 1, 1, low=6, high=40)
    wave = torch.sin(frequency * (along + wobble + 0.2 * across))
    return maker.mix(torch.sigmoid(4 * wave)) + 0.06 * maker.octaves(count, 3, 4, 4, 0.8)


def _checker(maker: Maker, count: int) -> Tensor:
    along, across = maker.directed(count)
    frequency = maker.uniform(count, 2, 1, 1, low=5, high=24)
    product = torch.sin(frequency[:, :1] * along) * torch.sin(frequency[:, 1:] * across)
    return maker.mix(torch.sigmoid(12 * product)) + 0.06 * maker.octaves(count, 3, 4, 4, 0.8)


def _shapes(maker: Maker, count: int) -> Tensor:
    """A heap of flat ellipses and boxes."""
    picture = maker.mix(0.5 + 0.2 * maker.octaves(count, 1, 3, 3, 0.6))
    for colour in maker.colours(count, 14).unbind(1):
        along, across = maker.directed(count)
        centre = maker.uniform(count, 2, 1, 1, low=-1)
        radius = maker.uniform(count, 2, 1, 1, low=0.05, high=0.4)
        a, b = ((along - centre[:, :1]) / radius[:, :1]).abs(), ((across - centre[:, 1:]) / radius[:, 1:]).abs()
        box = maker.uniform(count, 1, 1, 1) < 0.4
        inside = 1 - torch.where(box, torch.maximum(a, b), a * a + b * b)
        picture = torch.lerp(picture, colour, (inside * 10).clamp(0, 1))
    return picture + 0.03 * maker.octaves(count, 3, 8, 3, 0.9)


def _fractal(maker: Maker, count: int) -> Tensor:
    """Ridges of folded noise through three colours: marble, bark, veins."""
    field = maker.octaves(count, 1, 3, 6, 0.65)
    ridges = 1 - torch.sin(maker.uniform(count, 1, 1, 1, low=1, high=6) * field).abs()
    other = torch.sigmoid(3 * maker.octaves(count, 1, 3, 4, 0.7))
    return torch.lerp(maker.mix(ridges), maker.mix(other), 0.3)


def _tiled(maker: Maker, count: int, repeats: int, pattern: Callable[[Maker, int], Tensor]) -> Tensor:
    """One small pattern again and again: bricks, carpet, windows."""
    cell = max(maker.size // repeats, 8)
    times = -(-maker.size // cell)
    tiles = pattern(Maker(cell, maker.generator), count).repeat(1, 1, times, times)
    return tiles[..., : maker.size, : maker.size] + 0.04 * maker.octaves(count, 3, 2, 4, 0.8)


def _large_tiles(maker: Maker, count: int) -> Tensor:
    return _tiled(maker, count, 3, _shapes)


def _small_tiles(maker: Maker, count: int) -> Tensor:
    return _tiled(maker, count, 7, _fractal)


@cache
def _pages() -> np.ndarray:
    """Pages of drawn words, uint8 (TEXT_PAGES, 192, 192)."""
    random = np.random.default_rng(7)
    pages = np.zeros((TEXT_PAGES, 192, 192), np.uint8)
    for page in pages:
        scale = random.uniform(0.3, 1.4)
        font = int(random.choice([0, 1, 2, 3, 4, 6]))
        for line in range(int(14 * scale), 200, int(26 * scale) + 4):
            text = " ".join(random.choice(SENTENCE.split(), 12))
            cv2.putText(page, text, (-int(random.integers(40)), line), font, scale, 255, 1 + int(scale), cv2.LINE_AA)
    return pages


def _text(maker: Maker, count: int) -> Tensor:
    pages = torch.from_numpy(_pages()).to(maker.device)
    pick = torch.randint(len(pages), (count,), generator=maker.generator, device=maker.device)
    size = (maker.size, maker.size)
    ink = F.interpolate(pages[pick, None].float() / 255, size=size, mode="bilinear", antialias=True)
    return maker.mix(ink) + 0.04 * maker.octaves(count, 3, 3, 5, 0.8)


PROCEDURAL: tuple[Callable[[Maker, int], Tensor], ...] = (
    *(_clouds, _clouds, _grain, _grain, _plain, _stripes, _checker),
    *(_shapes, _shapes, _fractal, _fractal, _large_tiles, _small_tiles, _text),
)


def procedural(count: int, size: int, generator: torch.Generator, kinds: list[int]) -> Tensor:
    """Textures of the given kinds (indices into ``PROCEDURAL``): (count, 3, size, size) float32 0..1."""
    maker = Maker(size, generator)
    textures = torch.empty(count, 3, size, size, device=generator.device)
    for kind in sorted(set(kinds)):
        chosen = [index for index, value in enumerate(kinds) if value == kind]
        where = torch.tensor(chosen, device=generator.device)
        textures[where] = PROCEDURAL[kind](maker, len(chosen)).clamp(0, 1)
    return textures


def silhouettes(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Irregular outlines, some with holes: (count, size, size) float32 0..1, 0 at the border, soft over a texel."""
    maker = Maker(size, generator)
    angle = torch.atan2(maker.y, maker.x)
    radius = (maker.x.square() + maker.y.square()).sqrt()
    order = torch.arange(2, 9, device=maker.device).view(1, -1, 1, 1)
    strength = maker.normal(count, 7, 1, 1) / order**1.1 * maker.uniform(count, 1, 1, 1, high=0.7)
    phase = maker.uniform(count, 7, 1, 1, high=2 * math.pi)
    star = (strength * torch.cos(order * angle + phase)).sum(1)
    star = 0.92 * (1 + star) / (1 + strength.abs().sum(1).clamp(min=0.05))
    corners = torch.randint(3, 8, (count, 1, 1), generator=maker.generator, device=maker.device)
    sector = 2 * math.pi / corners
    turned = (angle + phase[:, 0]).remainder(sector) - sector / 2
    polygon = 0.92 * torch.cos(sector / 2) / torch.cos(turned)
    power = maker.uniform(count, 1, 1, low=2, high=8)
    aspect = maker.uniform(count, 1, 1, low=0.3, high=1)
    oval = 0.92 / ((angle.cos().abs() ** power + (angle.sin().abs() / aspect) ** power) ** (1 / power))
    kind = maker.uniform(count, 1, 1)
    outline = torch.where(kind < 0.5, star, torch.where(kind < 0.7, polygon, oval))
    inside = (outline - radius) * size / 2
    holes = (maker.octaves(count, 1, 4, 2, 0.5)[:, 0] + maker.uniform(count, 1, 1, low=0.3, high=1)) * size / 12
    holed = maker.uniform(count, 1, 1) < 0.25
    inside = torch.where(holed, torch.minimum(inside, holes), inside)
    margin = torch.minimum(1 - maker.x.abs(), 1 - maker.y.abs()) * size / 2 - 2
    return (torch.minimum(inside, margin) + 0.5).clamp(0, 1)
