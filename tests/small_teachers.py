"""Tiny networks of every family, in files as their authors and training tools write them."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from tracker.models import build_model

COTRACKER: dict[str, Any] = {
    "encoder_channels": (8, 8, 12, 12),
    "feature_channels": 16,
    "width": 48,
    "heads": 1,
    "mlp_ratio": 2,
    "virtual_tracks": 6,
}
CHANNELS: dict[str, Any] = {"channels": (8, 8, 16, 16)}
TAPIR = CHANNELS | {"mixer_width": 16, "mixer_blocks": 2}
# Of these everything that differs from the published network shows in keys and shapes.
TINY: dict[str, dict[str, Any]] = {
    "cotracker3-online": COTRACKER | {"depth": 1, "levels": 2, "correlation_hidden": 24, "correlation_channels": 12},
    "cotracker3-offline": COTRACKER | {"depth": 1, "levels": 2, "correlation_hidden": 24, "correlation_channels": 12},
    "cotracker2": COTRACKER | {"depth": 2, "resolution": (64, 96)},
    "cotracker2.1": COTRACKER | {"depth": 1, "resolution": (64, 96)},
    "tapir": TAPIR,
    "bootstapir": TAPIR,
    "bootstapir-online": TAPIR,
    "locotrack-small": CHANNELS,
    "locotrack-base": CHANNELS,
}


def tiny(name: str, **options: Any) -> nn.Module:
    """With random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return build_model(name, **(TINY[name] | options)).eval()


def save_own(path: Path, model: nn.Module, facts: Mapping[str, str] | None = None) -> Path:
    """As Trackwright writes it: safetensors that say their configuration."""
    config: Any = model.config
    save_file(model.state_dict(), path, {"config": json.dumps(asdict(config)), **(facts or {})})
    return path
