"""What a training run is made of, as read from a TOML file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from tracker.files import InputError, describe_os_error
from tracker.models.cotracker3 import CoTracker3Config
from tracker.training.synthetic import SyntheticConfig
from tracker.training.tables import check_keys, read_table

DataKind = Literal["synthetic", "kubric", "point-odyssey", "dynamic-replica"]
MODEL_NAMES = ("cotracker3-online", "cotracker3-offline")
WINDOWS = {"online": 16, "offline": 60}


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW and its schedule; the defaults are those of CoTracker3's training on Kubric."""

    steps: int = 50_000  # what the learning rate's cycle is made for
    batch: int = 1  # clips at once in every process
    accumulate: int = 1  # batches whose gradients make a step
    learning_rate: float = 5e-4  # the highest
    weight_decay: float = 5e-4
    epsilon: float = 1e-8
    warm_up: float = 0.05  # share of the steps
    clip: float = 1.0  # the largest norm of a gradient; a larger one is scaled down

    def __post_init__(self) -> None:
        _check_positive(self, "steps", "batch", "accumulate", "learning_rate", "epsilon", "clip")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay = {self.weight_decay} must not be negative")
        if not 0 <= self.warm_up < 1:
            raise ValueError(f"warm_up = {self.warm_up} must be a share, from 0 to less than 1")


@dataclass(frozen=True)
class RunConfig:
    """How the training runs, the `[train]` of the file."""

    seed: int = 0
    iterations: int = 4  # refinement iterations of a window
    precision: Literal["float32", "bfloat16"] = "float32"
    ema_decay: float = 0.0  # weights are averaged over steps where it is more than 0
    gradient_checkpointing: bool = False  # less memory, a third more time
    log_every: int = 10  # steps
    checkpoint_every_minutes: float = 5.0
    validate_every: int = 500  # steps; 0 for never
    validation_clips: int = 8
    validation_seed: int = 987_654_321  # of the synthetic clips that are held back
    licence: str = "not stated"  # written into the weights

    def __post_init__(self) -> None:
        _check_positive(self, "iterations", "log_every", "checkpoint_every_minutes", "validation_clips")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay = {self.ema_decay} must be from 0 to less than 1")
        if self.validate_every < 0 or self.seed < 0 or self.validation_seed < 0:
            raise ValueError("validate_every, seed and validation_seed must not be negative")


@dataclass(frozen=True)
class DataConfig:
    """Where clips come from.

    Attributes:
        kind: made on the fly, or the layout of a folder.
        synthetic: of clips that are made, where the kind is that.
        folder: of the data set, where it is one.
        options: what the reader of the data set is given beside it.
    """

    kind: DataKind = "synthetic"
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    folder: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainingConfig:
    """All of a configuration file."""

    model: CoTracker3Config = field(default_factory=CoTracker3Config)
    data: DataConfig = field(default_factory=DataConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    train: RunConfig = field(default_factory=RunConfig)


def read_training_config(path: Path) -> TrainingConfig:
    """The configuration in a TOML file with the sections [model], [data], [optimiser] and [train].

    Raises:
        InputError: the file cannot be read or is no TOML, or a section, key or value in it is not known.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{path}: there is no such file") from error
        raise describe_os_error(path, error) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file ({error})") from error
    sections = [one.name for one in fields(TrainingConfig)]
    for name, table in tables.items():
        if name not in sections or not isinstance(table, dict):
            raise InputError(f'{path}: there is no section "{name}"; there are {", ".join(sections)}')
    return TrainingConfig(
        model=_read_model(tables.get("model", {}), path),
        data=_read_data(tables.get("data", {}), path),
        optimiser=read_table(OptimiserConfig, tables.get("optimiser", {}), path, "optimiser"),
        train=read_table(RunConfig, tables.get("train", {}), path, "train"),
    )


def _read_model(table: dict[str, Any], path: Path) -> CoTracker3Config:
    known = ["name", *(one.name for one in fields(CoTracker3Config) if one.name != "kind")]
    check_keys(table, known, path, "model")
    name = table.get("name", MODEL_NAMES[0])
    if name not in MODEL_NAMES:
        raise InputError(f"{path}: [model] name = {name!r} must be {' or '.join(map(repr, MODEL_NAMES))}")
    kind = name.removeprefix("cotracker3-")
    values = {"kind": kind, "window": WINDOWS[kind], **{key: value for key, value in table.items() if key != "name"}}
    config = read_table(CoTracker3Config, values, path, "model")
    if config.width % config.heads:
        raise InputError(f"{path}: [model] width = {config.width} must be a multiple of heads = {config.heads}")
    return config


def _read_data(table: dict[str, Any], path: Path) -> DataConfig:
    kind = table.get("kind", "synthetic")
    rest = {key: value for key, value in table.items() if key != "kind"}
    if kind != "synthetic":
        return read_table(DataConfig, {"kind": kind}, path, "data")
    known = ["kind", *(one.name for one in fields(SyntheticConfig))]
    check_keys(rest, known, path, "data")
    return DataConfig("synthetic", read_table(SyntheticConfig, rest, path, "data"))


def _check_positive(config: object, *names: str) -> None:
    for name in names:
        if getattr(config, name) <= 0:
            raise ValueError(f"{name} = {getattr(config, name)} must be more than 0")
