"""The clips that a configuration asks for."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from tracker.training.config import DataConfig
from tracker.training.samples import ClipSource
from tracker.training.synthetic import SyntheticClips


def open_source(config: DataConfig, device: torch.device, seed: int) -> ClipSource:
    """Clips without end.

    Raises:
        InputError: a folder is missing, or holds nothing that can be used.
    """
    return SyntheticClips(config.synthetic, device, seed)


def describe_data(config: DataConfig) -> str:
    """For the facts in a weights file. Folders are told by their names alone: the rest is nobody's business."""
    values = asdict(config.synthetic)
    values["textures"] = [Path(folder).name for folder in config.synthetic.textures]
    return json.dumps({"kind": config.kind, **values})
