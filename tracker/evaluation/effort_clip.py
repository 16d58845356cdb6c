"""What the simulated annotator works on: the frames of a clip, the truth on them, and the hand that clicks."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tracker.evaluation.labelled import Frames, LabelledVideo
from tracker.evaluation.metrics import METRIC_SIDE
from tracker.video import ViewTransform

HELD_BYTES = 2 << 30  # clips that take more are decoded again for every pass

Floats = NDArray[np.float32]


class ClipFrames:
    """The first `count` frames of a video as a `FrameSource`, in memory where they take less than `held_bytes`.

    Raises:
        InputError: a frame cannot be decoded.
    """

    fps = Fraction(25)
    time_base = Fraction(1, 25)
    first_frame_number = 0
    has_audio = False
    codec = ""
    missing: tuple[int, ...] = ()
    view = ViewTransform()

    def __init__(self, name: str, opened: Frames, count: int, held_bytes: int = HELD_BYTES) -> None:
        # Features are kept for one clip at a time. They are named by a file that is there, which a made clip has not.
        self.name, self.path = name, Path(__file__)
        self.width, self.height, self.frame_count = opened.width, opened.height, count
        self.pts = np.arange(count, dtype=np.int64)
        self._opened = opened
        small = count * opened.width * opened.height * 3 <= held_bytes
        self._held = list(opened.frames(0, count)) if small else None

    def frame(self, index: int) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB."""
        return next(self.frames(index, index + 1))

    def frames(self, start: int, stop: int, step: int = 1) -> Iterator[NDArray[np.uint8]]:
        """Those of range(start, stop, step)."""
        if self._held is None:
            return self._opened.frames(start, stop, step)
        held = self._held
        return (held[index] for index in range(start, stop, step))

    def close(self) -> None:
        """Nothing of its own is open: who opened the video closes it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@dataclass(frozen=True)
class EffortClip:
    """N tracks over T frames whose truth the annotator sees where he can see it.

    Attributes:
        tracks: (N, T, 2) float32 true positions in pixels of the frames; anything where not judged.
        judged: (N, T) bool: visible and labelled. At least one frame of each track.
        frames: the pictures.
    """

    name: str
    tracks: Floats
    judged: NDArray[np.bool_]
    frames: ClipFrames

    @classmethod
    def of(cls, video: LabelledVideo, frames: ClipFrames) -> "EffortClip":
        """The tracks of a video that are seen at all."""
        judged = video.visible & video.labelled
        seen = judged.any(axis=1)
        return cls(video.name, video.tracks[seen], judged[seen], frames)

    @property
    def metric_scale(self) -> NDArray[np.float64]:
        """(2,) pixels of the benchmark's 256x256 per pixel of the frames."""
        return METRIC_SIDE / np.array((self.frames.width, self.frames.height), np.float64)

    @property
    def first_frames(self) -> NDArray[np.int64]:
        """(N,) where each track is first judged."""
        return np.asarray(self.judged.argmax(axis=1), np.int64)

    def errors(self, tracks: Floats) -> NDArray[np.float64]:
        """(N, T) distances from the truth in pixels at 256x256; inf where `tracks` (N, T, 2) says nothing.

        Zero where not judged, so that nobody finds fault with what nobody can see.
        """
        distance = np.linalg.norm((tracks - self.tracks) * self.metric_scale, axis=-1)
        return np.where(self.judged, np.where(np.isnan(tracks).any(axis=-1), np.inf, distance), 0.0)


class Hand:
    """Clicks on true positions, a little off. The k-th click on a track is off by the same, whoever asks for it.

    Args:
        noise: standard deviation in x and in y, pixels at 256x256.
        clicks: the most on a track.
    """

    def __init__(self, clip: EffortClip, noise: float, clicks: int, seed: int) -> None:
        random = np.random.default_rng([seed, zlib.crc32(clip.name.encode())])
        self._clip = clip
        self._offsets = random.normal(0, noise, (len(clip.tracks), clicks, 2)) / clip.metric_scale

    def click(self, row: int, frame: int, number: int) -> tuple[float, float]:
        """x, y in pixels of the frames, on the picture, of the click `number` (from 0) on a track."""
        x, y = self._clip.tracks[row, frame] + self._offsets[row, number]
        frames = self._clip.frames
        return float(np.clip(x, 0, frames.width - 1)), float(np.clip(y, 0, frames.height - 1))
