"""What a network says of points between two anchors: how like them the picture is, where else, and the joint solution.

Both anchors describe a point: their templates are taken where the person put them. The network's refinement runs over
overlapping windows of the whole gap, begun with the path that was found, with both anchors held.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tracker.inference.bridge_flow import Floats, Spans, follow
from tracker.inference.bridge_frames import NetworkFrames
from tracker.inference.bridge_grey import GreyEvidence
from tracker.inference.bridge_open import run_blocks
from tracker.inference.bridge_pass import follow_windows, run_windows
from tracker.inference.bridge_solve import Judged
from tracker.inference.bridge_window import Window
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.feature_cache import FeatureCache
from tracker.inference.resolution import WorkingResolution
from tracker.inference.session import ShouldStop
from tracker.inference.supply import FrameSupply, OnRead
from tracker.models.estimate import Estimate
from tracker.models.held import Held
from tracker.models.matching import fits
from tracker.video import FrameSource

PICTURE = 0.5  # of the likeness is that of the pictures, the rest that of features
LIKE = 0.6  # similarity of features of the same point on other frames, as measured


class NetworkView:
    """A video as a network sees it; see `bridge.View`."""

    def __init__(
        self,
        source: FrameSource,
        tracker: CoTrackerTracker,
        cache: FeatureCache | None,
        should_stop: ShouldStop,
        on_read: OnRead,
    ) -> None:
        self._frames = NetworkFrames(tracker.model, FrameSupply(source, tracker, cache, on_read), should_stop)
        self._space = WorkingResolution.of(tracker.model.config, source.width, source.height)

    def to_work(self, points: Floats) -> Floats:
        """(..., 2) pixels of the video -> working pixels."""
        return np.asarray(self._space.to_model(torch.from_numpy(np.ascontiguousarray(points))).numpy())

    def to_video(self, points: Floats) -> Floats:
        """(..., 2) working pixels -> pixels of the video."""
        return np.asarray(self._space.to_video(torch.from_numpy(np.ascontiguousarray(points))).numpy())

    def evidence(self, spans: Spans) -> "NetworkEvidence":
        """What can be asked of N gaps."""
        return NetworkEvidence(self._frames, spans)

    def run_out(self, spans: Spans) -> Iterator[Window]:
        """By flow and search where the network's own guesses are made like that; else window by window by itself."""
        if self._frames.model.config.flow:
            return run_blocks(self.evidence, spans)
        begin = self._frames.templates(spans.looks[0][0].tolist(), spans.looks[1][0])
        return run_windows(self._frames, spans, begin)


