"""Fusion's .setting."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_nuke_tracker import VFX, assert_true, needs_examples, the_truth, video
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, import_tracks


def words(path: Path) -> list[object]:
    """Word by word, with numbers as such."""
    found = re.findall(r'"[^"]*"|-?\d+\.?\d*|\w+|[^\s\w]', path.read_text(encoding="utf-8"))
    return [pytest.approx(float(word), abs=1e-8) if re.fullmatch(r"-?\d+\.?\d*", word) else word for word in found]


@needs_examples
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    example = VFX / "examples" / "fusion_tracker.setting"
    back = import_tracks(example, "fusion", video(6))
    assert_true(back, confidence=False)
    assert list(back.names) == ["pt_A", "pt_B"]
    export_tracks(the_truth(), tmp_path / "t.setting", "fusion", ExportOptions())
    assert words(tmp_path / "t.setting") == words(example)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    kept = tracks.located & (tracks.state == State.VISIBLE)
    if not kept.any():
        return
    rows = np.flatnonzero(kept.any(axis=1))
    export_tracks(tracks, tmp_path / "t.setting", "fusion", ExportOptions())
    back = import_tracks(tmp_path / "t.setting", "fusion", facts(tracks))
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept[rows])
    np.testing.assert_allclose(back.xy[kept[rows]], tracks.xy[rows][kept[rows]], atol=3e-6)
    assert list(back.names) == [tracks.names[row] for row in rows.tolist()]


def one(names: tuple[str, ...] = ("a",)) -> TrackFile:
    tracks = make_tracks(len(names), 4, 0, labelled=1.0)
    tracks.state[:], tracks.confidence[:], tracks.xy[:] = State.VISIBLE, 1, 3
    tracks.names = list(names)
    return tracks


def test_names_are_safe(tmp_path: Path) -> None:
    names = ('a "b"', "c\\", "é { ß", "same", "same", "x\ny", "BezierSpline = {}")
    export_tracks(one(names), tmp_path / "t.setting", "fusion", ExportOptions())
    back = import_tracks(tmp_path / "t.setting", "fusion", facts(one(names)))
    assert list(back.names) == ['a "b"', "c\\", "é { ß", "same", "same", "x y", "BezierSpline = {}"]


def test_keys_as_the_program_writes_them(tmp_path: Path) -> None:
    """With handles, tools in another order, quoted names, Windows' line ends."""
    spline = (
        '["P.%s"] = BezierSpline {\n SplineColor = { Red = 1, Green = 2, Blue = 3 },\n KeyFrames = {\n'
        "  [1001] = { %s, RH = { 1001.3, 0.5 }, Flags = { Linear = true } },\n"
        "  [1003] = { 0.5, LH = { 1002.6, 0.5 } }\n }\n},\n"
    )
    path = 'Path1 = XYPath {\n Inputs = {\n  X = Input { SourceOp = "P.X", Source = "Value", },\n'
    path += '  Y = Input { SourceOp = "P.Y", Source = "Value", },\n },\n},\n'
    node = "T = Tracker {\n Inputs = {\n  TrackedCenter1 = Input {\n"
    node += '   SourceOp = "Path1",\n   Source = "Value",\n  },\n },\n},\n'
    content = "{\nTools = ordered() {\n" + spline % ("X", 0.25) + node + spline % ("Y", 0.75) + path + "}\n}\n"
    (tmp_path / "t.setting").write_text(content, newline="\r\n")
    back = import_tracks(tmp_path / "t.setting", "fusion", video(4, 1001, (20, 12)))
    assert list(back.names) == ["Tracker 1"]
    np.testing.assert_allclose(back.xy[0, [0, 2]], [(4.5, 2.5), (9.5, 5.5)])
    assert back.state[0].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("[1001] = { 0.1750000000", "[1001] = { 0,175", "line 28: 0,175 has a decimal comma"),
        ("[1001] = { 0.1750000000", "[1001] = { nonsense", "line 28: expected a number, not 'nonsense'"),
        ("[1001] = { 0.7083333333", "[1001.5] = { 0.7083333333", "line 38: 1001.5 is between two frames"),
        ("[1001]", "[1002]", "line 29: frame 1002 is given twice"),
        ("[1004]", "[1005]", "line 31: frame 1005 is outside the video's 1001 to 1004"),
        (
            "[1004] = { 0.1750000000",
            "[1003.0] = { 0.1750000000",
            "line 15: track 'a' has its keys in X and Y on different frames",
        ),
        ("XYPath {", "PolyPath {", "track 'a' is a PolyPath"),
        ("Tracker1Path1Y = Bez", "Other = Bez", "line 15: track 'a' has no curve for Y"),
        ('SourceOp = "Tracker1Path1",', 'SourceOp = "Gone",', "track 'a' follows 'Gone', which is no XYPath"),
        ("TrackedCenter1", "Sharpness1", "there is no Tracker with a tracked centre"),
        ('\tActiveTool = "Tracker1"\n}', "", "the text is cut off"),
    ],
)
def test_a_bad_text_is_named(old: str, new: str, reason: str, tmp_path: Path) -> None:
    export_tracks(one(), tmp_path / "t.setting", "fusion", ExportOptions())
    content = (tmp_path / "t.setting").read_text()
    assert old in content
    (tmp_path / "bad.setting").write_text(content.replace(old, new))
    with pytest.raises(InputError, match=rf"bad\.setting: (?:{reason})"):
        import_tracks(tmp_path / "bad.setting", "fusion", facts(one()))


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    tracks = one()
    tracks.state[:] = State.OCCLUDED
    with pytest.raises(InputError, match="no track has a visible position"):
        export_tracks(tracks, tmp_path / "t.setting", "fusion", ExportOptions())
