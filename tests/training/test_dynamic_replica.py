"""The Dynamic Replica layout."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.folders import FRAMES, make_sequence, write_dynamic_replica
from tracker.files import InputError
from tracker.training.dynamic_replica import find_sequences
from tracker.training.sequences import ClipChoice, draw_clip

ALL = np.arange(FRAMES)


def test_the_left_camera_in_order_of_frames(tmp_path: Path) -> None:
    made = make_sequence()
    made.tracks[2, 3, 1] = np.nan
    write_dynamic_replica(tmp_path, ["b", "a"], made)
    found = find_sequences(tmp_path)
    assert [sequence.path.name for sequence in found] == ["a", "b"]
    assert [sequence.path for sequence in find_sequences(tmp_path / "train")] == [s.path for s in found]
    assert [path.name for path in found[0].pictures()] == [f"{frame:04d}.png" for frame in range(FRAMES)]
    labels = found[0].labels(ALL[1:7:2], FRAMES)
    np.testing.assert_array_equal(labels.tracks, made.tracks[1:7:2])
    np.testing.assert_array_equal(labels.visible, made.visible[1:7:2])
    whole = found[0].labels(ALL, FRAMES)
    assert np.argwhere(~whole.valid).tolist() == [[2, 3]]
    assert np.isfinite(whole.tracks).all()


def test_a_clip(tmp_path: Path) -> None:
    write_dynamic_replica(tmp_path, ["a"], make_sequence())
    (sequence,) = find_sequences(tmp_path)
    clips = draw_clip(sequence, ClipChoice(frames=4, points=6, size=(32, 40), random_rate=True), 0)
    assert clips.video.shape == (1, 4, 3, 32, 40)
    assert clips.visible.any()


def test_a_trajectory_file_with_code_is_not_run(tmp_path: Path) -> None:
    write_dynamic_replica(tmp_path, ["a"], make_sequence())
    (sequence,) = find_sequences(tmp_path)
    path = tmp_path / "train" / "a" / "trajectories" / "000003.pth"

    class Code:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "was-run",)

    torch.save({"traj_2d": Code(), "verts_inds_vis": Code()}, path)
    with pytest.raises(InputError, match=r"000003\.pth: this is not a whole PyTorch file of plain tensors"):
        sequence.labels(ALL, FRAMES)
    assert not (tmp_path / "was-run").exists()


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    write_dynamic_replica(tmp_path, ["a"], make_sequence())
    (sequence,) = find_sequences(tmp_path)
    path = tmp_path / "train" / "a" / "trajectories" / "000003.pth"
    torch.save({"traj_2d": torch.zeros(20, 3), "verts_inds_vis": torch.zeros(19)}, path)
    with pytest.raises(InputError, match=r"000003\.pth: traj_2d and verts_inds_vis do not fit"):
        sequence.labels(ALL, FRAMES)
    torch.save({"traj_2d": torch.zeros(3, 3), "verts_inds_vis": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="a: the frames have different numbers of points"):
        sequence.labels(ALL, FRAMES)
    torch.save({"traj_2d": torch.zeros(3, 3)}, path)
    with pytest.raises(InputError, match=r"000003\.pth: the file lacks"):
        sequence.labels(ALL, FRAMES)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"000003\.pth: this is not a whole"):
        sequence.labels(ALL, FRAMES)
    path.unlink()
    with pytest.raises(InputError, match=r"000003\.pth: the file is missing"):
        sequence.labels(ALL, FRAMES)


def test_annotations_that_do_not_fit_are_named(tmp_path: Path) -> None:
    annotations = write_dynamic_replica(tmp_path, ["a"], make_sequence())
    with gzip.open(annotations, "rt", encoding="utf-8") as handle:
        entries = json.load(handle)
    for entry in entries:
        entry["trajectories"] = None
    with gzip.open(annotations, "wt", encoding="utf-8") as handle:
        json.dump(entries, handle)
    (sequence,) = find_sequences(tmp_path)
    with pytest.raises(InputError, match="a: the annotations name no trajectories for a frame"):
        sequence.labels(ALL, FRAMES)
    for damaged, reason in (
        (gzip.compress(b'[{"camera_name": "left"}]'), "an entry lacks one of its names"),
        (gzip.compress(b"[3]"), "an entry lacks one of its names"),
        (gzip.compress(b"[")[:-2], "this is no whole gzipped JSON file"),
        (b"no gzip", "this is no whole gzipped JSON file"),
    ):
        annotations.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"frame_annotations_train\.jgz: {reason}"):
            find_sequences(tmp_path)
    annotations.unlink()
    with pytest.raises(InputError, match="train: the folder holds no frame_annotations"):
        find_sequences(tmp_path)
