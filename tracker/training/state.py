"""The files of a training run: weights to use, and the state from which the training goes on exactly."""

import errno
import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tracker.checkpoints import load_cotracker3, save_checkpoint
from tracker.files import InputError, atomic_output, describe_os_error
from tracker.models.cotracker3 import CoTracker3, CoTracker3Config

WEIGHTS, SHARDED, STATE = "weights.safetensors", "weights", "state.pt"
FORMAT = 1
# What PyTorch raises, reading something else.
DAMAGED = (pickle.UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, AttributeError, TypeError)
# Fields of the model's configuration that no learned number hangs on.
FREE_FIELDS = {"kind", "window", "iterations", "resolution", "flow", "area_resize"}


@dataclass(frozen=True)
class Output:
    """Where and how a run is written.

    Attributes:
        folder: holds `weights.safetensors` (or the folder `weights`, when in pieces), `state.pt` and `tensorboard`.
        shard_mib: the largest size of a piece of the weights; one file where None.
        with_state: keep what is needed to go on exactly (five times the weights or more).
        dtype: of the weights.
    """

    folder: Path
    shard_mib: int | None = None
    with_state: bool = True
    dtype: torch.dtype = torch.float16

    @property
    def weights(self) -> Path:
        return self.folder / (WEIGHTS if self.shard_mib is None else SHARDED)

    @property
    def state(self) -> Path:
        return self.folder / STATE

    def prepare(self, resumed: Path | None) -> None:
        """Make the folder and see that it can be written.

        Raises:
            InputError: it cannot, or it holds another training than the one that is `resumed` from it.
        """
        holds = any((self.folder / name).exists() for name in (WEIGHTS, SHARDED, STATE))
        own = resumed is not None and self.folder in (resumed, resumed.parent)
        if holds and not own:
            raise InputError(f"{self.folder}: holds a training already; give it to --resume, or another --output")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK):
                raise PermissionError(errno.EACCES, "no permission to write here")
        except OSError as error:
            raise describe_os_error(self.folder, error) from error

    def save(self, model: CoTracker3, facts: Mapping[str, str], state: Mapping[str, Any] | None) -> None:
        """Write the weights with facts about them, and the state where it is wanted.

        Each file is replaced as a whole or stays as it was.

        Raises:
            InputError: a file cannot be written.
        """
        if self.with_state and state is not None:
            write_state(self.state, state)
        save_checkpoint(self.weights, model, facts, dtype=self.dtype, shard_mib=self.shard_mib)
        if not self.with_state:
            self.state.unlink(missing_ok=True)  # it would be that of other weights


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write plain values and tensors.

    Raises:
        InputError: the file cannot be written.
    """
    with atomic_output(path) as part, part.open("wb") as handle:
        try:
            torch.save({"format": FORMAT, **state}, handle)
        except RuntimeError as error:  # the writer of PyTorch, when the disk is full
            raise InputError(f"{path}: cannot be written, the disk may be full") from error


@dataclass(frozen=True)
class Start:
    """What a run goes on from.

    Attributes:
        weights: by name, float32.
        state: all else, as it was given to `Output.save`; None where there are only weights.
    """

    path: Path
    weights: dict[str, Tensor]
    state: dict[str, Any] | None


def read_start(path: Path, config: CoTracker3Config) -> Start:
    """Read the folder of a run, its state, or a file with weights alone.

    Raises:
        InputError: it cannot be read, or is of another network than `config` says; the sentence names the difference.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder")
    state_file = path / STATE if path.is_dir() else path
    if state_file.name == STATE and state_file.is_file():
        state = _read_state(state_file)
        check_same_network(state_file, CoTracker3Config(**_as_tuples(json.loads(state["model"]))), config, exact=True)
        return Start(state_file, state.pop("weights"), state)
    model, _ = load_cotracker3(path)
    check_same_network(path, model.config, config)
    learned = {name: weights.detach() for name, weights in model.named_parameters()}
    return Start(path, learned, None)


def check_same_network(path: Path, found: CoTracker3Config, wanted: CoTracker3Config, exact: bool = False) -> None:
    """Raise InputError where weights of one configuration do not go into a network of another."""
    for one in fields(wanted):
        here, there = getattr(found, one.name), getattr(wanted, one.name)
        if here != there and (exact or one.name not in FREE_FIELDS):
            raise InputError(f"{path}: a network with {one.name} = {here}, the configuration says {there}")


def model_as_json(config: CoTracker3Config) -> str:
    """The configuration of a network, for `read_start`."""
    return json.dumps(asdict(config))


def _as_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise describe_os_error(path, error) from error
    except DAMAGED as error:
        raise InputError(f"{path}: no state of a training, or one that is cut off or damaged") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise InputError(f"{path}: no state of a training, or one of a later version")
    return state
