"""`trackwright export` and `render` on real video."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.document.project import Document
from app.document.video_ref import VideoRef
from app.rendering.marks import BY_HAND, confidence_colours
from app.rendering.overlay import Look, Overlay
from tests.cli.commandline import FRAMES, HEIGHT, WIDTH, drifting_clip, refusal, run
from tests.labels.made import make_tracks
from tracker.labels import Source, State, TrackFile, formats, read_tracks
from tracker.video import open_source


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = drifting_clip(tmp_path_factory.mktemp("clips") / "clip.mp4")
    result = run("track", path, "--grid", 3, "-o", path.with_suffix(".npz"))
    assert result.exit_code == 0, result.output
    return path


def export(clip: Path, name: str, out: Path, *arguments: object) -> dict[str, object]:
    result = run("export", clip.with_suffix(".npz"), "--format", name, "-o", out, "--json", *arguments)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert isinstance(summary, dict)
    return summary


def test_export_to_tapvid(clip: Path, tmp_path: Path) -> None:
    summary = export(clip, "tapvid", tmp_path / "t.pkl", "--video", clip, "--normalise", "W-1")
    tracks = read_tracks(clip.with_suffix(".npz"))
    record = pickle.loads((tmp_path / "t.pkl").read_bytes())["clip"]
    assert summary["tracks"] == 9
    np.testing.assert_array_equal(record["occluded"], tracks.state != State.VISIBLE)
    visible = tracks.state == State.VISIBLE
    pixels = record["points"][visible] * (WIDTH - 1, HEIGHT - 1)
    np.testing.assert_allclose(pixels, tracks.xy[visible], atol=1e-3)
    with open_source(clip) as source:
        np.testing.assert_array_equal(record["video"][7], source.frame(7))


def test_export_to_a_cotracker_folder(clip: Path, tmp_path: Path) -> None:
    export(clip, "cotracker", tmp_path / "set", "--video", clip, "--name", "shot", "--jpeg")
    export(clip, "cotracker", tmp_path / "set", "--video", clip, "--name", "other", "--gaps", "split")
    labels = np.load(tmp_path / "set" / "shot" / "shot.npy", allow_pickle=True).item()
    assert labels["coords"].shape == (9, FRAMES, 2)
    assert len(list((tmp_path / "set" / "shot" / "frames").glob("*.jpg"))) == FRAMES


def test_export_to_csv_and_back_to_npz(clip: Path, tmp_path: Path) -> None:
    export(clip, "long-csv", tmp_path / "t.csv", "--start-frame", 1001)
    assert (tmp_path / "t.csv").read_text().splitlines()[1].startswith("1001,0,1,")
    export(clip, "npz", tmp_path / "t.npz")
    np.testing.assert_array_equal(read_tracks(tmp_path / "t.npz").xy, read_tracks(clip.with_suffix(".npz")).xy)


def test_the_sentence_tells_what_was_left_out(clip: Path, tmp_path: Path) -> None:
    tracks = tmp_path / "t.npz"
    assert run("track", clip, "--grid", 2, "--start", 3, "-o", tracks).exit_code == 0
    result = run("export", tracks, "--format", "tapvid", "--video", clip, "--gaps", "split", "-o", tmp_path / "t.pkl")
    assert result.stdout.startswith(f"{tmp_path / 't.pkl'}: 4 tracks, {4 * (FRAMES - 3)} cells as tapvid")
    assert list(pickle.loads((tmp_path / "t.pkl").read_bytes())) == [f"clip_000003_{FRAMES:06d}"]


def test_the_list_names_every_format_and_what_it_loses() -> None:
    rows = json.loads(run("export", "--list", "--json").stdout)
    assert {row["name"] for row in rows} == {entry.name for entry in formats()}
    text = run("export", "--list").stdout
    assert all(row["name"] in text and row["loses"] in text for row in rows)


@pytest.fixture
def project(clip: Path, tmp_path: Path) -> Path:
    """A project on the clip: one track with two anchors."""
    with open_source(clip) as source:
        document = Document.new(VideoRef.of(source))
    document.save_as(tmp_path / "work.trackwright")
    document.add_tracks([(3, 20, 30)], names=["nose"])
    document.place_anchor(int(document.table.ids[0]), 4, 25.5, 31)
    document.close()
    return tmp_path / "work.trackwright"


def test_a_project_is_exported_and_rendered_while_it_stays_as_it_was(project: Path, clip: Path, tmp_path: Path) -> None:
    before = project.read_bytes()
    assert run("export", project, "--format", "long-csv", "-o", tmp_path / "t.csv").exit_code == 0
    lines = (tmp_path / "t.csv").read_text().splitlines()[1:]
    assert [line.split(",")[:6] for line in lines] == [
        ["3", "0", "nose", "20.0", "30.0", "visible"],
        ["4", "0", "nose", "25.5", "31.0", "visible"],
    ]
    assert all(line.split(",")[8] == "anchor" for line in lines)
    result = run("export", project, "--format", "tapvid", "--gaps", "split", "-o", tmp_path / "t.pkl")
    assert result.exit_code == 0, result.output  # the project knows its video
    assert list(pickle.loads((tmp_path / "t.pkl").read_bytes())) == ["clip_000003_000005"]
    assert run("render", clip, project, "-o", tmp_path / "r.mp4").exit_code == 0
    assert project.read_bytes() == before


def test_a_project_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "bad.trackwright").write_text("not a database")
    sentence = refusal("export", tmp_path / "bad.trackwright", "--format", "npz", "-o", tmp_path / "t.npz")
    assert sentence.startswith(f"{tmp_path / 'bad.trackwright'}: ")
    assert not (tmp_path / "t.npz").exists()


def test_render_draws_each_point_where_it_is(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.mp4"
    result = run("render", clip, clip.with_suffix(".npz"), "-o", out, "--trail", 0, "--json")
    assert json.loads(result.stdout)["frames"] == FRAMES
    tracks = read_tracks(clip.with_suffix(".npz"))
    with open_source(clip) as before, open_source(out) as after:
        assert (after.codec, after.frame_count, after.fps) == ("h264", FRAMES, before.fps)
        for frame in (0, FRAMES - 1):
            change = np.abs(after.frame(frame).astype(int) - before.frame(frame)).sum(axis=2)
            x, y = np.rint(tracks.xy[tracks.state[:, frame] == State.VISIBLE, frame]).astype(int).T
            drawn = change[y, x]
            far = np.ones_like(change, bool)
            for column, row in np.rint(np.clip(tracks.xy[:, frame], 0, (WIDTH - 1, HEIGHT - 1))).astype(int):
                far[max(0, row - 12) : row + 13, max(0, column - 12) : column + 13] = False
            assert drawn.mean() > 3 * change[far].mean()


def one_track(state: State, source: Source, confidence: float) -> TrackFile:
    tracks = make_tracks(1, 2, 0, labelled=1.0)
    tracks.size_wh = (64, 48)
    tracks.state[:], tracks.source[:] = state, source
    tracks.visibility[:], tracks.confidence[:] = (np.nan, np.nan) if np.isnan(confidence) else (1, confidence)
    tracks.xy[:] = (20, 30)
    return tracks


def drawn(tracks: TrackFile, size: float = 4.0, **options: object) -> np.ndarray:
    return Overlay(tracks, Look(size=size, **options)).draw(np.full((48, 64, 3), 128, np.uint8), 1)  # type: ignore[arg-type]


def test_shape_says_state_and_colour_says_confidence() -> None:
    ramp = confidence_colours()
    lightness = np.asarray(cv2.cvtColor(ramp[None], cv2.COLOR_RGB2LAB))[0, :, 0].astype(int)
    assert (np.diff(lightness) >= -1).all()  # cividis grows lighter all the way, up to rounding
    assert lightness[-1] - lightness[0] > 150
    visible = drawn(one_track(State.VISIBLE, Source.MODEL, 1.0))
    assert visible[30, 20].tolist() == ramp[255].tolist()
    assert drawn(one_track(State.VISIBLE, Source.MODEL, 0.0))[30, 20].tolist() == ramp[0].tolist()
    assert drawn(one_track(State.VISIBLE, Source.ANCHOR, np.nan))[30, 20].tolist() == list(BY_HAND)
    hollow = drawn(one_track(State.OCCLUDED, Source.MODEL, 1.0))
    assert hollow[30, 20].tolist() == [128, 128, 128]
    assert hollow[30, 24].tolist() != [128, 128, 128]
    dot, diamond = (
        drawn(one_track(State.VISIBLE, source, 1.0), size=16.0)[19, 31] for source in (Source.MODEL, Source.ANCHOR)
    )
    assert (dot != 128).any()
    assert (diamond == 128).all()
    assert (drawn(one_track(State.UNLABELLED, Source.NONE, 1.0)) == 128).all()


def test_out_of_view_is_marked_at_the_border() -> None:
    tracks = one_track(State.OUT_OF_VIEW, Source.MODEL, 0.5)
    tracks.xy[:] = (-1e9, 30)
    assert (drawn(tracks)[30, :3] != 128).any()


def test_trails_fade_and_stop_at_gaps() -> None:
    tracks = make_tracks(1, 30, 0, labelled=1.0)
    tracks.state[:], tracks.source[:] = State.VISIBLE, Source.MODEL
    tracks.visibility[:] = tracks.confidence[:] = 1
    tracks.xy[0] = np.stack([np.arange(30) * 4 + 2, np.full(30, 20)], axis=1)
    tracks.state[0, 20] = State.UNLABELLED

    def trail(length: int) -> np.ndarray:
        image = Overlay(tracks, Look(length, 1.0)).draw(np.full((40, 130, 3), 128, np.uint8), 29)
        column: np.ndarray = np.abs(image[20].astype(int) - 128).sum(axis=1)
        return column

    long, none = trail(28), trail(0)
    assert none[:110].max() == 0
    assert long[100] > long[30] > 0
    assert long[81:84].max() == 0


def test_names_are_written_beside_the_points() -> None:
    tracks = one_track(State.VISIBLE, Source.MODEL, 1.0)
    tracks.names = ["nose"]
    assert not np.array_equal(drawn(tracks, names=True), drawn(tracks))
