"""Bulk operations: what they write, and what they leave alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.document.motion import between
from app.document.project import Document, RunInfo
from tests.document.building import prediction, snapshot, still, video_ref, walk_back_and_forth
from tracker.inference.session import Prediction
from tracker.labels.table import Source, State

N_FRAMES = 100


@pytest.fixture
def document():
    """Two tracks with an anchor on frame 0, predicted at (k, 2 k) and (k, 50) on frames k = 1 to 59."""
    document = Document(N_FRAMES, video_ref(N_FRAMES))
    document.add_tracks([[0, 0, 0], [0, 0, 50]])
    k = np.arange(60, dtype=np.float32)
    tracks = np.stack([np.stack([k, 2 * k], axis=1), np.stack([k, 0 * k + 50], axis=1)], axis=1)
    ones = np.ones((60, 2), dtype=np.float32)
    document.apply_prediction(document.begin_run(RunInfo("a")), Prediction(0, np.arange(2), tracks, ones, ones))
    return document


def told(document):
    reasons: list[str] = []
    document.refused.subscribe(reasons.append)
    return reasons


def last_label(document):
    return document.history_steps()[-1]


def check_exact(document):
    back, forth = walk_back_and_forth(document)
    assert back == forth


# -- the end of a track


def test_a_track_that_is_over_has_nothing_later_and_gets_nothing(document):
    document.place_anchor(0, 50, 9, 9)
    document.approve([0], 45, 60)
    document.end_track([0], 39)
    assert document.table.track(0).end == 40
    assert np.flatnonzero(document.table.state[0]).tolist() == list(range(40))
    assert last_label(document) == "End Track 1 at frame 39"
    run = document.begin_run(RunInfo("a"))
    document.apply_prediction(run, still(30, [0, 1], (5, 5), n_frames=20))
    assert np.flatnonzero(document.table.state[0]).tolist() == list(range(40))
    reasons = told(document)
    assert not document.place_anchor(0, 40, 5, 5)
    assert reasons == ["Track 1 ends at frame 39: let it go on to place it here"]
    document.set_state([0, 1], 35, 45, State.OUT_OF_VIEW)
    assert document.anchors(0) == [0, *range(35, 40)]
    assert document.anchors(1) == [0, *range(35, 45)]
    document.end_track([0], None)
    assert last_label(document) == "Continue Track 1"
    assert document.place_anchor(0, 40, 5, 5)
    check_exact(document)


def test_several_tracks_end_at_once(document):
    document.add_tracks([[70, 5, 5]])
    reasons, before = told(document), snapshot(document)
    document.end_track([0, 1, 2], 39)
    assert [track.end for track in document.table.tracks] == [40, 40, None]
    assert reasons == ["Track 3 starts only after frame 39"]
    assert last_label(document) == "End 2 tracks at frame 39"
    document.undo()
    assert snapshot(document) == before
    document.end_track([0], N_FRAMES - 1)  # as far as the video goes
    assert document.table.track(0).end is None
    with pytest.raises(ValueError, match="there is no frame 100"):
        document.end_track([0], N_FRAMES)


def test_tracks_end_where_each_should_as_one_step(document):
    before = snapshot(document)
    document.end_tracks({0: 39, 1: 20})
    assert [document.table.track(i).end for i in (0, 1)] == [40, 21]
    assert [np.flatnonzero(document.table.state[i]).tolist() for i in (0, 1)] == [list(range(40)), list(range(21))]
    assert last_label(document) == "End 2 tracks"
    document.undo()
    assert snapshot(document) == before
    document.redo()
    check_exact(document)


# -- interpolation


@given(st.lists(st.integers(0, 40), min_size=2, max_size=6, unique=True), st.sampled_from(["linear", "cubic"]))
def test_curves_meet_what_is_known_and_follow_straight_motion(frames, method):
    known = np.array(sorted(frames))
    inner = np.arange(known[0], known[-1] + 1)
    random = np.random.default_rng(len(frames)).uniform(0, 100, (len(known), 2))
    assert np.allclose(between(known, known, random, method), random)
    straight = np.stack([3 * known + 1, 7 - 2 * known], axis=1)
    assert np.allclose(between(inner, known, straight, method), np.stack([3 * inner + 1, 7 - 2 * inner], axis=1))


def test_linear_interpolation_between_what_stays(document):
    document.place_anchor(0, 20, 100, 40)
    document.interpolate([0], 10, 30)
    xy, cells = document.table.xy[0], document.table.read([0], 10, 30)
    assert np.allclose(xy[10:20, 0], np.linspace(9, 100, 12)[1:-1])
    assert np.allclose(xy[20:31, 0], np.linspace(100, 30, 11))
    assert np.allclose(xy[10:30, 1], 2 * np.arange(10, 30))
    written = np.arange(20) != 10
    assert (cells.source[written, 0] == Source.INTERPOLATED).all()
    assert (cells.state == State.VISIBLE).all()
    assert np.isnan(cells.confidence).all()
    assert (cells.run_id == -1).all()
    assert document.anchors(0) == [0, 20]
    assert last_label(document) == "Interpolate Track 1, frames 10–29"
    check_exact(document)


def test_cubic_interpolation_goes_on_as_the_track_moved(document):
    k = np.arange(60, dtype=np.float32)
    tracks = np.stack([k**2 / 10, 50 + 0 * k], axis=1)[:, None]
    ones = np.ones((60, 1), dtype=np.float32)
    document.apply_prediction(document.begin_run(RunInfo("a")), Prediction(0, np.array([0]), tracks, ones, ones))
    document.interpolate([0], 20, 30, "cubic")
    cubic = np.abs(document.table.xy[0, 20:30, 0] - k[20:30] ** 2 / 10).max()
    document.undo()
    document.interpolate([0], 20, 30)
    linear = np.abs(document.table.xy[0, 20:30, 0] - k[20:30] ** 2 / 10).max()
    assert cubic < linear / 4


def test_nothing_is_interpolated_beyond_what_is_known(document):
    reasons, steps = told(document), document.history_steps()
    document.interpolate([0, 1], 55, 80)
    assert reasons == ["Track 1, Track 2 have no two known positions around frames 55 to 79"]
    assert document.history_steps() == steps
    document.place_anchor(1, 70, 5, 5)
    document.approve([1], 57, 58)
    document.interpolate([1], 55, 80)
    assert np.flatnonzero(document.table.state[1]).tolist() == list(range(71))
    assert document.table.source[1, 57] == Source.MODEL
    document.set_locked([1])
    document.interpolate([1], 10, 20)
    assert reasons[1:] == ["Track 2 is locked: unlock to change"]


# -- merging and splitting


def test_merging_takes_the_best_of_each_frame(document):
    document.clear([0], 20, 60)
    document.place_anchor(1, 5, 200, 200)
    document.approve([1], 8, 10)
    document.approve([0], 9, 12)
    cells = document.table.read([0, 1], 0, N_FRAMES)
    assert document.merge_tracks([0, 1]) == 0
    assert document.table.ids.tolist() == [0]
    merged = document.table.read([0], 0, N_FRAMES)
    second = np.zeros(N_FRAMES, dtype=bool)
    second[[5, 8, *range(20, 60)]] = True
    for name, array in merged.arrays().items():
        both = getattr(cells, name)
        assert array[second, 0].tobytes() == both[second, 1].tobytes()
        assert array[~second, 0].tobytes() == both[~second, 0].tobytes()
    assert last_label(document) == "Merge 2 tracks into Track 1"
    check_exact(document)


def test_what_a_merged_track_is(document):
    document.add_tracks([[3, 1, 1]], group="face")
    document.set_group([0, 1], "face")
    document.set_skeleton("face", [(0, 1), (1, 2)])
    document.end_track([0], 20)
    document.end_track([1], 30)
    assert document.merge_tracks([2, 1]) == 2
    assert document.table.track(2).query_point == (0, 0, 50)
    assert document.table.track(2).end is None
    assert document.groups[0].edges == ((0, 2),)
    assert document.merge_tracks([2, 0]) == 2
    assert document.groups[0].edges == ()
    document.go_to(document.history_position - 2)
    assert document.groups[0].edges == ((0, 1), (1, 2))
    assert document.merge_tracks([1, 0]) == 1
    assert document.table.track(1).end == 31
    check_exact(document)


def test_merging_one_or_locked_tracks_does_nothing(document):
    reasons, before = told(document), snapshot(document)
    assert document.merge_tracks([1, 1, 99]) == 1
    assert reasons == []
    document.set_locked([0])
    assert document.merge_tracks([1, 0]) == 1
    assert reasons == ["Track 1 is locked: unlock to change"]
    document.undo()
    assert snapshot(document) == before
    with pytest.raises(ValueError, match="no tracks to merge"):
        document.merge_tracks([99])


def test_splitting_moves_everything_later(document):
    document.clear([0], 25, 33)
    document.set_group([0], "face")
    whole = document.table.read([0], 0, N_FRAMES)
    new = document.split_track(0, 30)
    assert (new, document.table.ids.tolist()) == (2, [0, 1, 2])
    track = document.table.track(new)
    assert (track.name, track.query_point, track.group) == ("Track 1 (2)", (33, 33, 66), "face")
    earlier, later = (document.table.read([i], 0, N_FRAMES) for i in (0, new))
    for name, array in whole.arrays().items():
        assert getattr(earlier, name)[:30].tobytes() == array[:30].tobytes()
        assert getattr(later, name)[30:].tobytes() == array[30:].tobytes()
    assert not earlier.state[30:].any()
    assert not later.state[:30].any()
    assert last_label(document) == "Split Track 1 at frame 30"
    check_exact(document)
    document.merge_tracks([0, new])
    assert document.table.read([0], 0, N_FRAMES).equals(whole)


def test_a_split_that_leaves_nothing_on_one_side_is_refused(document):
    reasons, before = told(document), snapshot(document)
    assert document.split_track(0, 0) == 0
    assert document.split_track(0, 60) == 0
    assert snapshot(document) == before
    assert reasons == [
        "Track 1 cannot be split at frame 0: it has no position before it",
        "Track 1 cannot be split at frame 60: it has no position at or after it",
    ]
    with pytest.raises(KeyError):
        document.split_track(99, 5)


# -- motion


def test_motion_is_copied_from_the_last_position(document):
    (track,) = document.add_tracks([[10, 300, 300]])
    document.place_anchor(track, 25, 1, 1)
    document.clear([0], 22, 24)
    document.copy_motion(0, [track, 0], 15, 30)
    xy, source = document.table.xy[2], document.table.source[2]
    k = np.arange(30)
    for frame in [15, 16, 21, 24, 29]:
        assert xy[frame].tolist() == [300 + k[frame] - 10, 300 + 2 * (k[frame] - 10)]
    assert xy[25].tolist() == [1, 1]
    assert np.isnan(xy[[11, 14, 22, 23, 30]]).all()
    assert source[15] == Source.INTERPOLATED
    assert last_label(document) == "Copy motion to Track 3, frames 15–29"
    check_exact(document)


def test_motion_out_of_the_picture_is_out_of_view(document):
    (track,) = document.add_tracks([[0, 620, 5]])
    document.copy_motion(0, [track], 0, 60)
    assert document.table.state[2, 19] == State.VISIBLE
    assert document.table.state[2, 20:60].tolist() == [State.OUT_OF_VIEW] * 40
    assert document.anchors(track) == [0]


def test_motion_needs_a_place_to_start_from(document):
    (track,) = document.add_tracks([[20, 300, 300]])
    reasons, steps = told(document), document.history_steps()
    document.copy_motion(0, [track], 10, 30)
    assert reasons == ["Track 3 has no position beside one of Track 1 at or before frame 10"]
    assert document.history_steps() == steps


def test_operations_are_in_the_file(tmp_path):
    document = Document.new(video_ref())
    document.add_tracks([[0, 1, 1], [3, 2, 2], [4, 3, 3]])
    document.apply_prediction(document.begin_run(RunInfo("a")), prediction(0, [0, 1, 2], 100))
    document.interpolate([0, 1, 2], 5, 90, "cubic")
    document.copy_motion(0, [1, 2], 50, 120)
    document.end_track([2], 99)
    document.split_track(0, 70)
    document.merge_tracks([1, 2])
    state = snapshot(document)
    document.save_as(tmp_path / "p.trackwright")
    document.close()
    document = Document.open(tmp_path / "p.trackwright")
    assert snapshot(document) == state
    check_exact(document)
    document.close()
