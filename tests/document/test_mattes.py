"""Garbage mattes: where points may be sampled, and which tracks have come inside."""

from fractions import Fraction

import numpy as np
import pytest

from app.document import mattes
from app.document.mattes import sampling_area, tracks_in_matte
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
