"""Bad input on the real command line: one clear sentence, exit code 2, and every file left as it was."""

import errno
import os
import pickle
import resource
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import tracker.files
from tests.cli.commandline import HEIGHT, WIDTH, drifting_clip, points_csv, refusal
from tests.video.clips import make_clip, make_pictures

ROOT = Path(__file__).parents[2]
READ_ERROR = Path("/proc/self/mem")  # opens, and fails when it is read, for root too
NOT_WRITABLE = Path("/sys/kernel")  # refuses new files, from root too


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drifting_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """An output that is there already; it must be the same afterwards, with nothing new beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "t.npz"
    path.write_bytes(b"precious")
    yield path
    assert path.read_bytes() == b"precious"
    assert list(folder.iterdir()) == [path]


def empty(path: Path) -> Path:
    path.touch()
    return path


def text(path: Path) -> Path:
    path.write_text("Dear reader, this is not a video.\n" * 50)
    return path


def truncated(path: Path) -> Path:
    path.write_bytes(make_clip(path, 50).read_bytes()[:2500])
    return path


def sound(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return path


def frameless(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    (path / "notes.txt").write_text("nothing to see")
    return path


@pytest.mark.parametrize(
    ("make", "name", "reason"),
    [
        (lambda path: path, "none.mp4", "does not exist"),
        (empty, "empty.mp4", "empty"),
        (text, "letter.mp4", "video"),
        (truncated, "cut.mp4", "cut off"),
        (sound, "sound.wav", "there is sound but no video"),
        (frameless, "frameless.mp4", "no "),
        (folder, "folder", "no pictures"),
    ],
)
def test_a_video_that_is_none(make, name: str, reason: str, tmp_path: Path, out: Path) -> None:
    sentence = refusal("track", make(tmp_path / name), "--grid", 3, "-o", out)
    assert sentence.startswith(f"{tmp_path / name}: ")
    assert reason in sentence


@pytest.mark.skipif(not READ_ERROR.exists(), reason="no /proc here")
def test_files_that_cannot_be_read(clip: Path, out: Path) -> None:
    assert refusal("track", READ_ERROR, "--grid", 3, "-o", out).startswith(f"{READ_ERROR}: ")
    assert refusal("track", clip, "--points", READ_ERROR, "-o", out) == f"{READ_ERROR}: Input/output error"
    assert refusal("track", clip, "--grid", 2, "--mask", READ_ERROR, "-o", out) == f"{READ_ERROR}: Input/output error"


def test_a_video_that_breaks_off_in_the_middle(tmp_path: Path, out: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", range(12))
    damaged = pictures / "frame_0007.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    sentence = refusal("track", pictures, "--grid", 3, "-o", out)
    assert "frame_0007.png: the picture is damaged" in sentence


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((0, WIDTH, 5), f"line 3: the point {WIDTH}, 5 is outside the {WIDTH}x{HEIGHT} frame"),
        ((20, 5, 5), "line 3: frame 20 is after the end, the video has frames 0 to 19"),
        ((0, "five", 5), "line 3: x is not a number: 'five'"),
        ((0, 5), "line 3: 2 values, the header names 3"),
        ((12, 5, 5), "point 2 is on frame 12, outside the tracked 0 to 10 exclusive"),
    ],
)
def test_points_that_are_none(row: tuple[object, ...], reason: str, clip: Path, tmp_path: Path, out: Path) -> None:
    points = points_csv(tmp_path / "p.csv", (0, 1, 1), row)
    assert refusal("track", clip, "--points", points, "-o", out, "--end", 10) == f"{points}: {reason}"


def test_masks_that_are_none(clip: Path, tmp_path: Path, out: Path) -> None:
    for name, size, reason in (("small.png", (5, 5), "shape"), ("black.png", (HEIGHT, WIDTH), "empty")):
        cv2.imwrite(str(tmp_path / name), np.zeros(size, np.uint8))
        sentence = refusal("track", clip, "--sample", "random", "--mask", tmp_path / name, "-o", out)
        assert sentence.startswith(f"{tmp_path / name}: ")
        assert reason in sentence
    mask = text(tmp_path / "m.png")
    assert "not a picture" in refusal("track", clip, "--grid", 2, "--mask", mask, "-o", out)


def _pickle(path: Path) -> Path:
    path.write_bytes(pickle.dumps({"model": os.getcwd}, protocol=2))
    return path


@pytest.mark.parametrize("make", [lambda path: path, empty, text, _pickle])
def test_a_checkpoint_that_is_none(make, clip: Path, tmp_path: Path, out: Path) -> None:
    weights = make(tmp_path / "weights.pth")
    assert refusal("track", clip, "--grid", 3, "--model", weights, "-o", out).startswith(f"{weights}: ")


def test_a_tracker_that_is_not_here(clip: Path, out: Path) -> None:
    assert "no such tracker" in refusal("track", clip, "--grid", 3, "--model", "oracle", "-o", out)
    assert "not installed" in refusal("track", clip, "--grid", 3, "--model", "cotracker3-online", "-o", out)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "give one of --points, --grid and --sample"),
        (("--grid", 3, "--sample", "sift"), "give one of"),
        (("--points", "p.csv", "--mask", "m.png"), "not with --points"),
        (("--grid", 0), "'--grid'"),
        (("--grid", "many"), "'--grid'"),
        (("--grid", 3, "--start", 5, "--end", 5), "--start 5 --end 5 are not within its frames, 0 to 20"),
        (("--grid", 3, "--end", 21), "not within its frames"),
        (("--grid", 3, "--query-frame", 20), "--query-frame 20 is outside the tracked 0 to 20"),
        (("--grid", 3, "--frobnicate"), "--frobnicate"),
    ],
)
def test_wrong_usage(arguments: tuple[object, ...], reason: str, clip: Path, out: Path) -> None:
    assert reason in refusal("track", clip, "-o", out, *arguments)


def test_outputs_that_cannot_be(clip: Path, tmp_path: Path) -> None:
    before = clip.read_bytes()
    assert "is an input" in refusal("track", clip, "--grid", 3, "-o", clip)
    assert clip.read_bytes() == before
    assert "this is a folder" in refusal("track", clip, "--grid", 3, "-o", tmp_path)
    assert "no regular file" in refusal("track", clip, "--grid", 3, "-o", "/dev/full")
    assert "the folder does not exist" in refusal("track", clip, "--grid", 3, "-o", tmp_path / "none" / "t.npz")
    (tmp_path / "file").touch()
    assert "the folder does not exist" in refusal("track", clip, "--grid", 3, "-o", tmp_path / "file" / "t.npz")


@pytest.mark.skipif(not NOT_WRITABLE.is_dir(), reason="no /sys here")
@pytest.mark.parametrize("command", ["track", "export", "render"])
def test_no_permission_to_write(command: str, clip: Path, tmp_path: Path) -> None:
    tracks = made_tracks(clip, tmp_path)
    place = NOT_WRITABLE / "out.npz"
    arguments = {
        "track": (clip, "--grid", 3),
        "export": (tracks, "--format", "long-csv"),
        "render": (clip, tracks),
    }[command]
    assert refusal(command, *arguments, "-o", place) == f"{place}: no permission to write here"


def made_tracks(clip: Path, folder: Path) -> Path:
    from tests.cli.commandline import run

    result = run("track", clip, "--grid", 2, "-o", folder / "made.npz")
    assert result.exit_code == 0, result.output
    return folder / "made.npz"


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "no permission")],
)
def test_a_write_that_fails_at_the_end(
    number: int, reason: str, clip: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tracker.files.os, "replace", fail)
    sentence = refusal("track", clip, "--grid", 3, "-o", out)
    assert sentence.startswith(f"{out}: ")
    assert reason in sentence


@pytest.mark.parametrize("command", ["track", "export", "render"])
def test_a_disk_that_takes_only_the_first_bytes(command: str, clip: Path, tmp_path: Path, out: Path) -> None:
    """A real failing write in another process: a limit on the size of its files ends it as a full disk would."""
    tracks = made_tracks(clip, tmp_path)
    arguments = {
        "track": (clip, "--grid", 10),
        "export": (tracks, "--format", "tapvid", "--video", clip),
        "render": (clip, tracks),
    }[command]
    process = subprocess.run(
        [sys.executable, ROOT / "main.py", command, *map(str, arguments), "-o", out],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)),
    )
    assert process.returncode == 2, process.stderr
    assert process.stdout == ""
    assert process.stderr.startswith(f"trackwright: {out}: ")
    assert len(process.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["export", "render"])
def test_track_files_that_are_none(command: str, clip: Path, tmp_path: Path, out: Path) -> None:
    for tracks, reason in (
        (tmp_path / "none.npz", "No such file"),
        (empty(tmp_path / "empty.npz"), "not an .npz file"),
        (text(tmp_path / "text.npz"), "not an .npz file"),
    ):
        arguments = (tracks, "--format", "long-csv") if command == "export" else (clip, tracks)
        sentence = refusal(command, *arguments, "-o", out)
        assert sentence.startswith(f"{tracks}: ")
        assert reason in sentence


def test_tracks_of_another_video(clip: Path, tmp_path: Path, out: Path) -> None:
    tracks = made_tracks(clip, tmp_path)
    other = make_clip(tmp_path / "other.mp4", 10)
    assert "the video has 10 of 320x180" in refusal("render", other, tracks, "-o", out)
    arguments = "--format", "tapvid", "--video", other
    assert "the video has 10 of 320x180" in refusal("export", tracks, *arguments, "-o", out)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--format", "nonsense"), "nonsense: there is no such format, the formats are 3de3, 3de4, "),
        (("--format", "tapvid"), "needs the video"),
        (("--format", "long-csv", "--gaps", "split"), "has no way 'split' with gaps, it has: none"),
        ((), "export wants TRACKS, --format NAME and -o OUT"),
    ],
)
def test_wrong_exports(arguments: tuple[object, ...], reason: str, clip: Path, tmp_path: Path, out: Path) -> None:
    assert reason in refusal("export", made_tracks(clip, tmp_path), "-o", out, *arguments)
