"""MatchMover's rz2 and RZML."""

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
from tracker.files import InputError
from tracker.labels import TrackFile, import_tracks
from tracker.labels.plate import Plate

SMALL = clip(9, (20, 12))
HEADING = 'imageSequence\t"Sequence 01"\n{\n\t20\t12\tf( "a.%04d.exr" )\tb( 1001 1009 1 )\t\n}\n'
TRACK = 'pointTrack  "a"  rgb( 255 0 0 )\t\n{\n'
XML = '<?xml version="1.0"?>\n<RZML v="1.3.2">\n<L i="1" n="left eye"/>\n<SHOT w="20" h="12"><IPLN>\n'


@needs_files
def test_the_example_holds_the_truth(tmp_path: Path) -> None:
    example = EXAMPLES / "matchmover.rz2"
    tracks = import_tracks(example, "matchmover", clip(6))
    assert_truth(tracks)
    known = np.isfinite(tracks.confidence)
    np.testing.assert_allclose(tracks.confidence[known], truth().confidence[known], atol=1e-6)
    assert known.sum() == 7  # of 9: a key has a threshold in its place
    text = written("matchmover", tmp_path / "t.rz2", plate=Plate(path="plate.%04d.exr"))
    assert words(text) == words(example.read_text())


@needs_files
@pytest.mark.parametrize(
    ("file", "name", "video", "expected"),
    [
        ("cha_171_1020_atb_v001.rz2", "matchmover", clip(36, (2880, 1620)), (6, 216)),
        ("EP_1000_head_trackers_v002.rz2", "matchmover", clip(150, (714, 480)), (7, 910)),
        ("md_145_1070_right_t1.rzml", "matchmover-rzml", clip(71, (2048, 1152)), (2, 142)),
    ],
)
def test_files_of_matchmover_itself(file: str, name: str, video: object, expected: tuple[int, int]) -> None:
    tracks = import_tracks(SAMPLES / "matchmover" / file, name, video)  # type: ignore[arg-type]
    assert counts(tracks) == expected
    if name == "matchmover-rzml":
        assert list(tracks.names) == ["Track 01", "Track 02"]
        np.testing.assert_allclose(tracks.xy[:, 0] + 0.5, [(626.91, 488.62), (812.48, 475.36)], atol=1)
        assert tracks.confidence[0, 1] == np.float32(0.958799243)
    if file.startswith("cha"):
        np.testing.assert_allclose(tracks.xy[0, 0], (413.953, 1071.867), atol=1e-3)


@needs_files
def test_the_converters_file() -> None:
    file = SAMPLES / "converter_golden" / "ref_matchmover.rz2"
    assert_golden(import_tracks(file, "matchmover", clip(21, start=1)))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    assert_round_trip(tracks, "matchmover", tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("pointTrack", "line 1: this does not begin with an imageSequence"),
        (HEADING.replace("\t20\t", "\t40\t"), "line 3: this was made for pictures of 40x12 pixels"),
        (HEADING.replace("\t20\t", "\tx\t"), "line 3: expected a number, not 'x'"),
        (HEADING + TRACK + "\t1001\t1.0 2.0\n", "line 8: the file ends within track 'a'"),
        (HEADING + TRACK, "line 7: the file ends within track 'a'"),
        (HEADING + "pointTrack a\n{\n}\n", "line 5: expected pointTrack, a name in quotes and {"),
        (HEADING + TRACK + "\t1001\t1.0\n}\n", "line 7: expected at least 3 numbers"),
        (HEADING + TRACK + "\t1001\t1,0 2.0\n}\n", "line 7: 1,0 has a decimal comma"),
        (HEADING + TRACK + "\t1001\t1 2 p+( x )\n}\n", "line 7: expected a number, not 'x'"),
        (HEADING + TRACK + 2 * "\t1001\t1 2\n" + "}\n", "line 8: frame 1001 is given twice for track 'a'"),
        (HEADING + TRACK + "\t1\t1 2\n}\n", "line 7: frame 1 is outside the video's 1001 to 1009"),
        (HEADING, "there is not one position"),
    ],
)
def test_what_is_wrong_with_an_rz2(text: str, reason: str, tmp_path: Path) -> None:
    assert refused("matchmover", tmp_path / "bad.rz2", text, SMALL).startswith(reason)


