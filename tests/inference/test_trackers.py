"""Which trackers there are, and that none runs without what it needs."""

import numpy as np
import pytest

from tracker.files import InputError
from tracker.inference import LucasKanade, available_trackers, load_tracker, trackers


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
def test_a_network_without_weights_does_not_load(name, monkeypatch, tmp_path):
    monkeypatch.setattr(trackers, "WEIGHTS_FOLDER", tmp_path)
    with pytest.raises(InputError, match=f"{name}: its weights are not installed"):
        load_tracker(name)


def test_every_tracker_says_what_it_needs(monkeypatch, tmp_path):
    monkeypatch.setattr(trackers, "WEIGHTS_FOLDER", tmp_path)
    (tmp_path / "compact.safetensors").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not weights")
    found = {info.name: info for info in available_trackers()}
    assert list(found) == ["lucas-kanade", "compact", "cotracker3-online", "cotracker3-offline"]
    assert [name for name, info in found.items() if info.ready] == ["lucas-kanade", "compact"]
    assert found["compact"].weights == tmp_path / "compact.safetensors"
    assert all(info.licence and info.description for info in found.values())
    assert np.all([info.needs_weights for name, info in found.items() if name != "lucas-kanade"])


def test_exports_are_what_they_say():
    import tracker.inference as package

    for name in package.__all__:
        assert getattr(package, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = package.nothing
