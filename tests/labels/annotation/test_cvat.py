"""CVAT for video 1.1: what stands in the file, what comes back, and CVAT's own files."""

import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import assert_same, facts, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, Source, State, TrackFile, VideoFacts, export_tracks, import_tracks
from tracker.labels.annotation.cvat_reader import read_cvat

VIDEO = VideoFacts(np.arange(6), Fraction(1, 25), (100, 50))
HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><task><size>6</size>'
    "<original_size><width>100</width><height>50</height></original_size></task></meta>\n"
)


def small_tracks() -> TrackFile:
    tracks = TrackFile.empty(3, np.arange(5), Fraction(1, 25), (100, 50))
    tracks.names = ["<left> & 'right' \"é\"", "never placed", " spaces "]
    tracks.groups = ['a "group" & <more>', "", ""]
    tracks.state[0] = State.VISIBLE, State.OCCLUDED, State.UNLABELLED, State.OUT_OF_VIEW, State.VISIBLE
    tracks.xy[0, [0, 1, 4]] = (10.1, 20.25), (11, 21), (12, 22)
    tracks.state[1, 1] = State.OCCLUDED
    tracks.state[2, :2], tracks.xy[2, 0] = State.VISIBLE, (0, 0)
    tracks.source[tracks.state > 0] = Source.MODEL
    tracks.confidence[0, :2] = 0.25, 0.25
    tracks.approved[0, 4] = True
    return tracks


def shapes(track: ET.Element) -> list[tuple[str, ...]]:
    keys = ("frame", "keyframe", "outside", "occluded", "points")
    return [tuple(shape.attrib[key] for key in keys) for shape in track.iter("points")]


def attributes(shape: ET.Element) -> dict[str, Any]:
    return {item.attrib["name"]: item.text for item in shape.iter("attribute")}


def test_the_file_says_it_all(tmp_path: Path) -> None:
    done = export_tracks(small_tracks(), tmp_path / "t.xml", "cvat", ExportOptions(name="a & b")).written
    assert (done.tracks, done.left_out, done.note) == (2, 1, "tracks left out because they have no position: 1")
    root = ET.parse(tmp_path / "t.xml").getroot()
    assert root.findtext("version") == "1.1"
    task = root.find("meta/task")
    assert task is not None
    found = [task.findtext(key) for key in ("name", "size", "mode", "start_frame", "stop_frame")]
    assert found == ["a & b", "5", "interpolation", "0", "4"]
    assert [label.findtext("name") for label in task.iter("label")] == ['a "group" & <more>', "point"]
    first, last = root.iter("track")
    assert first.attrib["label"] == 'a "group" & <more>'
    assert shapes(first) == [
        ("0", "1", "0", "0", "10.600000,20.750000"),
        ("1", "1", "0", "1", "11.500000,21.500000"),
        ("2", "1", "1", "0", "11.500000,21.500000"),  # closes the stretch
        ("3", "1", "1", "0", "11.500000,21.500000"),  # out of view: no position
        ("4", "1", "0", "0", "12.500000,22.500000"),
    ]
    begun, second, closed, *_ = first.iter("points")
    assert attributes(begun) == {
        "name": "<left> & 'right' \"é\"",
        "state": "visible",
        "source": "model",
        "approved": "false",
        "confidence": "0.25",
    }
    assert attributes(second) == {"state": "occluded", "source": "model", "approved": "false"}
    assert attributes(closed)["state"] == "unlabelled"
    assert [shape[:4] for shape in shapes(last)] == [("0", "1", "0", "0"), ("1", "1", "1", "0"), ("2", "1", "1", "0")]


