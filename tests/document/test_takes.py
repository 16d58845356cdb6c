"""Takes: keeping, comparing and choosing what runs gave."""

import numpy as np
import pytest

from app.document.changes import Change
from app.document.project import Document, RunInfo
from tests.document.building import connection_of, file_of, prediction, snapshot, still, video_ref, walk_back_and_forth
from tracker.labels.table import Source, State

N_FRAMES = 100


@pytest.fixture
def document():
    """Two tracks, tracked by one tracker, kept, and tracked by another on other frames."""
    document = Document.new(video_ref(N_FRAMES))
    document.add_tracks([[0, 1, 1], [0, 2, 2]])
    track(document, "one", prediction(5, [0, 1], 40))
    document.keep_take()
    track(document, "another", prediction(20, [0, 1], 50, seed=1))
    yield document
    document.close(discard=True)


def track(document, name, found):
    run = document.begin_run(RunInfo(name))
    document.apply_prediction(run, found)
    document.end_run(run, "done")


def cells(document, *ids):
    return document.table.read(ids or [0, 1], 0, N_FRAMES)


def test_a_take_is_a_copy(document):
    (take,) = document.takes
    assert (take.id, take.name, take.ids, take.start, take.end) == (0, "Track with one", (0, 1), 0, 45)
    assert not take.cells.xy.flags.writeable
    document.go_to(2)
    document.redo()
    assert document.takes[0].cells.equals(cells(document).select(slice(0, 45), slice(None)))
    assert document.keep_take([1], "mine") == 1
    assert (document.take(1).name, document.take(1).ids) == ("mine", (1,))
    assert document.history_steps()[2:] == ["Keep Track with one as a take", "Keep mine as a take"]
    with pytest.raises(KeyError):
        document.take(7)


def test_a_document_without_runs_names_takes_by_number():
    document = Document(10)
    assert document.take(document.keep_take()).name == "Take 1"
    assert document.take(0).end == 0


def test_choosing_a_take_and_going_back(document):
    document.go_to(2)
    first = cells(document)
    document.go_to(4)
    second = cells(document)
    document.use_take(0)
    assert cells(document).equals(first)
    assert document.takes[0].read([0, 1], 0, N_FRAMES).equals(second)
    assert document.takes[0].name == "Instead of Track with one"
    document.use_take(0)
    assert cells(document).equals(second)
    assert document.takes[0].read([0, 1], 0, N_FRAMES).equals(first)
    assert document.takes[0].name == "Track with one"
    document.use_take(0, swap=False)
    assert cells(document).equals(first)
    assert document.takes[0].read([0, 1], 0, N_FRAMES).equals(first)
    steps = document.history_steps()
    document.use_take(0)  # it is so already
    assert document.history_steps() == steps
    assert steps[-1] == "Use take Track with one"
    back, forth = walk_back_and_forth(document)
    assert back == forth


def test_what_a_person_vouches_for_stays(document):
    first = document.takes[0].read([0, 1], 0, N_FRAMES)
    document.place_anchor(0, 30, 50, 60)
    document.approve([0], 35, 40)
    document.set_state([0], 60, 62, State.OUT_OF_VIEW)
    document.set_locked([1])
    now = cells(document)
    document.use_take(0)
    kept = np.zeros((N_FRAMES, 2), dtype=bool)
    kept[[30, *range(35, 40), 60, 61], 0] = True
    kept[:, 1] = True
    for name, array in cells(document).arrays().items():
        assert array[kept].tobytes() == getattr(now, name)[kept].tobytes()
        assert array[~kept].tobytes() == getattr(first, name)[~kept].tobytes()
    assert document.takes[0].read([0], 0, N_FRAMES).equals(now.select(slice(None), [0]))
    assert document.takes[0].read([1], 0, N_FRAMES).equals(first.select(slice(None), [1]))


def test_tracks_that_are_gone_stay_in_the_take(document):
    second = document.takes[0].read([1], 0, N_FRAMES)
    document.delete_tracks([1])
    document.use_take(0)
    assert document.takes[0].ids == (0, 1)
    assert document.takes[0].read([1], 0, N_FRAMES).equals(second)
    document.delete_tracks([0])
    document.use_take(0)
    back, forth = walk_back_and_forth(document)
    assert back == forth


