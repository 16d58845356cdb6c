"""A run over real decoded video: forward, backward, points that come and go, damage, cancelling, memory."""

import weakref
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.inference.scenes import panning
from tests.video.clips import make_clip
from tracker.files import InputError
from tracker.inference.lucas_kanade import LucasKanade, LucasKanadeSession
from tracker.inference.run import TrackRun
from tracker.inference.session import Prediction
from tracker.video import FrameSource, VideoWriter, open_source

COUNT = 40
SHIFTS = np.stack([0.6 * np.arange(COUNT), 2 * np.sin(np.arange(COUNT) / 5)], axis=1)
STARTS = np.array([[50, 40], [80, 60], [100, 84]], np.float32)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "panning.mp4"
    with VideoWriter(path, 160, 120, Fraction(25)) as writer:
        for frame in panning(SHIFTS):
            writer.write(frame)
    return path


@pytest.fixture
def source(clip):
    with open_source(clip) as source:
        yield source


def truth(point: int, frame: NDArray[np.int64] | int) -> Any:
    return STARTS[point] + SHIFTS[frame]


def at(point: int, frame: int) -> list[float]:
    return [frame, *truth(point, frame)]


class Spy:
    """A tracker that notes what it is given, and hands out Lucas-Kanade."""

    name, device = "spy", "cpu"

    def __init__(self, step_frames: int = 4) -> None:
        self.step_frames = step_frames
        self.visible_above = 0.5
        self.sizes: list[int] = []
        self.caches: list[Any] = []

    def session(self, width: int, height: int, *, cache: Any = None, frame_key: Any = None) -> LucasKanadeSession:
        spy = self
        self.caches.append(cache)

        class Session(LucasKanadeSession):
            def step(self, frames: NDArray[np.uint8]) -> Prediction | None:
                spy.sizes.append(len(frames))
                return super().step(frames)

        return Session(width, height)


def run(source: FrameSource, rows: list[list[float]], tracker: Any = None, **options: Any) -> TrackRun:
    options = {"start": 0, "end": source.frame_count, **options}
    return TrackRun(source, tracker or LucasKanade(), np.array(rows, np.float32), np.arange(len(rows)), **options)


