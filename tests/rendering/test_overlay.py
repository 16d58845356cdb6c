from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rendering.legend import draw_legend, place_legend
from app.rendering.overlay import Look, Overlay, scaled, straight
from tests.labels.made import make_tracks
from tracker.labels import Source, State, TrackFile

WIDTH, HEIGHT, FRAMES = 160, 120, 9


@pytest.fixture(scope="module")
def tracks() -> TrackFile:
    """Every state and source, moving."""
    made = make_tracks(12, FRAMES, 3, labelled=0.9)
    made.size_wh = (WIDTH, HEIGHT)
    start = np.random.default_rng(1).uniform(10, 110, (12, 1, 2)).astype(np.float32)
    made.xy[:] = start + np.arange(FRAMES, dtype=np.float32)[None, :, None] * 2
    return made


@settings(max_examples=8, deadline=None)
@given(
    shade=st.integers(0, 255),
    trail=st.integers(0, 8),
    names=st.booleans(),
    legend=st.booleans(),
    number=st.none() | st.integers(0, 2000),
)
def test_the_overlay_alone_laid_over_the_picture_is_the_burnt_in_one(tracks, shade, trail, names, legend, number):
    overlay = Overlay(tracks, Look(trail, 4.0, names, legend, number))
    picture = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)
    alone = overlay.draw_alone(FRAMES - 1).astype(float)
    cover = alone[..., 3:] / 255
    laid = alone[..., :3] * cover + picture * (1 - cover)
    off = np.abs(laid - overlay.draw(picture, FRAMES - 1))
    # Eight bits are rounded at every blend of either way.
    assert off.max() <= 12
    assert off.mean() < 0.5
    assert (alone[..., 3] == 0).any()


def test_straight_alpha_of_edges() -> None:
    image = np.array([[[100, 50, 0, 128], [0, 0, 0, 0], [255, 255, 255, 255]]], np.uint8)
    assert straight(image).tolist() == [[[199, 100, 0, 128], [0, 0, 0, 0], [255, 255, 255, 255]]]


def test_tracks_keep_their_place_in_a_scaled_picture(tracks) -> None:
    small = scaled(tracks, (80, 60))
    np.testing.assert_allclose(small.xy, (tracks.xy + 0.5) / 2 - 0.5, atol=1e-5)  # the corner at -0.5 stands still
    assert small.size_wh == (80, 60)


def test_marks_and_letters_grow_with_the_picture(tracks) -> None:
    def covered(height: int) -> int:
        one = replace(tracks, xy=tracks.xy * 0 + height // 2, size_wh=(height, height))
        return int((Overlay(one, Look(0)).draw_alone(0)[..., 3] > 0).sum())

    assert covered(1440) > 3 * covered(480)


def test_colours_tell_tracks_apart(tracks) -> None:
    two = make_tracks(2, 2, 0, labelled=1.0)
    two.size_wh = (WIDTH, HEIGHT)
    two.state[:], two.source[:] = State.VISIBLE, Source.MODEL
    two.xy[0], two.xy[1] = (40, 40), (120, 80)
    image = Overlay(two, Look(0, 4.0, colour_by="track", colours=((1, 2, 3), (250, 0, 9)))).draw_alone(0)
    assert image[40, 40].tolist() == [1, 2, 3, 255]
    assert image[80, 120].tolist() == [250, 0, 9, 255]


def test_the_legend_hides_as_few_points_as_it_can() -> None:
    everywhere_but_upper_right = np.array([[x, 700] for x in range(1280)] * 2, np.float32)
    place = place_legend((1280, 720), 14, True, everywhere_but_upper_right)
    assert place.covered(everywhere_but_upper_right) == 0
    assert (place.left > 640, place.top < 360) == (True, True)
    nothing = np.zeros((0, 2), np.float32)
    assert place_legend((1280, 720), 14, True, nothing).left < 640
    small = place_legend((64, 48), 7, True, nothing)
    assert small.width <= 0.46 * 64
    draw_legend(np.zeros((48, 64, 3), np.uint8), small, True)


def test_names_stay_in_the_picture_and_need_not_be_ascii() -> None:
    one = make_tracks(1, 1, 0, labelled=1.0)
    one.size_wh = (WIDTH, HEIGHT)
    one.state[:], one.source[:] = State.VISIBLE, Source.MODEL
    one.xy[0, 0], one.names = (150, 60), ["Käfer „7“ 虫"]
    bare, named = (Overlay(one, Look(0, 3.0, names=names)).draw_alone(0)[..., 3] > 0 for names in (False, True))
    letters = np.argwhere(named & ~bare)
    assert letters[:, 1].min() > 20
    assert letters[:, 1].max() < 150
