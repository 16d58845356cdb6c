"""Files as other programs write them: random order against plain decoding from the start."""

import hashlib
import os
import random
from pathlib import Path

import av
import pytest

from tracker.files import InputError
from tracker.video import VideoReader, open_source

FORMATS = Path(os.environ.get("TRACKWRIGHT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "formats"
FILES = sorted(path for path in FORMATS.glob("*.*") if "broken" not in path.name)
needs_formats = pytest.mark.skipif(not FILES, reason=f"{FORMATS} is not there (set TRACKWRIGHT_DATA)")


def digest(frame: av.VideoFrame) -> bytes:
    return hashlib.sha256(frame.to_ndarray().tobytes()).digest()


@needs_formats
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_random_order_against_sequential_decoding(path):
    with av.open(str(path)) as container:
        truth = [(frame.pts, digest(frame)) for frame, _ in zip(container.decode(video=0), range(400), strict=False)]
    with VideoReader(path) as reader:
        if len(truth) < 400:
            assert reader.frame_count == len(truth)
        assert reader.pts[: len(truth)].tolist() == [pts for pts, _ in truth]
        for index in random.Random(4).sample(range(len(truth)), min(12, len(truth))):
            assert digest(reader._decode(index)) == truth[index][1], index
        assert reader.frame(0).shape == (reader.height, reader.width, 3)


@needs_formats
@pytest.mark.parametrize("name", ["empty_broken.mp4", "truncated_broken.mp4"])
def test_broken_files_are_refused(name):
    with pytest.raises(InputError, match=name):
        open_source(FORMATS / name)


@needs_formats
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("rotate_meta_90.mp4", (360, 640)),
        ("video_0.mov", (568, 320)),
        ("video_90.mov", (320, 568)),
        ("video_180.mov", (568, 320)),
        ("video_270.mov", (320, 568)),
        ("odd_size_427x241.mp4", (427, 241)),
        ("interlaced_tff_sar.mpg", (720, 576)),
    ],
)
def test_displayed_size(name, size):
    with open_source(FORMATS / name) as source:
        assert (source.width, source.height) == size
        assert source.frame(0).shape == (size[1], size[0], 3)


@needs_formats
def test_picture_folders():
    with open_source(FORMATS / "image_sequence") as source:
        assert (source.frame_count, source.first_frame_number) == (12, 7)
    with open_source(FORMATS / "image_sequence_gap") as source:
        assert (source.frame_count, source.first_frame_number) == (5, 7)
        with pytest.raises(InputError, match="9 is missing"):
            source.frame(2)
        assert source.frame(3).shape == (source.height, source.width, 3)
