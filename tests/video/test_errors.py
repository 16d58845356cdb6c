"""Bad input gives one clear sentence that names the file."""

import io
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.video.clips import code_picture, make_clip, make_pictures, write_picture
from tracker.files import InputError
from tracker.video import VideoWriter, open_source


def refusal(path):
    with pytest.raises(InputError) as caught:
        open_source(path)
    sentence = str(caught.value)
    assert sentence.startswith(str(path) + ": ")
    assert "\n" not in sentence
    return sentence.removeprefix(str(path) + ": ")


@pytest.mark.parametrize("name", ["nothing.mp4", "nothing.png", "no folder/clip.mp4"])
def test_missing(name, tmp_path):
    assert refusal(tmp_path / name) == "the file does not exist"


@pytest.mark.parametrize("name", ["empty.mp4", "empty.png", "empty.0001.exr"])
def test_empty(name, tmp_path):
    (tmp_path / name).touch()
    assert refusal(tmp_path / name) == "the file is empty"


@pytest.mark.parametrize("name", ["letter.mp4", "letter.mkv", "letter", "letter.txt", "letter.csv"])
def test_text(name, tmp_path):
    (tmp_path / name).write_text("Dear reader, this is not a video.\n" * 50)
    assert "video" in refusal(tmp_path / name)


def test_noise(tmp_path):
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(20_000))
    assert "not a video" in refusal(path)


def test_cut_off_before_the_table_of_contents(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 50)
    path.write_bytes(path.read_bytes()[:2500])
    assert "cut off" in refusal(path)


def test_sound_only(tmp_path):
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    assert refusal(path) == "there is sound but no video in this file"


def test_sound_with_a_cover_picture(tmp_path):
    path = tmp_path / "song.mkv"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        cover = io.BytesIO()
        write_picture(tmp_path / "cover.png", code_picture(1, 64, 64))
        cover.write((tmp_path / "cover.png").read_bytes())
        container.add_attachment("cover.png", "image/png", cover.getvalue())
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        frame.rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    assert refusal(path) == "there is sound but no video in this file"


def test_no_frames(tmp_path):
    path = tmp_path / "frameless.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()
    assert "no " in refusal(path)


def test_no_permission(tmp_path, monkeypatch):
    path = make_clip(tmp_path / "secret.mp4", 5)
    picture = make_pictures(tmp_path / "pictures", [1]) / "frame_0001.png"

    def forbidden(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", forbidden)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    assert refusal(path) == "no permission to read this file"
    assert refusal(picture) == "no permission to read this file"
    monkeypatch.setattr(Path, "iterdir", forbidden)
    assert refusal(picture.parent) == "no permission to read this folder"


def test_a_playlist_opens_nothing_else(tmp_path):
    make_clip(tmp_path / "part.ts", 10)
    playlist = tmp_path / "list.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/part.ts\n#EXT-X-ENDLIST\n")
    assert "video" in refusal(playlist)


def test_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see")
    (tmp_path / "clip.mp4").write_bytes(b"")
    (tmp_path / "sub.png").mkdir()
    assert "no pictures" in refusal(tmp_path)


def test_folder_with_several_sequences(tmp_path):
    make_pictures(tmp_path, [1, 2], "left.{:04d}.png")
    make_pictures(tmp_path, [1, 2], "right.{:04d}.png")
    sentence = refusal(tmp_path)
    assert "2 picture sequences" in sentence
    assert "left.#.png" in sentence


def test_folder_with_unnumbered_pictures(tmp_path):
    make_pictures(tmp_path, [1, 2])
    write_picture(tmp_path / "poster.png", code_picture(1, 64, 64))
    assert "poster.png has no frame number" in refusal(tmp_path)


def test_folder_whose_numbers_are_dates(tmp_path):
    make_pictures(tmp_path, [20230105, 20240101], "{}.png")
    assert "too far apart" in refusal(tmp_path)


def test_two_pictures_with_one_number(tmp_path):
    make_pictures(tmp_path, [1], "f{:04d}.png")
    make_pictures(tmp_path, [1], "f{:02d}.png")
    with pytest.raises(InputError, match="same frame number 1"):
        open_source(tmp_path)


def test_pattern_that_matches_nothing(tmp_path):
    assert refusal(tmp_path / "shot.####.exr") == "no picture has a name like this"


def test_a_text_file_among_the_pictures(tmp_path):
    make_pictures(tmp_path, [1, 3])
    (tmp_path / "frame_0002.png").write_text("not a picture")
    with open_source(tmp_path) as source, pytest.raises(InputError, match=r"frame_0002\.png: not a PNG"):
        source.frame(1)


def test_a_cut_off_picture(tmp_path):
    make_pictures(tmp_path, [1, 2, 3])
    path = tmp_path / "frame_0002.png"
    path.write_bytes(path.read_bytes()[:60])
    with open_source(tmp_path) as source, pytest.raises(InputError, match=r"frame_0002\.png: the picture is damaged"):
        source.frame(1)


def test_pictures_of_different_sizes(tmp_path):
    make_pictures(tmp_path, [1, 3])
    make_pictures(tmp_path, [2], width=80, height=48)
    with open_source(tmp_path) as source:
        with pytest.raises(InputError, match=r"frame_0002\.png: the picture is 80 × 48 pixels.* 160 × 96"):
            source.frame(1)
        assert source.frame(2).shape == (96, 160, 3)


def test_writing_where_nothing_can_be_written(tmp_path):
    with (
        pytest.raises(InputError, match="folder does not exist"),
        VideoWriter(tmp_path / "no" / "out.mp4", 64, 64, Fraction(25)),
    ):
        pass
