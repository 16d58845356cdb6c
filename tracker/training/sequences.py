"""A labelled sequence on disk, whatever its layout, and the training clips drawn from it as CoTracker3 does."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from tracker.files import InputError
from tracker.training.augment import Augmentation, augment, inside, random_crop
from tracker.training.samples import Clips

FARTHEST = 1000.0
"""Pixels from the middle of the crop beyond which a point is not used."""


class Labels(NamedTuple):
    """Labels of some frames of a sequence."""

    tracks: NDArray[np.float32]
    """(T, N, 2) x, y pixels, (0, 0) = centre of the top-left pixel; finite."""
    visible: NDArray[np.bool_]
    """(T, N), true only where valid."""
    valid: NDArray[np.bool_]
    """(T, N)."""


class LabelledSequence(Protocol):
    """One sequence of a folder of training data; nothing is read before it is asked for."""

    @property
    def path(self) -> Path:
        """The file or folder by which a person finds it."""

    def pictures(self) -> list[Path]:
        """One picture a frame, in order.

        Raises:
            InputError: they cannot be listed.
        """

    def labels(self, frames: NDArray[np.int64], frame_count: int) -> Labels:
        """The labels of some of the frames, numbers into the `frame_count` pictures.

        Raises:
            InputError: they cannot be read, or do not fit the pictures.
        """


@dataclass(frozen=True)
class ClipChoice:
    """What of a sequence makes a clip."""

    frames: int = 24
    points: int = 768
    size: tuple[int, int] = (384, 512)
    """Height and width of the crop."""
    random_rate: bool = False
    """Take every r-th frame, r random from 1 to as many as the sequence allows; else every frame."""
    last_frame: bool = False
    """Points may also come from those visible on the last frame, for queries on random frames."""
    augmentation: Augmentation | None = None
    """Before the points are chosen, so that the chosen ones are seen in what is left; its crop is `size`."""

    def __post_init__(self) -> None:
        if min(self.frames, self.points, *self.size) < 1:
            raise ValueError("frames, points and size must be more than 0")


def checked_labels(
    path: Path, tracks: NDArray[Any], visible: NDArray[Any], valid: NDArray[Any], frame_count: int
) -> Labels:
    """Labels as arrays that fit; positions that are not numbers are invalid, and what is invalid is at 0, 0.

    Raises:
        InputError: the shapes or types are not those of `frame_count` frames.
    """
    if tracks.ndim != 3 or tracks.shape[-1] != 2 or tracks.dtype.kind != "f":
        raise InputError(f"{path}: expected positions (frames, points, 2), these are {tracks.dtype} {tracks.shape}")
    if any(flags.shape != tracks.shape[:2] or flags.dtype.kind not in "biuf" for flags in (visible, valid)):
        raise InputError(f"{path}: positions and visibility do not fit together")
    if len(tracks) != frame_count:
        raise InputError(f"{path}: the labels are of {len(tracks)} frames, there are {frame_count} pictures")
    with np.errstate(over="ignore"):
        positions = tracks.astype(np.float32)
    usable = valid.astype(np.bool_) & np.isfinite(positions).all(axis=2)
    positions[~usable] = 0
    return Labels(positions, visible.astype(np.bool_) & usable, usable)


def pictures_in(folder: Path, suffixes: Iterable[str] = (".png", ".jpg", ".jpeg")) -> list[Path]:
    """The pictures of a folder by name.

    Raises:
        InputError: the folder is missing or holds none.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror or 'cannot be read'}") from error
    if not found:
        raise InputError(f"{folder}: the folder holds no pictures (PNG or JPEG)")
    return found


def folders_in(root: Path) -> list[Path]:
    """The folders in a folder by name, hidden ones left out.

    Raises:
        InputError: the folder cannot be read.
    """
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{root}: {error.strerror or 'cannot be read'}") from error


