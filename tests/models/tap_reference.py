"""The reference fixtures of TAPIR and LocoTrack, made with weights from a recipe that every machine can follow."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from tests.reference import ROOT, Arrays

FEATURES, TRACKS, LOGITS = 1e-4, 0.05, 0.02  # the tolerances that the fixtures come with


def needs(family: str) -> pytest.MarkDecorator:
    """Skips where the fixtures of this family are not there."""
    folder = ROOT / family
    return pytest.mark.skipif(
        not folder.is_dir(), reason=f"no reference fixtures in {folder}; set TRACKWRIGHT_REFERENCE to their folder"
    )


def case(family: str, name: str) -> tuple[dict, Arrays]:
    """What is said of a case, and its arrays."""
    known = {row["name"]: row for row in json.loads((ROOT / family / "cases.json").read_text())}
    with np.load(ROOT / family / f"{name}.npz") as file:
        return known[name], {key: file[key] for key in file.files}


@cache
def tap_recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("weights_recipe_tap", ROOT / "weights_recipe_tap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def official_keys(family: str, name: str) -> dict[str, tuple[int, ...]]:
    return dict(tap_recipe().read_keys_tsv(ROOT / family / f"keys_{name}.tsv"))


def load_recipe_weights(model: nn.Module, keep: Mapping[str, torch.Tensor] | None = None) -> None:
    """Give a network the recipe's weights; those in `keep` are taken from there, which is quicker."""
    shapes = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    kept = {key: keep[key] for key in shapes if keep is not None and key in keep and keep[key].shape == shapes[key]}
    made = tap_recipe().make_state_dict((key, shape) for key, shape in shapes.items() if key not in kept)
    model.load_state_dict({**kept, **{key: torch.from_numpy(value) for key, value in made.items()}})


def assert_recipe(family: str, file: str, state: Mapping[str, torch.Tensor]) -> None:
    """The weights are those that the fixtures were made with, by the sums that lie beside them."""
    lines = (ROOT / family / "recipe_check.tsv").read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines if line.startswith(f"{file}\t")]
    assert rows
    for _, key, first, total, digest in rows:
        value = state[key].numpy()
        assert value.flat[0] == pytest.approx(float(first), rel=1e-6)
        assert value.sum(dtype=np.float64) == pytest.approx(float(total), rel=1e-6)
        assert hashlib.sha256(np.ascontiguousarray(value, "<f4").tobytes()).hexdigest()[:16] == digest


def queries_of(arrays: Arrays) -> torch.Tensor:
    """(1, N, 3) t, x, y from the first pixel's centre, from the fixtures' t, y, x from its corner."""
    t, y, x = torch.from_numpy(arrays["query_points"]).unbind(-1)
    return torch.stack([t, x - 0.5, y - 0.5], dim=-1)
