"""Signals, expected errors and suspects on made tracks whose faults are known."""

from dataclasses import replace

import numpy as np
import pytest

from tracker.files import InputError
from tracker.inference.error_model import (
    ErrorModel,
    Examples,
    Judgement,
    TrackerErrors,
    isotonic,
    ridge_with_floor,
)
from tracker.inference.neighbour_motion import LEAST
from tracker.inference.signals import NEAR, SIGNALS, Signals, measure_signals, nearest_anchor, pixel_scale
from tracker.inference.suspicion import REASONS, find_suspects, usual_threshold
from tracker.labels.table import Cells, Source, State

SIZE = (256, 256)
FRAMES, TRACKS = 40, 40


def moving_together(frames: int = FRAMES, tracks: int = TRACKS, scale: float = 1.0) -> Cells:
    """Points on something that shifts, turns and grows; anchored on frame 0, surely seen."""
    start = np.random.default_rng(5).uniform(60, 200, (tracks, 2)) - 128
    angle, growth = 0.005 * np.arange(frames), 1 + 0.002 * np.arange(frames)
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(-1, 2, 2)
    cells = Cells.empty(frames, tracks)
    cells.xy[:] = growth[:, None, None] * np.einsum("fij,kj->fki", turn, start) + 128
    cells.xy[..., 0] += 0.7 * np.arange(frames)[:, None]
    cells.xy[:] *= scale
    cells.state[:], cells.source[:] = State.VISIBLE, Source.MODEL
    cells.visibility[:] = cells.confidence[:] = 0.99
    cells.disagreement[:], cells.patch_change[:] = 0.1, 0.05
    cells.source[0] = Source.ANCHOR
    return cells


def test_points_that_move_as_one_leave_no_residual():
    signals = measure_signals(moving_together(), SIZE)
    assert np.isnan(signals["neighbours"][0]).all()
    assert np.nanpercentile(signals["neighbours"], 95) < 0.5
    assert np.nanmax(signals["jump"]) < 0.2


def test_a_point_that_is_dragged_away_leaves_its_neighbours():
    cells = moving_together()
    cells.xy[20:, 3] += np.linspace(0, 20, 20)[:, None]
    signals = measure_signals(cells, SIZE)
    assert signals["neighbours"][39, 3] == pytest.approx(20 * 2**0.5, abs=1)
    others = np.delete(signals["neighbours"], 3, axis=1)
    assert np.nanpercentile(others, 95) < 0.8  # those for whom it is one of eight neighbours


@pytest.mark.parametrize(("tracks", "known"), [(1, False), (5, False), (LEAST, False), (LEAST + 1, True)])
def test_few_tracks_are_held_against_nobody(tracks, known):
    cells = moving_together(tracks=tracks)
    cells.xy[:] = 128 + (cells.xy - 128) / 4  # all within reach
    told = np.isfinite(measure_signals(cells, SIZE)["neighbours"])
    assert not told[0].any()
    assert (told[1:] == known).all()


def test_what_is_far_away_is_no_neighbour():
    cells = moving_together(tracks=2 * LEAST)
    cells.xy[:] = 40 + (cells.xy - 128) / 8
    cells.xy[:, LEAST:, 0] += NEAR + 30  # two heaps of six: five neighbours each
    assert np.isnan(measure_signals(cells, SIZE)["neighbours"]).all()
    cells.xy[:, LEAST:, 0] -= NEAR
    assert np.isfinite(measure_signals(cells, SIZE)["neighbours"][1:]).all()


