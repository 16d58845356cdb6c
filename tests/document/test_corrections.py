"""The log of what a person put right, and what cannot be put where a person asks."""

import time
from dataclasses import astuple

import numpy as np
import pytest

from app.document.corrections import Correction
from app.document.project import Document, RunInfo
from tests.document.building import connection_of, file_of, still, video_ref
from tracker.files import InputError
from tracker.labels.table import Source, State


@pytest.fixture
def document():
    """A track with an anchor on frame 0 and predictions behind."""
    document = Document.new(video_ref())
    document.add_tracks([[0, 1, 1]])
    run = document.begin_run(RunInfo("a tracker"))
    document.apply_prediction(run, still(0, [0], (10, 20), 0.75, 0.5, 20))
    yield document
    document.close(discard=True)


def same(first: Correction, second: Correction) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(astuple(first), astuple(second), strict=True))


def test_an_anchor_over_a_prediction_is_noted(document):
    document.expected_error.write([0], 5, np.array([[2.5]]))
    document.place_anchor(0, 5, 13, 24)
    (noted,) = document.corrections()
    assert (noted.track, noted.frame, noted.error_px, noted.visibility, noted.confidence) == (0, 5, 5, 0.75, 0.5)
    assert noted.expected_error == 2.5
    assert np.isnan([noted.disagreement, noted.patch_change]).all()
    assert abs(noted.time - time.time()) < 60
    document.place_anchor(0, 5, 14, 24)  # over an anchor
    document.place_anchor(0, 100, 14, 24)  # over nothing
    document.set_state([0], 7, 8, State.OCCLUDED)
    document.undo()
    assert document.corrections() == [noted]


def test_a_drag_is_noted_once_at_its_end(document):
    document.expected_error.write([0], 5, np.array([[2.5]]))
    for x in (20, 13):
        document.place_anchor(0, 5, x, 24, gesture=1)
        document.expected_error.write([0], 5, np.array([[0.0]]))
        assert document.corrections() == []
    document.end_gesture()
    (noted,) = document.corrections()
    assert (noted.error_px, noted.expected_error) == (5, 2.5)


def test_the_log_survives_and_goes_along(document, tmp_path):
    document.place_anchor(0, 5, 13, 24)
    document.undo()
    document.place_anchor(0, 6, 10, 21)
    noted = document.corrections()
    assert [correction.error_px for correction in noted] == [5, 1]
    document.save_as(tmp_path / "p.trackwright")
    read = Document.open(tmp_path / "p.trackwright", read_only=True)
    assert all(same(a, b) for a, b in zip(read.corrections(), noted, strict=True))


def test_a_document_in_memory_takes_its_log_to_the_file(tmp_path):
    document = Document(50)
    document.add_tracks([[0, 1, 1]])
    document.apply_prediction(document.begin_run(RunInfo("a")), still(0, [0], (10, 20)), Source.BRIDGE)
    document.place_anchor(0, 5, 13, 24)
    document.save_as(tmp_path / "p.trackwright")
    document.close()
    assert [c.error_px for c in Document.open(tmp_path / "p.trackwright", read_only=True).corrections()] == [5]


def test_what_could_not_be_kept_is_not_noted(document):
    connection = connection_of(document)
    connection.execute("CREATE TRIGGER full BEFORE INSERT ON step BEGIN SELECT RAISE(ABORT, 'no room'); END")
    with pytest.raises(InputError):
        document.place_anchor(0, 5, 13, 24)
    connection.execute("DROP TRIGGER full")
    document.place_anchor(0, 6, 13, 24)
    assert [c.frame for c in document.corrections()] == [6]
    read = Document.open(file_of(document), read_only=True)
    assert [c.frame for c in read.corrections()] == [6]


def test_an_approved_span_is_noted_once_where_it_was_most_suspect(document):
    document.expected_error.write([0], 2, np.array([[1.0], [6.0], [2.0]]))
    document.approve([0], 0, 10)
    document.approve([0], 0, 10)  # approved already: says nothing new
    (noted,) = document.corrections()
    assert (noted.frame, noted.error_px, noted.expected_error) == (3, 0, 6)
    read = Document.open(file_of(document), read_only=True)
    assert [c.frame for c in read.corrections()] == [3]


# -- places where no anchor can be


def told(document):
    reasons: list[str] = []
    document.refused.subscribe(reasons.append)
    return reasons


@pytest.mark.parametrize("place", [(-0.75, 5), (5, -0.75), (639.75, 5), (5, 479.75)])
def test_places_outside_of_the_picture_are_refused(document, place):
    reasons, steps = told(document), document.history_steps()
    assert not document.place_anchor(0, 5, *place)
    assert document.add_tracks([(0, *place), (0, 3, 3)], names=["out", "in"]) == [1]
    assert document.table.track(1).name == "in"
    assert document.history_steps() == [*steps, "Add 1 track"]
    assert reasons == [
        "Track 1 cannot be placed outside of the picture: flag it as out of view instead",
        "1 point lies outside of the picture: left out",
    ]


@pytest.mark.parametrize("place", [(-0.5, -0.5), (639.5, 479.5)])
def test_the_rim_of_the_picture_is_inside(document, place):
    assert document.place_anchor(0, 5, *place)


def test_a_second_anchor_on_a_frame_replaces_the_first(document):
    document.place_anchor(0, 5, 13, 24)
    steps = len(document.history_steps())
    document.place_anchor(0, 5, 30, 40)
    assert len(document.history_steps()) == steps + 1
    assert document.anchors(0) == [0, 5]
    rows = connection_of(document).execute("SELECT x, y FROM anchor WHERE track = 0 AND frame = 5").fetchall()
    assert rows == [(30, 40)]
    document.undo()
    assert document.table.xy[0, 5].tolist() == [13, 24]
