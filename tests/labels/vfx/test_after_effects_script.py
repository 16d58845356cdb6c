"""The script for After Effects, run in Qt's engine against a stand-in for the program that keeps what it is told."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from PySide6.QtCore import QCoreApplication
from PySide6.QtQml import QJSEngine

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_nuke_tracker import VFX, needs_examples, the_truth
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, find_format, import_tracks
from tracker.labels.plate import Plate

# What the scripting guide says of the calls: times in seconds, keys counted from 1, addNull puts a layer on top.
PROGRAM = """
var told = {layers: [], alerts: [], undo: []};
function alert(text) { told.alerts.push(text); }
function CompItem() {}
var KeyframeInterpolationType = {LINEAR: "linear", HOLD: "hold"};
var comp = new CompItem();
comp.width = %d; comp.height = %d; comp.frameRate = %f; comp.frameDuration = 1 / comp.frameRate; comp.duration = 10;
comp.layers = {addNull: function (duration) {
    var kept = {name: "Null", times: [], values: [], holds: []};
    told.layers.unshift(kept);
    var position = {
        setValuesAtTimes: function (times, values) { kept.times = times; kept.values = values; },
        setInterpolationTypeAtKey: function (k, before, after) { if (after === "hold") { kept.holds.push(k); } }
    };
    var group = {property: function (name) { return name === "ADBE Position" ? position : null; }};
    var layer = {property: function (name) { return name === "ADBE Transform Group" ? group : null; }};
    Object.defineProperty(layer, "name", {set: function (name) { kept.name = name; }});
    return layer;
}};
var app = {
    project: {activeItem: comp},
    beginUndoGroup: function () { told.undo.push("begin"); },
    endUndoGroup: function () { told.undo.push("end"); }
};
"""


def run(path: Path, size: tuple[int, int] = (20, 12), rate: float = 24.0, opened: bool = True) -> dict[str, Any]:
    """What the program is told by a script."""
    engine: Any = QJSEngine()
    engine.evaluate(PROGRAM % (*size, rate))
    if not opened:
        engine.evaluate("app.project.activeItem = null;")
    result = engine.evaluate(path.read_text(encoding="utf-8"))
    assert not result.isError(), result.toString()
    told: dict[str, Any] = json.loads(engine.evaluate("JSON.stringify(told)").toString())
    return told


@pytest.fixture(autouse=True)
def application(qapp: QCoreApplication) -> None:
    """The engine wants one."""


def small(names: list[str]) -> TrackFile:
    tracks = make_tracks(len(names), 5, 0, labelled=1.0)
    tracks.state[:], tracks.confidence[:] = State.VISIBLE, 1
    tracks.xy[:] = np.arange(10).reshape(5, 2)
    tracks.names = names
    return tracks


@needs_examples
def test_nulls_go_where_the_example_goes(tmp_path: Path) -> None:
    export_tracks(the_truth(), tmp_path / "t.jsx", "after-effects-script", ExportOptions())
    told = run(tmp_path / "t.jsx", (1920, 1080))
    assert [layer["name"] for layer in told["layers"]] == ["pt_A", "pt_B"]
    lines = (VFX / "examples" / "ae_position_pt_A.txt").read_text().splitlines()
    keys = np.array([line.split()[:3] for line in lines if line[:1] == "\t" and line[1:2].isdigit()], float)
    first = told["layers"][0]
    np.testing.assert_allclose(np.array(first["times"]) * 24, keys[:, 0], atol=1e-6)
    np.testing.assert_allclose(first["values"], keys[:, 1:], atol=1e-3)
    assert first["holds"] == [3]  # the key before the gap
    assert told["layers"][1]["holds"] == []
    assert told["undo"] == ["begin", "end"]


def test_names_are_safe(tmp_path: Path) -> None:
    names = ['"];alert("x");//', "é \u2028 \n ];\n", "\\", "same", "same", "*/"]
    export_tracks(small(names), tmp_path / "t.jsx", "after-effects-script", ExportOptions())
    told = run(tmp_path / "t.jsx")
    assert [layer["name"] for layer in told["layers"]] == names
    assert told["alerts"] == []
    assert (tmp_path / "t.jsx").read_bytes().isascii()


def test_another_composition_is_refused(tmp_path: Path) -> None:
    options = ExportOptions(plate=Plate(fps=Fraction(24000, 1001)))
    export_tracks(small(["a"]), tmp_path / "t.jsx", "after-effects-script", options)
    path = tmp_path / "t.jsx"
    assert run(path, rate=23.976)["alerts"] == []
    for told in (run(path, rate=24), run(path, size=(20, 13), rate=23.976), run(path, opened=False)):
        assert len(told["alerts"]) == 1
        assert told["layers"] == []
    assert "20x12 pixels at 23.976 frames per second; this one has 20x12 at 24." in run(path, rate=24)["alerts"][0]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_what_is_written_reads_back(tracks: TrackFile, tmp_path: Path) -> None:
    kept = tracks.located & (tracks.state == State.VISIBLE)
    if not kept.any():
        return
    rows = np.flatnonzero(kept.any(axis=1))
    export_tracks(tracks, tmp_path / "t.jsx", "after-effects-script", ExportOptions())
    read = find_format("after-effects-script").read
    assert read is not None
    back = read(tmp_path / "t.jsx", facts(tracks))
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept[rows])
    np.testing.assert_allclose(back.xy[kept[rows]], tracks.xy[rows][kept[rows]], atol=2e-6)
    assert list(back.names) == [tracks.names[row] for row in rows.tolist()]


def test_what_cannot_be_read_or_written(tmp_path: Path) -> None:
    tracks, path = small(["a"]), tmp_path / "t.jsx"
    export_tracks(tracks, path, "after-effects-script", ExportOptions())
    read = find_format("after-effects-script").read
    assert read is not None
    whole = path.read_text()
    for content, reason in (
        (whole[: whole.index("]]]")], "no script with tracks, or it is cut off"),
        (whole.replace("]]]", "]"), "cannot be read"),
        (whole.replace("[0,1,2,3,4]", "[0,1]"), "cannot be read: the track 'a' has 2 frames and 5 positions"),
    ):
        assert content != whole
        (tmp_path / "bad.jsx").write_text(content)
        with pytest.raises(InputError, match=rf"bad\.jsx: .*{reason}"):
            read(tmp_path / "bad.jsx", facts(tracks))
    with pytest.raises(InputError, match="can only be exported"):
        import_tracks(path, "after-effects-script", facts(tracks))
    tracks.state[:] = State.OCCLUDED
    with pytest.raises(InputError, match="no track has a visible position"):
        export_tracks(tracks, path, "after-effects-script", ExportOptions())
