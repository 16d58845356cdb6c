"""The clips that a configuration asks for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from tracker.training.augment import Augmentation, augment
from tracker.training.config import DataConfig
from tracker.training.datasets import open_training_data
from tracker.training.samples import Clips, ClipSource
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
