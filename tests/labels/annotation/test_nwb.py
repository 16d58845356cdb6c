"""NWB files with ndx-pose; the library itself reads them in test_interop_nwb."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings

from tests.labels.annotation.pose_made import assert_keys_come_back, few, grouped_files, two_flies
from tests.labels.made import facts
from tracker.files import InputError
from tracker.labels import ExportOptions, TrackFile, export_tracks, find_format
from tracker.labels.annotation.nwb import read_nwb, write_nwb

needs_pynwb = pytest.mark.skipif(bool(find_format("nwb").missing), reason="pynwb is not installed")
NOSE = "processing/behavior/A/nose"


@needs_pynwb
@settings(few, max_examples=6)
@given(tracks=grouped_files)
def test_points_come_back(tracks: TrackFile, tmp_path: Path) -> None:
    path = tmp_path / "t.nwb"
    export_tracks(tracks, path, "nwb", ExportOptions())
    for mine, theirs in assert_keys_come_back(tracks, read_nwb(path, facts(tracks))):
        np.testing.assert_array_equal(mine.confidence, theirs.confidence)


@needs_pynwb
def test_names_that_hdf5_would_take_for_paths(tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.names, tracks.groups = ["a/b", "a:b", "a_b", "Skeletons"], ["Skeletons", "Skeletons", "Skeletons", "x/y"]
    written = export_tracks(tracks, tmp_path / "t.nwb", "nwb", ExportOptions()).written
    assert written.names == {"a/b": "a_b", "a:b": "a_b 2", "a_b": "a_b 3"}
    back = read_nwb(tmp_path / "t.nwb", facts(tracks))
    assert back.names == ["a_b", "a_b 2", "a_b 3", "Skeletons"]
    assert back.groups == ["Skeletons 2"] * 3 + ["x_y"]


def made(path: Path, change: Callable[[h5py.Group], None]) -> Path:
    """A file of one series, as another program may write it, with something changed."""
    with h5py.File(path, "w") as file:
        series = file.create_group(NOSE)
        series.parent.attrs["neurodata_type"] = "PoseEstimation"
        series.attrs["neurodata_type"] = "PoseEstimationSeries"
        series["data"] = np.arange(6, dtype=np.float32).reshape(3, 2)
        series["data"].attrs["unit"] = "pixels"
        series["starting_time"] = 0.0
        series["starting_time"].attrs["rate"] = 25.0
        change(series)
    return path


def put(series: h5py.Group, name: str, values: Any) -> None:
    if name in series:
        del series[name]
    series[name] = values


def video_of(n_frames: int) -> Any:
    return replace(facts(two_flies()), pts=np.arange(n_frames) * 40, time_base=Fraction(1, 1000))


def test_a_file_with_a_rate_instead_of_times(tmp_path: Path) -> None:
    back = read_nwb(made(tmp_path / "t.nwb", lambda series: put(series, "confidence", [0.5, 1, 0.25])), video_of(5))
    assert (back.names, back.groups) == (["nose"], ["A"])
    assert back.xy[0, :3].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert back.confidence[0, :3].tolist() == [0.5, 1, 0.25]
    assert np.isnan(back.xy[0, 3:]).all()


def test_times_choose_the_frame(tmp_path: Path) -> None:
    path = made(tmp_path / "t.nwb", lambda series: put(series, "timestamps", [0.041, 0.079, 0.16]))
    assert np.argwhere(read_nwb(path, video_of(5)).state > 0)[:, 1].tolist() == [1, 2, 4]


def test_a_sample_per_frame_on_another_clock(tmp_path: Path) -> None:
    path = made(tmp_path / "t.nwb", lambda series: put(series, "timestamps", [500.0, 500.04, 500.08]))
    assert read_nwb(path, video_of(3)).xy[0].tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s["data"].attrs.modify("unit", "meters"), "track 'nose' is in meters, only pixels"),
        (lambda s: put(s, "data", np.zeros((3, 3))), r"positions of shape \(3, 3\), expected"),
        (lambda s: put(s, "timestamps", [0.0, 0.04]), "the times of .*nose do not fit its 3 positions"),
        (
            lambda s: put(s, "timestamps", [500.0, 500.04, 500.08]),
            "track 'nose' has a position at 500 s",
        ),
        (lambda s: put(s, "timestamps", [0.0, 0.001, 0.04]), "frame 0 is given twice for track 'nose'"),
        (lambda s: s.pop("starting_time"), "cannot be read as an NWB file"),
        (lambda s: s.attrs.modify("neurodata_type", "TimeSeries"), "no PoseEstimationSeries with a position"),
    ],
)
def test_a_bad_file_is_named(change: Callable[[h5py.Group], None], reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"bad\.nwb: .*{reason}"):
        read_nwb(made(tmp_path / "bad.nwb", change), video_of(5))


@needs_pynwb
def test_nothing_visible_and_half_a_file(tmp_path: Path) -> None:
    tracks = two_flies()
    write_nwb(tracks, tmp_path / "t.nwb", ExportOptions())
    (tmp_path / "half.nwb").write_bytes((tmp_path / "t.nwb").read_bytes()[:9000])
    with pytest.raises(InputError, match=r"half\.nwb: .*NWB file"):
        read_nwb(tmp_path / "half.nwb", facts(tracks))
    tracks.state[:] = 0
    with pytest.raises(InputError, match="there is no visible point to write"):
        write_nwb(tracks, tmp_path / "t.nwb", ExportOptions())
