"""COCO keypoints: what stands in the file, what comes back, and other people's files."""

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.labels.made import assert_same, facts, make_tracks, track_files
from tracker.files import InputError
from tracker.labels import ExportOptions, Source, State, TrackFile, VideoFacts, export_tracks, import_tracks
from tracker.labels.annotation.coco_reader import read_coco

VIDEO = VideoFacts(np.arange(4), Fraction(1, 25), (100, 50))


def small_tracks() -> TrackFile:
    tracks = TrackFile.empty(3, np.array([0, 40, 90]), Fraction(1, 1000), (100, 50))
    tracks.names = ['the "left" eye', "é👁", "é👁"]
    tracks.groups = ["", "face", "point"]
    tracks.state[0] = State.VISIBLE, State.OCCLUDED, State.OUT_OF_VIEW
    tracks.state[1] = State.UNLABELLED, State.OCCLUDED, State.VISIBLE
    tracks.xy[0] = (10.1, 20.25), (11, 21), (120, 21)
    tracks.xy[1, 2] = (0, 0)
    tracks.source[0], tracks.source[1, 1:] = Source.MODEL, Source.ANCHOR
    tracks.confidence[0], tracks.visibility[0] = (0.1, 0.5, 1), (0.7, 0.2, 0)
    tracks.approved[1, 2] = True
    return tracks


def written(tmp_path: Path, tracks: TrackFile, **options: Any) -> dict[str, Any]:
    export_tracks(tracks, tmp_path / "t.json", "coco", ExportOptions(name="clip", **options))
    content = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def test_the_file_says_it_all(tmp_path: Path) -> None:
    content = written(tmp_path, small_tracks())
    assert [(c["id"], c["name"], c["keypoints"], c["group"]) for c in content["categories"]] == [
        (1, "point", ["point"], ""),
        (2, "face", ["point"], "face"),
        (3, "point", ["point"], "point"),
    ]
    assert content["videos"][0]["length"] == 3
    assert [(i["id"], i["frame_id"], i["pts"], i["video_id"]) for i in content["images"]] == [
        (1, 0, 0, 1),
        (2, 1, 40, 1),
        (3, 2, 90, 1),
    ]
    assert content["images"][1]["file_name"] == "clip/000001.png"
    cells = {(a["track_id"], a["image_id"]): a for a in content["annotations"]}
    assert {key: cell["keypoints"][2] for key, cell in cells.items()} == {
        (1, 1): 2,
        (1, 2): 1,
        (1, 3): 1,
        (2, 2): 0,
        (2, 3): 2,
    }
    first = cells[1, 1]
    assert first["keypoints"] == [float(f"{np.float32(10.1):.9g}"), 20.25, 2]
    assert first["bbox"] == [10, 20, 1, 1]
    assert (first["area"], first["num_keypoints"], first["iscrowd"], first["category_id"]) == (1, 1, 0, 1)
    assert first["score"] == pytest.approx(0.1)
    assert first["attributes"]["source"] == "model"
    assert cells[2, 2]["keypoints"] == [0, 0, 0]
    assert (cells[2, 2]["num_keypoints"], cells[2, 2]["area"]) == (0, 0)
    assert "score" not in cells[2, 2]
    assert cells[2, 3]["attributes"] == {"object_id": 2, "state": "visible", "source": "anchor", "approved": True}
    assert sorted(a["id"] for a in content["annotations"]) == [1, 2, 3, 4, 5]


def test_tracks_come_back(tmp_path: Path) -> None:
    tracks = small_tracks()
    written(tmp_path, tracks)
    back = read_coco(tmp_path / "t.json", facts(tracks))
    for field in ("xy", "state", "visibility", "confidence", "source", "approved", "names", "groups"):
        assert_same(getattr(tracks, field), getattr(back, field), field)


def test_a_chosen_first_frame(tmp_path: Path) -> None:
    tracks = small_tracks()
    content = written(tmp_path, tracks, start_frame=1001)
    assert [image["frame_id"] for image in content["images"]] == [1001, 1002, 1003]
    back = import_tracks(tmp_path / "t.json", "coco", replace(facts(tracks), start_frame=1001))
    np.testing.assert_array_equal(back.state, tracks.state)
    with pytest.raises(InputError, match=r"image 1: frame 1001 is outside the video's 0 to 2; is the first"):
        import_tracks(tmp_path / "t.json", "coco", facts(tracks))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=track_files)
def test_there_and_back(tracks: TrackFile, tmp_path: Path) -> None:
    written(tmp_path, tracks)
    back = read_coco(tmp_path / "t.json", facts(tracks))
    for field in ("state", "visibility", "confidence", "source", "approved", "names"):
        assert_same(getattr(tracks, field), getattr(back, field), field)
    assert_same(np.where(tracks.located[..., None], tracks.xy, np.float32(np.nan)), back.xy, "xy")


def person(image: int, number: int, points: list[float], **more: Any) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": 7, "keypoints": points, "num_keypoints": 2, **more}


