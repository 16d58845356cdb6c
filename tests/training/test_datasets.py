"""Folders as an endless source of clips."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.folders import make_sequence, write_dynamic_replica, write_kubric, write_point_odyssey
from tracker.files import InputError
from tracker.training.augment import Augmentation
from tracker.training.datasets import DatasetKind, FolderClips, open_training_data
from tracker.training.samples import Clips

SMALL: dict[str, Any] = {"frames": 4, "points": 6, "size": (32, 40)}


@pytest.fixture(scope="module")
def kubric(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sequences, each of a grey level of its own in its first pixel."""
    root = tmp_path_factory.mktemp("kubric")
    for number in range(3):
        made = make_sequence(number)
        made.video[:, :, :2] = 10 * (number + 1)
        write_kubric(root, f"{number:04d}", made)
    return root


def same(mine: Clips, theirs: Clips) -> bool:
    return all(torch.equal(*pair) for pair in zip(mine[:4], theirs[:4], strict=True))


@pytest.mark.parametrize("kind", ["kubric", "point-odyssey", "dynamic-replica"])
def test_each_layout_gives_batches(kind: DatasetKind, tmp_path: Path) -> None:
    write: dict[DatasetKind, Callable[[], Path]] = {
        "kubric": lambda: write_kubric(tmp_path, "a", make_sequence()),
        "point-odyssey": lambda: write_point_odyssey(tmp_path, "a", make_sequence()),
        "dynamic-replica": lambda: write_dynamic_replica(tmp_path, ["a"], make_sequence()),
    }
    write[kind]()
    with open_training_data(
        kind, tmp_path, augmentation=Augmentation(eraser_side=(2, 9), padding=4), **SMALL
    ) as source:
        clips = source.sample(3)
    assert [tuple(tensor.shape) for tensor in clips[:4]] == [(3, 4, 3, 32, 40), (3, 4, 6, 2), (3, 4, 6), (3, 4, 6)]
    assert clips.tracks.isfinite().all()
    assert clips.visible.flatten(1).any(1).all()


def test_the_same_seed_gives_the_same_clips_however_they_are_read(kubric: Path) -> None:
    def drawn(seed: int, workers: int, batches: list[int]) -> Clips:
        with open_training_data("kubric", kubric, seed=seed, workers=workers, **SMALL) as source:
            return Clips.stack([source.sample(batch) for batch in batches])

    one = drawn(5, 1, [1, 1, 1, 1, 1, 1])
    assert same(one, drawn(5, 3, [4, 2]))
    assert not same(one, drawn(6, 1, [6]))


def test_a_state_goes_on_exactly(kubric: Path) -> None:
    with open_training_data("kubric", kubric, seed=1, **SMALL) as source:
        source.sample(3)
        state = source.state()
        expected = Clips.stack([source.sample(2), source.sample(2)])
        source.restore(state)
        assert same(source.sample(4), expected)
    with open_training_data("kubric", kubric, seed=7, **SMALL) as other:
        other.sample(1)
        other.restore(state)
        assert same(other.sample(4), expected)
        assert other.state() == {"seed": 1, "next": 7}


def test_every_sequence_comes_once_a_round(kubric: Path) -> None:
    whole: dict[str, Any] = {"frames": 4, "points": 6, "size": (48, 64)}
    with open_training_data("kubric", kubric, **whole) as source:
        rounds = [source.sample(3).video[:, 0, 0, 0, 0].int().tolist() for _ in range(8)]
    assert all(sorted(one) == [10, 20, 30] for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_bad_sequences_are_passed_over_counted_and_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("good", "cut", "empty", "few"):
        made = make_sequence()
        if name == "few":
            made.visible[:, 2:] = False
        write_kubric(tmp_path, name, made)
    (tmp_path / "cut" / "cut.npy").write_bytes(b"\x93NUMPY")
    for picture in (tmp_path / "empty" / "frames").iterdir():
        picture.unlink()
    with caplog.at_level(logging.WARNING), open_training_data("kubric", tmp_path, **SMALL) as source:
        clips = source.sample(12)
    assert clips.batch_size == 12
    assert {path.name for path in source.skipped} == {"cut", "empty", "few"}
    assert min(source.skipped.values()) >= 3
    messages = sorted(record.getMessage() for record in caplog.records)
    assert len(messages) == 3
    assert "cut.npy: this is not an .npy file" in messages[0]
    assert "frames: the folder holds no pictures" in messages[1]
    assert "few: " in messages[2]
    assert "points are seen in the clip, 6 are needed" in messages[2]


def test_no_good_sequence_is_an_error_that_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a", "b"):
        folder = write_kubric(tmp_path, name, make_sequence())
        np.save(folder / f"{name}.npy", np.zeros(3))
    with (
        open_training_data("kubric", tmp_path, **SMALL) as source,
        pytest.raises(InputError, match=r"no sequence gives a clip; .*\.npy: expected one pickled object"),
    ):
        source.sample(1)
    assert len(caplog.records) == 2


@pytest.mark.parametrize("kind", ["kubric", "point-odyssey", "dynamic-replica"])
def test_a_folder_without_sequences_is_an_error(kind: DatasetKind, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path.name}: the folder holds no "):
        open_training_data(kind, tmp_path)
    with pytest.raises(InputError, match="nowhere: "):
        open_training_data(kind, tmp_path / "nowhere")


def test_reading_runs_ahead_of_training(kubric: Path) -> None:
    with open_training_data("kubric", kubric, workers=2, **SMALL) as source:
        assert isinstance(source, FolderClips)
        source.sample(3)
        waiting = list(source._ahead)
        assert len(waiting) == 3  # as many as the batch before, without being asked
        expected = Clips.stack([future.result(timeout=30) for future in waiting])
        assert same(source.sample(3), expected)
