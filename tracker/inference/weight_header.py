"""What a weights file says of itself, read without its weights and without PyTorch: the window shows it at once."""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from safetensors import safe_open

from tracker.files import InputError
from tracker.models.families import (
    COMPUTED,
    UNKNOWN,
    Capabilities,
    Family,
    Shapes,
    family_of,
    values_in,
    weights_in,
)

LEGACY_PICKLES = 3  # in front of what is saved, in PyTorch files that are no zip: a number, a version, the machine


@dataclass(frozen=True)
class WeightHeader:
    """What is known of a file before it is loaded.

    Attributes:
        facts: strings that lie beside the tensors; only safetensors files have some.
        parameters: how many numbers were learned.
        family: whose weights they are; None where they are no known network's.
        network: its name in `tracker.models.MODELS`, "" where the family has none of such sizes.
        capabilities: of that network.
    """

    facts: Mapping[str, str]
    parameters: int
    family: Family | None
    network: str
    capabilities: Capabilities


def read_header(path: Path) -> WeightHeader:
    """Names and shapes of the tensors in a file, and what they tell.

    Raises:
        InputError: it is damaged, or no weights file.
    """
    try:
        facts, shapes = _read_safetensors(path) if path.suffix == ".safetensors" else ({}, _read_pickle(path))
    except Exception as error:  # a stand-in where a pickle did not mean it raises whatever it likes
        raise InputError(f"{path}: damaged, or no weights file") from error
    parameters = sum(prod(shape) for name, shape in shapes.items() if name not in COMPUTED)
    try:
        family = family_of(shapes)
    except ValueError:
        return WeightHeader(facts, parameters, None, "", UNKNOWN)
    try:
        values = values_in(family, shapes, path.name, facts)
        return WeightHeader(facts, parameters, family, family.call(values), family.judge(values))
    except (ValueError, LookupError, TypeError, AttributeError):
        return WeightHeader(facts, parameters, family, "", UNKNOWN)


def _read_safetensors(path: Path) -> tuple[dict[str, str], Shapes]:
    with safe_open(path, framework="np") as handle:
        shapes = {name: tuple(handle.get_slice(name).get_shape()) for name in handle.keys()}  # noqa: SIM118
        return dict(handle.metadata() or {}), weights_in(shapes, tuple)


def _read_pickle(path: Path) -> Shapes:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as handle:
            if handle.read(1) != b"\x80":
                raise pickle.UnpicklingError("no pickle")
            handle.seek(0)
            for _ in range(LEGACY_PICKLES):
                _ShapesOnly(handle).load()
            return _shapes(_ShapesOnly(handle).load())
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        with archive.open(name) as handle:
            return _shapes(_ShapesOnly(handle).load())


def _shapes(content: object) -> Shapes:
    return {name: tensor.shape for name, tensor in weights_in(content, _Tensor).items()}


@dataclass
class _Tensor:
    """A tensor of which only the shape was read."""

    shape: tuple[int, ...]


class _Nothing(dict[Any, Any]):
    """Stands for everything else that a pickle names, which is never looked up. It takes whatever it is given."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def __setstate__(self, _: object) -> None:
        pass


class _ShapesOnly(pickle.Unpickler):
    """A pickle is a program; here the only functions that it reaches are those that say what it holds."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch._utils" and name.startswith("_rebuild_tensor"):
            return lambda storage, offset, shape, *_: _Tensor(tuple(map(int, shape)))
        if module == "torch._utils" and name.startswith("_rebuild_parameter"):
            return lambda tensor, *_: tensor
        return _Nothing

    def persistent_load(self, pid: object) -> None:
        """Where the numbers of a tensor are."""
