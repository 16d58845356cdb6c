"""The classical tracker on motion that is known exactly, and on real clips with labelled points."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.inference.scenes import panning, track_all
from tracker.inference.lucas_kanade import LucasKanade, LucasKanadeSession
from tracker.video import open_source

DATA = Path(os.environ.get("TRACKWRIGHT_DATA", Path(__file__).parents[2] / "../shared/data"))

SHIFTS = np.stack([0.37 * np.arange(20), 1.9 * np.sin(np.arange(20) / 3)], axis=1)
STARTS = np.array([[50, 40], [80.5, 60.25], [100, 85], [40, 90]], np.float32)


def queries(xy: NDArray[np.float32], frame: int = 0) -> NDArray[np.float32]:
    return np.column_stack([np.full(len(xy), frame), xy]).astype(np.float32)


def session_with(xy: NDArray[np.float32], width: int = 160, height: int = 120) -> LucasKanadeSession:
    session = LucasKanade().session(width, height)
    session.add_points(queries(xy), np.arange(len(xy)))
    return session


def same(a: object, b: object) -> None:
    for name in ("first_frame", "ids", "tracks", "visibility", "confidence", "disagreement", "patch_change"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), name)


class TestMotion:
    def test_follows_motion_between_pixels(self):
        found = track_all(session_with(STARTS), panning(SHIFTS))
        truth = STARTS[None] + SHIFTS[:, None]
        assert np.abs(found.tracks - truth).max() < 0.1
        assert found.visibility.min() > 0.9
        assert found.confidence.min() > 0.9
        assert found.tracks.dtype == found.visibility.dtype == found.confidence.dtype == np.float32

    def test_forward_then_backward_comes_home(self):
        frames = panning(SHIFTS)
        found = track_all(session_with(STARTS), np.concatenate([frames, frames[-2::-1]]))
        assert np.linalg.norm(found.tracks[-1] - STARTS, axis=1).max() < 0.1

    def test_follows_large_steps(self):
        shifts = np.stack([15.0 * np.arange(4), np.zeros(4)], axis=1)
        found = track_all(session_with(STARTS), panning(shifts))
        assert np.abs(found.tracks - STARTS[None] - shifts[:, None]).max() < 0.3

    def test_is_the_same_every_time_and_for_every_step_size(self):
        frames = panning(SHIFTS)
        a, b, c = (track_all(session_with(STARTS), frames, step) for step in (4, 4, 7))
        same(a, b)
        same(a, c)

    def test_brightness_and_contrast_do_not_hide_a_point(self):
        frames = panning(SHIFTS[:2])
        frames[1] = np.rint(frames[1] * 0.8 + 10).astype(np.uint8)
        assert track_all(session_with(STARTS), frames).visibility[1].min() > 0.9


class TestSigns:
    def test_tells_how_far_tracking_back_misses_and_how_the_patch_changed(self):
        frames = panning(SHIFTS)
        frames[8:, 50:110, 70:140] = np.random.default_rng(1).integers(0, 255, (12, 60, 70, 1), dtype=np.uint8)
        session = session_with(np.array([[100, 85], [30, 30]], np.float32))
        found = session.step(frames)
        assert found is not None
        assert found.disagreement is not None
        assert found.patch_change is not None
        assert np.isnan(found.disagreement[0]).all()
        assert (found.patch_change[0] == 0).all()
        assert found.disagreement[1:8].max() < 0.1
        assert np.nanmax(found.patch_change[:8]) < 0.1
        # Covered from frame 8 on, where it shows, and not followed afterwards.
        assert (found.patch_change[8:, 0] > 0.6).all()
        assert np.isnan(found.disagreement[9:, 0]).all()
        assert np.isfinite(found.disagreement[1:, 1]).all()


class TestLostPoints:
    def test_a_covered_point_is_lost_stays_where_it_was_and_comes_back_only_when_added_anew(self):
        frames = panning(SHIFTS)
        frames[8:14, 50:110, 70:140] = np.random.default_rng(1).integers(0, 255, (60, 70, 1), dtype=np.uint8)
        session = session_with(np.array([[100, 85], [30, 30]], np.float32))
        found = track_all(session, frames)
        assert (found.visibility[:8] > 0.5).all()
        assert (found.visibility[8:, 0] == 0).all()
        assert (found.confidence[8:, 0] == 0).all()
        assert (found.tracks[8:, 0] == found.tracks[7, 0]).all()
        assert (found.visibility[:, 1] > 0.5).all()

    def test_a_point_that_was_covered_where_nothing_moves_looks_like_itself_again(self):
        frames = panning(np.zeros((12, 2)))
        frames[4:8, 50:110, 70:140] = np.random.default_rng(1).integers(0, 255, (60, 70, 1), dtype=np.uint8)
        found = session_with(np.array([[100, 85]], np.float32)).step(frames)
        assert found is not None
        assert found.patch_change is not None
        assert (found.visibility[4:] == 0).all()
        assert (found.patch_change[4:8] > 0.6).all()
        assert found.patch_change[8:].max() < 0.1

    def test_how_a_point_looks_that_has_left_nobody_knows(self):
        frames = panning(SHIFTS)
        start = np.array([[1, 85], [158, 85]], np.float32)
        found = session_with(start).step(frames)
        assert found is not None
        assert found.patch_change is not None
        outside = ~((found.tracks >= -0.5) & (found.tracks < np.array(frames.shape[2:0:-1]) - 0.5)).all(axis=2)
        assert outside.any()
        np.testing.assert_array_equal(np.isnan(found.patch_change), outside)

    def test_reanchored_point_is_followed_again(self):
        frames = panning(SHIFTS)
        session = session_with(STARTS[:1])
        session.step(frames[:5])
        session.step(np.full_like(frames[5:7], 90))
        session.remove_points([0])
        session.add_points(queries(STARTS[:1] + SHIFTS[7].astype(np.float32), 7), np.array([0]))
        found = session.step(frames[7:])
        assert found is not None
        assert np.abs(found.tracks[:, 0] - STARTS[0] - SHIFTS[7:]).max() < 0.1
        assert found.visibility.min() > 0.9

    def test_point_that_leaves_is_lost_outside_the_frame(self):
        shifts = np.stack([-1.5 * np.arange(24), np.zeros(24)], axis=1)
        found = track_all(session_with(np.array([[30, 60], [120, 60]], np.float32)), panning(shifts))
        gone = found.visibility[:, 0] == 0
        assert gone.any()
        assert not gone[:15].any()
        assert gone[np.argmax(gone) :].all()
        assert found.tracks[-1, 0, 0] < -0.5
        assert (found.visibility[:, 1] > 0).all()

    def test_point_without_texture_is_lost(self):
        found = track_all(session_with(STARTS), np.full((5, 120, 160, 3), 90, np.uint8))
        assert (found.visibility[0] == 1).all()
        assert (found.visibility[1:] == 0).all()
        assert (found.tracks == STARTS).all()

    def test_noise_after_a_cut_loses_points(self):
        frames = panning(SHIFTS[:6])
        frames[3:] = np.random.default_rng(2).integers(0, 255, frames[3:].shape, dtype=np.uint8)
        found = track_all(session_with(STARTS), frames)
        assert (found.visibility[3:] == 0).all()

    def test_confidence_falls_with_a_blur_that_tracking_cannot_undo(self):
        frames = panning(SHIFTS[:3])
        blurred = frames.copy()
        blurred[1] = np.stack([cv2.GaussianBlur(frames[1], (0, 0), 6)])
        clear, soft = (track_all(session_with(STARTS), f) for f in (frames, blurred))
        assert soft.confidence[1].mean() < clear.confidence[1].mean()


class TestPointsComeAndGo:
    def test_nothing_is_said_before_the_query(self):
        session = LucasKanade().session(160, 120)
        session.add_points(queries(STARTS[:1], 6), np.array([5]))
        found = track_all(session, panning(SHIFTS))
        assert np.isnan(found.tracks[:6]).all()
        assert (found.visibility[:6] == 0).all()
        assert (found.tracks[6, 0] == STARTS[0]).all()
        assert np.abs(found.tracks[6:, 0] - STARTS[0] - (SHIFTS[6:] - SHIFTS[6])).max() < 0.1

    def test_point_added_at_the_last_frame_seen_gives_that_frame_again(self):
        frames = panning(SHIFTS)
        session = session_with(STARTS[:1])
        session.step(frames[:8])
        assert session.frames_seen == 8
        assert session.earliest_query == 7
        session.add_points(queries(STARTS[1:2], 7), np.array([9]))
        found = session.step(frames[8:12])
        assert found is not None
        assert (found.first_frame, found.end_frame) == (7, 12)
        assert found.ids.tolist() == [0, 9]
        assert (found.tracks[0, 1] == STARTS[1]).all()
        whole = track_all(session_with(STARTS[:1]), frames)
        np.testing.assert_array_equal(found.tracks[:, 0], whole.tracks[7:12, 0])

    def test_point_added_at_the_last_frame_of_all_is_given_by_finish(self):
        session = session_with(STARTS[:1])
        session.step(panning(SHIFTS)[:3])
        session.add_points(queries(STARTS[1:2], 2), np.array([1]))
        found = session.finish()
        assert found is not None
        assert (found.first_frame, found.end_frame) == (2, 3)
        assert (found.tracks[0, 1] == STARTS[1]).all()
        with pytest.raises(ValueError, match="cannot take"):
            session.step(panning(SHIFTS)[:1])

    def test_removed_points_are_gone_and_leave_the_others_alone(self):
        frames = panning(SHIFTS)
        session = session_with(STARTS)
        session.step(frames[:5])
        session.remove_points([1, 2, 77])
        found = session.step(frames[5:])
        assert found is not None
        assert found.ids.tolist() == [0, 3]
        np.testing.assert_array_equal(found.tracks, track_all(session_with(STARTS), frames).tracks[5:, [0, 3]])

    @pytest.mark.parametrize(
        ("rows", "ids", "message"),
        [
            ([[1, 5, 5]], [7], "has passed"),
            ([[4, 5, 5]], [0], "already followed"),
            ([[4, 5, 5], [4, 6, 6]], [7, 7], "already followed"),
            ([[4, np.nan, 5]], [7], "finite"),
            ([[4, 5, 5]], [7, 8], "one for each id"),
        ],
    )
    def test_refuses(self, rows, ids, message):
        session = session_with(STARTS[:1])
        session.step(panning(SHIFTS)[:4])
        with pytest.raises(ValueError, match=message):
            session.add_points(np.array(rows, np.float32), np.array(ids))

    def test_refuses_frames_of_another_size(self):
        with pytest.raises(ValueError, match="160×120"):
            session_with(STARTS).step(np.zeros((1, 120, 161, 3), np.uint8))

    @settings(max_examples=15, deadline=None)
    @given(cut=st.integers(1, 18), more=st.integers(1, 19), late=st.booleans())
    def test_restore_goes_back_exactly(self, cut, more, late):
        frames = panning(SHIFTS)
        session = session_with(STARTS)
        session.step(frames[:cut])
        if late:
            session.add_points(queries(STARTS[:1] + 3, cut - 1), np.array([50]))
        kept = session.snapshot()
        first = session.step(frames[cut : cut + more])
        session.remove_points([0])
        session.finish()
        session.restore(kept)
        assert session.frames_seen == cut
        same(session.step(frames[cut : cut + more]), first)


class TestEdges:
    @pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (8, 8), (33, 9)])
    def test_tiny_frames(self, width, height):
        frames = np.random.default_rng(0).integers(0, 255, (4, height, width, 3), dtype=np.uint8)
        found = track_all(session_with(np.zeros((1, 2), np.float32), width, height), frames)
        assert found.visibility[0, 0] == 1
        assert np.isfinite(found.tracks).all()

    def test_points_beyond_the_border_are_never_visible(self):
        outside = np.array([[-5, 50], [160, 50], [50, 1e6], [-1e6, -1e6]], np.float32)
        found = track_all(session_with(outside), panning(SHIFTS[:4]))
        assert (found.visibility == 0).all()
        assert (found.tracks == outside).all()

    def test_one_frame_and_no_points(self):
        assert track_all(session_with(STARTS), panning(SHIFTS[:1])).visibility.tolist() == [[1, 1, 1, 1]]
        empty = LucasKanade().session(160, 120).step(panning(SHIFTS[:2]))
        assert empty is not None
        assert empty.tracks.shape == (2, 0, 2)

    def test_ten_thousand_points(self):
        xy = np.random.default_rng(4).uniform(25, 95, (10_000, 2)).astype(np.float32)
        found = track_all(session_with(xy), panning(SHIFTS[:3]))
        assert np.median(np.linalg.norm(found.tracks[2] - xy - SHIFTS[2], axis=1)) < 0.05

    def test_never_imports_torch(self):
        code = (
            "import sys, tracker.inference\n"
            "from tracker.inference import load_tracker, TrackRun, available_trackers\n"
            "load_tracker('lucas-kanade'); available_trackers(); assert 'torch' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=60)


def labelled(name: str, frames: int):
    """(frames, tracks (N, T, 2), visible (N, T), first visible frame (N,)) of a labelled clip."""
    path = DATA / "tracks" / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"needs the labelled clips: {path} is not there")
    with np.load(path, allow_pickle=False) as file:
        video, tracks, visible = str(file["video"]), file["tracks"][:, :frames], file["visible"][:, :frames]
    with open_source(DATA / video, threads="auto") as source:
        pictures = np.stack(list(source.frames(0, min(frames, source.frame_count))))
    seen = visible.any(axis=1)
    return pictures, tracks[seen], visible[seen], visible[seen].argmax(axis=1)


def follow_labels(name: str, frames: int):
    """(distance from the label (N, T) in pixels, said to be visible (N, T), labelled and after the query (N, T))."""
    pictures, tracks, visible, first = labelled(name, frames)
    session = LucasKanade().session(pictures.shape[2], pictures.shape[1])
    rows = np.arange(len(tracks))
    session.add_points(np.column_stack([first, tracks[rows, first]]).astype(np.float32), rows)
    found = track_all(session, pictures)
    counted = visible & (np.arange(len(pictures)) > first[:, None])
    return np.linalg.norm(found.tracks.swapaxes(0, 1) - tracks, axis=2), found.visibility.T > 0, counted


class TestRealClips:
    def test_still_points_stay_still(self):
        distance, said, counted = follow_labels("static_juggle", 120)
        assert np.median(distance[counted & said]) < 0.1
        assert (distance[counted & said] < 1).mean() > 0.99
        assert (said & counted).sum() / counted.sum() > 0.6

    def test_board_corners_in_large_steps(self):
        distance, said, counted = follow_labels("board_a", 48)
        assert np.median(distance[counted & said]) < 1.0
        assert (said & counted).sum() / counted.sum() > 0.9

    def test_flies(self):
        distance, said, counted = follow_labels("flies_pair_60s", 100)
        assert np.median(distance[counted & said]) < 1.0
        assert (said & counted).sum() / counted.sum() > 0.95

    def test_real_clip_forward_then_backward(self):
        path = DATA / "videos" / "bigbuckbunny_720p_5s.mp4"
        if not path.exists():
            pytest.skip(f"needs the clips: {path} is not there")
        with open_source(path, threads="auto") as source:
            frames = np.stack(list(source.frames(0, 16)))
        grey = cv2.cvtColor(frames[0], cv2.COLOR_RGB2GRAY)
        starts = cv2.goodFeaturesToTrack(grey, 60, 0.05, 20)[:, 0].astype(np.float32)
        session = session_with(starts, frames.shape[2], frames.shape[1])
        found = track_all(session, np.concatenate([frames, frames[-2::-1]]))
        kept = found.visibility[-1] > 0
        assert kept.mean() > 0.5
        assert np.median(np.linalg.norm(found.tracks[-1] - starts, axis=1)[kept]) < 0.3