def test_neighbours_that_part_among_themselves_say_little_of_a_point():
    def left_behind(parting: float) -> float:
        """What is said of a point that stays where it is, while eight around it go 12 pixels off, more or less."""
        cells = moving_together(frames=2, tracks=9)
        around = np.arange(8) * np.pi / 4
        cells.xy[:] = 128 + np.append(20 * np.stack([np.cos(around), np.sin(around)], -1), [[0, 0]], axis=0)
        cells.xy[1, :8, 0] += 12 + parting * np.array([1, -1, -1, 1, 1, -1, -1, 1])  # no affine map does that
        return float(measure_signals(cells, SIZE)["neighbours"][1, 8])

    assert left_behind(0) == pytest.approx(12, abs=0.1)
    assert left_behind(4) == pytest.approx(12 - 4, abs=1.5)
    assert left_behind(16) == 0


def test_signals_are_the_same_at_every_resolution():
    near = measure_signals(moving_together(), SIZE)
    far = measure_signals(moving_together(scale=4), (1024, 1024))
    assert far.scale == pytest.approx(4 * near.scale)
    for name in ("neighbours", "jump"):
        np.testing.assert_allclose(near[name], far[name], rtol=1e-3, atol=1e-3)
    assert pixel_scale((512, 128)) == 1
    assert [usual_threshold(size) for size in ((256, 256), (1920, 1080), (8, 8))] == [2.0, 11.0, 0.5]


def test_the_nearest_anchor_counts_in_both_directions():
    certain = np.zeros((10, 2), bool)
    certain[[2, 8], 0] = True
    assert nearest_anchor(certain)[:, 0].tolist() == [2, 2, 2, 2, 2, 2, 8, 8, 8, 8]
    assert (nearest_anchor(certain)[:, 1] == -1).all()


def test_doubt_on_the_way_is_remembered_until_the_next_anchor():
    cells = moving_together()
    cells.visibility[5, 0] = 0.1
    cells.source[20, 0] = Source.ANCHOR
    past = measure_signals(cells, SIZE)["past_uncertainty"][:, 0]
    assert past[4] < 0.05
    assert (past[5:10] > 0.85).all()  # up to half of the way to the next anchor
    assert (past[11:] < 0.05).all()


def test_flicker_counts_the_changes_around_a_frame():
    cells = moving_together()
    cells.state[10, 2] = State.OCCLUDED
    flicker = measure_signals(cells, SIZE)["flicker"][:, 2]
    assert flicker[10] == 2
    assert flicker[30] == 0


def test_what_is_not_there_is_not_judged():
    cells = moving_together(tracks=5)
    cells.state[7, 1], cells.xy[7, 1] = State.UNLABELLED, np.nan
    cells.state[8, 1] = State.OUT_OF_VIEW
    cells.approved[9, 1] = True
    errors = ErrorModel.shipped().predict(measure_signals(cells, SIZE))
    assert np.isnan(errors[7:9, 1]).all()
    assert errors[9, 1] == 0
    assert (errors[0] == 0).all()
    assert (errors[10:] > 0).all()
    assert errors.dtype == np.float32


def test_right_tracks_are_no_suspects_however_few_and_whatever_way_they_go():
    cells = moving_together(tracks=5)
    cells.xy[..., 0] += np.outer(np.arange(FRAMES), (0, 1.5, -1.2, 0.8, -2))
    cells.confidence[:], cells.patch_change[:] = 0.8, 0.15
    model = ErrorModel.shipped()
    signals = measure_signals(cells, SIZE)
    errors = model.predict(signals)
    assert errors.max() < usual_threshold(SIZE)
    assert find_suspects(errors, signals, cells, range(5), usual_threshold(SIZE), model=model) == []


def test_a_wrong_track_among_few_is_found_and_neighbours_are_no_reason():
    cells = moving_together(tracks=4)
    cells.confidence[25:, 2], cells.patch_change[25:, 2] = 0.2, 1.1
    model = ErrorModel.shipped()
    signals = measure_signals(cells, SIZE)
    found = find_suspects(model.predict(signals), signals, cells, range(4), usual_threshold(SIZE), model=model)
    assert [(s.track_id, s.start, s.end) for s in found] == [(2, 25, FRAMES)]
    assert found[0].reasons[0] == "patch_change"
    assert "neighbours" not in found[0].reasons


