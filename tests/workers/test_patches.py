"""The thread that cuts out patches, on a real clip whose frames say their number and on one whose motion is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.workers.patches import Patch, PatchesFailed, PatchesReady, PatchRequest, PatchWorker, cut_patch
from tests.video.clips import make_clip, make_pictures, read_code

FRAMES, WIDTH, HEIGHT = 60, 160, 96
CENTRE, WHOLE = (79.5, 47.5), 160  # a patch that holds the whole frame


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clips") / "coded.mp4", FRAMES, WIDTH, HEIGHT, gop=30)


class Listener:
    """A worker and all that it has said."""

    def __init__(self, worker):
        self.worker = worker
        self.batches: list[PatchesReady] = []
        self.failures: list[PatchesFailed] = []
        worker.ready.connect(self.batches.append)
        worker.failed.connect(self.failures.append)

    def patches(self, generation):
        return [patch for batch in self.batches if batch.generation == generation for patch in batch.patches]

    def crops(self, generation):
        told = [batch for batch in self.batches if batch.generation == generation]
        return {patch: crop for batch in told for patch, crop in zip(batch.patches, batch.crops, strict=True)}


@pytest.fixture
def listen(qtbot):
    workers = []

    def make(path, **options):
        worker = PatchWorker(path, **options)
        workers.append(worker)
        worker.start()
        return Listener(worker)

    yield make
    for worker in workers:
        worker.stop()


def whole(frame):
    return Patch(frame, *CENTRE, WHOLE)


def code_of(crop):
    return read_code(crop[(WHOLE - HEIGHT) // 2 : (WHOLE + HEIGHT) // 2])


def test_every_crop_is_of_the_frame_that_was_asked_for(qtbot, listen, clip):
    listener = listen(clip)
    wanted = tuple(whole(frame) for frame in (0, 59, 31, 7, 8, 40))
    listener.worker.want(PatchRequest(1, wanted))
    qtbot.waitUntil(lambda: len(listener.patches(1)) == len(wanted))
    for patch, crop in listener.crops(1).items():
        assert code_of(crop) == patch.frame
        assert crop.shape == (WHOLE, WHOLE, 4)
        assert crop.dtype == np.uint8
        assert not crop.flags.writeable


def test_those_that_are_seen_come_first_and_each_group_ascends(qtbot, listen, clip):
    listener = listen(clip)
    listener.worker.want(PatchRequest(1, tuple(map(whole, (50, 41, 45))), tuple(map(whole, (3, 59, 1)))))
    qtbot.waitUntil(lambda: len(listener.patches(1)) == 6)
    assert [patch.frame for patch in listener.patches(1)] == [41, 45, 50, 1, 3, 59]


def test_crops_come_in_batches(qtbot, listen, clip):
    listener = listen(clip)
    listener.worker.want(PatchRequest(1, tuple(map(whole, range(FRAMES)))))
    qtbot.waitUntil(lambda: len(listener.patches(1)) == FRAMES)
    assert len(listener.batches) < FRAMES / 2


def test_a_newer_want_ends_the_older_one(qtbot, listen, clip):
    listener = listen(clip)
    seen_when_asked: list[int] = []

    def ask_again(batch):
        if batch.generation == 1 and not seen_when_asked:
            seen_when_asked.append(len(batch.patches))
            listener.worker.want(PatchRequest(2, (Patch(2, 10, 10, 8),)))

    listener.worker.ready.connect(ask_again)
    many = tuple(Patch(frame, 50 + k / 7, 50, 64) for frame in range(FRAMES) for k in range(40))
    listener.worker.want(PatchRequest(1, many))
    qtbot.waitUntil(lambda: bool(listener.patches(2)))
    assert listener.batches[-1].generation == 2
    assert len(listener.patches(1)) < len(many)


def test_crops_in_memory_need_no_decoding(qtbot, listen, tmp_path):
    folder = make_pictures(tmp_path / "shot", range(4), width=WIDTH, height=HEIGHT)
    listener = listen(folder)
    listener.worker.want(PatchRequest(1, (whole(1), whole(2))))
    qtbot.waitUntil(lambda: len(listener.patches(1)) == 2)
    for picture in folder.iterdir():
        picture.unlink()
    listener.worker.want(PatchRequest(2, (whole(2), whole(1))))
    qtbot.waitUntil(lambda: len(listener.patches(2)) == 2)
    assert listener.crops(2)[whole(1)] is listener.crops(1)[whole(1)]
    assert not listener.failures


def test_the_memory_of_crops_is_bounded(qtbot, listen, tmp_path):
    folder = make_pictures(tmp_path / "shot", range(4), width=WIDTH, height=HEIGHT)
    listener = listen(folder, cache_bytes=2 * WHOLE * WHOLE * 4)
    listener.worker.want(PatchRequest(1, tuple(map(whole, range(4)))))
    qtbot.waitUntil(lambda: len(listener.patches(1)) == 4)
    for picture in folder.iterdir():
        picture.unlink()
    listener.worker.want(PatchRequest(2, tuple(map(whole, range(4)))))
    qtbot.waitUntil(lambda: len(listener.patches(2)) + len(listener.failures) == 4)
    assert {patch.frame for patch in listener.patches(2)} == {2, 3}


def test_a_bad_frame_is_told_and_the_others_come(qtbot, listen, tmp_path):
    folder = make_pictures(tmp_path / "shot", range(4), width=WIDTH, height=HEIGHT)
    (folder / "frame_0002.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    listener = listen(folder)
    listener.worker.want(PatchRequest(7, (whole(1), whole(2), whole(3), whole(9))))
    qtbot.waitUntil(lambda: len(listener.patches(7)) == 2 and len(listener.failures) == 2)
    assert {code_of(crop) for crop in listener.crops(7).values()} == {1, 3}
    damaged, beyond = listener.failures
    assert (damaged.generation, damaged.frame) == (7, 2)
    assert "frame_0002.png" in damaged.message
    assert beyond.frame == 9
    assert "no frame 9" in beyond.message


def test_a_video_that_cannot_be_opened_answers_every_want(qtbot, listen, tmp_path):
    listener = listen(tmp_path / "missing.mp4")
    for generation in (1, 2):
        listener.worker.want(PatchRequest(generation, (whole(0),)))
        qtbot.waitUntil(lambda wanted=generation: len(listener.failures) == wanted)
        failure = listener.failures[-1]
        assert (failure.generation, failure.frame) == (generation, None)
        assert "does not exist" in failure.message


def test_stop_ends_the_thread_in_the_middle_of_a_want(qtbot, listen, clip):
    listener = listen(clip)
    many = tuple(Patch(frame, 50 + k / 7, 50, 64) for frame in range(FRAMES) for k in range(40))
    with qtbot.waitSignal(listener.worker.ready, timeout=5000):
        listener.worker.want(PatchRequest(1, many))
    listener.worker.stop()
    assert listener.worker.isFinished()
    assert len(listener.patches(1)) < len(many)


class TestCutPatch:
    @given(st.floats(20, 108), st.floats(20, 76), st.integers(4, 20))
    def test_the_point_lies_in_the_exact_middle(self, x, y, size):
        """On a picture whose brightness rises evenly the middle has the brightness of the point."""
        columns, rows = np.meshgrid(np.arange(128), np.arange(96))
        image = np.stack([2 * columns, 2 * rows, columns + rows, np.full_like(rows, 255)], axis=2).astype(np.uint8)
        crop = cut_patch(image, x, y, size).astype(float)
        assert crop[..., 3].min() == 255
        assert crop.mean(axis=(0, 1))[:3] == pytest.approx([2 * x, 2 * y, x + y], abs=0.6)

    def test_what_lies_outside_of_the_picture_is_clear(self):
        image = np.full((40, 60, 4), 255, np.uint8)
        crop = cut_patch(image, 0, 20, 21)
        assert (crop[:, :10] == 0).all()
        assert (crop[:, 10:] == 255).all()
        assert (cut_patch(image, -100, 20, 21) == 0).all()

    def test_a_whole_pixel_shift_is_exact(self):
        image = np.random.default_rng(1).integers(0, 256, (50, 50, 4), dtype=np.uint8)
        assert (cut_patch(image, 20, 30, 11) == image[25:36, 15:26]).all()
