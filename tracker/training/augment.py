"""Changes to training clips that the network must not mind: CoTracker3's, in its order (paper, Kubric stage).

What happens to the picture happens to the tracks: coordinates follow exactly, and points that are painted over or fall
outside the new frame are no longer visible.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from tracker.training.samples import Clips

_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_SCALE_LIMITS = (0.2, 2.0)
_CROP_MARGIN = 10  # pixels by which a scaled frame is larger than the crop at least, so that the crop can drift
_INERTIA = 0.8  # share of the last frame's speed in a drift's next


@dataclass(frozen=True)
class Augmentation:
    """How likely and how strong each change is. The defaults are the paper's; lengths are in pixels."""

    crop: tuple[int, int] = (384, 512)
    """Height and width of what comes out."""
    eraser: float = 0.5
    """Probability of rectangles on a frame, the first excepted."""
    eraser_count: tuple[int, int] = (1, 10)
    """Fewest and most rectangles on such a frame."""
    eraser_side: tuple[int, int] = (2, 99)
    jitter: float = 0.25
    """Probability per clip; the strength is drawn for each frame."""
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.25 / math.pi
    """As a share of the full circle."""
    blur: float = 0.25
    """Probability per clip; the strength is drawn for each frame."""
    blur_kernel: int = 11
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    spatial: float = 1.0
    """Probability per clip of padding, scale and a crop that drifts; without them the crop is at one random place."""
    padding: int = 24
    """Most black pixels on each side."""
    scale: tuple[float, float] = (0.75, 1.25)
    scale_drift: float = 0.05
    offset_drift: int = 15
    flip_horizontal: float = 0.5
    flip_vertical: float = 0.5

    def __post_init__(self) -> None:
        for name in ("eraser_count", "eraser_side", "blur_sigma", "scale"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} = {low}, {high} must be above 0 and in order")
        if min(self.crop) < 1 or min(self.padding, self.scale_drift, self.offset_drift) < 0:
            raise ValueError("crop must be more than 0; padding, scale_drift and offset_drift not less")
        if self.blur_kernel % 2 == 0:
            raise ValueError(f"blur_kernel = {self.blur_kernel} must be odd")


def augment(clips: Clips, config: Augmentation, generator: Generator) -> Clips:
    """Eraser, colour jitter, blur, padding, scale, crop and flips, each clip by chances of its own.

    The published flip turns x into W - x, one pixel off where (0, 0) is a pixel's centre; here it is W - 1 - x.

    Args:
        clips: (B, T, 3, H, W) and its labels; left as they are.
        config: the chances and sizes.
        generator: decides everything; on the CPU, so that nothing waits for the clips' device.

    Returns:
        Clips of the size `config.crop`, on the same device.

    Raises:
        ValueError: frames are smaller than the crop in a clip that is not scaled.
    """
    clips = erase(clips, config, generator)
    clips = clips._replace(video=jitter_colour(clips.video, config, generator))
    clips = clips._replace(video=blur(clips.video, config, generator))
    clips = move(clips, config, generator)
    horizontal = _chosen(clips.batch_size, config.flip_horizontal, generator)
    vertical = _chosen(clips.batch_size, config.flip_vertical, generator)
    return flip(clips, horizontal, vertical)


