"""Every frame is the right frame: the number burnt into each picture is compared with the number asked for."""

import random
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.video.clips import code_picture, make_clip, read_code
from tracker.files import InputError
from tracker.video import VideoReader
from tracker.video.picture import _ROTATIONS, Orientation

CLIPS: dict[str, tuple[str, dict[str, Any]]] = {
    "b_frames": ("clip.mp4", {}),
    "no_b_frames": ("clip.mp4", {"bframes": 0}),
    "gop_250": ("clip.mp4", {"gop": 250, "frames": 300, "width": 160, "height": 96}),
    "gop_2": ("clip.mp4", {"gop": 2, "bframes": 1}),
    "intra_only": ("clip.mp4", {"gop": 1, "bframes": 0}),
    "open_gop": ("clip.mp4", {"open_gop": True, "gop": 10}),
    "open_gop_ts": ("clip.ts", {"open_gop": True, "gop": 10}),
    "open_gop_mkv": ("clip.mkv", {"open_gop": True, "gop": 10}),
    "pyramid": ("clip.mp4", {"bframes": 7, "options": {"x264-params": "scenecut=0:b-pyramid=normal:ref=5"}}),
    "variable_rate_mp4": (
        "clip.mp4",
        {"pts": [n * n * 3 + n * 40 for n in range(50)], "time_base": Fraction(1, 1000)},
    ),
    "variable_rate_mkv": (
        "clip.mkv",
        {"pts": [n * n * 3 + n * 40 for n in range(50)], "time_base": Fraction(1, 1000)},
    ),
    "late_start": ("clip.mp4", {"pts": range(100, 150)}),
    "late_start_ts": ("clip.ts", {"pts": range(100, 150)}),
    "ntsc": ("clip.mp4", {"fps": Fraction(30000, 1001)}),
    "odd_size": ("clip.mp4", {"width": 427, "height": 241, "pix_fmt": "yuv444p"}),
    "one_frame": ("clip.mp4", {"frames": 1}),
    "two_frames": ("clip.mp4", {"frames": 2}),
    "ten_bit": ("clip.mp4", {"pix_fmt": "yuv420p10le"}),
    "with_audio": ("clip.mp4", {"audio": True}),
    "fragmented": ("clip.mp4", {"mux_options": {"movflags": "frag_keyframe+empty_moov"}}),
    "h265_open_gop": ("clip.mp4", {"codec": "libx265", "open_gop": True}),
    "h265_ten_bit": ("clip.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le"}),
    "vp9": ("clip.webm", {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}}),
    "vp8_hidden_frames": ("clip.webm", {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}}),
    "mpeg4_avi": ("clip.avi", {"codec": "mpeg4"}),
    "mpeg2": ("clip.mpg", {"codec": "mpeg2video"}),
    "flv": ("clip.flv", {}),
    "h264_in_avi_has_no_pts": ("clip.avi", {}),
    "raw_h264_has_no_pts": ("clip.h264", {}),
    "gif": ("clip.gif", {"codec": "gif", "pix_fmt": "rgb8", "fps": 10, "bframes": 0, "frames": 20}),
}


@pytest.mark.parametrize("threads", ["slice", "auto"])
@pytest.mark.parametrize("kind", CLIPS)
def test_every_frame_in_every_order(kind, threads, tmp_path):
    name, arguments = CLIPS[kind]
    count = arguments.get("frames", 50)
    with VideoReader(make_clip(tmp_path / name, **arguments), threads=threads) as reader:
        assert reader.frame_count == count
        assert len(reader.pts) == count
        assert np.all(np.diff(reader.pts) > 0)
        shuffled = random.Random(5).sample(range(count), min(count, 60))
        assert [read_code(reader.frame(index)) for index in shuffled] == shuffled
        assert [read_code(frame) for frame in reader.frames(0, count)] == list(range(count))
        assert [read_code(frame) for frame in reader.frames(count - 1, -1, -1)] == list(range(count))[::-1]
        assert [read_code(frame) for frame in reader.frames(0, count, 7)] == list(range(0, count, 7))
        assert [read_code(reader.frame(index)) for index in (0, 0, count - 1, 0)] == [0, 0, count - 1, 0]


