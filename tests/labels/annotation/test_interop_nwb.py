"""NWB files as pynwb with ndx-pose reads and validates them."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.labels.annotation.pose_made import two_flies
from tests.labels.made import facts
from tracker.labels import ExportOptions, State
from tracker.labels.annotation.nwb import read_nwb, write_nwb


@pytest.fixture
def pynwb() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("ndx_pose", reason="ndx-pose is not installed")
        yield pytest.importorskip("pynwb", reason="pynwb is not installed")


def test_it_is_valid_and_says_what_the_tracks_say(pynwb: Any, tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.state[2, 3] = State.OCCLUDED
    write_nwb(tracks, tmp_path / "t.nwb", ExportOptions(name="fly.mp4"))
    with pynwb.NWBHDF5IO(str(tmp_path / "t.nwb"), "r") as source:
        assert pynwb.validate(io=source) == []
        file = source.read()
        module = file.processing["behavior"]
        seconds = (tracks.pts - tracks.pts[0]) / 30
        for row, (group, name) in enumerate(zip(tracks.groups, tracks.names, strict=True)):
            series = module[group][name]
            seen = tracks.state[row] == State.VISIBLE
            np.testing.assert_array_equal(series.data[:], np.where(seen[:, None], tracks.xy[row], np.nan))
            np.testing.assert_array_equal(series.confidence[:], np.where(seen, 0.5, np.nan))
            np.testing.assert_allclose(series.timestamps[:], seconds)
        assert list(module["A"].skeleton.nodes[:]) == ["nose", "tail"]
        assert file.acquisition["video"].external_file[:].tolist() == ["fly.mp4"]


def test_what_pynwb_writes_is_read(pynwb: Any, tmp_path: Path) -> None:
    import datetime

    import ndx_pose

    file = pynwb.NWBFile("a session", "1", datetime.datetime.now(datetime.UTC))
    series = ndx_pose.PoseEstimationSeries(
        name="nose",
        data=np.array([[1, 2], [3, 4.5]]),
        reference_frame="corner",
        confidence=[0.5, 1.0],
        timestamps=[0.0, float(facts(two_flies()).pts[2] - facts(two_flies()).pts[0]) / 30],
    )
    skeleton = ndx_pose.Skeleton(name="A", nodes=["nose"])
    pose = ndx_pose.PoseEstimation(name="A", pose_estimation_series=[series], skeleton=skeleton)
    module = file.create_processing_module(name="behavior", description="poses")
    module.add([ndx_pose.Skeletons(skeletons=[skeleton]), pose])
    with pynwb.NWBHDF5IO(str(tmp_path / "s.nwb"), "w") as out:
        out.write(file)
    back = read_nwb(tmp_path / "s.nwb", facts(two_flies()))
    assert back.xy[0, [0, 2]].tolist() == [[1, 2], [3, 4.5]]
    assert back.confidence[0, [0, 2]].tolist() == [0.5, 1.0]
