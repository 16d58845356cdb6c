"""The reference fixtures for CoTracker3: made with weights from a recipe, which every machine can make again."""

import importlib.util
import os
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike

from tracker.models import build_model
from tracker.models.cotracker3 import CoTracker3

ROOT = Path(os.environ.get("TRACKWRIGHT_REFERENCE", Path(__file__).parents[2] / "shared" / "reference"))
SALT = os.environ.get("TRACKWRIGHT_REFERENCE_SALT", "A")
FOLDER = ROOT / "cotracker3"

Arrays = dict[str, Any]  # numpy arrays by name

needs_reference = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"no reference fixtures in {FOLDER}; set TRACKWRIGHT_REFERENCE to their folder"
)


@cache
def fixture(name: str) -> Arrays:
    with np.load(FOLDER / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


@cache
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("weights_recipe", ROOT / "weights_recipe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def reference_model(kind: str) -> tuple[CoTracker3, int]:
    """The full-size network with the recipe's weights, and their checksum."""
    model = build_model(f"cotracker3-{kind}").eval()
    assert isinstance(model, CoTracker3)
    state = model.state_dict()
    made = recipe().pseudo_state({key: tuple(value.shape) for key, value in state.items()}, SALT)
    model.load_state_dict({**state, **{key: torch.from_numpy(value) for key, value in made.items()}})
    return model, recipe().checksum(made)


def as_video(frames: ArrayLike) -> torch.Tensor:
    """(T, H, W, 3) uint8 -> (1, T, 3, H, W) float32."""
    return torch.from_numpy(np.asarray(frames)).permute(0, 3, 1, 2)[None].float()


def assert_close(actual: object, expected: Any, tolerance: float, what: str) -> None:
    found = np.asarray(actual, np.float64).reshape(expected.shape)
    worst = np.abs(found - expected).max()
    assert worst <= tolerance, f"{what}: off by {worst:.2e}, allowed {tolerance:.0e}"
