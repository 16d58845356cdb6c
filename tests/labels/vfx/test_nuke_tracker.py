"""Nuke's Tracker node, and what else a Nuke script can say of tracks."""

import json
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.reference import ROOT
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, VideoFacts, export_tracks, import_tracks
from tracker.labels.formats import Hidden
from tracker.labels.plate import Plate
from tracker.labels.vfx.nuke_curves import Script
from tracker.labels.vfx.nuke_tracker import COLUMNS

VFX = ROOT / "vfx"
needs_examples = pytest.mark.skipif(not VFX.is_dir(), reason=f"no examples of VFX formats in {VFX}")
HD = (1920, 1080)


def video(n_frames: int, first: int = 1001, size_wh: tuple[int, int] = HD) -> VideoFacts:
    return VideoFacts(np.arange(n_frames), Fraction(1, 24), size_wh, Plate(first_frame=first))


def counts(tracks: TrackFile) -> tuple[int, int]:
    """Tracks and keys."""
    return tracks.n_tracks, int(np.isfinite(tracks.xy).all(axis=2).sum())


def the_truth() -> TrackFile:
    """The two tracks that every example holds."""
    said = json.loads((VFX / "examples" / "ground_truth.json").read_text(encoding="utf-8"))
    tracks = video(said["last_frame"] - said["first_frame"] + 1).empty(len(said["tracks"]))
    for row, track in enumerate(said["tracks"]):
        for key in track["samples"]:
            at = row, key["frame"] - said["first_frame"]
            tracks.xy[at], tracks.confidence[at] = (key["px"], key["py"]), key["conf"]
            tracks.state[at] = State.VISIBLE
    tracks.names = [track["name"] for track in said["tracks"]]
    return tracks


def assert_true(tracks: TrackFile, confidence: bool = True) -> None:
    """Each key on its frame and within a thousandth of a pixel."""
    truth = the_truth()
    np.testing.assert_array_equal(tracks.state, truth.state)
    np.testing.assert_allclose(tracks.xy, truth.xy, atol=1e-3)
    if confidence:
        np.testing.assert_allclose(tracks.confidence, truth.confidence, atol=1e-6)


def script(path: Path, rows: str, n_tracks: int = 1, newer: str = " 1", version: int = 1) -> Path:
    """A Tracker4 made of these rows, as Nuke writes it."""
    columns = "\n".join(f"{{ {kind} {name} {label}{newer} }} " for kind, name, label in COLUMNS)
    head = f"set cut_paste_input [stack 0]\nversion 8.0 v1\nTracker4 {{\ntracks {{ {{ {version} 31 {n_tracks} }} \n{{ "
    path.write_bytes(f"{head}{columns}\n}} \n{{ \n{rows}}} \n}}\n\nname Tracker1\n}}\n".encode())
    return path


def row(name: str = '"a"', x: str = "{curve x1001 1.5 2.5}", y: str = "{curve x1001 8 7}", enable: str = "1") -> str:
    rest = "0 0 1 0 0 {curve x1001 0.25} 0 1 -32 -32 32 32 -22 -22 22 22" + 11 * " {}"
    return f" {{ {enable} {name} {x} {y} {rest}  }} \n"


def read(path: Path, n_frames: int = 9, first: int = 1001) -> TrackFile:
    return import_tracks(path, "nuke", video(n_frames, first, (20, 12)))


@needs_examples
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    example = VFX / "examples" / "nuke_tracker4.nk"
    assert_true(import_tracks(example, "nuke", video(6)))
    export_tracks(the_truth(), tmp_path / "t.nk", "nuke", ExportOptions(name="2pts"))
    assert _cells(tmp_path / "t.nk") == _cells(example)


def _cells(path: Path) -> list[object]:
    """The script word by word, with numbers as such."""
    text = path.read_text(encoding="utf-8").replace("{curve x", "{curve L x")
    words = re.sub(r"([{}])", r" \1 ", text).split()
    return [pytest.approx(float(word), abs=1e-6) if re.fullmatch(r"-?[\d.]+", word) else word for word in words]


