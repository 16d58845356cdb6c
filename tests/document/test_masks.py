"""Masks: what is painted, how long it holds, and its way through the history and the file."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from app.document.changes import Change
from app.document.masks import Bits, Masks
from app.document.project import Document
from tests.document.building import connection_of, file_of, snapshot, video_ref, walk_back_and_forth
from tracker.files import InputError

WIDTH, HEIGHT = 64, 48


@pytest.fixture
def document():
    document = Document.new(video_ref(100, WIDTH, HEIGHT))
    yield document
    document.close(discard=True)


def box(x, y, width, height):
    bitmap = np.zeros((HEIGHT, WIDTH), dtype=bool)
    bitmap[y : y + height, x : x + width] = True
    return bitmap


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=20)), st.integers(0, 2**32 - 1))
def test_bits_are_the_bitmap_and_their_own_inverse(bitmap, seed):
    bits = Bits.of(bitmap)
    found = np.zeros_like(bitmap)
    bits.flip(found)
    assert np.array_equal(found, bitmap)
    other = np.random.default_rng(seed).random(bitmap.shape) < 0.5
    turned = other.copy()
    bits.flip(turned)
    assert np.array_equal(turned, other ^ bitmap)
    bits.flip(turned)
    assert np.array_equal(turned, other)


def test_a_mask_holds_until_it_is_painted_again(document):
    mask = document.add_mask()
    first, second = box(1, 2, 3, 4), box(10, 10, 5, 5)
    document.paint_mask(mask, 10, first)
    document.paint_mask(mask, 20, second)
    masks = document.masks
    assert (masks.size, masks.frames(mask)) == ((WIDTH, HEIGHT), [10, 20])
    assert masks.held(mask, 9) is None
    assert masks.bitmap(mask, 11) is None
    assert np.array_equal(masks.bitmap(mask, 10), first)
    assert all(np.array_equal(masks.held(mask, frame), first) for frame in (10, 19))
    assert all(np.array_equal(masks.held(mask, frame), second) for frame in (20, 99))
    document.clear_mask(mask, 20)
    assert np.array_equal(masks.held(mask, 99), first)
    document.clear_mask(mask, 20)  # nothing to clear
    document.paint_mask(mask, 30, np.zeros((HEIGHT, WIDTH), dtype=bool))  # nothing from here on
    assert not masks.held(mask, 99).any()
    masks.held(mask, 10)[:] = True  # a copy
    assert np.array_equal(masks.held(mask, 10), first)
    labels = ["Add mask 1", "Paint mask 1", "Paint mask 1", "Clear mask 1", "Paint mask 1"]
    assert document.history_steps() == labels


def test_all_mattes_together(document):
    mask, first, second = document.add_mask("car"), document.add_mask(matte=True), document.add_mask(matte=True)
    assert document.masks.matte(50) is None
    document.paint_mask(mask, 0, box(0, 0, 60, 40))
    document.paint_mask(first, 0, box(0, 0, 5, 5))
    document.paint_mask(second, 10, box(10, 0, 5, 5))
    assert np.array_equal(document.masks.matte(5), box(0, 0, 5, 5))
    assert np.array_equal(document.masks.matte(10), box(0, 0, 5, 5) | box(10, 0, 5, 5))
    document.set_mask(first, matte=False)
    assert document.masks.matte(5) is None
    assert [info.name for info in document.masks.infos] == ["car", "Matte 2", "Matte 3"]


def test_strokes_are_small_and_undone_exactly(document):
    mask = document.add_mask()
    random = np.random.default_rng(0)
    bitmaps = [random.random((HEIGHT, WIDTH)) < 0.5 for _ in range(4)]
    before = []
    for bitmap in bitmaps:
        before.append(snapshot(document))
        document.paint_mask(mask, 3, bitmap)
    for state in reversed(before):
        document.undo()
        assert snapshot(document) == state
    document.go_to(99)
    assert np.array_equal(document.masks.bitmap(mask, 3), bitmaps[-1])
    stroke = bitmaps[-1] ^ box(30, 30, 4, 4)
    document.paint_mask(mask, 3, stroke, label="Erase mask")
    (edit,) = document._keeper.edits(5)
    assert (edit.flipped.width, edit.flipped.height) == (4, 4)
    document.paint_mask(mask, 3, stroke)  # changes nothing
    assert document.history_steps()[-1] == "Erase mask 1"


def test_several_frames_are_one_step(document):
    mask = document.add_mask("car")
    document.paint_masks(mask, {frame: box(frame, 0, 5, 5) for frame in range(10)}, "Import mask")
    assert document.history_steps() == ["Add car", "Import mask car"]
    document.undo()
    assert document.masks.frames(mask) == []


def test_a_mask_comes_with_what_is_painted_on_it_as_one_step(document):
    bitmaps = {frame: box(frame, 0, 5, 5) for frame in range(10)}
    mask = document.add_mask(painted={t: Bits.of(bitmap) for t, bitmap in bitmaps.items()}, label="Import mask")
    assert document.history_steps() == ["Import mask 1"]
    for reopened in (document, Document.open(file_of(document), read_only=True)):
        assert reopened.masks.frames(mask) == list(bitmaps)
        for frame, bitmap in bitmaps.items():
            np.testing.assert_array_equal(reopened.masks.bitmap(mask, frame), bitmap)
    document.undo()
    assert not document.masks.infos
    document.redo()
    assert document.masks.frames(mask) == list(bitmaps)


def test_packed_bitmaps_that_do_not_fit_are_refused(document):
    with pytest.raises(ValueError, match="no mask can be painted on frame 100: there are 100"):
        document.add_mask(painted={100: Bits.of(box(1, 1, 5, 5))})
    with pytest.raises(ValueError, match="the mask of frame 3 does not fit a picture of 64 × 48"):
        document.add_mask(painted={3: Bits.of(np.ones((49, 64), bool))})
    assert document.history_steps() == []


def test_a_deleted_mask_comes_back_with_everything(document):
    first, second = document.add_mask(), document.add_mask("car", matte=True)
    document.paint_mask(first, 3, box(1, 1, 5, 5))
    document.paint_mask(first, 7, box(1, 1, 5, 0))
    document.set_mask(first, name="bus", colour=(1, 2, 3))
    before = snapshot(document)
    document.delete_mask(first)
    assert [info.id for info in document.masks.infos] == [second]
    after = snapshot(document)
    document.undo()
    assert snapshot(document) == before
    document.redo()
    assert snapshot(document) == after
    assert document.add_mask() == 2  # ids are never used again


def test_masks_are_in_the_file(document, tmp_path):
    mask = document.add_mask("car", matte=True)
    document.paint_mask(mask, 3, box(1, 1, 5, 5))
    document.paint_mask(mask, 9, box(7, 1, 5, 5))
    document.clear_mask(mask, 3)
    gone = document.add_mask()
    document.paint_mask(gone, 5, box(1, 1, 1, 1))
    document.delete_mask(gone)
    state = snapshot(document)
    assert snapshot(Document.open(file_of(document), read_only=True)) == state
    assert connection_of(document).execute("SELECT mask, frame, x FROM mask_frame").fetchall() == [(mask, 9, 7)]
    document.save_as(tmp_path / "p.trackwright")
    document.close()
    document = Document.open(tmp_path / "p.trackwright")
    assert snapshot(document) == state
    back, forth = walk_back_and_forth(document)
    assert back == forth
    assert document.add_mask() == 2
    document.close()


def test_a_document_in_memory_takes_its_masks_to_the_file(tmp_path):
    document = Document(20, video_ref(20, WIDTH, HEIGHT))
    document.paint_mask(document.add_mask(), 3, box(1, 1, 5, 5))
    state = snapshot(document)
    document.save_as(tmp_path / "p.trackwright")
    document.close()
    assert snapshot(Document.open(tmp_path / "p.trackwright", read_only=True)) == state


def test_changes_name_the_frames_that_look_different(document):
    changes: list[Change] = []
    document.changed.subscribe(changes.append)
    mask = document.add_mask()
    document.paint_mask(mask, 10, box(1, 1, 5, 5), initiator="canvas")
    document.paint_mask(mask, 4, box(1, 1, 5, 5))
    document.undo()
    document.set_mask(mask, colour=(1, 2, 3))
    document.clear_mask(mask, 10)
    assert {(c.kind, c.ids) for c in changes} == {("masks", (mask,))}
    assert [(c.start, c.end) for c in changes] == [(0, 100), (10, 100), (4, 10), (4, 10), (0, 100), (10, 100)]
    assert changes[1].initiator == "canvas"


def test_bitmaps_that_do_not_fit_are_refused(document):
    mask = document.add_mask()
    with pytest.raises(ValueError, match="a mask of 48 × 64 pixels does not fit a picture of 64 × 48"):
        document.paint_masks(mask, {0: box(1, 1, 5, 5), 1: box(1, 1, 5, 5).T})
    with pytest.raises(ValueError, match="no mask can be painted on frame 100: there are 100"):
        document.paint_mask(mask, 100, box(1, 1, 5, 5))
    with pytest.raises(KeyError):
        document.paint_mask(7, 0, box(1, 1, 5, 5))
    assert document.masks.frames(mask) == []
    assert document.history_steps() == ["Add mask 1"]


@pytest.mark.parametrize("damage", ["bits = x'00'", "width = 3, height = 500"])
def test_damaged_bits_are_told(document, damage):
    document.paint_mask(document.add_mask(), 0, box(1, 1, 5, 5))
    connection_of(document).execute(f"UPDATE mask_frame SET {damage}")
    with pytest.raises(InputError, match="the project file is damaged"):
        Document.open(file_of(document), read_only=True)


def test_no_masks():
    masks = Masks((4, 3))
    assert masks.infos == []
    assert masks.matte(0) is None
    assert 0 not in masks
