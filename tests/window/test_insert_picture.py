"""Pictures for the insert, whatever their depth."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.insert_picture import LARGEST, read_insert
from tracker.files import InputError


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.full((4, 6), 77, np.uint8), (77, 77, 77, 255)),
        (np.full((4, 6, 3), (1, 2, 3), np.uint8), (1, 2, 3, 255)),
        (np.full((4, 6, 4), (1, 2, 3, 40), np.uint8), (1, 2, 3, 40)),
        (np.full((4, 6, 4), (0, 257, 65535, 32896), np.uint16), (0, 1, 255, 128)),
    ],
)
def test_depths_and_channels(tmp_path: Path, pixels: np.ndarray, expected: tuple[int, ...]) -> None:
    path = tmp_path / "é label.png"
    data = cv2.imencode(".png", pixels)[1]
    data.tofile(path)
    read = read_insert(path)
    assert read.shape == (4, 6, 4)
    assert read.dtype == np.uint8
    assert (read == expected).all()


def test_decimals_are_zero_to_one(tmp_path: Path) -> None:
    path = tmp_path / "light.tiff"
    cv2.imwrite(str(path), np.full((4, 6, 3), (0.0, 0.5, 7.0), np.float32))
    assert (read_insert(path) == (0, 128, 255, 255)).all()


def test_what_is_too_large_is_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    cv2.imwrite(str(path), np.zeros((8, 2 * LARGEST), np.uint8))
    assert read_insert(path).shape == (4, LARGEST, 4)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n truncated"])
def test_no_picture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.png: this is not a picture"):
        read_insert(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png"):
        read_insert(tmp_path / "gone.png")
