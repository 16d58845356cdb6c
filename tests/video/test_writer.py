from fractions import Fraction

import av
import numpy as np
import pytest

from tests.video.clips import code_picture, read_code
from tracker.files import InputError
from tracker.video import VideoWriter, open_source


def test_what_is_written_can_be_read(tmp_path):
    path = tmp_path / "out.mp4"
    with VideoWriter(path, 320, 180, Fraction(30000, 1001)) as writer:
        for number in range(40):
            writer.write(code_picture(number, 320, 180))
    with open_source(path) as source:
        assert (source.frame_count, source.width, source.height) == (40, 320, 180)
        assert (source.fps, source.codec) == (Fraction(30000, 1001), "h264")
        assert [read_code(frame) for frame in source.frames(0, 40)] == list(range(40))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


@pytest.mark.parametrize(("width", "height"), [(321, 181), (320, 181), (321, 180), (1, 1)])
def test_odd_sizes_grow_by_a_repeated_row_or_column(width, height, tmp_path):
    picture = np.full((height, width, 3), 200, np.uint8)
    if min(width, height) > 8:
        picture[: height // 2] = 30
        picture[:, -1] = 90
    with VideoWriter(tmp_path / "odd.mp4", width, height, Fraction(25)) as writer:
        writer.write(picture)
    with open_source(tmp_path / "odd.mp4") as source:
        assert (source.width, source.height) == (width + width % 2, height + height % 2)
        shown = source.frame(0).astype(int)
    assert np.abs(shown[:height, :width] - picture).mean() < 8
    if width % 2:
        assert np.abs(shown[:, -1] - shown[:, -2]).mean() < 8


def test_colours_come_back(tmp_path):
    colour = (200, 40, 60)
    with VideoWriter(tmp_path / "c.mp4", 64, 64, Fraction(25)) as writer:
        writer.write(np.full((64, 64, 3), colour, np.uint8))
    with open_source(tmp_path / "c.mp4") as source:
        assert np.abs(source.frame(0)[32, 32].astype(int) - colour).max() <= 5


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")

    def write_and_fail() -> None:
        with VideoWriter(path, 64, 64, Fraction(25)) as writer:
            writer.write(np.zeros((64, 64, 3), np.uint8))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_fail()
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "frame", [np.zeros((64, 65, 3), np.uint8), np.zeros((64, 64, 4), np.uint8), np.zeros((64, 64, 3), np.float32)]
)
def test_a_frame_of_another_kind_is_refused(frame, tmp_path):
    with pytest.raises(ValueError, match="a frame is"), VideoWriter(tmp_path / "o.mp4", 64, 64, Fraction(25)) as writer:
        writer.write(frame)
    assert not list(tmp_path.iterdir())


def test_rows_need_not_be_contiguous(tmp_path):
    picture = np.ascontiguousarray(np.rot90(code_picture(9, 320, 180)))
    with VideoWriter(tmp_path / "o.mp4", 320, 180, Fraction(25)) as writer:
        writer.write(np.rot90(picture, -1))
    with open_source(tmp_path / "o.mp4") as source:
        assert read_code(source.frame(0)) == 9


def test_a_video_without_frames_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least one frame"), VideoWriter(tmp_path / "o.mp4", 64, 64, Fraction(25)):
        pass
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_what_was_there(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")
    random = np.random.default_rng(0)

    def write_much() -> None:
        with VideoWriter(path, 320, 240, Fraction(25)) as writer:
            for _ in range(60):
                writer.write(random.integers(0, 255, (240, 320, 3), dtype=np.uint8))

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # no file may grow further, as on a full disk
    try:
        with pytest.raises(InputError, match=r"out\.mp4"):
            write_much()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]
