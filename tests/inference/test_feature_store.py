"""Features on disk: found after a restart, bounded, shared, and nothing damaged is ever used."""

import errno
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.inference.networks import COUNT, make_network_folder, query
from tracker.inference import TrackRun, feature_store, load_tracker
from tracker.inference.cotracker import CoTrackerTracker
from tracker.inference.feature_cache import FeatureCache, feature_cache
from tracker.inference.feature_store import PART, FeatureStore, FrameEntry
from tracker.inference.supply import FrameSupply
from tracker.models.cotracker3 import CoTracker3
from tracker.video import open_source


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def entry(seed: int = 0, shape: tuple[int, int, int] = (5, 6, 8), dtype: torch.dtype = torch.float32) -> FrameEntry:
    random = np.random.default_rng(seed)
    features = torch.nn.functional.normalize(torch.from_numpy(random.normal(size=shape)), dim=-1).to(dtype)
    return FrameEntry(random.integers(0, 256, (shape[0] * 4, shape[1] * 4), dtype=np.uint8), features)


def stored(folder: Path, *numbers: int, max_bytes: int = 1 << 20) -> FeatureStore:
    """A store to read from, after another one wrote these entries."""
    writer = FeatureStore(folder, max_bytes)
    for number in numbers:
        assert writer.put(key(number), entry(number))
    writer.close()
    assert writer.warning is None
    return FeatureStore(folder, max_bytes)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def size_of_one(folder: Path) -> int:
    stored(folder, 0).close()
    return files(folder)[0].stat().st_size


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(5, 6, 8), (1, 1, 1), (3, 2, 0)])
def test_comes_back(tmp_path, dtype, shape):
    one = entry(1, shape, dtype)
    writer = FeatureStore(tmp_path)
    writer.put(key(1), one)
    writer.close()
    found = FeatureStore(tmp_path).get(key(1))
    assert found is not None
    assert found.features is not None
    assert one.features is not None
    np.testing.assert_array_equal(found.grey, one.grey)
    assert found.features.dtype == dtype
    torch.testing.assert_close(found.features, one.features, atol=2.5e-4, rtol=0)


def test_nothing_there(tmp_path):
    store = FeatureStore(tmp_path / "not" / "yet")
    assert store.get(key(1)) is None
    store.close()
    assert (store.used_bytes, store.warning) == (0, None)
    assert not (tmp_path / "not").exists()


def test_what_does_not_fit_into_half_precision_is_not_kept(tmp_path):
    store = FeatureStore(tmp_path)
    store.put(key(1), FrameEntry(np.zeros((4, 4), np.uint8), torch.full((1, 1, 8), 1e6)))
    store.close()
    assert files(tmp_path) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), change=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_entry_is_never_used_and_deleted(tmp_path, place, change, cut):
    store = stored(tmp_path, 3)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    place %= len(data)
    if cut:
        del data[place:]
    else:
        data[place] ^= change
    path.write_bytes(data)
    assert store.get(key(3)) is None
    assert not path.exists()
    assert store.get(key(3)) is None
    store.close()


@pytest.mark.parametrize("change", ["longer", "empty", "another frame's", "an older format's"])
def test_other_files_in_its_place_are_not_used(tmp_path, change, monkeypatch):
    if change == "an older format's":
        monkeypatch.setattr(feature_store, "VERSION", 0)
    store = stored(tmp_path, 3, 4)
    monkeypatch.undo()
    one, other = sorted(files(tmp_path))
    if change == "another frame's":
        one.write_bytes(other.read_bytes())
    elif change != "an older format's":
        one.write_bytes(b"" if change == "empty" else one.read_bytes() + b"\0")
    assert store.get(key(3)) is None
    assert not one.exists()
    store.close()


