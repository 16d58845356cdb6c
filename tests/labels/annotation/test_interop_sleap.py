"""SLEAP files as sleap-io reads them."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.labels.annotation.pose_made import two_flies
from tests.labels.made import facts
from tracker.labels import ExportOptions, State
from tracker.labels.annotation.sleap import read_sleap, write_sleap
from tracker.labels.annotation.sleap_analysis import read_sleap_analysis, write_sleap_analysis
from tracker.labels.table import Source


@pytest.fixture
def sleap_io() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("sleap_io", reason="sleap-io is not installed")


def test_labels(sleap_io: Any, tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.state[2, 3] = State.OCCLUDED  # the tail of A, thought to be where it says
    tracks.state[[1, 3], 4] = State.UNLABELLED
    tracks.source[1, 2] = Source.ANCHOR
    write_sleap(tracks, tmp_path / "t.slp", ExportOptions(name="fly.mp4"))
    labels = sleap_io.load_slp(str(tmp_path / "t.slp"), open_videos=False)
    assert [track.name for track in labels.tracks] == ["A", "B"]
    assert labels.skeleton.node_names == ["nose", "tail"]
    assert tuple(labels.video.shape) == (5, 12, 20, 3)
    assert [frame.frame_idx for frame in labels] == [0, 1, 2, 3, 4]
    assert [len(frame.user_instances) for frame in labels] == [0, 0, 1, 0, 0]
    for frame in labels:
        for instance in frame.instances:
            rows = [0, 2] if instance.track.name == "A" else [1, 3]
            own = instance.numpy(invisible_as_nan=False)
            np.testing.assert_array_equal(own, tracks.xy[rows, frame.frame_idx])
            visible = tracks.state[rows, frame.frame_idx] == State.VISIBLE
            np.testing.assert_array_equal(instance.points["visible"], visible)
    scores = labels[0].predicted_instances[0].points["score"]
    np.testing.assert_array_equal(scores, [0.5, 0.5])


def test_labels_that_sleap_io_writes(sleap_io: Any, tmp_path: Path) -> None:
    skeleton = sleap_io.Skeleton(nodes=["nose", "tail"], edges=[("nose", "tail")])
    video, track = sleap_io.Video(filename="fly.mp4", open_backend=False), sleap_io.Track("A")
    xy = np.array([[1.5, 2.25], [3, 4]])
    user = sleap_io.Instance.from_numpy(xy, skeleton=skeleton, track=track)
    user.points["visible"][1] = False
    model = sleap_io.PredictedInstance.from_numpy(
        xy + 5, skeleton=skeleton, track=track, point_scores=np.array([0.5, 0.25]), score=0.75
    )
    frames = [sleap_io.LabeledFrame(video, 0, [user]), sleap_io.LabeledFrame(video, 3, [model])]
    sleap_io.Labels(frames).save(str(tmp_path / "s.slp"))
    back = read_sleap(tmp_path / "s.slp", facts(two_flies()))
    assert (back.names, back.groups) == (["nose", "tail"], ["A", "A"])
    assert back.xy[:, [0, 3]].tolist() == [[[1.5, 2.25], [6.5, 7.25]], [[3, 4], [8, 9]]]
    assert back.state[:, [0, 3]].tolist() == [[State.VISIBLE] * 2, [State.OCCLUDED, State.VISIBLE]]
    assert back.confidence[:, 3].tolist() == [0.5, 0.25]


def test_old_files_count_half_a_pixel_more(sleap_io: Any, tmp_path: Path) -> None:
    """Before format 1.2 instances have no tracking score, before 1.1 pixels count from the corner."""
    tracks = two_flies()
    for version, corner in ((1.0, 0.5), (1.1, 0.0)):
        path = tmp_path / f"{version}.slp"
        write_sleap(tracks, path, ExportOptions())
        with h5py.File(path, "r+") as file:
            rows = file["instances"][()]
            file["metadata"].attrs["format_id"] = version
            del file["instances"]
            file["instances"] = rows[list(rows.dtype.names[:-1])].astype(rows.dtype.descr[:-1])
        labels = sleap_io.load_slp(str(path), open_videos=False)
        np.testing.assert_array_equal(labels[0].instances[0].numpy(), tracks.xy[[0, 2], 0] - corner)
        np.testing.assert_array_equal(read_sleap(path, facts(tracks)).xy, tracks.xy - np.float32(corner))


def test_analysis(sleap_io: Any, tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.state[2, 3] = State.UNLABELLED
    write_sleap_analysis(tracks, tmp_path / "t.h5", ExportOptions(name="fly.mp4"))
    labels = sleap_io.load_analysis_h5(str(tmp_path / "t.h5"))
    wanted = np.where((tracks.state == State.VISIBLE)[..., None], tracks.xy, np.nan)
    by_body = np.stack([wanted[[0, 2]], wanted[[1, 3]]]).transpose(2, 0, 1, 3)  # frames, bodies, nodes, xy
    np.testing.assert_array_equal(labels.numpy(), by_body)
    assert [track.name for track in labels.tracks] == ["A", "B"]
    sleap_io.save_analysis_h5(labels, str(tmp_path / "again.h5"))
    back = read_sleap_analysis(tmp_path / "again.h5", facts(tracks))
    for row, (group, name) in enumerate(zip(back.groups, back.names, strict=True)):
        np.testing.assert_array_equal(back.xy[row], wanted["AB".index(group) + 2 * ["nose", "tail"].index(name)])
