"""The clips that a configuration asks for."""

import json

import pytest
import torch

from tests.training.folders import make_sequence, write_kubric
from tests.training.made import MovingClips, tiny_config
from tracker.files import InputError
from tracker.training.augment import Augmentation
from tracker.training.config import DataConfig, read_training_config
from tracker.training.loop import Hooks, Trainer
from tracker.training.samples import Clips
from tracker.training.sources import AugmentedClips, describe_data, opened_source
from tracker.training.state import Output, read_start
from tracker.training.synthetic import SyntheticConfig

CPU = torch.device("cpu")
SMALL = SyntheticConfig(size=(32, 32), frames=4, points=5, objects=(1, 2))


def same(a: Clips, b: Clips) -> bool:
    return all(torch.equal(*pair) for pair in zip(a[:4], b[:4], strict=True))


def read(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text("[model]\nlevels = 2\n" + text)
    return read_training_config(path).data


def test_synthetic():
    with (
        opened_source(DataConfig(synthetic=SMALL), CPU, 3) as one,
        opened_source(DataConfig(synthetic=SMALL), CPU, 3) as two,
    ):
        assert same(one.sample(2), two.sample(2))
    with opened_source(DataConfig(synthetic=SMALL), CPU, 4) as other:
        assert not same(one.sample(2), other.sample(2))


def test_augmented_goes_on_exactly(tmp_path):
    data = read(
        tmp_path,
        "[data]\nsize = [32, 40]\nframes = 4\npoints = 5\nobjects = [1, 2]\n"
        "[data.augmentation]\neraser_side = [2, 9]\npadding = 3",
    )
    assert data.augmentation is not None
    assert (data.augmentation.crop, data.augmentation.padding) == ((32, 40), 3)
    with opened_source(data, CPU, 1) as source:
        assert isinstance(source, AugmentedClips)
        first = source.sample(1)
        state = source.state()
        second = source.sample(2)
    assert first.video.shape == (1, 4, 3, 32, 40)
    with opened_source(data, CPU, 99) as source:
        source.restore(state)
        assert same(source.sample(2), second)


def test_augmentation_changes_clips():
    plain = MovingClips(seed=5).sample(2)
    config = Augmentation(crop=(32, 32), eraser=1.0, eraser_side=(4, 9))
    changed = AugmentedClips(MovingClips(seed=5), config, 0).sample(2)
    assert changed.video.shape == plain.video.shape
    assert not torch.equal(changed.video, plain.video)


def test_folder(tmp_path):
    write_kubric(tmp_path / "movi", "a", make_sequence())
    data = read(
        tmp_path,
        f"[data]\nkind = 'kubric'\nfolder = '{tmp_path / 'movi'}'\nsize = [32, 40]\nframes = 4\npoints = 5\n"
        "[data.augmentation]\neraser_side = [2, 9]\npadding = 4\n",
    )
    assert data.choice is not None
    assert data.choice.augmentation == Augmentation(crop=(32, 40), eraser_side=(2, 9), padding=4)
    with opened_source(data, CPU, 0) as source:
        assert source.sample(2).tracks.shape == (2, 4, 5, 2)
    described = json.loads(describe_data(data))
    assert (described["kind"], described["folder"], described["frames"]) == ("kubric", "movi", 4)
    assert str(tmp_path) not in describe_data(data)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[data]\nkind = 'kubric'", "needs folder"),
        (
            "[data]\nkind = 'kubric'\nfolder = 'x'\nobjects = [1, 2]",
            'unknown key "objects"; known are kind, folder, frames',
        ),
        ("[data]\nkind = 'kubric'\nfolder = 'x'\nframes = 0", "must be more than 0"),
        ("[data]\naugmentation = true", "augmentation must be a section"),
        ("[data.augmentation]\ncrop = [3, 3]", 'unknown key "crop"'),
        ("[data.augmentation]\njitter = 'much'", "[data.augmentation] jitter = 'much' must be a number"),
    ],
)
def test_refused(tmp_path, text, reason):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert reason in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path):
    data = read(tmp_path, f"[data]\nkind = 'kubric'\nfolder = '{tmp_path / 'absent'}'\nsize = [32, 32]")
    with pytest.raises(InputError, match="absent"), opened_source(data, CPU, 0):
        pass


def test_what_is_said_of_the_data():
    folders = ("/home/somebody/secret/photos", "sprites")
    said = describe_data(DataConfig(synthetic=SyntheticConfig(textures=folders)))
    assert json.loads(said)["textures"] == ["photos", "sprites"]
    assert "somebody" not in said


def test_a_state_of_other_clips_gives_new_ones(tmp_path):
    config = tiny_config()
    Trainer(config, MovingClips(), Output(tmp_path), hooks=Hooks(should_stop=lambda: True)).run()
    with opened_source(DataConfig(synthetic=SMALL), CPU, 0) as source:
        trainer = Trainer(config, source, start=read_start(tmp_path, config.model))
        assert "new clips" in trainer.notes[0]
        assert trainer.run().reason == "finished"
