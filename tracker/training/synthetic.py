"""Video with exact point tracks, made on the fly on the training device.

A clip is a stack of textured planes in depth order (painter's order): a background and objects with irregular
silhouettes, each moved by a homography and a low-frequency bending, seen by a moving camera. Positions and visibility
come from the same maps that draw the frames, never from the frames.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tracker.training.image_bank import ImageBank
from tracker.training.motion import Motion, Poses
from tracker.training.photometric import PhotometricConfig, degrade
from tracker.training.points import choose_points
from tracker.training.render import Frame, Textures, View, draw
from tracker.training.samples import Clips
from tracker.training.textures import PROCEDURAL, procedural, silhouettes

OBJECT_TEXELS = 0.625  # the side of an object's texture, by the long side of the frame
BACKGROUND_TEXELS = 1.25
SHUTTER_FRAMES = 5  # moments of a frame with motion blur
FRAMES_AT_ONCE = {"cpu": 8}  # drawn together: what stays in the caches of a CPU
MANY_FRAMES = 1024  # elsewhere; bounds the memory


@dataclass(frozen=True)
class SyntheticConfig:
    """What synthetic clips are like.

    Raises:
        ValueError: a size, count or share cannot be.
    """

    size: tuple[int, int] = (256, 256)  # height, width
    frames: int = 24
    points: int = 64
    objects: tuple[int, int] = (3, 12)  # fewest, most
    hidden: float = 0.3  # share of (point, frame) pairs after the first sight that is to be hidden or outside
    motion: float = 1.0  # scales all speeds
    textures: tuple[str, ...] = ()  # folders of pictures; those with transparency give silhouettes too
    procedural: float = 0.5  # share of procedural textures where folders are given
    blur: float = 0.2  # how often clips have motion blur
    effects: PhotometricConfig = field(default_factory=PhotometricConfig)

    def __post_init__(self) -> None:
        if min(self.size) < 16 or self.frames < 2 or self.points < 1:
            raise ValueError("size must be at least 16 x 16, frames at least 2 and points at least 1")
        if not 0 <= self.objects[0] <= self.objects[1]:
            raise ValueError("objects must be the fewest and the most, in this order")
        if not (0 <= self.hidden < 1 and 0 <= self.procedural <= 1 and 0 <= self.blur <= 1 and self.motion >= 0):
            raise ValueError("hidden, procedural and blur are shares of 0 to 1, and motion is not negative")


class SyntheticClips:
    """An endless source of synthetic clips on one device; the same seed gives the same clips.

    Raises:
        InputError: a folder of textures is missing or holds no picture.
    """

    def __init__(self, config: SyntheticConfig, device: torch.device | str = "cpu", seed: int = 0) -> None:
        self.config = config
        self.device = torch.device(device)
        self._object_size = _texels(OBJECT_TEXELS, config.size)
        self._background_size = _texels(BACKGROUND_TEXELS, config.size)
        self.bank = ImageBank(config.textures, self.device)
        self._choice = torch.Generator().manual_seed(seed)  # geometry and choices, on the CPU
        self._pixels = torch.Generator(self.device).manual_seed(seed + 1)  # textures and noise, on the device

    def state(self) -> dict[str, Any]:
        """Where the random numbers stand; ``restore`` gives bit-identical clips on the same device."""
        return {"choice": self._choice.get_state(), "pixels": self._pixels.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        self._choice.set_state(state["choice"])
        self._pixels.set_state(state["pixels"])

    @torch.no_grad()
    def sample(self, batch: int) -> Clips:
        """``batch`` clips of ``config.frames`` frames and ``config.points`` points."""
        config = self.config
        frame = Frame(*config.size)
        fewest, most = config.objects
        objects = torch.randint(fewest, most + 1, (batch,), generator=self._choice)
        layers = 1 + int(objects.max())
        motion = Motion(batch, layers, config.frames, config.motion, self._choice)
        present = torch.arange(layers) <= objects[:, None]
        clip = torch.arange(batch).repeat_interleave(config.frames)
        moment = torch.arange(config.frames).repeat(batch).double()
        poses = motion.poses(clip, moment)
        view = self._view(poses, motion, clip, present)
        textures = self._textures(present, motion.parent, _texels_a_pixel(poses, config.frames))
        video = self._draw(textures, motion, present, view, clip, moment, frame)
        video = degrade(video, config.effects, self._pixels, self._choice)
        tracks, visible = choose_points(
            textures, view, present.to(self.device), frame, config.points, config.hidden, self._pixels
        )
        return Clips(video, tracks, visible, torch.ones_like(visible))

    def _view(self, poses: Poses, motion: Motion, clip: Tensor, present: Tensor) -> View:
        view = View.of(poses, motion.reach[clip], self.device)
        nowhere = torch.tensor([9.0, 9, -9, -9], dtype=view.boxes.dtype)
        return view._replace(boxes=torch.where(present[clip][..., None], view.boxes, nowhere))

    def _draw(
        self,
        textures: Textures,
        motion: Motion,
        present: Tensor,
        view: View,
        clip: Tensor,
        moment: Tensor,
        frame: Frame,
    ) -> Tensor:
        """All frames; those of clips with motion blur as the mean over the time that the shutter is open."""
        batch = len(present)
        blurred = torch.rand(batch, generator=self._choice) < self.config.blur
        shutter = torch.rand(batch, generator=self._choice) * 0.5 + 0.1  # frames
        video = self._draw_frames(textures, view, clip, frame)
        chosen = blurred[clip].nonzero()[:, 0]
        for step in range(-(SHUTTER_FRAMES // 2), SHUTTER_FRAMES // 2 + 1) if len(chosen) else ():
            if step == 0:
                continue
            late = moment[chosen] + shutter[clip[chosen]] * step / SHUTTER_FRAMES
            more = self._view(motion.poses(clip[chosen], late), motion, clip[chosen], present)
            video[chosen.to(self.device)] += self._draw_frames(textures, more, clip[chosen], frame)
        if len(chosen):
            video[chosen.to(self.device)] /= SHUTTER_FRAMES
        return video.mul_(255).unflatten(0, (batch, -1))

    def _draw_frames(self, textures: Textures, view: View, clip: Tensor, frame: Frame) -> Tensor:
        clip = clip.to(self.device)
        step = FRAMES_AT_ONCE.get(self.device.type, MANY_FRAMES)
        parts = [slice(start, start + step) for start in range(0, len(clip), step)]
        return torch.cat([draw(textures, view.frames(part), clip[part], frame) for part in parts])

    def _textures(self, present: Tensor, parent: Tensor, minified: Tensor) -> Textures:
        size, (batch, layers) = self._object_size, present.shape
        backgrounds = self._colours(batch, self._background_size, smallest=0.6)
        count = int(present[:, 1:].sum())
        colour = self._colours(count, size, smallest=0.35)
        self._share(colour, present, parent)
        alpha = silhouettes(count, size, self._pixels)
        self._cut_outs(colour, alpha)
        made = torch.cat([colour * alpha[:, None], alpha[:, None]], 1)
        made = _filtered(made, minified[:, 1:][present[:, 1:]].to(self.device))
        objects = torch.zeros(batch * (layers - 1), 4, size, size, device=self.device)
        objects[_where(present[:, 1:].flatten(), self.device)] = made
        objects = objects.unflatten(0, (batch, layers - 1))
        return Textures.pile(_filtered(backgrounds, minified[:, 0].to(self.device)), objects)

    def _colours(self, count: int, size: int, smallest: float) -> Tensor:
        """Pictures and procedural textures, (count, 3, size, size) 0..1."""
        pictures = len(self.bank.pictures)
        kinds = torch.randint(len(PROCEDURAL), (count,), generator=self._choice)
        which = torch.randint(max(pictures, 1), (count,), generator=self._choice)
        drawn = torch.rand(count, generator=self._choice) < (self.config.procedural if pictures else 1)
        textures = torch.empty(count, 3, size, size, device=self.device)
        made = procedural(int(drawn.sum()), size, self._pixels, kinds[drawn].tolist())
        textures[_where(drawn, self.device)] = made
        if not drawn.all():
            picked = which[~drawn].to(self.device)
            textures[_where(~drawn, self.device)] = self.bank.textures(picked, size, self._pixels, smallest)
        return textures

    def _share(self, colour: Tensor, present: Tensor, parent: Tensor) -> None:
        """Gives half of the parts the (mirrored) texture of what they are joined to, as limbs have."""
        place = present[:, 1:].flatten().cumsum(0).view(len(present), -1) - 1  # among the objects that are present
        parent = parent[:, 1:]
        part = (parent != torch.arange(1, present.shape[1])) & present[:, 1:]
        part &= torch.rand(part.shape, generator=self._choice) < 0.5
        source = place.gather(1, parent - 1)[part].to(self.device)
        colour[place[part].to(self.device)] = colour[source].flip(-1)

    def _cut_outs(self, colour: Tensor, alpha: Tensor) -> None:
        """Puts sprites in the place of some objects."""
        sprites = len(self.bank.sprites)
        share = 0.5 * (1 - self.config.procedural) if sprites else 0.0
        chosen = (torch.rand(len(colour), generator=self._choice) < share).nonzero()[:, 0]
        if not len(chosen):
            return
        which = torch.randint(sprites, (len(chosen),), generator=self._choice).to(self.device)
        where = chosen.to(self.device)
        colour[where], alpha[where] = self.bank.cut_outs(which, self._object_size, self._pixels)


def _where(chosen: Tensor, device: torch.device) -> Tensor:
    """The indices of what is chosen on the CPU, so that the device is not waited for."""
    return chosen.nonzero()[:, 0].to(device)


def _texels(share: float, size: tuple[int, int]) -> int:
    return 8 * max(4, round(share * max(size) / 8))  # halves three times over


def _texels_a_pixel(poses: Poses, frames: int) -> Tensor:
    """How much smaller than its texture every layer is drawn, in the middle of its sizes: (B, L) on the CPU."""
    h = poses.homography
    area = h[..., 0, 0] * h[..., 1, 1] - h[..., 0, 1] * h[..., 1, 0]
    scale = area.abs().sqrt().unflatten(0, (-1, frames)).median(1).values
    texels = torch.full((h.shape[1],), OBJECT_TEXELS, dtype=h.dtype)
    texels[0] = BACKGROUND_TEXELS
    return (texels / scale.clamp(min=0.01)).float()


def _filtered(textures: Tensor, minified: Tensor) -> Tensor:
    """Textures without the detail that would alias at ``minified`` (n,) texels a pixel."""
    level = minified.log2().round().clamp(0, 3)
    filtered = textures
    for k in range(1, 4):
        small = F.avg_pool2d(textures, 2**k)
        small = F.interpolate(small, size=textures.shape[-2:], mode="bilinear", align_corners=False)
        filtered = torch.where((level == k)[:, None, None, None], small, filtered)
    return filtered
