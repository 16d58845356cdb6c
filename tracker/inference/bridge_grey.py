"""What the picture alone says of points between two anchors, for trackers without features."""

from collections.abc import Iterator

import cv2
import numpy as np

from tracker.inference.bridge_flow import Floats, Grey, Spans, follow
from tracker.inference.bridge_frames import GreyFrames
from tracker.inference.bridge_open import run_blocks
from tracker.inference.bridge_solve import Judged
from tracker.inference.bridge_window import Window
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.session import ShouldStop
from tracker.inference.supply import GreySupply, OnRead
from tracker.video import FrameSource

MOST_SIDE = 640  # pixels, of the pictures in work
PATCH = 15  # pixels, the side of the patch that is compared with those at the anchors
MIN_MATCH = 0.4  # correlation with the better of both below which a point is thought to be hidden
NOISE = 4.0  # grey levels squared; keeps the correlation of patches without texture defined
ROWS = 8192  # cv2.remap takes no more than 32,767 rows at once


class GreyView:
    """A video as Lucas-Kanade sees it; see `bridge.View`. Large pictures are worked on at half size or less."""

    def __init__(
        self, source: FrameSource, cache: FeatureCache | None, should_stop: ShouldStop, on_read: OnRead
    ) -> None:
        # Without a cache to share pictures are kept from one direction to the other, as many as a network's features.
        self._supply = GreySupply(source, FeatureCache() if cache is None else cache, on_read)
        self._shrink = max(1, -(-max(source.width, source.height) // MOST_SIDE))
        self._frames = GreyFrames(self._load, should_stop)

    def to_work(self, points: Floats) -> Floats:
        """(..., 2) pixels of the video -> those of the shrunk pictures."""
        return (points + 0.5) / self._shrink - 0.5

    def to_video(self, points: Floats) -> Floats:
        """(..., 2) pixels of the shrunk pictures -> those of the video."""
        return (points + 0.5) * self._shrink - 0.5

    def evidence(self, spans: Spans) -> "GreyEvidence":
        """What can be asked of N gaps."""
        return GreyEvidence(self._frames, spans)

    def run_out(self, spans: Spans) -> Iterator[Window]:
        """See `bridge_open.run_blocks`."""
        return run_blocks(self.evidence, spans)

    def _load(self, frame: int) -> Grey:
        grey = self._supply.greys([frame], self._frames.should_stop)[0]
        if self._shrink == 1:
            return grey
        height, width = (-(-side // self._shrink) * self._shrink for side in grey.shape)
        whole = cv2.copyMakeBorder(grey, 0, height - grey.shape[0], 0, width - grey.shape[1], cv2.BORDER_REPLICATE)
        small = cv2.resize(whole, (width // self._shrink, height // self._shrink), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)


class GreyEvidence:
    """Normalised correlation with the patches around both anchors (Shi and Tomasi, "Good Features to Track", 1994)."""

    refines = False

    def __init__(self, frames: GreyFrames, spans: Spans) -> None:
        self._spans, self.grey, self.ask = spans, frames.grey, frames.ask
        self._patches = [
            np.concatenate(
                [cut(frames.grey(number), place[None]) for number, place in zip(numbers, places, strict=True)]
            )
            for numbers, places in zip(spans.looks[0].tolist(), spans.looks[1], strict=True)
        ]

    def follow(self, backward: bool) -> tuple[Floats, Floats]:
        """See `bridge_flow.follow`."""
        path, miss = follow(self.grey, self._spans.reversed() if backward else self._spans, self.ask)
        return (path[::-1], miss[::-1]) if backward else (path, miss)

    def candidates(self, near: Floats) -> Floats:
        """None."""
        return near[:, :, None][:, :, :0]

    def likeness(self, places: Floats) -> Floats:
        """(T, N, K) the correlation of the better of both anchors' patches with that at places (T, N, K, 2), -1..1."""
        found = np.zeros(places.shape[:3])
        options = places.shape[2]
        for t, inside in enumerate(self._spans.inside):
            self.ask()
            rows = np.flatnonzero(inside)
            if len(rows):
                patches = cut(self.grey(self._spans.frames[t]), places[t, rows].reshape(-1, 2))
                both = [correlation(patches, one[rows].repeat(options, axis=0)) for one in self._patches]
                found[t, rows] = np.max(both, axis=0).reshape(-1, options)
        return found

    def judge(self, path: Floats, likeness: Floats) -> Judged:
        """Both numbers are at least 0.5 where the picture is like the point, and 0 where not."""
        seen = likeness >= MIN_MATCH
        visibility = np.where(seen, 0.5 + 0.5 * (likeness - MIN_MATCH) / (1 - MIN_MATCH), 0.0)
        return Judged(path, visibility, np.where(seen, 0.5 + 0.5 * likeness.clip(0, 1), 0.0))


def cut(grey: Grey, places: Floats) -> Floats:
    """The patches (M, PATCH * PATCH) around places (M, 2), bilinear; beyond the border the picture is mirrored."""
    offsets = np.arange(PATCH) - PATCH // 2
    shape = (len(places), PATCH, PATCH)
    x = np.broadcast_to(places[:, 0, None, None] + offsets, shape).reshape(len(places), -1).astype(np.float32)
    y = np.broadcast_to(places[:, 1, None, None] + offsets[:, None], shape).reshape(len(places), -1).astype(np.float32)
    parts = [
        cv2.remap(grey, x[i : i + ROWS], y[i : i + ROWS], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for i in range(0, len(x), ROWS)
    ]
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros((0, PATCH * PATCH))


def correlation(a: Floats, b: Floats) -> Floats:
    """Zero-mean normalised correlation (M,) of patches (M, P); two patches without texture are alike."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    product, of_a, of_b = ((p * q).mean(axis=1) for p, q in ((a, b), (a, a), (b, b)))
    return np.asarray((product + NOISE) / (np.sqrt(of_a * of_b) + NOISE))
