"""The index: what it counts, what it does about files that lie or are cut off, and its cache."""

import contextlib
import random
import shutil

import av
import numpy as np
import pytest

from tests.video.clips import make_clip, read_code
from tracker.files import InputError
from tracker.video import VideoReader
from tracker.video import index as index_module
from tracker.video.index import build_index, load_index

INDEXED = ("pts", "key_pts", "time_base", "fps", "width", "height", "orientation", "has_audio", "codec", "counted")


def entries(cache_folder):
    return sorted((cache_folder / "index").glob("*.npz"))


def refuse(*_: object) -> None:
    raise AssertionError("the index was made anew")


def assert_same(one, other):
    for name in INDEXED:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_the_cached_index_is_the_same_index(cache_folder, tmp_path, monkeypatch):
    path = make_clip(tmp_path / "clip.mp4", 40, rotation=90, audio=True, pts=range(-5, 35))
    first = load_index(path)
    assert len(entries(cache_folder)) == 1
    monkeypatch.setattr(index_module, "build_index", refuse)
    assert_same(load_index(path), first)


def test_a_changed_file_is_indexed_anew(cache_folder, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 40)
    assert len(load_index(path).pts) == 40
    make_clip(path, 25)
    assert len(load_index(path).pts) == 25
    assert len(entries(cache_folder)) == 2


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"PK\x03\x04 cut off"])
def test_a_corrupt_cache_entry_is_made_anew(damage, cache_folder, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 40)
    good = load_index(path)
    (entry,) = entries(cache_folder)
    entry.write_bytes(damage)
    assert_same(load_index(path), good)
    with np.load(entry) as stored:
        assert len(stored["pts"]) == 40


def test_a_cut_off_or_foreign_cache_entry_is_made_anew(cache_folder, tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 40)
    good = load_index(path)
    (entry,) = entries(cache_folder)
    entry.write_bytes(entry.read_bytes()[:-40])
    assert_same(load_index(path), good)
    np.savez(entry, pts=np.arange(3))
    assert_same(load_index(path), good)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    blocked = tmp_path / "a file, not a folder"
    blocked.write_text("in the way")
    monkeypatch.setenv("TRACKWRIGHT_CACHE", str(blocked))
    path = make_clip(tmp_path / "clip.mp4", 10)
    with VideoReader(path) as reader:
        assert reader.frame_count == 10
    assert blocked.read_text() == "in the way"


def test_the_cache_leaves_no_temporary_files(cache_folder, tmp_path):
    load_index(make_clip(tmp_path / "clip.mp4", 10))
    assert [path.suffix for path in (cache_folder / "index").iterdir()] == [".npz"]


def test_key_frames_hidden_by_an_edit_list_stay_in_the_table(tmp_path):
    index = build_index(make_clip(tmp_path / "cut.mp4", 50, gop=12, pts=range(-5, 45)))
    assert len(index.pts) == 45
    assert int(index.pts[0]) == 0
    assert int(index.key_pts[0]) < 0


def test_a_frame_count_that_lies_is_not_believed(tmp_path):
    path = make_clip(tmp_path / "lie.avi", 60, codec="mpeg4", bframes=0)
    data = bytearray(path.read_bytes())
    for at in (data.index(b"strh") + 8 + 32, data.index(b"avih") + 8 + 16):  # dwLength, dwTotalFrames
        assert int.from_bytes(data[at : at + 4], "little") == 60
        data[at : at + 4] = (500).to_bytes(4, "little")
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 500
    with VideoReader(path) as reader:
        assert reader.frame_count == 60
        assert [read_code(reader.frame(index)) for index in (59, 0, 31)] == [59, 0, 31]


def decodable(path):
    """What plain decoding from the start shows."""
    shown: list[int | None] = []
    with av.open(str(path)) as container, contextlib.suppress(av.FFmpegError):
        shown.extend(frame.pts for frame in container.decode(video=0))
    return shown


@pytest.mark.parametrize("kept", [0.35, 0.6, 0.9])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("cut.mp4", {"mux_options": {"movflags": "faststart"}}),
        ("cut_fragments.mp4", {"mux_options": {"movflags": "frag_keyframe+empty_moov"}}),
        ("cut.mkv", {}),
        ("cut.ts", {}),
        ("cut.avi", {"codec": "mpeg4"}),
    ],
)
def test_a_cut_off_file_gives_all_that_is_left(name, arguments, kept, tmp_path):
    whole = make_clip(tmp_path / name, 120, noise=20, **arguments)
    data = whole.read_bytes()
    path = tmp_path / f"part{whole.suffix}"
    path.write_bytes(data[: int(len(data) * kept)])
    with VideoReader(path) as reader:
        assert len(decodable(path)) <= reader.frame_count < 120
        right, refused = [], []
        for index in random.Random(3).sample(range(reader.frame_count), reader.frame_count):
            try:
                frame = reader.frame(index)
            except InputError as error:
                refused.append((index, str(error)))
                continue
            if is_code(frame, index):
                right.append(index)
        # Only the pictures of the group that was being written when the file was cut may suffer.
        assert all(index >= reader.frame_count - 4 for index, _ in refused)
        assert all(sentence.startswith(f"{path}: frame {index} ") for index, sentence in refused)
        assert set(range(reader.frame_count - 4)) <= set(right)


def is_code(frame, number):
    try:
        return read_code(frame) == number
    except ValueError:
        return False


def test_a_recording_that_starts_in_the_middle_of_a_group(tmp_path):
    path = make_clip(tmp_path / "whole.ts", 60, gop=20, noise=20)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        cut = packets[27].pos or 0
    path.write_bytes(path.read_bytes()[cut // 188 * 188 :])
    with VideoReader(path) as reader:
        codes = [read_code(frame) for frame in reader.frames(0, reader.frame_count)]
        assert codes == list(range(60 - len(codes), 60))
        assert 15 <= len(codes) <= 34
        assert [read_code(reader.frame(index)) for index in (len(codes) - 1, 0, 7)] == [59, codes[0], codes[7]]


def test_streams_without_times_are_counted(tmp_path):
    index = build_index(make_clip(tmp_path / "raw.h264", 30))
    assert index.counted
    assert len(index.pts) == 30
    assert np.all(np.diff(index.pts) > 0)
    seconds = float((index.pts[-1] - index.pts[0]) * index.time_base)
    assert seconds == pytest.approx(29 / float(index.fps), rel=1e-3)


def test_the_default_stream_is_shown(tmp_path):
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        for width, disposition in ((160, av.stream.Disposition.default), (320, av.stream.Disposition(0))):
            stream = container.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, 96, "yuv444p"
            stream.disposition = disposition
        for stream in container.streams.video:
            frame = av.VideoFrame.from_ndarray(np.zeros((96, stream.width, 3), np.uint8), "rgb24")
            container.mux(stream.encode(frame.reformat(format="yuv444p")))
            container.mux(stream.encode(None))
    with VideoReader(path) as reader:
        assert reader.width == 160


def test_names_that_ffmpeg_would_take_for_something_else(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 5)
    for name in ("a:b.mp4", "100%d.mp4", "has space?.mp4", "-i.mp4", "ünï.mp4"):
        shutil.copy(clip, tmp_path / name)
        with VideoReader(tmp_path / name) as reader:
            assert reader.frame_count == 5
