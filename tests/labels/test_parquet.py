"""Parquet."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import assert_same, facts, make_tracks, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, Source, State, TrackFile, export_tracks, import_tracks
from tracker.labels.parquet import read_parquet

arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra parquet)")
parquet = pytest.importorskip("pyarrow.parquet")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_all_of_it_comes_back(tracks: TrackFile, tmp_path: Path) -> None:
    tracks.groups = [f"group {row % 2}" if row else "" for row in range(tracks.n_tracks)]
    export_tracks(tracks, tmp_path / "t.parquet", "parquet", ExportOptions())
    back = read_parquet(tmp_path / "t.parquet", facts(tracks))
    tracks.xy[~tracks.located] = np.nan
    for field in fields(tracks):
        assert_same(getattr(tracks, field.name), getattr(back, field.name), field.name)


def test_the_columns_have_types(tmp_path: Path) -> None:
    tracks = make_tracks(2, 3, 4, labelled=1.0)
    export_tracks(tracks, tmp_path / "t.parquet", "parquet", ExportOptions(start_frame=1001))
    table = parquet.read_table(tmp_path / "t.parquet")
    types = {field.name: str(field.type).split("<")[0] for field in table.schema}
    assert types == {
        "frame": "int32",
        "track": "int32",
        "name": "dictionary",
        "group": "dictionary",
        "x": "float",
        "y": "float",
        "state": "dictionary",
        "visibility": "float",
        "confidence": "float",
        "source": "dictionary",
        "approved": "bool",
        "pts": "int64",
    }
    assert table.column("frame").to_pylist() == [1001, 1001, 1002, 1002, 1003, 1003]
    assert table.column("pts").to_pylist() == np.repeat(tracks.pts, 2).tolist()
    assert table.column("name").to_pylist() == list(tracks.names) * 3
    about = json.loads(table.schema.metadata[b"trackwright"])
    assert (about["format_version"], about["size_wh"], about["time_base"]) == (1, [20, 12], [1, 30])
    back = import_tracks(tmp_path / "t.parquet", "parquet", replace(facts(tracks), start_frame=1001))
    np.testing.assert_array_equal(back.state, tracks.state)


PLAIN: dict[str, Any] = {
    "frame": [0, 2, 1],
    "track": [1, 1, 0],
    "x": [1.5, 2, None],
    "y": [1, 2, None],
    "state": ["visible", "visible", "occluded"],
}


def put(path: Path, columns: dict[str, Any], about: Any = None) -> Path:
    table = arrow.table(columns)
    if about is not None:
        table = table.replace_schema_metadata({b"trackwright": about})
    parquet.write_table(table, path)
    return path


def test_a_table_of_somebody_else(tmp_path: Path) -> None:
    path = put(tmp_path / "p.parquet", PLAIN | {"name": ["b", "c", "é"]})
    back = import_tracks(path, "parquet", facts(make_tracks(1, 3, 1)))
    assert back.state.tolist() == [[0, 2, 0], [1, 0, 1]]
    assert list(back.names) == ["é", "b"]
    assert set(back.source[back.state > 0].tolist()) == {Source.IMPORTED}
    assert back.state[0, 1] == State.OCCLUDED
    assert back.query_points[1].tolist() == [0, 1.5, 1]


ABOUT = {"format_version": 1, "size_wh": [20, 12], "pts": [0, 1, 2], "names": ["a"] * 2, "groups": [""] * 2}
QUERY = {"query_points": [[None] * 3] * 2}


@pytest.mark.parametrize(
    ("changes", "about", "reason"),
    [
        ({"state": None}, None, "there is no column state"),
        ({"frame": [0, 3, 1]}, None, "row 1: its frame is outside the video's 0 to 2"),
        ({"frame": [0, None, 1]}, None, "the column frame has an empty cell"),
        ({"frame": ["a", "b", "c"]}, None, "the column frame is not of int64"),
        ({"frame": [0, 1.5, 2]}, None, "the column frame is not of int64"),
        ({"track": [0, -1, 0]}, None, "row 1: its track is outside"),
        ({"track": [0, 10**9, 0]}, None, "track 1000000000 is numbered far beyond the 3 rows"),
        ({"y": [1, 2, 3]}, None, "row 2: only one of x and y is given"),
        ({"x": [1, float("inf"), None]}, None, "row 1: x, y cannot be a position"),
        ({"state": ["seen"] * 3}, None, "'seen' in the column state is not known"),
        ({"source": ["oracle"] * 3}, None, "'oracle' in the column source is not known"),
        ({"frame": [0, 0, 1]}, None, "row 1: this cell was given before"),
        ({}, b"{", "its metadata are damaged"),
        ({}, b"[" * 100_000, "its metadata are damaged"),
        ({}, json.dumps(ABOUT), "its metadata are damaged"),
        ({}, json.dumps(ABOUT | QUERY | {"format_version": 2}), "version 2 of these files is not known"),
        ({}, json.dumps(ABOUT | QUERY | {"pts": [0]}), "the tracks are of 1 frames of 20x12, the video has 3 of 20x12"),
        ({}, json.dumps(ABOUT | QUERY | {"size_wh": [12, 20]}), "of 12x20, the video"),
    ],
)
def test_reading_refuses(tmp_path: Path, changes: dict[str, Any], about: Any, reason: str) -> None:
    columns = {name: column for name, column in (PLAIN | changes).items() if column is not None}
    path = put(tmp_path / "bad.parquet", columns, about)
    with pytest.raises(InputError, match=rf"bad\.parquet: .*{reason}"):
        import_tracks(path, "parquet", facts(make_tracks(1, 3, 1)))


@pytest.mark.parametrize("keep", [0, 20, -10])
def test_a_file_cut_off(tmp_path: Path, keep: int) -> None:
    whole = put(tmp_path / "p.parquet", PLAIN).read_bytes()
    (tmp_path / "p.parquet").write_bytes(whole[:keep])
    with pytest.raises(InputError, match=r"p\.parquet: this is no whole Parquet file"):
        import_tracks(tmp_path / "p.parquet", "parquet", facts(make_tracks(1, 3, 1)))


def test_a_file_that_repeats_a_value_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracker.labels.parquet.LARGEST", 2)
    with pytest.raises(InputError, match="the file has 3 rows, more than 2 are not read"):
        import_tracks(put(tmp_path / "p.parquet", PLAIN), "parquet", facts(make_tracks(1, 3, 1)))


def test_text_that_is_no_utf8(tmp_path: Path) -> None:
    whole = put(tmp_path / "p.parquet", PLAIN | {"name": ["~~~~"] * 3}).read_bytes()
    (tmp_path / "p.parquet").write_bytes(whole.replace(b"~~~~", b"~~~\xdd"))
    with pytest.raises(InputError, match="the column name holds text that is no UTF-8"):
        import_tracks(tmp_path / "p.parquet", "parquet", facts(make_tracks(1, 3, 1)))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'trackwright\[parquet\]'"):
        export_tracks(make_tracks(1, 3, 1), tmp_path / "t.parquet", "parquet", ExportOptions())
