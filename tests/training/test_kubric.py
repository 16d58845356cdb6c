"""The Kubric layout."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.reference import ROOT
from tests.training.folders import FRAMES, POINTS, make_sequence, write_kubric
from tracker.files import InputError
from tracker.training.kubric import KubricSequence, find_sequences
from tracker.training.sequences import ClipChoice, draw_clip

SAMPLES = ROOT / "tapvid" / "samples" / "kubric_movif"
ALL = np.arange(FRAMES)


def test_labels_come_time_first_and_the_right_way_round(tmp_path: Path) -> None:
    made = make_sequence()
    write_kubric(tmp_path, "b", made)
    write_kubric(tmp_path, "a", made)
    (tmp_path / ".half-written" / "frames").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    first, second = find_sequences(tmp_path)
    assert (first.path.name, second.path.name) == ("a", "b")
    assert [path.name for path in first.pictures()[:2]] == ["000.png", "001.png"]
    labels = first.labels(ALL[2:8:3], FRAMES)
    np.testing.assert_array_equal(labels.tracks, made.tracks[2:8:3])
    np.testing.assert_array_equal(labels.visible, made.visible[2:8:3])
    assert labels.valid.all()


def test_positions_that_are_no_numbers_and_masked_cells_are_invalid_and_finite(tmp_path: Path) -> None:
    made = make_sequence()
    made.tracks[3, 4], made.tracks[5, 6, 1] = np.nan, np.inf
    folder = write_kubric(tmp_path, "holes", made)
    mask = np.ones((POINTS, FRAMES), np.bool_)
    mask[7, 8] = False
    np.save(folder / "holes_valid.npy", mask)
    labels = KubricSequence(folder).labels(ALL, FRAMES)
    assert {tuple(cell) for cell in np.argwhere(~labels.valid).tolist()} == {(3, 4), (5, 6), (8, 7)}
    assert np.isfinite(labels.tracks).all()
    np.testing.assert_array_equal(labels.visible, made.visible & labels.valid)


def test_a_pickle_with_code_is_not_run(tmp_path: Path) -> None:
    folder = write_kubric(tmp_path, "evil", make_sequence())

    class Code:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "was-run",)

    holder = np.empty((), dtype=object)
    holder[()] = {"coords": Code(), "visibility": Code()}
    np.save(folder / "evil.npy", holder, allow_pickle=True)
    pickle.loads(pickle.dumps(holder))
    (tmp_path / "was-run").unlink()  # so it would have
    with pytest.raises(InputError, match=r"evil\.npy: the pickle holds"):
        KubricSequence(folder).labels(ALL, FRAMES)
    assert not (tmp_path / "was-run").exists()


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    folder = write_kubric(tmp_path, "odd", make_sequence())
    sequence = KubricSequence(folder)
    with pytest.raises(InputError, match=r"odd\.npy: the labels are of 12 frames, there are 13 pictures"):
        sequence.labels(ALL, 13)
    np.save(folder / "odd_valid.npy", np.ones((2, 2), np.bool_))
    with pytest.raises(InputError, match=r"odd_valid\.npy: expected bool \(20, 12\)"):
        sequence.labels(ALL, FRAMES)
    (folder / "odd.npy").write_bytes((folder / "odd.npy").read_bytes()[:200])
    with pytest.raises(InputError, match=r"odd\.npy: "):
        sequence.labels(ALL, FRAMES)
    (folder / "odd.npy").unlink()
    with pytest.raises(InputError, match=r"odd\.npy: No such file"):
        sequence.labels(ALL, FRAMES)
    with pytest.raises(InputError, match="nowhere: No such file"):
        find_sequences(tmp_path / "nowhere")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no reference samples in {SAMPLES}")
def test_the_reference_sample_gives_clips() -> None:
    (sequence,) = find_sequences(SAMPLES)
    assert len(sequence.pictures()) == 12
    labels = sequence.labels(ALL, 12)
    assert labels.tracks.shape == (12, 6, 2)
    content = np.load(sequence.path / "0000.npy", allow_pickle=True).item()
    np.testing.assert_array_equal(labels.visible, ~content["visibility"].T)
    clips = draw_clip(sequence, ClipChoice(frames=8, points=4, size=(48, 64)), 0)
    assert clips.video.shape == (1, 8, 3, 48, 64)
    assert clips.visible.any()
