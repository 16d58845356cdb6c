"""Folders of pictures as textures."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tracker.files import InputError
from tracker.training.image_bank import PICTURE_SIZE, ImageBank
from tracker.training.synthetic import SyntheticClips, SyntheticConfig

CPU = torch.device("cpu")


def write_picture(path: Path, channels: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, channels), np.uint8)
    if channels == 4:
        picture[..., 3] = 0
        cv2.circle(picture, (30, 20), 12, (20, 200, 120, 255), -1)
    assert cv2.imwrite(str(path), picture)
    return path


def test_pictures_and_sprites_are_told_apart(tmp_path: Path) -> None:
    write_picture(tmp_path / "deep" / "photo.jpg")
    write_picture(tmp_path / "opaque.png")
    write_picture(tmp_path / "sprite.png", 4)
    bank = ImageBank([str(tmp_path)], CPU)
    assert bank.pictures.shape == (2, 3, PICTURE_SIZE, PICTURE_SIZE)
    assert len(bank.sprites) == 1
    assert bank.pictures.dtype == bank.sprites.dtype == torch.uint8
    colour, alpha = bank.cut_outs(torch.zeros(2, dtype=torch.long), 32, torch.Generator())
    assert colour.shape == (2, 3, 32, 32)
    assert alpha[:, 16, 16].min() > 0.9
    assert alpha[:, 0].max() == 0


def test_colours_are_red_green_blue(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "red.png"), np.full((32, 32, 3), (0, 0, 250), np.uint8))
    assert ImageBank([str(tmp_path)], CPU).pictures[0, :, 5, 5].tolist() == [250, 0, 0]


def test_a_broken_picture_is_left_out_counted_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_picture(tmp_path / "good.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        bank = ImageBank([str(tmp_path)], CPU)
    assert [path.name for path in bank.skipped] == ["broken.jpg", "empty.png"]
    assert "2 pictures" in caplog.text
    assert "broken.jpg" in caplog.text


@pytest.mark.parametrize("kind", ["missing", "empty", "only broken"])
def test_a_folder_without_pictures_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "pictures"
    if kind != "missing":
        folder.mkdir()
        (folder / "notes.txt").write_text("none")
    if kind == "only broken":
        (folder / "broken.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"pictures: .*folder"):
        SyntheticClips(SyntheticConfig(textures=(str(folder),)))


def test_clips_use_the_pictures(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "blue.png"), np.full((32, 32, 3), (255, 0, 0), np.uint8))
    write_picture(tmp_path / "sprite.png", 4)
    config = SyntheticConfig(size=(32, 32), frames=3, points=4, textures=(str(tmp_path),), procedural=0)
    clips = SyntheticClips(config).sample(2)
    assert clips.video.isfinite().all()