def erase(clips: Clips, config: Augmentation, generator: Generator) -> Clips:
    """Rectangles in their own mean colour over frames but the first; the points inside them become not visible."""
    batch, frames, _, height, width = clips.video.shape
    on_frame = torch.rand((batch, frames), generator=generator) < config.eraser
    on_frame[:, 0] = False
    index = on_frame.flatten().nonzero()[:, 0]
    if not len(index):
        return clips
    fewest, most = config.eraser_count
    count = torch.randint(fewest, most + 1, (len(index), 1), generator=generator)
    wanted = torch.arange(most) < count
    rows = _spans(height, wanted, config.eraser_side, generator).to(clips.video.device)
    columns = _spans(width, wanted, config.eraser_side, generator).to(clips.video.device)
    index = index.to(clips.video.device)

    pictures = clips.video.flatten(0, 1)[index]
    top = torch.zeros((len(index), height, width), dtype=torch.uint8, device=index.device)
    for number in range(most):
        top.masked_fill_(rows[:, number, :, None] & columns[:, number, None, :], number + 1)
    colours = F.pad(_means(pictures, rows, columns), (1, 0))
    paint = colours.gather(2, top.flatten(1)[:, None].expand(-1, 3, -1).long()).view_as(pictures)
    video = clips.video.flatten(0, 1).clone()
    video[index] = torch.where(top[:, None] > 0, paint, pictures)

    limit = torch.tensor([width - 1, height - 1], device=index.device)
    pixel = (clips.tracks.flatten(0, 1)[index] + 0.5).floor().clamp(min=0).minimum(limit).long()
    covered = top.flatten(1).gather(1, pixel[..., 1] * width + pixel[..., 0]) > 0
    visible = clips.visible.flatten(0, 1).clone()
    visible[index] &= ~covered
    return clips._replace(video=video.view_as(clips.video), visible=visible.view_as(clips.visible))


def _spans(length: int, wanted: Tensor, sides: tuple[int, int], generator: Generator) -> Tensor:
    """(E, K, length) bool: one random stretch for each of K rectangles that is wanted, along one axis."""
    side = torch.randint(sides[0], sides[1] + 1, wanted.shape, generator=generator)
    start = torch.randint(length, wanted.shape, generator=generator) - side // 2
    place = torch.arange(length)
    inside = (place >= start[..., None]) & (place < (start + side)[..., None])
    return inside & wanted[..., None]


