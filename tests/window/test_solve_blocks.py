"""A solve kept up to date piece by piece says the same as one made at once."""

import numpy as np
import pytest

from app.solve_blocks import LEAST_FRAMES, SolveBlocks
from tracker.inference.solves import solve_motion
from tracker.labels.table import Cells, Source, State, TrackInfo, TrackTable

FRAMES = 5 * LEAST_FRAMES + 7
IDS = (0, 1, 2, 3, 4, 5)


@pytest.fixture
def table() -> TrackTable:
    """Tracks that move by a known drift, with noise, and now and then unseen."""
    rng = np.random.default_rng(4)
    cells = Cells.empty(FRAMES, len(IDS))
    drift = np.cumsum(rng.normal(0, 1, (FRAMES, 1, 2)), axis=0)
    cells.xy[:] = rng.uniform(50, 400, (1, len(IDS), 2)) + drift + rng.normal(0, 0.3, cells.xy.shape)
    cells.state[:] = np.where(rng.random(cells.state.shape) < 0.95, State.VISIBLE, State.OCCLUDED)
    cells.state[3] = State.VISIBLE
    cells.source[:] = Source.MODEL
    table = TrackTable(FRAMES)
    table.insert([TrackInfo(i, f"Track {i}", (0, 0.0, 0.0), (0, 0, 0)) for i in IDS], cells)
    return table


@pytest.fixture
def blocks(table: TrackTable, monkeypatch: pytest.MonkeyPatch) -> SolveBlocks:
    monkeypatch.setattr("app.solve_blocks.CELLS_AT_ONCE", 1)
    return SolveBlocks(table, IDS, 3, "similarity", True)


def work(blocks: SolveBlocks, frame: int = 0) -> list[int]:
    """Fit what is out of date; gives the blocks in that order."""
    done = []
    while (block := blocks.next_block(frame)) is not None:
        piece = blocks.piece(block)
        blocks.take(block, piece, piece.fit())
        done.append(block)
    return done


def assert_up_to_date(blocks: SolveBlocks, table: TrackTable) -> None:
    xy, usable = table.xy.copy(), table.state == State.VISIBLE
    whole = solve_motion(xy, usable, 3, "similarity")
    found = blocks.report()
    mean, largest = whole.frame_errors()
    assert found.known.all()
    assert np.allclose(found.frame_mean, mean, atol=1e-4, equal_nan=True)
    assert np.allclose(found.frame_max, largest, atol=1e-4, equal_nan=True)
    assert (found.carrying == whole.inliers.sum(axis=0)).all()
    track_mean, track_max, worst = whole.track_errors()
    assert np.allclose(found.track_mean, track_mean, atol=1e-4)
    assert np.allclose(found.track_max, track_max, atol=1e-4)
    assert (found.track_worst == worst).all()
    for frame in (0, 3, 70, FRAMES - 1):
        matrix, expected = blocks.matrix(frame), whole.matrix(frame)
        assert (matrix is None) == (expected is None)
        if matrix is not None and expected is not None:
            assert np.allclose(matrix, expected)


def test_pieces_make_the_whole(blocks: SolveBlocks, table: TrackTable) -> None:
    assert work(blocks, frame=3 * LEAST_FRAMES + 1) == [3, 2, 4, 1, 5, 0]
    assert_up_to_date(blocks, table)


def test_only_what_changed_is_fitted_again(blocks: SolveBlocks, table: TrackTable) -> None:
    work(blocks)
    table.rows("xy")[100:102, 2] += 30
    blocks.changed(100, 102)
    assert not blocks.report().known[100]
    assert work(blocks) == [1]
    assert_up_to_date(blocks, table)
    assert blocks.report().track_worst[2] in (100, 101)


def test_the_reference_frame_concerns_all(blocks: SolveBlocks, table: TrackTable) -> None:
    work(blocks)
    table.rows("xy")[3, 0] += 2
    blocks.changed(3, 4)
    assert len(work(blocks)) == 6
    assert_up_to_date(blocks, table)


def test_the_shown_frame_does_not_wait(blocks: SolveBlocks, table: TrackTable) -> None:
    work(blocks)
    before = blocks.matrix(200)
    table.rows("xy")[200] += 5
    blocks.changed(200, 201)
    after = blocks.matrix(200)
    assert before is not None
    assert after is not None
    assert not np.allclose(before, after)
    assert blocks.report().known[200]
    assert not blocks.dirty.isdisjoint({200 // LEAST_FRAMES})


def test_a_piece_that_changed_meanwhile_is_not_taken(blocks: SolveBlocks, table: TrackTable) -> None:
    piece = blocks.piece(0)
    solve = piece.fit()
    table.rows("xy")[10, 1] += 50
    blocks.changed(10, 11)
    blocks.take(0, piece, solve)
    assert 0 in blocks.dirty
    assert not blocks.report().known[10]
    work(blocks)
    assert_up_to_date(blocks, table)


def test_frames_outside_of_the_video_have_no_matrix(blocks: SolveBlocks) -> None:
    assert blocks.matrix(-1) is None
    assert blocks.matrix(FRAMES) is None