@pytest.mark.parametrize("hidden", [1, 5, 12, 17])
def test_frames_hidden_by_an_edit_list_are_not_counted_but_decoded(hidden, tmp_path):
    path = make_clip(tmp_path / "cut.mp4", 50, pts=range(-hidden, 50 - hidden))
    with av.open(str(path)) as container:
        claimed = container.streams.video[0].frames
    with VideoReader(path) as reader:
        assert reader.frame_count == 50 - hidden < claimed
        order = random.Random(1).sample(range(reader.frame_count), reader.frame_count)
        assert [read_code(reader.frame(index)) for index in order] == [index + hidden for index in order]
        assert int(reader.pts[0]) == 0


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgra"])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotation_is_applied(rotation, pixel_format, tmp_path):
    path = make_clip(tmp_path / "turned.mp4", 12, 320, 180, rotation=rotation)
    with VideoReader(path, pixel_format) as reader:
        assert (reader.width, reader.height) == ((320, 180) if rotation % 180 == 0 else (180, 320))
        for index in (7, 0, 11):
            frame = reader.frame(index)
            assert frame.shape == (reader.height, reader.width, 3 if pixel_format == "rgb24" else 4)
            assert read_code(frame) == index


def test_mirrored_display_matrix(tmp_path):
    path = make_clip(tmp_path / "plain.mp4", 3)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 4 + 4 * 4 + 4 + 8 + 4 * 2  # ISO/IEC 14496-12, 8.3.2, version 0
    assert int.from_bytes(data[at : at + 4], "big") == 0x10000
    data[at : at + 4] = (-0x10000).to_bytes(4, "big", signed=True)
    mirrored = tmp_path / "mirrored.mp4"
    mirrored.write_bytes(data)
    with VideoReader(mirrored) as reader:
        assert read_code(np.ascontiguousarray(reader.frame(1)[:, ::-1])) == 1


@given(turns=st.integers(0, 3), height=st.integers(1, 5), width=st.integers(1, 5))
def test_quarter_turns_are_counter_clockwise(turns, height, width):
    pixels = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    assert np.array_equal(_ROTATIONS[turns].apply(pixels), np.rot90(pixels, turns))
    shown = _ROTATIONS[turns].apply(pixels)
    assert _ROTATIONS[turns].displayed_size(width, height) == shown.shape[1::-1]


def test_no_orientation_changes_nothing():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(Orientation().apply(pixels), pixels)


@pytest.mark.parametrize("params", ["b-pyramid=normal:ref=5", "open-gop=1:b-pyramid=normal", "intra-refresh=1"])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts"])
def test_a_jump_gives_the_same_bits_as_decoding_from_the_start(params, name, tmp_path):
    path = make_clip(tmp_path / name, 60, bframes=5, gop=20, noise=15, options={"x264-params": f"scenecut=0:{params}"})
    with VideoReader(path) as straight, VideoReader(path) as jumping:
        truth = list(straight.frames(0, 60))
        for index in random.Random(2).sample(range(60), 40):
            assert np.array_equal(jumping.frame(index), truth[index])


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgra"])
@pytest.mark.parametrize("width", [320, 322])
def test_arrays_are_contiguous_read_only_and_stay_as_they_are(pixel_format, width, tmp_path):
    with VideoReader(make_clip(tmp_path / "clip.mp4", 10, width), pixel_format) as reader:
        first = reader.frame(0)
        before = first.copy()
        list(reader.frames(1, 10))
        assert np.array_equal(first, before)
        assert first.flags.c_contiguous
        assert not first.flags.writeable
        assert first.dtype == np.uint8
    assert np.array_equal(first, before)  # it outlives the reader