def draw_clip(sequence: LabelledSequence, choice: ClipChoice, seed: int) -> Clips:
    """A random clip (1, T, …) of a sequence, the same for the same seed.

    Points are drawn from those visible on the first frame and those visible on the middle one, a point that is both
    counting twice (and the last frame's, where asked for), unless they go far out of the frame.

    Raises:
        InputError: the sequence cannot be read, or has too few frames, pixels or points for such a clip.
    """
    generator = torch.Generator().manual_seed(seed)
    pictures = sequence.pictures()
    frames = _choose_frames(sequence.path, len(pictures), choice, generator)
    labels = sequence.labels(frames, len(pictures))
    # The eraser and the crop only hide points: none outside this first choice can be chosen later.
    candidates = np.unique(_candidates(labels.visible, choice))
    video = _read_pictures([pictures[frame] for frame in frames])
    arrays = (torch.from_numpy(array[:, candidates])[None] for array in labels)
    clip = _cut(sequence.path, Clips(video, *arrays), choice, generator)
    return _choose_points(sequence.path, clip, choice, generator)


def _choose_frames(path: Path, available: int, choice: ClipChoice, generator: Generator) -> NDArray[np.int64]:
    fastest = available // choice.frames
    if fastest == 0:
        raise InputError(f"{path}: {available} frames, a clip takes {choice.frames}")
    rate = 1 + _below(fastest, generator) if choice.random_rate else 1
    extent = (choice.frames - 1) * rate + 1
    start = _below(available - extent + 1, generator)
    return np.arange(start, start + extent, rate, dtype=np.int64)


def _candidates(visible: NDArray[np.bool_], choice: ClipChoice) -> NDArray[np.int64]:
    """Point numbers from which a clip's are drawn; one that is seen on two of the frames is there twice."""
    asked = [0, len(visible) // 2, *([len(visible) - 1] if choice.last_frame else [])]
    return np.concatenate([np.flatnonzero(visible[frame]) for frame in asked])


def _read_pictures(paths: list[Path]) -> Tensor:
    """(1, T, 3, H, W) float32 RGB, 0..255."""
    video: NDArray[np.float32] | None = None
    for number, path in enumerate(paths):
        picture = _read_picture(path)
        if video is None:
            video = np.empty((len(paths), 3, *picture.shape[:2]), np.float32)
        if picture.shape[:2] != video.shape[2:]:
            raise InputError(f"{path}: the picture has another size than the one before")
        video[number] = picture[..., ::-1].transpose(2, 0, 1)
    return torch.from_numpy(video)[None]


def _read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) BGR."""
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    if picture is None:
        raise InputError(f"{path}: this is no whole picture")
    return np.asarray(picture)


def _cut(path: Path, clip: Clips, choice: ClipChoice, generator: Generator) -> Clips:
    height, width = clip.video.shape[-2:]
    clip = clip._replace(visible=clip.visible & inside(clip.tracks, (height, width)))
    scaled = choice.augmentation is not None and choice.augmentation.spatial >= 1
    if not scaled and (height < choice.size[0] or width < choice.size[1]):
        wanted = f"{choice.size[1]} × {choice.size[0]}"
        raise InputError(f"{path}: pictures of {width} × {height} pixels are smaller than a clip of {wanted}")
    if choice.augmentation is None:
        return random_crop(clip, choice.size, generator)
    return augment(clip, replace(choice.augmentation, crop=choice.size), generator)


def _choose_points(path: Path, clip: Clips, choice: ClipChoice, generator: Generator) -> Clips:
    middle = torch.tensor([choice.size[1] - 1, choice.size[0] - 1]) / 2
    near = (((clip.tracks - middle).norm(dim=-1) < FARTHEST) | ~clip.valid).all(1)
    candidates = torch.from_numpy(_candidates((clip.visible & near[:, None])[0].numpy(), choice))
    if len(candidates) < choice.points:
        raise InputError(f"{path}: {len(candidates)} points are seen in the clip, {choice.points} are needed")
    chosen = candidates[torch.randperm(len(candidates), generator=generator)[: choice.points]]
    return Clips(
        clip.video.contiguous(), clip.tracks[:, :, chosen], clip.visible[:, :, chosen], clip.valid[:, :, chosen]
    )


def _below(limit: int, generator: Generator) -> int:
    return int(torch.randint(limit, (), generator=generator))
