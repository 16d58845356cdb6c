"""DeepLabCut's tables as CSV."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given

from tests.labels.annotation.pose_made import assert_keys_come_back, few, grouped_files, two_flies
from tests.labels.made import Pictures, facts, make_tracks
from tracker.files import InputError
from tracker.labels import ExportOptions, Selection, State, TrackFile, export_tracks, import_tracks
from tracker.labels.annotation.deeplabcut import read_deeplabcut, write_deeplabcut
from tracker.labels.table import Source

TABLE = "CollectedData_Trackwright.csv"


def pictures(tracks: TrackFile) -> ExportOptions:
    return ExportOptions(name="clip", frames=Pictures(tracks.n_frames))


@few
@given(tracks=grouped_files)
def test_predictions_come_back(tracks: TrackFile, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    export_tracks(tracks, path, "deeplabcut", ExportOptions())
    for mine, theirs in assert_keys_come_back(tracks, read_deeplabcut(path, facts(tracks)), atol=1e-6):
        np.testing.assert_allclose(mine.confidence, theirs.confidence, rtol=0, atol=1e-6)


@few
@given(tracks=grouped_files)
def test_labels_come_back(tracks: TrackFile, tmp_path: Path) -> None:
    export_tracks(tracks, tmp_path / "v", "deeplabcut-labels", pictures(tracks))
    assert_keys_come_back(tracks, read_deeplabcut(tmp_path / "v", facts(tracks)), atol=1e-6)


def test_a_table_of_two_animals(tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.state[1, 0] = State.OCCLUDED
    tracks.confidence[0, 0] = np.nan
    tracks.groups, tracks.names = ["A", "B", "A", ""], ["nose", "nose", "tail", "cage, corner"]
    write_deeplabcut(tracks, tmp_path / "t.csv", ExportOptions())
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:5] == [
        "scorer" + ",Trackwright" * 12,
        "individuals,A,A,A,B,B,B,A,A,A,single,single,single",
        'bodyparts,nose,nose,nose,nose,nose,nose,tail,tail,tail,"cage, corner","cage, corner","cage, corner"',
        "coords" + ",x,y,likelihood" * 4,
        "0,0.000000,0.250000,1.000000,,,,5.000000,5.250000,0.500000,7.500000,7.750000,0.500000",
    ]
    assert len(lines) == 4 + 5
    assert read_deeplabcut(tmp_path / "t.csv", facts(tracks)).groups == ["A", "B", "A", ""]


def test_without_groups_there_is_no_row_of_individuals(tmp_path: Path) -> None:
    write_deeplabcut(make_tracks(2, 3, 1, labelled=1.0), tmp_path / "t.csv", ExportOptions())
    levels = [line.split(",")[0] for line in (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()]
    assert levels == ["scorer", "bodyparts", "coords", "0", "1", "2"]


def test_labels_lie_beside_their_pictures(tmp_path: Path) -> None:
    tracks = two_flies()
    tracks.source[0, 3] = tracks.source[1, 1] = Source.ANCHOR
    chosen = Selection(approved=True)
    exported = export_tracks(tracks, tmp_path / "fly", "deeplabcut-labels", pictures(tracks), chosen)
    assert exported.checked
    assert exported.written.note == ""
    assert sorted(entry.name for entry in (tmp_path / "fly").iterdir()) == [TABLE, "img0001.png", "img0003.png"]
    assert (tmp_path / "fly" / TABLE).read_text().splitlines() == [
        "scorer,,,Trackwright,Trackwright,Trackwright,Trackwright",
        "individuals,,,A,A,B,B",
        "bodyparts,,,nose,nose,nose,nose",
        "coords,,,x,y,x,y",
        "labeled-data,fly,img0001.png,,,3.000000,3.250000",
        "labeled-data,fly,img0003.png,1.500000,1.750000,,",
    ]
    picture = cv2.imread(str(tmp_path / "fly" / "img0003.png"))
    assert picture is not None
    assert picture[0, 0].tolist() == [21] * 3
    back = import_tracks(tmp_path / "fly", "deeplabcut-labels", facts(tracks))
    assert np.argwhere(back.state > 0).tolist() == [[0, 3], [1, 1]]


def test_what_nobody_vouches_for_is_told(tmp_path: Path) -> None:
    written = export_tracks(two_flies(), tmp_path / "fly", "deeplabcut-labels", pictures(two_flies())).written
    assert written.note == "20 of 20 positions were neither placed nor approved by a person"


def test_labels_replace_only_labels_written_here(tmp_path: Path) -> None:
    folder = tmp_path / "fly"
    for _ in range(2):
        export_tracks(two_flies(), folder, "deeplabcut-labels", pictures(two_flies()))
    (folder / "CollectedData_me.csv").write_text("mine")
    with pytest.raises(InputError, match=r"fly: the folder holds something else .*CollectedData_me.csv"):
        export_tracks(two_flies(), folder, "deeplabcut-labels", pictures(two_flies()))
    (folder / "CollectedData_me.csv").unlink()
    (folder / TABLE).unlink()
    with pytest.raises(InputError, match=r"fly: the folder holds something else .*img000\d.png"):
        export_tracks(two_flies(), folder, "deeplabcut-labels", pictures(two_flies()))


HEAD = "scorer,S,S,S\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
LABELS = "scorer,S,S\nbodyparts,nose,nose\ncoords,x,y\n"


def read_text(folder: Path, text: str) -> TrackFile:
    (folder / "t.csv").write_bytes(text.encode())
    return read_deeplabcut(folder / "t.csv", facts(make_tracks(1, 6, 1)))


@pytest.mark.parametrize(
    "row", ["labeled-data/v/img0004.png,1,2", "labeled-data\\v\\img4.PNG,1,2", "img004.png,1,2", "4,1,2", "4.0,1,2"]
)
def test_rows_are_named_in_many_ways(row: str, tmp_path: Path) -> None:
    back = read_text(tmp_path, "\ufeff" + (LABELS + row + "\n").replace("\n", "\r\n"))
    assert back.query_points.tolist() == [[4, 1, 2]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frame,x,y\n", "line 1: this is no table of DeepLabCut"),
        ("scorer,S\nbodyparts,a\n", "line 1: this is no table of DeepLabCut"),
        (HEAD.replace("nose,nose,nose", "nose,nose"), "line 2: 3 columns instead of 4"),
        (HEAD + "0,1,2,0.5\n1,1,2\n", "line 5: 3 columns instead of 4"),
        (HEAD + "0,1,x2,0.5\n", "line 4: expected a number, not 'x2'"),
        (HEAD + '0,"1,5",2,0.5\n', "line 4: 1,5 has a decimal comma"),
        (HEAD + "0,inf,2,0.5\n", "line 4: x and y of 'nose' are no position"),
        (HEAD + "0,,2,0.5\n", "line 4: x and y of 'nose' are no position"),
        (HEAD + "0,1,2,0.5\n\n6,1,2,0.5\n", "line 6: frame 6 is outside the video's 0 to 5"),
        (HEAD + "0,1,2,0.5\n0,1,2,0.5\n", "line 5: frame 0 is given twice for track 'nose'"),
        (HEAD + "zero,1,2,0.5\n", "line 4: expected a frame's number or a picture's name, not 'zero'"),
        (HEAD.replace("likelihood", "z"), "line 3: the column 'z' of 'nose' is not known"),
        (HEAD.replace("likelihood", "x"), "line 3: the column 'x' of 'nose' is there twice"),
        ("scorer,S,S\nbodyparts,a,a\ncoords,x,likelihood\n", "line 3: 'a' has no columns x and y"),
        (HEAD.replace("S,S,S", "S,S,T"), "line 1: several scorers, 'S' and 'T'"),
        (LABELS + "a/v/img1.png,1,2\na/w/img2.png,1,2\n", "line 5: labels of several videos: v and w"),
        (HEAD + '0,"1,2,0.5\n', "line 4: "),
    ],
)
def test_a_bad_line_is_named(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"t.csv: {reason}"):
        read_text(tmp_path, text)


def test_a_folder_without_one_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected one CollectedData_….csv in this folder, there are 0"):
        read_deeplabcut(tmp_path, facts(two_flies()))
