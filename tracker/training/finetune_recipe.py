"""How a network is fine-tuned: what suits it and the stage, and what a TOML file changes of that."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from tracker.files import InputError
from tracker.models.cotracker3 import CoTracker3Config
from tracker.training.config import OptimiserConfig, RunConfig
from tracker.training.label_clips import LabelChoice
from tracker.training.losses import LossConfig
from tracker.training.synthetic import SyntheticConfig
from tracker.training.tables import read_sections, read_table

Stage = Literal["pseudo", "corrected"]
T = TypeVar("T")

HEADS = ("updateformer.vis_conf_head",)
"""What tells visibility and confidence. Gates and matching of a compact network tell positions."""
CHOICE = "chooser"  # between first guess and refinement: what a few hundred clips throw off first, see the benchmarks
CPU_SIZE = 0.625  # side of a clip by the working resolution, as the network that ships was trained on CPUs


@dataclass(frozen=True)
class Recipe:
    """All that a fine-tuning hangs on besides its data; the sections of a TOML file."""

    labels: LabelChoice
    synthetic: SyntheticConfig
    loss: LossConfig
    optimiser: OptimiserConfig
    train: RunConfig


def default_recipe(stage: Stage, model: CoTracker3Config, on_card: bool) -> Recipe:
    """What suits a network.

    The optimiser is that of CoTracker3's second stage: learning rate 5e-5 in one cycle without warm-up, weight decay
    1e-5, gradients clipped at 10. The published run takes 15,000 steps of 32 clips; this one is to end within half an
    hour. A network that matches keeps the losses of its own first stage.

    Args:
        stage: "pseudo" learns positions alone and keeps the heads as they are; "corrected" learns all.
        on_card: larger clips and batches.
    """
    size = model.resolution if on_card else _smaller(model)
    frames = (model.window * 3 // 2,) * 2 if model.kind == "online" else (24, 40)
    points = 128 if on_card else 48
    learned = 0.0 if stage == "pseudo" else 1.0
    loss = LossConfig(visibility=learned, confidence=learned)
    if model.matching:
        loss = replace(loss, huber_delta=1.0, matching=0.3, choice=0.5)
    return Recipe(
        LabelChoice(size, frames, points),
        SyntheticConfig(size, frames[1], points, motion=0.5),
        loss,
        OptimiserConfig(1000, 8 if on_card else 1, 1, 5e-5, 1e-5, warm_up=0.0, clip=10.0),
        RunConfig(
            iterations=min(4, model.iterations),
            precision="bfloat16" if on_card or model.matching else "float32",
            ema_decay=0.99,
            disturbance=3.0 if model.flow else 0.0,
            frozen=_frozen(stage, model),
            checkpoint_every_minutes=2.0,
            validate_every=0,
        ),
    )


def _frozen(stage: Stage, model: CoTracker3Config) -> tuple[str, ...]:
    if stage == "corrected":
        return ()
    return (*HEADS, CHOICE) if model.matching else HEADS


def _smaller(model: CoTracker3Config) -> tuple[int, int]:
    unit = 4 * model.stride
    least = max(16, model.stride * 2 ** (model.levels - 1))
    height, width = (max(least, unit * round(CPU_SIZE * side / unit)) for side in model.resolution)
    return height, width


def changed_recipe(recipe: Recipe, path: Path) -> Recipe:
    """The recipe with what a TOML file says in [labels], [synthetic], [loss], [optimiser] and [train].

    Synthetic clips have the size, frames and points of the labelled ones, whatever the file says.

    Raises:
        InputError: the file cannot be read or is no TOML, or a section, key or value in it is not known.
    """
    sections = [one.name for one in fields(Recipe)]
    tables = read_sections(path, sections)
    kinds = get_type_hints(Recipe)
    parts = {name: _changed(getattr(recipe, name), kinds[name], tables.get(name, {}), path, name) for name in sections}
    return as_one_size(Recipe(**parts))


def as_one_size(recipe: Recipe) -> Recipe:
    """Synthetic clips that go into a batch with those of label sets."""
    labels = recipe.labels
    made = replace(recipe.synthetic, size=labels.size, frames=labels.frames[1], points=labels.points)
    return replace(recipe, synthetic=made)


def _changed(before: T, kind: type[T], table: Mapping[str, Any], path: Path, section: str) -> T:
    read = read_table(kind, table, path, section)
    try:
        return replace(before, **{key: getattr(read, key) for key in table})  # type: ignore[type-var]
    except ValueError as error:
        raise InputError(f"{path}: [{section}] {error}") from error
