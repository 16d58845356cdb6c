"""What each intention does, and what it leaves alone."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from app.document import run_steps
from app.document.changes import Change
from app.document.project import Document, RunInfo
from app.document.recovery import unsaved_projects
from tests.document.building import connection_of, file_of, prediction, snapshot, still, video_ref, walk_back_and_forth
from tracker.files import InputError
from tracker.labels.table import Source, State


@pytest.fixture
def document():
    return Document(100)


def cell(document, track_id, frame):
    cells = document.table.read([track_id], frame, frame + 1)
    return {name: array[0, 0].tolist() for name, array in cells.arrays().items()}


def test_new_tracks_have_an_anchor_at_their_query_point(document):
    (first,) = document.add_tracks([[3, 10.5, 20.25]], names=["nose"], group="face")
    second, third = document.add_tracks([[0, 1, 2], [99, 3, 4]])
    assert document.table.ids.tolist() == [first, second, third]
    assert cell(document, first, 3) == {
        "xy": [10.5, 20.25],
        "state": State.VISIBLE,
        "visibility": pytest.approx(np.nan, nan_ok=True),
        "confidence": pytest.approx(np.nan, nan_ok=True),
        "source": Source.ANCHOR,
        "run_id": -1,
        "approved": False,
        "disagreement": pytest.approx(np.nan, nan_ok=True),
        "patch_change": pytest.approx(np.nan, nan_ok=True),
    }
    assert (document.table.source == Source.ANCHOR).sum() == 3
    track = document.table.track(first)
    assert (track.name, track.group, track.query_point) == ("nose", "face", (3, 10.5, 20.25))
    assert document.history_steps() == ["Add 1 track", "Add 2 tracks"]


@pytest.mark.parametrize("point", [[100, 1, 1], [-1, 1, 1], [0, np.nan, 1], [0, 1]])
def test_impossible_query_points_are_refused(document, point):
    with pytest.raises(ValueError, match="query points"):
        document.add_tracks([point])
    assert document.history_steps() == []


def test_ids_are_never_used_again(document):
    ids = document.add_tracks([[0, 1, 1], [0, 2, 2]])
    document.delete_tracks(ids)
    document.undo()
    document.undo()
    assert document.add_tracks([[0, 1, 1]]) == [2]


def test_deleted_tracks_come_back_where_they_were(document):
    ids = document.add_tracks([[k, k, k] for k in range(6)])
    before = snapshot(document)
    document.delete_tracks([ids[1], ids[4]])
    assert document.table.ids.tolist() == [0, 2, 3, 5]
    document.undo()
    assert snapshot(document) == before


def test_a_change_says_what_changed_and_who_asked(document):
    changes: list[Change] = []
    document.changed.subscribe(changes.append)
    (track,) = document.add_tracks([[3, 1, 1]], initiator="canvas")
    document.place_anchor(track, 5, 2, 2)
    document.undo(initiator="menu")
    document.rename(track, "nose")
    document.begin_run(RunInfo("a tracker"))
    document.approve([track], 50, 60)  # nothing labelled there
    assert [(c.kind, c.ids, c.start, c.end, c.initiator) for c in changes] == [
        ("tracks", (track,), 0, 4, "canvas"),
        ("cells", (track,), 5, 6, None),
        ("cells", (track,), 5, 6, "menu"),
        ("tracks", (track,), 0, 0, None),
        ("runs", None, 0, 0, None),
    ]


def test_one_drag_is_one_step(document):
    first, second = document.add_tracks([[0, 1, 1], [0, 2, 2]])
    for x in range(5):
        document.place_anchor(first, 7, x, 0, gesture=1)
        document.place_anchor(second, 7, x, 1, gesture=1)
    document.end_gesture()
    document.place_anchor(first, 7, 50, 50, gesture=2)
    document.end_gesture()
    assert document.history_steps() == ["Add 2 tracks", "Move Track 1", "Move Track 1"]
    document.undo()
    assert cell(document, first, 7)["xy"] == [4, 0]
    assert cell(document, second, 7)["xy"] == [4, 1]
    document.undo()
    assert cell(document, second, 7)["state"] == State.UNLABELLED


def test_flags(document):
    (track,) = document.add_tracks([[0, 1, 1]])
    run = document.begin_run(RunInfo("a tracker"))
    document.apply_prediction(run, still(0, [track], (10, 20)))
    document.set_state([track], 4, 8, State.OCCLUDED)
    assert cell(document, track, 5) | {"visibility": 0, "confidence": 0} == {
        "xy": [10, 20],
        "state": State.OCCLUDED,
        "visibility": 0,
        "confidence": 0,
        "source": Source.ANCHOR,
        "run_id": -1,
        "approved": False,
        "disagreement": pytest.approx(np.nan, nan_ok=True),
        "patch_change": pytest.approx(np.nan, nan_ok=True),
    }
    assert np.isnan(document.table.visibility[0, 4:8]).all()
    document.set_state([track], 6, 30, State.OUT_OF_VIEW)
    assert np.isnan(document.table.xy[0, 6:30]).all()
    assert document.anchors(track) == [0, *range(4, 30)]
    document.place_anchor(track, 5, 11, 21)
    assert cell(document, track, 5)["state"] == State.OCCLUDED  # moved, but still said to be hidden
    document.set_state([track], 4, 30, State.VISIBLE)
    assert document.table.state[0, 4:30].tolist() == [State.VISIBLE] * 2 + [State.UNLABELLED] * 24
    assert document.anchors(track) == [0, 4, 5]


def test_approval_marks_what_is_labelled_and_clearing_takes_all(document):
    (track,) = document.add_tracks([[5, 1, 1]])
    document.approve([track], 0, 100)
    assert document.table.approved[0].nonzero()[0].tolist() == [5]
    document.clear([track], 0, 100)
    assert not document.table.approved.any()
    assert document.anchors(track) == []


def test_locked_tracks_are_left_and_the_reason_is_told(document):
    (track,) = document.add_tracks([[5, 1, 1]], names=["nose"])
    document.set_locked([track], True)
    reasons: list[str] = []
    document.refused.subscribe(reasons.append)
    before = snapshot(document)
    assert not document.place_anchor(track, 5, 2, 2)
    document.clear([track], 0, 100)
    document.set_state([track], 0, 100, State.OCCLUDED)
    document.delete_tracks([track])
    run = document.begin_run(RunInfo("a tracker"))
    document.apply_prediction(run, still(0, [track], (1, 1)))
    assert snapshot(document) == before
    assert reasons == ["nose is locked: unlock to change"] * 4


def test_predictions_become_states_and_keep_off_what_a_person_vouches_for():
    document = Document(100, video_ref(100, width=640, height=480))
    (track,) = document.add_tracks([[5, 1, 1]])
    document.place_anchor(track, 8, 2, 2)
    document.set_state([track], 9, 10, State.OUT_OF_VIEW)
    run = document.begin_run(RunInfo("a tracker", visible_above=0.6))
    document.apply_prediction(run, still(0, [track], (639.5, 479.5), 0.8, 0.8, 12))
    document.apply_prediction(run, still(12, [track], (10, 10), 0.8, 0.7, 4))
    document.apply_prediction(run, still(16, [track], (639.75, 10), 1, 1, 4))
    document.apply_prediction(run, still(96, [track], (10, np.nan), 1, 1, 20))
    states = document.table.state[0].tolist()
    assert states[:9] == [State.VISIBLE] * 9
    assert states[9] == State.OUT_OF_VIEW
    assert states[12:20] == [State.OCCLUDED] * 4 + [State.OUT_OF_VIEW] * 4
    assert not any(states[20:])
    assert document.anchors(track) == [5, 8, 9]
    assert cell(document, track, 8)["xy"] == [2, 2]
    assert cell(document, track, 7)["run_id"] == run
    document.approve([track], 0, 3)
    document.apply_prediction(run, still(0, [track], (1, 1)), source=Source.BRIDGE)
    assert cell(document, track, 2)["source"] == Source.MODEL
    assert cell(document, track, 3)["source"] == Source.BRIDGE


def test_a_whole_run_is_one_step_that_holds_what_it_changed(document):
    ids = document.add_tracks([[0, 1, 1], [0, 2, 2]])
    before = snapshot(document)
    run = document.begin_run(RunInfo("a tracker"))
    for first in range(0, 96, 8):
        assert document.apply_prediction(run, prediction(first, ids))
    document.end_run(run, "done")
    after = snapshot(document)
    assert document.history_steps() == ["Add 2 tracks", "Track with a tracker"]
    kept = sum(patch.end - patch.start for patch in document._keeper.edits(1))
    assert kept <= 1.2 * 100  # the halves that overlap are kept once, but where two pieces meet
    document.undo()
    assert snapshot(document) == before
    document.redo()
    assert snapshot(document) == after
    assert document.runs[run].outcome == "done"
    assert not document.apply_prediction(run, prediction(0, ids))


def test_a_run_goes_on_in_another_step_after_a_persons_edit(document):
    ids = document.add_tracks([[0, 1, 1], [0, 2, 2]])
    run = document.begin_run(RunInfo("a tracker"))
    document.apply_prediction(run, prediction(0, ids))
    document.place_anchor(ids[0], 12, 5, 5)
    document.apply_prediction(run, prediction(8, ids))
    document.apply_prediction(run, prediction(16, ids))
    assert document.history_steps()[1:] == ["Track with a tracker", "Move Track 1", "Track with a tracker (continued)"]
    assert cell(document, ids[0], 12)["xy"] == [5, 5]
    back, forth = walk_back_and_forth(document)
    assert back == forth


def test_an_undone_run_writes_no_more(document):
    ids = document.add_tracks([[0, 1, 1]])
    run = document.begin_run(RunInfo("a tracker"))
    document.apply_prediction(run, prediction(0, ids))
    document.undo()
    before = snapshot(document)
    assert not document.apply_prediction(run, prediction(8, ids))
    assert snapshot(document) == before
    assert document.redo_text == "Track with a tracker"
    document.end_run(run, "cancelled")
    assert document.runs[run].outcome == "cancelled"


def test_two_runs_keep_their_steps_apart(document):
    ids = document.add_tracks([[0, 1, 1], [0, 2, 2]])
    first, second = document.begin_run(RunInfo("one")), document.begin_run(RunInfo("another"))
    for start in (0, 80):  # too far apart for one piece
        document.apply_prediction(first, prediction(start, ids))
    document.apply_prediction(second, prediction(8, ids))
    document.undo()
    document.apply_prediction(first, prediction(16, ids))
    assert document.history_steps() == ["Add 2 tracks", "Track with one"]
    back, forth = walk_back_and_forth(document)
    assert back == forth
    document.go_to(1)
    assert (document.table.source == Source.MODEL).sum() == 0


def test_predictions_wait_for_the_end_of_a_drag(document, monkeypatch):
    ids = document.add_tracks([[0, 1, 1], [0, 2, 2]])
    run = document.begin_run(RunInfo("a tracker"))
    document.place_anchor(ids[0], 5, 9, 9, gesture=1)
    assert document.apply_prediction(run, prediction(0, ids))
    document.place_anchor(ids[0], 5, 8, 8, gesture=1)
    assert len(document.history_steps()) == 2
    document.end_gesture()
    assert document.history_steps()[1:] == ["Move Track 1", "Track with a tracker"]
    assert cell(document, ids[0], 5)["xy"] == [8, 8]
    # … but not for ever where nobody says that it ended
    document.place_anchor(ids[0], 6, 9, 9, gesture=2)
    monkeypatch.setattr(run_steps, "GESTURE_IDLE_SECONDS", 0.0)
    document.apply_prediction(run, prediction(16, ids))
    assert document.history_steps()[3:] == ["Move Track 1", "Track with a tracker (continued)"]


def test_the_history_panel_can_go_anywhere(document):
    (track,) = document.add_tracks([[10, 1, 1]])
    for frame in range(5):
        document.place_anchor(track, frame, 1, 1)
    document.go_to(2)
    assert document.anchors(track) == [0, 10]
    assert (document.undo_text, document.redo_text) == ("Move Track 1", "Move Track 1")
    document.go_to(6)
    assert document.anchors(track) == [0, 1, 2, 3, 4, 10]
    document.go_to(-1)
    assert document.table.n_tracks == 0
    assert not document.can_undo
    assert not document.undo()


def test_numbers_of_numpy_are_taken():
    n: Any = np
    document = Document.new(video_ref())
    ids: Any = n.array(document.add_tracks(n.array([[0, 1, 1], [0, 2, 2]]), names=n.array(["a", "b"])))
    document.place_anchor(ids[0], n.int64(4), n.float32(1), n.float32(2), gesture=n.int64(1))
    document.end_gesture()
    document.place_anchor(ids[1], n.int64(4), n.float32(1), n.float32(2))
    document.approve(ids, n.int64(0), n.int64(9))
    document.set_locked(ids[:1], n.True_)
    document.set_colour(ids, n.array([1, 2, 3], dtype=n.uint8))
    document.delete_tracks(ids)
    state = snapshot(document)
    document.close()
    (found,) = unsaved_projects()
    document = Document.open(found.path)
    assert snapshot(document) == state
    assert document.table.track(0).colour == (1, 2, 3)
    document.close(discard=True)


def test_an_edit_that_cannot_be_kept_is_not_done(tmp_path):
    document = Document.new(video_ref())
    ids = document.add_tracks([[0, 1, 1]])
    run = document.begin_run(RunInfo("a tracker"))
    document.apply_prediction(run, prediction(0, ids))
    document.place_anchor(ids[0], 4, 1, 1)
    connection = connection_of(document)
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")  # as a full disk does
    before, steps, read = snapshot(document), document.history_steps(), file_of(document)
    with pytest.raises(InputError, match="the disk is full"):
        document.add_tracks([[k % 150, k, k] for k in range(2000)])
    with pytest.raises(InputError, match="the disk is full"):
        document.apply_prediction(run, prediction(0, [*ids], n_frames=150, seed=1))
    assert document.history_steps()[:3] == steps
    document.go_to(3)
    assert snapshot(document) == before
    assert snapshot(Document.open(read, read_only=True)) == before
    connection.execute(f"PRAGMA max_page_count = {10 * pages}")
    document.add_tracks([[0, 1, 1]])
    back, forth = walk_back_and_forth(document)
    assert back == forth
    document.close(discard=True)


def test_the_document_loads_neither_qt_nor_torch():
    code = "import sys, app.document.project; print(sorted({'torch', 'PySide6', 'pyqtgraph'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
