"""DeepLabCut's tables as pandas and sleap-io read them: the calls that DeepLabCut itself makes."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.labels.annotation.pose_made import two_flies
from tests.labels.made import Pictures
from tracker.labels import ExportOptions, State, TrackFile
from tracker.labels.annotation.deeplabcut import write_deeplabcut, write_deeplabcut_labels
from tracker.labels.annotation.deeplabcut_h5 import write_deeplabcut_h5


@pytest.fixture(autouse=True)
def others() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def with_a_gap() -> TrackFile:
    tracks = two_flies()
    tracks.state[2, 3] = State.OCCLUDED
    return tracks


def assert_predictions(table: Any, tracks: TrackFile) -> None:
    assert list(table.columns.names) == ["scorer", "individuals", "bodyparts", "coords"]
    assert list(table.index) == list(range(5))
    for row, place in enumerate(zip(tracks.groups, tracks.names, strict=True)):
        values = table["Trackwright"][place[0]][place[1]].to_numpy()
        seen = tracks.state[row] == State.VISIBLE
        np.testing.assert_allclose(values[seen], np.c_[tracks.xy[row], tracks.confidence[row]][seen], atol=1e-6)
        assert np.isnan(values[~seen]).all()


def test_predictions_in_pandas(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    write_deeplabcut(with_a_gap(), tmp_path / "t.csv", ExportOptions())
    assert_predictions(pandas.read_csv(tmp_path / "t.csv", header=[0, 1, 2, 3], index_col=0), with_a_gap())


def test_predictions_as_hdf5_in_pandas(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("tables", reason="PyTables is not installed")
    write_deeplabcut_h5(with_a_gap(), tmp_path / "t.h5", ExportOptions())
    assert_predictions(pandas.read_hdf(tmp_path / "t.h5"), with_a_gap())


def test_labels_in_sleap_io(tmp_path: Path) -> None:
    sleap_io = pytest.importorskip("sleap_io", reason="sleap-io is not installed")
    tracks = with_a_gap()
    tracks.state[:, 1] = State.UNLABELLED
    folder = tmp_path / "labeled-data" / "fly"
    folder.parent.mkdir()
    write_deeplabcut_labels(tracks, folder, ExportOptions(frames=Pictures(5)))
    labels = sleap_io.load_dlc(str(folder / "CollectedData_Trackwright.csv"))
    assert [Path(name).name for name in labels.video.filename] == [f"img000{n}.png" for n in (0, 2, 3, 4)]
    wanted = np.where((tracks.state == State.VISIBLE)[..., None], tracks.xy, np.nan)[:, [0, 2, 3, 4]]
    by_body = np.stack([wanted[[0, 2]], wanted[[1, 3]]]).transpose(2, 0, 1, 3)  # frames, bodies, nodes, xy
    np.testing.assert_allclose(labels.numpy(), by_body, atol=1e-6)
    assert [track.name for track in labels.tracks] == ["A", "B"]
