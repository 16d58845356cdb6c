"""MM Solver's uv."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import track_files
from tests.labels.vfx.truth import assert_round_trip, assert_truth, clip, needs_files, refused, truth, words, written
from tracker.labels import TrackFile, import_tracks

SMALL = clip(9, (20, 12))


@needs_files
def test_the_truth_there_and_back(tmp_path: Path) -> None:
    lines = written("mm-solver", tmp_path / "t.uv").splitlines()
    assert words("\n".join(lines[:4])) == words(f"2 pt_A 5 1001 {100.5 / 1920} {879.5 / 1080} 1.0 ", 1e-9)
    tracks = import_tracks(tmp_path / "t.uv", "mm-solver", clip(6))
    assert_truth(tracks)
    np.testing.assert_allclose(tracks.confidence, truth().confidence, atol=1e-6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    assert_round_trip(tracks, "mm-solver", tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"version": 3}', "line 1: this is JSON of a later version"),
        ("1\na\n2\n1001 0.5 0.5 1\n", "line 4: the file ends within the 2 keys of 'a'"),
        ("1\na\n1\n1001 0,5 0.5 1\n", "line 4: 0,5 has a decimal comma"),
        ("1\na\n2\n1001 0.5 0.5 1\n1001 0.5 0.5 1\n", "line 5: frame 1001 is given twice"),
        ("1\na\n1\n1001 100.5 7 1\n", "line 4: 100.5, 7 is far outside"),
        ("1\na\n1\n1 0.5 0.5 1\n", "line 4: frame 1 is outside the video's 1001 to 1009"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("mm-solver", tmp_path / "bad.uv", text, SMALL).startswith(reason)
