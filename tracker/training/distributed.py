"""Training on several processes that `torchrun` starts: each has its own clips, all take the same step."""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from tracker.files import InputError


@dataclass(frozen=True)
class Group:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009

    @property
    def leads(self) -> bool:
        """The one that writes, logs and looks at the clock."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with its gradients averaged over all processes."""
        if self.size == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices)

    def without_sync(self, model: nn.Module) -> AbstractContextManager[None]:
        """While it lasts gradients are added up here only."""
        return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()

    def largest(self, values: Sequence[float]) -> list[float]:
        """Each of the values, the largest of all processes."""
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return [float(value) for value in shared.cpu()]

    def mean(self, values: torch.Tensor) -> torch.Tensor:
        """The mean over all processes of a tensor that each has."""
        if self.size > 1:
            values = values.clone()
            dist.all_reduce(values)
            values /= self.size
        return values

    def gather(self, value: Any) -> list[Any]:
        """The value of every process, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values


@contextmanager
def joined_group(device: str) -> Iterator[Group]:
    """The processes that `torchrun` started (environment RANK, WORLD_SIZE, LOCAL_RANK), or this one alone.

    Args:
        device: "auto", "cpu" or "cuda"; "auto" takes graphics cards where there are any.

    Raises:
        InputError: "cuda" where there is no graphics card, or fewer than processes.
    """
    rank, size, local = (int(os.environ.get(name, value)) for name, value in DEFAULTS)
    place = _device(device, local)
    if size == 1:
        yield Group(0, 1, place)
        return
    if place.type == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo", rank=rank, world_size=size)
    try:
        yield Group(rank, size, place)
    finally:
        # A wrapped model is a cycle that keeps the group, and with it its threads, alive into the end of the process,
        # where threads that still run abort it.
        gc.collect()
        dist.destroy_process_group()


DEFAULTS = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))


def _device(device: str, local: int) -> torch.device:
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise InputError("cuda: no graphics card that PyTorch can use was found; choose cpu or auto")
    if local >= torch.cuda.device_count():
        raise InputError(f"cuda: process {local + 1} of this machine, which has {torch.cuda.device_count()} cards")
    return torch.device("cuda", local)
