"""Weights of every family: told by their keys, however they are wrapped; others are refused in one sentence."""

import argparse
import contextlib
import io
import re
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import ROOT
from tests.small_teachers import TINY, save_own, tiny
from tests.test_checkpoints import RunsCode, same_weights
from tracker.checkpoints import copy_checkpoint, load_checkpoint, load_cotracker3
from tracker.files import InputError
from tracker.inference.weight_header import read_header
from tracker.models import MODELS, build_model, config_of
from tracker.models.families import FAMILIES, NETWORKS, family_of, values_in
from tracker.models.tapir import Tapir

LOCOTRACK_WIDTH = "torch_pips_mixer.input_proj.weight"
ONE_EACH = ("cotracker3-online", "cotracker2", "bootstapir", "locotrack-small")  # of every family
WRAPS: dict[str, Any] = {
    "plain": lambda state: state,
    "model": lambda state: {"model": state, "total_steps": 3},
    "lightning": lambda state: {"epoch": 1, "state_dict": {f"model.{key}": value for key, value in state.items()}},
    "distributed": lambda state: {"model": {f"module.{key}": value for key, value in state.items()}},
    "both": lambda state: {"state_dict": {f"module.model.{key}": value for key, value in state.items()}},
}


def file_name(name: str) -> str:
    return f"causal_{name}.pt" if name == "bootstapir-online" else f"{name}.pt"


@pytest.mark.parametrize("name", TINY)
def test_each_network_is_told_by_its_file(tmp_path, name):
    model, path = tiny(name), tmp_path / file_name(name)
    torch.save(model.state_dict(), path)
    loaded, info = load_checkpoint(path)
    assert same_weights(model, loaded)
    assert not loaded.training
    assert type(loaded) is type(model)
    assert info.config == loaded.config == model.config
    assert (info.name, info.family, info.dtype) == (name, NETWORKS[name].family, "float32")
    assert info.parameters == sum(parameter.numel() for parameter in model.parameters())
    header = read_header(path)
    assert (header.network, header.family, header.parameters) == (name, FAMILIES[info.family], info.parameters)
    expected = NETWORKS[name].capabilities
    assert (header.capabilities.online, header.capabilities.joint) == (expected.online, expected.joint)
    assert header.capabilities.resolution == model.config.resolution


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("name", ["cotracker2", "tapir"])
def test_each_wrapping(tmp_path, name, wrap):
    model, path = tiny(name), tmp_path / "weights.ckpt"
    torch.save(WRAPS[wrap](model.state_dict()), path, _use_new_zipfile_serialization=wrap != "model")
    loaded, info = load_checkpoint(path)
    assert same_weights(model, loaded)
    assert read_header(path).network == info.name == name


def test_there_are_all_names():
    assert set(MODELS) == set(TINY)
    assert all(network.published.startswith("https://") and network.licence for network in NETWORKS.values())
    with pytest.raises(ValueError, match='there is no model "tap"; there are bootstapir, '):
        build_model("tap")
    tapir: Any = build_model("tapir", **TINY["tapir"] | {"resolution": (128, 128)})
    assert tapir.config.resolution == (128, 128)
    cotracker2: Any = build_model("cotracker2", **TINY["cotracker2"] | {"window": 16})
    assert cotracker2.config.window == 16


def test_a_causal_network_is_known_by_the_files_name_or_the_callers_word(tmp_path):
    state = tiny("bootstapir-online").state_dict()
    for name in ("causal_bootstapir_checkpoint.pt", "mine-online.pt", "renamed.pt"):
        torch.save(state, tmp_path / name)
    assert load_checkpoint(tmp_path / "causal_bootstapir_checkpoint.pt")[1].name == "bootstapir-online"
    assert load_checkpoint(tmp_path / "mine-online.pt")[1].name == "bootstapir-online"
    assert load_checkpoint(tmp_path / "renamed.pt")[1].name == "bootstapir"
    model, info = load_checkpoint(tmp_path / "renamed.pt", "bootstapir-online")
    assert isinstance(model, Tapir)
    assert (info.name, model.config.causal) == ("bootstapir-online", True)
    # Once it is a file of ours, its name does not matter any more.
    copy_checkpoint(tmp_path / "causal_bootstapir_checkpoint.pt", tmp_path / "copy.safetensors", {"licence": "CC0-1.0"})
    copied, info = load_checkpoint(tmp_path / "copy.safetensors")
    assert (info.name, info.licence) == ("bootstapir-online", "CC0-1.0")
    assert same_weights(model, copied)
    assert read_header(tmp_path / "copy.safetensors").capabilities.online


