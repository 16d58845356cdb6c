"""Fine-tuning as a whole: what stays, what is learned, what is held back, and going on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.training.label_sets import add_video, label_set, tracks_of, write_base, write_video
from tests.training.made import same_tensors, tiny_config
from tracker.checkpoints import load_checkpoint
from tracker.files import InputError
from tracker.labels.label_set import Decision, LabelSet
from tracker.training.finetune import Finetuned, FinetuneSettings, finetune
from tracker.training.finetune_recipe import HEADS, changed_recipe, default_recipe
from tracker.training.loop import Hooks
from tracker.training.state import read_start

TOML = """
[labels]
size = [32, 32]
frames = [6, 6]
points = 5
[synthetic]
objects = [1, 2]
[optimiser]
learning_rate = 0.01
weight_decay = 0.5
[train]
log_every = 1
precision = "float32"
ema_decay = 0.5
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(TOML)
    return path


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> LabelSet:
    """Three accepted videos; a person approved one track of each."""
    folder = tmp_path_factory.mktemp("accepted")
    made = LabelSet.create(folder / "labels", {})
    for number in range(3):
        path = write_video(folder / f"v{number}.mp4", 10, number)
        tracks = tracks_of(path)
        tracks.approved[0] = True
        made.decide(Decision("verdict", add_video(made, path, tracks), "accepted"))
    return made


def stop_after(steps: int) -> Hooks:
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > steps

    return Hooks(should_stop=should_stop)


def student(result: Finetuned) -> dict[str, Tensor]:
    return dict(load_checkpoint(result.weights)[0].named_parameters())


@pytest.mark.parametrize("stage", ["pseudo", "corrected"])
def test_heads_stay_to_the_bit_in_the_second_stage_only(
    tmp_path: Path, labels: LabelSet, config: Path, stage: str
) -> None:
    base = write_base(tmp_path / "base.safetensors")
    settings = FinetuneSettings(stage, steps=3, config=config)  # type: ignore[arg-type]
    result = finetune(settings, [labels.folder], base, tmp_path / "out")
    before = dict(load_checkpoint(base)[0].named_parameters())
    start = read_start(tmp_path / "out", tiny_config().model)
    assert start.state is not None
    heads = [name for name in before if name.startswith(HEADS)]
    assert len(heads) == 2
    for found in (student(result), start.weights, start.state["average"]):
        assert all(torch.equal(found[name], before[name]) == (stage == "pseudo") for name in heads)
        moved = [name for name in before if name not in heads and not torch.equal(found[name], before[name])]
        assert len(moved) == len(before) - len(heads)
    kept = start.state["optimiser"]["param_groups"][0]["params"]
    assert len(kept) == len(before) - (len(heads) if stage == "pseudo" else 0)


def test_going_on_is_exact(tmp_path: Path, labels: LabelSet, config: Path) -> None:
    base = write_base(tmp_path / "base.safetensors")
    settings = FinetuneSettings(steps=4, config=config)
    whole = finetune(settings, [labels.folder], base, tmp_path / "whole")
    first = finetune(settings, [labels.folder], base, tmp_path / "parts", hooks=stop_after(2))
    assert (first.summary.reason, first.summary.step) == ("stopped", 2)
    second = finetune(replace(settings, held_share=0.9), [labels.folder], base, tmp_path / "parts", resume=True)
    assert (second.summary.reason, second.summary.step) == ("finished", 4)
    assert second.held == first.held  # what was held back stays so, whatever is asked for
    assert same_tensors(student(whole), student(second))
    assert not same_tensors(student(whole), dict(load_checkpoint(base)[0].named_parameters()))

    with pytest.raises(InputError, match="begun with another stage"):
        finetune(replace(settings, stage="pseudo"), [labels.folder], base, tmp_path / "parts", resume=True)
    other = write_base(tmp_path / "other.safetensors", further="fact")
    with pytest.raises(InputError, match="begun with another base"):
        finetune(settings, [labels.folder], other, tmp_path / "parts", resume=True)
    with pytest.raises(InputError, match="holds a training already"):
        finetune(settings, [labels.folder], base, tmp_path / "parts")
    with pytest.raises(InputError, match=r"finetune\.json is missing"):
        finetune(settings, [labels.folder], base, tmp_path, resume=True)


def test_the_student_says_where_it_comes_from(tmp_path: Path, labels: LabelSet, config: Path) -> None:
    base = write_base(tmp_path / "base.safetensors", visible_above="0.5")
    settings = FinetuneSettings(steps=1, config=config, licence="CC-BY-SA-4.0")
    result = finetune(settings, [labels.folder], base, tmp_path / "out")
    model, info = load_checkpoint(result.weights)
    assert (info.licence, info.visible_above, info.dtype) == ("CC-BY-NC-4.0", 0.5, "float32")
    assert info.source == "fine-tuned by trackwright finetune from base"
    assert json.loads(result.facts["teachers"]) == ["a-teacher"]
    assert json.loads(result.facts["labels"]) == ["labels"]
    assert result.facts["base_sha256"] == json.loads((tmp_path / "out" / "finetune.json").read_text())["base_sha256"]
    assert model.config == result.base.config
    assert (len(result.used), len(result.held)) == (2, 1)
    assert not set(result.used) & set(result.held)