@needs_examples
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nuke/nuke7_tracker_2tracks.nk", (2, 65)),
        ("nuke/nuke708_tracker.nk", (1, 16)),
        ("nuke/nuke8_tracker4_copypastes.nk", (4, 192)),
        ("nuke/track_nuke8.nk", (5, 377)),
        ("nuke/one_tracker_with_break.nk", (2, 44)),
        ("nuke/tracker_with_repeating_gaps.nk", (1, 6)),
        ("nuke/tracker_with_differing_gaps.nk", (1, 45)),
        ("nuke/cornerpin.nk", (4, 404)),
        ("converter_golden/ref_NukeScript.nk", (3, 39)),
    ],
)
def test_scripts_of_nuke_itself(name: str, expected: tuple[int, int]) -> None:
    assert counts(import_tracks(VFX / "samples" / name, "nuke", video(900, 1, (2048, 1556)))) == expected


@needs_examples
def test_an_animated_switch_hides_a_point() -> None:
    """Of that script's third track, `{curve K x175 1 x217 0}`."""
    tracks = import_tracks(VFX / "samples" / "nuke" / "track_nuke8.nk", "nuke", video(900, 1, (2048, 1556)))
    keyed = np.flatnonzero(np.isfinite(tracks.xy[2]).all(axis=1)) + 1
    seen = np.flatnonzero(tracks.state[2] == State.VISIBLE) + 1
    np.testing.assert_array_equal(seen, keyed[keyed < 217])
    assert set(tracks.state[2, keyed[keyed >= 217] - 1]) == {State.OCCLUDED}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
@pytest.mark.parametrize("hidden", ["gap", "flag"])
def test_there_and_back(tracks: TrackFile, hidden: Hidden, tmp_path: Path) -> None:
    kept = tracks.located & ((tracks.state == State.VISIBLE) | (hidden == "flag"))
    if not kept.any():
        return
    options = ExportOptions(hidden=hidden, start_frame=-3)
    export_tracks(tracks, tmp_path / "t.nk", "nuke", options)
    back = import_tracks(tmp_path / "t.nk", "nuke", VideoFacts(tracks.pts, tracks.time_base, (20, 12), start_frame=-3))
    rows = np.flatnonzero(kept.any(axis=1))
    kept = kept[rows]
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept)
    np.testing.assert_allclose(back.xy[kept], tracks.xy[rows][kept], atol=2e-6)
    visible = tracks.state[rows] == State.VISIBLE
    np.testing.assert_array_equal((back.state == State.VISIBLE)[kept], visible[kept])
    told = kept & np.isfinite(tracks.confidence[rows])
    np.testing.assert_allclose(back.confidence[told], tracks.confidence[rows][told], atol=2e-6)


def _four_frames() -> TrackFile:
    tracks = make_tracks(1, 5, 1, labelled=1.0)
    tracks.state[0] = State.OCCLUDED, State.VISIBLE, State.VISIBLE, State.OCCLUDED, State.VISIBLE
    tracks.xy[0] = [(1, 1), (2, 2), (3, 3), (9, 9), (5, 5)]
    tracks.confidence[0] = 1
    tracks.names = ["a"]
    return tracks


@pytest.mark.parametrize(
    ("hidden", "enable", "x"),
    [
        ("gap", "K x1001 0 x1002 1 x1004 0 x1005 1", [(1002, 2.5), (1003, 3.5), (1005, 5.5)]),
        (
            "flag",
            "K x1001 0 x1002 1 x1004 0 x1005 1",
            [(1001, 1.5), (1002, 2.5), (1003, 3.5), (1004, 9.5), (1005, 5.5)],
        ),
        ("linear", "K x1001 0 x1002 1", [(1002, 2.5), (1003, 3.5), (1004, 4.5), (1005, 5.5)]),
    ],
)
def test_hidden_frames(hidden: Hidden, enable: str, x: list[tuple[int, float]], tmp_path: Path) -> None:
    options = ExportOptions(hidden=hidden, reference_frame=2)
    export_tracks(_four_frames(), tmp_path / "t.nk", "nuke", options)
    text = (tmp_path / "t.nk").read_text()
    curve = " ".join(f"x{frame} {value:.6f}" for frame, value in x)
    assert f'{{ {{curve {enable}}} "a" {{curve L {curve}}} {{curve L x' in text
    assert "\nreference_frame 1003\n" in text


