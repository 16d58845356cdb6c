"""`trackwright render`, `stabilise` and `contact-sheet` on real video: what is written is decoded and looked at."""

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.audio.stream import AudioStream

from app.rendering.output import Output, codec_of, open_output
from app.rendering.overlay import Look
from app.rendering.render import render_overlay
from tests.cli.commandline import refusal, run
from tests.rendering.shots import known_tracks, shot
from tests.video.clips import make_clip
from tracker.files import InputError
from tracker.labels import State, TrackFile, read_tracks, write_tracks
from tracker.video import VideoWriter, open_source
from tracker.video.picture_writer import PictureWriter

NTSC = Fraction(24000, 1001)
FRAMES = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return shot(tmp_path_factory.mktemp("shot"), FRAMES)


def tracks_on(video: Path) -> Path:
    """A track file with nothing on it but one point in the middle."""
    with open_source(video) as source:
        tracks = TrackFile.empty(1, source.pts, source.time_base, (source.width, source.height))
    tracks.xy[:], tracks.state[:] = (source.width / 2, source.height / 2), State.VISIBLE
    tracks.confidence[:] = tracks.visibility[:] = 1
    write_tracks(video.with_suffix(".npz"), tracks)
    return video.with_suffix(".npz")


def with_sine(video: Path, seconds: float) -> Path:
    """The video copied into a file with a sine of 440 Hz."""
    path, rate = video.with_name(f"heard-{video.name}"), 48000
    wave = (0.4 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)
    with av.open(str(video)) as given, av.open(str(path), "w") as container:
        pictures = container.add_stream_from_template(given.streams.video[0])
        sound = container.add_stream("aac", rate=rate)
        assert isinstance(sound, AudioStream)
        sound.codec_context.layout = "mono"
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = pictures
                container.mux(packet)
        for start in range(0, len(wave), 1024):
            frame = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return path


def written(*arguments: object) -> dict[str, object]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert isinstance(summary, dict)
    return summary


