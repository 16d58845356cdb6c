"""What training draws from: batches of clips with their point tracks."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from torch import Tensor


class Clips(NamedTuple):
    """A batch of training clips; all tensors on one device.

    Coordinates are pixels with (0, 0) at the centre of the top-left pixel.
    """

    video: Tensor
    """(B, T, 3, H, W) float32 RGB, 0..255."""
    tracks: Tensor
    """(B, T, N, 2) float32 x, y; finite everywhere, also outside the frame."""
    visible: Tensor
    """(B, T, N) bool: inside the frame and not hidden."""
    valid: Tensor
    """(B, T, N) bool: the position may be used at all."""
    weight: Tensor | None = None
    """(B, T, N) float32: how much each position counts beside the others of its clip; all alike where None."""
    judged: Tensor | None = None
    """(B, T, N) bool: where visibility and confidence may be learned; everywhere where None."""

    @property
    def batch_size(self) -> int:
        return self.video.shape[0]

    def to(self, device: torch.device | str) -> Self:
        """The same clips on another device."""
        return type(self)(*(None if part is None else part.to(device) for part in self))  # type: ignore[arg-type]

    def split(self) -> list[Self]:
        """Each clip as a batch of its own."""
        places = [slice(number, number + 1) for number in range(self.batch_size)]
        return [type(self)(*(None if part is None else part[place] for part in self)) for place in places]  # type: ignore[arg-type]

    def _spelled_out(self) -> Self:
        """The same with nothing that is None."""
        weight = torch.ones_like(self.tracks[..., 0]) if self.weight is None else self.weight
        judged = torch.ones_like(self.valid) if self.judged is None else self.judged
        return self._replace(weight=weight, judged=judged)

    @classmethod
    def stack(cls, clips: Sequence[Self]) -> Self:
        """One batch of all clips of ``clips``, in order; they must agree in T, N, H and W."""
        if any(one.weight is not None or one.judged is not None for one in clips):
            clips = [one._spelled_out() for one in clips]
        columns = zip(*clips, strict=True)
        return cls(*(None if parts[0] is None else torch.cat(parts) for parts in columns))  # type: ignore[arg-type]


def chance_of(*numbers: int) -> torch.Generator:
    """A generator on the CPU that hangs on all of the numbers, so that what has a number has a chance of its own."""
    seed = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(seed >> np.uint64(1)))


class ClipSource(Protocol):
    """An endless source of training clips whose place can be kept and returned to."""

    def sample(self, batch: int) -> Clips:
        """The next ``batch`` clips."""

    def state(self) -> dict[str, Any]:
        """Plain values and tensors from which :meth:`restore` goes on exactly here."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; the next sample is the one that would have followed it."""