def test_held_videos_are_never_seen(tmp_path: Path, config: Path) -> None:
    labels = label_set(tmp_path / "set", videos=3, frames=8)
    copy = tmp_path / "set" / "copy.mp4"
    copy.write_bytes((tmp_path / "set" / "v1.mp4").read_bytes())
    add_video(labels, copy)
    base = write_base(tmp_path / "base.safetensors")
    settings = FinetuneSettings("pseudo", steps=1, config=config, held=("v1",))
    result = finetune(settings, [labels.folder], base, tmp_path / "out")
    assert [name.rpartition("-")[0] for name in result.held] == ["copy", "v1"]
    assert [name.rpartition("-")[0] for name in result.used] == ["v0", "v2"]
    with pytest.raises(InputError, match="--held v7: no video"):
        finetune(replace(settings, held=("v7",)), [labels.folder], base, tmp_path / "no")
    with pytest.raises(InputError, match="nothing to train on"):
        finetune(replace(settings, held=("v0", "v1", "v2")), [labels.folder], base, tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_trained(tmp_path: Path, labels: LabelSet, config: Path) -> None:
    out, settings = tmp_path / "out", FinetuneSettings(steps=1, config=config)
    with pytest.raises(InputError, match="it has no weights that could learn"):
        finetune(settings, [labels.folder], "lucas-kanade", out)
    with pytest.raises(InputError, match="there is no such tracker or file"):
        finetune(settings, [labels.folder], tmp_path / "absent.pth", out)
    with pytest.raises(InputError, match="its weights are not here"):
        finetune(settings, [labels.folder], "cotracker3-offline", out)
    base = write_base(tmp_path / "base.safetensors")
    with pytest.raises(InputError, match="there is no label set here"):
        finetune(settings, [tmp_path], base, out)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="file"):
        finetune(settings, [labels.folder], base, tmp_path / "file")


def test_the_recipe(tmp_path: Path) -> None:
    published = default_recipe("pseudo", tiny_config().model, on_card=True)
    options = published.optimiser
    assert (options.learning_rate, options.weight_decay, options.warm_up, options.clip) == (5e-5, 1e-5, 0, 10)
    assert (published.loss.visibility, published.loss.confidence, published.loss.huber_delta) == (0, 0, 6)
    assert published.train.frozen == HEADS
    matching = replace(tiny_config().model, matching=True, levels=3)
    assert default_recipe("pseudo", matching, on_card=False).train.frozen == (*HEADS, "chooser")
    assert default_recipe("corrected", tiny_config().model, on_card=False).train.frozen == ()
    path = tmp_path / "mine.toml"
    path.write_text("[labels]\nperson_weight = 9\n[synthetic]\nmotion = 1\n")
    changed = changed_recipe(published, path)
    assert changed.labels == replace(published.labels, person_weight=9.0)
    assert changed.synthetic.motion == 1
    assert changed.optimiser == options
    for text, reason in (
        ("[label]\n", 'there is no section "label"; there are labels, synthetic'),
        ("[labels]\npoint = 3\n", 'unknown key "point"'),
        ("[labels]\nperson_weight = 0.5\n", "person_weight = 0.5 must be at least 1"),
        ("[labels\n", "not a TOML file"),
    ):
        path.write_text(text)
        with pytest.raises(InputError) as refused:
            changed_recipe(published, path)
        assert reason in str(refused.value)
    with pytest.raises(InputError, match=r"gone\.toml: there is no such file"):
        changed_recipe(published, tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("size", "reason"), [("[30, 32]", "both must be multiples of 4 and at least 16"), ("[12, 32]", "at least 16 x 16")]
)
def test_a_size_that_the_network_cannot_take(
    tmp_path: Path, labels: LabelSet, config: Path, size: str, reason: str
) -> None:
    config.write_text(TOML.replace("[32, 32]", size))
    base = write_base(tmp_path / "base.safetensors")
    with pytest.raises(InputError, match=reason):
        finetune(FinetuneSettings(steps=1, config=config), [labels.folder], base, tmp_path / "out")


def test_a_part_that_is_not_there_cannot_be_frozen(tmp_path: Path, labels: LabelSet, config: Path) -> None:
    config.write_text(TOML + 'frozen = ["updateformer.no_head"]\n')
    base = write_base(tmp_path / "base.safetensors")
    with pytest.raises(InputError, match=r"frozen = 'updateformer\.no_head': the network has no such part"):
        finetune(FinetuneSettings(steps=1, config=config), [labels.folder], base, tmp_path / "out")
