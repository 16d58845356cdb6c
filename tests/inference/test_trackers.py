"""Which trackers there are, and that none runs without what it needs."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.small_models import small_model
from tracker.checkpoints import load_checkpoint, save_checkpoint
from tracker.files import InputError
from tracker.inference import LucasKanade, available_trackers, default_tracker, load_tracker, tracker_info


def test_lucas_kanade_by_name():
    tracker = load_tracker("lucas-kanade")
    assert isinstance(tracker, LucasKanade)
    assert (tracker.name, tracker.device) == ("lucas-kanade", "cpu")
    assert isinstance(load_tracker("lucas-kanade", device="cpu", mode="offline"), LucasKanade)


def test_unknown_name_lists_what_is_there():
    with pytest.raises(InputError, match="lucas-kanad: there is no such tracker or file; there are lucas-kanade"):
        load_tracker("lucas-kanad")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"device": "tpu"}, "tpu: there is no such choice; there are auto, cpu, cuda"), ({"mode": "fast"}, "fast: there")],
)
def test_unknown_choices(options, message):
    with pytest.raises(InputError, match=message):
        load_tracker("lucas-kanade", **options)


@pytest.mark.parametrize("name", ["cotracker3-online", "cotracker3-offline"])
def test_a_network_without_weights_does_not_load(name):
    with pytest.raises(InputError, match=f"{name}: its weights are not installed"):
        load_tracker(name)


def test_every_tracker_says_what_it_needs(weights_folder):
    folder = weights_folder
    (folder / "compact.safetensors").write_bytes(b"")
    (folder / "notes.txt").write_text("not weights")
    found = {info.name: info for info in available_trackers()}
    assert list(found) == ["lucas-kanade", "compact", "cotracker3-online", "cotracker3-offline"]
    assert [name for name, info in found.items() if info.ready] == ["lucas-kanade", "compact"]
    assert found["compact"].weights == folder / "compact.safetensors"
    assert "damaged" in found["compact"].description
    assert found["compact"].experimental
    assert all(info.licence and info.description for info in found.values())
    assert np.all([info.needs_weights for name, info in found.items() if name != "lucas-kanade"])


FACTS = {"licence": "Apache-2.0", "source": "a test", "description": "Small and random.", "maturity": "stable"}


def test_installed_weights_are_described_by_their_header_and_card(weights_folder):
    folder = weights_folder
    model = small_model()
    save_checkpoint(folder / "mini.safetensors", model, FACTS)
    save_checkpoint(folder / "bare.safetensors", model)
    (folder / "mini.md").write_text("# mini")
    mini, bare = tracker_info("mini"), tracker_info("bare")
    assert (mini.description, mini.licence, mini.source) == ("Small and random.", "Apache-2.0", "a test")
    assert (mini.maturity, mini.experimental, mini.card) == ("stable", False, folder / "mini.md")
    assert mini.parameters == load_checkpoint(folder / "mini.safetensors")[1].parameters
    assert (bare.maturity, bare.card, bare.source, bare.licence) == (
        "experimental",
        None,
        None,
        "not stated in the file",
    )
    assert load_tracker("mini").name == "mini"


def test_no_weights_are_read_to_describe_them(weights_folder):
    """A file of a gibibyte, nearly all of it a hole, is described at once and without torch."""
    header = json.dumps(
        {"__metadata__": {"maturity": "stable"}, "a": {"dtype": "F16", "shape": [2**29], "data_offsets": [0, 2**30]}}
    ).encode()
    with (weights_folder / "huge.safetensors").open("wb") as handle:
        handle.write(len(header).to_bytes(8, "little") + header)
        handle.truncate(8 + len(header) + 2**30)
    code = (
        "import sys; from pathlib import Path; from tracker.inference import trackers;"
        f"trackers.WEIGHTS_FOLDER = Path({str(weights_folder)!r}); info = trackers.default_tracker();"
        "assert (info.name, info.parameters) == ('huge', 2**29), info;"
        "assert 'torch' not in sys.modules;"
        # Not ru_maxrss, which a process inherits from the one that started it.
        "status = dict(line.split(':', 1) for line in open('/proc/self/status'));"
        "assert int(status['VmHWM'].split()[0]) < 600_000"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_default_is_lucas_kanade_until_a_network_is_stable(weights_folder):
    assert default_tracker().name == "lucas-kanade"
    path = weights_folder / "mini.safetensors"
    for maturity, name in (("experimental", "lucas-kanade"), ("great", "lucas-kanade"), ("stable", "mini")):
        save_checkpoint(path, small_model(), FACTS | {"maturity": maturity})
        assert default_tracker().name == name
    path.write_bytes(path.read_bytes()[:-100])  # cut off: not what anybody meant by stable
    assert default_tracker().name == "lucas-kanade"


def test_files_of_ones_own_are_what_they_say(tmp_path):
    save_checkpoint(tmp_path / "mine.safetensors", small_model(), {"maturity": "experimental"})
    save_checkpoint(tmp_path / "silent.safetensors", small_model())
    (tmp_path / "old.pth").write_bytes(b"anything")
    (tmp_path / "old.md").write_text("a card")
    assert tracker_info(tmp_path / "mine.safetensors").experimental
    silent = tracker_info(tmp_path / "silent.safetensors")
    assert (silent.maturity, silent.name) == (None, str(tmp_path / "silent.safetensors"))
    assert str(tmp_path) in silent.description
    assert tracker_info(tmp_path / "old.pth").card == tmp_path / "old.md"
    gone = tracker_info(tmp_path / "gone.safetensors")
    assert not gone.ready
    assert "no such tracker or file" in gone.description


@pytest.mark.parametrize(("stated", "used"), [(None, 0.6), ("0.35", 0.35), ("0", 0.0)])
def test_weights_can_bring_their_own_threshold(tmp_path, stated, used):
    path = tmp_path / "weights.safetensors"
    save_checkpoint(path, small_model(), {} if stated is None else {"visible_above": stated})
    assert load_tracker(path).visible_above == used


def test_exports_are_what_they_say():
    import tracker.inference as package

    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
