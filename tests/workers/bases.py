"""A network to fine-tune by the recipe as it is, which makes clips smaller than the network's own resolution."""

from dataclasses import replace
from pathlib import Path

from tests.training.made import tiny_config
from tracker.checkpoints import save_checkpoint
from tracker.training.loop import new_network


def write_base(path: Path) -> Path:
    """Random weights."""
    network = new_network(replace(tiny_config().model, resolution=(64, 64)), 1)
    save_checkpoint(path, network, {"licence": "Apache-2.0"})
    return path
