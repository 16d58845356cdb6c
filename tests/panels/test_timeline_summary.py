"""What a pixel column keeps of its frames, against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.document.expected_error import ExpectedErrors
from app.panels.timeline.scale import MAX_PIXELS_PER_FRAME, TimeScale
from app.panels.timeline.summary import (
    ANCHOR,
    APPROVED,
    BINS,
    BRIDGE,
    COARSE_FROM,
    IMPORTED,
    INTERPOLATED,
    LEAST_KEPT,
    STATES,
    SURE,
    Block,
    LaneSummaries,
    error_pixels,
)
from tracker.labels.table import Cells, Source, TrackInfo, TrackTable

N_TRACKS = 3


def random_table(n_frames, seed=0):
    rng = np.random.default_rng(seed)
    table = TrackTable(n_frames)
    cells = Cells.empty(n_frames, N_TRACKS)
    cells.state[:] = rng.choice([0, 1, 1, 1, 1, 2, 3], cells.state.shape)
    cells.confidence[:] = rng.random(cells.state.shape)
    cells.source[:] = np.where(rng.random(cells.state.shape) < 0.01, Source.ANCHOR, Source.MODEL)
    cells.approved[:] = rng.random(cells.state.shape) < 0.5
    table.insert([TrackInfo(i, f"Track {i}", (0, 0, 0), (1, 2, 3)) for i in range(N_TRACKS)], cells)
    return table


def random_errors(table, seed=1):
    """A gamma of errors with unknown ones between."""
    rng = np.random.default_rng(seed)
    errors, shape = ExpectedErrors(table), (table.n_frames, table.n_tracks)
    errors.write(table.ids, 0, np.where(rng.random(shape) < 0.1, np.nan, rng.gamma(1, 3, shape)))
    return errors


def block_of(table, errors=None):
    return Block(table, errors, tuple(table.ids.tolist()), 0)


@pytest.mark.parametrize("frames_per_pixel", [1.0, 1.7, 9.3, 31.9, 71.0, 333.3])
def test_a_column_has_every_state_and_the_least_confidence_of_its_frames(frames_per_pixel):
    table = random_table(9000)
    block = block_of(table, random_errors(table))
    width = int(9000 / frames_per_pixel)
    found = LaneSummaries().pixels(block, 0, width, 1 / frames_per_pixel)
    cells = block.summarise(0, 9000)
    # Coarse values may put a frame one bin aside.
    slack = max([1, *(size for size in BINS if frames_per_pixel >= COARSE_FROM * size)])
    for x in range(width):
        start, end = int(x * frames_per_pixel), int((x + 1) * frames_per_pixel)
        inner = np.bitwise_or.reduce(cells.bits[start + slack : end - slack], axis=0) if end - start > 2 * slack else 0
        outer = np.bitwise_or.reduce(cells.bits[max(0, start - slack) : end + slack], axis=0)
        assert ((found.bits[x] & inner) == inner).all()
        assert ((found.bits[x] & outer) == found.bits[x]).all()
        assert (found.error[x] <= cells.error[max(0, start - slack) : end + slack].max(axis=0)).all()
    assert np.bitwise_or.reduce(found.bits, axis=0).tolist() == np.bitwise_or.reduce(cells.bits, axis=0).tolist()
    assert (found.confidence.min(axis=0) == cells.confidence.min(axis=0)).all()
    assert (found.error.max(axis=0) == cells.error.max(axis=0)).all()


@settings(max_examples=60, deadline=None)
@given(
    frame=st.integers(0, 4999),
    pixels_per_frame=st.floats(0.004, MAX_PIXELS_PER_FRAME),
    state=st.sampled_from([0, 2, 3]),
    error=st.floats(0.5, 60_000),
)
def test_no_zoom_loses_an_odd_frame(frame, pixels_per_frame, state, error):
    table = TrackTable(5000)
    cells = Cells.empty(5000, 1)
    cells.state[:] = 1
    cells.state[frame] = state
    table.insert([TrackInfo(7, "one", (0, 0, 0), (1, 2, 3))], cells)
    x = int(frame * pixels_per_frame)
    errors = ExpectedErrors(table)
    errors.write([7], frame, np.array([[error]]))
    found = LaneSummaries().pixels(block_of(table, errors), x - 50, x + 50 + int(pixels_per_frame), pixels_per_frame)
    assert ((found.bits & STATES) & (1 << state)).any()
    assert error_pixels(found.error).max() == np.float16(error)


def test_coarse_values_follow_changes_and_only_there():
    table, summaries = random_table(40_000), LaneSummaries()
    args = (block_of(table), 0, 400, 0.01)
    before = summaries.pixels(*args)
    table.rows("state")[20_005, 1] = 0
    table.rows("confidence")[:] = 0.0  # seen only where the values are made anew
    assert (summaries.pixels(*args).bits == before.bits).all()
    summaries.invalidate([1], 20_005, 20_006)
    after = summaries.pixels(*args)
    assert after.bits[200, 1] & 1
    changed = np.flatnonzero((after.confidence != before.confidence).any(axis=1))
    assert changed.min() >= 160
    assert changed.max() <= 250
    summaries.invalidate([99], 0, 40_000)
    assert (summaries.pixels(*args).confidence == after.confidence).all()


def test_new_errors_leave_the_states_as_they_are_known():
    table, summaries = random_table(9000), LaneSummaries()
    errors = random_errors(table)
    args = (block_of(table, errors), 0, 90, 0.01)
    before = summaries.pixels(*args)
    table.rows("state")[:] = 0  # seen only where the states are read again
    errors.write([1], 5000, np.array([[900.0]]))
    summaries.invalidate([1], 5000, 5001, "errors")
    after = summaries.pixels(*args)
    assert (after.bits == before.bits).all()
    assert np.flatnonzero((after.error != before.error).any(axis=1)).tolist() == [50]
    assert error_pixels(after.error)[50, 1] == 900


def test_sources_and_approval_are_kept_apart():
    table = random_table(100)
    table.rows("state")[:], table.rows("source")[:], table.rows("approved")[:] = 1, Source.MODEL, False
    table.rows("source")[10, 0], table.rows("source")[50, 1] = Source.BRIDGE, Source.INTERPOLATED
    table.rows("source")[99, 2], table.rows("approved")[77, 2] = Source.IMPORTED, True
    found = LaneSummaries().pixels(block_of(table), 0, 2, 0.02).bits
    assert (found & (BRIDGE | INTERPOLATED | IMPORTED)).tolist() == [[BRIDGE, 0, 0], [0, INTERPOLATED, IMPORTED]]
    assert ((found & APPROVED) != 0).tolist() == [[False] * 3, [False, False, True]]


def test_what_is_kept_of_a_long_video_is_bounded(monkeypatch):
    table, summaries = TrackTable(20_000), LaneSummaries()
    ids = range(2 * LEAST_KEPT)
    table.insert([TrackInfo(i, "", (0, 0, 0), (1, 2, 3)) for i in ids], Cells.empty(20_000, len(ids)))
    monkeypatch.setattr("app.panels.timeline.summary.KEPT_BYTES", 0)
    for i in ids:
        summaries.pixels(Block(table, None, (i,), i), 0, 200, 0.01)
    assert summaries.nbytes == LEAST_KEPT * 5 * sum(20_000 // size for size in BINS)


def test_a_flagged_stretch_has_one_mark_and_placed_points_one_each():
    table = TrackTable(30)
    cells = Cells.empty(30, 1)
    cells.state[:], cells.source[:] = 1, Source.MODEL
    cells.state[10:20], cells.source[10:20] = 3, Source.ANCHOR
    cells.source[22:25] = Source.ANCHOR
    table.insert([TrackInfo(0, "one", (0, 0, 0), (1, 2, 3))], cells)
    whole = block_of(table).summarise(0, 30)
    assert np.flatnonzero(whole.bits[:, 0] & ANCHOR).tolist() == [10, 22, 23, 24]
    part = block_of(table).summarise(12, 23)
    assert np.flatnonzero(part.bits[:, 0] & ANCHOR).tolist() == [10]


def test_an_anchor_has_no_confidence_and_hides_none():
    table = random_table(50)
    table.rows("confidence")[5, 0] = np.nan
    table.rows("state")[5, 0] = 1
    assert block_of(table).summarise(5, 6).confidence[0, 0] == SURE


@settings(max_examples=200, deadline=None)
@given(
    frame_count=st.integers(1, 200_000),
    width=st.integers(50, 4000),
    zoom=st.floats(1, 3000),
    at=st.floats(0, 1),
    frame=st.integers(0, 200_000),
)
def test_pixel_and_frame_are_each_others_inverse(frame_count, width, zoom, at, frame):
    scale = TimeScale(frame_count, width)
    scale.fit()
    scale.zoom_to(scale.pixels_per_frame * zoom, at * width)
    frame = min(frame, frame_count - 1)
    assert scale.frame_at(scale.centre_of(frame)) == frame
    assert 0 <= scale.offset <= scale.max_offset


@pytest.mark.parametrize("pixels_per_frame", [0.002, 0.013, 0.5, 1.0, 7.0, 40.0])
def test_numbers_of_the_ruler_keep_their_distance(pixels_per_frame):
    scale = TimeScale(1_000_000, 1000, pixels_per_frame)
    step = scale.tick_step()
    assert step * pixels_per_frame >= 70 or step == 1
    assert str(step).strip("0") in ("1", "2", "5")
    assert step % scale.minor_step(step) == 0
