"""Weights files: every way they are written, round trips, and one sentence for each that is something else."""

import pickle
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from tests.small_models import small_model
from tracker.checkpoints import load_checkpoint, save_checkpoint
from tracker.files import InputError
from tracker.models import build_model
from tracker.models.cotracker3 import CoTracker3Config


class RunsCode:
    """A pickle of this would make a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def same_weights(a, b):
    first, second = a.state_dict(), b.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def shaped_model(kind="online"):
    """Small, and such that its shapes tell all of its configuration."""
    published = CoTracker3Config()
    sizes = {"resolution": published.resolution, "iterations": published.iterations, "width": 96, "heads": 2}
    return small_model(kind, **sizes)


@pytest.mark.parametrize("kind", ["online", "offline"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model": state, "optimizer": {}, "total_steps": 3},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"model": {f"module.{key}": value for key, value in state.items()}},
    ],
    ids=["plain", "model", "module", "model and module"],
)
def test_pth(tmp_path, kind, wrap):
    model, path = shaped_model(kind), tmp_path / "weights.pth"
    torch.save(wrap(model.state_dict()), path)
    loaded, info = load_checkpoint(path)
    assert same_weights(model, loaded)
    assert not loaded.training
    assert loaded.config == info.config == model.config
    assert (info.name, info.dtype, info.path, info.licence) == (f"cotracker3-{kind}", "float32", path, None)
    assert info.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_old_pth_and_safetensors_without_metadata(tmp_path):
    model = shaped_model()
    torch.save(model.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(model.state_dict(), tmp_path / "plain.safetensors")
    for name in ("old.pth", "plain.safetensors"):
        loaded, info = load_checkpoint(tmp_path / name)
        assert same_weights(model, loaded)
        assert info.config == model.config


def test_published_size_from_shapes(tmp_path):
    model = build_model("cotracker3-offline")
    torch.save(model.state_dict(), tmp_path / "full.pth")
    loaded, info = load_checkpoint(tmp_path / "full.pth")
    assert info.config == CoTracker3Config(kind="offline", window=60)
    assert info.parameters == 25_385_700
    assert same_weights(model, loaded)


def test_combined_head(tmp_path):
    model = shaped_model()
    state = model.state_dict()
    for part in ("weight", "bias"):
        heads = [state.pop(f"updateformer.{name}.{part}") for name in ("flow_head", "vis_conf_head")]
        state[f"updateformer.flow_head.{part}"] = torch.cat(heads)
    torch.save(state, tmp_path / "one_head.pth")
    assert same_weights(model, load_checkpoint(tmp_path / "one_head.pth")[0])


@pytest.mark.parametrize("stated", ["", "half", "1.01", "-0.1", "nan", "inf"])
def test_a_threshold_that_is_none_is_refused(tmp_path, stated):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, small_model(), {"visible_above": stated})
    with pytest.raises(InputError, match=r"visible_above is .* not a number from 0 to 1"):
        load_checkpoint(path)


def test_half_precision_is_loaded_as_float32(tmp_path):
    torch.save(shaped_model().half().state_dict(), tmp_path / "half.pth")
    loaded, info = load_checkpoint(tmp_path / "half.pth")
    assert info.dtype == "float16"
    assert {value.dtype for value in loaded.state_dict().values()} == {torch.float32}


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(["online", "offline"]),
    window=st.integers(2, 40),
    levels=st.integers(1, 4),
    radius=st.integers(0, 3),
    heads=st.sampled_from([1, 2, 3, 4]),
    depth=st.integers(1, 3),
    stride=st.sampled_from([4, 8]),
    virtual_tracks=st.integers(1, 9),
)
def test_save_and_load(tmp_path_factory, **options):
    model, path = small_model(**options), tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_checkpoint(path, model, {"licence": "Apache-2.0", "source": "a test"})
    loaded, info = load_checkpoint(path)
    assert same_weights(model, loaded)
    assert info.config == model.config
    assert (info.licence, info.source) == ("Apache-2.0", "a test")


def test_saving_fails_whole(tmp_path, monkeypatch):
    path = tmp_path / "kept.safetensors"
    save_checkpoint(path, small_model())
    before = path.read_bytes()

    def no_room(_, part, **__):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tracker.checkpoints.save_file", no_room)
    with pytest.raises(InputError, match="the disk is full"):
        save_checkpoint(path, small_model(virtual_tracks=3))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def damaged(state, key, value):
    return {**state, key: value}


REFUSED = {
    "text.pth": (lambda path: path.write_text("not weights\n"), "a text file"),
    "text.safetensors": (lambda path: path.write_text("not weights\n"), "no safetensors file"),
    "empty.pth": (lambda path: path.write_bytes(b""), "the file is empty"),
    "picture.pth": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100)), "no weights file"),
    "folder": (lambda path: path.mkdir(), "this is a folder"),
    "absent.pth": (lambda path: None, "there is no such file"),
    "list.pth": (lambda path: torch.save([1, 2], path), "holds a list, not weights"),
    "numbers.pth": (lambda path: torch.save({"a": 1}, path), "without weights"),
    "resnet.pth": (
        lambda path: torch.save({"backbone.conv1.weight": torch.zeros(2)}, path),
        "another network (its keys begin with backbone)",
    ),
    "shape.pth": (
        lambda path: torch.save(damaged(shaped_model().state_dict(), "fnet.conv2.bias", torch.zeros(3)), path),
        "fnet.conv2.bias has shape (3,) instead of (32,)",
    ),
    "extra.pth": (
        lambda path: torch.save(damaged(shaped_model().state_dict(), "support_features", torch.zeros(3)), path),
        "support_features does not belong",
    ),
    "nan.pth": (
        lambda path: torch.save(
            damaged(shaped_model().state_dict(), "fnet.conv2.bias", torch.full((32,), torch.nan)), path
        ),
        "fnet.conv2.bias holds values that are no weights",
    ),
    "width.pth": (lambda path: torch.save(small_model(width=40).state_dict(), path), "unknown configuration"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path, name):
    make, reason = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        load_checkpoint(tmp_path / name)
    message = str(caught.value)
    assert message.startswith(str(tmp_path / name))
    assert "\n" not in message


@pytest.mark.parametrize("new_format", [True, False])
def test_code_is_never_run(tmp_path, new_format):
    path, proof = tmp_path / "evil.pth", tmp_path / "proof"
    state = {**small_model().state_dict(), "surprise": RunsCode(proof)}
    torch.save(state, path, _use_new_zipfile_serialization=new_format)
    (tmp_path / "bare.pkl").write_bytes(pickle.dumps(RunsCode(proof)))
    for file in (path, tmp_path / "bare.pkl"):
        with pytest.raises(InputError, match="a pickle"):
            load_checkpoint(file)
    with pytest.raises(InputError, match="a pickle with code in it, which is never run"):
        load_checkpoint(path)
    assert not proof.exists()


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors"])
@pytest.mark.parametrize("part", [0.001, 0.3, 0.99])
def test_cut_off(tmp_path, name, part):
    path = tmp_path / name
    if path.suffix == ".pth":
        torch.save(shaped_model().state_dict(), path)
    else:
        save_checkpoint(path, shaped_model())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InputError, match="cut off or damaged"):
        load_checkpoint(path)
