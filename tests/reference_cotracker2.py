"""The reference fixtures for CoTracker2; see `tests.reference` for those of CoTracker3."""

from functools import cache

import numpy as np
import pytest
import torch

from tests.reference import ROOT, SALT, Arrays, recipe
from tracker.models.cotracker2 import CoTracker2, CoTracker2Config

FOLDER = ROOT / "cotracker2"
TRACKS, PROBABILITIES = 5e-3, 1e-4

needs_reference = pytest.mark.skipif(
    not FOLDER.is_dir() or not (ROOT / "cotracker3").is_dir(),
    reason=f"no reference fixtures in {FOLDER}; set TRACKWRIGHT_REFERENCE to the folder above it",
)


@cache
def fixture(name: str) -> Arrays:
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


@cache
def _weights() -> tuple[dict[str, torch.Tensor], int]:
    """The recipe's weights, which do not depend on the window, and their checksum."""
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in CoTracker2(CoTracker2Config()).state_dict().items()}
    made = recipe().pseudo_state(shapes, SALT)
    return {key: torch.from_numpy(value) for key, value in made.items()}, recipe().checksum(made)


@cache
def reference_model(window: int) -> tuple[CoTracker2, int]:
    """The full-size network with the recipe's weights, and their checksum."""
    weights, checksum = _weights()
    with torch.device("meta"):
        model = CoTracker2(CoTracker2Config(window=window))
    model.load_state_dict({**model.state_dict(), **weights}, assign=True)
    return model.eval(), checksum
