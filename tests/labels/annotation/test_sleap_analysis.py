"""SLEAP's analysis files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given

from tests.labels.annotation.pose_made import assert_keys_come_back, few, grouped_files, two_flies
from tests.labels.made import facts
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks
from tracker.labels.annotation.sleap_analysis import read_sleap_analysis, write_sleap_analysis


@few
@given(tracks=grouped_files)
def test_points_come_back(tracks: TrackFile, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    export_tracks(tracks, path, "sleap-analysis", ExportOptions())
    for mine, theirs in assert_keys_come_back(tracks, read_sleap_analysis(path, facts(tracks))):
        np.testing.assert_array_equal(mine.confidence, theirs.confidence)


def test_arrays_have_the_axes_that_sleap_gives_them(tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.state[2, 3] = State.OCCLUDED  # the tail of A
    tracks.state[[0, 2], 4] = State.UNLABELLED  # all of A
    write_sleap_analysis(tracks, tmp_path / "t.h5", ExportOptions(name="fly.mp4"))
    with h5py.File(tmp_path / "t.h5") as file:
        assert file["tracks"].shape == (2, 2, 2, 5)
        assert file["point_scores"].shape == (2, 2, 5)
        assert file["instance_scores"].shape == file["tracking_scores"].shape == (2, 5)
        assert file["track_occupancy"][()].tolist() == [[1, 1]] * 4 + [[0, 1]]
        assert file["node_names"][()].tolist() == [b"nose", b"tail"]
        assert file["track_names"][()].tolist() == [b"A", b"B"]
        assert file["video_path"][()] == b"fly.mp4"
        np.testing.assert_array_equal(file["tracks"][1, :, 1, 2], tracks.xy[3, 2])
        assert np.isnan(file["tracks"][0, :, 1, 3]).all()


def changed(path: Path, change: Callable[[h5py.File], None]) -> Path:
    write_sleap_analysis(two_flies(), path, ExportOptions())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def replace_array(file: h5py.File, name: str, values: Any) -> None:
    del file[name]
    file[name] = values


def test_other_axes_are_turned_where_the_file_names_them(tmp_path: Path) -> None:
    def turn(file: h5py.File) -> None:
        replace_array(file, "tracks", file["tracks"][()].transpose(3, 0, 2, 1))
        file["tracks"].attrs["dims"] = json.dumps(["frame", "track", "node", "xy"])

    back = read_sleap_analysis(changed(tmp_path / "t.h5", turn), facts(two_flies()))
    np.testing.assert_array_equal(back.xy, two_flies().xy)


def test_a_file_without_names_and_scores_is_one_animal(tmp_path: Path) -> None:
    def strip(file: h5py.File) -> None:
        replace_array(file, "track_names", np.zeros(0, "S1"))
        replace_array(file, "tracks", file["tracks"][:1])
        del file["point_scores"], file["provenance"]

    back = read_sleap_analysis(changed(tmp_path / "t.h5", strip), facts(two_flies()))
    assert (back.names, back.groups) == (["nose", "tail"], ["", ""])
    assert np.isnan(back.confidence).all()


def longer(file: h5py.File) -> None:
    replace_array(file, "tracks", np.zeros((2, 2, 2, 6)))
    del file["point_scores"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f.pop("tracks"), "no array 'tracks'"),
        (lambda f: f.pop("node_names"), "no array 'node_names'"),
        (lambda f: replace_array(f, "tracks", np.zeros((2, 3, 2, 5))), r"shape \(2, 3, 2, 5\), expected"),
        (lambda f: replace_array(f, "node_names", np.array([b"a"])), "2 bodies with 2 points, the names of 2 with 1"),
        (lambda f: replace_array(f, "point_scores", np.zeros((2, 2, 4))), "cannot be read as a SLEAP analysis file"),
        (longer, "frame 5 is outside the video's 0 to 4"),
        (lambda f: replace_array(f, "tracks", np.full((2, 2, 2, 5), b"x")), "cannot be read as a SLEAP analysis file"),
    ],
)
def test_a_bad_file_is_named(change: Callable[[h5py.File], None], reason: str, tmp_path: Path) -> None:
    path = changed(tmp_path / "bad.h5", change)
    with pytest.raises(InputError, match=f"bad.h5: .*{reason}"):
        read_sleap_analysis(path, facts(two_flies()))