def test_names_that_mean_something_to_tcl(tmp_path: Path) -> None:
    tracks = make_tracks(6, 3, 3, labelled=1.0)
    tracks.state[:], tracks.xy[:] = State.VISIBLE, 5
    tracks.names = ['q"uo"te', "br{ace", "[exit]", "$home\\", "“é” 北", "br}ace"]
    written = export_tracks(tracks, tmp_path / "t.nk", "nuke", ExportOptions(name='a "{clip')).written
    node = Script(tmp_path / "t.nk").nodes("Tracker4")[0]
    assert (node.name, node.line) == ("Tracks_a_clip", 4)
    names = list(import_tracks(tmp_path / "t.nk", "nuke", facts(tracks)).names)
    assert names == list(written.names.values())
    assert set(written.names) == set(tracks.names)
    assert len(set(names)) == 6
    assert all(re.fullmatch(r"[A-Za-z0-9_ ]+", name) for name in names)


def test_names_of_any_kind_are_read(tmp_path: Path) -> None:
    rows = row(r'"a \"b\" \{ \[c\] \\ é"') + row("bare") + row("{in braces}") + row("bare")
    for newer, end in (("", "\r\n"), (" 1", "\n")):
        path = script(tmp_path / "t.nk", rows, 4, newer)
        path.write_bytes(path.read_bytes().replace(b"\n", end.encode()))
        assert list(read(path).names) == ['a "b" { [c] \\ é', "bare", "in braces", "bare"]


def test_cells_that_are_no_curves(tmp_path: Path) -> None:
    """A track that does not move or hangs on an expression is none; one that moves along a line is."""
    rows = (
        row("fixed", "5", "6") + row("bound", "{{parent.x}}") + row("level", y="4", enable="{curve K x1002 0 x1001 1}")
    )
    tracks = read(script(tmp_path / "t.nk", rows, 3))
    assert list(tracks.names) == ["level"]
    np.testing.assert_allclose(tracks.xy[0, :2], [(1, 7.5), (2, 7.5)])
    assert tracks.state[0, :3].tolist() == [State.VISIBLE, State.OCCLUDED, State.UNLABELLED]
    np.testing.assert_allclose(tracks.confidence[0, :2], [0.75, np.nan])


def test_a_key_is_where_both_axes_have_one(tmp_path: Path) -> None:
    tracks = read(script(tmp_path / "t.nk", row(x="{curve x1001 1 2 3}", y="{curve x1003 4 x1002 5 x1007 6}")))
    np.testing.assert_allclose(tracks.xy[0, 1:3], [(1.5, 6.5), (2.5, 7.5)])
    assert counts(tracks) == (1, 2)


def test_all_nodes_of_a_script_are_read(tmp_path: Path) -> None:
    script(tmp_path / "t.nk", row())
    curve = "{curve x1001 1 2}"
    with (tmp_path / "t.nk").open("a") as handle:
        handle.write(f"Tracker3 {{\n track1 {{{curve} {curve}}}\n track2 {{5 5}}\n name Alone\n}}\n")
        handle.write(f"Tracker3 {{\n track2 {{{curve} {curve}}}\n track4 {{{curve} {curve}}}\n name Two\n}}\n")
        handle.write(f"Blur {{\n size {curve}\n}}\nCornerPin2D {{\n to1 {{{curve} 3}}\n to4 {{{curve} 9}}\n}}\n")
    tracks = read(tmp_path / "t.nk")
    assert list(zip(tracks.names, tracks.groups, strict=True)) == [
        ("a", "Tracker1"),
        ("Alone", "Alone"),
        ("Two track2", "Two"),
        ("Two track4", "Two"),
        ("CornerPin2D top-left", "CornerPin2D"),
        ("CornerPin2D bottom-left", "CornerPin2D"),
    ]


