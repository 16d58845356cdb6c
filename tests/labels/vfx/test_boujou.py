"""boujou's feature tracks."""

from pathlib import Path

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
    needs_files,
    refused,
    words,
    written,
)
from tracker.labels import TrackFile, find_format, import_tracks

HEADING = "# boujou 2d tracks export: text\n# track_id    view      x    y\n"


@needs_files
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    example = EXAMPLES / "boujou_tracks.txt"
    assert_truth(import_tracks(example, "boujou", clip(6)))
    mine, theirs = (_without_date(text) for text in (written("boujou", tmp_path / "t.txt"), example.read_text()))
    assert words(mine) == words(theirs)


def _without_date(text: str) -> str:
    lines = text.splitlines()
    assert lines[2].startswith("# Creation date : ")
    return "\n".join(lines[:2] + lines[3:])


@needs_files
def test_the_converter_writes_two_pixels_below_and_one_frame_before_what_it_reads() -> None:
    file = SAMPLES / "converter_golden" / "ref_boujou.txt"
    assert_golden(import_tracks(file, "boujou", clip(21, start=0)), dy=2)
    assert "two pixels off, frames by one" in find_format("boujou").untested


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    assert_round_trip(tracks, "boujou", tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a  1  2.0  3.0\n", "line 1: there is no line '# track_id"),
        (HEADING + "a  1  2.0\n", "line 3: expected at least 3 numbers, not '1 2.0'"),
        (HEADING + "left eye  1  2.0  3.0\n", "line 3: expected a number, not 'eye'"),
        (HEADING + "a  1  2.0  3.0  4.0\n", "line 3: there are more numbers than this format has"),
        (HEADING + "a  1  2.0  3.0\r\na  1  2.0  3.0\r\n", "line 4: frame 1 is given twice for track 'a'"),
        (HEADING + "a  1  2,0  3.0\n", "line 3: 2,0 has a decimal comma"),
        (HEADING + "a  0  2.0  3.0\n", "line 3: frame 0 is outside the video's 1 to 9"),
        (HEADING, "there is not one position"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("boujou", tmp_path / "bad.txt", text, clip(9, (20, 12))).startswith(reason)