def test_a_path_over_two_lines_and_mixed_line_ends(tmp_path: Path) -> None:
    heading = HEADING.replace("a.%04d.exr", "/a long\n way/a.%04d.exr").replace("}", "}\r")
    (tmp_path / "t.rz2").write_bytes((heading + TRACK + "\r\n\t1001\t1.5 2.5 p*( 0.5 )\r\n}\n").encode())
    tracks = import_tracks(tmp_path / "t.rz2", "matchmover", SMALL)
    assert (tracks.xy[0, 0].tolist(), tracks.confidence[0, 0]) == ([1, 2], 0.5)


def test_the_frames_of_an_rzml(tmp_path: Path) -> None:
    body = '<IFRM><M i="1" x="1.5" y="2.5"/></IFRM>\n<IFRM t="8"><M i="1" x="2" y="3" cs="0.5"/></IFRM>'
    (tmp_path / "t.rzml").write_text(XML + body + "</IPLN></SHOT></RZML>")
    tracks = import_tracks(tmp_path / "t.rzml", "matchmover-rzml", SMALL)
    assert tracks.xy[0, [0, 8]].tolist() == [[1, 2], [1.5, 2.5]]
    assert list(tracks.names) == ["left eye"]


BOMB = '<?xml version="1.0"?>\n<!DOCTYPE R [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>\n<RZML>&b;</RZML>'
OUTSIDE = '<?xml version="1.0"?>\n<!DOCTYPE R [<!ENTITY a SYSTEM "file:///etc/passwd">]>\n<RZML>&a;</RZML>'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "this XML defines entities"),
        (OUTSIDE, "this XML defines entities"),
        ("<svg/>", "line 1: this is XML, but not of MatchMover: it begins with <svg>"),
        (XML + "<IFRM>", "line 5: this is not whole XML: no element found"),
        ("", "line 1: this is not whole XML: no element found"),
        ("1 2 3", "line 1: this is not whole XML: syntax error"),
        (b"\x00\x01", "line 1: this is not whole XML"),
        ('<?xml version="1.0" encoding="nonsense"?><RZML/>', "this is not whole XML: unknown encoding"),
        (XML + '<IFRM t="1.5">', "line 5: 1.5 is between two frames"),
        (XML + '<IFRM>\n<M i="1" x="1,5" y="2"/>', "line 6: 1,5 has a decimal comma"),
        (XML + '<IFRM>\n<M i="1" x="1"/>', "line 6: expected a number, not ''"),
        (XML + '<IFRM>\n<M i="1" x="1" y="2" cs="good"/>', "line 6: expected a number, not 'good'"),
        (XML.replace('h="12"', 'h="24"'), "line 4: this was made for pictures of 20x24 pixels"),
        (XML + '</IPLN></SHOT><SHOT w="20" h="12">', "line 5: there is more than one sequence"),
        (XML + '<IFRM t="9"><M i="1" x="1" y="2"/></IFRM></IPLN></SHOT></RZML>', "line 5: frame 9 is outside the"),
        (XML + "</IPLN></SHOT></RZML>", "there is not one position"),
    ],
)
def test_what_is_wrong_with_an_rzml(text: str | bytes, reason: str, tmp_path: Path) -> None:
    assert refused("matchmover-rzml", tmp_path / "bad.rzml", text, SMALL).startswith(reason)


def test_a_folder_is_no_rzml(tmp_path: Path) -> None:
    (tmp_path / "t.rzml").mkdir()
    with pytest.raises(InputError, match=r"t\.rzml: Is a directory"):
        import_tracks(tmp_path / "t.rzml", "matchmover-rzml", SMALL)
