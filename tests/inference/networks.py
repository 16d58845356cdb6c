"""Small untrained networks in checkpoint files, beside a clip to run them on."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from tests.inference.scenes import panning
from tracker.checkpoints import save_checkpoint
from tracker.inference.session import Prediction
from tracker.models.cotracker3 import CoTracker3, CoTracker3Config
from tracker.video import VideoWriter

COUNT = 30  # frames of the clip


def small_model(kind: Literal["online", "offline"]) -> CoTracker3:
    torch.manual_seed(5)
    return CoTracker3(
        CoTracker3Config(
            kind=kind,
            resolution=(48, 64),
            encoder_channels=(8, 8, 8, 8),
            feature_channels=8,
            correlation_hidden=16,
            correlation_channels=16,
            width=48,
            depth=1,
            heads=1,
            virtual_tracks=4,
            iterations=2,
            levels=2,
        )
    ).eval()


def make_network_folder(folder: Path) -> Path:
    """Writes panning.mp4, online.safetensors and offline.safetensors."""
    with VideoWriter(folder / "panning.mp4", 160, 120, Fraction(25)) as writer:
        for frame in panning(np.stack([0.5 * np.arange(COUNT), np.zeros(COUNT)], axis=1)):
            writer.write(frame)
    save_checkpoint(folder / "online.safetensors", small_model("online"))
    save_checkpoint(folder / "offline.safetensors", small_model("offline"))
    return folder


def query(frame: int, x: float = 60, y: float = 50) -> NDArray[np.float32]:
    return np.array([[frame, x, y]], np.float32)


def table(predictions: Iterable[Prediction], point: int = 0) -> NDArray[np.float32]:
    """(COUNT, 2), what was said of one point, NaN where nothing."""
    tracks = np.full((COUNT, 2), np.nan, np.float32)
    for found in predictions:
        if point in found.ids:
            tracks[found.first_frame : found.end_frame] = found.tracks[:, found.ids.tolist().index(point)]
    return tracks
