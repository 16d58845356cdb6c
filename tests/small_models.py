"""A CoTracker3 that is small enough to run in milliseconds, and short clips for it."""

import numpy as np
import torch
from numpy.typing import NDArray

from tracker.models import build_model
from tracker.models.cotracker3 import CoTracker3

SMALL = {
    "resolution": (64, 96),
    "encoder_channels": (8, 8, 12, 12),
    "feature_channels": 16,
    "levels": 2,
    "radius": 2,
    "correlation_hidden": 24,
    "correlation_channels": 12,
    "width": 48,
    "depth": 2,
    "heads": 4,
    "mlp_ratio": 2,
    "virtual_tracks": 6,
    "iterations": 3,
}


def small_model(kind: str = "online", **options: object) -> CoTracker3:
    """With random weights that make points move by about a pixel."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = build_model(f"cotracker3-{kind}", **{**SMALL, **options})
        assert isinstance(model, CoTracker3)
        for name, weights in model.updateformer.named_parameters():
            if name.endswith("head.weight"):
                torch.nn.init.normal_(weights, std=0.03)
    return model.eval()


def small_clip(length: int, width: int = 120, height: int = 80) -> NDArray[np.uint8]:
    """(T, H, W, 3): every frame another noise picture, so that mixed up frames give other numbers."""
    return np.random.default_rng(length).integers(0, 256, (length, height, width, 3), dtype=np.uint8)


def some_queries(*frames: int) -> NDArray[np.float32]:
    random = np.random.default_rng(5)
    return np.column_stack([frames, random.uniform(5, 70, (len(frames), 2))]).astype(np.float32)
