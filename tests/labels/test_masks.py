"""Masks as PNG files: written and read back, and everything that can be wrong with them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.files import InputError
from tracker.labels.masks import file_name, numbered_masks, read_mask, write_masks

SIZE = (23, 17)  # width, height


def random_mask(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(SIZE[::-1]) < 0.4


names = st.text(st.characters(codec="utf-8"), max_size=30)
frames = st.dictionaries(st.integers(0, 5000), st.integers(0, 2**31).map(random_mask), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(name=names, painted=frames)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, name: str, painted: dict) -> None:
    folder = tmp_path_factory.mktemp("masks")
    paths = write_masks(folder, name, painted.items())
    assert sorted(folder.iterdir()) == sorted(paths)
    found = numbered_masks(folder, 5001)
    assert list(found) == [file_name(name)]
    back = {frame: read_mask(path, SIZE) for frame, path in found[file_name(name)].items()}
    assert back.keys() == painted.keys()
    for frame, bitmap in painted.items():
        np.testing.assert_array_equal(back[frame], bitmap)


def test_the_pictures_have_8_bits_and_255_inside(tmp_path: Path) -> None:
    counts: list[int] = []
    mask = random_mask(1)
    paths = write_masks(tmp_path, "Camel: left/right", [(7, mask), (31, ~mask)], counts.append)
    assert [path.name for path in paths] == ["Camel_ left_right_000007.png", "Camel_ left_right_000031.png"]
    picture = cv2.imread(str(paths[0]), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, mask * 255)
    assert counts == [1, 2]


@pytest.mark.parametrize("kind", ["grey", "colour", "alpha", "16 bits"])
def test_pictures_of_other_programs_are_read(tmp_path: Path, kind: str) -> None:
    mask, path = random_mask(2), tmp_path / "m.png"
    values = mask.astype(np.uint8) * 200
    if kind == "colour":
        values = np.dstack([values * 0, values, values * 0])
    elif kind == "alpha":
        values = np.dstack([np.full_like(values, 90)] * 3 + [values])
    assert cv2.imwrite(str(path), values.astype(np.uint16) * 257 if kind == "16 bits" else values)
    np.testing.assert_array_equal(read_mask(path, SIZE), mask)


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    (path,) = write_masks(tmp_path, "m", [(0, random_mask(3))])
    with pytest.raises(InputError, match=r"m_000000.png: the mask has 23 × 17 pixels, but the video has 320 × 240"):
        read_mask(path, (320, 240))


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken"])
def test_a_broken_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad.png: this is not a picture"):
        read_mask(path, SIZE)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.png: No such file"):
        read_mask(tmp_path / "gone.png", SIZE)
    with pytest.raises(InputError, match=r"gone: No such file"):
        numbered_masks(tmp_path / "gone", 10)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ((), "there are no PNG files here"),
        (("mask.png",), "the name does not end with the number of a frame"),
        (("m_0010.png",), "the video has frames 0 to 9, but this is called frame 10"),
        (("m_1.png", "m_01.png"), "frame 1 has another mask as well, m_01.png"),
    ],
)
def test_folders_that_make_no_sense_are_refused(tmp_path: Path, files: tuple[str, ...], reason: str) -> None:
    for name in files:
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=reason):
        numbered_masks(tmp_path, 10)


def test_each_name_in_a_folder_is_a_mask(tmp_path: Path) -> None:
    for name in ("Mask 1_000004.png", "Mask 1_000002.png", "sky-3.png", "0007.png", ".hidden_3.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    found = numbered_masks(tmp_path, 10)
    assert {name: sorted(paths) for name, paths in found.items()} == {"Mask 1": [2, 4], "sky": [3], "": [7]}


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("here already")
    with pytest.raises(InputError, match="does not exist"):
        write_masks(place, "m", [(0, random_mask(4))])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_was_there_is_replaced_whole(tmp_path: Path) -> None:
    old, new = random_mask(5), random_mask(6)
    write_masks(tmp_path, "m", [(0, old)])
    write_masks(tmp_path, "m", [(0, new)])
    (path,) = tmp_path.iterdir()
    np.testing.assert_array_equal(read_mask(path, SIZE), new)
