from pathlib import Path

import cv2
import numpy as np
import pytest

from app.rendering.stabilised import Lock, Stabiliser
from tests.cli.commandline import STEP
from tests.rendering.shots import known_tracks, shot
from tracker.files import InputError
from tracker.labels import State, TrackFile
from tracker.video import open_source

FRAMES = 8


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shot(tmp_path_factory.mktemp("shot"), FRAMES)[0]


@pytest.fixture
def tracks(video: Path) -> TrackFile:
    return known_tracks(video)


def pictures(video: Path) -> list[np.ndarray]:
    with open_source(video) as source:
        return list(source.frames(0, FRAMES))


def grey(picture: np.ndarray) -> np.ndarray:
    """Without colours, which the clip has at half the resolution."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), float)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [("translation", (0,)), ("similarity", (0, 1)), ("affine", (0, 1, 2)), ("homography", (0, 1, 2, 3))],
)
def test_the_picture_holds_still(kind, rows, video: Path, tracks: TrackFile) -> None:
    frames = pictures(video)
    stabiliser = Stabiliser(tracks, Lock(rows, kind, reference=4), 0, FRAMES)
    inner = slice(20, -20), slice(20, -20)
    for index, part in ((0, 6), (7, 2.5)):  # frame 7 lies half a pixel off, and was blurred by that when it was made
        moved = np.abs(grey(frames[index]) - grey(frames[4]))[inner].mean()
        still = np.abs(grey(stabiliser.picture(frames[index], index)) - grey(frames[4]))[inner].mean()
        assert still < moved / part
    np.testing.assert_array_equal(stabiliser.picture(frames[4], 4), frames[4])
    assert not stabiliser.held.any()


def test_a_crop_has_the_point_in_its_middle(video: Path, tracks: TrackFile) -> None:
    frames = pictures(video)
    stabiliser = Stabiliser(tracks, Lock((0,), crop=(33, 21), zoom=3), 0, FRAMES)
    assert stabiliser.size_wh == (99, 63)
    for index in (0, 6):
        x, y = tracks.xy[0, index].astype(float)
        flat = np.zeros_like(frames[0])
        flat[round(y), round(x)] = 255  # one pixel of the video becomes 3 x 3, up to the part that was rounded off
        seen = stabiliser.picture(flat, index).astype(float).sum(axis=2).clip(0)
        at = [(seen.sum(axis=1 - axis) * np.arange(seen.shape[axis])).sum() / seen.sum() for axis in (1, 0)]
        want = 49 + 3 * (round(x) - x), 31 + 3 * (round(y) - y)
        np.testing.assert_allclose(at, want, atol=0.35)


def test_beyond_the_edges_it_is_black_or_transparent(video: Path, tracks: TrackFile) -> None:
    frames = [np.full((120, 160, 3), 200, np.uint8)] * FRAMES
    opaque = Stabiliser(tracks, Lock((0,), reference=0), 0, FRAMES).picture(frames[7], 7)
    clear = Stabiliser(tracks, Lock((0,), reference=0, transparent=True), 0, FRAMES).picture(frames[7], 7)
    assert opaque.shape == (120, 160, 3)
    assert clear.shape == (120, 160, 4)
    gone = -round(STEP[0] * 7) + 160  # the picture moved right, so that it is shifted left
    assert (opaque[60, gone + 3 :] == 0).all()
    assert (clear[60, gone + 3 :, 3] == 0).all()
    assert (clear[60, 8 : gone - 8] == (200, 200, 200, 255)).all()
    half = (clear[..., 3] > 60) & (clear[..., 3] < 255)
    assert (np.abs(clear[half][:, :3].astype(int) - 200) < 40).all()  # colours do not darken at the edge


def test_frames_without_a_solve_are_held_and_labelled(video: Path, tracks: TrackFile) -> None:
    tracks.state[0, 3:5] = State.OCCLUDED
    frames = pictures(video)
    stabiliser = Stabiliser(tracks, Lock((0,)), 0, FRAMES)
    assert stabiliser.held.tolist() == [False, False, False, True, True, False, False, False]
    np.testing.assert_array_equal(stabiliser.picture(frames[5], 4), stabiliser.picture(frames[5], 2))
    labelled = Stabiliser(tracks, Lock((0,), labels=True), 0, FRAMES, 1001)
    corners = [(labelled.picture(np.full_like(frames[0], 128), index)[:30, :110] != 128).sum() for index in (2, 4)]
    assert corners[1] > corners[0] > 0  # "1005  held" is longer than "1003"


def test_the_usual_reference_is_where_most_tracks_are_visible(tracks: TrackFile) -> None:
    tracks.state[:, :3] = State.UNLABELLED
    tracks.state[1, 3] = State.OCCLUDED
    assert Stabiliser(tracks, Lock((0, 1), "similarity"), 0, FRAMES).reference == 4
    assert Stabiliser(tracks, Lock((0, 1), "similarity"), 6, FRAMES).reference == 6


@pytest.mark.parametrize(
    ("lock", "sentence"),
    [
        (Lock((0, 1), "affine"), "needs 3 tracks or more, there are 2"),
        (Lock((0,), reference=99), "there is no such frame"),
        (Lock((0,), reference=1), "0 of the tracks are visible on it"),
    ],
)
def test_what_cannot_be_locked(lock: Lock, sentence: str, tracks: TrackFile) -> None:
    tracks.state[:, 1] = State.OCCLUDED
    with pytest.raises(InputError, match=sentence):
        Stabiliser(tracks, lock, 0, FRAMES)


def test_tracks_that_are_visible_nowhere(tracks: TrackFile) -> None:
    tracks.state[:] = State.OCCLUDED
    with pytest.raises(InputError, match="needs 1 visible tracks at a time"):
        Stabiliser(tracks, Lock((0,)), 0, FRAMES)
