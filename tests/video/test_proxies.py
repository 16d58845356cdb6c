import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from tests.video.plates import light, write_exr
from tracker.files import InputError
from tracker.video import ViewTransform, open_source, sequence
from tracker.video.proxies import HEADER, SUFFIX, ProxyStore


def picture(value: int, side: int = 10) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> ProxyStore:
    return ProxyStore(tmp_path / "kept", 5 * (300 + HEADER.size))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that were decoded; every picture counts as slow."""
    names: list[str] = []
    decode = sequence.decode_picture

    def noted(path: Path) -> sequence.StoredPicture:
        names.append(path.name)
        return decode(path)

    monkeypatch.setattr(sequence, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(sequence, "decode_picture", noted)
    return names


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    folder = tmp_path / "plate"
    folder.mkdir()
    for number in range(4):
        write_exr(folder / f"a.{number}.exr", {"RGB": light() * (number + 1) / 4})
    return folder


@given(shown=arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9).map(lambda shape: (*shape, 3))))
@settings(max_examples=25, deadline=None)
def test_what_is_put_comes_back(shown, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    ProxyStore(folder).put("a", shown)
    kept = ProxyStore(folder).get("a")
    assert kept is not None
    assert np.array_equal(kept, shown)
    assert not kept.flags.writeable
    assert ProxyStore(folder).get("b") is None


def test_the_least_recently_used_go(store: ProxyStore, tmp_path: Path) -> None:
    for place, key in enumerate("abcde"):
        store.put(key, picture(place))
        os.utime(tmp_path / "kept" / (key + SUFFIX), (place, place))
    assert store.get("a") is not None  # used now
    store.put("f", picture(9))
    kept = {key for key in "abcdef" if store.get(key) is not None}
    assert {"a", "e", "f"} <= kept
    assert "b" not in kept
    assert sum(file.stat().st_size for file in (tmp_path / "kept").iterdir()) <= 5 * (300 + HEADER.size)


def test_a_picture_that_is_too_large_is_not_kept(store: ProxyStore) -> None:
    store.put("a", picture(1, 40))
    assert store.get("a") is None


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:5], lambda d: b"", lambda d: d[:-1] + b"\7"])
def test_damage_is_noticed(damage, store: ProxyStore, tmp_path: Path) -> None:
    store.put("a", picture(1))
    path = tmp_path / "kept" / ("a" + SUFFIX)
    path.write_bytes(damage(path.read_bytes()))
    assert store.get("a") is None
    assert not path.exists()


def test_a_folder_that_cannot_be_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    store = ProxyStore(tmp_path / "file" / "kept")
    for _ in range(2):
        store.put("a", picture(1))
    assert len(caplog.records) == 1


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgra"])
def test_a_second_reading_decodes_nothing(pixel_format, plate: Path, decoded: list[str]) -> None:
    with open_source(plate, pixel_format) as source:
        first = [*source.frames(0, 4)]
    decoded.clear()
    with open_source(plate, "bgra") as source:
        again = [*source.frames(0, 4)]
    assert decoded == ["a.0.exr"]  # not kept: who opens a sequence for the first time has it at hand
    for before, after in zip(first, again, strict=True):
        expected = before if pixel_format == "rgb24" else before[..., 2::-1]
        assert np.array_equal(after[..., 2::-1], expected)
        assert (after[..., 3] == 255).all()


def test_another_look_or_another_picture_is_another(plate: Path, decoded: list[str]) -> None:
    with open_source(plate) as source:
        dark = source.frame(1)
        source.view = ViewTransform("srgb", exposure=2)
        bright = source.frame(1)
        assert decoded == ["a.0.exr", "a.1.exr"]  # the newest one is not decoded again
        assert bright.mean() > dark.mean()
        assert np.array_equal(source.frame(3), source.frame(3))
        write_exr(plate / "a.2.exr", {"RGB": light()})
        newest = source.frame(2)
        write_exr(plate / "a.2.exr", {"RGB": light() / 8})
        os.utime(plate / "a.2.exr", (1, 1))
        source.frame(1)
        assert source.frame(2).mean() < newest.mean()


def test_a_kept_picture_of_another_size_is_refused(plate: Path, decoded: list[str]) -> None:
    with open_source(plate / "a.2.exr") as source:
        source.frame(2)
    for number in (0, 1, 3):
        write_exr(plate / f"a.{number}.exr", {"RGB": light(20, 10)})
    with open_source(plate) as source, pytest.raises(InputError, match=r"a\.2\.exr: the picture is 40 × 24 pixels"):
        source.frame(2)
