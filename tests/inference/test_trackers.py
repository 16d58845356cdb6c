"""Which trackers there are, and that none runs without what it needs."""

import hashlib
import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.small_models import small_clip, small_model
from tests.small_teachers import save_own, tiny
from tracker.checkpoints import load_checkpoint, save_checkpoint
from tracker.files import InputError
from tracker.inference import LucasKanade, TrackRun, available_trackers, default_tracker, load_tracker, tracker_info
from tracker.inference.bridge import BridgeRun, bridging_tracker
from tracker.inference.gaps import Gap
from tracker.inference.trackers import file_sha256, install_tracker, models_folder
from tracker.models import MODELS
from tracker.models.families import NETWORKS, Capabilities
from tracker.video import VideoWriter, open_source


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


@pytest.mark.parametrize("name", MODELS)
def test_a_network_without_weights_does_not_load(name):
    with pytest.raises(InputError, match=f"{name}: its weights are not installed. .* publish .* at https://"):
        load_tracker(name)
    info = tracker_info(name)
    assert (info.ready, info.network, info.published[:8]) == (False, name, "https://")
    assert info.licence.startswith("CC-BY-NC-4.0" if name.startswith("cotracker") else "Apache-2.0")


def test_every_tracker_says_what_it_needs(weights_folder):
    folder = weights_folder
    (folder / "compact.safetensors").write_bytes(b"")
    (folder / "notes.txt").write_text("not weights")
    found = {info.name: info for info in available_trackers()}
    assert list(found) == ["lucas-kanade", "compact", *MODELS]
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
    torch.save(tiny("tapir").state_dict(), weights_folder / "tapir.pth")
    code = (
        "import sys; from pathlib import Path; from tracker.inference import trackers;"
        f"trackers.WEIGHTS_FOLDER = Path({str(weights_folder)!r}); info = trackers.default_tracker();"
        "assert (info.name, info.parameters) == ('huge', 2**29), info;"
        f"assert trackers.tracker_info({str(weights_folder / 'tapir.pth')!r}).network == 'tapir';"
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


# -- families


def test_an_official_file_is_described_without_loading_it(tmp_path):
    torch.save(tiny("cotracker2").state_dict(), tmp_path / "cotracker2.pth")
    info = tracker_info(tmp_path / "cotracker2.pth")
    assert (info.family, info.network, info.maturity) == ("cotracker2", "cotracker2", None)
    assert info.licence == "CC-BY-NC-4.0 for the released weights; not stated in this file"
    assert info.capabilities == Capabilities(online=True, joint=True, confidence=False, resolution=(64, 96))
    assert "CoTracker2" in info.description
    assert info.published.startswith("https://")
    # What Trackwright wrote is nobody's released weights.
    own = tracker_info(save_own(tmp_path / "own.safetensors", tiny("cotracker2")))
    assert (own.licence, own.published, own.network) == ("not stated in the file", "", "cotracker2")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pth")
    other = tracker_info(tmp_path / "other.pth")
    assert (other.family, other.licence) == ("", "not stated in the file")
    assert "none of the networks that can run here (CoTracker3, CoTracker2, TAPIR, LocoTrack)" in other.description


COUNT = 12


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with VideoWriter(path, 64, 48, Fraction(25)) as writer:
        for frame in small_clip(COUNT, 64, 48):
            writer.write(frame)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_weights_of_every_family_track(tmp_path, clip, name):
    path = save_own(tmp_path / "weights.safetensors", tiny(name, resolution=(64, 64), iterations=1))
    tracker = load_tracker(path, "cpu")
    assert (tracker.name, tracker.device) == (f"{name} (weights.safetensors)", "cpu")
    ids, queries = np.arange(2), np.array([[0, 20, 20], [3, 40, 30]], np.float32)
    with open_source(clip) as source:
        found = list(TrackRun(source, tracker, queries, ids, start=0, end=COUNT))
    assert found[-1].end_frame == COUNT
    known = np.concatenate([np.isfinite(one.tracks[:, 1]).all(axis=-1) for one in found])
    assert known.sum() >= COUNT - 3
    if not tracker_info(path).capabilities.online:
        with pytest.raises(InputError, match="whole clip"):
            load_tracker(path, "cpu", "online")
    else:
        assert load_tracker(path, "cpu", "online").name == tracker.name


@pytest.mark.parametrize("name", ["cotracker2", "tapir"])
def test_gaps_of_networks_that_hold_no_anchors_are_solved_by_lucas_kanade(tmp_path, clip, name):
    tracker = load_tracker(save_own(tmp_path / "weights.safetensors", tiny(name)), "cpu")
    assert isinstance(bridging_tracker(tracker), LucasKanade)
    with open_source(clip) as source:
        (bridged,) = BridgeRun(source, tracker, [Gap(4, (0, 20, 20), (6, 24, 22), 1, 6)])
    assert bridged.prediction.ids.tolist() == [4]
    network = load_tracker(save_own(tmp_path / "holds.safetensors", tiny("cotracker3-online")), "cpu")
    assert bridging_tracker(network) is network


# -- installing


def test_installed_weights_have_a_name_and_a_card(tmp_path):
    torch.save(tiny("bootstapir-online").state_dict(), tmp_path / "causal.pt")
    info = install_tracker(tmp_path / "causal.pt", "my.student-2", "# Mine")
    assert info == tracker_info("my.student-2")
    assert info in available_trackers()
    assert (info.weights, info.card) == (
        models_folder() / "my.student-2.safetensors",
        models_folder() / "my.student-2.md",
    )
    assert models_folder().is_relative_to(tmp_path / "home" / "data")
    # The copy says what the name of the file said, and that its licence is a guess.
    assert (info.network, info.capabilities.online) == ("bootstapir-online", True)
    assert info.licence == "Apache-2.0 for the released weights; not stated in this file"
    assert (info.maturity, info.experimental) == (None, False)
    assert load_tracker("my.student-2", "cpu").name == "my.student-2"
    assert info.weights is not None
    assert file_sha256(info.weights) == hashlib.sha256(info.weights.read_bytes()).hexdigest()


def test_official_weights_can_take_the_name_that_waits_for_them(tmp_path):
    torch.save(tiny("tapir").state_dict(), tmp_path / "tapir_checkpoint_panning.pt")
    with pytest.raises(InputError, match=r"bootstapir: this name is kept for weights of bootstapir, which .* not hold"):
        install_tracker(tmp_path / "tapir_checkpoint_panning.pt", "bootstapir", "")
    install_tracker(tmp_path / "tapir_checkpoint_panning.pt", "tapir", "")
    assert tracker_info("tapir").ready
    assert [info.name for info in available_trackers()].count("tapir") == 1
    assert not list(models_folder().glob("*.md"))
    assert default_tracker().name == "lucas-kanade"


@pytest.mark.parametrize("name", ["", "../up", "a b", ".hidden", "x.md", "x.safetensors", "n" * 65])
def test_names_that_are_none(tmp_path, name):
    with pytest.raises(InputError, match="a tracker's name is made of letters"):
        install_tracker(save_own(tmp_path / "own.safetensors", tiny("tapir")), name, "")
    assert not models_folder().exists()


def test_what_cannot_be_installed(tmp_path):
    own = save_own(tmp_path / "own.safetensors", tiny("tapir"))
    install_tracker(own, "mine", "")
    for name in ("mine", "MINE", "lucas-kanade"):
        with pytest.raises(InputError, match="there is a tracker of this name already"):
            install_tracker(own, name, "")
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(InputError, match=r"text\.pth: a text file"):
        install_tracker(tmp_path / "text.pth", "text", "# A card")
    assert sorted(path.name for path in models_folder().iterdir()) == ["mine.safetensors"]
    with pytest.raises(InputError, match=r"gone\.pt: the file cannot be read"):
        file_sha256(tmp_path / "gone.pt")


def test_exports_are_what_they_say():
    import tracker.inference as package

    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing


def test_the_page_about_teachers_says_of_every_network_what_the_program_says():
    page = (Path(__file__).parents[2] / "docs" / "teachers.md").read_text(encoding="utf-8")
    for network in NETWORKS.values():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{network.name}` |")]
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        can = network.capabilities
        assert cells[2:5] == ["yes" if one else "no" for one in (can.online, can.joint, can.confidence)]
        assert can.resolution is not None
        assert cells[5] == "{1}x{0}".format(*can.resolution)
        assert cells[6] == f"[`{network.file}`]({network.published})"
        assert cells[7].startswith(network.licence.split()[0]) or cells[7] == "as above"
