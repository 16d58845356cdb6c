from pathlib import Path

import pytest

from tracker.files import InputError
from tracker.video.names import pictures_around, pictures_of_folder, pictures_of_pattern


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


@pytest.mark.parametrize(
    ("names", "first", "title"),
    [
        (["plate.1001.exr", "plate.1002.exr"], 1001, "plate.#.exr"),
        (["plate_1001.exr", "plate_1002.exr"], 1001, "plate_#.exr"),
        (["plate1001.exr", "plate1002.exr"], 1001, "plate#.exr"),
        (["test1.001.exr", "test1.002.exr"], 1, "test1.#.exr"),
        (["test1_001.exr", "test1_002.exr"], 1, "test1_#.exr"),
        (["test1001.exr", "test1002.exr"], 1001, "test#.exr"),
        (["shot_v002.1001.exr", "shot_v002.1002.exr"], 1001, "shot_v002.#.exr"),
        (["shot.1001_v2.exr", "shot.1002_v2.exr"], 1001, "shot.#_v2.exr"),
        (["plate.1001.2k.exr", "plate.1002.2k.exr"], 1001, "plate.#.2k.exr"),
        (["s010_v3_1001_left.exr", "s010_v3_1002_left.exr"], 1001, "s010_v3_#_left.exr"),
        (["comp_v001.png", "comp_v002.png"], 1, "comp_v#.png"),
        (["mov0008.png", "mov0009.png"], 8, "mov#.png"),
        (["shot-0001.png", "shot-0002.png"], 1, "shot-#.png"),
        (["a.-0002.png", "a.-0001.png", "a.0000.png", "a.0001.png"], -2, "a.#.png"),
        (["9998.png", "9999.png", "10000.png"], 9998, "#.png"),
    ],
)
def test_where_the_frame_number_is(names, first, title, tmp_path):
    touch(tmp_path, *names)
    for found in (pictures_of_folder(tmp_path), pictures_around(tmp_path / names[-1])):
        assert (found.first, found.count, str(found.name)) == (first, len(names), title)
        assert [found.paths[first + place].name for place in range(len(names))] == names


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("a.####.exr", 99),
        ("a.%04d.exr", 99),
        ("a.$F4.exr", 99),
        ("a.$F.exr", 99),
        ("a.#.exr", 99),
        ("a.%d.exr", 99),
        ("a.00##.exr", 99),
    ],
)
def test_patterns(pattern, first, tmp_path):
    touch(tmp_path, "a.0099.exr", "a.0100.exr", "a.0099.png", "b.0099.exr")
    found = pictures_of_pattern(tmp_path / pattern)
    assert found is not None
    assert found.first == first
    assert found.paths[99] == tmp_path / "a.0099.exr"


def test_a_pattern_says_where_a_number_begins(tmp_path):
    touch(tmp_path, "test1001.exr", "test1002.exr")
    found = pictures_of_pattern(tmp_path / "test1###.exr")
    assert found is not None
    assert (found.first, found.count) == (1, 2)


def test_a_pattern_takes_negative_numbers(tmp_path):
    touch(tmp_path, "a.-001.exr", "a.000.exr")
    found = pictures_of_pattern(tmp_path / "a.###.exr")
    assert found is not None
    assert (found.first, found.count) == (-1, 2)


def test_what_a_missing_picture_would_be_called(tmp_path):
    touch(tmp_path, "a.-002.2k.png", "a.001.2k.png", "a.004.2k.png")
    found = pictures_of_folder(tmp_path)
    names = [found.file_name(number) for number in range(-2, 3)]
    assert names == ["a.-002.2k.png", "a.-001.2k.png", "a.000.2k.png", "a.001.2k.png", "a.002.2k.png"]


@pytest.mark.parametrize("name", ["shot.mov", "a.####.mov", "plate.exr"])
def test_no_pattern(name, tmp_path):
    assert pictures_of_pattern(tmp_path / name) is None


def test_a_pattern_without_pictures(tmp_path):
    with pytest.raises(InputError, match=r"a\.\$F4\.exr: no picture has a name like this"):
        pictures_of_pattern(tmp_path / "a.$F4.exr")
