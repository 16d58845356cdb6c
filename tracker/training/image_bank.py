"""Folders of pictures, held small on the training device, as textures and silhouettes."""

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tracker.files import InputError

logger = logging.getLogger(__name__)

PICTURE_SIZE = 320
SPRITE_SIZE = 192
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


class ImageBank:
    """All pictures of some folders: opaque ones as textures, ones with transparency as sprites.

    ``skipped`` names the files that could not be read; a warning counts them.

    Raises:
        InputError: a folder does not exist, or the folders hold no picture that can be read.
    """

    def __init__(self, folders: Sequence[str], device: torch.device) -> None:
        self.skipped: list[Path] = []
        pictures: list[Tensor] = []
        sprites: list[Tensor] = []
        for folder in folders:
            before = len(pictures) + len(sprites)
            for path in _picture_files(Path(folder)):
                picture = _read(path)
                if picture is None:
                    self.skipped.append(path)
                elif picture.shape[2] == 4:
                    sprites.append(_shrunk(picture, SPRITE_SIZE))
                else:
                    pictures.append(_shrunk(picture, PICTURE_SIZE))
            if len(pictures) + len(sprites) == before:
                raise InputError(f"{folder}: no picture (jpg, png or webp) that can be read is in this folder")
        if self.skipped:
            names = ", ".join(str(path) for path in self.skipped)
            logger.warning("%d pictures could not be read and are left out: %s", len(self.skipped), names)
        self.pictures = _stack(pictures, 3, PICTURE_SIZE, device)
        self.sprites = _stack(sprites, 4, SPRITE_SIZE, device)

    def textures(self, which: Tensor, size: int, generator: torch.Generator, smallest: float) -> Tensor:
        """Random crops, at least ``smallest`` of the side, turned over and recoloured: (n, 3, size, size) 0..1."""
        crops = _crop(self.pictures[which].float() / 255, size, generator, smallest)
        return _recolour(crops, generator).clamp(0, 1)

    def cut_outs(self, which: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Whole sprites, turned over and recoloured: (n, 3, size, size) 0..1 and their alpha (n, size, size)."""
        sprites = _crop(self.sprites[which].float() / 255, size, generator, 1)
        alpha = sprites[:, 3:]
        colour = sprites[:, :3] / alpha.clamp(min=1 / 255)
        return _recolour(colour, generator).clamp(0, 1), alpha[:, 0]


def _picture_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: this folder of textures does not exist")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def _read(path: Path) -> NDArray[np.uint8] | None:
    """RGB, or RGBA where something is transparent; None where it is no picture."""
    data = np.fromfile(path, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if picture is None or min(picture.shape[:2]) < 8:
        return None
    if picture.dtype == np.uint16:
        picture = (picture // 256).astype(np.uint8)
    if picture.ndim == 2:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB).astype(np.uint8)
    if picture.shape[2] == 4 and picture[..., 3].min() < 128:
        return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA).astype(np.uint8)
    return cv2.cvtColor(np.ascontiguousarray(picture[..., :3]), cv2.COLOR_BGR2RGB).astype(np.uint8)


def _shrunk(picture: NDArray[np.uint8], size: int) -> Tensor:
    """The middle square at ``size``, colours multiplied by alpha so that nothing bleeds in from outside."""
    height, width = picture.shape[:2]
    if picture.shape[2] == 4:
        alpha = picture[..., 3:].astype(np.float32) / 255
        picture = np.concatenate([(picture[..., :3] * alpha).astype(np.uint8), picture[..., 3:]], 2)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(picture[top : top + side, left : left + side])
    shrunk = cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR)
    return torch.from_numpy(shrunk).permute(2, 0, 1)


def _stack(pictures: list[Tensor], channels: int, size: int, device: torch.device) -> Tensor:
    if not pictures:
        return torch.zeros(0, channels, size, size, dtype=torch.uint8, device=device)
    return torch.stack(pictures).to(device)


def _crop(pictures: Tensor, size: int, generator: torch.Generator, smallest: float) -> Tensor:
    n, channels, source = pictures.shape[:3]
    finer = max(1, round(source / size))  # looked up more finely and averaged, so that nothing aliases
    random = torch.rand(n, 5, generator=generator, device=pictures.device)
    side = smallest + (1 - smallest) * random[:, 0]
    flips = torch.where(random[:, 1:3] < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3, device=pictures.device)
    theta[:, 0, 0], theta[:, 1, 1] = side * flips[:, 0], side * flips[:, 1]
    theta[:, :, 2] = (1 - side[:, None]) * (2 * random[:, 3:] - 1)
    grid = F.affine_grid(theta, [n, channels, finer * size, finer * size], align_corners=False)
    return F.avg_pool2d(F.grid_sample(pictures, grid, padding_mode="border", align_corners=False), finer)


def _recolour(colour: Tensor, generator: torch.Generator) -> Tensor:
    """Other gains, another contrast, saturation and now and then other channels."""
    random = torch.rand(colour.shape[0], 6, 1, 1, generator=generator, device=colour.device)
    gain, contrast = 0.85 + 0.3 * random[:, :3], 0.7 + 0.6 * random[:, 3:4]
    saturation = 1.4 * random[:, 4:5]
    colour = torch.where(random[:, 5:] < 0.2, colour.flip(1), colour)
    grey = colour.mean(1, keepdim=True)
    colour = torch.lerp(grey, colour, saturation) * gain
    return (colour - 0.5) * contrast + 0.5