def test_names_that_xml_cannot_hold(tmp_path: Path) -> None:
    tracks = small_tracks()
    tracks.names = ["bell\x07", "", "\ud800"]
    done = export_tracks(tracks, tmp_path / "t.xml", "cvat", ExportOptions()).written
    assert done.names == {"bell\x07": "bell\ufffd", "\ud800": "\ufffd"}
    assert list(read_cvat(tmp_path / "t.xml", facts(tracks)).names) == ["bell\ufffd", "\ufffd"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    export_tracks(tracks, tmp_path / "t.xml", "cvat", ExportOptions())
    back = read_cvat(tmp_path / "t.xml", facts(tracks))
    kept = np.asarray(tracks.located.any(axis=1))
    for field in ("state", "confidence", "source", "approved"):
        assert_same(getattr(tracks, field)[kept], getattr(back, field), field)
    assert list(back.names) == [name for name, one in zip(tracks.names, kept, strict=True) if one]
    placed = (tracks.located & (tracks.state != State.OUT_OF_VIEW))[kept]
    np.testing.assert_allclose(back.xy[placed], tracks.xy[kept][placed], atol=2e-6)
    assert np.isnan(back.xy[~placed]).all()


def put(path: Path, body: str, head: str = HEAD, end: str = "</annotations>") -> Path:
    path.write_text(head + body + end, encoding="utf-8")
    return path


def shape(frame: Any, points: str = "1.5,2.5", outside: int = 0, occluded: int = 0) -> str:
    return f'<points frame="{frame}" outside="{outside}" occluded="{occluded}" keyframe="0" points="{points}"/>\n'


def test_cvats_own_files(tmp_path: Path) -> None:
    """Frames between keyframes are there already; a shape of several points is several tracks."""
    body = (
        f'<track id="4" label="hand">\n{shape(1)}{shape(2, occluded=1)}{shape(3, "150,2")}{shape(4, outside=1)}</track>'
        f'<track id="5" label="point">\n{shape(0, "1,2;3,4")}{shape(5, "5,6;7,8")}</track>'
    )
    back = import_tracks(put(tmp_path / "c.xml", body), "cvat", VIDEO)
    assert list(back.names) == ["4", "5 1", "5 2"]
    assert list(back.groups) == ["hand", "", ""]
    assert back.state.tolist() == [[0, 1, 2, 3, 0, 0], [1, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 1]]
    assert back.xy[0, 1].tolist() == [1, 2]
    assert back.xy[2, 5].tolist() == [6.5, 7.5]
    assert set(back.source[back.state > 0].tolist()) == {Source.IMPORTED}


def test_skeletons(tmp_path: Path) -> None:
    parts = "".join(
        f'<skeleton frame="{frame}" keyframe="1"><points outside="0" occluded="0" label="nose" points="1,2"/>'
        f'<points outside="0" occluded="1" label="tail" points="{frame},4"/></skeleton>'
        for frame in (0, 3)
    )
    back = import_tracks(put(tmp_path / "c.xml", f'<track id="0" label="mouse">{parts}</track>'), "cvat", VIDEO)
    assert list(back.names) == ["nose 0", "tail 0"]
    assert back.state.tolist() == [[1, 0, 0, 1, 0, 0], [2, 0, 0, 2, 0, 0]]


def test_who_hides_a_point_in_cvat_is_believed(tmp_path: Path) -> None:
    """The attribute still says visible."""
    tracks = small_tracks()
    export_tracks(tracks, tmp_path / "t.xml", "cvat", ExportOptions())
    text = (tmp_path / "t.xml").read_text(encoding="utf-8")
    (tmp_path / "t.xml").write_text(text.replace('outside="0" occluded="0"', 'outside="0" occluded="1"', 1))
    assert read_cvat(tmp_path / "t.xml", facts(tracks)).state[0, 0] == State.OCCLUDED


def track(*lines: str) -> str:
    return '<track id="0" label="point">\n' + "".join(lines) + "</track>"


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>\n'
    "<annotations><version>&b;</version>"
)
OUTSIDE = '<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<annotations>&x;'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", r"line 1: this is no whole XML"),
        ("not xml", r"line 1: this is no whole XML"),
        (HEAD + track(shape(0))[:-20], r"line 6: this is no whole XML"),
        ('<?xml version="1.0" encoding="martian"?>\n<annotations/>', "this is no XML file"),
        (BOMB, "line 2: the XML declares a document type or entities"),
        (OUTSIDE, "line 2: the XML declares a document type or entities"),
        ("<kml></kml>", "line 1: this is no CVAT file, it begins with 'kml'"),
        ("<annotations></annotations>", "this is no CVAT file, it has no version"),
        (HEAD.replace("1.1", "2.0"), "line 3: version '2.0' of CVAT's annotations is not known here"),
        (HEAD.replace(">100<", ">64<"), "line 4: the width of the pictures is 64, the video's is 100"),
        (HEAD.replace(">6<", ">7<"), "line 4: the task has 7 frames, the video has 6"),
        (HEAD + "<image id='0'/>", "line 5: this is CVAT for images"),
        (HEAD + track('<box frame="0"/>'), "line 6: this track is a box; only points"),
        (HEAD + shape(0), "line 5: these points belong to no track"),
        (HEAD + track(shape(0), shape(6)), "line 7: frame 6 is outside the video's 0 to 5"),
        (HEAD + track(shape("x")), "line 6: expected a number, not 'x'"),
        (HEAD + track(shape(1), shape(1)), "line 7: frame 1 is given twice"),
        (HEAD + track(shape(1), shape(2, "1;2")), "line 7: '1;2' are not 1 pairs"),
        (HEAD + track(shape(1), shape(2, "1,2;3,4")), "line 7: '1,2;3,4' are not 1 pairs"),
        (HEAD + track(shape(1, "1,b")), "line 6: expected a number, not 'b'"),
        (HEAD + track(shape(1, "nan,2")), "line 6: nan, .* cannot be a position"),
        (HEAD + track(shape(1, "1e9,2")), "line 6: .* cannot be a position"),
        (HEAD + "<a>" * 40, "line 5: elements are nested too deeply"),
        (
            HEAD + track(shape(0).replace("/>", '><attribute name="confidence">0,5</attribute></points>')),
            "line 6: 0,5 has a decimal comma",
        ),
    ],
)
def test_reading_refuses(tmp_path: Path, text: str, reason: str) -> None:
    end = "" if "no whole XML" in reason else "</annotations>" if text.startswith(HEAD[:30]) else ""
    path = put(tmp_path / "bad.xml", "", head=text, end=end)
    with pytest.raises(InputError, match=rf"bad\.xml: {reason}"):
        import_tracks(path, "cvat", VIDEO)
