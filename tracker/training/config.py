"""What a training run is made of, as read from a TOML file."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from tracker.files import InputError
from tracker.models.cotracker3 import CoTracker3Config
from tracker.training.augment import Augmentation
from tracker.training.losses import LossConfig
from tracker.training.sequences import ClipChoice
from tracker.training.synthetic import SyntheticConfig
from tracker.training.tables import check_keys, read_sections, read_table

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
    frozen: tuple[str, ...] = ()  # parts of the network that stay as they are, by the beginning of their names
    disturbance: float = 0.0  # pixels by which some first guesses go astray, see `disturbances`
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
        if self.disturbance < 0:
            raise ValueError(f"disturbance = {self.disturbance} must not be negative")
        if self.validate_every < 0 or self.seed < 0 or self.validation_seed < 0:
            raise ValueError("validate_every, seed and validation_seed must not be negative")


@dataclass(frozen=True)
class DataConfig:
    """Where clips come from, the `[data]` of the file.

    Attributes:
        kind: made on the fly, or the layout of a folder.
        synthetic: of the clips that are made, to train on or to be held back.
        augmentation: of synthetic clips; that of a folder's clips is in `choice`.
        folder, choice: the data set, and what of it makes a clip.
    """

    kind: DataKind = "synthetic"
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    augmentation: Augmentation | None = None
    folder: str = ""
    choice: ClipChoice | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the clips."""
        return self.synthetic.size if self.choice is None else self.choice.size


@dataclass(frozen=True)
class TrainingConfig:
    """All of a configuration file."""

    model: CoTracker3Config = field(default_factory=CoTracker3Config)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    train: RunConfig = field(default_factory=RunConfig)


def read_training_config(path: Path) -> TrainingConfig:
    """The configuration in a TOML file with the sections [model], [data], [loss], [optimiser], [train].

    Raises:
        InputError: the file cannot be read or is no TOML, or a section, key or value in it is not known.
    """
    tables = read_sections(path, [one.name for one in fields(TrainingConfig)])
    config = TrainingConfig(
        model=_read_model(tables.get("model", {}), path),
        data=_read_data(tables.get("data", {}), path),
        loss=read_table(LossConfig, tables.get("loss", {}), path, "loss"),
        optimiser=read_table(OptimiserConfig, tables.get("optimiser", {}), path, "optimiser"),
        train=read_table(RunConfig, tables.get("train", {}), path, "train"),
    )
    _check_fit(config, path)
    return config


def _read_model(table: dict[str, Any], path: Path) -> CoTracker3Config:
    known = ["name", *(one.name for one in fields(CoTracker3Config) if one.name != "kind")]
    check_keys(table, known, path, "model")
    name = table.get("name", MODEL_NAMES[0])
    if name not in MODEL_NAMES:
        raise InputError(f"{path}: [model] name = {name!r} must be {' or '.join(map(repr, MODEL_NAMES))}")
    kind = name.removeprefix("cotracker3-")
    values = {"kind": kind, "window": WINDOWS[kind], **{key: value for key, value in table.items() if key != "name"}}
    config = read_table(CoTracker3Config, values, path, "model")
    whole = [one.name for one in fields(config) if type(getattr(config, one.name)) is int and one.name != "radius"]
    try:
        _check_positive(config, *whole)
    except ValueError as error:
        raise InputError(f"{path}: [model] {error}") from error
    if config.width % config.heads:
        raise InputError(f"{path}: [model] width = {config.width} must be a multiple of heads = {config.heads}")
    return config


def _read_data(table: dict[str, Any], path: Path) -> DataConfig:
    kind = table.get("kind", "synthetic")
    kinds = get_args(DataKind)
    if kind not in kinds:
        raise InputError(f"{path}: [data] kind = {kind!r} must be {' or '.join(map(repr, kinds))}")
    source: type[SyntheticConfig | ClipChoice] = SyntheticConfig if kind == "synthetic" else ClipChoice
    own = ["kind", "augmentation"] if kind == "synthetic" else ["kind", "folder"]
    check_keys(table, [*own, *(one.name for one in fields(source) if one.name not in own)], path, "data")
    rest = {key: value for key, value in table.items() if key not in own}
    if kind == "synthetic":
        synthetic = read_table(SyntheticConfig, rest, path, "data")
        return DataConfig(kind, synthetic, _read_augmentation(table, synthetic.size, path))
    folder = table.get("folder")
    if not isinstance(folder, str) or not folder:
        raise InputError(f"{path}: [data] of kind {kind!r} needs folder, the place of the data set")
    rest.pop("augmentation", None)
    choice = read_table(ClipChoice, rest, path, "data")
    choice = replace(choice, augmentation=_read_augmentation(table, choice.size, path))
    return DataConfig(kind, folder=folder, choice=choice)


def _read_augmentation(table: dict[str, Any], size: tuple[int, int], path: Path) -> Augmentation | None:
    """What [data.augmentation] says; where there is no such section clips stay as they are. The crop is the size."""
    if "augmentation" not in table:
        return None
    if not isinstance(table["augmentation"], dict):
        raise InputError(f"{path}: [data] augmentation must be a section, [data.augmentation]")
    known = [one.name for one in fields(Augmentation) if one.name != "crop"]
    check_keys(table["augmentation"], known, path, "data.augmentation")
    return replace(read_table(Augmentation, table["augmentation"], path, "data.augmentation"), crop=size)


def _check_fit(config: TrainingConfig, path: Path) -> None:
    """Raise InputError where the network cannot take the clips."""
    stride, size = config.model.stride, list(config.data.size)
    least = max(16, stride * 2 ** (config.model.levels - 1))
    if any(side % stride for side in size):
        raise InputError(f"{path}: [data] size = {size}: both must be multiples of the network's stride, {stride}")
    if min(size) < least:
        raise InputError(f"{path}: [data] size = {size}: both must be at least {least} for this network")


def _check_positive(config: object, *names: str) -> None:
    for name in names:
        if getattr(config, name) <= 0:
            raise ValueError(f"{name} = {getattr(config, name)} must be more than 0")