@pytest.mark.parametrize("kind", ["network", "lucas_kanade"])
@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("name", SIGNALS)
def test_more_of_a_signal_never_makes_a_cell_better(name, alone, kind):
    values = np.tile(measure_signals(moving_together(), SIZE).values[:, 20, 0], (30, 1))
    if alone:
        values[:, SIGNALS.index("neighbours")] = np.nan
    values[:, SIGNALS.index(name)] = np.linspace(0, 1, 30)
    errors = getattr(ErrorModel.shipped(), kind).errors(values)
    assert (np.diff(errors) >= 0).all()
    assert np.isfinite(errors).all()


def test_what_is_worse_than_all_examples_is_still_told_apart():
    values = np.tile(measure_signals(moving_together(), SIZE).values[:, 20, 0], (4, 1))
    values[:, SIGNALS.index("patch_change")] = 1.2
    values[:, SIGNALS.index("neighbours")] = (100, 200, 400, 800)
    errors = ErrorModel.shipped().network.errors(values)
    assert (np.diff(errors) > 0).all()
    assert errors[-1] < 1.2 * errors[0]


def test_pooling_gives_the_nearest_rising_sequence():
    values = np.array([1.0, 3, 2, 2, 5, 4])
    np.testing.assert_allclose(isotonic(values, np.ones(6)), [1, 7 / 3, 7 / 3, 7 / 3, 4.5, 4.5])
    np.testing.assert_allclose(isotonic(np.array([2.0, 1]), np.array([3.0, 1])), [1.75, 1.75])


def test_the_floor_holds_only_where_it_is_asked_for():
    random = np.random.default_rng(0)
    columns = np.column_stack([random.normal(size=(500, 2)), np.ones(500)])
    target = columns @ [-2.0, -2.0, 1.0]
    found = ridge_with_floor(columns, target, np.full(500, 1 / 500), np.array([True, False, False]))
    assert found[0] == 0
    assert found[1] == pytest.approx(-2, abs=0.2)


def made_examples(count: int = 4000) -> Examples:
    """Errors that follow from two of the signals, a third of one of them unknown."""
    random = np.random.default_rng(1)
    signals = np.abs(random.normal(size=(count, len(SIGNALS)))).astype(np.float32)
    signals[:, [0, 1]] = random.uniform(0, 1, (count, 2))
    logs = 0.8 * np.log1p(signals[:, SIGNALS.index("neighbours")]) + 0.5 * signals[
        :, SIGNALS.index("patch_change")
    ].clip(0, 1.2)
    error = np.expm1(np.maximum(0, logs + 0.1 * random.normal(size=count))).astype(np.float32)
    signals[random.random(count) < 0.3, SIGNALS.index("disagreement")] = np.nan
    return Examples(signals, error, np.ones(count, np.float32))


def test_what_is_learned_says_how_far_cells_are_off():
    examples = made_examples()
    model = TrackerErrors.learned(examples)
    said = model.errors(examples.signals)
    for low, high in ((0.3, 0.6), (0.6, 1.0), (1.0, 1.5)):
        among = (said > low) & (said < high)
        assert among.sum() > 50
        assert np.median(examples.error[among]) == pytest.approx(said[among].mean(), rel=0.15)


def test_cells_without_neighbours_have_a_sum_of_their_own():
    examples = made_examples()
    model = TrackerErrors.learned(examples)
    column = SIGNALS.index("neighbours")
    assert model.together is not None
    assert model.together.weights[column] == pytest.approx(0.8, abs=0.1)
    assert model.alone.weights[column] == 0
    mixed = examples.signals.copy()
    mixed[::2, column] = np.nan
    np.testing.assert_array_equal(model.errors(mixed)[1::2], model.errors(examples.signals)[1::2])
    np.testing.assert_array_equal(model.log_errors(mixed)[::2], model.alone.log_errors(mixed)[::2])
    excess = model.excess(mixed)
    assert np.isnan(excess[::2, column]).all()
    assert np.isfinite(excess[1::2, column]).all()