def test_differences_are_in_pixels():
    document = Document(N_FRAMES)
    document.add_tracks([[0, 10, 20], [0, 10, 20]])
    track(document, "one", still(1, [0, 1], (10, 20), n_frames=9))
    take = document.keep_take([0])
    track(document, "two", still(5, [0, 1], (13, 24), n_frames=10))
    apart = document.take_difference(take, [1, 0], 3, 12)
    assert apart.dtype == np.float32
    assert np.array_equal(apart[:, 1], [0, 0, 5, 5, 5, 5, 5, np.nan, np.nan], equal_nan=True)
    assert np.isnan(apart[:, 0]).all()


def test_takes_are_in_the_file(document, tmp_path):
    changes: list[Change] = []
    document.changed.subscribe(changes.append)
    document.keep_take([0], "gone")
    document.use_take(0)
    document.drop_take(1)
    assert [(c.kind, c.ids) for c in changes] == [
        ("takes", (1,)),
        ("cells", (0, 1)),
        ("takes", (0,)),
        ("takes", (1,)),
    ]
    state = snapshot(document)
    assert snapshot(Document.open(file_of(document), read_only=True)) == state
    assert connection_of(document).execute("SELECT id FROM take").fetchall() == [(0,)]
    document.save_as(tmp_path / "p.trackwright")
    document.close()
    document = Document.open(tmp_path / "p.trackwright")
    assert snapshot(document) == state
    back, forth = walk_back_and_forth(document)
    assert back == forth
    assert document.keep_take() == 2
    document.close()


# -- runs that are taken back


def test_a_cancelled_bridge_leaves_nothing(document):
    before, steps = snapshot(document), document.history_steps()
    run = document.begin_run(RunInfo("a", verb="Bridge"))
    for first in (10, 20, 80):
        document.apply_prediction(run, prediction(first, [0, 1], seed=3), Source.BRIDGE)
    assert len(document.history_steps()) == len(steps) + 1
    document.drop_run(run)
    assert snapshot(document) == before
    assert document.history_steps() == steps
    assert not document.can_redo
    assert document.runs[run].outcome == "cancelled"
    assert not document.apply_prediction(run, prediction(10, [0, 1]), Source.BRIDGE)
    document.drop_run(run)
    document.drop_run(99)
    assert snapshot(Document.open(file_of(document), read_only=True)) == before
    document.place_anchor(0, 5, 5, 5)
    back, forth = walk_back_and_forth(document)
    assert back == forth


def test_a_cancelled_bridge_that_waits_for_a_drag_never_comes(document):
    document.place_anchor(0, 50, 5, 5, gesture=1)
    run = document.begin_run(RunInfo("a"))
    document.apply_prediction(run, prediction(10, [0, 1], seed=3), Source.BRIDGE)
    document.drop_run(run)
    assert document.history_steps()[-1] == "Move Track 1"
    assert (document.table.source != Source.BRIDGE).all()


def test_a_persons_steps_meanwhile_stay(document):
    document.end_gesture()
    before = cells(document)
    run = document.begin_run(RunInfo("a", label="Bridge 2 tracks"))
    document.apply_prediction(run, prediction(10, [0, 1], seed=3), Source.BRIDGE)
    document.place_anchor(0, 15, 5, 5)
    document.approve([1], 20, 22)
    document.apply_prediction(run, prediction(18, [0, 1], seed=4), Source.BRIDGE)
    expected = cells(document)
    document.drop_run(run)
    kept = np.zeros((N_FRAMES, 2), dtype=bool)
    kept[15, 0] = kept[20:22, 1] = True
    for name, array in cells(document).arrays().items():
        assert array[kept].tobytes() == getattr(expected, name)[kept].tobytes()
        assert array[~kept].tobytes() == getattr(before, name)[~kept].tobytes()
    assert document.history_steps()[-1] == "Take back: Bridge 2 tracks"
    back, forth = walk_back_and_forth(document)
    assert back == forth


def test_a_cancelled_drag_leaves_nothing(document):
    before, steps = snapshot(document), document.history_steps()
    for x in range(3):
        document.place_anchor(0, 30, x, 5, gesture=1)
    document.cancel_gesture()
    document.cancel_gesture()
    assert snapshot(document) == before
    assert document.history_steps() == steps
    assert document.corrections() == []
    assert snapshot(Document.open(file_of(document), read_only=True)) == before
