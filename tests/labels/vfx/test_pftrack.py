"""PFTrack's and PFMatchit's 2D tracks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import track_files
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
    truth,
    words,
    written,
)
from tracker.labels import TrackFile, import_tracks

SMALL = clip(9, (20, 12))


@needs_files
@pytest.mark.parametrize("file", ["pftrack_tracks.txt", "pftrack5_tracks.2dt"])
def test_the_examples_hold_the_truth(file: str) -> None:
    tracks = import_tracks(EXAMPLES / file, "pftrack", clip(6))
    assert_truth(tracks)
    np.testing.assert_allclose(tracks.confidence, truth().confidence, atol=1e-6)


@needs_files
def test_what_is_written_is_the_example(tmp_path: Path) -> None:
    assert words(written("pftrack", tmp_path / "t.txt")) == words((EXAMPLES / "pftrack_tracks.txt").read_text())


@needs_files
def test_tracks_on_known_pixels_settle_where_pixels_are() -> None:
    """PFTrack itself wrote them, on the bottom-left pixel and on one near the top-right corner."""
    tracks = import_tracks(SAMPLES / "pftrack" / "subpixel_corners_720x576.txt", "pftrack", clip(1, (720, 576)))
    assert list(tracks.names) == ["lowerLeft", "upperRight"]
    np.testing.assert_allclose(tracks.xy[:, 0], [(0, 575), (715, 4)], atol=1.1e-3)


@needs_files
def test_files_of_the_program_itself() -> None:
    folder = SAMPLES / "pftrack"
    tracks = import_tracks(folder / "pfmatchit_example.2dt", "pftrack", clip(40, (720, 576)))
    assert counts(tracks) == (2, 74)
    assert tracks.confidence[0, 3] == np.float32(1 - 0.004)  # a residual
    empty = import_tracks(folder / "empty_trackers.2dt", "pftrack", clip(44, (720, 576), start=9095))
    assert counts(empty) == (3, 10)
    assert list(empty.names) == ["Feature2", "Feature3", "Feature4"]


@needs_files
@pytest.mark.parametrize("file", ["ref_PFTrack.2dt", "ref_PFTrack5.2dt", "ref_PFMatchit.2dt"])
def test_the_converters_files(file: str) -> None:
    assert_golden(import_tracks(SAMPLES / "converter_golden" / file, "pftrack", clip(21)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    assert_round_trip(tracks, "pftrack", tmp_path)


def test_a_second_camera_is_a_group_and_a_depth_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "t.2dt").write_bytes(
        b'\xef\xbb\xbf"a"\r\n1\r\n1\n1 2 3 1.0 7.5\r\n\r\n"a"\r\n2\r\n1\r\n1 5 3 1.0 7.5\r\n'
    )
    tracks = import_tracks(tmp_path / "t.2dt", "pftrack", SMALL)
    assert (tracks.groups, list(tracks.names)) == (["", "clip 2"], ["a", "a"])
    assert tracks.xy[:, 0].tolist() == [[2, 8], [5, 8]]
    assert np.isnan(tracks.confidence).all()  # nothing says whether 1.0 is good


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a\n1\n1\n1 2 3\n", "line 1: expected the name of a track in quotes, not 'a'"),
        ('# no\n\n"a"\n1\n2\n1 2 3\n', "line 7: track 'a' ends after 1 of its 2 keys"),
        ('"a"\n1\n2\n1 2 3\n\n"b"\n1\n0\n', "line 6: track 'a' ends after 1 of its 2 keys"),
        ('"a"\n1\n1\n1 2 3\n2 3 4\n', "line 5: expected the name of a track in quotes, not '2 3 4'"),
        ('"a"\n1\n1\n# x\n1 2,5 3\n', "line 5: 2,5 has a decimal comma"),
        ('"a"\n1\n2\n1 2 3\n1 2 3\n', "line 5: frame 1 is given twice"),
        ('"a"\n1\n1\n10 2 3\n', "line 4: frame 10 is outside the video's 1 to 9"),
        ('"a"\n"Primary"\n1\n9 2 3\n', "line 4: frame 9 is outside the video's 0 to 8"),
        ('"a"\nx\n1\n1 2 3\n', "line 2: expected the number of a clip, not 'x'"),
        ('"a"\n', "line 2: expected the number of keys, not ''"),
        ('"a"\n1\n0\n"b"\n"Primary"\n0\n', "line 7: the tracks are of different versions"),
        ("# nothing\n", "line 2: there is not one track"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("pftrack", tmp_path / "bad.txt", text, SMALL).startswith(reason)
