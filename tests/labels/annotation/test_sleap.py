"""SLEAP's label files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given

from tests.labels.annotation.pose_made import assert_keys_come_back, few, grouped_files, two_flies
from tests.labels.made import facts, make_tracks
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, import_tracks
from tracker.labels.annotation.sleap import read_sleap, write_sleap
from tracker.labels.table import Source


@few
@given(tracks=grouped_files)
def test_points_come_back_with_what_a_person_vouches_for(tracks: TrackFile, tmp_path: Path) -> None:
    path = tmp_path / "t.slp"
    written = export_tracks(tracks, path, "sleap", ExportOptions()).written
    back = read_sleap(path, facts(tracks))
    pairs = assert_keys_come_back(tracks, back, "flag")
    assert written.cells == sum(len(mine.frames) for mine, _ in pairs)
    vouched = tracks.approved | (tracks.source == Source.ANCHOR)
    for mine, theirs in pairs:
        np.testing.assert_array_equal(back.approved[theirs.row, mine.frames], vouched[mine.row, mine.frames])
        assert theirs.name.startswith(mine.name)
    places = [(key.group, key.name) for _, key in pairs]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", ["sleap", "sleap-analysis", "deeplabcut"])
def test_names_that_no_file_can_hold(name: str, tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.names, tracks.groups = ["", "a\0b", "c\ud800", "x\ny"], ["g\0", "g\ud800", "", ""]
    written = export_tracks(tracks, tmp_path / "t", name, ExportOptions()).written
    back = import_tracks(tmp_path / "t", name, facts(tracks))
    assert back.names == ["track", "a b", "c?", "x\ny"]
    assert back.groups == ["g ", "g?", "", ""]
    assert written.names == {"": "track", "a\0b": "a b", "c\ud800": "c?"}


def rows_of(path: Path, *names: str) -> list[Any]:
    with h5py.File(path) as file:
        return [file[name][()] for name in names]


def test_a_group_is_a_track_and_its_tracks_are_nodes(tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.state[3, 2] = State.OCCLUDED
    write_sleap(tracks, tmp_path / "t.slp", ExportOptions(name="fly.mp4"))
    frames, instances, predicted, names, videos = rows_of(
        tmp_path / "t.slp", "frames", "instances", "pred_points", "tracks_json", "videos_json"
    )
    assert [json.loads(name) for name in names] == [[0, "A"], [0, "B"]]
    assert json.loads(videos[0])["filename"] == "fly.mp4"
    assert frames["frame_idx"].tolist() == [0, 1, 2, 3, 4]
    assert instances["track"].tolist() == [0, 1] * 5
    assert set(instances["instance_type"].tolist()) == {1}
    of_b = predicted[instances["point_id_start"][5] : instances["point_id_end"][5]]  # B on frame 2
    assert of_b[["x", "y", "visible", "score"]].tolist() == [(3.5, 3.75, True, 0.5), (8.5, 8.75, False, 0.5)]


def test_without_groups_all_tracks_are_one_instance(tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.groups, tracks.names = [""] * 4, ["a", "b", "c", "d"]
    write_sleap(tracks, tmp_path / "t.slp", ExportOptions())
    instances, names = rows_of(tmp_path / "t.slp", "instances", "tracks_json")
    assert (len(instances), len(names)) == (5, 0)
    assert set(instances["track"].tolist()) == {-1}
    assert read_sleap(tmp_path / "t.slp", facts(tracks)).groups == [""] * 4


def test_one_point_of_a_person_makes_the_instance_theirs(tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.source[0, 1], tracks.confidence[0, 1] = Source.ANCHOR, np.nan
    write_sleap(tracks, tmp_path / "t.slp", ExportOptions())
    instances, points = rows_of(tmp_path / "t.slp", "instances", "points")
    assert np.flatnonzero(instances["instance_type"] == 0).tolist() == [2]  # A on frame 1
    assert points["complete"].tolist() == [True, False]
    back = read_sleap(tmp_path / "t.slp", facts(tracks))
    assert np.argwhere(back.approved).tolist() == [[0, 1]]
    assert np.isnan(back.confidence[[0, 2], 1]).all()
    assert np.nansum(back.confidence) == 0.5 * 18


def changed(path: Path, change: Callable[[h5py.File], None]) -> Path:
    write_sleap(two_flies(), path, ExportOptions())
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def set_head(file: h5py.File, **entries: Any) -> None:
    head = json.loads(file["metadata"].attrs["json"])
    file["metadata"].attrs["json"] = json.dumps(head | entries)


def set_rows(file: h5py.File, name: str, column: str | list[str], value: Any) -> None:
    rows = file[name][()]
    rows[column] = value
    file[name][...] = rows


def test_files_before_format_1_1_count_from_the_corner(tmp_path: Path) -> None:
    old = changed(tmp_path / "o.slp", lambda file: file["metadata"].attrs.modify("format_id", 1.0))
    back = read_sleap(old, facts(two_flies()))
    np.testing.assert_array_equal(back.xy, two_flies().xy - 0.5)


def test_a_corrected_instance_counts_and_not_the_predicted_one(tmp_path: Path) -> None:
    def correct(file: h5py.File) -> None:
        rows = file["instances"][()]
        rows["frame_id"][1], rows["instance_type"][1], rows["track"][1] = 0, 0, 0  # also of A on frame 0
        rows["point_id_start"][1], rows["point_id_end"][1] = 0, 2
        file["instances"][...] = rows
        del file["points"]
        file["points"] = np.array([(1, 2, True, True), (3, 4, True, False)], file["pred_points"].dtype.descr[:4])

    back = read_sleap(changed(tmp_path / "c.slp", correct), facts(two_flies()))
    assert back.xy[[0, 2], 0].tolist() == [[1, 2], [3, 4]]
    assert back.approved[[0, 2], 0].tolist() == [True, False]


def test_unknown_order_is_no_matter(tmp_path: Path) -> None:
    path = changed(tmp_path / "c.slp", lambda file: set_head(file, provenance={"trackwright_order": [[0], "x"]}))
    back = read_sleap(path, facts(two_flies()))
    assert list(zip(back.groups, back.names, strict=True)) == [
        ("A", "nose"),
        ("A", "tail"),
        ("B", "nose"),
        ("B", "tail"),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda f: f["metadata"].attrs.modify("format_id", 2.0), r"format 2 is not known here"),
        (lambda f: f["metadata"].attrs.modify("json", "{"), "the file's head is not readable"),
        (lambda f: set_head(f, skeletons=[]), "0 skeletons, one is needed"),
        (lambda f: set_head(f, nodes=[]), "cannot be read as a SLEAP label file"),
        (lambda f: f.pop("frames"), "no array 'frames'"),
        (lambda f: set_rows(f, "frames", "video", np.arange(5)), "labels of several videos"),
        (lambda f: set_rows(f, "frames", "frame_idx", 3), "a frame is in the file twice"),
        (lambda f: set_rows(f, "frames", "frame_idx", np.arange(5) + 3), "frame 5 is outside the video's 0 to 4"),
        (lambda f: set_rows(f, "instances", "track", -1), "frame 0 has several instances without a track"),
        (lambda f: set_rows(f, "instances", "track", 1), "frame 0 has several instances of the same track"),
        (lambda f: set_rows(f, "instances", "track", [0, 9] * 5), "cannot be read as a SLEAP label file"),
        (lambda f: set_rows(f, "instances", "frame_id", 77), "cannot be read as a SLEAP label file"),
        (lambda f: set_rows(f, "instances", ["point_id_start", "point_id_end"], (9000, 9002)), "cannot be read"),
        (lambda f: set_rows(f, "instances", "point_id_end", 3), "other numbers of points than the skeleton"),
        (lambda f: set_rows(f, "pred_points", "x", 1e9), "cannot be a position"),
    ],
)
def test_a_bad_file_is_named(change: Callable[[h5py.File], None], reason: str, tmp_path: Path) -> None:
    path = changed(tmp_path / "bad.slp", change)
    with pytest.raises(InputError, match=f"bad.slp: .*{reason}"):
        read_sleap(path, facts(two_flies()))


def test_half_a_file_a_text_and_a_folder_are_refused(tmp_path: Path) -> None:
    write_sleap(two_flies(), tmp_path / "t.slp", ExportOptions())
    data = (tmp_path / "t.slp").read_bytes()
    (tmp_path / "half.slp").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.slp").write_text("frame,x,y")
    for name in ("half.slp", "text.slp", ".", "missing.slp"):
        with pytest.raises(InputError, match="SLEAP label file"):
            import_tracks(tmp_path / name, "sleap", facts(two_flies()))


def test_too_many_names_for_too_many_groups(tmp_path: Path) -> None:
    tracks = make_tracks(800, 100, 1, labelled=1.0)
    tracks.state[:, 0], tracks.xy[:, 0] = State.VISIBLE, 1
    tracks.groups = [f"g{n}" for n in range(800)]
    with pytest.raises(InputError, match=r"800 groups with 800 different names .*too large a table"):
        write_sleap(tracks, tmp_path / "t.slp", ExportOptions())
