"""Garbage mattes: where points may be sampled, and which tracks have come inside."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from app.document import mattes
from app.document.mattes import sampling_area, spans_in_matte, tracks_in_matte
from app.document.project import Document
from app.document.video_ref import VideoRef
from tracker.labels.table import Cells, Source, State

FRAMES, WIDTH, HEIGHT = 30, 64, 48
LEFT, TOP = np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH), bool)
LEFT[:, :32], TOP[:24] = True, True


@pytest.fixture
def document() -> Document:
    pts = np.arange(FRAMES, dtype=np.int64)
    return Document(FRAMES, VideoRef("/clips/street.mp4", FRAMES, WIDTH, HEIGHT, Fraction(25), Fraction(1, 25), pts))


def add_mask(document: Document, painted: dict[int, np.ndarray], matte: bool) -> int:
    mask = document.add_mask(matte=matte)
    document.paint_masks(mask, painted)
    return mask


def add_tracks(document: Document, paths: np.ndarray) -> list[int]:
    """Model-made tracks along (K, T, 2)."""
    ids = document.add_tracks([[0, 1, 1]] * len(paths))
    cells = Cells.empty(FRAMES, len(paths))
    cells.xy[:] = paths.swapaxes(0, 1)
    cells.state[:], cells.source[:] = State.VISIBLE, Source.MODEL
    document.table.write(ids, 0, cells)
    return ids


class TestSamplingArea:
    def test_is_the_whole_picture_without_masks(self, document: Document) -> None:
        assert sampling_area(document, 0) is None

    def test_is_the_held_mask_without_the_mattes(self, document: Document) -> None:
        mask = add_mask(document, {2: LEFT}, matte=False)
        add_mask(document, {5: TOP}, matte=True)
        np.testing.assert_array_equal(sampling_area(document, 4, mask), LEFT)
        np.testing.assert_array_equal(sampling_area(document, 5, mask), LEFT & ~TOP)
        np.testing.assert_array_equal(sampling_area(document, 5), ~TOP)
        assert sampling_area(document, 4) is None

    def test_is_empty_before_the_mask_was_painted_and_inside_a_matte(self, document: Document) -> None:
        mask = add_mask(document, {2: LEFT}, matte=False)
        matte = add_mask(document, {0: TOP}, matte=True)
        for frame, inside in ((1, mask), (3, matte)):
            area = sampling_area(document, frame, inside)
            assert area is not None
            assert not area.any()

    def test_needs_a_mask_that_is_there(self, document: Document) -> None:
        with pytest.raises(KeyError):
            sampling_area(document, 0, 9)


class TestTracksInMatte:
    def test_finds_the_first_frame_inside(self, document: Document) -> None:
        add_mask(document, {4: LEFT, 12: ~LEFT, 20: LEFT}, matte=True)
        add_mask(document, {0: np.ones((HEIGHT, WIDTH), bool)}, matte=False)
        paths = np.empty((4, FRAMES, 2), np.float32)
        paths[0] = (10, 10)  # left all the time
        paths[1] = (50, 10)  # right all the time
        paths[2] = np.stack([np.linspace(60, 2, FRAMES), np.full(FRAMES, 30)], axis=1)
        paths[3] = (-20, 10)  # outside of the picture
        ids = add_tracks(document, paths)
        x = paths[2, :, 0].round().astype(int)
        matte = [None if t < 4 else LEFT if t < 12 or t >= 20 else ~LEFT for t in range(FRAMES)]
        expected = next(t for t in range(FRAMES) if (m := matte[t]) is not None and m[30, x[t]])
        assert tracks_in_matte(document, ids) == {ids[0]: 4, ids[1]: 12, ids[2]: expected}
        assert tracks_in_matte(document, [ids[1], 999]) == {ids[1]: 12}

    def test_agrees_with_looking_at_every_frame(self, document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mattes, "AT_ONCE", 4)
        random = np.random.default_rng(5)
        for _ in range(2):
            frames = random.choice(FRAMES, 4, replace=False).tolist()
            add_mask(document, {t: random.random((HEIGHT, WIDTH)) < 0.03 for t in frames}, matte=True)
        paths = random.uniform(-5, 70, (12, FRAMES, 2)).astype(np.float32)
        paths[random.random((12, FRAMES)) < 0.3] = np.nan
        ids = add_tracks(document, paths)
        expected: dict[int, int] = {}
        for track, path in zip(ids, paths, strict=True):
            for frame, (x, y) in enumerate(path.tolist()):
                matte = document.masks.matte(frame)
                if matte is None or not np.isfinite(x + y) or track in expected:
                    continue
                column, row = round(x), round(y)
                if 0 <= column < WIDTH and 0 <= row < HEIGHT and matte[row, column]:
                    expected[track] = frame
        assert expected
        assert tracks_in_matte(document, ids) == expected

    def test_without_mattes_nothing_is_inside(self, document: Document) -> None:
        ids = add_tracks(document, np.full((2, FRAMES, 2), 10, np.float32))
        mask = add_mask(document, {0: LEFT}, matte=False)
        assert tracks_in_matte(document, ids) == {}
        document.set_mask(mask, matte=True)
        assert tracks_in_matte(document, ids) == dict.fromkeys(ids, 0)


class TestSpansInMatte:
    def test_agree_with_looking_at_every_frame(self, document: Document, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mattes, "AT_ONCE", 4)
        random = np.random.default_rng(6)
        matte = random.random((HEIGHT, WIDTH)) < 0.6
        add_mask(document, {3: matte, 17: ~matte}, matte=True)
        paths = random.uniform(-5, 70, (8, FRAMES, 2)).astype(np.float32)
        paths[random.random((8, FRAMES)) < 0.2] = np.nan
        paths[:2] = 20
        ids = add_tracks(document, paths)
        document.set_state(ids[:1], 5, 9, State.OUT_OF_VIEW)
        document.approve(ids[1:2], 0, 6)
        spans = spans_in_matte(document, ids)
        for track, path in zip(ids, paths, strict=True):
            told = {t for start, end in spans.get(track, []) for t in range(start, end)}
            cells = document.table.read([track], 0, FRAMES)
            expected = set()
            for t in np.flatnonzero(np.isfinite(path).all(axis=1)).tolist():
                column, row = np.rint(path[t]).astype(int).tolist()
                now = document.masks.matte(t)
                inside = now is not None and 0 <= column < WIDTH and 0 <= row < HEIGHT and now[row, column]
                kept = cells.source[t, 0] == Source.ANCHOR or cells.approved[t, 0]
                if inside and not kept:
                    expected.add(t)
            assert told == expected
        assert sum(len(several) for several in spans.values()) > 10
        assert all(a[1] < b[0] for several in spans.values() for a, b in pairwise(several)), "neighbours are joined"

    def test_become_occluded_in_one_step(self, document: Document) -> None:
        add_mask(document, {4: LEFT, 12: ~LEFT, 20: LEFT}, matte=True)
        ids = add_tracks(document, np.full((3, FRAMES, 2), 10, np.float32))
        document.set_locked(ids[2:], True)
        before, steps = document.table.read(ids, 0, FRAMES), document.history_position
        spans = spans_in_matte(document, ids)
        assert spans == {i: [(4, 12), (20, FRAMES)] for i in ids}
        refusals: list[str] = []
        document.refused.subscribe(refusals.append)
        document.flag_spans(spans, State.OCCLUDED)
        assert len(refusals) == 1
        assert document.history_steps()[steps:] == ["Occluded 2 tracks"]
        inside = np.zeros((FRAMES, 3), bool)
        inside[4:12, :2] = inside[20:, :2] = True
        after = document.table.read(ids, 0, FRAMES)
        np.testing.assert_array_equal(after.state == State.OCCLUDED, inside)
        np.testing.assert_array_equal(after.xy, before.xy)
        assert spans_in_matte(document, ids[:2]) == {}
        document.undo()
        np.testing.assert_array_equal(document.table.read(ids, 0, FRAMES).state, before.state)