def read_png(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


def packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_a_movie_keeps_rate_sound_and_pixel_aspect(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 64, 48, NTSC, pixel_aspect=Fraction(2)) as writer:
        for shade in range(0, 240, 5):
            writer.write(np.full((48, 64, 3), shade, np.uint8))
    video = with_sine(tmp_path / "v.mp4", 2.0)
    tracks = tracks_on(video)
    summary = written("render", video, tracks, "-o", tmp_path / "r.mp4")
    assert (summary["frames"], summary["sound"]) == (48, True)
    with av.open(str(tmp_path / "r.mp4")) as container:
        stream, sound = container.streams.video[0], container.streams.audio[0]
        assert (stream.average_rate, stream.sample_aspect_ratio) == (NTSC, Fraction(2))
        assert abs(float((sound.duration or 0) * (sound.time_base or 0)) - 2.0) <= 1.5 * 1024 / 48000
    assert packets(tmp_path / "r.mp4") == packets(video)[: len(packets(tmp_path / "r.mp4"))]  # copied, not encoded anew
    assert written("render", video, tracks, "-o", tmp_path / "q.mp4", "--no-audio")["sound"] is False
    with open_source(tmp_path / "q.mp4") as silent:
        assert not silent.has_audio
    cut = written("render", video, tracks, "-o", tmp_path / "c.mov", "--codec", "h264", "--start", 24, "--end", 36)
    assert cut["frames"] == 12
    with av.open(str(tmp_path / "c.mov")) as container:
        sound = container.streams.audio[0]
        assert abs(float((sound.duration or 0) * (sound.time_base or 0)) - float(12 / NTSC)) <= 2.5 * 1024 / 48000
    with open_source(tmp_path / "c.mov") as part:
        assert part.frame(0)[4, 4, 0] == pytest.approx(24 * 5, abs=4)


def test_a_movie_of_variable_rate_keeps_its_times(tmp_path: Path) -> None:
    pts = [0, 40, 80, 200, 210, 500, 540, 600]
    video = make_clip(tmp_path / "v.mkv", 8, 64, 48, pts=pts, time_base=Fraction(1, 1000))
    written("render", video, tracks_on(video), "-o", tmp_path / "r.mp4", "--start", 2)
    with open_source(tmp_path / "r.mp4") as source:
        seconds = [float(at * source.time_base) for at in source.pts]
    np.testing.assert_allclose(seconds, (np.array(pts[2:]) - 80) / 1000, atol=1e-3)


def test_pictures_are_numbered_by_the_plate(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    plate, out = tmp_path / "plate", tmp_path / "out"
    summary = written("render", video, tracks, "-o", plate / "p.####.png", "--start-frame", 1001)
    assert (summary["first_number"], summary["last_number"]) == (1001, 1008)
    # The same tracks on the pictures: the numbers are theirs, and a rate can be given.
    write_tracks(tmp_path / "p.npz", known_tracks(plate))
    written("render", plate, tmp_path / "p.npz", "-o", out, "--start", 2, "--end", 4)
    assert sorted(path.name for path in out.iterdir()) == ["p.1003.png", "p.1004.png"]
    written("render", plate, tmp_path / "p.npz", "-o", tmp_path / "r.mov", "--fps", "24000/1001", "--frame-numbers")
    with open_source(tmp_path / "r.mov") as movie:
        assert (movie.codec, movie.fps, movie.frame_count) == ("prores", NTSC, FRAMES)
    assert "has a rate of its own" in refusal("render", video, tracks, "-o", tmp_path / "s.mp4", "--fps", 24)
    assert "beside the plate" in refusal("render", plate, tmp_path / "p.npz", "-o", plate / "p.####.png")


def test_a_missing_picture_is_marked_in_its_place(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    plate = tmp_path / "plate"
    written("render", video, tracks, "-o", plate, "--trail", 0)
    (plate / "shot.0003.png").unlink()
    write_tracks(tmp_path / "p.npz", known_tracks(plate))
    summary = written("render", plate, tmp_path / "p.npz", "-o", tmp_path / "out", "--trail", 0)
    assert (summary["frames"], summary["missing"]) == (FRAMES, 1)
    before, missing = (read_png(tmp_path / "out" / f"shot.000{n}.png").astype(int) for n in (2, 3))
    middle = np.abs(missing - before)[50:70].max(axis=(0, 2))
    assert (middle > 60).sum() > 40  # written across the middle


def test_the_overlay_alone_is_transparent(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    written("render", video, tracks, "-o", tmp_path / "a.##.png", "--alpha", "--trail", 0)
    written("render", video, tracks, "-o", tmp_path / "a.mov", "--alpha", "--trail", 0)
    xy = read_tracks(tracks).xy[:, 5]
    picture = read_png(tmp_path / "a.05.png")
    assert picture.shape == (120, 160, 4)
    with av.open(str(tmp_path / "a.mov")) as container:
        assert container.streams.video[0].codec_context.profile == "4444"
        decoded = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    assert len(decoded) == FRAMES
    for alpha in (picture[..., 3], decoded[5][..., 3]):
        for x, y in np.rint(xy).astype(int).tolist():
            assert alpha[y, x] >= 252
        assert (alpha <= 3).mean() > 0.9
    assert "H.264 has no transparency" in refusal("render", video, tracks, "-o", tmp_path / "x.mp4", "--alpha")


def test_scaled_pictures_have_the_marks_where_the_points_are(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    summary = written("render", video, tracks, "-o", tmp_path / "s.##.png", "--alpha", "--scale", 2, "--trail", 0)
    assert (summary["width"], summary["height"]) == (320, 240)
    alpha = read_png(tmp_path / "s.00.png")[..., 3].astype(float)
    x, y = read_tracks(tracks).xy[0, 0] * 2 + 0.5
    around = alpha[round(y) - 8 : round(y) + 9, round(x) - 8 : round(x) + 9]
    rows, columns = np.mgrid[-8:9, -8:9]
    assert abs((around * columns).sum() / around.sum() + round(x) - x) < 0.3
    assert abs((around * rows).sum() / around.sum() + round(y) - y) < 0.3


def test_stabilised_movies_and_their_sentence(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    result = run("stabilise", video, tracks, "-o", tmp_path / "s.mp4", "--track", 2, "--reference", 3)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == f"{tmp_path / 's.mp4'}: 8 frames locked to 2 (translation, frame 3 stands still)"
    inner = slice(24, -24), slice(24, -24)
    with open_source(tmp_path / "s.mp4") as still, open_source(video) as moving:
        first, last, plain = still.frame(0)[inner].astype(float), still.frame(7)[inner], moving.frame(0)[inner]
        assert np.abs(first - last).mean() < np.abs(plain.astype(float) - moving.frame(7)[inner]).mean() / 3
    summary = written(
        "stabilise", video, tracks, "-o", tmp_path / "c.##.png", "--all", "--crop", "32x24", "--zoom", 4, "--alpha",
        "--start", 1, "--end", 3
    )  # fmt: skip
    assert (summary["width"], summary["height"], summary["kind"], summary["tracks"]) == (128, 96, "similarity", 4)
    assert read_png(tmp_path / "c.01.png").shape == (96, 128, 4)


def test_stabilise_wants_to_know_its_tracks(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    out = "-o", tmp_path / "s.mp4"
    assert "there are 4 tracks, say which with --track, or --all" in refusal("stabilise", video, tracks, *out)
    assert "there is no track nose" in refusal("stabilise", video, tracks, *out, "--track", "nose")
    assert "1 to 16384 a side" in refusal("stabilise", video, tracks, *out, "--all", "--zoom", 64, "--crop", "400x300")
    assert "give one of them" in refusal("stabilise", video, tracks, *out, "--track", 1, "--all")
    assert "needs 4 tracks" in refusal("stabilise", video, tracks, *out, "--track", 1, "--kind", "homography")
    assert "expected width x height" in refusal("stabilise", video, tracks, *out, "--all", "--crop", "big")
    twins = known_tracks(video)
    twins.names = ["a", "b", "a", "c"]
    write_tracks(tmp_path / "twins.npz", twins)
    sentence = refusal("stabilise", video, tmp_path / "twins.npz", *out, "--track", "a")
    assert sentence.endswith("2 tracks are named a; say which by its number (1 or 3)")
    assert not (tmp_path / "s.mp4").exists()


def test_a_contact_sheet_has_the_point_in_the_middle_of_each_tile(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    out = tmp_path / "sheet.png"
    arguments = "--track", 1, "--every", 2, "--columns", 4, "--tile", 16, "--zoom", 4
    summary = written("contact-sheet", video, tracks, "-o", out, *arguments)
    assert (summary["tracks"], summary["tiles"]) == (1, 4)
    sheet = read_png(out)[..., ::-1].astype(int)
    assert sheet.shape == (summary["height"], summary["width"], 3)
    known = read_tracks(tracks)
    gap, side, top = 3, 64, 3 + 24  # letters of 7 pixels make a title of 24
    lefts = [side + gap + 3 * gap + place * (side + gap) for place in range(4)]
    with open_source(video) as source:
        for left, frame in zip(lefts, range(0, 8, 2), strict=True):
            x, y = known.xy[0, frame].tolist()
            # The inner 8 pixels of the video, which the tile's middle shows enlarged.
            inner = cv2.getRectSubPix(source.frame(frame), (8, 8), (x, y)).astype(float)
            enlarged = sheet[top + 16 : top + 48, left + 16 : left + 48].astype(np.float32)
            seen = cv2.resize(enlarged, (8, 8), interpolation=cv2.INTER_AREA)
            off = {
                shift: np.abs(np.roll(seen, shift, axis=(0, 1))[2:-2, 2:-2] - inner[2:-2, 2:-2]).mean()
                for shift in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
            }
            assert min(off, key=lambda shift: off[shift]) == (0, 0)
    borders = [sheet[top + 10, left].sum() for left in lefts]
    assert borders == sorted(borders)  # confidence rises, and the colours grow lighter
    assert borders[0] < borders[-1]


def test_contact_sheets_that_cannot_be(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    out = tmp_path / "sheet.png"
    wide = refusal("contact-sheet", video, tracks, "-o", out, "--tile", 400, "--zoom", 30)
    assert "leave out frames or tracks" in wide
    assert "is a .png picture" in refusal("contact-sheet", video, tracks, "-o", tmp_path / "sheet.jpg")
    assert "there is no track 9" in refusal("contact-sheet", video, tracks, "-o", out, "--track", 9)
    assert not out.exists()


@pytest.mark.parametrize("name", ["r.mp4", "r.mov", "frames", "f.####.png"])
def test_what_is_cancelled_leaves_nothing(name: str, made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made

    def leave(done: int, _total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    out = tmp_path / "place" / name
    out.parent.mkdir()
    output = Output(out, codec_of(out), end=FRAMES)
    with open_source(video) as source, pytest.raises(KeyboardInterrupt):
        render_overlay(source, read_tracks(tracks), Look(), output, leave)
    assert list(out.parent.iterdir()) == []


def test_names_of_outputs_say_what_they_are(made: tuple[Path, Path], tmp_path: Path) -> None:
    assert codec_of(tmp_path / "a.mp4") == "h264"
    assert codec_of(tmp_path / "a.mov") == "prores"
    assert codec_of(tmp_path / "a.mov", "h264") == "h264"
    assert codec_of(tmp_path / "a.%04d.png") == codec_of(tmp_path) == codec_of(tmp_path / "new") == "png"
    for name, wanted in (("a.mp4", "prores"), ("a.####.png", "h264"), ("a.mp4", "png"), ("a.avi", None)):
        with pytest.raises(InputError, match=r"goes into|write \.mp4"):
            codec_of(tmp_path / name, wanted)  # type: ignore[arg-type]
    with open_source(made[0]) as source:
        assert isinstance(open_output(Output(tmp_path, "png"), source, 8, 8), PictureWriter)


def test_ranges_that_are_none(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    for options in (("--start", 8), ("--start", 3, "--end", 3), ("--end", 9), ("--start", -1)):
        assert "there are no frames" in refusal("render", video, tracks, "-o", tmp_path / "r.mp4", *options)
    assert "need a number" in refusal("render", video, tracks, "-o", tmp_path / "one.png")


def test_places_and_sizes_that_are_none(made: tuple[Path, Path], tmp_path: Path) -> None:
    video, tracks = made
    assert "--size" in refusal("render", video, tracks, "-o", tmp_path / "r.mp4", "--size", "inf")
    sentence = refusal("render", video, tracks, "-o", tmp_path / "no" / "such" / "p.####.png")
    assert sentence == f"{tmp_path / 'no' / 'such'}: the folder does not exist"
    assert "this is an input" in refusal("stabilise", video, tracks, "-o", video, "--all")
    sequence = tmp_path / "empty"
    sequence.mkdir()
    assert "no pictures" in refusal("render", sequence, tracks, "-o", tmp_path / "r.mp4")


def test_a_full_disk_leaves_no_pictures(made: tuple[Path, Path], tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    video, tracks = made
    out = tmp_path / "frames"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # no file may grow further, as on a full disk
    try:
        sentence = refusal("render", video, tracks, "-o", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sentence.startswith(str(out / "shot.0000.png"))
    assert not out.exists()
