import random
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.video.clips import code_picture, make_pictures, read_code, write_picture
from tracker.files import InputError
from tracker.video import ImageSequence, content_hash, open_source


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgra"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "tif", "tiff", "exr", "dpx", "PNG"])
def test_every_kind_of_picture(suffix, pixel_format, tmp_path):
    make_pictures(tmp_path, range(95, 105), "shot_v2.{:04d}." + suffix)
    with open_source(tmp_path, pixel_format) as source:
        assert isinstance(source, ImageSequence)
        assert (source.frame_count, source.first_frame_number) == (10, 95)
        assert (source.width, source.height) == (160, 96)
        for index in random.Random(1).sample(range(10), 10):
            frame = source.frame(index)
            assert read_code(frame) == index + 95
            assert frame.flags.c_contiguous
            assert not frame.flags.writeable
            assert frame.shape == (96, 160, 3 if pixel_format == "rgb24" else 4)
        assert abs(int(source.frame(0)[5, 5, 0]) - 232) <= 3  # also for EXR, which stores scene-linear light
        assert [read_code(frame) for frame in source.frames(9, -1, -1)] == list(range(104, 94, -1))
        assert [read_code(frame) for frame in source.frames(0, 10, 4)] == [95, 99, 103]


@pytest.mark.parametrize("name", ["f_0007.png", "f_0009.png", "f_####.png", "f_#.png", "f_%04d.png", "f_%d.png", ""])
def test_ways_to_name_a_sequence(name, tmp_path):
    make_pictures(tmp_path, [7, 8, 9], "f_{:04d}.png")
    with open_source(tmp_path / name) as source:
        assert (source.frame_count, source.first_frame_number, source.name) == (3, 7, "f_#.png")
        assert source.path == tmp_path / "f_0007.png"
        assert [read_code(frame) for frame in source.frames(0, 3)] == [7, 8, 9]


def test_one_of_several_sequences_in_a_folder(tmp_path):
    make_pictures(tmp_path, [1, 2, 3], "left.{:04d}.png")
    make_pictures(tmp_path, [5, 6], "right.{:04d}.png")
    with open_source(tmp_path / "right.0006.png") as source:
        assert (source.frame_count, source.first_frame_number) == (2, 5)


def test_numbers_without_leading_zeros_count_as_numbers(tmp_path):
    make_pictures(tmp_path, range(8, 13), "{}.png")
    with open_source(tmp_path) as source:
        assert [read_code(frame) for frame in source.frames(0, 5)] == [8, 9, 10, 11, 12]


def test_a_hole_keeps_every_other_frame_in_its_place(tmp_path):
    make_pictures(tmp_path, [7, 8, 10, 13])
    with open_source(tmp_path) as source:
        assert isinstance(source, ImageSequence)
        assert (source.frame_count, source.missing) == (7, (2, 4, 5))
        assert [read_code(source.frame(index)) for index in (6, 3, 1, 0)] == [13, 10, 8, 7]
        with pytest.raises(InputError, match=r"frame_#\.png: the picture with frame number 9 is missing"):
            source.frame(2)


@pytest.mark.parametrize("name", ["portrait.png", "IMG_20240101.png"])
def test_a_lone_picture_is_one_frame(name, tmp_path):
    write_picture(tmp_path / name, code_picture(5, 160, 96))
    for path in (tmp_path / name, tmp_path):
        with open_source(path) as source:
            assert (source.frame_count, source.name) == (1, name)
            assert read_code(source.frame(0)) == 5


def test_an_unnumbered_picture_beside_others_is_opened_alone(tmp_path):
    make_pictures(tmp_path, [1, 2])
    write_picture(tmp_path / "poster.png", code_picture(9, 160, 96))
    with open_source(tmp_path / "poster.png") as source:
        assert (source.frame_count, read_code(source.frame(0))) == (1, 9)


def test_other_files_in_the_folder_do_not_count(tmp_path):
    make_pictures(tmp_path, [1, 2])
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._frame_0001.png").write_bytes(b"resource fork")
    with open_source(tmp_path) as source:
        assert source.frame_count == 2


def test_the_content_decides_not_the_suffix(tmp_path):
    write_picture(tmp_path / "a.0001.jpg", code_picture(1, 160, 96))
    (tmp_path / "a.0001.jpg").rename(tmp_path / "a.0001.png")
    with open_source(tmp_path) as source:
        assert (source.codec, read_code(source.frame(0))) == ("mjpeg", 1)


def test_pictures_have_a_clock_of_their_own(tmp_path):
    with open_source(make_pictures(tmp_path, [4, 5, 6])) as source:
        assert source.pts.tolist() == [0, 1, 2]
        assert source.time_base == 1 / source.fps == Fraction(1, 24)
        assert not source.has_audio


@pytest.mark.parametrize("index", [-1, 3])
def test_outside_is_an_index_error(index, tmp_path):
    with open_source(make_pictures(tmp_path, [4, 5, 6])) as source, pytest.raises(IndexError):
        source.frame(index)


def test_exif_orientation_is_applied(tmp_path):
    upright = code_picture(3, 96, 160)
    write_picture(tmp_path / "plain.jpg", np.ascontiguousarray(np.rot90(upright)))
    data = (tmp_path / "plain.jpg").read_bytes()
    # One IFD entry: tag 0x0112 orientation, SHORT, 6 = the shown top is the right-hand side of what is stored.
    entry = b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
    exif = b"Exif\0\0II*\0\x08\x00\x00\x00\x01\x00" + entry + bytes(4)
    (tmp_path / "phone.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    with open_source(tmp_path / "phone.jpg") as source:
        assert (source.width, source.height) == (96, 160)
        assert read_code(source.frame(0)) == 3


def test_sixteen_bit_grey(tmp_path):
    context = av.CodecContext.create("png", "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = 160, 96, "gray16be", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(code_picture(6, 160, 96), "rgb24").reformat(format="gray16be")
    (tmp_path / "depth.png").write_bytes(b"".join(map(bytes, [*context.encode(frame), *context.encode(None)])))
    with open_source(tmp_path / "depth.png") as source:
        assert read_code(source.frame(0)) == 6


def test_hash_of_a_sequence_follows_its_pictures(tmp_path):
    with open_source(make_pictures(tmp_path / "a", range(3, 9))) as one:
        with open_source(make_pictures(tmp_path / "b", range(3, 9))) as copy:
            assert content_hash(one) == content_hash(copy)
        with open_source(make_pictures(tmp_path / "c", range(4, 10))) as other:
            assert content_hash(one) != content_hash(other)


@given(
    numbers=st.sets(st.integers(0, 400), min_size=2, max_size=6),
    before=st.sampled_from(["", "f_", "shot_010_v3.", "a1b"]),
    digits=st.integers(1, 5),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_numbering(numbers, before, digits, tmp_path_factory):
    folder = make_pictures(tmp_path_factory.mktemp("any"), sorted(numbers), f"{before}{{:0{digits}d}}.png", width=80)
    with open_source(folder) as source:
        assert isinstance(source, ImageSequence)
        assert source.first_frame_number == min(numbers)
        assert source.frame_count == max(numbers) - min(numbers) + 1
        assert len(source.missing) == source.frame_count - len(numbers)
        for number in numbers:
            assert read_code(source.frame(number - min(numbers))) == number
