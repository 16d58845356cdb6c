"""Label Studio's video rectangles."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import facts, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, State, TrackFile, VideoFacts, export_tracks, find_format, import_tracks
from tracker.labels.annotation.label_studio import read_label_studio

VIDEO = VideoFacts(np.arange(6), Fraction(1, 25), (100, 50))


def test_the_file_says_it_all(tmp_path: Path) -> None:
    tracks = TrackFile.empty(2, np.array([0, 40, 80, 120]), Fraction(1, 1000), (200, 100))
    tracks.names, tracks.groups = ['a "b" é', "never seen"], ["hand", ""]
    tracks.state[0] = State.VISIBLE, State.VISIBLE, State.OCCLUDED, State.VISIBLE
    tracks.xy[0] = [(99.5, 49.5), (0, 0), (5, 5), (10, 10)]
    done = export_tracks(tracks, tmp_path / "t.json", "label-studio", ExportOptions(name="clip.mp4")).written
    assert (done.tracks, done.left_out, done.cells) == (1, 1, 3)
    (task,) = json.loads((tmp_path / "t.json").read_text())
    assert task["data"] == {"video": "clip.mp4"}
    (region,) = task["annotations"][0]["result"]
    assert (region["type"], region["meta"]["text"]) == ("videorectangle", ['a "b" é'])
    value = region["value"]
    assert (value["framesCount"], value["duration"], value["labels"]) == (4, 0.12, ["hand"])
    assert [(item["frame"], item["time"], item["enabled"]) for item in value["sequence"]] == [
        (1, 0, True),
        (2, 0.04, False),  # the last one before a gap
        (4, 0.12, False),
    ]
    middle = value["sequence"][0]
    assert (middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2) == (50, 50)
    assert (middle["width"], middle["height"]) == (4, 8)
    assert find_format("label-studio").untested


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    export_tracks(tracks, tmp_path / "t.json", "label-studio", ExportOptions())
    back = read_label_studio(tmp_path / "t.json", facts(tracks))
    seen = tracks.located & (tracks.state == State.VISIBLE)
    kept = np.asarray(seen.any(axis=1))
    np.testing.assert_array_equal(back.state == State.VISIBLE, seen[kept])
    np.testing.assert_allclose(back.xy[seen[kept]], tracks.xy[seen], atol=1e-5)
    assert list(back.names) == [name for name, one in zip(tracks.names, kept, strict=True) if one]


def test_gaps_may_be_filled(tmp_path: Path) -> None:
    tracks = TrackFile.empty(1, np.arange(4), Fraction(1, 25), (100, 50))
    tracks.state[0] = State.VISIBLE, State.OCCLUDED, State.UNLABELLED, State.VISIBLE
    tracks.xy[0, [0, 3]] = (0, 0), (30, 15)
    export_tracks(tracks, tmp_path / "t.json", "label-studio", ExportOptions(hidden="linear"))
    (task,) = json.loads((tmp_path / "t.json").read_text())
    sequence = task["annotations"][0]["result"][0]["value"]["sequence"]
    assert [item["enabled"] for item in sequence] == [True, True, True, False]
    back = read_label_studio(tmp_path / "t.json", facts(tracks))
    np.testing.assert_allclose(back.xy[0], [(0, 0), (10, 5), (20, 10), (30, 15)], atol=1e-5)


def region(*entries: tuple[Any, float, float, bool], **value: Any) -> dict[str, Any]:
    sequence = [
        {"frame": frame, "x": x, "y": y, "width": 2, "height": 4, "enabled": enabled}
        for frame, x, y, enabled in entries
    ]
    return {"id": "r1", "type": "videorectangle", "value": {"sequence": sequence, "labels": ["point"]} | value}


def put(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def task(*regions: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"data": {}, "annotations": [{"result": [{"type": "choices"}, *regions]}]}]


def test_what_label_studio_interpolates_is_read(tmp_path: Path) -> None:
    content = task(region((1, 9, 8, True), (4, 39, 8, False), (6, 49, 8, True)))
    back = import_tracks(put(tmp_path / "l.json", content), "label-studio", VIDEO)
    assert back.state.tolist() == [[1, 1, 1, 1, 0, 1]]
    np.testing.assert_allclose(back.xy[0, :4], [(9.5, 4.5), (19.5, 4.5), (29.5, 4.5), (39.5, 4.5)], atol=1e-5)
    assert list(back.names) == ["r1"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('[{"annotations": [', "line 1: this is no whole JSON"),
        ([], "holds 0 tasks"),
        ([{}, {}], "holds 2 tasks"),
        ([5], "no Label Studio task"),
        (task({"type": "videorectangle"}), "no Label Studio task"),
        (task(region((1, 1, 1, True), framesCount=9)), "region 'r1' is of 9 frames, the video has 6"),
        (task(region((7, 1, 1, True))), "frame 7 is outside the video's 1 to 6; is the first frame's number right"),
        (task(region((1, 1, 1, True), (99, 1, 1, True))), "frame 99 is outside"),
        (task(region((2, 1, 1, True), (2, 1, 1, True))), "frame 2 is given twice"),
        (task(region((1.5, 1, 1, True))), "no frame with a box"),
        (task(region((1, 1e99, 1, True))), "no frame with a box"),
        (task(region(("x", 1, 1, True))), "no Label Studio task"),
        ([{"annotations": [{"result": []}, {"result": []}]}], "has 2 annotations; export one"),
    ],
)
def test_reading_refuses(tmp_path: Path, content: Any, reason: str) -> None:
    with pytest.raises(InputError, match=rf"bad\.json: .*{reason}"):
        import_tracks(put(tmp_path / "bad.json", content), "label-studio", VIDEO)