def test_half_written_files_are_neither_used_nor_left(tmp_path, monkeypatch):
    """As when the program is killed between writing and renaming."""
    monkeypatch.setattr(feature_store.os, "replace", lambda part, path: (_ for _ in ()).throw(KeyboardInterrupt))
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    writer = FeatureStore(tmp_path)
    writer.put(key(3), entry(3))
    writer.close()
    monkeypatch.undo()
    (part,) = files(tmp_path)
    assert part.suffix == PART
    store = FeatureStore(tmp_path)
    assert store.get(key(3)) is None
    store.close()
    assert part.exists()  # another process may be writing it
    os.utime(part, (1, 1))
    store = FeatureStore(tmp_path)
    store.get(key(3))
    store.close()
    assert files(tmp_path) == []


def test_the_least_recently_used_is_deleted(tmp_path):
    size = size_of_one(tmp_path / "one")
    folder = tmp_path / "many"
    stored(folder, *range(6), max_bytes=10 * size).close()
    for age, number in enumerate(range(6)):
        os.utime(FeatureStore(folder)._path(key(number)), (age, age))
    store = FeatureStore(folder, 6 * size)
    assert store.get(key(0)) is not None  # now the newest
    store.put(key(6), entry(6))
    store.close()
    left = [number for number in range(7) if FeatureStore(folder)._path(key(number)).exists()]
    assert left == [0, 3, 4, 5, 6]
    assert store.used_bytes == sum(path.stat().st_size for path in files(folder)) == 5 * size
    store = FeatureStore(folder, 6 * size)
    store.max_bytes = 2 * size
    store.close()
    assert len(files(folder)) == 1
    assert store.get(key(6)) is not None


def test_never_more_than_half_of_what_is_free(tmp_path, monkeypatch):
    size = size_of_one(tmp_path / "one")
    folder = tmp_path / "many"
    store = stored(folder, *range(4))
    monkeypatch.setattr(FeatureStore, "_free", lambda _: 2 * size)
    store.put(key(9), entry(9))
    store.close()
    assert store.max_bytes == 3 * size
    assert sum(path.stat().st_size for path in files(folder)) == 3 * size
    assert store.get(key(9)) is not None


def test_two_stores_share_a_folder(tmp_path):
    """Each writes and cleans up while the other reads: what is found is whole and right."""
    size = size_of_one(tmp_path / "one")
    stores = [FeatureStore(tmp_path / "many", 12 * size) for _ in range(2)]
    found = 0
    for turn in range(60):
        for store in stores:
            store.put(key(turn % 20), entry(turn % 20))
            other = (turn * 7) % 20
            one = store.get(key(other))
            if one is not None:
                found += 1
                np.testing.assert_array_equal(one.grey, entry(other).grey)
    for store in stores:
        store.close()
        assert store.warning is None
    assert found
    assert not list((tmp_path / "many").rglob(f"*{PART}"))


def test_what_comes_faster_than_the_disk_takes_is_not_written(tmp_path, monkeypatch):
    may_write = threading.Event()
    pack = feature_store._pack

    def slow(*args):
        may_write.wait()
        return pack(*args)

    monkeypatch.setattr(feature_store, "_pack", slow)
    monkeypatch.setattr(feature_store, "QUEUED_BYTES", 3 * entry().bytes)
    store = FeatureStore(tmp_path)
    assert [store.put(key(number), entry(number)) for number in range(5)] == [True, True, True, False, False]
    may_write.set()
    store.close()
    assert len(files(tmp_path)) == 3
    assert not store.put(key(9), entry(9))


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
def test_a_disk_that_takes_nothing_is_said_once(tmp_path, monkeypatch, caplog, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(feature_store.os, "replace", refuse)
    cache = FeatureCache(disk=FeatureStore(tmp_path))
    with caplog.at_level(logging.WARNING):
        for one in range(3):
            cache.put(key(one), entry(one), lasting=True)
        cache.close()
    assert [record.message for record in caplog.records] == [cache.state.warning]
    assert cache.state.warning is not None
    assert str(tmp_path) in cache.state.warning
    assert ("the disk is full" if number == errno.ENOSPC else "no permission") in cache.state.warning
    assert files(tmp_path) == []
    assert all(cache.get(key(one)) is not None for one in range(3))


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "blocked").write_text("a file")
    cache = FeatureCache(disk=FeatureStore(tmp_path / "blocked" / "features"))
    cache.put(key(1), entry(1), lasting=True)
    cache.close()
    assert cache.state.warning is not None
    assert "kept in memory only" in cache.state.warning
    assert cache.get(key(1), lasting=True) is not None
    assert cache.get(key(2), lasting=True) is None


