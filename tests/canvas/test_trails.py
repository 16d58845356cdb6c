"""The layer of trails: drawn on step by step, it shows what it would show drawn anew."""

import numpy as np
import pytest

from app.canvas.appearance import Appearance
from app.canvas.mapping import Mapping
from app.canvas.trails import FINE_AT_ONCE, TrailLayer
from app.document.view_state import ViewState
from tracker.labels.table import Cells, Source, State, TrackInfo, TrackTable

SIZE = (200, 150)
PLAIN = Mapping(1.0, 0.5, 0.5)


def table_of(xy: np.ndarray, confidence: float = 1.0) -> TrackTable:
    """A table of visible tracks from (T, N, 2)."""
    frames, count = xy.shape[:2]
    cells = Cells.empty(frames, count)
    cells.xy[:] = xy
    cells.state[:] = State.VISIBLE
    cells.source[:] = Source.MODEL
    cells.visibility[:], cells.confidence[:] = 1.0, confidence
    table = TrackTable(frames)
    table.insert([TrackInfo(k, str(k), (0.0, 0.0, 0.0), (200, 50, 50)) for k in range(count)], cells)
    return table


def layer_of(table: TrackTable, length: int = 30) -> tuple[TrailLayer, ViewState]:
    view = ViewState()
    view.trail_length = length
    return TrailLayer(table, view, Appearance(table, view)), view


def walks(frames: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    start = rng.random((1, count, 2)) * (160, 110) + 20
    heading = rng.normal(0, 1.5, (1, count, 2))
    return start + np.arange(frames)[:, None, None] * heading * 0.5 + rng.normal(0, 0.4, (frames, count, 2))


def test_step_by_step_is_close_to_drawn_anew() -> None:
    table = table_of(walks(60, 12))
    stepped, _ = layer_of(table)
    for frame in range(60):
        stepped.update(frame, PLAIN, SIZE)
    anew, _ = layer_of(table)
    anew.update(59, PLAIN, SIZE)
    difference = np.abs(stepped.buffer.astype(int) - anew.buffer)
    assert anew.buffer.max() > 200
    # Bands of age instead of single steps, and the rounding of each fading, cost some levels of 255.
    assert difference.mean() < 0.02 * 255
    shown = anew.buffer[..., 3] > 60
    assert np.percentile(difference[shown], 95) < 45


def test_skipped_frames_are_caught_up() -> None:
    table = table_of(walks(60, 5))
    every, some = layer_of(table)[0], layer_of(table)[0]
    for frame in range(40):
        every.update(frame, PLAIN, SIZE)
    for frame in range(0, 40, 3):
        some.update(frame, PLAIN, SIZE)
    assert np.array_equal(every.buffer, some.buffer)


def test_the_trail_ends_at_the_frame_and_has_its_length() -> None:
    xy = np.zeros((100, 1, 2))
    xy[:, 0, 0], xy[:, 0, 1] = np.arange(100) * 1.5 + 10, 75
    layer, _ = layer_of(table_of(xy), length=20)
    layer.update(60, PLAIN, SIZE)
    columns = np.flatnonzero(layer.buffer[75, :, 3] > 0)
    assert columns.max() == pytest.approx(10 + 60 * 1.5, abs=2)
    assert columns.min() == pytest.approx(10 + 40 * 1.5, abs=2)
    alpha = layer.buffer[75, columns.min() : columns.max(), 3].astype(int)
    assert alpha[-3] > 200
    assert alpha[3] < 60


def test_old_trails_fade_to_nothing() -> None:
    xy = np.zeros((300, 1, 2))
    xy[:, 0] = 75
    xy[:20, 0, 0] = np.arange(20) * 4
    layer, _ = layer_of(table_of(xy), length=20)
    for frame in range(300):
        layer.update(frame, PLAIN, SIZE)
    far = layer.buffer[:, :70]
    assert not far.any()


def test_no_line_joins_what_is_not_known() -> None:
    xy = np.zeros((50, 2, 2))
    xy[:, 0, 0], xy[:, 0, 1] = np.arange(50) * 3, 40
    xy[:, 1, 0], xy[:, 1, 1] = np.arange(50) * 3, 100
    table = table_of(xy)
    cells = table.read([0], 20, 30)
    cells.state[:], cells.xy[:] = State.OUT_OF_VIEW, np.nan
    table.write([0], 20, cells)
    for stepwise in (False, True):
        layer, _ = layer_of(table, length=45)
        for frame in range(48) if stepwise else (47,):
            layer.update(frame, PLAIN, SIZE)
        assert not layer.buffer[35:45, 63:84, 3].any()
        assert layer.buffer[40, 45, 3] > 0
        assert layer.buffer[40, 100, 3] > 0
        assert layer.buffer[100, 75, 3] > 0


def test_a_step_back_a_zoom_and_an_edit_draw_anew() -> None:
    table = table_of(walks(60, 5))
    layer, _ = layer_of(table)
    layer.update(40, PLAIN, SIZE)
    first = layer.buffer.copy()
    layer.update(39, PLAIN, SIZE)
    layer.update(40, Mapping(2.0, 0, 0), SIZE)
    assert not np.array_equal(layer.buffer, first)
    layer.update(40, PLAIN, SIZE)
    assert np.array_equal(layer.buffer, first)
    table.rows("xy")[35, 0] += 30
    layer.invalidate()
    layer.update(40, PLAIN, SIZE)
    assert not np.array_equal(layer.buffer, first)


def test_many_segments_are_quick_first_and_fine_when_asked() -> None:
    table = table_of(walks(60, FINE_AT_ONCE // 50))
    layer, _ = layer_of(table, length=60)
    layer.update(59, PLAIN, SIZE)
    was_coarse = layer.coarse
    quick = layer.buffer.copy()
    layer.update(59, PLAIN, SIZE, fine=True)
    assert (was_coarse, layer.coarse) == (True, False)
    assert not np.array_equal(layer.buffer, quick)


def test_hidden_tracks_have_no_trails() -> None:
    table = table_of(walks(60, 5))
    layer, view = layer_of(table)
    view.selection, view.hide_others = (2,), True
    assert layer.update(40, PLAIN, SIZE)
    alone, _ = layer_of(table_of(walks(60, 5)[:, 2:3]))
    alone.update(40, PLAIN, SIZE)
    assert np.array_equal(layer.buffer, alone.buffer)


def test_trails_have_the_colour_of_their_confidence() -> None:
    colours = []
    for confidence in (0.05, 0.95):
        layer, _ = layer_of(table_of(walks(30, 3), confidence))
        layer.update(29, PLAIN, SIZE)
        colours.append(layer.buffer[layer.buffer[..., 3] > 150][:, :3].mean(axis=0))
    assert np.abs(colours[0] - colours[1]).max() > 60
