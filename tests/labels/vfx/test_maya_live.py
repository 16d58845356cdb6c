"""Maya Live's tracked points."""

from fractions import Fraction
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
from tracker.labels.plate import Plate

SMALL = clip(9, (20, 12))


@needs_files
@pytest.mark.parametrize("file", ["mayalive_normalised.txt", "mayalive_pixels.txt"])
def test_the_examples_hold_the_truth(file: str) -> None:
    tracks = import_tracks(EXAMPLES / file, "maya-live", clip(6))
    assert_truth(tracks)
    np.testing.assert_allclose(tracks.confidence, truth().confidence, atol=1e-6)


@needs_files
def test_what_is_written_is_the_example(tmp_path: Path) -> None:
    example = (EXAMPLES / "mayalive_normalised.txt").read_text()
    assert words(written("maya-live", tmp_path / "t.txt"), 1e-7) == words(example, 1e-7)


@needs_files
def test_the_converters_file() -> None:
    assert_golden(import_tracks(SAMPLES / "converter_golden" / "ref_Mayalive.txt", "maya-live", clip(21)))


@needs_files
def test_x_reaches_the_aspect_of_the_picture_as_it_is_seen(tmp_path: Path) -> None:
    """An anamorphic plate: 1920x1080 pixels twice as wide as high."""
    text = written("maya-live", tmp_path / "t.txt", plate=Plate(pixel_aspect=Fraction(2)))
    assert text.splitlines()[0] == "#  Size  1920  1080  3.5556"
    assert text.splitlines()[2].split()[2:4] == ["-3.1833333333", "0.6287037037"]
    # Read for a plate of square pixels, what the file says of itself is believed, to its four decimals.
    assert_truth(import_tracks(tmp_path / "t.txt", "maya-live", clip(6)), atol=0.02)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    assert_round_trip(tracks, "maya-live", tmp_path)


def test_no_size_no_names_and_a_key_set_by_hand(tmp_path: Path) -> None:
    text = "# a comment\n0 0 0 0 -1\n0 1 0 0\n#  Name  left eye\n1 0 0 0 0.25\n"
    (tmp_path / "t.txt").write_text(text.replace("\n", "\r\n"))
    tracks = import_tracks(tmp_path / "t.txt", "maya-live", SMALL)
    assert (list(tracks.names), counts(tracks)) == (["point 0", "left eye"], (2, 3))
    assert tracks.xy[0, 0].tolist() == [9.5, 5.5]
    assert np.isnan(tracks.confidence[0, :2]).all()
    assert tracks.confidence[1, 0] == 0.75


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("#  Size  40  12  3.3333\n0 0 0 0\n", "line 1: this was made for pictures of 40x12 pixels"),
        ("#  Size  20\n", "line 1: expected width, height and aspect"),
        ("#  Size  20  12  -1\n", "line 1: -1 cannot be the aspect"),
        ("0 0 0\n", "line 1: expected at least 3 numbers, not '0 0'"),
        ("0 0 0 0 0\n0 1 0 0 0 7\n", "line 2: there are more numbers than this format has"),
        ("0\n", "line 1: expected at least 3 numbers, not ''"),
        ("a 0 0 0\n", "line 1: expected the number of a point, not 'a'"),
        ("0 0 0,5 0\n", "line 1: 0,5 has a decimal comma"),
        ("0 0 100.5 7\n", "line 1: 100.5, 7 is far outside the picture"),
        ("0 9 0 0\n", "line 1: frame 9 is outside the video's 0 to 8"),
        ("0 1 0 0\n\n0 1 0 0\n", "line 3: frame 1 is given twice for track 'point 0'"),
        ("#  Pixels\n", "there is not one position"),
    ],
)
def test_what_is_wrong_with_a_file(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("maya-live", tmp_path / "bad.txt", text, SMALL).startswith(reason)
