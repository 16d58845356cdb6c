"""The frames that a bridge works on: pictures in grey, and a network's features of them, a bounded number at a time."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from tracker.inference.bridge_flow import Floats, Grey
from tracker.inference.memory import WorkSize
from tracker.inference.session import Cancelled, ShouldStop
from tracker.inference.supply import FrameSupply
from tracker.models.cotracker3 import CoTracker3

GREYS_AT_HAND = 256
FEATURE_BYTES = 256 << 20  # of feature maps in work at once


class GreyFrames:
    """Pictures by the number of their frame; the last ones asked for are at hand.

    Args:
        load: gives a picture.
        should_stop: whether the work is not wanted any more.
    """

    def __init__(self, load: Callable[[int], Grey], should_stop: ShouldStop) -> None:
        self._load, self.should_stop = load, should_stop
        self._greys: dict[int, Grey] = {}

    def ask(self) -> None:
        """Raises Cancelled where the work is not wanted any more."""
        if self.should_stop():
            raise Cancelled

    def grey(self, frame: int) -> Grey:
        """(h, w) uint8."""
        if frame not in self._greys:
            if len(self._greys) >= GREYS_AT_HAND:
                del self._greys[next(iter(self._greys))]
            self._greys[frame] = self._load(frame)
        return self._greys[frame]


class NetworkFrames(GreyFrames):
    """With a network's features of them.

    Args:
        supply: where both are from.
    """

    def __init__(self, model: CoTracker3, supply: FrameSupply, should_stop: ShouldStop) -> None:
        super().__init__(lambda frame: supply.features([frame], should_stop)[0].grey, should_stop)
        self.model, self.work, self._supply = model, WorkSize(model), supply
        self._last: tuple[tuple[int, ...], list[Tensor]] = ((), [])

    @torch.inference_mode()
    def pyramid(self, frames: Sequence[int]) -> list[Tensor]:
        """Levels (1, T, h, w, C); those of the last call are kept."""
        self.ask()
        if self._last[0] != tuple(frames):
            supplied = self._supply.features(frames, self.should_stop)
            stack = torch.stack([one.features for one in supplied]).to(self.work.device)
            self._last = (tuple(frames), self.model.pyramid(stack[None]))
        return self._last[1]

    def pieces(self, frames: Sequence[int]) -> Iterator[tuple[slice, list[Tensor]]]:
        """All frames, as many at a time as may be: which they are, and their pyramid."""
        size = self._at_once()
        for first in range(0, len(frames), size):
            rows = slice(first, min(len(frames), first + size))
            yield rows, self.pyramid(frames[rows])

    def overlapping_pieces(self, length: int, window: int) -> Iterator[slice]:
        """Stretches of a window or more that overlap by half a window; `length` is a window or more."""
        half = window // 2
        size = max(window, self._at_once() // half * half)
        first = last = 0
        while last < length:
            last = min(length, first + size)
            yield slice(min(first, length - window), last)
            first = last - half

    @torch.inference_mode()
    def templates(self, frames: Sequence[int], places: Floats) -> list[Tensor]:
        """What the picture looks like at places (N, 2) on N frames, per level (1, N, patch, C)."""
        coords = self.coords(places[None])[:, :, 0]
        only = torch.zeros(1, 1, dtype=torch.long, device=coords.device)
        found = []
        for row, frame in enumerate(frames):
            self.ask()
            features = self._supply.features([frame], self.should_stop)[0].features.to(self.work.device)
            found.append(self.model.templates(self.model.pyramid(features[None, None]), only, coords[:, row, None]))
        return [torch.cat(levels, dim=1) for levels in zip(*found, strict=True)]

    def coords(self, places: Floats) -> Tensor:
        """(T, N, 2) pixels of the pictures -> (1, N, T, 2) feature pixels."""
        pixels = torch.from_numpy(places.astype(np.float32)).to(self.work.device)
        return pixels.transpose(0, 1)[None] / self.model.config.stride

    def pixels(self, coords: Tensor) -> Floats:
        """(B, N, S, 2) feature pixels of successive windows -> (B * S, N, 2) pixels of the pictures."""
        rows = coords.transpose(1, 2).flatten(0, 1).cpu().numpy()
        return np.asarray(rows, np.float64) * self.model.config.stride

    def _at_once(self) -> int:
        config = self.model.config
        height, width = config.resolution
        places = height * width // config.stride**2
        return max(1, FEATURE_BYTES // (places * config.feature_channels * 4))
