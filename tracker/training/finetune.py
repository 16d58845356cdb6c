"""Fine-tuning a network on label sets: the second stage of CoTracker3, and training on what people corrected."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tracker.checkpoints import CheckpointInfo, load_cotracker3
from tracker.files import InputError, atomic_output
from tracker.inference.trackers import available_trackers, file_sha256, tracker_info
from tracker.labels.label_set import LabelSet
from tracker.labels.licences import strictest
from tracker.models.cotracker3 import CoTracker3Config
from tracker.training.config import TrainingConfig
from tracker.training.distributed import Group
from tracker.training.finetune_recipe import Recipe, Stage, as_one_size, changed_recipe, default_recipe
from tracker.training.label_clips import LabelClips
from tracker.training.label_videos import TrainingVideo, TrustName, find_videos
from tracker.training.loop import Hooks, Limits, Trainer
from tracker.training.progress import Summary
from tracker.training.sources import ClipsByNumber, MixedClips
from tracker.training.state import Output, Start, read_start
from tracker.training.synthetic import SyntheticClips

DESCRIPTION = "finetune.json"  # beside the weights: what they were made of, so that it can go on
SOURCE = "fine-tuned by trackwright finetune"
WORKERS = 2  # threads that get clips ready


@dataclass(frozen=True)
class FinetuneSettings:
    """What a person chooses.

    Attributes:
        stage: "pseudo" for labels of trackers, by which positions alone are learned; "corrected" for labels that people
            have looked through, by which visibility and confidence are learned too where a person set them.
        trust: which cells count: those of a "person", also those that were "accepted", or "all". Where None, "all" in
            stage "pseudo", else "accepted".
        steps, minutes: how long; the learning rate ends with them. By default the recipe's steps.
        batch: clips of a step, of all processes together.
        synthetic_share: of the clips, against forgetting.
        textures: folders of pictures for synthetic clips.
        held: names of videos that are never trained on, for the comparison.
        held_share: of the videos, so many are held back where none is named; 0 for none.
        seed: of all that is random.
        licence: of the person's own videos and corrections, "" where it is to count for nothing.
        config: a TOML file that changes the recipe.
    """

    stage: Stage = "corrected"
    trust: TrustName | None = None
    steps: int | None = None
    minutes: float | None = None
    batch: int | None = None
    synthetic_share: float = 0.25
    textures: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    held_share: float = 0.2
    seed: int = 0
    licence: str = ""
    config: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.synthetic_share < 1 or not 0 <= self.held_share < 1:
            raise InputError("the shares of synthetic clips and of held videos must be from 0 to less than 1")
        if any(value is not None and value <= 0 for value in (self.steps, self.minutes, self.batch)):
            raise InputError("steps, minutes and batch must be more than 0")

    @property
    def trusted(self) -> TrustName:
        """`trust`, or what suits the stage."""
        return self.trust or ("all" if self.stage == "pseudo" else "accepted")


@dataclass(frozen=True)
class Base:
    """The network that is gone on from."""

    name: str
    path: Path
    config: CoTracker3Config
    info: CheckpointInfo
    start: Start = field(repr=False)


class Finetuned(NamedTuple):
    """What came of it.

    Attributes:
        summary: how the training ended.
        weights: the student.
        base: what it was made from.
        facts: the metadata of the student's weights.
        used, held: names of the videos that were trained on, and that were kept for the comparison.
        skipped: the reason for every video that was not used.
    """

    summary: Summary
    weights: Path
    base: Base
    facts: dict[str, str]
    used: tuple[str, ...]
    held: tuple[str, ...]
    skipped: dict[str, str]


def finetune(
    settings: FinetuneSettings,
    labels: Sequence[Path],
    base: str | Path,
    output: Path,
    *,
    resume: bool = False,
    hooks: Hooks | None = None,
    group: Group | None = None,
) -> Finetuned:
    """Train a student on label sets, from the weights of another network.

    Args:
        settings: what a person chose.
        labels: folders of label sets.
        base: the name of a tracker, or a weights file.
        output: the folder for the student and what is needed to go on.
        resume: go on from what lies in `output`, made with the same base, stage and held videos.
        hooks: what others do while it trains, such as drawing the curves of `Progress.losses`, and stopping it.
        group: the processes that train together, and their device; this one alone on the CPU where None.

    Raises:
        InputError: a set is empty, everything in it is rejected or nothing has the trust that is asked for, the base is
            no network that can be trained here, or the output cannot be written.
        Diverged: the loss is no number any more.
    """
    began = time.monotonic()
    group = group or Group()
    sets = [LabelSet.open(folder) for folder in labels]
    found_base = read_base(base)
    found = find_videos(sets, settings.trusted)
    results = Output(output, dtype=getattr(torch, found_base.info.dtype))
    before = _read_description(output) if resume else {}
    start = read_start(output, found_base.config) if resume else found_base.start
    training, held = _divide(found.videos, settings, before.get("held"))
    description = _describe(settings, found_base, held)
    for key in ("stage", "base_sha256"):
        if resume and before.get(key) != description[key]:
            raise InputError(f"{output}: was begun with another {key.split('_')[0]}, it can go on with that one only")
    recipe = recipe_for(settings, found_base, group)
    facts = _facts(settings, found_base, training, recipe)
    if group.leads:
        results.prepare(output if resume else None)
        with atomic_output(output / DESCRIPTION) as part:
            part.write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    left = None if settings.minutes is None else max(0.001, 60 * settings.minutes - (time.monotonic() - began))
    run = _Run(settings, recipe, found_base, training, results, facts)
    summary, broken = _train(run, start, left, hooks, group)
    used = tuple(video.name for video in training if video.name not in broken)
    return Finetuned(summary, results.weights, found_base, facts, used, held, {**found.skipped, **broken})


def read_base(name_or_file: str | Path) -> Base:
    """The weights of a network that can be fine-tuned.

    Raises:
        InputError: there is no such tracker or file, or it is no CoTracker3.
    """
    info = tracker_info(name_or_file)
    if info.weights is None:
        known = info.name in (one.name for one in available_trackers())
        why = "its weights are not here, give a file" if info.needs_weights else "it has no weights that could learn"
        raise InputError(f"{name_or_file}: {why if known else 'there is no such tracker or file'}")
    model, checkpoint = load_cotracker3(info.weights)
    learned = {name: weights.detach() for name, weights in model.named_parameters()}
    return Base(Path(info.name).stem, checkpoint.path, model.config, checkpoint, Start(checkpoint.path, learned, None))


def recipe_for(settings: FinetuneSettings, base: Base, group: Group) -> Recipe:
    """The recipe that suits, with what the person changed.

    Raises:
        InputError: the file with changes cannot be used, or the batch cannot be shared by the processes.
    """
    recipe = default_recipe(settings.stage, base.config, group.device.type == "cuda")
    if settings.config is not None:
        recipe = changed_recipe(recipe, settings.config)
    batch = settings.batch or recipe.optimiser.batch
    if batch % group.size:
        raise InputError(f"a batch of {batch} clips cannot be shared by {group.size} processes; choose a multiple")
    steps = settings.steps or (recipe.optimiser.steps if settings.minutes is None else 1_000_000)
    optimiser = replace(recipe.optimiser, batch=batch // group.size, steps=steps)
    train = replace(recipe.train, seed=settings.seed)
    synthetic = replace(recipe.synthetic, textures=settings.textures or recipe.synthetic.textures)
    recipe = as_one_size(replace(recipe, optimiser=optimiser, train=train, synthetic=synthetic))
    model, size = base.config, recipe.labels.size
    least = max(16, model.stride * 2 ** (model.levels - 1))
    if min(size) < least or any(side % model.stride for side in size):
        raise InputError(
            f"{settings.config}: [labels] size: both must be multiples of {model.stride} and at least {least} for this "
            "network"
        )
    return recipe


def _divide(
    videos: Sequence[TrainingVideo], settings: FinetuneSettings, before: Sequence[str] | None
) -> tuple[list[TrainingVideo], tuple[str, ...]]:
    """What to train on, and the names of what is held back: as `before`, or as the person said, or by chance.

    The same video under another name is held back too.

    Raises:
        InputError: a name is not there, or nothing is left to train on.
    """
    wanted = settings.held if before is None else tuple(before)
    names = {video.name for video in videos}
    for one in wanted if before is None else ():
        if not any(_is_called(name, one) for name in names):
            raise InputError(f"--held {one}: no video of the labels that can be used has this name")
    content = {video.origin.content_hash for video in videos if any(_is_called(video.name, one) for one in wanted)}
    if not wanted and before is None:
        every = sorted({video.origin.content_hash for video in videos}, key=lambda one: _draw(settings.seed, one))
        count = max(1, round(settings.held_share * len(every))) if settings.held_share and len(every) > 1 else 0
        content = set(every[:count])
    held = sorted({video.name for video in videos if video.origin.content_hash in content})
    training = [video for video in videos if video.origin.content_hash not in content]
    if not training:
        raise InputError("every video is held back, there is nothing to train on")
    return training, tuple(held)


def _is_called(name: str, wanted: str) -> bool:
    """Names may be given without the part of the hash that ends them."""
    return wanted in (name, name.rpartition("-")[0])


def _draw(seed: int, content: str) -> str:
    """A place in an order that does not hang on what else there is."""
    return hashlib.sha256(f"{seed} {content}".encode()).hexdigest()


class _Run(NamedTuple):
    """What a training is made of."""

    settings: FinetuneSettings
    recipe: Recipe
    base: Base
    videos: list[TrainingVideo]
    results: Output
    facts: dict[str, str]


def _train(
    run: _Run,
    start: Start,
    seconds: float | None,
    hooks: Hooks | None,
    group: Group,
) -> tuple[Summary, dict[str, str]]:
    """Train; how that ended, and the reason for every video that never gave a clip."""
    settings, recipe, model = run.settings, run.recipe, run.base.config
    config = TrainingConfig(model=model, loss=recipe.loss, optimiser=recipe.optimiser, train=recipe.train)
    labels = LabelClips(run.videos, recipe.labels, settings.trusted, model, settings.seed)
    made = SyntheticClips(recipe.synthetic, group.device) if settings.synthetic_share else None
    maker = labels if made is None else MixedClips(labels, made, settings.synthetic_share, settings.seed)
    if start.state is not None:  # numbers of clips are the same for all, however many processes there were
        start.state["data"] = start.state["data"][:1] * group.size
    with ClipsByNumber(maker, group.rank, group.size, WORKERS) as source:
        limits = Limits(seconds=seconds)
        trainer = Trainer(
            config, source, run.results, facts=run.facts, start=start, limits=limits, group=group, hooks=hooks
        )
        summary = trainer.run()
    return summary, {name: reason for name, reason in labels.skipped.items() if name not in labels.drawn}


def _describe(settings: FinetuneSettings, base: Base, held: tuple[str, ...]) -> dict[str, Any]:
    """What has to be the same for the training to go on."""
    return {"stage": settings.stage, "base": base.name, "base_sha256": file_sha256(base.path), "held": list(held)}


def _read_description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: there is no fine-tuning here to go on with ({DESCRIPTION} is missing)") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: no description of a fine-tuning")
    return content


def _facts(settings: FinetuneSettings, base: Base, videos: Sequence[TrainingVideo], recipe: Recipe) -> dict[str, str]:
    """What the student's file says of itself. Folders are told by their names alone: the rest is nobody's business."""
    teachers = sorted({teacher.name for video in videos for teacher in video.origin.teachers})
    sets = sorted({video.labels.folder.resolve().name for video in videos})
    licences = [base.info.licence or "", *(video.origin.licence for video in videos if video.origin.teachers)]
    licences += [settings.licence] if settings.licence else []
    facts = {
        "licence": strictest(licences),
        "source": f"{SOURCE} from {base.name}",
        "description": f"Fine-tuned from {base.name} on {len(videos)} videos of {', '.join(sets)}.",
        "base": base.name,
        "base_sha256": file_sha256(base.path),
        "stage": settings.stage,
        "labels": json.dumps(sets, ensure_ascii=False),
        "teachers": json.dumps(teachers, ensure_ascii=False),
        "trust": settings.trusted,
        "synthetic_share": str(settings.synthetic_share),
        "recipe": json.dumps({"labels": asdict(recipe.labels), "loss": asdict(recipe.loss)}),
    }
    if base.info.visible_above is not None:
        facts["visible_above"] = str(base.info.visible_above)
    return facts
