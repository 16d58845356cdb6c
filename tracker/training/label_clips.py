"""Training clips of real video with the labels that trackers and people made.

As CoTracker3's second stage has it (Karaev et al. 2024, section 3.2): a random stretch of a shot, every r-th frame,
short ones lengthened by themselves reversed, no change of colours. The paper crops at full size; here frames are first
brought to the network's working resolution, as they are when it is used, some of them scaled by a further factor, then
cropped.
"""

import itertools
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.files import InputError
from tracker.inference.features import resize_by_area, resize_frames
from tracker.inference.resolution import WorkingResolution
from tracker.models.cotracker3 import CoTracker3Config
from tracker.training.augment import inside
from tracker.training.label_videos import TrainingVideo, TrustName, VideoCells, read_cells
from tracker.training.samples import Clips
from tracker.video import FrameCache, open_source

TURNED = 0.5  # share of the clips that turn, where any do
_FEWEST_TRIES = 8
_LABELS_KEPT = 64  # videos
_CPU = torch.device("cpu")
_logger = logging.getLogger(__name__)

Chance = np.random.Generator


@dataclass(frozen=True)
class LabelChoice:
    """What of a labelled video makes a clip, the `[labels]` of a file.

    Attributes:
        size: height and width of a clip.
        frames: fewest and most; one number for all the clips of a batch.
        points: of a clip.
        fastest: every r-th frame is taken, r from 1 to this, where the shot is long enough.
        scale: smallest and largest factor beside that to the network's working resolution.
        scaled: share of the clips that have such a factor; the others are as the network will see them.
        turn: degrees by which the picture of every second clip turns at most, from its first frame to its last, from an
            angle that is drawn too; 0 for none. For pictures from above, in which things turn by any angle.
        person_weight: how much more a cell counts that a person placed or approved.
        cache_mib: decoded frames kept in memory.
    """

    size: tuple[int, int] = (256, 336)
    frames: tuple[int, int] = (24, 24)
    points: int = 64
    fastest: int = 3
    scale: tuple[float, float] = (0.8, 1.25)
    scaled: float = 0.5
    turn: float = 0.0
    person_weight: float = 4.0
    cache_mib: int = 1024

    def __post_init__(self) -> None:
        if min(self.size) < 16 or min(self.points, self.fastest, self.cache_mib) < 1:
            raise ValueError("size must be at least 16 x 16; points, fastest and cache_mib more than 0")
        if not 2 <= self.frames[0] <= self.frames[1]:
            raise ValueError("frames must be the fewest and the most, in this order, and at least 2")
        if not 0 < self.scale[0] <= self.scale[1] or not 0 <= self.scaled <= 1:
            raise ValueError("scale must be the smallest and the largest factor, scaled a share of 0 to 1")
        if not 0 <= self.turn <= 360:
            raise ValueError(f"turn = {self.turn} must be degrees, from 0 to 360")
        if self.person_weight < 1:
            raise ValueError(f"person_weight = {self.person_weight} must be at least 1")