class TestTheCacheAbove:
    def test_only_what_lasts_goes_to_disk(self, tmp_path):
        cache = FeatureCache(disk=FeatureStore(tmp_path))
        cache.put(key(1), entry(1))
        cache.put(key(2), entry(2), lasting=True)
        cache.close()
        assert len(files(tmp_path)) == 1
        fresh = FeatureCache(disk=FeatureStore(tmp_path))
        assert fresh.get(key(1), lasting=True) is None
        assert fresh.get(key(2)) is None
        assert fresh.get(key(2), lasting=True) is not None
        assert fresh.get(key(2)) is fresh.get(key(2))
        fresh.close()
        state = fresh.state
        assert (state.frames, state.used_bytes) == (1, entry(2).bytes)
        assert state.disk_used_bytes == files(tmp_path)[0].stat().st_size

    def test_what_leaves_memory_comes_back_from_disk(self, tmp_path):
        cache = FeatureCache(2 * entry().bytes, FeatureStore(tmp_path))
        for number in range(8):
            cache.put(key(number), entry(number), lasting=True)
        cache.close()
        for number in range(8):
            found = cache.get(key(number), lasting=True)
            assert found is not None
            np.testing.assert_array_equal(found.grey, entry(number).grey)
            assert cache.used_bytes <= cache.max_bytes

    def test_one_for_the_process_in_the_users_folder(self):
        cache = feature_cache()
        assert cache is feature_cache()
        cache.put(key(1), entry(1), lasting=True)
        cache.close()
        assert len(files(Path(os.environ["TRACKWRIGHT_CACHE"]) / "features")) == 1


def test_no_encoder_runs_after_a_restart(tmp_path, monkeypatch):
    folder = make_network_folder(tmp_path)
    cache = tmp_path / "cache"
    code = (
        "import sys; import numpy as np; from tracker.inference import TrackRun, load_tracker;"
        "from tracker.inference.feature_cache import feature_cache;"
        "from tracker.video import open_source; folder = sys.argv[1];"
        "tracker = load_tracker(folder + '/online.safetensors', device='cpu');"
        "source = open_source(folder + '/panning.mp4');"
        "queries = np.array([[0, 60, 50]], np.float32);"
        f"list(TrackRun(source, tracker, queries, np.array([0]), start=0, end={COUNT}, cache=feature_cache()))"
    )
    environment = {**os.environ, "TRACKWRIGHT_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120, env=environment)
    monkeypatch.setenv("TRACKWRIGHT_CACHE", str(cache))
    tracker = load_tracker(folder / "online.safetensors", device="cpu")
    assert isinstance(tracker, CoTrackerTracker)
    encode, encoded = CoTracker3.encode, []

    def counting(model, images, *args):
        encoded.append(len(images))
        return encode(model, images, *args)

    monkeypatch.setattr(CoTracker3, "encode", counting)
    with open_source(folder / "panning.mp4") as source:
        again = list(TrackRun(source, tracker, query(0), np.array([0]), start=0, end=COUNT, cache=feature_cache()))
        assert len(FrameSupply(source, tracker, feature_cache()).features(range(COUNT))) == COUNT
        assert encoded == []
        fresh = list(TrackRun(source, tracker, query(0), np.array([0]), start=0, end=COUNT, cache=FeatureCache()))
    assert sum(encoded) == COUNT
    for old, new in zip(again, fresh, strict=True):
        np.testing.assert_allclose(old.tracks, new.tracks, atol=0.05)
    feature_cache().close()
