"""SynthEyes' 2-D paths."""

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
    words,
    written,
)
from tracker.labels import State, TrackFile, import_tracks
from tracker.labels.vfx.syntheyes import camel_names

SMALL = clip(9, (21, 11))


@needs_files
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    example = EXAMPLES / "syntheyes_2d_paths.txt"
    assert_truth(import_tracks(example, "syntheyes", clip(6)), atol=6e-4)
    assert words(written("syntheyes", tmp_path / "t.txt"), atol=6e-7) == words(example.read_text(), atol=6e-7)
    assert written("syntheyes", tmp_path / "t.txt", start=1001).startswith("ptA 1001 -0.89577905 -0.62928638 15\n")


@needs_files
def test_trackers_on_known_corners_settle_where_pixels_are() -> None:
    """SynthEyes itself wrote them: two on pixels whose places PFTrack tells too, two on the picture's corners."""
    file = SAMPLES / "syntheyes" / "subpixel_corners_720x576.txt"
    tracks = import_tracks(file, "syntheyes", clip(1, (720, 576)))
    np.testing.assert_allclose(tracks.xy[1, 0], (715, 4), atol=0.02)
    np.testing.assert_allclose(tracks.xy[[2, 3], 0] + 0.5, [(0, 576), (720, 0)], atol=0.04)
    assert counts(tracks) == (4, 4)


@needs_files
@pytest.mark.parametrize(("file", "expected"), [("one_tracker.txt", (1, 49)), ("cola_plate.txt", (6, 507))])
def test_files_of_syntheyes_itself(file: str, expected: tuple[int, int]) -> None:
    tracks = import_tracks(SAMPLES / "syntheyes" / file, "syntheyes", clip(200, start=1))
    assert counts(tracks) == expected
    assert (tracks.state == State.VISIBLE).sum() == expected[1]


@needs_files
def test_the_converters_file() -> None:
    assert_golden(import_tracks(SAMPLES / "converter_golden" / "ref_Syntheyes.txt", "syntheyes", clip(21)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    assert_round_trip(tracks, "syntheyes", tmp_path)


def test_names_are_joined_with_capitals() -> None:
    names = ["pt_A", "ptA", "left eye", "Über-Punkt 7", "_", "7 a", "x"]
    assert camel_names(names) == ["ptA", "ptA2", "leftEye", "UberPunkt7", "track", "track7A", "x"]


def test_outcomes_tell_what_was_seen(tmp_path: Path) -> None:
    lines = ["a 0 0 0 15", "a 1 0 0.5 39", "a 2 0 0 3", "a 3 -1 1 23", "b 4 0 -1", "b 5 0 -1"]
    (tmp_path / "t.txt").write_text("\r\n".join(lines))
    tracks = import_tracks(tmp_path / "t.txt", "syntheyes", SMALL)
    assert tracks.state[0, :4].tolist() == [State.VISIBLE, State.OCCLUDED, State.OCCLUDED, State.VISIBLE]
    assert tracks.xy[0, [0, 3]].tolist() == [[10, 5], [0, 10]]
    assert (tracks.state[1, 4:6] == State.VISIBLE).all()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a 0 0 0 7\nTracker 1 0 0 0 7\na 0 0.1 0 7\n", "line 3: frame 0 is given twice for track 'a'"),
        ("a 0 0,5 0 7\n", "line 1: 0,5 has a decimal comma"),
        ("a 0 0 0 7\nleft eye 1 0 0 7\n", "line 2: expected a number, not 'eye'"),
        ("a 0 0 0 7\na 1 0\n", "line 2: expected at least 3 numbers, not '1 0'"),
        ("Tracker1\n0 100.0 200.0\n", "line 1: expected frame, u and v behind 'Tracker1'; other exports"),
        ("a 9 0 0 7\n", "line 1: frame 9 is outside the video's 0 to 8"),
        ("a 0 100.5 0.5 7\n", "line 1: 100.5, 0.5 is far outside the picture"),
        ("a 0 0.5 0.5 7.5\n", "line 1: 7.5 cannot be an outcome"),
        ("a 0 0.5 0.5 x\n", "line 1: expected a number, not 'x'"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("syntheyes", tmp_path / "bad.txt", text, SMALL).startswith(reason)
