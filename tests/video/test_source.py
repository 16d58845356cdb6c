import shutil
from typing import Any, cast

import numpy as np
import pytest

from tests.video.clips import make_clip, make_pictures, read_code
from tracker.video import FrameSource, ImageSequence, VideoReader, content_hash, open_source


def test_files_and_folders_open_as_the_same_kind_of_source(tmp_path):
    clip = make_clip(tmp_path / "clip.mp4", 6)
    folder = make_pictures(tmp_path / "pictures", range(6))
    sources: list[FrameSource] = [open_source(clip), open_source(str(folder)), open_source(clip, "bgra", "auto")]
    assert [type(source) for source in sources] == [VideoReader, ImageSequence, VideoReader]
    for source in sources:
        with source:
            assert source.frame_count == len(source.pts) == 6
            assert read_code(source.frame(4)) == 4
            assert source.pts.dtype == np.int64


def test_a_sequence_opens_again_by_its_path(tmp_path):
    with open_source(make_pictures(tmp_path, [4, 5, 7])) as source, open_source(source.path) as again:
        assert again.frame_count == 4
        assert content_hash(again) == content_hash(source)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts", "raw.h264", "clip.avi"])
def test_a_moved_video_is_recognised(name, tmp_path):
    path = make_clip(tmp_path / name, 60, noise=5)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    shutil.copy(path, moved / f"renamed{path.suffix}")
    with open_source(path) as source:
        list(source.frames(0, 7))
        hashed = content_hash(source)
        assert read_code(source.frame(7)) == 7  # hashing does not disturb reading
        with open_source(moved / f"renamed{path.suffix}", "bgra", "auto") as copy:
            assert content_hash(copy) == hashed


def test_another_video_is_told_apart(tmp_path):
    hashes = set()
    variants: list[dict[str, Any]] = [{}, {"noise": 5}, {"frames": 59}, {"fps": 30}, {"width": 322}]
    for number, arguments in enumerate(variants):
        path = make_clip(tmp_path / f"{number}.mp4", **{"frames": 60, **arguments})
        with open_source(path) as source:
            hashes.add(content_hash(source))
    assert len(hashes) == 5


def test_a_source_of_another_kind_is_hashed_by_its_frames(tmp_path):
    with open_source(make_clip(tmp_path / "a.mp4", 6)) as source:
        hashed = content_hash(cast(FrameSource, Decoded(source)))
        with open_source(source.path) as again:
            assert content_hash(cast(FrameSource, Decoded(again))) == hashed
        with open_source(make_clip(tmp_path / "b.mp4", 6, noise=9)) as other:
            assert content_hash(cast(FrameSource, Decoded(other))) != hashed


class Decoded:
    """A source that has only what the protocol asks for."""

    def __init__(self, source):
        for name in FrameSource.__annotations__:
            setattr(self, name, getattr(source, name))
        self.frame, self.frames, self.close = source.frame, source.frames, source.close
