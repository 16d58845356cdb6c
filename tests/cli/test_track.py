"""`trackwright track` on real video."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli.commandline import FRAMES, HEIGHT, STEP, WIDTH, drifting_clip, points_csv, run
from tracker.inference import TrackRun
from tracker.labels import Source, State, TrackFile, read_tracks
from tracker.video import open_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drifting_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")


def track(clip: Path, out: Path, *arguments: object) -> TrackFile:
    result = run("track", clip, "-o", out, *arguments)
    assert result.exit_code == 0, result.output
    return read_tracks(out)


def truth(tracks: TrackFile) -> np.ndarray:
    """Where the query points really are, (N, T, 2)."""
    moments = np.arange(tracks.n_frames) - tracks.query_points[:, :1]
    path: np.ndarray = tracks.query_points[:, None, 1:] + moments[..., None] * np.array(STEP)
    return path


def test_points_are_followed_from_their_query_on(clip: Path, tmp_path: Path) -> None:
    rows = (0, 60, 70, "left"), (5, 80, 60.5, "right")
    tracks = track(clip, tmp_path / "t.npz", "--points", points_csv(tmp_path / "p.csv", *rows, header="frame,x,y,name"))
    assert tracks.names == ["left", "right"]
    assert (tracks.n_frames, tracks.size_wh) == (FRAMES, (WIDTH, HEIGHT))
    assert tracks.query_points.tolist() == [[0, 60, 70], [5, 80, 60.5]]
    assert (tracks.state[1, :5] == State.UNLABELLED).all()
    assert np.isnan(tracks.xy[1, :5]).all()
    assert (tracks.source[1, :5] == Source.NONE).all()
    followed = np.arange(FRAMES) >= tracks.query_points[:, :1]
    assert np.abs(tracks.xy - truth(tracks))[followed].max() < 0.5
    assert (tracks.state[followed] == State.VISIBLE).all()
    for n, frame in ((0, 0), (1, 5)):
        assert tracks.source[n, frame] == Source.ANCHOR
        assert tracks.xy[n, frame].tolist() == tracks.query_points[n, 1:].tolist()
        assert np.isnan(tracks.confidence[n, frame])
    assert (tracks.source[followed] == Source.MODEL).sum() == followed.sum() - 2
    assert not tracks.approved.any()


def test_backward_also_tracks_before_the_query(clip: Path, tmp_path: Path) -> None:
    points = points_csv(tmp_path / "p.csv", (10, 80, 60), (0, 60, 70))
    tracks = track(clip, tmp_path / "t.npz", "--points", points, "--backward")
    assert np.abs(tracks.xy - truth(tracks)).max() < 0.5
    assert (tracks.source == Source.ANCHOR).sum() == 2
    assert (tracks.state == State.VISIBLE).all()


def test_a_range_leaves_the_rest_unlabelled(clip: Path, tmp_path: Path) -> None:
    tracks = track(clip, tmp_path / "t.npz", "--grid", 3, "--start", 4, "--end", 9, "--query-frame", 6, "--backward")
    assert tracks.n_tracks == 9
    assert (tracks.query_points[:, 0] == 6).all()
    assert (tracks.state[:, 4:9] != State.UNLABELLED).all()
    assert not tracks.state[:, :4].any()
    assert not tracks.state[:, 9:].any()


def test_a_point_that_leaves_the_frame_is_out_of_view(clip: Path, tmp_path: Path) -> None:
    points = points_csv(tmp_path / "p.csv", (0, WIDTH - 9, 60))
    tracks = track(clip, tmp_path / "t.npz", "--points", points)
    assert tracks.state[0, 0] == State.VISIBLE
    assert tracks.state[0, -1] == State.OUT_OF_VIEW


def test_the_threshold_decides_visible_or_occluded(clip: Path, tmp_path: Path) -> None:
    points = points_csv(tmp_path / "p.csv", (0, 80, 60))
    tracks = track(clip, tmp_path / "t.npz", "--points", points, "--threshold", 1)
    assert tracks.state[0].tolist() == [State.VISIBLE] + [State.OCCLUDED] * (FRAMES - 1)
    assert np.isfinite(tracks.xy).all()


def test_a_folder_of_frames_is_a_video_too(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    with open_source(clip) as source:
        for number, picture in enumerate(source.frames(0, 6), start=1001):
            cv2.imwrite(str(folder / f"shot.{number}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    points = points_csv(tmp_path / "p.csv", (2, 80, 60))
    for name in (folder, folder / "shot.%04d.png"):
        tracks = track(name, tmp_path / "t.npz", "--points", points)
        assert tracks.n_frames == 6
        assert np.abs(tracks.xy - truth(tracks))[:, 2:].max() < 0.5


@pytest.mark.parametrize("method", ["sift", "corners", "grid", "random"])
def test_sampled_points_lie_in_the_mask(clip: Path, tmp_path: Path, method: str) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[30:90, 40:120] = 255
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    arguments = "--sample", method, "--count", 7, "--mask", tmp_path / "m.png"
    tracks = track(clip, tmp_path / "t.npz", *arguments)
    assert 0 < tracks.n_tracks <= 7
    x, y = np.rint(tracks.query_points[:, 1:]).astype(int).T
    assert mask[y, x].all()


def test_the_result_as_json_is_all_there_is_on_stdout(clip: Path, tmp_path: Path) -> None:
    result = run("track", clip, "--grid", 2, "-o", tmp_path / "t.npz", "--json")
    summary = json.loads(result.stdout)
    assert (summary["tracks"], summary["frames"], summary["tracker"]) == (4, FRAMES, "lucas-kanade")
    assert sum(summary["cells"].values()) == 4 * FRAMES
    assert result.stderr == ""


def test_cancelling_exits_130_and_leaves_the_old_file(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "t.npz"
    out.write_bytes(b"precious")
    whole = TrackRun.__iter__

    def interrupted(self: TrackRun) -> object:
        yield next(whole(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(TrackRun, "__iter__", interrupted)
    result = run("track", clip, "--grid", 2, "-o", out)
    assert result.exit_code == 130
    assert result.stderr == "trackwright: cancelled, nothing half-written is left\n"
    assert out.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["t.npz"]


def test_a_fault_of_ours_exits_1_with_its_trace(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrackRun, "__iter__", lambda self: 1 / 0)
    result = run("track", clip, "--grid", 2, "-o", tmp_path / "t.npz")
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "a fault in Trackwright" in result.stderr.splitlines()[-1]
