"""The PointOdyssey layout."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.folders import FRAMES, make_sequence, write_point_odyssey
from tracker.files import InputError
from tracker.training.point_odyssey import PointOdysseySequence, find_sequences
from tracker.training.sequences import ClipChoice, draw_clip

ALL = np.arange(FRAMES)


def test_the_train_split_is_found_from_the_root_and_from_itself(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_point_odyssey(tmp_path, name, make_sequence())
    (tmp_path / "test" / "c" / "rgbs").mkdir(parents=True)
    found = find_sequences(tmp_path)
    assert [sequence.path.name for sequence in found] == ["a", "b"]
    assert find_sequences(tmp_path / "train") == found
    assert [path.name for path in found[0].pictures()[:2]] == ["rgb_00000.jpg", "rgb_00001.jpg"]


def test_only_points_visible_and_valid_are_seen(tmp_path: Path) -> None:
    made = make_sequence()
    valid = np.random.default_rng(1).random(made.visible.shape) < 0.7
    made.tracks[2, 3], made.tracks[4, 5, 0], made.tracks[6, 7] = -np.inf, np.nan, 1e38
    sequence = PointOdysseySequence(write_point_odyssey(tmp_path, "one", made, valid))
    labels = sequence.labels(ALL[1:9:2], FRAMES)
    valid[2, 3] = valid[4, 5] = False
    np.testing.assert_array_equal(labels.valid, valid[1:9:2])
    np.testing.assert_array_equal(labels.visible, (valid & made.visible)[1:9:2])
    np.testing.assert_array_equal(labels.tracks[labels.valid], made.tracks[1:9:2][labels.valid])
    whole = sequence.labels(ALL, FRAMES)
    assert np.isfinite(whole.tracks).all()


def test_a_clip(tmp_path: Path) -> None:
    made = make_sequence()
    made.tracks[2, 3] = np.nan
    sequence = PointOdysseySequence(write_point_odyssey(tmp_path, "one", made))
    clips = draw_clip(sequence, ClipChoice(frames=FRAMES, points=10, size=(48, 64)), 0)
    assert clips.tracks.isfinite().all()
    assert not (clips.visible & ~clips.valid).any()


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    folder = write_point_odyssey(tmp_path, "odd", make_sequence())
    sequence = PointOdysseySequence(folder)
    with pytest.raises(InputError, match=r"anno\.npz: the labels are of 12 frames, there are 11 pictures"):
        sequence.labels(ALL, 11)
    whole = (folder / "anno.npz").read_bytes()
    (folder / "anno.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"anno\.npz: this is not a whole \.npz"):
        sequence.labels(ALL, FRAMES)
    np.savez(folder / "anno.npz", trajs_2d=np.zeros((12, 3, 2)))
    with pytest.raises(InputError, match=r"anno\.npz: the labels lack"):
        sequence.labels(ALL, FRAMES)
    np.savez(folder / "anno.npz", trajs_2d=np.zeros((12, 3, 2)), visibs=np.zeros((12, 4)), valids=np.zeros((12, 3)))
    with pytest.raises(InputError, match=r"anno\.npz: positions and visibility do not fit"):
        sequence.labels(ALL, FRAMES)
    np.savez(folder / "anno.npz", trajs_2d=np.zeros((12, 3, 3)), visibs=np.zeros((12, 3)), valids=np.zeros((12, 3)))
    with pytest.raises(InputError, match=r"anno\.npz: expected positions \(frames, points, 2\)"):
        sequence.labels(ALL, FRAMES)
    np.savez(folder / "anno.npz", trajs_2d=np.array([{}]), visibs=np.zeros((12, 3)), valids=np.zeros((12, 3)))
    with pytest.raises(InputError, match=r"anno\.npz: this is not a whole \.npz file of plain arrays"):
        sequence.labels(ALL, FRAMES)
    (folder / "anno.npz").unlink()
    with pytest.raises(InputError, match=r"anno\.npz: the file is missing"):
        sequence.labels(ALL, FRAMES)