def test_the_trackers_that_mocha_exports(tmp_path: Path) -> None:
    """Mocha's "Nuke 5 Tracker" is a Tracker3, its "Nuke 7 Tracker" a Tracker4."""
    five = "Tracker3 {\n" + "".join(
        f" track{n} {{{{curve i x1001 {n}.5 {n}.75}} {{curve i x1001 4 5}}}}\n" for n in range(1, 5)
    )
    (tmp_path / "five.nk").write_text(five + " name MochaTrackerData\n xpos 0\n ypos 0\n}\n")
    tracks = read(tmp_path / "five.nk")
    assert list(tracks.names) == ["track1", "track2", "track3", "track4"]
    np.testing.assert_allclose(tracks.xy[3, :2], [(4, 7.5), (4.25, 6.5)])
    seven = script(tmp_path / "seven.nk", "".join(row(f'"track {n}"') for n in range(1, 5)), 4, "")
    assert counts(read(seven)) == (4, 8)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (row(x="{curve x1001 1,5 2,5}"), "t.nk: line 38: '1,5' is no part of a curve"),
        (row() + row(x="{curve x1001 1 x1001 2}", y="{curve x1001 1 x1001 2}"), "line 39: frame 1001 is given twice"),
        (row(x="{curve x1020 1 2}", y="{curve x1020 1 2}"), "line 38: frame 1020 is outside the video's 1001 to 1009"),
        (row(x="{curve x1001 1e9}", y="{curve x1001 1}"), "line 38: 1e.09, 1 cannot be a position"),
        (row(x="{curve x1005 1}"), "line 38: x and y of the track 'a' have no key on the same frame"),
        (row().replace("0 0 1 0 0", "0"), "line 38: this track has 27 cells instead of 31"),
        (row(x="5", y="5"), "line 3: no track of this script has keys"),
    ],
)
def test_a_bad_row_is_named_with_its_line(rows: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        read(script(tmp_path / "t.nk", rows, rows.count("\n")))


def test_tables_that_are_not_as_they_say(tmp_path: Path) -> None:
    path = script(tmp_path / "t.nk", row(), 2)
    with pytest.raises(
        InputError, match=r"t.nk: line 4: 31 and 2 columns and tracks are announced, 31 and 1 are there"
    ):
        read(path)
    with pytest.raises(InputError, match="line 4: this table is of another version than 1"):
        read(script(path, row(), version=2))
    script(path, row())
    path.write_text(path.read_text().replace("track_y", "track_q"))
    with pytest.raises(InputError, match="line 4: this table has no column track_y"):
        read(path)
    path.write_text("Tracker4 {\ntracks { {1 31 0} }\n}\n")
    with pytest.raises(InputError, match="line 1: the table of this Tracker4 has not three parts"):
        read(path)
    path.write_text("Root {\n}\nBlur {\n}\n")
    with pytest.raises(InputError, match=r"t.nk: there is no Tracker4, Tracker3 or CornerPin2D"):
        read(path)


def test_no_piece_of_a_script_is_taken_for_the_whole(tmp_path: Path) -> None:
    text = script(tmp_path / "t.nk", row() + row(), 2).read_text().rstrip()
    for length in range(0, len(text), 53):
        (tmp_path / "t.nk").write_text(text[:length])
        with pytest.raises(InputError, match=r"t\.nk: "):
            read(tmp_path / "t.nk")


def test_nothing_is_written_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no track has a position"):
        export_tracks(make_tracks(2, 3, 1, labelled=0.0), tmp_path / "t.nk", "nuke", ExportOptions())
    assert not list(tmp_path.iterdir())


def test_a_stopped_export_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_tracks(_four_frames(), tmp_path / "t.nk", "nuke", ExportOptions(report=stop))
    assert not list(tmp_path.iterdir())
