"""3DEqualizer's points."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import make_tracks, track_files
from tests.labels.vfx.truth import (
    EXAMPLES,
    SAMPLES,
    assert_golden,
    assert_round_trip,
    assert_truth,
    clip,
    counts,
    needs_files,
    refused,
    words,
    written,
)
from tracker.labels import ExportOptions, TrackFile, export_tracks, import_tracks

SMALL = clip(9, (20, 12))
versions = pytest.mark.parametrize("name", ["3de4", "3de3"])


@needs_files
@versions
def test_the_example_holds_the_truth(name: str, tmp_path: Path) -> None:
    example = EXAMPLES / f"{name}_tracks.txt"
    assert_truth(import_tracks(example, name, clip(6)))
    assert words(written(name, tmp_path / "t.txt")) == words(example.read_text())


@needs_files
def test_a_file_of_3dequalizer_itself() -> None:
    tracks = import_tracks(SAMPLES / "3de4" / "3de_export_cube.txt", "3de4", clip(140, (720, 576)))
    assert counts(tracks) == (8, 701)
    assert tracks.names[0] == "01"
    np.testing.assert_allclose(tracks.xy[0, 39], (407.384758 - 0.5, 576 - 0.5 - 232.449012), atol=1e-4)


@needs_files
@pytest.mark.parametrize(("file", "name"), [("ref_equalizer.txt", "3de4"), ("ref_equalizer3.txt", "3de3")])
def test_the_converters_files(file: str, name: str) -> None:
    assert_golden(import_tracks(SAMPLES / "converter_golden" / file, name, clip(21)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
@versions
def test_there_and_back(name: str, tracks: TrackFile, tmp_path: Path) -> None:
    assert_round_trip(tracks, name, tmp_path)


@versions
def test_names_the_program_takes(name: str, tmp_path: Path) -> None:
    tracks = make_tracks(3, 2, 0, labelled=1.0)
    tracks.state[:], tracks.xy[:] = 1, 3
    tracks.names = ['left "eye"', "left 'eye'", "7 é"]
    found = export_tracks(tracks, tmp_path / "t.txt", name, ExportOptions()).written
    assert found.names == dict(zip(tracks.names, ["left _eye", "left _eye_2", "track_7 e"], strict=True))
    assert list(import_tracks(tmp_path / "t.txt", name, SMALL).names) == list(found.names.values())


def test_gaps_may_be_filled(tmp_path: Path) -> None:
    tracks = make_tracks(1, 4, 0, labelled=0.0)
    tracks.state[0, [0, 3]], tracks.xy[0, [0, 3]] = 1, [(1, 2), (4, 8)]
    export_tracks(tracks, tmp_path / "t.txt", "3de4", ExportOptions(hidden="linear"))
    assert import_tracks(tmp_path / "t.txt", "3de4", SMALL).xy[0, :4].tolist() == [[1, 2], [2, 4], [3, 6], [4, 8]]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x\n", "line 1: expected the number of tracks, not 'x'"),
        ("-1\n", "line 1: expected the number of tracks, not '-1'"),
        ("1\na\n0\n2\n1 2 3\n", "line 5: the file ends within the 2 keys of 'a'"),
        ("2\na\n0\n1\n1 2 3\n", "line 5: the file ends where another track should begin"),
        ("1\na\nred\n1\n1 2 3\n", "line 3: expected the number of a colour, not 'red'"),
        ("1\na\n0\n1\n1 2 3\n2 3 4\n", "line 6: there is more than line 1 announces: '2 3 4'"),
        ("1\na\n0\n1\n1 2\n", "line 5: expected at least 3 numbers, not '1 2'"),
        ("1\na\n0\n1\n1 2,5 3\n", "line 5: 2,5 has a decimal comma; numbers need a point"),
        ("1\na\n0\n1\n1 2 nan\n", "line 5: nan is not a finite number"),
        ("1\na\n0\n1\n1.5 2 3\n", "line 5: 1.5 is between two frames"),
        ("1\na\n0\n1\n1e300 2 3\n", "line 5: 1e300 cannot be the number of a frame"),
        ("1\na\n0\n1\n0 2 3\n", "line 5: frame 0 is outside the video's 1 to 9"),
        ("1\na\n0\n2\n1 2 3\r\n1 3 4\r", "line 6: frame 1 is given twice for track 'a'"),
        ("1\na\n0\n1\n1 2e9 3\n", "line 5: 2e+09, 3 cannot be a position"),
        (
            "// 3DE Multiple Tracking Curves Export 20 x 12 * 9 frames\n",
            "line 1: expected the number of tracks, not '//",
        ),
        ("1\na\n0\n0\n", "there is not one position"),
    ],
)
def test_what_is_wrong_with_a_file_of_version_4(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("3de4", tmp_path / "bad.txt", text, SMALL).startswith(reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2\na\n", "line 1: this is not the heading"),
        ("// 3DE Multiple Tracking Curves Export 40 x 12 * 9 frames\na\n\t1\t2\t3\n",
         "line 1: this was made for pictures of 40x12 pixels, the video has 20x12"),
        ("// 3DE Multiple Tracking Curves Export 20 x 12 * 9 frames\n\t1\t2\t3\n", "line 2: expected the name"),
        ("// 3DE Multiple Tracking Curves Export 20 x 12 * 9 frames\na\n\t1\t2\t3\n\t2\t3\n", "line 4: expected at"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_of_version_3(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("3de3", tmp_path / "bad.txt", text, SMALL).startswith(reason)


@versions
def test_points_of_one_name_stay_apart(name: str, tmp_path: Path) -> None:
    heading = "// 3DE Multiple Tracking Curves Export 20 x 12 * 9 frames\n"
    text = heading + "é b\n\t1\t2\t3\né b\n\t1\t4\t5\n" if name == "3de3" else 2 * "é b\n0\n1\n1 2 3\n"
    (tmp_path / "t.txt").write_text(text if name == "3de3" else "2\n" + text, encoding="utf-8")
    tracks = import_tracks(tmp_path / "t.txt", name, SMALL)
    assert (list(tracks.names), counts(tracks)) == (["é b", "é b"], (2, 2))
