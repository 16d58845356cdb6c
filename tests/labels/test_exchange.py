"""Exporting: the comparison with what was written, the manifest, the first key; importing: guessing the format."""

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.labels.made import Pictures, facts, make_tracks
from tracker.files import InputError
from tracker.labels import (
    ExportOptions,
    Model,
    Plate,
    Provenance,
    Selection,
    SelfCheckError,
    State,
    TrackFile,
    export_tracks,
    find_format,
    first_key,
    guess_formats,
    import_tracks,
)
from tracker.labels.conventions import RASTER_UP, UNIT_UP
from tracker.labels.formats import Written


def visible_tracks(n_tracks: int = 2, n_frames: int = 4) -> TrackFile:
    tracks = make_tracks(n_tracks, n_frames, seed=2, labelled=1.0)
    tracks.state[:], tracks.confidence[:] = State.VISIBLE, 0.5
    tracks.xy[:] = np.arange(tracks.xy.size).reshape(tracks.xy.shape) % 11
    return tracks


def test_a_file_that_says_something_else_never_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = find_format("long-csv")
    assert entry.write is not None
    honest = entry.write

    def off_by_a_pixel(tracks: TrackFile, path: Path, options: ExportOptions) -> Written:
        return honest(replace(tracks, xy=tracks.xy + 1), path, options)

    monkeypatch.setitem(
        sys.modules["tracker.labels.formats"]._FORMATS, "long-csv", replace(entry, write=off_by_a_pixel)
    )
    (tmp_path / "t.csv").write_text("what was there")
    with pytest.raises(SelfCheckError, match="xy differs"):
        export_tracks(visible_tracks(), tmp_path / "t.csv", "long-csv", ExportOptions())
    assert (tmp_path / "t.csv").read_text() == "what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_the_manifest_says_where_it_all_comes_from(tmp_path: Path) -> None:
    tracks = visible_tracks()
    options = ExportOptions(plate=Plate(1001, Fraction(24000, 1001)))
    origin = Provenance("/clips/shot.mov", "abc", Fraction(24000, 1001), (Model("compact", "Apache-2.0"),))
    done = export_tracks(tracks, tmp_path / "t.csv", "long-csv", options, Selection(start=1), origin=origin)
    assert done.checked
    assert done.manifest == tmp_path / "t.csv.manifest.json"
    told = json.loads(done.manifest.read_text(encoding="utf-8"))
    assert told["format"]["name"] == "long-csv"
    assert told["video"] | {"pts": 0} == {
        "name": "shot.mov",
        "path": "/clips/shot.mov",
        "hash": "abc",
        "size": [20, 12],
        "rate": "24000/1001",
        "frames": 4,
        "exported_frames": [1, 3],
        "time_base": "1/30",
        "pts": 0,
    }
    assert told["video"]["pts"] == tracks.pts.tolist()
    assert told["models"] == [{"name": "compact", "licence": "Apache-2.0"}]
    assert told["tracks"]["per_state"] == {"unlabelled": 2, "visible": 6, "occluded": 0, "out_of_view": 0}
    assert sum(told["tracks"]["per_source"].values()) == 6
    assert told["conventions"]["number_of_first_frame"] == 0


def test_the_first_key_is_told_as_the_program_will_show_it() -> None:
    tracks = visible_tracks(1, 3)
    tracks.state[0, 0], tracks.names = State.OCCLUDED, ["nose"]
    tracks.xy[0, 1] = 4.25, 2
    entry, plate = find_format("long-csv"), Plate(1001)
    told = first_key(tracks, replace(entry, convention=RASTER_UP), ExportOptions(plate=plate))
    assert told == "frame 1002, x 4.75, y 9.5 from the bottom-left corner (track “nose”)"
    unit = first_key(tracks, replace(entry, convention=replace(UNIT_UP, first=1)), ExportOptions(plate=plate))
    assert unit == (
        "frame 2, x 0.2375, y 0.7917 (0 to 1) from the bottom-left corner, which is pixel 4.75, 9.5 (track “nose”)"
    )
    assert first_key(TrackFile.empty(1, tracks.pts, tracks.time_base, (20, 12)), entry, ExportOptions()) == ""


def test_a_range_with_pictures_is_a_shorter_record(tmp_path: Path) -> None:
    tracks = visible_tracks(2, 6)
    options = ExportOptions(name="clip", frames=Pictures(6))
    export_tracks(tracks, tmp_path / "t.pkl", "tapvid", options, Selection(start=2, end=5))
    part = replace(facts(tracks), pts=tracks.pts[2:5])
    back = import_tracks(tmp_path / "t.pkl", "tapvid", part)
    assert back.n_frames == 3
    np.testing.assert_allclose(back.xy, tracks.xy[:, 2:5], atol=1e-4)


def test_nothing_left_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no track fits what was chosen"):
        export_tracks(visible_tracks(), tmp_path / "t.csv", "long-csv", ExportOptions(), Selection(min_length=99))
    assert not list(tmp_path.iterdir())


def test_an_export_can_be_cancelled_while_it_writes(tmp_path: Path) -> None:
    def report(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_tracks(visible_tracks(), tmp_path / "t.nk", "nuke", ExportOptions(report=report))
    assert not list(tmp_path.iterdir())


def test_a_file_is_recognised_by_what_it_holds(tmp_path: Path) -> None:
    tracks = visible_tracks()
    export_tracks(tracks, tmp_path / "t.csv", "long-csv", ExportOptions())
    assert guess_formats(tmp_path / "t.csv", facts(tracks))[0].name == "long-csv"
    (tmp_path / "bad.csv").write_text("hello\nworld\n")
    with pytest.raises(InputError, match=r"no file that is known here \(.*long-csv: line 1"):
        guess_formats(tmp_path / "bad.csv", facts(tracks))
    (tmp_path / "t.xyz").write_text("x")
    with pytest.raises(InputError, match=r"no format here has files that end with \.xyz"):
        guess_formats(tmp_path / "t.xyz", facts(tracks))


def test_a_file_without_a_position_is_no_import(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("frame,track,x,y,state\n")
    with pytest.raises(InputError, match="not one position"):
        import_tracks(tmp_path / "t.csv", "long-csv", facts(visible_tracks()))
