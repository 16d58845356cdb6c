"""Where clips come from: what a configuration asks for, and clips that have numbers."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch

from tracker.training.augment import Augmentation, augment
from tracker.training.config import DataConfig
from tracker.training.datasets import open_training_data
from tracker.training.label_clips import LabelClips
from tracker.training.samples import Clips, ClipSource, chance_of
from tracker.training.synthetic import SyntheticClips


class AugmentedClips:
    """The clips of another source, changed by chance."""

    def __init__(self, source: ClipSource, config: Augmentation, seed: int) -> None:
        self.source, self.config = source, config
        self.chance = torch.Generator().manual_seed(seed)

    def sample(self, batch: int) -> Clips:
        """See `ClipSource`."""
        return augment(self.source.sample(batch), self.config, self.chance)

    def state(self) -> dict[str, Any]:
        """See `ClipSource`."""
        return {"source": self.source.state(), "chance": self.chance.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """See `ClipSource`."""
        self.source.restore(state["source"])
        self.chance.set_state(state["chance"])


class ClipMaker(Protocol):
    """Makes clips that have numbers; the same number is the same clip, on whatever thread or process."""

    def clip(self, number: int, first: int) -> Clips:
        """Clip `number` (1, T, …). Those of a batch, which begins with number `first`, agree in all sizes."""


class ClipsByNumber:
    """A source of numbered clips, made ahead on threads.

    Several processes share every batch: of each `size` times `batch` clips one has `batch` that follow one another. All
    of them together see what one alone would with batches of that size.

    Args:
        maker: is asked from several threads.
        rank, size: of this process among those that train together.
        workers: threads, 1 or more.
    """

    def __init__(self, maker: ClipMaker, rank: int = 0, size: int = 1, workers: int = 1) -> None:
        self._maker, self._rank, self._size = maker, rank, size
        self._next = 0  # the number with which the next batch of all processes begins
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="training-clips")
        self._ahead: dict[tuple[int, int], Future[Clips]] = {}

    def sample(self, batch: int) -> Clips:
        """See `ClipSource`. Raises InputError where the maker has no clip."""
        wanted = self._numbers(self._next, batch)
        following = self._numbers(self._next + batch * self._size, batch)
        for pair in [*wanted, *following]:
            if pair not in self._ahead:
                self._ahead[pair] = self._pool.submit(self._maker.clip, *pair)
        clips = [self._ahead.pop(pair).result() for pair in wanted]
        self._next += batch * self._size
        return Clips.stack(clips)

    def _numbers(self, first: int, batch: int) -> list[tuple[int, int]]:
        mine = first + self._rank * batch
        return [(number, first) for number in range(mine, mine + batch)]

    def _forget(self) -> None:
        for future in self._ahead.values():
            future.cancel()
        self._ahead.clear()

    def state(self) -> dict[str, Any]:
        """See `ClipSource`: the same for every process."""
        return {"next": self._next}

    def restore(self, state: dict[str, Any]) -> None:
        """See `ClipSource`."""
        self._forget()
        self._next = int(state["next"])

    def close(self) -> None:
        """Stop making clips and wait for the threads."""
        self._forget()
        self._pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MixedClips:
    """Clips of labelled videos, and a share of synthetic ones in between against forgetting; see `ClipMaker`."""

    def __init__(self, labels: LabelClips, synthetic: SyntheticClips, share: float, seed: int) -> None:
        """`share` (0..1) of the clips are synthetic; which ones is chance by the seed."""
        self._labels, self._synthetic, self._share, self._seed = labels, synthetic, share, seed
        self._lock = threading.Lock()

    def clip(self, number: int, first: int) -> Clips:
        """See `ClipMaker`, on the device of the synthetic clips."""
        if np.random.default_rng((self._seed, 2, number)).random() >= self._share:
            return self._labels.clip(number, first).to(self._synthetic.device)
        with self._lock:
            chance = chance_of(self._seed, 4, number)
            pixels = torch.Generator(self._synthetic.device).manual_seed(chance.initial_seed())
            self._synthetic.restore({"choice": chance.get_state(), "pixels": pixels.get_state()})
            clip = self._synthetic.sample(1)
        whole = slice(0, self._labels.length(first))
        parts = (clip.video, clip.tracks, clip.visible, clip.valid)
        return Clips(*(part[:, whole] for part in parts))


@contextmanager
def opened_source(config: DataConfig, device: torch.device, seed: int) -> Iterator[ClipSource]:
    """Clips without end; synthetic ones are made on the device.

    Raises:
        InputError: a folder is missing, or holds nothing that can be used.
    """
    if config.kind == "synthetic":
        made = SyntheticClips(config.synthetic, device, seed)
        yield AugmentedClips(made, config.augmentation, seed) if config.augmentation else made
        return
    assert config.choice is not None
    options = {key: getattr(config.choice, key) for key in config.choice.__dataclass_fields__}
    with open_training_data(config.kind, config.folder, seed=seed, **options) as clips:
        yield clips


def describe_data(config: DataConfig) -> str:
    """For the facts in a weights file. Folders are told by their names alone: the rest is nobody's business."""
    if config.choice is not None:
        return json.dumps({"kind": config.kind, "folder": Path(config.folder).name, **asdict(config.choice)})
    values = {**asdict(config.synthetic), "textures": [Path(folder).name for folder in config.synthetic.textures]}
    changed = asdict(config.augmentation) if config.augmentation else None
    return json.dumps({"kind": config.kind, **values, "augmentation": changed})