def test_without_any_neighbours_nobody_asks_them():
    model = TrackerErrors.learned(made_examples().without("neighbours"))
    assert model.together is None
    asked, unasked = made_examples().signals, made_examples().without("neighbours").signals
    np.testing.assert_array_equal(model.errors(asked), model.errors(unasked))
    np.testing.assert_array_equal(model.excess(asked), model.excess(unasked))
    assert np.isnan(model.excess(asked)[:, SIGNALS.index("neighbours")]).all()


def made_model() -> ErrorModel:
    """Lucas-Kanade is off by twice as much at the same signals, and asks no neighbours."""
    examples = made_examples()
    twice = replace(examples, error=2 * examples.error).without("neighbours")
    return ErrorModel(TrackerErrors.learned(examples), TrackerErrors.learned(twice))


def test_each_cell_is_judged_by_the_tracker_that_wrote_it():
    cells = spoiled()
    cells.run_id[:] = 7
    cells.run_id[:, :6] = 2
    cells.run_id[30:, :6] = -1  # interpolated, imported, or nobody knows: as of a network
    model, signals = made_model(), measure_signals(cells, SIZE, lucas_kanade=[2, 4])
    own = np.zeros_like(signals.judged)
    own[:30, :6] = True
    np.testing.assert_array_equal(signals.lucas_kanade, own)
    errors = model.predict(signals)
    for part, where in ((model.lucas_kanade, own), (model.network, ~own)):
        where = where & ~signals.certain
        np.testing.assert_allclose(errors[where], part.errors(signals.values[:, where].T), rtol=1e-5)
    assert not measure_signals(cells, SIZE).lucas_kanade.any()
    late = signals.frames(slice(20, 35))
    np.testing.assert_array_equal(model.predict(late), errors[20:35])


def test_a_span_of_lucas_kanade_is_never_held_against_its_neighbours():
    cells = moving_together()
    cells.run_id[:] = 1
    cells.xy[20:, 3] += 40
    cells.confidence[20:, 3] = 0
    late = cells.select(slice(20, FRAMES), slice(None))
    errors = np.tile(np.where(np.arange(TRACKS) == 3, np.float32(9), np.float32(0)), (FRAMES - 20, 1))
    for runs, asked in (([], True), ([1], False)):
        signals = measure_signals(cells, SIZE, runs).frames(slice(20, FRAMES))
        found = find_suspects(errors, signals, late, range(TRACKS), 4.0, model=made_model())
        assert [suspect.track_id for suspect in found] == [3]
        assert ("neighbours" in found[0].reasons) == asked


def test_a_model_survives_being_written():
    model = made_model()
    again = ErrorModel.from_json(model.to_json())
    assert again.lucas_kanade.together is None
    few = made_examples(50).without("neighbours").signals
    for signals in (made_examples(50).signals, few):
        for kind in ("network", "lucas_kanade"):
            before, after = (getattr(one, kind).errors(signals) for one in (model, again))
            np.testing.assert_allclose(after, before, rtol=1e-3)


@pytest.mark.parametrize("text", ["", "{}", '{"format": 3, "network": {"together": {"signals": {"moon": {}}}}}', "[]"])
def test_what_is_no_model_is_refused(text):
    with pytest.raises(InputError, match=r"^mine\.json: this is no error model$"):
        ErrorModel.from_json(text, "mine.json")


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_model_of_another_format_is_refused(number):
    text = made_model().to_json().replace('"format": 3', f'"format": {number}')
    with pytest.raises(InputError, match=r"^mine\.json: made for another version, which measures otherwise$"):
        ErrorModel.from_json(text, "mine.json")


