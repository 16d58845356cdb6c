"""The native track file: exact round trips, and every damaged file refused with one sentence."""

import pickle
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import assert_same, make_tracks, track_files
from tracker.files import InputError
from tracker.labels import Source, State, TrackFile, read_tracks, write_tracks

FIELDS = tuple(TrackFile.__dataclass_fields__)
shared_folder = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@shared_folder
@given(tracks=track_files)
def test_file_gives_back_every_bit(tracks: TrackFile, tmp_path: Path) -> None:
    write_tracks(tmp_path / "t.npz", tracks)
    back = read_tracks(tmp_path / "t.npz")
    for field in FIELDS:
        assert_same(getattr(tracks, field), getattr(back, field), field)


@shared_folder
@given(tracks=track_files)
def test_table_gives_back_every_bit(tracks: TrackFile, tmp_path: Path) -> None:
    table = tracks.to_table()
    back = TrackFile.from_table(table, tracks.pts, tracks.time_base, tracks.size_wh)
    for field in FIELDS:
        assert_same(getattr(tracks, field), getattr(back, field), field)
    assert table.ids.tolist() == list(range(1, tracks.n_tracks + 1))


def test_the_file_is_what_the_design_says(tmp_path: Path) -> None:
    write_tracks(tmp_path / "t.npz", make_tracks(3, 5, 1))
    with np.load(tmp_path / "t.npz", allow_pickle=False) as file:
        layout = {
            name: (file[name].dtype.kind + str(file[name].dtype.itemsize), file[name].shape) for name in file.files
        }
        assert file["format_version"] == 1
        assert file["time_base"].tolist() == [1, 30]
    assert layout.pop("names")[0].startswith("U")
    assert layout == {
        "xy": ("f4", (3, 5, 2)),
        "state": ("u1", (3, 5)),
        "visibility": ("f4", (3, 5)),
        "confidence": ("f4", (3, 5)),
        "source": ("u1", (3, 5)),
        "approved": ("b1", (3, 5)),
        "query_points": ("f4", (3, 3)),
        "pts": ("i8", (5,)),
        "time_base": ("i8", (2,)),
        "size_wh": ("i8", (2,)),
        "format_version": ("i8", ()),
    }


def test_a_file_keeps_the_name_it_was_given(tmp_path: Path) -> None:
    write_tracks(tmp_path / "tracks.dat", make_tracks(1, 2, 1))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["tracks.dat"]


def changed(path: Path, **arrays: object) -> Path:
    """The file with other arrays; None takes one out."""
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    content.update(arrays)
    np.savez(path, **{name: array for name, array in content.items() if array is not None})
    return path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": None}, "no format_version"),
        ({"format_version": np.array(2)}, "version 2"),
        ({"format_version": np.array("new")}, "no format_version"),
        ({"xy": None}, "no xy"),
        ({"names": None}, "no names"),
        ({"xy": np.zeros((3, 5, 2))}, "xy is of type float64"),
        ({"xy": np.full((3, 5, 2), np.inf, np.float32)}, "infinite"),
        ({"state": np.zeros((3, 6), np.uint8)}, "xy has shape"),
        ({"state": np.zeros(3, np.uint8)}, "xy has shape"),
        ({"state": np.full((3, 5), 4, np.uint8)}, "state holds 4"),
        ({"source": np.full((3, 5), 9, np.uint8)}, "source holds 9"),
        ({"approved": np.zeros((3, 5), np.uint8)}, "approved is of type uint8"),
        ({"names": np.zeros(3)}, "names is of type float64, expected text"),
        ({"names": np.array(["a"])}, "names has shape"),
        ({"pts": np.array([0, 1, 1, 2, 3])}, "ascend"),
        ({"time_base": np.array([1, 0])}, "time_base"),
        ({"size_wh": np.array([-1, 5])}, "size_wh"),
        ({"xy": np.array([object()])}, "something else than plain arrays"),
    ],
)
def test_a_wrong_array_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    write_tracks(tmp_path / "t.npz", make_tracks(3, 5, 1))
    with pytest.raises(InputError, match=reason) as caught:
        read_tracks(changed(tmp_path / "t.npz", **change))
    assert str(caught.value).startswith(f"{tmp_path / 't.npz'}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a file of tracks", pickle.dumps({"xy": 1}), b"PK\x03\x04 broken"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"not an .npz file"):
        read_tracks(tmp_path / "t.npz")


def test_a_truncated_or_flipped_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    write_tracks(path, make_tracks(3, 50, 1))
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], whole[:800] + b"\xff" * 8 + whole[808:]):
        path.write_bytes(broken)
        with pytest.raises(InputError):
            read_tracks(path)


def test_a_zip_of_other_things_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="no format_version"):
        read_tracks(tmp_path / "t.npz")


def test_a_missing_file_or_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_tracks(tmp_path / "none.npz")
    with pytest.raises(InputError, match="directory"):
        read_tracks(tmp_path)


def test_arrays_that_do_not_fit_are_never_written(tmp_path: Path) -> None:
    tracks = make_tracks(3, 5, 1)
    tracks.state = tracks.state[:2]
    with pytest.raises(ValueError, match="shape"):
        write_tracks(tmp_path / "t.npz", tracks)
    assert not (tmp_path / "t.npz").exists()


def test_query_points_are_the_first_visible_cells() -> None:
    tracks = TrackFile.empty(3, np.arange(4), Fraction(1, 25), (10, 10))
    tracks.state[:, 1:] = State.OCCLUDED
    tracks.state[0, 2:] = State.VISIBLE
    tracks.xy[:2, 1:] = np.arange(6, dtype=np.float32).reshape(3, 2)
    tracks.query_from_first_visible()
    np.testing.assert_array_equal(tracks.query_points, np.array([[2, 2, 3], [1, 0, 1], [np.nan] * 3], np.float32))


def test_a_position_of_confidence_zero_is_vouched_for_by_nobody() -> None:
    tracks = TrackFile.empty(1, np.arange(3), Fraction(1, 25), (10, 10))
    tracks.state[:], tracks.xy[:] = State.OCCLUDED, 4
    tracks.source[:] = Source.MODEL
    tracks.confidence[0] = 0, 0.1, np.nan
    assert tracks.located.tolist() == [[False, True, True]]
