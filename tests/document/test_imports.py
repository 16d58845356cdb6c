"""Tracks from a file become tracks of the document in one step."""

import numpy as np
import pytest

from app.document.project import Document
from tests.labels.made import assert_same, make_tracks
from tracker.labels import TrackFile


def test_an_import_is_one_step_that_can_be_taken_back() -> None:
    tracks = make_tracks(3, 8, seed=4)
    tracks.state[1] = 0  # nothing there
    tracks.groups = ["left", "", "right"]
    document = Document(8)
    document.add_tracks([(2, 5.0, 5.0)])
    before = document.table.read(document.table.ids.tolist(), 0, 8)
    ids = document.import_tracks(tracks, "Import shot.nk")
    assert document.history_steps()[-1] == "Import shot.nk"
    assert [document.table.track(i).name for i in ids] == [tracks.names[0], tracks.names[2]]
    assert [document.table.track(i).group for i in ids] == ["left", "right"]
    labelled = tracks.state[[0, 2]] > 0
    found = document.table.read(ids, 0, 8)
    for name in ("xy", "state", "visibility", "confidence", "source", "approved"):
        assert_same(getattr(tracks, name)[[0, 2]][labelled], getattr(found, name).swapaxes(0, 1)[labelled], name)
    document.undo()
    assert document.table.ids.tolist() == [0]
    assert document.table.read([0], 0, 8).equals(before)
    document.redo()
    assert document.table.read(ids, 0, 8).equals(found)


def test_nothing_labelled_is_no_step() -> None:
    document = Document(4)
    empty = TrackFile.empty(2, np.arange(4), make_tracks(1, 4, 1).time_base, (20, 12))
    assert document.import_tracks(empty, "Import") == []
    assert not document.can_undo


def test_tracks_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="tracks of 5 frames do not fit 4"):
        Document(4).import_tracks(make_tracks(1, 5, 1), "Import")
