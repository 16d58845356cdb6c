"""Movies with sound, alpha and times of their own, and numbered pictures."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.audio.stream import AudioStream

from tests.video.clips import code_picture, read_code
from tracker.files import InputError
from tracker.video import VideoWriter, open_source
from tracker.video import writer as writer_module
from tracker.video.picture_writer import PictureWriter, numbered_name, picture_pattern
from tracker.video.sound import Sound
from tracker.video.writer import FrameTimes

NTSC = Fraction(24000, 1001)
RATE = 48000


def sine_file(path: Path, codec: str, seconds: float = 2.0) -> Path:
    """A sound that is 440 Hz in its first second and 1760 Hz after that."""
    time = np.arange(int(seconds * RATE)) / RATE
    wave = (0.4 * np.sin(2 * np.pi * np.where(time < 1, 440, 1760) * time)).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "mono"
        resampler = av.AudioResampler(stream.codec_context.format.name, "mono", RATE, frame_size=1024)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def heard(path: Path) -> tuple[str, np.ndarray, float]:
    """The codec, the samples, and when the first one is heard."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        name = stream.codec_context.codec.canonical_name
    start = frames[0].time or 0.0
    return name, np.concatenate([frame.to_ndarray().astype(float).reshape(-1) for frame in frames]), start


def pitch(samples: np.ndarray) -> float:
    """The loudest frequency in Hz."""
    return float(np.abs(np.fft.rfft(samples))[1:].argmax() + 1) * RATE / len(samples)


def write_movie(path: Path, frames: int = 50, fps: Fraction = Fraction(25), **options: object) -> Path:
    with VideoWriter(path, 64, 48, fps, **options) as writer:  # type: ignore[arg-type]
        for number in range(frames):
            writer.write(code_picture(number, 64, 48))
    return path


@pytest.mark.parametrize(
    ("suffix", "codec", "kept"),
    [(".m4a", "aac", "aac"), (".mp3", "libmp3lame", "mp3"), (".wav", "pcm_s16le", "aac"), (".ogg", "libopus", "opus")],
)
def test_sound_is_kept_and_made_aac_only_where_mp4_cannot_hold_it(suffix, codec, kept, tmp_path: Path) -> None:
    source = sine_file(tmp_path / f"sine{suffix}", codec)
    movie = write_movie(tmp_path / "out.mp4", sound=Sound(source, Fraction(0), Fraction(2)))
    name, samples, start = heard(movie)
    assert name == kept
    assert abs(start) < 0.03
    assert abs(len(samples) / RATE - 2) < 2 * 1024 / RATE + 0.03
    assert pitch(samples[RATE // 4 : RATE // 2]) == pytest.approx(440, abs=8)
    with open_source(movie) as shown:
        assert (shown.frame_count, shown.has_audio) == (50, True)


@pytest.mark.parametrize(("suffix", "codec"), [(".m4a", "aac"), (".wav", "pcm_s16le")])
def test_the_sound_of_a_stretch_starts_where_the_stretch_does(suffix, codec, tmp_path: Path) -> None:
    source = sine_file(tmp_path / f"sine{suffix}", codec)
    movie = write_movie(tmp_path / "out.mp4", 30, sound=Sound(source, Fraction(4, 5), Fraction(2)))
    _, samples, start = heard(movie)
    assert abs(len(samples) / RATE + min(start, 0) - 1.2) < 0.07
    begin = round(-start * RATE)  # where the first picture comes
    before, after = samples[begin + 480 : begin + RATE // 5 - 1440], samples[begin + RATE // 5 + 1440 :][:9600]
    assert pitch(before) == pytest.approx(440, abs=16)
    assert pitch(after) == pytest.approx(1760, abs=16)


def test_quicktime_keeps_pcm(tmp_path: Path) -> None:
    source = sine_file(tmp_path / "sine.wav", "pcm_s16le")
    movie = write_movie(tmp_path / "out.mov", codec="prores", sound=Sound(source, Fraction(0), Fraction(2)))
    name, samples, _ = heard(movie)
    assert (name, len(samples)) == ("pcm_s16le", 2 * RATE)


def test_a_file_without_sound_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    silent = write_movie(tmp_path / "silent.mp4", 2)
    with pytest.raises(InputError, match="no sound"):
        write_movie(tmp_path / "out.mp4", 2, sound=Sound(silent, Fraction(0), Fraction(1)))
    assert list(tmp_path.iterdir()) == [silent]


@pytest.mark.parametrize("codec", ["h264", "prores"])
def test_rates_and_pixel_aspect_are_exact(codec, tmp_path: Path) -> None:
    path = write_movie(tmp_path / f"out.{'mp4' if codec == 'h264' else 'mov'}", 9, NTSC, codec=codec,
                       pixel_aspect=Fraction(64, 45))  # fmt: skip
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.average_rate, stream.sample_aspect_ratio) == (NTSC, Fraction(64, 45))
        assert (stream.duration or 0) * (stream.time_base or 0) == 9 / NTSC
    with open_source(path) as source:
        assert [read_code(frame) for frame in source.frames(0, 9)] == list(range(9))


@pytest.mark.parametrize("codec", ["h264", "prores"])
def test_variable_times_come_back(codec, tmp_path: Path) -> None:
    pts = np.array([0, 40, 80, 200, 210, 500], np.int64)
    path = write_movie(
        tmp_path / f"out.{'mp4' if codec == 'h264' else 'mov'}",
        6,
        codec=codec,
        times=FrameTimes(pts, Fraction(1, 1000)),
    )
    with open_source(path) as source:
        seconds = [float(value * source.time_base) for value in source.pts]
        assert [read_code(frame) for frame in source.frames(0, 6)] == list(range(6))
    np.testing.assert_allclose(seconds, pts / 1000, atol=1e-3)


def test_prores_4444_keeps_straight_alpha(tmp_path: Path) -> None:
    picture = np.zeros((49, 65, 4), np.uint8)
    picture[:24], picture[24:, :32] = (200, 40, 60, 255), (200, 40, 60, 128)
    with VideoWriter(tmp_path / "out.mov", 65, 49, NTSC, codec="prores", alpha=True) as writer:
        writer.write(picture)
    with av.open(str(tmp_path / "out.mov")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (65, 49)
        assert container.streams.video[0].codec_context.profile == "4444"
        back = frame.to_ndarray(format="rgba").astype(int)
    for y, x in ((10, 10), (40, 10), (40, 56)):
        assert abs(back[y, x, 3] - int(picture[y, x, 3])) <= 2
    assert np.abs(back[40, 10, :3] - (200, 40, 60)).max() <= 6


def test_h264_with_alpha_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"H\.264 has no transparency"):
        VideoWriter(tmp_path / "out.mp4", 64, 48, NTSC, alpha=True)


def test_an_encoder_that_is_not_built_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "PRORES", writer_module.PRORES._replace(encoder="no_such_encoder"))
    with pytest.raises(InputError, match="cannot write ProRes 422 HQ"):
        write_movie(tmp_path / "out.mov", 1, codec="prores")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("pattern", "number", "name"),
    [
        ("s.####.png", 7, "s.0007.png"),
        ("s.%05d.png", 1001, "s.01001.png"),
        ("s_#.png", 12, "s_12.png"),
        ("s.%d.png", 3, "s.3.png"),
        ("s.####.png", -3, "s.-0003.png"),
        ("a#b.####.png", 12345, "a#b.12345.png"),
    ],
)
def test_numbered_names(pattern: str, number: int, name: str) -> None:
    assert numbered_name(pattern, number) == name