class LabelClips:
    """Clips of labelled videos by number: a number is always the same clip, whoever asks, in whatever order.

    Every video comes once before any comes again. The stretch of a video, the place of the crop and the points are
    drawn by the weights of the labelled cells, so that what people did is seen more often, and counts for more.
    Safe to use from several threads.

    Args:
        videos: not empty.
        choice: what makes a clip.
        trust: which cells may be used.
        model: the network that is to see them as it will.
        seed: of all that is random.
    """

    def __init__(
        self,
        videos: Sequence[TrainingVideo],
        choice: LabelChoice,
        trust: TrustName,
        model: CoTracker3Config,
        seed: int = 0,
    ) -> None:
        self.videos, self.choice, self.trust, self.model, self.seed = videos, choice, trust, model, seed
        self.skipped: dict[str, str] = {}  # why a video gave no clip, the first time
        self.drawn: set[str] = set()  # names of videos that gave one
        self._lock = threading.Lock()
        self._cache = FrameCache(choice.cache_mib << 20)
        frame = 3 * model.resolution[0] * model.resolution[1]
        # Where everything fits in, a video is decoded once and for all; else only what a clip shows.
        self._all_fit = sum(video.frame_count for video in videos) * frame <= choice.cache_mib << 20
        self._cells = lru_cache(_LABELS_KEPT)(self._read_cells)

    def length(self, first: int) -> int:
        """Frames of all clips of the batch that begins with clip number `first`."""
        fewest, most = self.choice.frames
        return int(np.random.default_rng((self.seed, 3, first)).integers(fewest, most + 1))

    def clip(self, number: int, first: int) -> Clips:
        """Clip `number` (1, T, …) on the CPU, in the batch that begins with number `first`.

        A video that gives no clip is passed over and the next one taken: the log and `skipped` name it once.

        Raises:
            InputError: no video gives one.
        """
        count = len(self.videos)
        turn, place = divmod(number, count)
        order = np.random.default_rng((self.seed, 0, turn)).permutation(count)
        chance = np.random.default_rng((self.seed, 1, number))
        failed: InputError | None = None
        for which in itertools.islice(itertools.cycle(order), place, place + max(count, _FEWEST_TRIES)):
            name = self.videos[which].name
            try:
                clip = self._draw(int(which), self.length(first), chance)
            except InputError as error:
                self._note(name, error)
                failed = failed or error
                continue
            self.drawn.add(name)
            return clip
        raise InputError(f"{self.videos[0].labels.folder}: no video gives a clip; {failed}") from failed

    def _note(self, name: str, error: InputError) -> None:
        with self._lock:
            known = name in self.skipped
            self.skipped.setdefault(name, str(error))
        if not known:
            _logger.warning("passed over: %s", error)

    def _read_cells(self, which: int) -> VideoCells:
        return read_cells(self.videos[which], self.trust)

    def _draw(self, which: int, length: int, chance: Chance) -> Clips:
        video, cells = self.videos[which], self._cells(which)
        most = np.float32(self.choice.person_weight)
        weight = np.where(cells.valid, np.where(cells.person, most, np.float32(1)), np.float32(0))
        usable: NDArray[np.float32] = weight * cells.visible  # (N, T) what a track may start from
        frames, shown = _stretch(usable.sum(0), video.shots, length, self.choice.fastest, chance)
        track = chance.choice(len(usable), p=_shares(usable[:, shown]))
        pictures = self._pictures(which, frames)
        working = WorkingResolution(*video.size_wh, self.model.resolution, self.model.area_resize)
        tracks = working.to_model(torch.from_numpy(cells.xy[:, frames]))  # (N, T, 2)
        around = tracks[track, np.argmax(frames == shown)].numpy()
        if self.choice.turn and chance.random() < TURNED:
            pictures, tracks = self._turned(pictures, tracks, around, video.size_wh, chance)
        else:
            pictures, tracks = self._cut(pictures, tracks, around, chance)
        in_clip = inside(tracks, self.choice.size).numpy()
        valid = cells.valid[:, frames]
        visible = cells.visible[:, frames] & valid & in_clip
        judged = cells.person[:, frames] & (valid | ~cells.visible[:, frames])
        chosen = _points(weight[:, frames].sum(1) * visible.any(1), self.choice.points, chance)
        if not len(chosen):
            raise InputError(f"{video.name}: no labelled point is seen in the clip")
        tracks = torch.where(torch.from_numpy(valid)[..., None], tracks, 0.0)
        parts = [tracks, visible, valid, weight[:, frames], judged]
        packed = [_packed(torch.as_tensor(part)[chosen], self.choice.points) for part in parts]
        return Clips(_as_video(pictures), *packed)

    def _cut(
        self, pictures: NDArray[np.uint8], tracks: Tensor, around: NDArray[np.float32], chance: Chance
    ) -> tuple[NDArray[np.uint8], Tensor]:
        """Frames and tracks scaled by chance, and a random window of the clip's size that has `around` (x, y) in it."""
        old, size = pictures.shape[1:3], self.choice.size
        factor = self._factor(old, chance)
        new = (max(size[0], round(old[0] * factor)), max(size[1], round(old[1] * factor)))
        factors = np.array([new[1] / old[1], new[0] / old[0]], np.float32)
        if new != old:
            pictures = np.stack([_resized(picture, new) for picture in pictures])
        tracks = (tracks + 0.5) * torch.from_numpy(factors) - 0.5
        x, y = (around + 0.5) * factors - 0.5
        left, top = _window(x, size[1], new[1], chance), _window(y, size[0], new[0], chance)
        cropped = pictures[:, top : top + size[0], left : left + size[1]]
        return cropped, tracks - torch.tensor([left, top], dtype=tracks.dtype)

    def _turned(
        self,
        pictures: NDArray[np.uint8],
        tracks: Tensor,
        around: NDArray[np.float32],
        size_wh: tuple[int, int],
        chance: Chance,
    ) -> tuple[NDArray[np.uint8], Tensor]:
        """The same, turning evenly around `around` while the clip goes on, as the video itself would turn."""
        (old_height, old_width), (height, width) = pictures.shape[1:3], self.choice.size
        first, whole = np.radians(chance.uniform((-180, -self.choice.turn), (180, self.choice.turn)))
        angles = np.linspace(first, first + whole, len(pictures))
        turns = np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
        # Working pixels are not square: the turn is that of the video's pixels.
        stretch = np.array([old_width / size_wh[0], old_height / size_wh[1]])
        linear = self._factor((old_height, old_width), chance) * turns * stretch[:, None] / stretch
        moved = chance.uniform(0.2, 0.8, 2) * (width, height) - linear @ around
        matrices = np.concatenate([linear, moved[..., None]], axis=2)
        warped = [
            cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            for picture, matrix in zip(pictures, matrices, strict=True)
        ]
        places = (
            torch.einsum("tij,ntj->nti", torch.from_numpy(linear).float(), tracks) + torch.from_numpy(moved).float()
        )
        return np.stack(warped).astype(np.uint8, copy=False), places

    def _factor(self, old: tuple[int, ...], chance: Chance) -> float:
        """By which frames of this (height, width) are scaled, at least so that a clip fits in."""
        least = max(new / had for new, had in zip(self.choice.size, old, strict=True))
        scaled = chance.random() < self.choice.scaled
        return max(least, float(chance.uniform(*self.choice.scale)) if scaled else 1.0)

    def _pictures(self, which: int, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(T, h, w, 3) RGB at the working resolution."""
        found = {int(frame): self._cache.get(which << 32 | int(frame)) for frame in frames}
        if any(picture is None for picture in found.values()):
            wanted = sorted(found)
            step = wanted[1] - wanted[0] if len(wanted) > 1 else 1
            stretch = range(self.videos[which].frame_count) if self._all_fit else range(wanted[0], wanted[-1] + 1, step)
            found |= self._decode(which, stretch)
        pictures = [found[int(frame)] for frame in frames]
        return np.stack([picture for picture in pictures if picture is not None])

    def _decode(self, which: int, stretch: range) -> dict[int, NDArray[np.uint8]]:
        decoded = {}
        with open_source(self.videos[which].path, threads="auto") as source:
            shown = source.frames(stretch.start, stretch.stop, stretch.step)
            for number, frame in zip(stretch, shown, strict=True):
                decoded[number] = self._small(frame)
                self._cache.put(which << 32 | number, decoded[number])
        return decoded

    def _small(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.model.area_resize:
            return resize_by_area(frame, self.model.resolution)
        small = resize_frames(frame[None], self.model.resolution, _CPU)[0]
        return small.permute(1, 2, 0).round().to(torch.uint8).numpy()


def _shares(weight: NDArray[np.floating]) -> NDArray[np.float64]:
    whole = weight.astype(np.float64)
    return whole / whole.sum()


def _stretch(
    usable: NDArray[np.floating], shots: Sequence[tuple[int, int]], length: int, fastest: int, chance: Chance
) -> tuple[NDArray[np.int64], int]:
    """The frames of a clip in one shot, and one of them on which there is something to start from.

    That one is drawn by the (T,) sums of usable weights, the clip lies around it by chance. A shot that is shorter than
    `length` goes on backwards from its end, then forwards again.

    Raises:
        InputError: no shot has anything to start from.
    """
    sums = np.array([usable[start:end].sum() for start, end in shots], np.float64)
    if not sums.sum():
        raise InputError("no shot has a labelled point that is visible")
    start, end = shots[chance.choice(len(shots), p=sums / sums.sum())]
    count = end - start
    shown = int(chance.choice(count, p=_shares(usable[start:end])))
    rate = int(chance.integers(1, min(fastest, max(1, count // length)) + 1))
    extent = min((length - 1) * rate + 1, count)
    low, high = max(0, shown - extent + 1), min(shown, count - extent)
    begins = np.arange(low + (shown - low) % rate, high + 1, rate)
    if not len(begins):
        rate, extent = 1, min(length, count)
        begins = np.arange(max(0, shown - extent + 1), min(shown, count - extent) + 1)
    begin = int(chance.choice(begins))
    forwards = np.arange(begin, begin + extent, rate, dtype=np.int64)
    there_and_back = np.concatenate([forwards, forwards[::-1]])
    return start + np.resize(there_and_back, length), start + shown


def _points(score: NDArray[np.floating], count: int, chance: Chance) -> NDArray[np.int64]:
    """At most `count` places of positive score, without repetition, the likelier the larger (Efraimidis & Spirakis)."""
    possible = np.flatnonzero(score > 0)
    keys = np.log(chance.random(len(possible))) / score[possible]
    return np.sort(possible[np.argsort(-keys, kind="stable")[:count]])


def _packed(part: Tensor, count: int) -> Tensor:
    """(n, T, …) -> (1, T, count, …), zeros for points that there are not."""
    whole = part.new_zeros((count, *part.shape[1:]))
    whole[: len(part)] = part
    return whole.transpose(0, 1)[None].contiguous()


def _window(place: float, size: int, whole: int, chance: Chance) -> int:
    """Where a window of `size` begins within `whole`, by chance, so that `place` is in it where it can be."""
    room = whole - size
    low = min(room, max(0, int(np.ceil(place)) - size + 1))
    high = max(low, min(room, int(np.floor(place))))
    return int(chance.integers(low, high + 1))


def _resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    shrinks = size[0] < picture.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size[1], size[0]), interpolation=how), np.uint8)


def _as_video(pictures: NDArray[np.uint8]) -> Tensor:
    """(T, h, w, 3) -> (1, T, 3, h, w) float32."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float()[None]
