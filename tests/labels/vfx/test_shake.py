"""Shake's tracker text and that of Nuke's CameraTracker."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, make_tracks, track_files
from tests.labels.vfx.test_nuke_tracker import VFX, assert_true, counts, needs_examples, the_truth, video
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, export_tracks, find_format, import_tracks

HEAD = "TrackName a\n   Frame             X             Y   Correlation\n"


@needs_examples
@pytest.mark.parametrize(
    ("name", "example"), [("shake", "shake_tracks.txt"), ("nuke-cameratracker", "nuke_cameratracker.txt")]
)
def test_the_example_holds_the_truth(name: str, example: str, tmp_path: Path) -> None:
    path = VFX / "examples" / example
    assert_true(import_tracks(path, "shake", video(6)))
    export_tracks(the_truth(), tmp_path / "t.txt", name, ExportOptions())
    assert (tmp_path / "t.txt").read_text() == path.read_text()


@needs_examples
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shake_text/one_shake_tracker.txt", (1, 46)),
        ("shake_text/two_shake_trackers.txt", (2, 72)),
        ("converter_golden/ref_ShakeText.txt", (3, 39)),
        ("converter_golden/ref_NukeCameraTrackerUsertracks.txt", (3, 39)),
    ],
)
def test_files_of_the_programs(name: str, expected: tuple[int, int]) -> None:
    assert counts(import_tracks(VFX / "samples" / name, "shake", video(200, 1, (2600, 1200)))) == expected


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    kept = tracks.located & (tracks.state == State.VISIBLE)
    if not kept.any():
        return
    rows = np.flatnonzero(kept.any(axis=1))
    export_tracks(tracks, tmp_path / "t.txt", "shake", ExportOptions())
    back = import_tracks(tmp_path / "t.txt", "shake", facts(tracks))
    np.testing.assert_array_equal(np.isfinite(back.xy).all(axis=2), kept[rows])
    np.testing.assert_allclose(back.xy[kept[rows]], tracks.xy[rows][kept[rows]], atol=6e-4)
    told = kept[rows] & np.isfinite(tracks.confidence[rows])
    np.testing.assert_allclose(back.confidence[told], tracks.confidence[rows][told], atol=6e-4)


def test_names(tmp_path: Path) -> None:
    tracks = make_tracks(3, 2, 0, labelled=1.0)
    tracks.state[:], tracks.xy[:] = State.VISIBLE, 3
    tracks.names = ['left "eye"', "left eye", "“é”"]
    plain = export_tracks(tracks, tmp_path / "s.txt", "shake", ExportOptions()).written.names
    assert plain == {'left "eye"': "left_eye", "left eye": "left_eye_2", "“é”": "e"}
    assert list(import_tracks(tmp_path / "s.txt", "shake", facts(tracks)).names) == list(plain.values())
    numbered = export_tracks(tracks, tmp_path / "n.txt", "nuke-cameratracker", ExportOptions()).written.names
    assert list(numbered.values()) == ["usertrack0", "usertrack1", "usertrack2"]
    assert not find_format("nuke-cameratracker").readable  # it is Shake's text


def test_any_line_ends_names_with_blanks_and_no_correlation(tmp_path: Path) -> None:
    text = "\r\nTrackName  left “eye” 1 \r\n Frame X Y\r\n 1001.00 1.5 8\n\r\n1002 2.5 7\r"
    text += "TrackName left “eye” 1\nFrame X Y\n"
    (tmp_path / "t.txt").write_bytes(text.encode())
    back = import_tracks(tmp_path / "t.txt", "shake", video(3, 1001, (20, 12)))
    assert list(back.names) == ["left “eye” 1"] * 2
    np.testing.assert_allclose(back.xy[0, :2], [(1, 3.5), (2, 4.5)])
    assert counts(back) == (2, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("frame x y\n", "t.txt: line 1: expected TrackName"),
        ("TrackName a\n", "line 2: expected the columns' titles Frame, X, Y"),
        ("TrackName a\n1 2 3 1\n", "line 2: expected the columns' titles"),
        (HEAD + "1001 1.5 2.5\n", "line 3: expected 4 numbers, not 3"),
        (HEAD + "1001 1,5 2,5 1\n", "line 3: 1,5 has a decimal comma"),
        (HEAD + "1001 1.5 2.5 1\n\n1002.00 1.5 2.5 good\n", "line 5: expected a number, not 'good'"),
        (HEAD + "1001 1.5 2.5 1\n1001 1.5 2.5 1\n", "line 4: frame 1001 is given twice for track 'a'"),
        (HEAD + "1001.5 1.5 2.5 1\n", "line 3: 1001.5 is between two frames"),
        (HEAD + "12 1.5 2.5 1\n", "line 3: frame 12 is outside the video's 1001 to 1003"),
        (HEAD + "1001 nan 2.5 1\n", "line 3: nan is not a finite number"),
        (HEAD + "1001 1.5 2.5 1\n1002 1.", "line 4: expected 4 numbers, not 2"),
        (HEAD, "there is not one position"),
    ],
)
def test_a_bad_line_is_named(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(InputError, match=reason):
        import_tracks(tmp_path / "t.txt", "shake", video(3, 1001, (20, 12)))


@pytest.mark.parametrize("name", ["shake", "nuke-cameratracker"])
def test_nothing_is_written_of_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no track has a position"):
        export_tracks(make_tracks(2, 3, 1, labelled=0.0), tmp_path / "t.txt", name, ExportOptions())
