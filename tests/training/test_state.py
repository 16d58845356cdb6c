"""The files of a run: whole or as they were, in pieces on request, and refused where they do not fit."""

import json
import re
import resource
from dataclasses import replace

import pytest
import torch

from tests.small_teachers import tiny
from tests.training.made import MovingClips, tiny_config
from tracker.checkpoints import load_checkpoint, load_cotracker3, save_checkpoint
from tracker.files import InputError
from tracker.training.loop import Limits, Trainer, new_network
from tracker.training.state import Output, read_start, write_state


def run(folder, config=None, steps=1, **options):
    output = Output(folder, **options)
    output.prepare(None)
    Trainer(config or tiny_config(), MovingClips(), output, facts={"licence": "CC0-1.0"}, limits=Limits(steps)).run()
    return output


def test_what_is_in_the_weights(tmp_path):
    output = run(tmp_path / "out")
    model, info = load_cotracker3(output.folder)
    assert (info.dtype, info.licence, info.config) == ("float16", "CC0-1.0", tiny_config().model)
    assert torch.equal(model.time_emb, new_network(tiny_config().model, 0).time_emb)  # no learned number, kept exact


def test_pieces(tmp_path):
    config = tiny_config()
    model = new_network(replace(config.model, width=256, mlp_ratio=4), 0)
    save_checkpoint(tmp_path / "whole.safetensors", model)
    save_checkpoint(tmp_path / "pieces", model, {"licence": "CC0-1.0"}, shard_mib=1)
    files = sorted(path.name for path in (tmp_path / "pieces").iterdir())
    index = files.pop()
    assert len(files) > 2
    assert files[0] == f"weights-00001-of-{len(files):05}.safetensors"
    largest_tensor = max(value.nbytes for value in model.state_dict().values())
    assert all((tmp_path / "pieces" / name).stat().st_size <= max(2**20, largest_tensor + 2**16) for name in files)
    expected = load_checkpoint(tmp_path / "whole.safetensors")[0].state_dict()
    for place in (tmp_path / "pieces", tmp_path / "pieces" / index):
        loaded, info = load_checkpoint(place)
        assert info.licence == "CC0-1.0"
        assert all(torch.equal(value, expected[key]) for key, value in loaded.state_dict().items())


def test_a_run_in_pieces_goes_on(tmp_path):
    output = run(tmp_path / "out", shard_mib=1, with_state=False)
    assert (output.folder / "weights" / "weights.safetensors.index.json").is_file()
    run_again = Trainer(tiny_config(), MovingClips(), output, start=read_start(output.folder, tiny_config().model))
    run_again.run()
    assert load_checkpoint(output.folder)[1].config == tiny_config().model


def test_weights_of_another_network_are_no_start(tmp_path):
    torch.save(tiny("tapir").state_dict(), tmp_path / "tapir.pt")
    with pytest.raises(InputError, match=r"tapir\.pt: TAPIR weights \(tapir\); expected weights of CoTracker3"):
        read_start(tmp_path / "tapir.pt", tiny_config().model)


def damage_missing(folder):
    next(folder.glob("weights-00001*")).unlink()


def damage_index(folder):
    (folder / "weights.safetensors.index.json").write_text("[]")


def damage_elsewhere(folder):
    index = folder / "weights.safetensors.index.json"
    values = json.loads(index.read_text())
    values["weight_map"]["time_emb"] = "../secret.safetensors"
    index.write_text(json.dumps(values))


def damage_mixed(folder):
    index = folder / "weights.safetensors.index.json"
    values = json.loads(index.read_text())
    values["weight_map"]["another"] = values["weight_map"]["time_emb"]
    index.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (damage_missing, "there is no such file"),
        (damage_index, "no index of weights in pieces, or a damaged one"),
        (damage_elsewhere, "names a file in another folder, ../secret.safetensors"),
        (damage_mixed, "another is not in weights-00001-of-00001.safetensors"),
    ],
)
def test_damaged_pieces(tmp_path, damage, reason):
    save_checkpoint(tmp_path / "pieces", new_network(tiny_config().model, 0), shard_mib=1)
    damage(tmp_path / "pieces")
    with pytest.raises(InputError, match=re.escape(reason)):
        load_checkpoint(tmp_path / "pieces")


@pytest.fixture
def little_room():
    """No file may grow beyond 20 kB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("with_state", [True, False])
@pytest.mark.parametrize("shard_mib", [None, 1])
def test_no_room(tmp_path, request, with_state, shard_mib):
    options = {"with_state": with_state, "shard_mib": shard_mib}
    output = run(tmp_path / "out", **options)
    files = {path: path.read_bytes() for path in output.folder.rglob("*") if path.suffix in (".pt", ".safetensors")}
    assert len(files) == 1 + with_state
    start = read_start(output.folder, tiny_config().model)
    trainer = Trainer(tiny_config(), MovingClips(), output, start=start, limits=Limits(2))
    request.getfixturevalue("little_room")
    with pytest.raises(InputError) as caught:
        trainer.run()
    assert str(caught.value).startswith(str(output.folder))
    assert "\n" not in str(caught.value)
    left = {path: path.read_bytes() for path in output.folder.rglob("*") if path.suffix in (".pt", ".safetensors")}
    assert left == files


def test_another_training_is_not_overwritten(tmp_path):
    output = run(tmp_path / "out")
    with pytest.raises(InputError, match=r"out: holds a training already; give it to --resume, or another --output"):
        Output(output.folder).prepare(None)
    with pytest.raises(InputError, match="holds a training already"):
        Output(output.folder).prepare(tmp_path / "elsewhere")
    Output(output.folder).prepare(output.folder)
    Output(output.folder).prepare(output.weights)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        Output(tmp_path / "file").prepare(None)
    with pytest.raises(InputError, match="file"):
        Output(tmp_path / "file" / "out").prepare(None)


@pytest.mark.parametrize("name", ["state.pt", "weights.safetensors"])
def test_another_shape(tmp_path, name):
    output = run(tmp_path / "out")
    other = replace(tiny_config().model, width=48)
    with pytest.raises(InputError, match=f"{name}: a network with width = 24, the configuration says 48"):
        read_start(output.folder / name, other)


def test_what_may_differ_in_weights_but_not_in_a_state(tmp_path):
    output = run(tmp_path / "out")
    other = replace(tiny_config().model, iterations=9)
    assert read_start(output.weights, other).state is None
    with pytest.raises(InputError, match="a network with iterations = 3, the configuration says 9"):
        read_start(output.state, other)


class RunsCode:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize("content", [b"", b"text", {"format": 7}, [1], RunsCode()])
def test_a_state_that_is_none(tmp_path, content):
    path = tmp_path / "state.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=r"state\.pt: no state of a training, or one"):
        read_start(path, tiny_config().model)


def test_a_state_cut_off(tmp_path):
    output = run(tmp_path / "out")
    output.state.write_bytes(output.state.read_bytes()[:-3000])
    with pytest.raises(InputError, match="cut off or damaged"):
        read_start(output.folder, tiny_config().model)


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="there is no such file or folder"):
        read_start(tmp_path / "absent", tiny_config().model)
    with pytest.raises(InputError, match="a folder with no weights in it"):
        read_start(tmp_path, tiny_config().model)


def test_writing_a_state_replaces_it(tmp_path):
    path = tmp_path / "state.pt"
    for step in (1, 2):
        write_state(path, {"step": step})
    assert torch.load(path, weights_only=True)["step"] == 2
    assert list(tmp_path.iterdir()) == [path]
