"""`trackwright pseudo-label` on folders of real video."""

import json
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from app.cli.pseudo_label import find_videos
from tests.cli.commandline import refusal, run
from tests.training.moving_clips import pan, write_clip
from tests.video.clips import make_pictures
from tracker.files import InputError
from tracker.labels.label_set import LabelSet

FEW = ("--points", 8, "--query-frames", 2, "--teachers", "lucas-kanade", "--workers", 1, "--device", "cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos, one of them twice and one deeper down, and one that is broken."""
    made = tmp_path_factory.mktemp("videos")
    (made / "deeper").mkdir()
    write_clip(made / "b.mkv", pan(1, 16))
    write_clip(made / "deeper" / "a.mkv", pan(2, 18))
    shutil.copy(made / "b.mkv", made / "c.mkv")
    (made / "broken.mp4").write_bytes(b"no video")
    (made / "notes.txt").write_text("")
    return made


def test_a_folder_is_labelled_and_what_was_skipped_is_told(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    result = run("pseudo-label", folder, *FEW, "-o", out, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["labelled"], told["already"], told["frames"]) == (2, 0, 34)
    assert told["point_frames"] == 8 * 34
    assert told["frames_per_second"] > 0
    assert sorted(Path(path).name for path in told["skipped"]) == ["broken.mp4", "c.mkv"]
    assert f"skipped {folder / 'c.mkv'}: the same video as {folder / 'b.mkv'}" in result.stderr
    label_set = LabelSet.open(out)
    assert [name[:2] for name in label_set.names()] == ["a-", "b-"]
    assert label_set.skipped() == told["skipped"]
    origin = label_set.read(label_set.names()[0]).origin
    assert origin.video == str(folder / "deeper" / "a.mkv")
    assert origin.settings["points"] == 8
    again = run("pseudo-label", folder, *FEW, "-o", out)
    assert again.exit_code == 0, again.output
    assert "0 videos labelled, 2 were before, 2 skipped" in again.stdout
    assert "made with other seed" in refusal("pseudo-label", folder, *FEW, "--seed", 1, "-o", out)


def test_refusals(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "labels"
    rest = ("--teachers", "lucas-kanade", "-o", out)
    assert "absent" in refusal("pseudo-label", tmp_path / "absent", *rest)
    (tmp_path / "empty").mkdir()
    assert "no videos" in refusal("pseudo-label", tmp_path / "empty", *rest)
    video = folder / "b.mkv"
    assert "nobody" in refusal("pseudo-label", video, "--teachers", "lucas-kanade,nobody", "-o", out)
    assert "named twice" in refusal("pseudo-label", video, "--teachers", "lucas-kanade,lucas-kanade", "-o", out)
    assert "no teachers" in refusal("pseudo-label", video, "--teachers", ",", "-o", out)
    assert "do not go with --ray" in refusal("pseudo-label", video, *rest, "--ray", "auto", "--workers", 2)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install trackwright[cluster]" in refusal("pseudo-label", video, *rest, "--ray", "auto")
    assert not out.exists()
    out.write_text("a file")
    assert str(out) in refusal("pseudo-label", video, *rest)


def test_which_videos_are_meant(folder: Path, tmp_path: Path) -> None:
    found = find_videos([folder, folder / "b.mkv", folder / "notes.txt"])
    assert [path.name for path in found] == ["b.mkv", "broken.mp4", "c.mkv", "a.mkv", "notes.txt"]
    pictures = make_pictures(tmp_path / "pictures", range(3))
    assert find_videos([pictures]) == [pictures]
    assert find_videos([pictures / "frame_####.png"]) == [pictures / "frame_####.png"]
    with pytest.raises(InputError, match="absent"):
        find_videos([folder, tmp_path / "absent.mp4"])


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """Interrupted in the middle of a long video, after a short one."""
    videos = [write_clip(tmp_path / "a.mkv", pan(1, 16)), write_clip(tmp_path / "b.mkv", pan(2, 200, 0) * 4)]
    out, root = tmp_path / "labels", Path(__file__).parents[2]
    options = [
        "--points",
        "8",
        "--query-frames",
        "2",
        "--teachers",
        "lucas-kanade",
        "--workers",
        "1",
        "--device",
        "cpu",
    ]
    command = [sys.executable, "-m", "main", "pseudo-label", *map(str, videos), *options, "-o", str(out)]
    job = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while job.poll() is None and not list(tmp_path.glob("labels/labels/a-*.npz")):
        with suppress(subprocess.TimeoutExpired):
            job.wait(0.05)
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=30)
    assert job.returncode == 130, said
    assert "the same command goes on" in said
    assert [name[:2] for name in LabelSet.open(out).names()] == ["a-"]
    assert (out / "skipped.json").exists()