def table(predictions: list[Prediction], ids: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(tracks (T, N, 2), visibility (T, N)), newest values, NaN where nothing was given."""
    tracks = np.full((COUNT, ids, 2), np.nan, np.float32)
    visibility = np.full((COUNT, ids), np.nan, np.float32)
    for found in predictions:
        tracks[found.first_frame : found.end_frame, found.ids] = found.tracks
        visibility[found.first_frame : found.end_frame, found.ids] = found.visibility
    return tracks, visibility


class TestForward:
    def test_tracks_from_each_query_to_the_end(self, source):
        tracks, visibility = table(list(run(source, [at(0, 0), at(1, 7)])), 2)
        assert np.abs(tracks[:, 0] - truth(0, np.arange(COUNT))).max() < 0.5
        assert np.isnan(tracks[:7, 1]).all()
        assert (visibility[:7, 1] == 0).all()
        assert np.abs(tracks[7:, 1] - truth(1, np.arange(7, COUNT))).max() < 0.5

    def test_decodes_only_from_the_earliest_query_on(self, source):
        spy = Spy()
        work = run(source, [at(0, 12), at(1, 20)], spy, start=5, end=30)
        found = list(work)
        assert sum(spy.sizes) == 18
        assert (found[0].first_frame, found[-1].end_frame) == (12, 30)
        assert work.frames_done == work.frames_total == 18

    def test_query_before_the_start_is_tracked_but_not_given(self, source):
        found = list(run(source, [at(0, 3)], start=10, end=20))
        assert (found[0].first_frame, found[-1].end_frame) == (10, 20)
        tracks, _ = table(found, 1)
        assert np.abs(tracks[10:20, 0] - truth(0, np.arange(10, 20))).max() < 0.5

    def test_query_on_the_last_frame(self, source):
        found = list(run(source, [at(0, COUNT - 1)]))
        assert [(f.first_frame, f.end_frame) for f in found] == [(COUNT - 1, COUNT)]
        np.testing.assert_allclose(found[0].tracks[0, 0], truth(0, COUNT - 1), rtol=1e-6)

    def test_one_frame_video(self, tmp_path):
        with open_source(make_clip(tmp_path / "one.mp4", frames=1)) as source:
            for backward in (False, True):
                found = list(run(source, [[0, 10, 10]], backward=backward))
                assert [(f.first_frame, len(f.tracks)) for f in found] == [(0, 1)]

    def test_the_cache_reaches_every_session(self, source):
        spy, cache = Spy(), object()
        list(run(source, [at(0, 0)], spy, cache=cache))
        assert spy.caches == [cache]


class TestBackward:
    def test_tracks_from_the_query_down_to_the_start(self, source):
        found = list(run(source, [at(0, 30), at(1, 18)], start=4, backward=True))
        assert all(np.all(np.diff([f.first_frame, f.end_frame]) > 0) for f in found)
        assert found[0].end_frame == 31
        assert found[-1].first_frame == 4
        tracks, visibility = table(found, 2)
        assert np.abs(tracks[4:31, 0] - truth(0, np.arange(4, 31))).max() < 0.5
        assert np.abs(tracks[4:19, 1] - truth(1, np.arange(4, 19))).max() < 0.5
        assert np.isnan(tracks[19:, 1]).all()
        assert (visibility[19:31, 1] == 0).all()

    def test_equals_a_forward_run_over_the_reversed_video(self, source, tmp_path):
        frames = [source.frame(i) for i in range(COUNT)]
        session = LucasKanadeSession(160, 120)
        session.add_points(np.array([at(0, 0)], np.float32) * 0 + [0, *truth(0, COUNT - 1)], np.array([0]))
        want = session.step(np.stack(frames[::-1]))
        assert want is not None
        tracks, visibility = table(list(run(source, [at(0, COUNT - 1)], backward=True)), 1)
        np.testing.assert_array_equal(tracks, want.tracks[::-1])
        np.testing.assert_array_equal(visibility, want.visibility[::-1])

    def test_query_after_the_end_is_tracked_but_not_given(self, source):
        found = list(run(source, [at(0, 35)], start=10, end=20, backward=True))
        assert (found[-1].first_frame, found[0].end_frame) == (10, 20)


class TestPointsComeAndGo:
    def test_a_point_ahead_joins(self, source):
        spy = Spy()
        work = run(source, [at(0, 0)], spy)
        found: list[Prediction] = []
        for prediction in work:
            if not found:
                assert work.add_points(np.array([at(1, 20)], np.float32), np.array([1]))
            found.append(prediction)
        assert sum(spy.sizes) == COUNT
        tracks, _ = table(found, 2)
        assert np.isnan(tracks[:20, 1]).all()
        assert np.abs(tracks[20:, 1] - truth(1, np.arange(20, COUNT))).max() < 0.5

    def test_a_point_behind_gets_a_pass_of_its_own(self, source):
        spy = Spy()
        work = run(source, [at(0, 5)], spy)
        found: list[Prediction] = []
        for prediction in work:
            if prediction.first_frame == 17:
                work.add_points(np.array([at(1, 2), at(2, 30)], np.float32), np.array([1, 2]))
            found.append(prediction)
        assert sum(spy.sizes) == (COUNT - 5) + (COUNT - 2)
        assert work.frames_done == work.frames_total == sum(spy.sizes)
        tracks, _ = table(found, 3)
        for point, start in ((0, 5), (1, 2), (2, 30)):
            assert np.isnan(tracks[:start, point]).all()
            assert np.abs(tracks[start:, point] - truth(point, np.arange(start, COUNT))).max() < 0.5

    def test_a_point_added_after_the_last_window_is_caught_up(self, source):
        work = run(source, [at(0, 30)])
        found: list[Prediction] = []
        for prediction in work:
            if prediction.end_frame == COUNT and len(found) < 4:
                work.add_points(np.array([at(1, 25)], np.float32), np.array([1]))
            found.append(prediction)
        tracks, _ = table(found, 2)
        assert np.isfinite(tracks[25:, 1]).all()

    def test_a_point_added_anew_starts_anew(self, source):
        work = run(source, [at(0, 0)])
        found: list[Prediction] = []
        for prediction in work:
            if prediction.first_frame == 8:
                work.add_points(np.array([at(2, 16)], np.float32), np.array([0]))
            found.append(prediction)
        tracks, _ = table([f for f in found if f.first_frame >= 12], 1)
        assert np.abs(tracks[16:, 0] - truth(2, np.arange(16, COUNT))).max() < 0.5

    def test_removed_points_are_no_longer_given(self, source):
        work = run(source, [at(0, 0), at(1, 0)])
        found: list[Prediction] = []
        for prediction in work:
            work.remove_points([1, 99])
            found.append(prediction)
        assert found[0].ids.tolist() == [0, 1]
        assert all(f.ids.tolist() == [0] for f in found[1:])

    def test_ends_when_no_point_is_left(self, source):
        work = run(source, [at(0, 0)])
        found: list[Prediction] = []
        for prediction in work:
            work.remove_points([0])
            found.append(prediction)
        assert len(found) == 1
        assert work.frames_done == work.frames_total < COUNT

    def test_a_run_that_is_over_takes_no_points(self, source):
        work = run(source, [at(0, 35)])
        list(work)
        assert not work.add_points(np.array([at(1, 38)], np.float32), np.array([1]))
        assert list(work) == []

    def test_cancel_takes_effect_within_one_window(self, source):
        work, windows = run(source, [at(0, 0)]), 0
        for _ in work:
            windows += 1
            work.cancel()
        assert windows == 1
        assert work.frames_done == 4
        assert work.cancelled


class TestBadInput:
    @pytest.mark.parametrize(
        ("rows", "options", "message"),
        [
            ([[COUNT, 1, 1]], {}, rf"starts at frame {COUNT}, but the frames are 0 to {COUNT - 1}"),
            ([[-1, 1, 1]], {}, "starts at frame -1"),
            ([[20, 1, 1]], {"end": 20}, "starts at frame 20, where the frames to track are over"),
            ([[9, 1, 1]], {"start": 10, "backward": True}, "starts at frame 9, where"),
            ([[0, np.nan, 1]], {}, "finite"),
            ([], {}, "no points"),
            ([[0, 1, 1]], {"start": 5, "end": 5}, "are not among"),
            ([[0, 1, 1]], {"end": COUNT + 1}, "are not among"),
        ],
    )
    def test_refuses(self, source, rows, options, message):
        with pytest.raises(InputError, match=message) as caught:
            run(source, rows, **options)
        assert str(caught.value).startswith("panning.mp4: ")

    def test_refuses_an_id_twice(self, source):
        with pytest.raises(InputError, match="same id"):
            TrackRun(source, LucasKanade(), np.array([at(0, 0)] * 2, np.float32), np.array([3, 3]), start=0, end=9)

    def test_gives_what_is_known_before_a_damaged_frame(self, source):
        whole = source.frames

        class Damaged:
            def __getattr__(self, name: str) -> Any:
                return getattr(source, name)

            def frames(self, start: int, stop: int, step: int = 1):
                for i, frame in zip(range(start, stop, step), whole(start, stop, step), strict=True):
                    if i == 18:
                        raise InputError("panning.mp4: frame 18 is damaged and cannot be decoded")
                    yield frame

        work = run(Damaged(), [at(0, 0)])
        found: list[Prediction] = []
        with pytest.raises(InputError, match="frame 18"):
            found.extend(work)
        # extend keeps what came before the error
        assert found[-1].end_frame == 18


def test_memory_does_not_grow_with_the_video(source):
    alive: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(source, name)

        def frames(self, start: int, stop: int, step: int = 1):
            held: list[weakref.ref[Any]] = []
            for i in range(start, stop, step):
                frame = source.frame(i).copy()
                held.append(weakref.ref(frame))
                yield frame
                del frame
                alive.append(sum(one() is not None for one in held))

    list(run(Counting(), [at(0, 0)]))
    assert max(alive) <= LucasKanade.step_frames + 1
