"""The figures of a validation: of a network that knows, and of one that does not move."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from app.cli.validation import held_clips, score_clips, validation
from tests.evaluation.made import npz_folder
from tests.small_models import small_model
from tests.training.made import moving_clips
from tracker.files import InputError
from tracker.training.config import DataConfig, RunConfig, TrainingConfig
from tracker.training.samples import Clips
from tracker.training.synthetic import SyntheticConfig

SYNTHETIC = SyntheticConfig(size=(64, 64), frames=10, points=6, objects=(1, 2))
CONFIG = TrainingConfig(data=DataConfig(synthetic=SYNTHETIC), train=RunConfig(validation_clips=2))


class Oracle(nn.Module):
    """Answers with what it is told."""

    def __init__(self, tracks, visible):
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))
        self.tracks, self.visible = tracks, visible

    def forward(self, video, queries):
        certain = self.visible.float()
        return SimpleNamespace(tracks=self.tracks, visibility=certain, confidence=torch.ones_like(certain))


def test_one_that_knows():
    clips = moving_clips(1, torch.Generator().manual_seed(2))
    figures = score_clips(Oracle(clips.tracks, clips.visible), [clips])  # type: ignore[arg-type]
    assert figures == {"delta_avg": 100, "AJ": 100, "OA": 100}


def test_one_that_does_not_move():
    # A point that moves by 2 pixels a frame in frames of 128: it is 4, 8 and 12 pixels off at 256, so that none of
    # these is below 1, 2 and 4, one is below 8 and all are below 16.
    tracks = torch.zeros(1, 4, 1, 2)
    tracks[0, :, 0, 0] = torch.tensor([10.0, 12, 14, 16])
    seen = torch.ones(1, 4, 1, dtype=torch.bool)
    clips = Clips(torch.zeros(1, 4, 3, 128, 128), tracks, seen, seen)
    still = Oracle(tracks[:, :1].expand(-1, 4, -1, -1), ~seen)
    figures = score_clips(still, [clips])  # type: ignore[arg-type]
    assert figures["delta_avg"] == pytest.approx(100 * (1 / 3 + 1) / 5)
    assert (figures["AJ"], figures["OA"]) == (0, 0)


def test_held_clips_are_always_the_same_and_never_those_of_training():
    first, again = held_clips(CONFIG), held_clips(CONFIG)
    assert len(first) == 2
    assert all(torch.equal(a.video, b.video) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].video, first[1].video)


def test_ground_truth_of_a_folder(tmp_path):
    figures = validation(CONFIG, [f"npz:{npz_folder(tmp_path / 'truth')}"])(small_model())
    assert [name.split()[-1] for name in figures] == ["delta_avg", "AJ", "OA"] * 2
    assert all(np.isfinite(value) for value in figures.values())


def test_refused(tmp_path):
    with pytest.raises(InputError, match="--validate films: must be npz:FOLDER"):
        validation(CONFIG, ["films"])
    with pytest.raises(InputError, match="absent"):
        validation(CONFIG, [f"npz:{tmp_path / 'absent'}"])
