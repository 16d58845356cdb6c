"""DeepLabCut's tables as HDF5."""

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given

from tests.labels.annotation.pose_made import assert_keys_come_back, few, grouped_files, two_flies
from tests.labels.made import facts
from tracker.files import InputError
from tracker.labels import ExportOptions, TrackFile, export_tracks
from tracker.labels.annotation.deeplabcut_h5 import KEY, read_deeplabcut_h5, write_deeplabcut_h5

pandas = pytest.importorskip("pandas", reason="pandas writes these files")
pytest.importorskip("tables", reason="pandas writes these files with PyTables")


@few
@given(tracks=grouped_files)
def test_predictions_come_back(tracks: TrackFile, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    export_tracks(tracks, path, "deeplabcut-h5", ExportOptions())
    for mine, theirs in assert_keys_come_back(tracks, read_deeplabcut_h5(path, facts(tracks))):
        np.testing.assert_array_equal(mine.confidence, theirs.confidence)


def table_of(columns: Sequence[tuple[str, ...]], index: Any) -> Any:
    names = (
        ("scorer", "bodyparts", "coords") if len(columns[0]) == 3 else ("scorer", "individuals", "bodyparts", "coords")
    )
    values = np.arange(len(index) * len(columns), dtype=float).reshape(len(index), -1)
    return pandas.DataFrame(values, columns=pandas.MultiIndex.from_tuples(columns, names=names), index=index)


NOSE = [("S", "nose", "x"), ("S", "nose", "y"), ("S", "nose", "likelihood")]


@pytest.mark.parametrize("form", ["fixed", "table"])
def test_both_forms_that_pandas_has_are_read(form: str, tmp_path: Path) -> None:
    columns = [("S", animal, "é", coord) for animal in ("A", "single") for coord in ("x", "y", "likelihood")]
    table_of(columns, np.arange(3)).to_hdf(tmp_path / "t.h5", key=KEY, mode="w", format=form)
    back = read_deeplabcut_h5(tmp_path / "t.h5", facts(two_flies()))
    assert (back.names, back.groups) == (["é", "é"], ["A", ""])
    assert back.xy[1, :3].tolist() == [[3, 4], [9, 10], [15, 16]]


def test_labels_with_pictures_in_three_columns_or_one(tmp_path: Path) -> None:
    pictures = [("labeled-data", "v", f"img{n}.png") for n in (1, 4)]
    table_of(NOSE[:2], pandas.MultiIndex.from_tuples(pictures)).to_hdf(tmp_path / "3.h5", key=KEY, mode="w")
    table_of(NOSE[:2], ["/".join(name) for name in pictures]).to_hdf(tmp_path / "1.h5", key=KEY, mode="w")
    for name in ("1.h5", "3.h5"):
        back = read_deeplabcut_h5(tmp_path / name, facts(two_flies()))
        assert np.argwhere(back.state > 0).tolist() == [[0, 1], [0, 4]]


def test_a_pickle_in_the_file_runs_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / "t.h5"
    table_of(NOSE, np.arange(3)).to_hdf(path, key=KEY, mode="w", format="table")
    with h5py.File(path, "r+") as file:
        file[KEY]["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(Trap(), 0))
    with pytest.raises(InputError, match=r"t\.h5: this cannot be read as a DeepLabCut file"):
        read_deeplabcut_h5(path, facts(two_flies()))
    assert not (tmp_path / "sprung").exists()


def test_bad_files_are_named(tmp_path: Path) -> None:
    video = facts(two_flies())
    path = tmp_path / "bad.h5"
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match=r"bad\.h5: there is no table of DeepLabCut"):
        read_deeplabcut_h5(path, video)
    pandas.DataFrame(np.zeros((2, 2))).to_hdf(path, key=KEY, mode="w")
    with pytest.raises(InputError, match=r"bad\.h5: this cannot be read as a DeepLabCut file"):
        read_deeplabcut_h5(path, video)
    table_of(NOSE, np.arange(6)).to_hdf(path, key=KEY, mode="w")
    with pytest.raises(InputError, match=r"bad\.h5: track 'nose': frame 5 is outside the video's 0 to 4"):
        read_deeplabcut_h5(path, video)
    write_deeplabcut_h5(two_flies(), path, ExportOptions())
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"bad\.h5: this cannot be read as a DeepLabCut file"):
        read_deeplabcut_h5(path, video)
