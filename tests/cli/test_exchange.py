"""`trackwright export` to other programs and `trackwright import` from them."""

import json
from pathlib import Path

import numpy as np
import pytest

from app.document.project import Document
from app.document.video_ref import VideoRef
from tests.cli.commandline import HEIGHT, drifting_clip, refusal, run
from tracker.labels import State, read_tracks
from tracker.video import open_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = drifting_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")
    points = path.with_suffix(".csv")
    points.write_text("frame,x,y,name\n0,20,10,nose\n2,40,30,left ear\n")
    result = run("track", path, "--points", points, "--model", "lucas-kanade", "-o", path.with_suffix(".npz"))
    assert result.exit_code == 0, result.output
    return path


def export(clip: Path, name: str, out: Path, *arguments: object) -> dict[str, object]:
    result = run("export", clip.with_suffix(".npz"), "--format", name, "-o", out, "--json", *arguments)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert isinstance(summary, dict)
    return summary


def test_the_first_key_is_told_and_a_manifest_written(clip: Path, tmp_path: Path) -> None:
    summary = export(clip, "nuke", tmp_path / "t.nk", "--video", clip, "--start-frame", 1001, "--fps", "24000/1001")
    assert summary["first_key"] == (
        f"frame 1001, x 20.5, y {HEIGHT - 10.5:g} from the bottom-left corner (track “nose”)"
    )
    assert summary["checked"]
    told = json.loads((tmp_path / "t.nk.manifest.json").read_text())
    assert told["video"]["name"] == "clip.mp4"
    assert len(told["video"]["hash"]) == 64
    assert told["conventions"]["number_of_first_frame"] == 1001


def test_a_movie_counts_from_1_and_a_sequence_as_its_files(clip: Path, tmp_path: Path) -> None:
    assert str(export(clip, "nuke", tmp_path / "a.nk", "--video", clip)["first_key"]).startswith("frame 1,")
    assert str(export(clip, "nuke", tmp_path / "b.nk")["first_key"]).startswith("frame 1001,")


def test_only_some_tracks_and_frames(clip: Path, tmp_path: Path) -> None:
    summary = export(clip, "long-csv", tmp_path / "t.csv", "--track", "left ear", "--start", 3, "--end", 6)
    assert (summary["tracks"], summary["cells"], summary["left_out"]) == (1, 3, 1)
    told = refusal("export", clip.with_suffix(".npz"), "--format", "nuke", "-o", tmp_path / "t.nk", "--track", "chin")
    assert "there is no track called chin; there are nose, left ear" in told
    told = refusal("export", clip.with_suffix(".npz"), "--format", "nuke", "-o", tmp_path / "t.nk", "--max-error", 2)
    assert "--max-error needs a project" in told
    assert not (tmp_path / "t.nk").exists()


@pytest.mark.parametrize(("option", "value"), [("--fps", "fast"), ("--fps", "24/0"), ("--pixel-aspect", "-1")])
def test_a_rate_that_is_none(clip: Path, tmp_path: Path, option: str, value: str) -> None:
    told = refusal("export", clip.with_suffix(".npz"), "--format", "nuke", "-o", tmp_path / "t.nk", option, value)
    assert f"{option} {value}" in told


def test_what_was_exported_comes_back(clip: Path, tmp_path: Path) -> None:
    export(clip, "nuke", tmp_path / "t.nk", "--video", clip, "--start-frame", 1001)
    told = refusal("import", tmp_path / "t.nk", "--video", clip, "-o", tmp_path / "back.npz")
    assert "is outside the video's 1 to" in told
    assert not (tmp_path / "back.npz").exists()
    result = run("import", tmp_path / "t.nk", "--video", clip, "--start-frame", 1001, "-o", tmp_path / "back.npz")
    assert result.exit_code == 0, result.output
    before, back = read_tracks(clip.with_suffix(".npz")), read_tracks(tmp_path / "back.npz")
    keys = before.located & (before.state == State.VISIBLE)
    np.testing.assert_array_equal(back.located, keys)
    np.testing.assert_allclose(back.xy[keys], before.xy[keys], atol=1e-3)


def test_tracks_are_taken_into_a_project_as_one_step(clip: Path, tmp_path: Path) -> None:
    export(clip, "long-csv", tmp_path / "t.csv")
    for count in (2, 4):
        result = run("import", tmp_path / "t.csv", "--video", clip, "-o", tmp_path / "job.trackwright", "--json")
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["format"] == "long-csv"
        document = Document.open(tmp_path / "job.trackwright")
        assert document.table.n_tracks == count
        assert document.history_steps()[-1] == "Import t.csv"
        document.undo()
        assert document.table.n_tracks == count - 2
        document.redo()
        document.close()


def test_a_project_of_another_video_is_left_alone(clip: Path, tmp_path: Path) -> None:
    other = drifting_clip(tmp_path / "other.mp4", frames=5)
    with open_source(other) as source:
        document = Document.new(VideoRef.of(source))
    document.save_as(tmp_path / "job.trackwright")
    document.close()
    export(clip, "long-csv", tmp_path / "t.csv")
    told = refusal("import", tmp_path / "t.csv", "--video", clip, "-o", tmp_path / "job.trackwright")
    assert "this project is of another video" in told


def test_bad_files_are_named(clip: Path, tmp_path: Path) -> None:
    told = refusal("import", tmp_path / "no.nk", "--video", clip, "-o", tmp_path / "b.npz")
    assert "no.nk: there is no such file" in told
    (tmp_path / "bad.csv").write_text("frame,track,x,y,state\n0,0,1,1,visible\n0,0,1,1,visible\n")
    told = refusal("import", tmp_path / "bad.csv", "--format", "long-csv", "--video", clip, "-o", tmp_path / "b.npz")
    assert "bad.csv: line 3: this cell was given before" in told
    told = refusal("import", tmp_path / "bad.csv", "--format", "blender", "--video", clip, "-o", tmp_path / "b.npz")
    assert "can only be exported" in told
    assert not (tmp_path / "b.npz").exists()


def test_the_list_says_what_a_format_carries_and_loses() -> None:
    rows = {row["name"]: row for row in json.loads(run("export", "--list", "--json").stdout)}
    assert rows["nuke"]["hidden"] == ["gap", "flag", "linear"]
    assert rows["nuke"]["import"]
    assert not rows["blender"]["import"]
    assert "confidence" in rows["syntheyes"]["loses"]
    assert "the plate's numbers" in run("export", "--list").stdout