def test_what_the_caller_expects_is_checked(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(tiny("tapir").state_dict(), path)
    with pytest.raises(InputError, match=r"weights.pt: TAPIR weights; expected those of locotrack-base"):
        load_checkpoint(path, "locotrack-base")
    with pytest.raises(InputError, match=r"extra_convs\.\S+ is missing"):
        load_checkpoint(path, "bootstapir")
    with pytest.raises(ValueError, match='there is no model "raft"'):
        load_checkpoint(path, "raft")
    with pytest.raises(InputError, match=r"weights.pt: TAPIR weights \(tapir\); expected weights of CoTracker3"):
        load_cotracker3(path)


@pytest.mark.parametrize("name", ONE_EACH)
def test_our_own_files_say_their_configuration(tmp_path, name):
    model = tiny(name, resolution=(96, 64), iterations=2)
    path = save_own(tmp_path / "own.safetensors", model, {"licence": "MIT", "visible_above": "0.25"})
    loaded, info = load_checkpoint(path)
    assert loaded.config == model.config
    assert (info.licence, info.visible_above) == ("MIT", 0.25)
    assert read_header(path).capabilities.resolution == (96, 64)


PUBLISHED = {
    "cotracker3-online": "cotracker3/state_dict_online.tsv",
    "cotracker3-offline": "cotracker3/state_dict_offline.tsv",
    "cotracker2": "cotracker2/state_dict_window8.tsv",
    "cotracker2.1": "cotracker2/state_dict_window16.tsv",
    "tapir": "tapir/keys_tapir_panning.tsv",
    "bootstapir": "tapir/keys_bootstapir_v2.tsv",
    "locotrack-small": "locotrack/keys_locotrack_small.tsv",
    "locotrack-base": "locotrack/keys_locotrack_base.tsv",
}


@pytest.mark.skipif(not ROOT.is_dir(), reason=f"no reference in {ROOT}; set TRACKWRIGHT_REFERENCE to its folder")
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_keys_and_shapes_tell_the_published_configuration(name):
    rows = [line.split("\t")[:2] for line in (ROOT / PUBLISHED[name]).read_text().splitlines()[1:]]
    shapes = {key: tuple(map(int, shape.split("x"))) for key, shape in rows}
    family = family_of(shapes)
    values = values_in(family, shapes, NETWORKS[name].file, {})
    assert config_of(family, values) == config_of(family, NETWORKS[name].options)
    assert (family.name, family.call(values)) == (NETWORKS[name].family, name)


# -- what is refused


def broken(name: str, change: Any) -> dict[str, Any]:
    state = dict(tiny(name).state_dict())
    change(state)
    return state


def shorten(key: str) -> Any:
    return lambda state: state.update({key: state[key][..., :-1].clone()})


REFUSED = {
    "a CoTracker2 without its updater": (
        broken("cotracker2", lambda state: state.pop("track_feat_updater.0.weight")),
        "it seems to be CoTracker2, but track_feat_updater.0.weight is missing; expected weights of CoTracker3, ",
    ),
    "a CoTracker2 of odd sizes": (
        broken("cotracker2", lambda state: state.update(time_emb=torch.zeros(1, 8, 350))),
        "CoTracker2 weights of an unknown configuration (202 correlations per point",
    ),
    "a CoTracker2 of another table": (
        broken("cotracker2", shorten("updateformer.flow_head.weight")),
        "updateformer.flow_head.weight has shape (18, 47) instead of (18, 48)",
    ),
    "a TAPIR without a layer": (
        broken("tapir", lambda state: state.pop("torch_cost_volume_track_mods.hid1.weight")),
        "not TAPIR weights as published: torch_cost_volume_track_mods.hid1.weight is missing",
    ),
    "a TAPIR of odd sizes": (
        broken("tapir", shorten("torch_pips_mixer.linear.weight")),
        "TAPIR weights of an unknown configuration (97 correlations per point)",
    ),
    "a TAPIR of no numbers": (
        broken("tapir", lambda state: state["torch_pips_mixer.linear.bias"].fill_(torch.inf)),
        "torch_pips_mixer.linear.bias holds values that are no weights",
    ),
    "a LocoTrack of another size": (
        broken("locotrack-small", lambda state: state.update({LOCOTRACK_WIDTH: torch.zeros(320, 854)})),
        "LocoTrack weights of an unknown configuration (width 320; the published ones have 256 or 384)",
    ),
    "a LocoTrack with more": (
        broken("locotrack-small", lambda state: state.update(surplus=torch.zeros(1))),
        "not LocoTrack weights as published: surplus does not belong",
    ),
    "another network": ({"module.update_block.flow_head.conv1.weight": torch.zeros(1)}, "begin with update_block)"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_other_weights_are_refused_in_one_sentence(tmp_path, what):
    state, reason = REFUSED[what]
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        load_checkpoint(tmp_path / "weights.pt")
    assert str(caught.value).startswith(str(tmp_path / "weights.pt"))
    assert "\n" not in str(caught.value)
    read_header(tmp_path / "weights.pt")  # whatever it says


@pytest.mark.parametrize("name", ["tapir", "cotracker2"])
def test_files_that_are_cut_off(tmp_path, name):
    torch.save(tiny(name).state_dict(), tmp_path / "whole.pt")
    save_own(tmp_path / "whole.safetensors", tiny(name))
    for suffix in (".pt", ".safetensors"):
        content, cut = (tmp_path / "whole").with_suffix(suffix).read_bytes(), (tmp_path / "cut").with_suffix(suffix)
        for part in (0.01, 0.5):
            cut.write_bytes(content[: int(len(content) * part)])
            with pytest.raises(InputError, match="cut off or damaged"):
                load_checkpoint(cut)
            with pytest.raises(InputError, match="damaged, or no weights file"):
                read_header(cut)
    (tmp_path / "text.ckpt").write_text("not weights")
    for read, reason in ((load_checkpoint, "a text file"), (read_header, "no weights file")):
        with pytest.raises(InputError, match=reason):
            read(tmp_path / "text.ckpt")


# -- what lies beside the weights


@pytest.fixture
def lightning(monkeypatch):
    """A package of that name, which is not there any more when the file is read."""

    class AttributeDict(dict):
        pass

    class Loop:
        def __init__(self):
            self.steps = [1, 2]

    module = ModuleType("pytorch_lightning")
    for kind in (AttributeDict, Loop):
        kind.__module__, kind.__qualname__ = module.__name__, kind.__name__
        setattr(module, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_what_a_training_tool_leaves_beside_the_weights_is_left_there(tmp_path, lightning, monkeypatch):
    model, path = tiny("locotrack-small"), tmp_path / "locotrack_small.ckpt"
    beside = {
        "hyper_parameters": lightning.AttributeDict(lr=1e-3, args=argparse.Namespace(folder=Path("x"))),
        "loops": {"fit": lightning.Loop()},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
    }
    torch.save({**WRAPS["lightning"](model.state_dict()), **beside}, path)
    monkeypatch.delitem(sys.modules, "pytorch_lightning")
    loaded, info = load_checkpoint(path)
    assert same_weights(model, loaded)
    assert read_header(path).network == info.name == "locotrack-small"
    assert "pytorch_lightning" not in sys.modules


def test_code_beside_the_weights_is_never_run(tmp_path):
    proof = tmp_path / "proof"
    state = {**WRAPS["lightning"](tiny("tapir").state_dict()), "callbacks": RunsCode(proof)}
    for zipped in (True, False):
        torch.save(state, tmp_path / "evil.ckpt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(InputError, match="a pickle with code in it, which is never run"):
            load_checkpoint(tmp_path / "evil.ckpt")
        assert read_header(tmp_path / "evil.ckpt").network == "tapir"
        assert not proof.exists()


@pytest.fixture(scope="module")
def pickled(tmp_path_factory):
    """The pickle of a file, and the file."""
    path = tmp_path_factory.mktemp("weights") / "tapir.pt"
    torch.save(tiny("tapir", mixer_blocks=1).state_dict(), path)
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        return archive.read(name), path.parent


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_forged_pickle_gives_a_header_or_one_sentence(pickled, data):
    content, folder = pickled
    forged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        forged[data.draw(st.integers(2, len(forged) - 1))] = data.draw(st.integers(0, 255))
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(forged))
    (folder / "forged.pt").write_bytes(held.getvalue())
    with contextlib.suppress(InputError):
        assert isinstance(read_header(folder / "forged.pt").parameters, int)
