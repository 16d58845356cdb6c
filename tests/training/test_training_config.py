"""Configurations: those that ship, and one sentence for each that cannot be used."""

import re

import pytest

from resources import resource
from tracker.files import InputError
from tracker.models.cotracker3 import CoTracker3Config
from tracker.training.config import read_training_config
from tracker.training.loop import new_network

SHIPPED = sorted(resource("training").glob("*.toml"))


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped(path):
    config = read_training_config(path)
    assert config.train.licence == "Apache-2.0"
    assert config.data.synthetic.textures == ()
    height, width = config.data.synthetic.size
    assert height % config.model.stride == width % config.model.stride == 0


def test_the_shipped_ones_are_what_they_say():
    assert {path.stem for path in SHIPPED} >= {"compact", "full-online", "full-offline"}
    configs = {path.stem: read_training_config(path) for path in SHIPPED}
    assert configs["full-online"].model == CoTracker3Config()
    assert configs["full-offline"].model == CoTracker3Config(kind="offline", window=60)
    compact = new_network(configs["compact"].model, 0)
    assert 2 * sum(weights.numel() for weights in compact.parameters()) < 20e6  # bytes as float16


def test_an_empty_file_is_the_published_run(tmp_path):
    config = read_training_config(written(tmp_path, ""))
    assert config.model == CoTracker3Config()
    assert (config.optimiser.steps, config.optimiser.learning_rate, config.optimiser.clip) == (50_000, 5e-4, 1.0)
    assert config.train.iterations == 4


def test_values(tmp_path):
    text = """
    [model]
    name = "cotracker3-offline"
    window = 30
    encoder_channels = [8, 8, 12, 12]
    [data]
    size = [64, 96]
    motion = 2
    textures = ["a", "b"]
    effects = {noise = 0.5}
    [optimiser]
    learning_rate = 1
    [train]
    gradient_checkpointing = true
    """
    config = read_training_config(written(tmp_path, text))
    assert (config.model.kind, config.model.window, config.model.encoder_channels) == ("offline", 30, (8, 8, 12, 12))
    assert (config.data.synthetic.size, config.data.synthetic.motion) == ((64, 96), 2.0)
    assert config.data.synthetic.textures == ("a", "b")
    assert config.data.synthetic.effects.noise == 0.5
    assert config.optimiser.learning_rate == 1.0
    assert config.train.gradient_checkpointing


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[model", "not a TOML file"),
        ("[optimizer]", 'there is no section "optimizer"; there are model, data, loss, optimiser, train'),
        ("seed = 3", 'there is no section "seed"'),
        (
            "[optimiser]\nlr = 1",
            '[optimiser] has an unknown key "lr"; known are steps, batch, accumulate,',
        ),
        ("[optimiser]\nsteps = 1.5", "[optimiser] steps = 1.5 must be a whole number"),
        ("[optimiser]\nsteps = true", "[optimiser] steps = True must be a whole number"),
        ("[optimiser]\nsteps = 0", "[optimiser] steps = 0 must be more than 0"),
        ("[optimiser]\nwarm_up = 1", "[optimiser] warm_up = 1.0 must be a share"),
        ("[optimiser]\nweight_decay = -1", "[optimiser] weight_decay = -1.0 must not be negative"),
        ('[train]\nprecision = "float16"', "[train] precision = 'float16' must be 'float32' or 'bfloat16'"),
        ("[train]\nema_decay = 1.0", "[train] ema_decay = 1.0 must be from 0 to less than 1"),
        ('[train]\ngradient_checkpointing = "yes"', "must be true or false"),
        ('[model]\nname = "tapir"', "[model] name = 'tapir' must be 'cotracker3-online' or 'cotracker3-offline'"),
        ('[model]\nkind = "online"', '[model] has an unknown key "kind"; known are name, window'),
        ("[model]\nresolution = [1, 2, 3]", "[model] resolution = [1, 2, 3] must be a list of 2, each a whole number"),
        ("[model]\nwidth = 50", "[model] width = 50 must be a multiple of heads = 8"),
        ("[model]\nlevels = 0", "[model] levels = 0 must be more than 0"),
        ("[data]\nsize = [250, 256]", "[data] size = [250, 256]: both must be multiples of the network's stride, 4"),
        ("[data]\nsize = [16, 16]", "[data] size = [16, 16]: both must be at least 32 for this network"),
        ("[data]\nfolder = 'x'", '[data] has an unknown key "folder"; known are kind, augmentation, size'),
        ("[data]\nframes = 1", "[data] size must be at least 16 x 16, frames at least 2"),
        ("[data]\neffects = 3", "[data] effects = 3 must be a table"),
        ("[data]\neffects = {bang = 3}", '[data.effects] has an unknown key "bang"; known are'),
        ("[data]\ntextures = [3]", "[data] textures = [3] must be a list, each a text"),
        ("[data]\nkind = 'films'", "[data] kind = 'films' must be 'synthetic' or 'kubric' or"),
    ],
)
def test_refused(tmp_path, text, reason):
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        read_training_config(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        read_training_config(tmp_path / "absent.toml")
    with pytest.raises(InputError, match="this is a folder"):
        read_training_config(tmp_path)
