"""Brush strokes, whole-mask edits and the picture of a mask, as plain arrays."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.canvas import mask_edits
from app.canvas.brush import Stroke, stepped_size
from app.canvas.mapping import Mapping
from app.canvas.mask_picture import MaskPicture, Style

HEIGHT, WIDTH = 40, 56
Y, X = np.mgrid[:HEIGHT, :WIDTH]
STYLE = Style((230, 159, 0), matte=False, held=False, active=True)

places = st.tuples(st.floats(-8, WIDTH + 8), st.floats(-8, HEIGHT + 8))
masks = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).random((HEIGHT, WIDTH)) < 0.3)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    return (X - x) ** 2 + (Y - y) ** 2 <= radius**2 + 1e-6


class TestStroke:
    @settings(max_examples=30, deadline=None)
    @given(path=st.lists(places, min_size=1, max_size=5), size=st.floats(2, 20), mask=masks, paints=st.booleans())
    def test_touches_what_is_within_its_radius_of_the_path(self, path, size, mask, paints):
        stroke, before = Stroke(mask, size, paints), mask.copy()
        for place in path:
            stroke.to(*place)
        ends = [*pairwise(path)] or [(path[0], path[0])]
        dense = [np.array(a) + (np.array(b) - a) * t for a, b in ends for t in np.linspace(0, 1, 400)]
        near = np.any([disc(x, y, size / 2) for x, y in dense], axis=0)
        surely = np.any([disc(x, y, size / 2 + 0.1) for x, y in dense], axis=0)
        touched = stroke.bitmap != mask
        assert not (touched & ~surely).any()
        assert (stroke.bitmap[near] == paints).all()
        np.testing.assert_array_equal(mask, before)

    def test_a_fine_brush_leaves_no_gaps(self):
        stroke = Stroke(np.zeros((HEIGHT, WIDTH), bool), 1, paints=True)
        stroke.to(3.4, 2.2)
        stroke.to(50.3, 31.7)
        columns = np.flatnonzero(stroke.bitmap.any(axis=0))
        np.testing.assert_array_equal(columns, np.arange(3, 51))
        assert stroke.bitmap.sum(axis=0).max() <= 2

    def test_a_dab_of_one_pixel_is_one_pixel(self):
        stroke = Stroke(np.zeros((HEIGHT, WIDTH), bool), 1, paints=True)
        assert stroke.to(10.49, 20.51) is not None
        np.testing.assert_array_equal(np.argwhere(stroke.bitmap), [[21, 10]])

    @settings(max_examples=30, deadline=None)
    @given(path=st.lists(places, min_size=2, max_size=4), mask=masks)
    def test_what_may_have_changed_covers_what_has(self, path, mask):
        stroke = Stroke(mask, 9, paints=True)
        for place in path:
            before = stroke.bitmap.copy()
            area = stroke.to(*place)
            inside = np.zeros_like(before)
            if area is not None:
                inside[area[1] : area[3], area[0] : area[2]] = True
            assert not ((stroke.bitmap != before) & ~inside).any()

    def test_beyond_the_picture_nothing_happens(self):
        stroke = Stroke(np.zeros((HEIGHT, WIDTH), bool), 6, paints=True)
        assert stroke.to(-20, -20) is None
        assert not stroke.bitmap.any()


@pytest.mark.parametrize(("size", "steps"), [(1, 1), (2, 1), (24, 1), (24, 2), (400, 1), (3, -1), (24, -1), (1, -3)])
def test_a_brush_grows_and_shrinks_by_steps_that_are_felt(size: float, steps: float) -> None:
    other = stepped_size(size, steps)
    assert other == round(other) >= 1
    assert other > size if steps > 0 else other < size or size == 1


class TestWholeMasks:
    @settings(max_examples=20, deadline=None)
    @given(mask=masks, pixels=st.integers(1, 4))
    def test_growing_reaches_all_that_is_near_and_nothing_else(self, mask, pixels):
        expected = np.zeros_like(mask)
        for y, x in np.argwhere(mask):
            expected |= disc(x, y, pixels)
        np.testing.assert_array_equal(mask_edits.grown(mask, pixels), expected)

    @settings(max_examples=20, deadline=None)
    @given(mask=masks, pixels=st.integers(1, 4))
    def test_shrinking_is_growing_of_the_outside(self, mask, pixels):
        np.testing.assert_array_equal(mask_edits.shrunk(mask, pixels), ~mask_edits.grown(~mask, pixels))
        assert not (mask_edits.shrunk(mask, pixels) & ~mask).any()

    @pytest.mark.parametrize("value", [False, True])
    def test_nothing_and_everything_stay(self, value):
        mask = np.full((HEIGHT, WIDTH), value)
        for edit in (mask_edits.grown, mask_edits.shrunk):
            np.testing.assert_array_equal(edit(mask, 3), mask)

    @given(mask=masks)
    def test_inverting_twice_is_nothing(self, mask):
        np.testing.assert_array_equal(mask_edits.inverted(mask_edits.inverted(mask)), mask)

    def test_a_polygon_is_put_in_and_taken_out(self):
        empty = np.zeros((HEIGHT, WIDTH), bool)
        corners = np.array([(10, 5), (40, 5), (40, 30), (10, 30)], float)
        box = mask_edits.with_polygon(empty, corners)
        np.testing.assert_array_equal(box, (X >= 10) & (X <= 40) & (Y >= 5) & (Y <= 30))
        assert not mask_edits.with_polygon(box, corners, inside=False).any()

    def test_a_hole_is_found_only_where_it_is_closed(self):
        ring = disc(25, 20, 12) & ~disc(25, 20, 8)
        hole = mask_edits.enclosed(ring, 25, 20)
        assert hole is not None
        np.testing.assert_array_equal(hole, disc(25, 20, 8))
        assert mask_edits.enclosed(ring, 2, 2) is None
        ring[20, 25:] = False
        assert mask_edits.enclosed(ring, 25, 20) is None

    def test_a_gap_at_a_corner_leaks_nothing(self):
        ring = np.zeros((HEIGHT, WIDTH), bool)
        for x, y in [(20, 10), (19, 11), (18, 12), (19, 13), (20, 14), (21, 13), (22, 12), (21, 11)]:
            ring[y, x] = True  # joined by corners only
        hole = mask_edits.enclosed(ring, 20, 12)
        assert hole is not None
        assert hole.sum() == 5

    def test_a_piece_is_what_hangs_together(self):
        two = disc(12, 12, 6) | disc(40, 25, 6)
        np.testing.assert_array_equal(mask_edits.piece(two, 12, 12), disc(12, 12, 6))
        assert not mask_edits.piece(two, 25, 20).any()

    def test_a_similar_colour_ends_at_another_one(self):
        picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        picture[..., :3] = (100, 120, 90)
        picture[disc(25, 20, 9), :3] = (110, 110, 200)
        picture[20, 25, :3] = (114, 106, 206)
        picture.flags.writeable = False
        np.testing.assert_array_equal(mask_edits.similar(picture, 25, 20), disc(25, 20, 9))


class TestPicture:
    @settings(max_examples=25, deadline=None)
    @given(
        mask=masks,
        path=st.lists(places, min_size=1, max_size=4),
        scale=st.sampled_from([0.4, 1.0, 2.5, 7.0]),
        offset=st.tuples(st.floats(-40, 20), st.floats(-40, 20)),
        matte=st.booleans(),
        ratio=st.sampled_from([1.0, 2.0]),
    )
    def test_drawing_only_what_changed_is_as_good_as_drawing_all(self, mask, path, scale, offset, matte, ratio):
        style = Style((86, 180, 233), matte=matte, held=False, active=True)
        view = (Mapping(scale, *offset), (round(180 * ratio), round(140 * ratio)), ratio)
        stroke = Stroke(mask, 7, paints=True)
        picture = MaskPicture(stroke.bitmap, style, *view, whole=True)
        for place in path:
            area = stroke.to(*place)
            if area is not None:
                picture.redraw(stroke.bitmap, area)
        whole = MaskPicture(stroke.bitmap, style, *view, whole=True)
        assert (picture.left, picture.top) == (whole.left, whole.top)
        np.testing.assert_array_equal(picture.pixels, whole.pixels)

    def test_a_cut_out_shows_the_same_as_the_whole(self):
        mask, view = disc(20, 15, 6), (Mapping(3.0, 5.0, 4.0), (180, 140), 1.0)
        part, whole = MaskPicture(mask, STYLE, *view), MaskPicture(mask, STYLE, *view, whole=True)
        all_of_it = np.zeros((140, 180), np.uint32)
        all_of_it[whole.top :, whole.left :][: whole.pixels.shape[0], : whole.pixels.shape[1]] = whole.pixels
        again = np.zeros_like(all_of_it)
        again[part.top :, part.left :][: part.pixels.shape[0], : part.pixels.shape[1]] = part.pixels
        np.testing.assert_array_equal(again, all_of_it)
        assert part.pixels.size < whole.pixels.size

    def test_each_pixel_is_where_the_frame_shows_it(self):
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[7, 9] = True
        picture = MaskPicture(mask, STYLE, Mapping(10.0, 30.0, 20.0), (300, 200), 1.0)
        rows, columns = np.nonzero(picture.pixels == np.uint32(0xFFE69F00))
        assert columns.min() + picture.left == 30 + 9 * 10 - 5
        assert columns.max() + picture.left == 30 + 9 * 10 + 4
        assert rows.min() + picture.top == 20 + 7 * 10 - 5
        assert rows.max() + picture.top == 20 + 7 * 10 + 4

    def test_mattes_and_held_masks_do_not_only_differ_in_colour(self):
        mask, view = disc(25, 20, 15), (Mapping(3.0, 5.0, 4.0), (180, 140), 1.0)
        plain = MaskPicture(mask, STYLE, *view).pixels
        inside = plain == plain[plain.shape[0] // 2, plain.shape[1] // 2]
        matte = MaskPicture(mask, Style(STYLE.colour, True, False, True), *view).pixels
        assert len(np.unique(matte[inside])) == 2
        held = MaskPicture(mask, Style(STYLE.colour, False, True, True), *view).pixels
        outline = plain == np.uint32(0xFFE69F00)
        share = (held[outline] == np.uint32(0xFFE69F00)).mean()
        assert 0.3 < share < 0.7
        np.testing.assert_array_equal(held[inside], plain[inside])

    def test_a_mask_out_of_sight_needs_nothing(self):
        assert MaskPicture(disc(20, 15, 6), STYLE, Mapping(3.0, 500.0, 4.0), (180, 140), 1.0).pixels.size == 0
        empty = np.zeros((HEIGHT, WIDTH), bool)
        assert not MaskPicture(empty, STYLE, Mapping(3.0, 5.0, 4.0), (180, 140), 1.0).pixels.any()