@pytest.mark.parametrize("width", [320, 322, 324, 330, 427])
@pytest.mark.parametrize("transparent", [False, True])
def test_bgra_is_whole_and_opaque_at_every_width(width, transparent, tmp_path):
    path = tmp_path / "plain.mkv"
    pix_fmt = "bgra" if transparent else "yuv444p"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, 180, pix_fmt
        picture = np.full((180, width, 4), (90, 90, 90, 0), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgra").reformat(format=pix_fmt)))
        container.mux(stream.encode(None))
    with VideoReader(path, "bgra") as reader:
        frame = reader.frame(0)
    assert np.all(frame[:, :, 3] == 255)
    assert np.abs(frame[:, :, :3].astype(int) - 90).max() <= 3


def test_bgra_is_rgb_in_another_order(tmp_path):
    path = tmp_path / "red.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "bgr0"
        picture = np.full((16, 32, 3), (200, 40, 90), np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="bgr0")))
        container.mux(stream.encode(None))
    with VideoReader(path) as rgb, VideoReader(path, "bgra") as bgra:
        assert rgb.frame(0)[3, 3].tolist() == [200, 40, 90]
        assert bgra.frame(0)[3, 3].tolist() == [90, 40, 200, 255]


@pytest.mark.parametrize(
    ("space", "colour_range", "red_weight", "blue_weight"),
    [(1, 1, 0.2126, 0.0722), (1, 2, 0.2126, 0.0722), (6, 1, 0.299, 0.114), (2, 0, 0.299, 0.114)],
    ids=["bt709", "bt709 full range", "bt601", "untagged"],
)
def test_colours_follow_the_tags(space, colour_range, red_weight, blue_weight, tmp_path):
    y, u, v = 120, 100, 180
    path = tmp_path / "colour.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = space, colour_range
        planes = np.concatenate([np.full(64 * 32, y), np.full(32 * 16, u), np.full(32 * 16, v)]).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(planes.reshape(48, 64), "yuv420p")
        frame.colorspace, frame.color_range = space, colour_range
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    luma, blue, red = (float(y), u - 128.0, v - 128.0)
    if colour_range != 2:
        luma, blue, red = (luma - 16) * 255 / 219, blue * 255 / 224, red * 255 / 224
    expected_red = luma + 2 * (1 - red_weight) * red
    expected_blue = luma + 2 * (1 - blue_weight) * blue
    green_weight = 1 - red_weight - blue_weight
    expected_green = (luma - red_weight * expected_red - blue_weight * expected_blue) / green_weight
    with VideoReader(path) as reader:
        shown = reader.frame(0)[16, 32]
    # swscale's fast path rounds down: up to 3 grey levels; the other matrix or range is off by more than 6.
    assert np.abs(shown - np.array([expected_red, expected_green, expected_blue])).max() < 3.5


def test_facts_of_a_clip(tmp_path):
    with VideoReader(make_clip(tmp_path / "a.mp4", 20, fps=Fraction(30000, 1001), audio=True)) as reader:
        assert reader.fps == Fraction(30000, 1001)
        assert reader.has_audio
        assert reader.codec == "h264"
        assert reader.first_frame_number == 0
        assert (reader.name, reader.path) == ("a.mp4", tmp_path / "a.mp4")
        times = reader.pts * float(reader.time_base)
        assert np.allclose(times - times[0], np.arange(20) * 1001 / 30000, atol=1e-4)


def test_average_rate_of_a_variable_rate_clip_is_measured(tmp_path):
    pts = [n * n * 3 + n * 40 for n in range(50)]
    with VideoReader(make_clip(tmp_path / "v.mkv", pts=pts, time_base=Fraction(1, 1000))) as reader:
        assert float(reader.fps) == pytest.approx(49 / (pts[-1] / 1000), rel=1e-3)
        assert reader.pts.tolist() == pts


@pytest.mark.parametrize("index", [-1, 10, 1000])
def test_a_frame_outside_the_video_is_an_index_error(index, tmp_path):
    with VideoReader(make_clip(tmp_path / "clip.mp4", 10)) as reader, pytest.raises(IndexError):
        reader.frame(index)