def plain(annotations: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """As other programs write it."""
    images = [
        {"id": 10 + frame, "file_name": f"cam1_frame_{frame:04d}.jpg", "width": 100, "height": 50} for frame in range(4)
    ]
    categories = [{"id": 7, "name": "person", "keypoints": ["nose", "tail"]}]
    return {"images": images, "annotations": annotations, "categories": categories, **more}


def put(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_plain_keypoints_of_several_instances(tmp_path: Path) -> None:
    annotations = [
        person(10, 1, [1, 2, 2, 0, 0, 0], track_id=5),
        person(13, 2, [3, 4, 1, 5, 6, 2], attributes={"object_id": 5}),
        person(11, 3, [7, 8, 2, 200, 9, 2], attributes={"track_id": 6}, score=0.5),
        {"id": 4, "image_id": 11, "category_id": 7, "bbox": [0, 0, 5, 5]},  # a box says nothing of points
    ]
    back = import_tracks(put(tmp_path / "p.json", plain(annotations)), "coco", VIDEO)
    assert list(back.names) == ["nose 5", "tail 5", "nose 6", "tail 6"]
    assert set(back.groups) == {"person"}
    assert back.state.tolist() == [[1, 0, 0, 2], [0, 0, 0, 1], [0, 1, 0, 0], [0, 3, 0, 0]]
    assert back.xy[1, 3].tolist() == [5, 6]
    assert back.source[0].tolist() == [Source.IMPORTED, 0, 0, Source.IMPORTED]
    assert back.confidence[2, 1] == 0.5


def test_one_instance_needs_no_id(tmp_path: Path) -> None:
    path = put(tmp_path / "p.json", plain([person(10, 1, [1, 2, 2, 3, 4, 2]), person(12, 2, [1, 2, 2, 3, 4, 2])]))
    assert list(import_tracks(path, "coco", VIDEO).names) == ["nose", "tail"]
    put(path, plain([person(10, 1, [1, 2, 2, 3, 4, 2]), person(10, 2, [1, 2, 2, 3, 4, 2])]))
    with pytest.raises(InputError, match="annotation 2: frame 0 has several instances and they have no track_id"):
        import_tracks(path, "coco", VIDEO)


def test_one_of_several_videos(tmp_path: Path) -> None:
    content = plain([person(10, 1, [1, 2, 2, 0, 0, 0]), person(13, 2, [3, 4, 1, 5, 6, 2])])
    for number, image in enumerate(content["images"]):
        image |= {"video_id": number // 2, "frame_id": number % 2}
    content["videos"] = [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]
    path = put(tmp_path / "p.json", content)
    with pytest.raises(InputError, match="which video is meant: a, b"):
        import_tracks(path, "coco", VIDEO)
    assert import_tracks(path, "coco", replace(VIDEO, record="b")).state[:, 1].tolist() == [2, 1]


NESTED = '{"images":' + "[" * 100_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the file is empty"),
        ('{"images": [],\n"annotations": [', r"line 2: this is no whole JSON file"),
        (NESTED, "nested too deeply"),
        ("[1]", "no COCO file with images"),
        ('{"images": [], "categories": 5}', "no COCO file with images"),
        (plain([{"id": 1, "image_id": 10, "bbox": [1, 2, 3, 4]}]), "not one annotation with keypoints"),
        (plain([], info={"trackwright_version": 2}, tracks=[]), "version 2 of these annotations is not known"),
        (plain([person(99, 1, [1, 2, 2, 3, 4, 2])]), "annotation 1: there is no image 99"),
        (plain([person(10, 1, [1, 2, 2])]), "annotation 1: 3 numbers are not x, y, v of the 2 keypoints"),
        (plain([person(10, 1, [1, 2, 3, 0, 0, 0])]), "annotation 1: 1, 2, 3 is no x, y, v"),
        (plain([person(10, 1, [1e9, 2, 2, 0, 0, 0])]), r"annotation 1: 1e\+09, 2, 2 is no x, y, v"),
        (plain([person(10, 1, [float("nan"), 2, 2, 0, 0, 0])]), "annotation 1: nan, 2, 2 is no"),
        (plain([person(10, 1, ["1", 2, 2, 0, 0, 0])]), "annotation 1: must be real number"),  # type: ignore[list-item]
        (plain([person(10, 1, [1, 2, 2, 0, 0, 0], track_id="x")]), "annotation 1: must be real number"),
        (plain([person(10, 1, [1, 2, 2, 0, 0, 0], track_id=1.5)]), "annotation 1: an id is no whole number"),
        (
            plain([person(10, n, [1, 2, 2, 0, 0, 0], track_id=3) for n in (1, 2)]),
            "annotation 2: frame 0 is given twice",
        ),
        (plain([person(10, 1, [1, 2, 2, 0, 0, 0])], categories=[{"id": 1}]), "there is no category 7"),
        (plain([person(10, 1, [1, 2, 2, 0, 0, 0])], images=[{"id": 10, "width": 64}]), "image 10 is 64x50"),
        (plain([person(10, 1, [1, 2, 2, 0, 0, 0])], images=[{"id": 10}]), "neither a frame_id nor a number"),
        (plain([person(10, 1, [1, 2, 2, 0, 0, 0])], images=[{"id": 10, "frame_id": 4}]), "frame 4 is outside"),
        (plain([person(10, 1, [1, 2, 2, 0, 0, 0])], images=[{"file_name": "1.png"}]), "lacks an id or is damaged"),
        (
            plain([person(1, 1, [1, 2, 2, 0, 0, 0])], images=[{"id": 1, "video_id": 1, "frame_id": 0}])
            | {"videos": [{"id": 1, "length": 9}]},
            "the labels are of 9 frames, the video has 4",
        ),
    ],
)
def test_reading_refuses(tmp_path: Path, content: Any, reason: str) -> None:
    path = put(tmp_path / "bad.json", content)
    with pytest.raises(InputError, match=rf"bad\.json: .*{reason}"):
        import_tracks(path, "coco", VIDEO)


def test_mixed_line_ends_and_a_mark_do_not_matter(tmp_path: Path) -> None:
    tracks = make_tracks(2, 3, 1)
    written(tmp_path, tracks)
    text = (tmp_path / "t.json").read_bytes().replace(b"\n", b"\r\n", 3)
    (tmp_path / "t.json").write_bytes(b"\xef\xbb\xbf" + text)
    np.testing.assert_array_equal(read_coco(tmp_path / "t.json", facts(tracks)).state, tracks.state)