def made_signals(count: int = 4000) -> Signals:
    """One frame of tracks that say all kinds of things, every third one of Lucas-Kanade."""
    judged = np.ones((1, count), bool)
    return Signals(made_examples(count).signals.T[:, None], judged, ~judged, np.arange(count)[None] % 3 == 0, 1.0)


def test_own_corrections_count_when_there_are_enough():
    model = ErrorModel.shipped()
    # All is three times as wrong here as the shipped model thinks.
    right = [Judgement(e, 3 * e) for e in np.linspace(0.5, 20, 200)]
    assert model.fitted(right[:29], SIZE) is model
    fitted = model.fitted(right, SIZE)
    signals = made_signals(200)
    before, after = model.predict(signals).ravel(), fitted.predict(signals).ravel()
    assert np.median(after / before) == pytest.approx(3, rel=0.35)
    assert (np.argsort(before, kind="stable") == np.argsort(after, kind="stable")).all()


def test_approved_spans_speak_against_alarm():
    model = ErrorModel.shipped()
    wrong = [Judgement(8.0, 8.0) for _ in range(40)]
    calm = model.fitted([*wrong, *(Judgement(2.0, 0.0, approved=True) for _ in range(200))], SIZE)
    signals = made_signals()
    assert np.median(calm.predict(signals)) < 0.9 * np.median(model.predict(signals))


def spoiled() -> Cells:
    """Track 3 jumps away for six frames with a relief of two in between; track 5 drifts off at the end."""
    cells = moving_together()
    for frames in (slice(10, 14), slice(16, 18)):
        cells.xy[frames, 3] += 25
        cells.patch_change[frames, 3], cells.confidence[frames, 3] = 0.9, 0.2
    cells.xy[30:, 5] += np.linspace(2, 60, 10)[:, None]
    cells.patch_change[30:, 5] = 0.8
    return cells


def test_suspects_are_whole_spans_worst_first_with_reasons():
    cells = spoiled()
    model = ErrorModel.shipped()
    signals = measure_signals(cells, SIZE)
    errors = model.predict(signals)
    ids = [10 + k for k in range(TRACKS)]
    # Those of whose neighbours one is spoiled may be thought to be off by a little.
    found = find_suspects(errors, signals, cells, ids, 6.0, model=model, first_frame=100)
    assert {suspect.track_id for suspect in found} == {13, 15}
    drift, blip = (next(s for s in found if s.track_id == i) for i in (15, 13))
    assert (blip.start, blip.end) == (110, 118)  # merged
    assert drift.end == 140
    assert drift.worst >= 135  # near its end, where it is furthest off
    assert [s.error_px for s in found] == sorted((s.error_px for s in found), reverse=True)
    assert "neighbours" in drift.reasons
    assert "patch_change" in blip.reasons
    assert all(reason in REASONS for s in found for reason in s.reasons)


def test_what_a_person_vouches_for_is_no_suspect_and_ends_one():
    cells = spoiled()
    cells.approved[35, 5] = True
    cells.source[16, 3] = Source.ANCHOR
    model = ErrorModel.shipped()
    signals = measure_signals(cells, SIZE)
    found = find_suspects(
        np.full(signals.judged.shape, 9.0, np.float32), signals, cells, range(TRACKS), 4.0, model=model
    )
    spans = {(s.start, s.end) for s in found if s.track_id == 5}
    assert spans == {(1, 35), (36, 40)}
    assert {(s.start, s.end) for s in found if s.track_id == 3} == {(1, 16), (17, 40)}


def test_nothing_is_suspected_where_there_is_nothing():
    cells = Cells.empty(5, 2)
    signals = measure_signals(cells, SIZE)
    model = ErrorModel.shipped()
    assert find_suspects(model.predict(signals), signals, cells, [1, 2], 0.0, model=model) == []
    none = Cells.empty(5, 0)
    assert model.predict(measure_signals(none, SIZE)).shape == (5, 0)