@pytest.fixture(scope="module")
def shared_reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACKWRIGHT_CACHE", str(folder / "cache"))
        with VideoReader(make_clip(folder / "clip.mp4", 80, 160, 96, gop=25, open_gop=True)) as reader:
            yield reader


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 79), st.integers(-1, 80), st.sampled_from([-9, -2, -1, 1, 2, 9])), max_size=6
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_walk_through_the_frames(shared_reader, steps):
    for start, stop, step in steps:
        walked = [read_code(frame) for frame in shared_reader.frames(start, stop, step)]
        assert walked == list(range(start, stop, step))


def test_reading_on_never_seeks(tmp_path, monkeypatch):
    with VideoReader(make_clip(tmp_path / "clip.mp4", 60, gop=10)) as reader:
        reader.frame(20)

        def refuse(*_: object) -> None:
            raise AssertionError("sought")

        monkeypatch.setattr(reader._decoder, "seek", refuse)
        monkeypatch.setattr(reader._decoder, "restart", refuse)
        assert [read_code(frame) for frame in reader.frames(20, 60)] == list(range(20, 60))


def test_reading_backwards_in_small_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.video.reader._BACKWARD_BYTES", 5 * 320 * 180 * 3 // 2)
    with VideoReader(make_clip(tmp_path / "clip.mp4", 60, gop=25)) as reader:
        assert len(reader._decode_block(range(59, -1, -1))) <= 5
        assert [read_code(frame) for frame in reader.frames(59, -1, -1)] == list(range(59, -1, -1))
        assert [read_code(frame) for frame in reader.frames(50, 3, -4)] == list(range(50, 3, -4))


def test_two_readers_do_not_disturb_each_other(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 40)
    with VideoReader(path) as one, VideoReader(path, threads="auto") as two:
        for index in range(40):
            assert read_code(one.frame(index)) == index
            assert read_code(two.frame(39 - index)) == 39 - index


def test_a_size_that_changes_on_the_way_is_scaled_to_the_first(tmp_path):
    small = make_clip(tmp_path / "small.ts", 20, 160, 96)
    large = make_clip(tmp_path / "large.ts", 20, 320, 192, pts=range(20, 40))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    with VideoReader(joined) as reader:
        shapes = {frame.shape for frame in reader.frames(0, reader.frame_count)}
        assert shapes == {(96, 160, 3)}
        assert reader.frame_count >= 35


def test_a_closed_reader_says_so(tmp_path):
    reader = VideoReader(make_clip(tmp_path / "clip.mp4", 5))
    reader.close()
    reader.close()
    with pytest.raises(RuntimeError, match="closed"):
        reader.frame(3)


def test_codes_survive_reading_back():
    for number in (0, 1, 999, 65535):
        assert read_code(code_picture(number, 160, 96)) == number
    with pytest.raises(ValueError, match="upright"):
        read_code(np.ascontiguousarray(np.rot90(code_picture(3, 160, 96), 2)))


def test_a_damaged_stretch_is_reported_and_the_rest_is_right(tmp_path):
    path = make_clip(tmp_path / "clip.mp4", 60, gop=10, bframes=0, noise=10)
    with av.open(str(path)) as container:
        packets = [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in (30, 31, 32):  # a key frame and two that build on it
        at, size = packets[number]
        data[at : at + size] = bytes(size)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(data)
    for threads in ("slice", "auto"):
        with VideoReader(damaged, threads=threads) as reader:
            assert reader.frame_count == 60
            for index in (30, 31, 32, 30):
                with pytest.raises(InputError, match=rf"damaged\.mp4.*frame {index} "):
                    reader.frame(index)
            good = [*range(30), *range(40, 60)]
            assert [read_code(reader.frame(index)) for index in good] == good
            backwards = reader.frames(35, 20, -1)
            with pytest.raises(InputError):
                list(backwards)