class NetworkEvidence:
    """A network's view of N gaps."""

    def __init__(self, frames: NetworkFrames, spans: Spans) -> None:
        self._frames, self._spans = frames, spans
        self.refines = not frames.model.config.flow
        self._model, self.grey, self.ask = frames.model, frames.grey, frames.ask
        self._looks = [frames.templates(numbers.tolist(), places) for numbers, places in zip(*spans.looks, strict=True)]
        self._begin, self._finish = self._looks[0], self._looks[0 if spans.open else 1]
        self._picture = GreyEvidence(frames, spans)

    @torch.inference_mode()
    def follow(self, backward: bool) -> tuple[Floats, Floats]:
        """Paths (T, N, 2) from one anchor alone, and misses (T - 1, N) of the steps.

        By flow where the network's own guesses are made like that; else window by window by the network.
        """
        spans = self._spans.reversed() if backward else self._spans
        if self._model.config.flow:
            path, miss = follow(self.grey, spans, self.ask)
        else:
            ends = (self._finish, self._begin) if backward else (self._begin, self._finish)
            path = follow_windows(self._frames, spans, *ends)
            miss = np.zeros((len(path) - 1, path.shape[1]))
        return (path[::-1], miss[::-1]) if backward else (path, miss)

    @torch.inference_mode()
    def candidates(self, near: Floats) -> Floats:
        """(T, N, M, 2) where either template fits far better in the frame than at `near` (T, N, 2), else there."""
        matching = self._model.matching
        if matching is None:
            return near[:, :, None][:, :, :0]
        found = np.repeat(near[:, :, None], len(self._both), axis=2)
        for rows, pyramid in self._frames.pieces(self._spans.frames):
            for i, templates in enumerate(self._both):
                coords = self._frames.coords(near[rows])
                places = matching.search(pyramid, templates, coords, self._frames.work.max_tokens)
                found[rows, :, i] = self._frames.pixels(places)
        return found

    @torch.inference_mode()
    def likeness(self, places: Floats) -> Floats:
        """(T, N, K) how like the better fitting template of both the picture is at places (T, N, K, 2), -1..1."""
        found = np.full(places.shape[:3], -1.0)
        options = places.shape[2]
        for rows, pyramid in self._frames.pieces(self._spans.frames):
            coords = self._frames.coords(places[rows].reshape(rows.stop - rows.start, -1, 2))
            for templates in self._looks:
                repeated = [one.repeat_interleave(options, dim=1) for one in templates]
                values = self._fits(pyramid, repeated, coords).mean(-1)[0].T
                found[rows] = np.maximum(found[rows], values.unflatten(1, (-1, options)).cpu().numpy())
        return (1 - PICTURE) * found / LIKE + PICTURE * self._picture.likeness(places)

    @torch.inference_mode()
    def judge(self, path: Floats, likeness: Floats) -> Judged:
        """The network's solution in overlapping windows, begun with a path (T, N, 2), both anchors held."""
        window = self._window(len(path))
        # A gap that is shorter than a window goes on with its last frame.
        times = np.minimum(np.arange(max(window, len(path))), len(path) - 1)
        sums, total = np.zeros((len(times), path.shape[1], 4)), np.zeros((len(times), 1, 1))
        weight = np.minimum(np.arange(window) + 1.0, window - np.arange(window))[:, None, None]
        for piece in self._frames.overlapping_pieces(len(times), window):
            pyramid = self._frames.pyramid([self._spans.frames[i] for i in times[piece]])
            for first, count in _windows(piece.stop - piece.start, window):
                part = slice(first, first + count * window)
                seen = [level[0, part].unflatten(0, (count, window)) for level in pyramid]
                at = slice(piece.start + part.start, piece.start + part.stop)
                shares = np.tile(weight, (count, 1, 1))
                sums[at] += self._solve(seen, path[times[at]], times[at]) * shares
                total[at] += shares
        mean = (sums / total)[: len(path)]
        return Judged(mean[..., :2], *(1 / (1 + np.exp(-mean[..., i])) for i in (2, 3)))

    def _solve(self, seen: list[Tensor], path: Floats, times: NDArray[np.int64]) -> Floats:
        """(T, N, 4) position and logits of visibility and confidence, from several windows as a batch."""
        spans, batch = self._spans, len(seen[0])
        coords = self._frames.coords(path)[0].unflatten(1, (batch, -1)).transpose(0, 1)
        held_at = (times[:, None] <= spans.first) | ((times[:, None] >= spans.last) & (not spans.open))
        share = np.clip((times[:, None] - spans.first) / np.maximum(1, spans.last - spans.first), 0, 1)
        known, shares = (
            torch.from_numpy(values.T.copy()).to(coords.device).unflatten(1, (batch, -1)).transpose(0, 1)
            for values in (held_at, share.astype(np.float32))
        )
        begin, finish = ([one.expand(batch, -1, -1, -1) for one in ends] for ends in (self._begin, self._finish))
        nothing = torch.zeros_like(shares)
        estimate = self._model.refine(
            seen,
            begin,
            Estimate(coords, nothing, nothing),
            None if self.refines else 1,
            max_tokens=self._frames.work.max_tokens,
            before_iteration=self.ask,
            held=Held(known, coords, finish, shares),
        )[-1]
        logits = torch.stack([estimate.visibility, estimate.confidence], dim=-1)
        return np.concatenate([self._frames.pixels(estimate.coords), _rows(logits)], axis=-1)

    @property
    def _both(self) -> list[list[Tensor]]:
        """The templates at the anchors that there are."""
        return [self._begin] if self._spans.open else [self._begin, self._finish]

    def _window(self, length: int) -> int:
        """Frames refined together: what an online network was made for; an offline one takes fewer as well."""
        config = self._model.config
        return config.window if config.kind == "online" else min(config.window, max(2, length + length % 2))

    def _fits(self, pyramid: list[Tensor], templates: list[Tensor], coords: Tensor) -> Tensor:
        size = max(1, self._frames.work.max_tokens // max(1, coords.shape[2]))
        pieces = []
        for first in range(0, coords.shape[1], size):
            self.ask()
            some = slice(first, first + size)
            few = [one[:, some] for one in templates]
            pieces.append(fits(pyramid, few, coords[:, some], self._model.config.radius))
        return torch.cat(pieces, dim=1)


def _rows(values: Tensor) -> Floats:
    """(B, N, S, C) of successive windows -> (B * S, N, C)."""
    return np.asarray(values.transpose(1, 2).flatten(0, 1).cpu().numpy(), np.float64)


def _windows(length: int, window: int) -> Iterator[tuple[int, int]]:
    """(first frame, number of windows one after another) that cover a length, each frame but the outer ones twice."""
    end = 0
    for first in (0, window // 2):
        count = (length - first) // window
        if count:
            yield first, count
            end = max(end, first + count * window)
    if end < length:
        yield length - window, 1
