"""Reading ground truth: what is right comes out in our pixels, what is wrong is refused or named."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.made import drifting_tracks, dynamic_replica, jpeg_record, npz_folder, tapvid_record, write_pickle
from tests.evaluation.test_tapvid_metrics import CASES, needs_cases
from tracker.evaluation import EvaluationDataset, LabelledVideo, open_dataset
from tracker.evaluation.pictures import resize_lanczos
from tracker.files import InputError


def only(dataset: EvaluationDataset) -> LabelledVideo:
    (video,) = dataset.videos()
    return video


def pictures(video: LabelledVideo) -> np.ndarray:
    with video.open() as source:
        return np.stack(list(source.frames(0, video.visible.shape[1])))


# -- TAP-Vid pickles


@pytest.mark.parametrize("protocol", [2, 4])
def test_points_come_in_pixel_centres_of_a_frame_of_256(tmp_path, protocol):
    record = tapvid_record(size=64)
    path = write_pickle(tmp_path / "davis.pkl", {"drift": record}, protocol)
    video = only(open_dataset(f"tapvid:{path}"))
    assert video.name == "drift"
    # Half a pixel of the 256: raster coordinates count from the corner of the frame.
    np.testing.assert_allclose(video.tracks[0, 0], (127.5, 127.5), atol=1e-4)
    np.testing.assert_array_equal(video.visible, ~record["occluded"])
    assert video.labelled.all()
    assert pictures(video).shape == (8, 256, 256, 3)


def test_jpeg_pictures_are_decoded_as_rgb(tmp_path):
    path = write_pickle(tmp_path / "0000_of_0010.pkl", [jpeg_record(), jpeg_record()])
    first, second = open_dataset(f"tapvid:{path}").videos()
    assert (first.name, second.name) == ("0000_of_0010:0", "0000_of_0010:1")
    difference = pictures(first).astype(int) - tapvid_record()["video"]
    assert np.abs(difference.mean(axis=(0, 1, 2))).max() < 2  # of each colour
    assert np.abs(difference).mean() < 12


@needs_cases
@pytest.mark.parametrize(
    ("name", "videos"),
    [("tapvid_davis.pkl", 2), ("tapvid_rgb_stacking.pkl", 2), ("robotap_split0.pkl", 2), ("tapvid_kinetics", 4)],
)
def test_the_published_layouts_are_read(name, videos):
    found = list(open_dataset(f"tapvid:{CASES / 'samples' / name}").videos())
    assert len(found) == videos
    for video in found:
        assert pictures(video).shape == (video.visible.shape[1], 256, 256, 3)
        assert np.isfinite(video.tracks).all()
        assert video.visible.any()


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("key", ["video", "points", "occluded"])
def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path, key):
    marker = tmp_path / "ran"
    path = write_pickle(tmp_path / "evil.pkl", {"a": {**tapvid_record(), key: Evil(marker)}})
    with pytest.raises(InputError, match=r"evil\.pkl: the pickle holds .*system, only plain arrays"):
        list(open_dataset(f"tapvid:{path}").videos())
    assert not marker.exists()


def test_among_shards_a_bad_one_is_left_out_and_named(tmp_path):
    marker = tmp_path / "ran"
    write_pickle(tmp_path / "a.pkl", [Evil(marker)])
    (tmp_path / "b.pkl").write_bytes(b"no pickle")
    write_pickle(tmp_path / "c.pkl", [tapvid_record()])
    dataset = open_dataset(f"tapvid:{tmp_path}")
    for _ in range(2):
        assert [video.name for video in dataset.videos()] == ["c:0"]
    assert not marker.exists()
    assert [reason.split(":")[0] for reason in dataset.skipped] == [str(tmp_path / "a.pkl"), str(tmp_path / "b.pkl")]


def test_a_damaged_record_is_left_out_and_named(tmp_path):
    good = tapvid_record()
    records = {
        "short": {**good, "video": good["video"][:5]},
        "flat": {**good, "points": good["points"][..., 0]},
        "bare": {"video": good["video"]},
        "grey": {**good, "video": good["video"][..., 0]},
        "good": good,
    }
    dataset = open_dataset(f"tapvid:{write_pickle(tmp_path / 'mixed.pkl', records)}")
    assert [video.name for video in dataset.videos()] == ["good"]
    assert len(dataset.skipped) == 4
    for name, reason in zip(records, dataset.skipped, strict=False):
        assert f"the record {name} " in reason


def test_a_picture_that_is_no_jpeg_is_named(tmp_path):
    record = jpeg_record()
    record["video"][3] = b"nothing"
    video = only(open_dataset(f"tapvid:{write_pickle(tmp_path / 'k.pkl', [record])}"))
    with pytest.raises(InputError, match="its picture 3 is no JPEG"):
        pictures(video)


# -- the benchmark's resampling


def test_resampling_keeps_brightness_and_lets_nothing_alias():
    even = np.full((48, 64, 3), 77, np.uint8)
    assert (resize_lanczos(even, 256, 256) == 77).all()
    board = np.repeat((np.indices((512, 512)).sum(axis=0) % 2 * 255)[..., None], 3, axis=2).astype(np.uint8)
    assert np.abs(resize_lanczos(board, 256, 256)[8:-8, 8:-8].astype(int) - 127.5).max() < 8


def test_resampling_keeps_places():
    ramp = np.repeat(np.linspace(0, 255, 480)[:, None], 640, axis=1)
    small = resize_lanczos(np.repeat(ramp[..., None], 3, axis=2).round().astype(np.uint8), 256, 256)
    centres = (np.arange(256) + 0.5) * 480 / 256 - 0.5
    np.testing.assert_allclose(small[8:-8, 100, 0], (centres / 479 * 255)[8:-8], atol=1)


# -- folders of npz files


@pytest.mark.parametrize("inside", ["", "tracks"])
def test_a_folder_and_its_parent_are_the_same(tmp_path, inside):
    video = only(open_dataset(f"npz:{npz_folder(tmp_path) / inside}"))
    assert (video.name, video.size_wh) == ("drift", (160, 120))
    np.testing.assert_array_equal(video.tracks, drifting_tracks())
    assert pictures(video).shape == (20, 120, 160, 3)


def test_frames_that_are_not_to_be_evaluated_are_not_labelled(tmp_path):
    visible, evaluate = np.ones((3, 20), bool), np.ones((3, 20), bool)
    visible[:, 5:] = evaluate[:, 10:] = False
    video = only(open_dataset(f"npz:{npz_folder(tmp_path, visible=visible, evaluate=evaluate)}"))
    np.testing.assert_array_equal(video.labelled, evaluate)
    np.testing.assert_array_equal(video.visible, visible)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"video": "videos/gone.mp4"}, "its video .*gone.mp4 is missing"),
        ({"tracks": np.zeros((3, 25, 2), np.float32)}, "do not fit together"),
        ({"visible": np.ones((3, 20), np.float32)}, "expected floats and two arrays of flags"),
        ({"tracks": np.full((3, 20, 2), np.nan, np.float32)}, "a visible point has no position"),
        ({"tracks": np.array([{}], object)}, "not a whole .npz file of plain arrays"),
        (
            {key: np.ones((3, 30, *([2] * (key == "tracks"))), "f4" if key == "tracks" else bool)
             for key in ("tracks", "visible", "evaluate")},
            "tracks over 30 frames, but drift.mp4 has only 20",
        ),
    ],
)  # fmt: skip
def test_a_bad_file_is_left_out_and_named(tmp_path, arrays, reason):
    dataset = open_dataset(f"npz:{npz_folder(tmp_path, **arrays)}")
    assert list(dataset.videos()) == []
    (skipped,) = dataset.skipped
    assert skipped.startswith(str(tmp_path / "tracks" / "drift.npz"))
    assert re.search(reason, skipped), skipped


# -- Dynamic Replica


@pytest.mark.parametrize("inside", ["", "valid"])
def test_a_sequence_of_dynamic_replica_is_the_left_camera_in_order(tmp_path, inside):
    video = only(open_dataset(f"dynamic-replica:{dynamic_replica(tmp_path) / inside}"))
    assert (video.name, video.size_wh, video.dense) == ("seq", (160, 120), True)
    # The third track is visible on five frames only.
    np.testing.assert_allclose(video.tracks, drifting_tracks(14)[:2], atol=1e-5)
    np.testing.assert_array_equal(video.visible[1], np.arange(14) % 4 != 3)
    assert pictures(video).shape == (14, 120, 160, 3)


def test_a_damaged_trajectory_file_is_named(tmp_path):
    root = dynamic_replica(tmp_path)
    (root / "valid" / "seq" / "trajectories" / "0003.pth").write_bytes(b"nothing")
    dataset = open_dataset(f"dynamic-replica:{root}")
    assert list(dataset.videos()) == []
    assert "0003.pth" in dataset.skipped[0]


def test_trajectories_that_would_run_something_are_refused_and_run_nothing(tmp_path):
    import torch

    root, marker = dynamic_replica(tmp_path), tmp_path / "ran"
    torch.save({"traj_2d": Evil(marker)}, root / "valid" / "seq" / "trajectories" / "0003.pth")
    dataset = open_dataset(f"dynamic-replica:{root}")
    assert list(dataset.videos()) == []
    assert "plain tensors" in dataset.skipped[0]
    assert not marker.exists()


# -- what is no data set


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "say of what kind"),
        ("npz:", "say of what kind"),
        ("folder", "say of what kind"),
        ("davis:x", "say of what kind"),
        ("npz:{}/gone", "there is no such folder"),
        ("npz:{}", "no .npz file"),
        ("tapvid:{}/gone.pkl", "there is no such file or folder"),
        ("tapvid:{}", "no .pkl file"),
        ("dynamic-replica:{}", "no frame_annotations"),
    ],
)
def test_what_is_no_data_set_is_refused(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        open_dataset(text.format(tmp_path))


def test_a_text_file_is_no_pickle(tmp_path):
    (tmp_path / "a.pkl").write_text("hello")
    with pytest.raises(InputError, match=r"a\.pkl: this is not a whole pickle"):
        list(open_dataset(f"tapvid:{tmp_path / 'a.pkl'}").videos())