def _means(pictures: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(E, 3, K): mean colours of rectangles."""
    height, width = rows.float(), columns.float()
    sums = ((height[:, None] @ pictures) * width[:, None]).sum(-1)
    return sums / (height.sum(-1) * width.sum(-1)).clamp(min=1)[:, None]


def jitter_colour(video: Tensor, config: Augmentation, generator: Generator) -> Tensor:
    """Other brightness, contrast, saturation and hue on each frame of some clips.

    All four are one affine map of the colour; hue and saturation turn and stretch the chroma plane of YIQ.
    """
    chosen = _chosen(len(video), config.jitter, generator).to(video.device)
    if not len(chosen):
        return video
    pictures = video[chosen]
    strength = torch.tensor([config.brightness, config.contrast, config.saturation, config.hue])
    change = _uniform(-1.0, 1.0, (*pictures.shape[:2], 4), generator) * strength
    brightness, contrast, saturation = (1 + change[..., :3]).unbind(-1)
    angle = 2 * math.pi * change[..., 3]
    turn = torch.zeros((*angle.shape, 3, 3))
    turn[..., 0, 0] = 1
    turn[..., 1, 1] = turn[..., 2, 2] = saturation * angle.cos()
    turn[..., 2, 1] = saturation * angle.sin()
    turn[..., 1, 2] = -turn[..., 2, 1]
    matrix = (torch.linalg.inv(_TO_YIQ) @ turn @ _TO_YIQ) * (brightness * contrast)[..., None, None]
    lift = ((1 - contrast) * brightness)[..., None, None, None].to(video.device)
    grey = torch.einsum("c,btc->bt", _TO_YIQ[0].to(video.device), pictures.mean((-2, -1)))
    changed = torch.einsum("btij,btjhw->btihw", matrix.to(video.device), pictures) + lift * grey[..., None, None, None]
    return _with(video, chosen, changed.clamp(0, 255))


def blur(video: Tensor, config: Augmentation, generator: Generator) -> Tensor:
    """A Gaussian blur of another width on each frame of some clips."""
    chosen = _chosen(len(video), config.blur, generator).to(video.device)
    if not len(chosen):
        return video
    pictures = video[chosen]
    sigma = _uniform(*config.blur_sigma, (*pictures.shape[:2], 1), generator)
    reach = config.blur_kernel // 2
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernels = (weights / weights.sum(-1, keepdim=True)).to(video.device)
    channels = kernels.flatten(0, 1).repeat_interleave(3, dim=0)[:, None]  # (frames * 3, 1, kernel)
    padded = F.pad(pictures.flatten(0, 2)[None], (reach, reach, reach, reach), mode="reflect")
    rows = F.conv2d(padded, channels[:, :, None, :], groups=len(channels))
    both = F.conv2d(rows, channels[:, :, :, None], groups=len(channels))
    return _with(video, chosen, both.view_as(pictures))


def move(clips: Clips, config: Augmentation, generator: Generator) -> Clips:
    """Black borders, a scale that drifts and a crop that drifts on some clips, a crop at one place on the others.

    Raises:
        ValueError: frames are smaller than the crop in a clip that is not scaled.
    """
    chosen = set(_chosen(clips.batch_size, config.spatial, generator).tolist())
    parts = []
    for number, clip in enumerate(clips.split()):
        if number in chosen:
            parts.append(resample(clip, *_path(clip, config, generator), config.crop))
        else:
            parts.append(random_crop(clip, config.crop, generator))
    return Clips.stack(parts)


def _path(clip: Clips, config: Augmentation, generator: Generator) -> tuple[Tensor, Tensor]:
    """Factor and shift of each frame, (1, T, 2) in x and y: padding, scale and crop as one map of coordinates."""
    frames, _, height, width = clip.video.shape[1:]
    before, after = torch.randint(config.padding + 1, (2, 2), generator=generator)
    old = torch.tensor([width, height]) + before + after
    crop = torch.tensor([config.crop[1], config.crop[0]])
    new = (old * _scales(frames, config, generator)).floor().maximum(crop + _CROP_MARGIN)
    factor = (new - 1) / (old - 1)
    most = config.offset_drift
    # the bounds are whole and the upper one is left out: -15..14
    fresh = torch.randint(-most, max(most, 1 - most), (frames, 2), generator=generator).float()
    drift = torch.stack(_drift(fresh, whole=True))

    device = clip.video.device
    factor, before, drift = factor.to(device), before.to(device), drift.to(device)
    room = (new - crop).to(device)
    seen = (clip.visible[0, 0] & clip.valid[0, 0])[:, None]
    middle = (clip.tracks[0, 0] * seen).sum(0) / seen.sum().clamp(min=1)
    middle = torch.where(seen.any(), middle, torch.tensor([width - 1, height - 1], device=device) / 2)
    origin = ((middle + before) * factor[0] - (crop.to(device) - 1) / 2).round()
    origins = []
    for frame in range(frames):
        origin = (origin + drift[frame]).clamp(min=0).minimum(room[frame])
        origins.append(origin)
    return factor[None], (before * factor - torch.stack(origins))[None]


def _scales(frames: int, config: Augmentation, generator: Generator) -> Tensor:
    """(T, 2): the scale in x and y, which drifts from the second frame on and stays near the same in both."""
    scale = _uniform(*config.scale, (1,), generator).expand(2)
    scales = []
    for drift in _drift(_uniform(-config.scale_drift, config.scale_drift, (frames, 2), generator)):
        scale = scale + drift
        scale = (0.5 * scale + 0.5 * scale.mean()).clamp(*_SCALE_LIMITS)
        scales.append(scale)
    return torch.stack(scales)


def _drift(fresh: Tensor, whole: bool = False) -> list[Tensor]:
    """Speeds (T, 2) that change slowly: none on the first frame, then mostly that of the frame before."""
    speeds = [torch.zeros_like(fresh[0]), *fresh[1:2]]
    for new in fresh[2:]:
        speed = _INERTIA * speeds[-1] + (1 - _INERTIA) * new
        speeds.append(speed.trunc() if whole else speed)
    return speeds


def resample(clips: Clips, factor: Tensor, shift: Tensor, size: tuple[int, int]) -> Clips:
    """The clips under x' = factor * x + shift, cut to `size` (height, width); black outside the old frame, bilinear.

    Args:
        clips: (B, T, 3, H, W) and its labels.
        factor: (B, T, 2) in x and y, above 0.
        shift: (B, T, 2) in x and y, pixels of the new frame.
        size: height and width of the new frame.
    """
    batch, frames, _, height, width = clips.video.shape
    axes = []
    for axis, (new, old) in enumerate(((size[1], width), (size[0], height))):
        place = torch.arange(new, device=factor.device)
        source = (place - shift[..., axis, None]) / factor[..., axis, None]
        axes.append(2 * source / (old - 1) - 1)
    shape = (batch, frames, *size)
    grid = torch.stack([axes[0][:, :, None, :].expand(shape), axes[1][..., None].expand(shape)], dim=-1)
    video = F.grid_sample(clips.video.flatten(0, 1), grid.flatten(0, 1), align_corners=True)
    tracks = clips.tracks * factor[:, :, None] + shift[:, :, None]
    visible = clips.visible & inside(tracks, size)
    return clips._replace(video=video.view(batch, frames, 3, *size), tracks=tracks, visible=visible)


def random_crop(clips: Clips, size: tuple[int, int], generator: Generator) -> Clips:
    """A window of `size` (height, width) at one random place, the same on all frames and clips.

    Raises:
        ValueError: the frames are smaller.
    """
    height, width = clips.video.shape[-2:]
    if height < size[0] or width < size[1]:
        raise ValueError(f"frames of {width} × {height} pixels are smaller than the crop, {size[1]} × {size[0]}")
    top = int(torch.randint(height - size[0] + 1, (), generator=generator))
    left = int(torch.randint(width - size[1] + 1, (), generator=generator))
    video = clips.video[..., top : top + size[0], left : left + size[1]]
    tracks = clips.tracks - torch.tensor([left, top], device=clips.tracks.device)
    return clips._replace(video=video, tracks=tracks, visible=clips.visible & inside(tracks, size))


def inside(tracks: Tensor, size: tuple[int, int]) -> Tensor:
    """(..., 2) -> (...) bool: where x, y lies in a frame of `size` (height, width), from 0 to the size less 1."""
    x, y = tracks.unbind(-1)
    return (x >= 0) & (x <= size[1] - 1) & (y >= 0) & (y <= size[0] - 1)


def flip(clips: Clips, horizontal: Tensor, vertical: Tensor) -> Clips:
    """Mirror clips: x' = W - 1 - x, y' = H - 1 - y. The published flip is W - x, one pixel off.

    Args:
        clips: (B, T, 3, H, W) and its labels.
        horizontal: int64 numbers of the clips to mirror in x.
        vertical: likewise in y.
    """
    video, tracks = clips.video, clips.tracks
    for axis, chosen in ((0, horizontal.to(video.device)), (1, vertical.to(video.device))):
        if len(chosen):
            mirrored = tracks[chosen]
            mirrored[..., axis] = video.shape[-1 - axis] - 1 - mirrored[..., axis]
            video = _with(video, chosen, video[chosen].flip(-1 - axis))
            tracks = _with(tracks, chosen, mirrored)
    return clips._replace(video=video, tracks=tracks)


def _chosen(batch: int, probability: float, generator: Generator) -> Tensor:
    """The numbers of the clips that chance takes, in order; int64 on the CPU."""
    return (torch.rand(batch, generator=generator) < probability).nonzero()[:, 0]


def _uniform(low: float, high: float, shape: tuple[int, ...], generator: Generator) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator)


def _with(whole: Tensor, chosen: Tensor, part: Tensor) -> Tensor:
    """A copy of `whole` in which the chosen clips are those of `part`."""
    return part if len(chosen) == len(whole) else whole.index_copy(0, chosen, part)
