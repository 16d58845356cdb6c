"""The long CSV."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import assert_same, facts, make_tracks, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks
from tracker.labels.long_csv import read_long_csv

HEADER = "frame,track,name,x,y,state,visibility,confidence,source,approved,pts\n"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_labelled_cells_come_back_to_the_bit(tracks: TrackFile, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    written = export_tracks(tracks, path, "long-csv", ExportOptions()).written
    back = read_long_csv(path, facts(tracks))
    assert written.cells == (tracks.state != State.UNLABELLED).sum()
    lasting = back.n_tracks  # tracks behind the last labelled one leave no trace
    assert not tracks.state[lasting:].any()
    for field in ("xy", "state", "visibility", "confidence", "source", "approved"):
        assert_same(getattr(tracks, field)[:lasting], getattr(back, field), field)


def test_a_line_says_it_all(tmp_path: Path) -> None:
    tracks = make_tracks(1, 3, 2, labelled=1.0)
    tracks.names = ['the "left", eye']
    tracks.state[0] = State.VISIBLE, State.UNLABELLED, State.OUT_OF_VIEW
    tracks.xy[0] = (1.5, 2.25), (3, 3), (np.nan, np.nan)
    tracks.visibility[0], tracks.confidence[0] = np.float32(0.1), 1.0
    tracks.source[0], tracks.approved[0] = 2, True
    export_tracks(tracks, tmp_path / "t.csv", "long-csv", ExportOptions(start_frame=1001))
    text = (tmp_path / "t.csv").read_text(encoding="utf-8")
    assert text.startswith(HEADER)
    lines = list(csv.reader(text.splitlines()))
    pts = [str(value) for value in tracks.pts]
    assert lines[1:] == [
        ["1001", "0", 'the "left", eye', "1.5", "2.25", "visible", "0.1", "1.0", "model", "1", pts[0]],
        ["1003", "0", 'the "left", eye', "", "", "out_of_view", "0.1", "1.0", "model", "1", pts[2]],
    ]


def test_disowned_positions_are_not_written(tmp_path: Path) -> None:
    tracks = make_tracks(1, 1, 2, labelled=1.0)
    tracks.confidence[:], tracks.xy[:] = 0, 3
    export_tracks(tracks, tmp_path / "t.csv", "long-csv", ExportOptions())
    assert (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[-8:-6] == ["", ""]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: there is no column frame"),
        ("frame,track,x,y\n", "line 1: there is no column state"),
        (HEADER + "0,0,a,1,2,visible,,,model,0,0\nx,0,a,1,2,visible,,,model,0,0\n", "line 3: invalid literal"),
        (HEADER + "9,0,a,1,2,visible,,,model,0,0\n", "line 2: frame 9 is outside the video's 0 to 5"),
        (HEADER + "-1,0,a,1,2,visible,,,model,0,0\n", "line 2: frame -1"),
        (HEADER + "0,-1,a,1,2,visible,,,model,0,0\n", "line 2: track -1 is negative"),
        (HEADER + "0,0,a,1,,visible,,,model,0,0\n", "line 2: only one of x and y"),
        (HEADER + "0,0,a,1,inf,visible,,,model,0,0\n", "line 2: inf is not a finite"),
        (HEADER + "0,0,a,1,2,seen,,,model,0,0\n", "line 2: 'seen' is not known"),
        (HEADER + "0,0,a,1,2,visible,,,oracle,0,0\n", "line 2: 'oracle' is not known"),
        (HEADER + "0,0\n", "line 2"),
        (HEADER + 2 * "0,0,a,1,2,visible,,,model,0,0\n", "line 3: this cell was given before"),
        (HEADER + "0,99999999,a,1,2,visible,,,model,0,0\n", "numbered far beyond"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_long_csv(tmp_path / "t.csv", facts(make_tracks(1, 6, 1)))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"frame,track,x,y,state\n\xff\xfe\x00")
    with pytest.raises(InputError, match="not a UTF-8 text file"):
        read_long_csv(tmp_path / "t.csv", facts(make_tracks(1, 6, 1)))


def test_a_few_columns_in_any_order_do(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("state,y,x,track,frame\nvisible,2,1,0,4\n")
    back = read_long_csv(tmp_path / "t.csv", facts(make_tracks(1, 6, 1)))
    assert back.query_points.tolist() == [[4, 1, 2]]
