"""The decode thread on a real clip whose frames say their number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workers.decode import BLOCK, DecodeWorker, FrameFailed, FrameReady, prefetch_stretches
from tests.video.clips import make_clip, make_pictures, read_code

FRAMES, WIDTH, HEIGHT = 120, 160, 96
FRAME_BYTES = WIDTH * HEIGHT * 4


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clips") / "coded.mp4", FRAMES, WIDTH, HEIGHT, gop=30)


@pytest.fixture
def make_worker(qtbot):
    workers = []

    def make(path, frames_in_cache=FRAMES):
        worker = DecodeWorker(path, frames_in_cache * FRAME_BYTES)
        workers.append(worker)
        worker.start()
        return worker

    yield make
    for worker in workers:
        worker.stop()


def wanted(qtbot, worker, index, direction=0) -> FrameReady:
    with qtbot.waitSignal(worker.frame_ready, timeout=5000, check_params_cb=lambda r: r.index == index) as caught:
        worker.want(index, direction)
    return caught.args[0]


def test_gives_exactly_the_wanted_frame_in_bgra(qtbot, make_worker, clip):
    worker = make_worker(clip)
    for index in (0, 77, 3, 119, 60):
        ready = wanted(qtbot, worker, index)
        assert read_code(ready.image) == index
        assert ready.image.shape == (HEIGHT, WIDTH, 4)
        assert not ready.image.flags.writeable
        assert (ready.image[..., 3] == 255).all()
        assert worker.cached(index) is ready.image


def test_prefetches_the_whole_clip_when_it_fits(qtbot, make_worker, clip):
    worker = make_worker(clip)
    wanted(qtbot, worker, 50, 1)
    qtbot.waitUntil(lambda: worker.cached_ranges() == [(0, FRAMES)], timeout=10_000)
    assert all(read_code(worker.cached(i)) == i for i in range(FRAMES))


@pytest.mark.parametrize("direction", [-1, 0, 1])
def test_prefetches_around_the_wanted_frame_within_the_cache(qtbot, make_worker, clip, direction):
    worker = make_worker(clip, 24)
    wanted(qtbot, worker, 10)
    wanted(qtbot, worker, 61, direction)
    neighbours = {-1: (60,), 0: (60, 62), 1: (62,)}[direction]
    qtbot.waitUntil(lambda: all(worker.cached(i) is not None for i in neighbours), timeout=5000)
    assert sum(end - start for start, end in worker.cached_ranges()) <= 24
    assert worker.cached(61) is not None


def test_the_newest_want_wins(qtbot, make_worker, clip):
    worker = make_worker(clip, 4)
    seen = []
    worker.frame_ready.connect(lambda ready: seen.append(ready.index))
    wanted(qtbot, worker, 0)
    with qtbot.waitSignal(worker.frame_ready, timeout=5000, check_params_cb=lambda r: r.index == 111):
        for index in range(1, 112):
            worker.want(index, 1)
    assert seen[0] == 0
    assert seen[-1] == 111
    assert len(seen) < 60  # those overtaken in the slot were never decoded


def test_emits_only_wanted_frames(qtbot, make_worker, clip):
    worker = make_worker(clip)
    seen = []
    worker.frame_ready.connect(lambda ready: seen.append(ready.index))
    wanted(qtbot, worker, 20)
    qtbot.waitUntil(lambda: worker.cached_ranges() == [(0, FRAMES)], timeout=10_000)
    wanted(qtbot, worker, 21)
    assert seen == [20, 21]


def test_nearest_cached(qtbot, make_worker, clip):
    worker = make_worker(clip, 3)
    assert worker.nearest_cached(5) is None
    wanted(qtbot, worker, 40)
    near = worker.nearest_cached(100)
    assert near is not None
    assert abs(near[0] - 40) <= 2
    assert read_code(near[1]) == near[0]


def test_a_bad_frame_is_reported_and_the_worker_goes_on(qtbot, make_worker, tmp_path):
    folder = make_pictures(tmp_path / "shot", range(5), width=WIDTH, height=HEIGHT)
    (folder / "frame_0002.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    worker = make_worker(folder)
    for _ in range(2):
        with qtbot.waitSignal(worker.failed, timeout=5000) as caught:
            worker.want(2)
        assert isinstance(caught.args[0], FrameFailed)
        assert caught.args[0].index == 2
        assert "frame_0002.png" in caught.args[0].message
    assert read_code(wanted(qtbot, worker, 3).image) == 3


def test_a_video_that_cannot_be_opened_answers_every_want(qtbot, make_worker, tmp_path):
    worker = make_worker(tmp_path / "missing.mp4")
    for index in (0, 7):
        with qtbot.waitSignal(worker.failed, timeout=5000) as caught:
            worker.want(index)
        assert caught.args[0].index == index
        assert "does not exist" in caught.args[0].message


def test_stop_ends_the_thread_in_the_middle_of_prefetching(qtbot, make_worker, clip):
    worker = make_worker(clip)
    wanted(qtbot, worker, 0)
    worker.stop()
    assert worker.isFinished()
    assert worker.cached_ranges() == []


class TestPrefetchOrder:
    @given(st.integers(1, 2000), st.data(), st.sampled_from([-1, 0, 1]), st.integers(0, 500))
    def test_fits_the_cache_and_names_every_frame_once(self, frame_count, data, direction, room):
        centre = data.draw(st.integers(0, frame_count - 1))
        frames = [i for stretch in prefetch_stretches(centre, direction, room, frame_count) for i in stretch]
        assert len(frames) == len(set(frames))
        assert all(0 <= i < frame_count and i != centre for i in frames)
        assert len(frames) <= max(0, room - 1)
        if room >= frame_count + BLOCK:
            assert len(frames) == frame_count - 1

    def test_looks_ahead_in_the_direction_of_travel(self):
        def share_ahead(direction):
            stretches = prefetch_stretches(1000, direction, 400, 2000)
            frames = np.array([i for stretch in stretches for i in stretch])
            return (frames > 1000).mean()

        assert share_ahead(1) > 0.65
        assert 0.4 < share_ahead(0) < 0.6
        assert share_ahead(-1) < 0.35

    def test_a_step_back_within_a_stretch_changes_no_other_stretch(self):
        a, b = (prefetch_stretches(centre, -1, 300, 2000) for centre in (1000, 999))
        assert a[2:] == b[2:]
