"""What an export takes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.labels.made import make_tracks, track_files
from tracker.files import InputError
from tracker.labels import Selection, Source, State, TrackFile
from tracker.labels.selection import crop, select


@settings(max_examples=30, deadline=None)
@given(tracks=track_files, data=st.data())
def test_only_what_was_chosen_is_left_and_it_is_as_it_was(tracks: TrackFile, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, tracks.n_frames - 1))
    end = data.draw(st.integers(start + 1, tracks.n_frames))
    shortest = data.draw(st.integers(0, 3))
    taken = select(tracks, Selection(start=start, end=end, min_length=shortest))
    assert (taken.state > 0).sum(axis=1).min(initial=99) >= max(shortest, 1)
    assert not taken.state[:, :start].any()
    assert not taken.state[:, end:].any()
    rows = [tracks.names.index(name) for name in taken.names]
    np.testing.assert_array_equal(taken.state[:, start:end], tracks.state[rows, start:end])
    kept = taken.state > 0
    np.testing.assert_array_equal(taken.xy[kept], tracks.xy[rows][kept])


def test_approved_and_placed_cells_stay() -> None:
    tracks = make_tracks(3, 9, seed=5)
    taken = select(tracks, Selection(approved=True))
    kept = taken.state > 0
    assert kept.any()
    assert (taken.approved | (taken.source == Source.ANCHOR))[kept].all()


def test_cells_that_are_expected_to_be_off_go_unless_a_person_vouches() -> None:
    tracks = make_tracks(2, 4, seed=1, labelled=1.0)
    tracks.source[:], tracks.approved[:] = Source.MODEL, False
    tracks.source[0, 0] = Source.ANCHOR
    errors = np.array([[9, 1, 9, np.nan], [9, 9, 9, 9]], np.float32)
    taken = select(tracks, Selection(max_error=2.0), errors)
    assert taken.names == [tracks.names[0]]
    assert (taken.state[0] > 0).tolist() == [True, True, False, False]
    with pytest.raises(InputError, match="expected errors are not known"):
        select(tracks, Selection(max_error=2.0))


def test_groups_and_rows() -> None:
    tracks = make_tracks(3, 4, seed=1, labelled=1.0)
    tracks.groups = ["face", "", "face"]
    assert select(tracks, Selection(groups=frozenset({"face"}))).names == [tracks.names[0], tracks.names[2]]
    assert select(tracks, Selection(rows=(2, 1))).names == [tracks.names[2], tracks.names[1]]
    with pytest.raises(InputError, match="hand: there is no such group, the groups are: face"):
        select(tracks, Selection(groups=frozenset({"hand"})))


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(InputError, match="there are no such frames, 0 to 3 are"):
        select(make_tracks(1, 4, 1), Selection(start=4))


def test_a_query_outside_of_what_is_taken_moves_to_the_first_visible_cell() -> None:
    tracks = make_tracks(1, 6, seed=1, labelled=1.0)
    tracks.state[:], tracks.xy[:], tracks.confidence[:] = State.VISIBLE, 3.0, 1.0
    tracks.query_points[0] = (0, 1, 1)
    assert select(tracks, Selection(start=2)).query_points[0].tolist() == [2, 3, 3]


def test_a_crop_counts_from_0_anew() -> None:
    tracks = make_tracks(2, 6, seed=3)
    cut = crop(tracks, 2, 5)
    assert cut.n_frames == 3
    np.testing.assert_array_equal(cut.state, tracks.state[:, 2:5])
    np.testing.assert_array_equal(cut.pts, tracks.pts[2:5])
    np.testing.assert_array_equal(cut.query_points[:, 0], tracks.query_points[:, 0] - 2)
