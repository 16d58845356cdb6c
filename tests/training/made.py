"""Clips and configurations that train in milliseconds."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tests.small_models import SMALL
from tracker.models.cotracker3 import CoTracker3Config
from tracker.training.config import OptimiserConfig, RunConfig, TrainingConfig
from tracker.training.samples import Clips

TINY: dict[str, Any] = {**SMALL, "resolution": (32, 32), "depth": 1, "width": 24, "heads": 2}
TINY |= {"correlation_hidden": 12, "radius": 1}


def tiny_config(kind: str = "online", **changes: Any) -> TrainingConfig:
    """A network of some thousand parameters, windows of 4 frames; `changes` of [optimiser] and [train] by name."""
    model = CoTracker3Config(**{**TINY, "kind": kind, "window": 4 if kind == "online" else 6})
    optimiser = OptimiserConfig(steps=6, batch=2)
    train = RunConfig(iterations=2, validate_every=0, log_every=2)
    for name, value in changes.items():
        if hasattr(optimiser, name):
            optimiser = replace(optimiser, **{name: value})
        else:
            train = replace(train, **{name: value})
    return TrainingConfig(model=model, optimiser=optimiser, train=train)


def moving_clips(batch: int, generator: torch.Generator, frames: int = 6, points: int = 3, side: int = 32) -> Clips:
    """A noise picture that moves as a whole by up to a pixel per frame, and points on it, all visible on frame 0."""
    coarse = torch.rand(batch, 3, side // 2, side // 2, generator=generator) * 255
    picture = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=False)
    steps = torch.randint(-1, 2, (batch, 2), generator=generator)
    places = torch.randint(8, side - 8, (batch, points, 2), generator=generator).float()
    video, tracks = [], []
    for frame in range(frames):
        corner = side // 2 - steps * frame  # of the view, x and y
        views = [picture[i, :, y : y + side, x : x + side] for i, (x, y) in enumerate(corner.tolist())]
        video.append(torch.stack(views))
        tracks.append(places + steps[:, None] * frame)
    positions = torch.stack(tracks, 1)
    visible = torch.rand(batch, frames, points, generator=generator) < 0.8
    visible[:, 0] = True
    return Clips(torch.stack(video, 1), positions, visible, torch.ones_like(visible))


class MovingClips:
    """A source of `moving_clips`; `spoil` is given the number of each sample and the clips, and may change them."""

    def __init__(self, seed: int = 0, spoil: Any = None) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.samples = 0
        self.spoil = spoil

    def sample(self, batch: int) -> Clips:
        self.samples += 1
        clips = moving_clips(batch, self.generator)
        return self.spoil(self.samples, clips) if self.spoil else clips

    def state(self) -> dict[str, Any]:
        return {"samples": self.samples, "generator": self.generator.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.samples = state["samples"]
        self.generator.set_state(state["generator"])


class OneClip:
    """The same clips again and again."""

    def __init__(self, clips: Clips) -> None:
        self.clips = clips

    def sample(self, batch: int) -> Clips:
        assert batch == self.clips.batch_size
        return self.clips

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        assert state == {}


def same_tensors(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
