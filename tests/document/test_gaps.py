"""Which cells re-tracking around a frame writes, and from which known positions."""

import pytest

from app.document.gaps import GapSpan
from app.document.project import Document, RunInfo
from tests.document.building import still
from tracker.labels.table import State


@pytest.fixture
def document():
    return Document(100)


@pytest.fixture
def tracked(document):
    """A document with one track from an anchor on frame 10, predicted from there to the end."""
    (track,) = document.add_tracks([[10, 1, 1]])
    document.apply_prediction(document.begin_run(RunInfo("a tracker")), still(10, [track], (5, 5), n_frames=90))
    return document


def spans(document, frame, track=0):
    found = document.gaps([track], frame)
    assert all(isinstance(gap, GapSpan) and gap.track_id == track for gap in found)
    return [(gap.left, gap.right, gap.start, gap.end) for gap in found]


def test_from_one_anchor_to_the_end(tracked):
    assert spans(tracked, 50) == [(10, None, 11, 100)]
    assert spans(tracked, 10) == [(10, None, 11, 100)]  # nothing is labelled before the query point
    assert spans(tracked, 5) == []


def test_a_corrected_frame_has_a_gap_on_both_sides(tracked):
    tracked.place_anchor(0, 40, 9, 9)
    assert spans(tracked, 40) == [(10, 40, 11, 40), (40, None, 41, 100)]
    tracked.place_anchor(0, 60, 9, 9)
    assert spans(tracked, 40) == [(10, 40, 11, 40), (40, 60, 41, 60)]
    assert spans(tracked, 45) == [(40, 60, 41, 60)]
    tracked.place_anchor(0, 41, 9, 9)
    assert spans(tracked, 40) == [(10, 40, 11, 40)]  # nothing lies between neighbours


def test_back_only_over_what_is_labelled(document):
    document.add_tracks([[50, 1, 1]])
    assert spans(document, 50) == [(50, None, 51, 100)]
    assert spans(document, 45) == []
    document.apply_prediction(document.begin_run(RunInfo("a tracker")), still(40, [0], (5, 5), n_frames=10))
    document.apply_prediction(document.begin_run(RunInfo("a tracker")), still(20, [0], (5, 5), n_frames=10))
    assert spans(document, 50) == [(None, 50, 40, 50), (50, None, 51, 100)]
    assert spans(document, 45) == [(None, 50, 40, 50)]
    assert spans(document, 25) == []  # beyond a hole


@pytest.mark.parametrize("state", [State.OUT_OF_VIEW, State.OCCLUDED])
def test_a_flag_without_a_position_ends_a_gap(document, state):
    document.add_tracks([[10, 1, 1]])
    document.set_state([0], 40, 42, state)
    assert spans(document, 20) == [(10, None, 11, 40)]
    assert spans(document, 40) == [(10, None, 11, 40)]
    document.place_anchor(0, 60, 2, 2)
    assert spans(document, 60) == [(60, None, 61, 100)]
    document.apply_prediction(document.begin_run(RunInfo("a tracker")), still(45, [0], (5, 5), n_frames=15))
    assert spans(document, 60) == [(None, 60, 45, 60), (60, None, 61, 100)]
    assert spans(document, 41) == [(None, 60, 45, 60)]


def test_an_occluded_anchor_with_a_position_holds(tracked):
    tracked.set_state([0], 40, 41, State.OCCLUDED)
    assert spans(tracked, 20) == [(10, 40, 11, 40)]


def test_approved_cells_end_a_gap_like_anchors(tracked):
    tracked.approve([0], 30, 50)
    assert spans(tracked, 20) == [(10, 30, 11, 30)]
    assert spans(tracked, 60) == [(49, None, 50, 100)]
    assert spans(tracked, 35) == []
    tracked.place_anchor(0, 60, 2, 2)
    assert spans(tracked, 60) == [(49, 60, 50, 60), (60, None, 61, 100)]


def test_the_nearest_approved_visible_position_holds(document):
    document.add_tracks([[10, 1, 1]])
    run = document.begin_run(RunInfo("a tracker"))
    document.apply_prediction(run, still(11, [0], (5, 5), n_frames=19))
    document.apply_prediction(run, still(30, [0], (5, 5), confidence=0.1, n_frames=5))  # occluded
    document.apply_prediction(run, still(35, [0], (5, 5), n_frames=65))
    document.approve([0], 30, 40)
    assert spans(document, 20) == [(10, 35, 11, 30)]
    assert spans(document, 60) == [(39, None, 40, 100)]


def test_a_track_that_was_ended_or_locked(tracked):
    tracked.end_track([0], 79)
    assert spans(tracked, 50) == [(10, None, 11, 80)]
    assert spans(tracked, 90) == []
    tracked.set_locked([0])
    assert spans(tracked, 50) == []
    assert tracked.gaps([7], 50) == []
