"""What training draws from: batches of clips with their point tracks."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self

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
    """(B, T, N) bool: the label may be used at all."""

    @property
    def batch_size(self) -> int:
        return self.video.shape[0]

    def to(self, device: torch.device | str) -> Self:
        """The same clips on another device."""
        return type(self)(*(tensor.to(device) for tensor in self))

    @classmethod
    def stack(cls, clips: Sequence[Self]) -> Self:
        """One batch of all clips of ``clips``, in order; they must agree in T, N, H and W."""
        return cls(*(torch.cat(tensors) for tensors in zip(*clips, strict=True)))


class ClipSource(Protocol):
    """An endless source of training clips whose place can be kept and returned to."""

    def sample(self, batch: int) -> Clips:
        """The next ``batch`` clips."""

    def state(self) -> dict[str, Any]:
        """Plain values and tensors from which :meth:`restore` goes on exactly here."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state; the next sample is the one that would have followed it."""