def test_patterns_of_outputs(tmp_path: Path) -> None:
    assert picture_pattern(tmp_path / "s.####.png", "clip") == tmp_path / "s.####.png"
    assert picture_pattern(tmp_path, "cl#ip") == tmp_path / "cl_ip.####.png"
    with pytest.raises(InputError, match=r"write one\.####\.png"):
        picture_pattern(tmp_path / "one.png", "clip")


def write_pictures(pattern: Path, numbers: Sequence[int], alpha: bool = False, fails: bool = False) -> None:
    with PictureWriter(pattern, numbers[0], 64, 48, alpha=alpha) as writer:
        for number in numbers:
            picture = code_picture(number, 64, 48)
            shade = np.full((48, 64, 1), 77, np.uint8)
            writer.write(np.concatenate([picture, shade], axis=2) if alpha else picture)
        if fails:
            raise KeyboardInterrupt


def test_pictures_are_numbered_and_beside_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    write_pictures(tmp_path / "s.####.png", range(998, 1003))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "note.txt", "s.0998.png", "s.0999.png", "s.1000.png", "s.1001.png", "s.1002.png"]  # fmt: skip
    with open_source(tmp_path / "s.####.png") as source:
        assert (source.first_frame_number, source.frame_count) == (998, 5)
        assert read_code(source.frame(3)) == 1001


def test_pictures_keep_alpha_to_the_bit(tmp_path: Path) -> None:
    write_pictures(tmp_path / "s.##.png", [4], alpha=True)
    back = np.asarray(cv2.imread(str(tmp_path / "s.04.png"), cv2.IMREAD_UNCHANGED))
    np.testing.assert_array_equal(back[..., 2::-1], code_picture(4, 64, 48))
    assert (back[..., 3] == 77).all()


@pytest.mark.parametrize("existed", [False, True])
def test_pictures_that_are_broken_off_leave_nothing(existed: bool, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    if existed:
        folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        write_pictures(folder / "s.####.png", [1, 2], fails=True)
    assert list(tmp_path.rglob("*")) == ([folder] if existed else [])


def test_pictures_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the folder does not exist"):
        write_pictures(tmp_path / "no" / "such" / "s.####.png", [1])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file"):
        write_pictures(tmp_path / "file" / "s.####.png", [1])
